//! Receipts: delivered, read, retry, both ways, and the acknowledgements that empty the queues.
//!
//! Called by the router for companions, by [`super::messages`] for what primary devices answer by
//! themselves and by `Contact`/`Phone` for reading. A retry is answered with a fresh session, as real
//! clients do.

use whatsapp_rust::wacore_binary::builder::NodeBuilder;
use whatsapp_rust::wacore_binary::{Jid, Node};

use super::calls;
use super::companion::Device;
use super::history;
use super::media_retry;
use super::messages::{self, Arrival, Letter};
use super::migration;
use super::privacy;
use super::stanza::{self, node};
use super::state::State;
use super::{clock, groups, keys};
use crate::contact::Seen;
use crate::signal;

/// Real clients give up after so many tries.
pub(crate) const MOST_RETRIES: u32 = 5;
/// From this retry on the receipt carries keys.
const KEYS_FROM_RETRY: u32 = 2;

/// The receipts that say a message is there: from a device in use, from one in the background, for the copy of what another
/// own device wrote, for words between own devices, for a part of the history.
const THERE: [&str; 5] = ["", "inactive", "sender", "peer_msg", "hist_sync"];

/// A companion sent `<receipt>`.
pub(crate) fn receive(state: &mut State, from: &Device, receipt: &Node) {
    let id = stanza::attr(receipt, "id");
    let kind = stanza::attr(receipt, "type");
    let to = stanza::address(receipt, "to");
    let mut ids = vec![id.clone()];
    if let Some(list) = receipt.get_optional_child("list") {
        ids.extend(list.get_children_by_tag("item").map(|item| stanza::attr(item, "id")));
    }
    if let Some(companion) = state.companion_mut(from) {
        let ack = stanza::ack("receipt", &id, to.clone());
        let ack = if kind.is_empty() { ack } else { ack.attr("type", &kind) };
        companion.send_now(ack.build());
        if let Some(kind) = THERE.into_iter().find(|one| *one == kind) {
            for id in &ids {
                companion.queue.acknowledge("message", id);
            }
            *companion.confirmed.entry(kind).or_default() += ids.len();
        }
    }
    if calls::confirmed(state, from, receipt) {
        return;
    }
    if let Some(chat) = to.as_ref().filter(|to| groups::Chat::is_at(to)) {
        return groups::receive_receipt(state, from, receipt, chat, &ids);
    }
    let Some(whom) = to.as_ref().and_then(|jid| state.resolve(jid)) else {
        return;
    };
    if matches!(kind.as_str(), "read" | "read-self" | "played" | "played-self") {
        tell_own_devices(state, from, &whom, &kind, &ids);
    }
    match kind.as_str() {
        "retry" => return retry(state, from, &whom, receipt),
        "server-error" => return media_retry::receive(state, from, receipt),
        "hist_sync" => return history::confirmed(state, from, &ids),
        _ => {}
    }
    let kind = match kind.as_str() {
        "" | "inactive" => "delivery",
        "read" | "played" => kind.as_str(),
        _ => return,
    };
    if whom.number != from.number {
        noticed(state, &whom.number, &from.number, kind, ids.clone());
        if kind == "delivery" {
            state.arrivals.note(from, &ids);
        }
        // The reader writes from the kind of address it writes to.
        if let Some(chat) = &to {
            let reader = migration::like(state, from, chat).to_non_ad();
            let stanza = receipt_stanza(reader, kind, &ids);
            state.push_to_companions(&whom.number, None, &stanza);
        }
    }
}

/// What one companion read counts as read on the account's other companions too.
fn tell_own_devices(state: &mut State, from: &Device, whom: &Device, kind: &str, ids: &[String]) {
    let Ok(chat) = state.person(&whom.number).map(super::person::Person::face) else {
        return;
    };
    let mut own = receipt_stanza(Jid::pn(from.number.as_str()), kind, ids);
    own.attrs.push("recipient", chat);
    state.push_to_companions(&from.number, Some(from.id), &own);
}

/// A companion acknowledged a stanza of the server.
pub(crate) fn acknowledged(state: &mut State, from: &Device, ack: &Node) {
    if let Some(companion) = state.companion_mut(from) {
        companion
            .queue
            .acknowledge(&stanza::attr(ack, "class"), &stanza::attr(ack, "id"));
    }
}

/// A person read messages of an account; real clients tell all its devices and their own companions.
pub(crate) fn read(state: &mut State, reader: &str, author: &str, ids: &[String]) {
    let tells = privacy::tells_what_was_read(state, reader);
    seen(state, (reader, author), "read", ids, tells);
}

/// A person played messages of an account; that is told whatever the person keeps private.
pub(crate) fn played(state: &mut State, listener: &str, author: &str, ids: &[String]) {
    seen(state, (listener, author), "played", ids, true);
}

fn seen(state: &mut State, (reader, author): (&str, &str), kind: &str, ids: &[String], tells: bool) {
    if ids.is_empty() {
        return;
    }
    let (Ok(face), Ok(author_face)) = (
        migration::face(state, reader, author),
        migration::face(state, author, reader),
    ) else {
        return;
    };
    if tells {
        state.push_to_companions(author, None, &receipt_stanza(face, kind, ids));
        noticed(state, author, reader, kind, ids.to_vec());
    }
    let mut own = receipt_stanza(Jid::pn(reader), kind, ids);
    own.attrs.push("recipient", author_face);
    state.push_to_companions(reader, None, &own);
}

/// A primary device decrypted a companion's message and says so to all devices of the account.
pub(crate) fn delivered(state: &mut State, to: &Device, by: &str, asked_as: &Jid, id: &str) {
    let ids = [id.to_owned()];
    let stanza = receipt_stanza(asked_as.to_non_ad(), "delivery", &ids);
    state.push_to_companions(&to.number, None, &stanza);
    noticed(state, &to.number, by, "delivery", ids.to_vec());
    let by = Device {
        number: by.to_owned(),
        id: 0,
    };
    state.arrivals.note(&by, &ids);
}

/// A primary device could not decrypt a companion's message and asks for it again.
pub(crate) fn ask_again(state: &mut State, to: &Device, by: &str, asked_as: &Jid, id: &str, chat: Option<Jid>) {
    let Some(receipt) = retry_request(state, to, by, id) else {
        return;
    };
    let receipt = receipt.attr("from", asked_as.to_non_ad());
    // A device of the own account names the chat, otherwise the message cannot be found.
    let receipt = match chat {
        Some(chat) if by == to.number => receipt.attr("recipient", chat.to_non_ad()),
        _ => receipt,
    };
    if let Some(companion) = state.companion_mut(to) {
        companion.push(receipt.build());
    }
}

/// The request for a message again, without the sender; `None` after too many.
pub(crate) fn retry_request(state: &mut State, to: &Device, by: &str, id: &str) -> Option<NodeBuilder> {
    let person = state.person_mut(by).ok()?;
    let tries = person.conduct.retries.add(to, id);
    if tries > MOST_RETRIES {
        return None;
    }
    let mut children = vec![
        node("retry")
            .attr("v", "1")
            .attr("id", id)
            .attr("t", clock::seconds())
            .attr("count", tries)
            .build(),
        node("registration")
            .bytes(person.peer.registration().to_be_bytes().to_vec())
            .build(),
    ];
    if tries >= KEYS_FROM_RETRY {
        children.push(person.peer.retry_keys());
    }
    Some(
        node("receipt")
            .attr("id", id)
            .attr("type", "retry")
            .attr("t", clock::seconds())
            .children(children),
    )
}

/// Writes down that `by` received or read messages of `author`.
pub(crate) fn noticed(state: &mut State, author: &str, by: &str, kind: &str, ids: Vec<String>) {
    if let Ok(person) = state.person_mut(author) {
        person.conduct.seen.push(Seen {
            by: by.to_owned(),
            kind: kind.to_owned(),
            ids,
        });
    }
}

/// A companion could not decrypt something.
fn retry(state: &mut State, from: &Device, to: &Device, receipt: &Node) {
    if to.id != 0 {
        let mut passed_on = receipt.clone();
        passed_on.attrs.0.retain(|(key, _)| key != "to");
        let asked = stanza::address(receipt, "to").unwrap_or_else(|| to.jid());
        passed_on.attrs.push("from", migration::like(state, from, &asked));
        if let Some(companion) = state.companion_mut(to) {
            companion.push(passed_on);
        }
        return;
    }
    let id = stanza::attr(receipt, "id");
    let count = receipt
        .get_optional_child("retry")
        .and_then(|retry| stanza::attr(retry, "count").parse::<u32>().ok())
        .unwrap_or(1);
    noticed(state, &to.number, &from.number, "retry", vec![id.clone()]);
    let Ok(person) = state.person(&to.number) else {
        return;
    };
    let Some(sent) = person.sent.get(&id).cloned() else {
        return;
    };
    if count > MOST_RETRIES || person.conduct.ignores_retries {
        return;
    }
    if let Err(error) = renew_session(state, &to.number, from, receipt) {
        tracing::warn!("a retry could not begin a new session: {error:#}");
        return;
    }
    let letter = Letter {
        from: to.number.clone(),
        id,
        sent,
        retry: count,
        arrives: Arrival::Whole,
    };
    messages::deliver(state, &letter, from);
}

/// A person begins a new session with the device that could not decrypt, with its keys if it sent some.
pub(crate) fn renew_session(state: &mut State, by: &str, with: &Device, receipt: &Node) -> anyhow::Result<()> {
    let bundle = signal::keys_of_receipt(with.id, receipt).map_or_else(|| keys::take_bundle(state, with), Ok)?;
    state.person_mut(by)?.peer.begin(&with.address(), &bundle)
}

/// A receipt for messages of one author.
pub(crate) fn receipt_stanza(from: Jid, kind: &str, ids: &[String]) -> Node {
    let (first, others) = ids
        .split_first()
        .map_or(("", &[][..]), |(first, others)| (first, others));
    let receipt = node("receipt")
        .attr("from", from)
        .attr("id", first)
        .attr("t", clock::seconds());
    let receipt = if kind == "delivery" {
        receipt
    } else {
        receipt.attr("type", kind)
    };
    if others.is_empty() {
        return receipt.build();
    }
    let items = others.iter().map(|id| node("item").attr("id", id).build());
    receipt.children([node("list").children(items).build()]).build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::clock::Clock;
    use crate::server::companion::{Companion, Keys};
    use crate::server::state::Shared;

    const OWNER: &str = "15550001111";
    const ANA: &str = "15550002222";

    /// Does something in a world where the owner has a linked device and Ana has none.
    fn with_device(act: impl FnOnce(&mut State, &Device)) {
        let shared = Shared::new(Some(1), Clock::at(1_800_000_000));
        let device = Device {
            number: OWNER.into(),
            id: 1,
        };
        shared.act(|state| {
            for (number, name) in [(OWNER, "Owner"), (ANA, "Ana")] {
                state.ensure_person(number, name).map(|_| ()).unwrap();
            }
            let companion = Companion::new(1, [7; 32], Keys::default(), Vec::new());
            state.person_mut(OWNER).unwrap().companions.insert(1, companion);
            act(state, &device);
        });
    }

    #[test]
    fn what_a_client_says_of_messages_nobody_wrote_takes_a_bounded_room() {
        with_device(|state, device| {
            let kinds = ["", "read", "played", "inactive", "hist_sync"]
                .into_iter()
                .cycle()
                .take(150);
            for (round, kind) in kinds.enumerate() {
                let items = (0..1000).map(|nth| node("item").attr("id", format!("3EB0{round}.{nth}")).build());
                let receipt = node("receipt")
                    .attr("id", format!("3EB0{round}"))
                    .attr("to", Jid::pn(ANA))
                    .attr("type", kind)
                    .children([node("list").children(items).build()]);
                receive(state, device, &receipt.build());
            }
            let ana = state.person(ANA).unwrap();
            let ids: usize = ana.conduct.seen.all().iter().map(|seen| seen.ids.len()).sum();
            // Four of five kinds are remembered, 30 receipts of 1,001 ids each.
            assert_eq!(ids + ana.forgotten(), 4 * 30 * 1001);
            assert!(ids <= 100_000, "{ids}");
        });
    }

    #[test]
    fn what_a_client_sends_that_nobody_can_read_takes_a_bounded_room() {
        with_device(|state, device| {
            for nth in 0..12_000 {
                let enc = node("enc").attr("v", "2").attr("type", "msg").bytes(vec![0; 8]);
                let message = node("message")
                    .attr("id", format!("3EB0{nth}"))
                    .attr("to", Jid::pn(ANA))
                    .attr("type", "text")
                    .children([enc.build()]);
                messages::receive(state, device, &message.build());
            }
            let ana = state.person(ANA).unwrap();
            assert_eq!((ana.inbox.unread().len(), ana.inbox.count()), (10_000, 0));
            // As many messages, and as many questions for them.
            assert_eq!(ana.forgotten(), 2 * 2_000);
        });
    }
}
