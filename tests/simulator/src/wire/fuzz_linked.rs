//! Nothing a linked device sends may end more than its own connection: arbitrary stanzas, and what is nearly right, in a
//! world in which such a device has a connection, a backlog, a session, a group and a channel.

use std::sync::Arc;

use anyhow::Context as _;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;
use whatsapp_rust::prelude::MessageBuilderExt as _;
use whatsapp_rust::wacore::iq::mex_operations::{
    accept_newsletter_admin_invite, change_newsletter_owner, create_newsletter, create_newsletter_admin_invite,
    delete_newsletter, demote_newsletter_admin, fetch_newsletter, fetch_newsletter_followers,
    fetch_newsletter_message_reaction_sender_list, join_newsletter, leave_newsletter, update_newsletter,
    update_newsletter_user_setting,
};
use whatsapp_rust::wacore_binary::{Node, NodeContent};
use whatsapp_rust::waproto::whatsapp as wa;

use super::fuzz::{attributes, inner, stanza, with};
use crate::contact::place;
use crate::group;
use crate::server::clock::Clock;
use crate::server::companion::{Companion, Device, Keys};
use crate::server::newsletters::{self, posts};
use crate::server::outlet::{Inlet, pipe};
use crate::server::queue::Socket;
use crate::server::receive;
use crate::server::stanza::{attr, bytes, node};
use crate::server::state::{Link, Role, Shared, State};
use crate::signal::Peer;

const OWNER: &str = "15550001111";
const ANA: &str = "15550002222";
const BEN: &str = "15550003333";
const LINK: u64 = 1_000_000;
/// Stands for a ciphertext Ana can read, and for the same one damaged.
const WHOLE: &[u8] = b"@whole";
const DAMAGED: &[u8] = b"@damaged";
/// A byte of a ciphertext that is damaged.
const DAMAGED_FROM_END: usize = 12;

struct World {
    shared: Arc<Shared>,
    /// Kept, so that the connection stays open.
    _inlet: Inlet,
    /// What words stand for.
    real: Vec<(&'static str, String)>,
    ciphertext: Vec<u8>,
}

impl World {
    /// The owner and Ben have a device each; the owner's is connected, and hears everything at once when it is live.
    fn new(is_live: bool) -> anyhow::Result<Self> {
        let shared = Shared::new(Some(1), Clock::at(1_800_000_000));
        let (mut own, other) = (Peer::new(7)?, Peer::new(8)?);
        shared.act(|state| {
            for (number, name) in [(OWNER, "Owner"), (ANA, "Ana"), (BEN, "Ben")] {
                state.ensure_person(number, name)?;
            }
            for (number, peer) in [(OWNER, &own), (BEN, &other)] {
                let keys = Keys::of_registration(&peer.registration_data()).context("keys")?;
                let companion = Companion::new(1, [7; 32], keys, Vec::new());
                state.person_mut(number)?.companions.insert(1, companion);
            }
            anyhow::Ok(())
        })?;
        let people = [ANA, OWNER, BEN].map(ToOwned::to_owned);
        let crew = group::create(&shared, "Crew", &people, |_| {})?.jid();
        let (message, channel) = shared.act(|state| {
            let message = place::say(state, ANA, OWNER, None, wa::Message::text("hello"))?;
            place::say(state, BEN, &crew, None, wa::Message::text("hello crew"))?;
            let channel = newsletters::create(state, "News", "", Some(OWNER));
            posts::post(state, &channel, "3EB0NEWS", wa::Message::text("today"), None).context("a post")?;
            anyhow::Ok((message, channel))
        })?;
        let ciphertext = shared.act(|state| answer_to(state, &mut own, &message))?;
        let (out, inlet) = pipe();
        shared.act(|state| {
            let device = device();
            let socket = Socket::new(LINK, out.clone());
            state.companion_mut(&device).context("the device")?.socket = Some(socket);
            let role = Role::Device(device);
            state.links.insert(LINK, Link { out, role });
            anyhow::Ok(())
        })?;
        let real = vec![
            ("@group", crew),
            ("@channel", format!("{channel}@newsletter")),
            ("@message", message),
        ];
        let world = Self {
            shared,
            _inlet: inlet,
            real,
            ciphertext,
        };
        if is_live {
            let active = node("active").build();
            world.hears(
                &node("iq")
                    .attr("id", "1")
                    .attr("type", "set")
                    .attr("xmlns", "passive")
                    .children([active])
                    .build(),
            );
            let batch = node("offline_batch").attr("count", "1000").build();
            world.hears(&node("ib").children([batch]).build());
        }
        Ok(world)
    }

    /// The device says something.
    fn hears(&self, stanza: &Node) {
        let mut stanza = stanza.clone();
        self.fill(&mut stanza);
        self.shared.act(|state| receive(&self.shared, state, LINK, &stanza));
    }

    /// Puts what is there in the place of the words that stand for it.
    fn fill(&self, node: &mut Node) {
        for (_, value) in &mut node.attrs.0 {
            let word = value.as_str().into_owned();
            if let Some((_, real)) = self.real.iter().find(|(mark, _)| *mark == word) {
                *value = real.into();
            }
        }
        match &mut node.content {
            Some(NodeContent::Nodes(children)) => {
                for child in children {
                    self.fill(child);
                }
            }
            Some(NodeContent::Bytes(bytes)) => self.fill_bytes(bytes),
            Some(NodeContent::String(_)) | None => {}
        }
    }

    fn fill_bytes(&self, bytes: &mut Vec<u8>) {
        if bytes == WHOLE || bytes == DAMAGED {
            let is_damaged = bytes == DAMAGED;
            bytes.clone_from(&self.ciphertext);
            if let Some(byte) = bytes.iter_mut().nth_back(DAMAGED_FROM_END).filter(|_| is_damaged) {
                *byte ^= 1;
            }
        } else if bytes.starts_with(b"{") {
            let text = String::from_utf8_lossy(bytes).into_owned();
            let filled = self
                .real
                .iter()
                .fold(text, |text, (mark, real)| text.replace(mark, real));
            *bytes = filled.into_bytes();
        }
    }
}

fn device() -> Device {
    Device {
        number: OWNER.into(),
        id: 1,
    }
}

/// The device reads what Ana wrote, and seals an answer in the same session.
fn answer_to(state: &State, own: &mut Peer, message: &str) -> anyhow::Result<Vec<u8>> {
    let companion = state.person(OWNER)?.companions.get(&1).context("the device")?;
    let mut owed = companion.queue.owed();
    let asked = owed
        .find(|stanza| attr(stanza, "id") == message)
        .context("what Ana wrote")?;
    let enc = asked.get_optional_child("enc").context("a ciphertext")?;
    let ana = Device {
        number: ANA.into(),
        id: 0,
    };
    own.decrypt(&ana.address(), &attr(enc, "type"), bytes(enc))?;
    Ok(own.encrypt(&ana.address(), &wa::Message::text("hello Ana"))?.1)
}

fn place() -> impl Strategy<Value = &'static str> {
    prop::sample::select(
        &[
            "15550001111@s.whatsapp.net",
            "15550002222@s.whatsapp.net",
            "15550003333@s.whatsapp.net",
            "15550003333:1@s.whatsapp.net",
            "15559999999@s.whatsapp.net",
            "100000000000002@lid",
            "@group",
            "@channel",
            "status@broadcast",
            "g.us",
            "",
        ][..],
    )
}

fn id() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&["@message", "3EB0NEWS", "3EB0NEW", "x", ""][..])
}

fn number() -> impl Strategy<Value = &'static str> {
    prop::sample::select(
        &[
            "0",
            "1",
            "2",
            "9",
            "99",
            "100",
            "101",
            "-1",
            "18446744073709551615",
            "x",
            "",
        ][..],
    )
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![Just(WHOLE.to_vec()), Just(DAMAGED.to_vec()), vec(any::<u8>(), 0..120)]
}

fn enc() -> impl Strategy<Value = Node> {
    let kind = prop::sample::select(&["msg", "pkmsg", "skmsg", "frskmsg", ""][..]);
    (kind, body()).prop_map(|(kind, body)| node("enc").attr("v", "2").attr("type", kind).bytes(body).build())
}

/// A message to somebody, to a group, to a channel, for the readers of a status.
fn message() -> impl Strategy<Value = Node> {
    let edit = prop::sample::select(&["", "1", "3", "7", "8"][..]);
    let mode = prop::sample::select(&["", "pn", "lid"][..]);
    let listed = (place(), enc()).prop_map(|(jid, enc)| node("to").attr("jid", jid).children([enc]).build());
    let besides = prop_oneof![
        body().prop_map(|body| node("plaintext").bytes(body).build()),
        Just(node("plaintext").bytes(b"\n\x05hello".to_vec()).build()),
        Just(node("reaction").attr("code", "👍").build()),
        inner(),
    ];
    let head = (place(), id(), edit, mode, number(), place());
    (head, vec(listed, 0..4), vec(enc(), 0..2), vec(besides, 0..2)).prop_map(
        |((to, id, edit, mode, server_id, participant), listed, encs, besides)| {
            let list = node("participants").children(listed).build();
            let children = std::iter::once(list).chain(encs).chain(besides);
            node("message")
                .attr("to", to)
                .attr("id", id)
                .attr("type", "text")
                .attr("edit", edit)
                .attr("addressing_mode", mode)
                .attr("server_id", server_id)
                .attr("participant", participant)
                .children(children)
                .build()
        },
    )
}

fn receipt() -> impl Strategy<Value = Node> {
    let kinds = [
        "",
        "read",
        "read-self",
        "played",
        "retry",
        "server-error",
        "hist_sync",
        "inactive",
        "sender",
        "peer_msg",
    ];
    let kind = prop::sample::select(kinds.to_vec());
    let retry = number().prop_map(|count| node("retry").attr("count", count).attr("v", "1").build());
    let part = prop_oneof![2 => retry, 1 => inner()];
    (kind, place(), id(), place(), vec(part, 0..4)).prop_map(|(kind, to, id, participant, parts)| {
        node("receipt")
            .attr("type", kind)
            .attr("to", to)
            .attr("id", id)
            .attr("participant", participant)
            .children(parts)
            .build()
    })
}

/// Something asked of a group, or of the server about groups.
fn group_request() -> impl Strategy<Value = Node> {
    let verbs = [
        "query",
        "participating",
        "create",
        "invite",
        "leave",
        "add",
        "remove",
        "promote",
        "demote",
        "accept",
        "revoke",
        "subject",
        "description",
        "announcement",
        "not_announcement",
        "locked",
        "unlocked",
        "ephemeral",
        "membership_approval_mode",
        "membership_approval_requests",
        "membership_requests_action",
        "cancel_membership_requests",
        "member_add_mode",
        "links",
        "unlink",
        "sub_groups",
        "query_linked",
        "linked_groups_participants",
        "join_linked_group",
        "delete_parent",
        "pictures",
    ];
    let person = place().prop_map(|jid| node("participant").attr("jid", jid).build());
    let part = prop_oneof![2 => person, 1 => inner()];
    let to = prop::sample::select(&["@group", "@group", "g.us"][..]);
    let kind = prop::sample::select(&["get", "set", "set"][..]);
    let verb = prop::sample::select(verbs.to_vec());
    (kind, to, verb, attributes(), vec(part, 0..4)).prop_map(|(kind, to, verb, attributes, parts)| {
        let asked = with(verb, attributes).children(parts).build();
        request("w:g2", kind, to, asked)
    })
}

/// Something asked of a channel.
fn channel_request() -> impl Strategy<Value = Node> {
    let verb = prop::sample::select(&["messages", "message_updates", "live_updates", "x"][..]);
    let kind = prop::sample::select(&["get", "set"][..]);
    let page = (number(), number(), number(), number());
    (kind, place(), verb, page).prop_map(|(kind, to, verb, (count, before, after, since))| {
        let asked = node(verb).attr("count", count).attr("since", since);
        let asked = if before.is_empty() {
            asked
        } else {
            asked.attr("before", before)
        };
        let asked = if after.is_empty() {
            asked
        } else {
            asked.attr("after", after)
        };
        request("newsletter", kind, to, asked.build())
    })
}

/// A question in GraphQL.
fn question() -> impl Strategy<Value = Node> {
    let operations = [
        accept_newsletter_admin_invite::DOC_ID,
        change_newsletter_owner::DOC_ID,
        create_newsletter::DOC_ID,
        create_newsletter_admin_invite::DOC_ID,
        delete_newsletter::DOC_ID,
        demote_newsletter_admin::DOC_ID,
        fetch_newsletter::DOC_ID,
        fetch_newsletter_followers::DOC_ID,
        fetch_newsletter_message_reaction_sender_list::DOC_ID,
        join_newsletter::DOC_ID,
        leave_newsletter::DOC_ID,
        update_newsletter::DOC_ID,
        update_newsletter_user_setting::DOC_ID,
    ];
    let operation = prop::sample::select(operations.to_vec());
    (operation, place(), place(), number(), ".{0,8}").prop_map(|(operation, channel, person, number, text)| {
        let body = json!({
            "variables": {
                "newsletter_id": channel,
                "user_id": person,
                "updates": { "name": text, "description": text, "picture": text },
                "input": {
                    "key": channel,
                    "id": channel,
                    "newsletter_id": channel,
                    "name": text,
                    "picture": text,
                    "server_id": number,
                    "type": text,
                    "value": number,
                },
            },
        });
        let query = node("query")
            .attr("query_id", operation)
            .bytes(body.to_string().into_bytes());
        request("w:mex", "get", "s.whatsapp.net", query.build())
    })
}

fn request(space: &'static str, kind: &'static str, to: &'static str, asked: Node) -> Node {
    let iq = node("iq")
        .attr("id", "1")
        .attr("xmlns", space)
        .attr("type", kind)
        .attr("to", to);
    iq.children([asked]).build()
}

/// Whatever a device may say.
fn said() -> impl Strategy<Value = Node> {
    let batch = number().prop_map(|count| node("offline_batch").attr("count", count).build());
    prop_oneof![
        4 => stanza(),
        3 => message(),
        2 => receipt(),
        2 => group_request(),
        1 => channel_request(),
        1 => question(),
        1 => batch.prop_map(|batch| node("ib").children([batch]).build()),
    ]
}

proptest! {
    #[test]
    fn arbitrary_stanzas_of_a_linked_device_make_no_server_panic(is_live in any::<bool>(), stanzas in vec(said(), 1..16)) {
        let world = World::new(is_live).unwrap();
        for stanza in &stanzas {
            world.hears(stanza);
        }
    }
}

#[test]
fn in_the_world_of_arbitrary_stanzas_what_is_right_has_its_effect() {
    let world = World::new(true).unwrap();
    let enc = || node("enc").attr("v", "2").attr("type", "msg").bytes(WHOLE).build();
    let to = |to: &'static str| node("message").attr("to", to).attr("type", "text");
    let hello = to("15550002222@s.whatsapp.net")
        .attr("id", "3EB0HELLO")
        .children([enc()]);
    world.hears(&hello.build());
    let plain = node("plaintext").bytes(b"\n\x05hello".to_vec()).build();
    world.hears(&to("@channel").attr("id", "3EB0POST").children([plain]).build());
    let subject = node("subject").bytes(b"Harbour".to_vec()).build();
    world.hears(&request("w:g2", "set", "@group", subject));
    world.shared.look(|state| {
        let ana = state.person(ANA).unwrap();
        let read = ana.inbox.find(OWNER, "3EB0HELLO").unwrap();
        assert_eq!(read.text.as_deref(), Some("hello Ana"));
        assert_eq!(state.newsletters.named("News").unwrap().posts.len(), 2);
        assert!(state.groups.of(OWNER).any(|group| group.subject.text == "Harbour"));
        let companion = state.person(OWNER).unwrap().companions.get(&1).unwrap();
        assert!(companion.socket.as_ref().is_some_and(Socket::is_live));
    });
}
