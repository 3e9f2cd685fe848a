//! Tokens: handles on identities.

use ruma::{OwnedUserId, UserId};

use super::{Caller, Error, Inner, credentials::retire, secret};
use crate::{
    model::{Identity, IdentityId, IdentityKind, Lane, Timestamp, Token, TokenId, Work},
    store::{self, Tx},
};

/// Most members one request may name.
const MOST_MEMBERS: usize = 20;

/// How often two first tokens at the same moment are taken apart.
const ATTEMPTS: usize = 3;

/// A token that is asked for, in the words of the request.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct NewTokenRequest {
    /// Whether it opens the host identity instead of a new one.
    pub(crate) use_host: bool,
    /// When it ends, RFC 3339.
    pub(crate) expires_at: Option<String>,
    /// Matrix users who are invited to the identity's rooms and may write through its devices.
    pub(crate) members: Vec<String>,
}

/// A token that was made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct NewToken {
    /// The only time it is shown.
    pub(crate) secret: String,
    /// Row number.
    pub(crate) id: TokenId,
    /// When it ends.
    pub(crate) expires_at: Option<Timestamp>,
    /// The Matrix user it acts as.
    pub(crate) user: OwnedUserId,
}

pub(super) async fn create(inner: &Inner, caller: &Caller, request: NewTokenRequest) -> Result<NewToken, Error> {
    if request.use_host && !caller.is_super_admin() {
        return Err(Error::HostForbidden);
    }
    let expires_at = read_expiry(request.expires_at.as_deref(), inner.now())?;
    let members = read_members(&request.members)?;
    let mut attempt = 1;
    loop {
        // Two first tokens in two transactions: the constraints let one through, the other sees it on its second try.
        match insert(inner, caller, request.use_host, expires_at, &members).await {
            Err(Error::Internal(store::Error::Taken(_))) if attempt < ATTEMPTS => attempt += 1,
            done => return done,
        }
    }
}

async fn insert(
    inner: &Inner,
    caller: &Caller,
    use_host: bool,
    expires_at: Option<Timestamp>,
    members: &[OwnedUserId],
) -> Result<NewToken, Error> {
    let random = secret::new_token();
    let mut tx = inner.store.begin().await?;
    let host = tx.host_identity().await?;
    let identity = match (use_host, host) {
        (true, None) => return Err(Error::NoHost),
        (true, Some(host)) => host,
        (false, host) => {
            let new = new_identity(inner, host.is_none());
            tx.insert_identity(&new).await?;
            new
        }
    };
    for member in members {
        admit(inner, &mut tx, identity.id, member).await?;
    }
    if identity.is_host {
        admit_members_of_host(inner, &mut tx, identity.id).await?;
    }
    let row = store::NewToken {
        identity: identity.id,
        credential: Some(caller.credential),
        token_hash: inner.secrets.hash(&random),
        is_admin: identity.is_host && tx.count_tokens().await? == 0,
        expires_at,
    };
    let token = tx.insert_token(&row).await?;
    tx.commit().await?;
    let secret = format!("{}{random}", inner.config.token_prefix);
    Ok(NewToken {
        secret,
        id: token.id,
        expires_at,
        user: identity.user,
    })
}

/// Makes somebody a member, and promises that the bridge brings them into the rooms there are.
async fn admit(inner: &Inner, tx: &mut Tx, identity: IdentityId, user: &UserId) -> Result<(), Error> {
    if tx.add_member(identity, user).await? {
        let work = Work::Admit {
            identity,
            user: user.to_owned(),
        };
        tx.push_job(&Lane::identity(identity), &work, inner.now()).await?;
    }
    Ok(())
}

/// Makes members of the host identity of those whom the settings name. Whoever is named no more stays.
async fn admit_members_of_host(inner: &Inner, tx: &mut Tx, host: IdentityId) -> Result<(), Error> {
    for user in inner.config.members_of_host() {
        admit(inner, tx, host, &user).await?;
    }
    Ok(())
}

/// What the settings say of the host identity, if there is one yet.
pub(super) async fn bootstrap(inner: &Inner) -> Result<(), Error> {
    let mut tx = inner.store.begin().await?;
    if let Some(host) = tx.host_identity().await? {
        admit_members_of_host(inner, &mut tx, host.id).await?;
    }
    Ok(tx.commit().await?)
}

/// The Matrix user is registered at first use, so that making a token needs nobody but the database.
fn new_identity(inner: &Inner, is_host: bool) -> Identity {
    Identity {
        id: IdentityId::generate(),
        user: (inner.names)(&secret::new_name()),
        kind: IdentityKind::Registered,
        matrix_device: secret::new_name(),
        is_host,
    }
}

fn read_expiry(text: Option<&str>, now: Timestamp) -> Result<Option<Timestamp>, Error> {
    let Some(text) = text else { return Ok(None) };
    let expires_at = Timestamp::parse_rfc3339(text).ok_or(Error::InvalidExpiry)?;
    if expires_at > now {
        Ok(Some(expires_at))
    } else {
        Err(Error::ExpiryInPast)
    }
}

fn read_members(texts: &[String]) -> Result<Vec<OwnedUserId>, Error> {
    if let Some(beyond) = texts.get(MOST_MEMBERS) {
        return Err(Error::InvalidMember(beyond.clone()));
    }
    texts
        .iter()
        .map(|text| UserId::parse(text).map_err(|_| Error::InvalidMember(text.clone())))
        .collect()
}

pub(super) async fn list(inner: &Inner, caller: &Caller) -> Result<Vec<Token>, Error> {
    visible(&mut inner.store.read().await?, caller).await
}

async fn visible(tx: &mut Tx, caller: &Caller) -> Result<Vec<Token>, Error> {
    Ok(tx
        .list_tokens_visible_to(caller.credential, caller.is_super_admin())
        .await?)
}

pub(super) async fn remove(inner: &Inner, caller: &Caller, id: i64) -> Result<(), Error> {
    let mut tx = inner.store.begin().await?;
    if !visible(&mut tx, caller)
        .await?
        .iter()
        .any(|token| token.id == TokenId(id))
    {
        return Err(Error::NotFound("Token"));
    }
    end(inner, &mut tx, TokenId(id)).await?;
    Ok(tx.commit().await?)
}

pub(super) async fn purge_expired(inner: &Inner) -> Result<usize, Error> {
    let mut tx = inner.store.begin().await?;
    let expired = tx.list_expired_tokens(inner.now()).await?;
    for token in &expired {
        end(inner, &mut tx, token.id).await?;
    }
    tx.remove_expired_sessions(inner.now()).await?;
    tx.commit().await?;
    Ok(expired.len())
}

/// Removes a token; an identity left without any is retired.
async fn end(inner: &Inner, tx: &mut Tx, id: TokenId) -> Result<(), Error> {
    let Some(identity) = tx.remove_token(id).await? else {
        return Ok(());
    };
    if tx.count_tokens_of(identity).await? == 0 {
        retire(inner, tx, identity).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// T07: what an `expires_at` may be.
    #[test]
    fn an_end_is_any_rfc_3339_time_in_the_future() {
        let now = Timestamp::parse_rfc3339("2026-04-27T10:00:00Z").unwrap();
        for good in [
            "2026-04-27T10:00:01Z",
            "2026-04-27T10:00:00.001Z",
            "2026-04-27T13:00:00.5+02:00",
            "2126-12-31T23:59:59Z",
        ] {
            assert!(read_expiry(Some(good), now).unwrap().is_some(), "{good}");
        }
        for past in [
            "2026-04-27T10:00:00Z",
            "2026-04-27T11:59:59+02:00",
            "1970-01-01T00:00:00Z",
        ] {
            assert!(
                matches!(read_expiry(Some(past), now), Err(Error::ExpiryInPast)),
                "{past}"
            );
        }
        for bad in [
            "",
            "tomorrow",
            "2026-12-31",
            "2026-12-31T23:59:59",
            "1798761599",
            "2026-13-01T00:00:00Z",
        ] {
            assert!(
                matches!(read_expiry(Some(bad), now), Err(Error::InvalidExpiry)),
                "{bad}"
            );
        }
        assert_eq!(read_expiry(None, now).unwrap(), None);
    }

    #[test]
    fn members_are_whole_matrix_ids_and_not_too_many() {
        let read = |texts: &[&str]| read_members(&texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>());
        assert_eq!(read(&["@alice:hs.test", "@bob:hs.test"]).unwrap().len(), 2);
        for bad in ["alice", "@alice", "#room:hs.test", "", "@:"] {
            assert_eq!(
                read(&[bad]).unwrap_err().to_string(),
                format!("Invalid member: '{bad}'")
            );
        }
        assert!(read(&["@alice:hs.test"; 20]).is_ok());
        assert!(read(&["@alice:hs.test"; 21]).is_err());
    }
}
