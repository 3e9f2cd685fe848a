//! Commands about members: real Matrix users who are in the rooms of somebody's devices and write through them.

use ruma::{OwnedUserId, UserId};

use super::{
    super::{error::Failure, members},
    Asked, Line, Read,
};
use crate::model::{Identity, IdentityKind};

/// How to use them.
pub(super) const HELP: &[&str] = &[
    "members – who else is in the rooms of your devices",
    "set-member <@user:server> – invite somebody into all rooms of your devices; they write through them",
    "remove-member <@user:server> – take somebody out of them again",
];

/// A command of this family.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Command {
    List,
    Set(OwnedUserId),
    Remove(OwnedUserId),
}

/// Reads one.
pub(super) fn read(line: &Line<'_>) -> Read<Command> {
    let user = |what: &str| {
        match line.rest.as_slice() {
            [user] => UserId::parse(user.trim_start_matches("https://matrix.to/#/")).map_err(|_| ()),
            _ => Err(()),
        }
        .map_err(|()| format!("Who? Write for example `{what} @alice:example.org`."))
    };
    Some(match line.word.as_str() {
        "members" => Ok(Command::List),
        "set-member" => user("set-member").map(Command::Set),
        "remove-member" => user("remove-member").map(Command::Remove),
        _ => return None,
    })
}

/// Does one. Only owners may: members have no identity of their own here.
pub(super) async fn take(asked: &Asked<'_>, command: Command) -> Result<(), Failure> {
    let Some(identity) = asked
        .own()
        .await?
        .filter(|identity| identity.kind == IdentityKind::Real)
    else {
        return asked
            .answer("You have no devices of your own that you could share. Write `login qr` to link one.")
            .await;
    };
    match command {
        Command::List => list(asked, &identity).await,
        Command::Set(user) => set(asked, &identity, &user).await,
        Command::Remove(user) => remove(asked, &identity, &user).await,
    }
}

async fn list(asked: &Asked<'_>, identity: &Identity) -> Result<(), Failure> {
    let members = asked.desk.bridge.store.read().await?.list_members(identity.id).await?;
    if members.is_empty() {
        return asked.answer("Nobody but you is in the rooms of your devices.").await;
    }
    let names: Vec<_> = members.iter().map(ToString::to_string).collect();
    asked.answer(&format!("Members:\n{}", names.join("\n"))).await
}

async fn set(asked: &Asked<'_>, identity: &Identity, user: &UserId) -> Result<(), Failure> {
    if *user == identity.user || asked.desk.bridge.homeserver.names().is_ours(user) {
        return asked.answer("That is nobody who could be a member.").await;
    }
    let mut tx = asked.desk.bridge.store.begin().await?;
    if !members::add(&mut tx, identity.id, user).await? {
        drop(tx);
        return asked.answer(&format!("{user} is a member already.")).await;
    }
    let text = format!("{user} is a member now. I invite them into the rooms of your devices.");
    asked.finish(tx, &text).await
}

async fn remove(asked: &Asked<'_>, identity: &Identity, user: &UserId) -> Result<(), Failure> {
    let mut tx = asked.desk.bridge.store.begin().await?;
    if !members::remove(&mut tx, identity.id, user).await? {
        drop(tx);
        return asked
            .answer(&format!("{user} is no member. `members` lists them."))
            .await;
    }
    let text = format!("{user} is no member any more. I take them out of the rooms.");
    asked.finish(tx, &text).await
}
