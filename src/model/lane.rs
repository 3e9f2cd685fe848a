//! Lanes: the queues that jobs stand in. Each has one name for ever, because jobs of before a restart stand in it.

use ruma::RoomId;

use super::{ChatRequestId, ContactId, DeliveryId, DeviceId, IdentityId, MessageId, PortalKey, Timestamp, WebhookId};

/// The queue a job stands in.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Lane(String);

impl Lane {
    /// All kinds there are, see [`Lane::kind`].
    pub(crate) const KINDS: [&str; 27] = [
        "in", "out", "room", "late", "orphan", "expiry", "closing", "pin", "gather", "furnish", "groups", "contacts",
        "send", "chat", "hook", "history", "open", "older", "fetch", "house", "link", "identity", "device", "read",
        "ghost", "mark", "silence",
    ];

    /// Those of them that go on with another device when a number is linked again.
    pub(crate) const FOLLOWING: [&str; 21] = [
        "in", "out", "late", "orphan", "expiry", "closing", "pin", "gather", "furnish", "groups", "contacts", "send",
        "chat", "hook", "open", "older", "fetch", "read", "ghost", "mark", "silence",
    ];

    /// The others: they name no device, or speak of the old link itself, of what was told through it, or of its end.
    #[cfg(test)]
    pub(crate) const STAYING: [&str; 6] = ["room", "history", "house", "link", "identity", "device"];

    /// What happened in a chat, on its way to Matrix.
    pub(crate) fn incoming(portal: &PortalKey) -> Self {
        Self(format!("in:{}/{}", portal.device, portal.chat.as_str()))
    }

    /// What is on its way into a chat.
    pub(crate) fn outgoing(portal: &PortalKey) -> Self {
        Self(format!("out:{}/{}", portal.device, portal.chat.as_str()))
    }

    /// What happened in a Matrix room that is no portal (yet).
    pub(crate) fn room(room: &RoomId) -> Self {
        Self(format!("room:{room}"))
    }

    /// What concerns one message of a chat and may have to wait for it without holding the others up.
    pub(crate) fn late(portal: &PortalKey, message: &MessageId) -> Self {
        Self(format!(
            "late:{}/{}/{}",
            portal.device,
            portal.chat.as_str(),
            message.as_str()
        ))
    }

    /// What was done to a message that did not come in time: it waits for the message, for days.
    pub(crate) fn orphan(portal: &PortalKey, message: &MessageId) -> Self {
        Self(format!(
            "orphan:{}/{}/{}",
            portal.device,
            portal.chat.as_str(),
            message.as_str()
        ))
    }

    /// The end of a message that disappears.
    pub(crate) fn expiry(portal: &PortalKey, message: &MessageId) -> Self {
        Self(format!(
            "expiry:{}/{}/{}",
            portal.device,
            portal.chat.as_str(),
            message.as_str()
        ))
    }

    /// The end of a poll at one moment: where the end is moved, the new moment does not wait for the old one.
    pub(crate) fn closing(portal: &PortalKey, poll: &MessageId, at: Timestamp) -> Self {
        Self(format!(
            "closing:{}/{}/{}/{}",
            portal.device,
            portal.chat.as_str(),
            poll.as_str(),
            at.millis()
        ))
    }

    /// The end of one pin of a message: each by itself, for a later one may end before an earlier one.
    pub(crate) fn pin(portal: &PortalKey, message: &MessageId, until: Timestamp) -> Self {
        Self(format!(
            "pin:{}/{}/{}/{}",
            portal.device,
            portal.chat.as_str(),
            message.as_str(),
            until.millis()
        ))
    }

    /// Members of a group on their way into its room.
    pub(crate) fn gathering(portal: &PortalKey) -> Self {
        Self(format!("gather:{}/{}", portal.device, portal.chat.as_str()))
    }

    /// What rooms of a device have besides what is said in them: one after the other, for they share a space.
    pub(crate) fn furnishing(device: DeviceId) -> Self {
        Self(format!("furnish:{device}"))
    }

    /// What concerns all groups of a device.
    pub(crate) fn groups(device: DeviceId) -> Self {
        Self(format!("groups:{device}"))
    }

    /// The owner's address book.
    pub(crate) fn contacts(device: DeviceId) -> Self {
        Self(format!("contacts:{device}"))
    }

    /// Messages by REST to one recipient, before the chat is known. `recipient` is the canonical spelling.
    pub(crate) fn sending(device: DeviceId, recipient: &str) -> Self {
        Self(format!("send:{device}/{recipient}"))
    }

    /// A chat that somebody asked for by REST: each by itself, for some must wait for others.
    pub(crate) fn new_chat(request: ChatRequestId) -> Self {
        Self(format!("chat:{request}"))
    }

    /// Deliveries of one conversation to one webhook.
    pub(crate) fn delivery(webhook: WebhookId, portal: &PortalKey) -> Self {
        Self(format!("hook:{}/{}/{}", webhook.0, portal.device, portal.chat.as_str()))
    }

    /// What a network told a device of the time before.
    pub(crate) fn history(device: DeviceId) -> Self {
        Self(format!("history:{device}"))
    }

    /// The chats of before that become rooms, one after the other.
    pub(crate) fn opening(device: DeviceId) -> Self {
        Self(format!("open:{device}"))
    }

    /// Older messages of a chat that somebody asked for.
    pub(crate) fn older(portal: &PortalKey) -> Self {
        Self(format!("older:{}/{}", portal.device, portal.chat.as_str()))
    }

    /// Media of before that the owner's phone is asked for, one after the other.
    pub(crate) fn fetching(device: DeviceId) -> Self {
        Self(format!("fetch:{device}"))
    }

    /// What is done to the memory of the house as a whole.
    pub(crate) fn house() -> Self {
        Self("house:".into())
    }

    /// What a webhook hears of a device itself.
    pub(crate) fn device_delivery(webhook: WebhookId, device: DeviceId) -> Self {
        Self(format!("hook:{}/{device}", webhook.0))
    }

    /// What people are told of one change of a link: each by itself, for some are told later than others.
    pub(crate) fn link(device: DeviceId, change: i64) -> Self {
        Self(format!("link:{device}/{change}"))
    }

    /// One delivery that a person asked for again: it waits for no other.
    pub(crate) fn redelivery(webhook: WebhookId, delivery: DeliveryId) -> Self {
        Self(format!("hook:{}/again/{delivery}", webhook.0))
    }

    /// What concerns an identity as a whole.
    pub(crate) fn identity(identity: IdentityId) -> Self {
        Self(format!("identity:{identity}"))
    }

    /// The end of an identity that may be far away: what waits in a lane holds up what is behind it.
    pub(crate) fn end_of_identity(identity: IdentityId) -> Self {
        Self(format!("identity:{identity}/end"))
    }

    /// What concerns a device as a whole.
    pub(crate) fn device(device: DeviceId) -> Self {
        Self(format!("device:{device}"))
    }

    /// Who read what in a chat, both ways.
    pub(crate) fn reads(portal: &PortalKey) -> Self {
        Self(format!("read:{}/{}", portal.device, portal.chat.as_str()))
    }

    /// The same when so many read at once that some are shown later: nobody waits behind them.
    pub(crate) fn slow_reads(portal: &PortalKey) -> Self {
        Self(format!("read:{}/{}/slow", portal.device, portal.chat.as_str()))
    }

    /// What the owner read elsewhere, which may have to wait for the message.
    pub(crate) fn read_elsewhere(device: DeviceId, message: &MessageId) -> Self {
        Self(format!("read:{device}//{}", message.as_str()))
    }

    /// What a contact's ghost looks like.
    pub(crate) fn ghost(contact: &ContactId) -> Self {
        Self(format!("ghost:{}", contact.as_str()))
    }

    /// How the owner marked a chat.
    pub(crate) fn marks(portal: &PortalKey) -> Self {
        Self(format!("mark:{}/{}", portal.device, portal.chat.as_str()))
    }

    /// The moment at which a chat makes a sound again: what waits in a lane holds up what is behind it.
    pub(crate) fn end_of_silence(portal: &PortalKey) -> Self {
        Self(format!("silence:{}/{}", portal.device, portal.chat.as_str()))
    }

    /// What the names of all lanes begin with in which something waits for one message of a chat.
    pub(crate) fn of_messages(portal: &PortalKey) -> [String; 5] {
        ["late", "orphan", "expiry", "closing", "pin"]
            .map(|kind| format!("{kind}:{}/{}/", portal.device, portal.chat.as_str()))
    }

    /// The lanes of a chat in which what was said stands.
    pub(crate) fn of_what_was_said(portal: &PortalKey) -> [Self; 3] {
        [Self::incoming(portal), Self::outgoing(portal), Self::older(portal)]
    }

    /// A lane as it was stored.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    /// As it is stored.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the colon: what metrics count by.
    pub(crate) fn kind(&self) -> &str {
        self.0.split(':').next().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::model::ChatId;

    #[test]
    fn every_lane_is_of_a_kind_that_is_counted() {
        let device = DeviceId::generate();
        let portal = PortalKey::new(device, ChatId::from_adapter("1"));
        let message = MessageId::from_adapter("M");
        let lanes = [
            Lane::incoming(&portal),
            Lane::outgoing(&portal),
            Lane::room(ruma::room_id!("!room:hs.test")),
            Lane::late(&portal, &message),
            Lane::orphan(&portal, &message),
            Lane::expiry(&portal, &message),
            Lane::closing(&portal, &message, Timestamp::from_secs(1)),
            Lane::pin(&portal, &message, Timestamp::from_secs(1)),
            Lane::gathering(&portal),
            Lane::furnishing(device),
            Lane::groups(device),
            Lane::contacts(device),
            Lane::sending(device, "1"),
            Lane::new_chat(ChatRequestId::generate()),
            Lane::delivery(WebhookId(1), &portal),
            Lane::history(device),
            Lane::opening(device),
            Lane::older(&portal),
            Lane::fetching(device),
            Lane::house(),
            Lane::link(device, 1),
            Lane::identity(IdentityId::generate()),
            Lane::end_of_identity(IdentityId::generate()),
            Lane::device(device),
            Lane::reads(&portal),
            Lane::slow_reads(&portal),
            Lane::ghost(&ContactId::from_adapter("1")),
            Lane::marks(&portal),
            Lane::end_of_silence(&portal),
        ];
        let kinds: BTreeSet<_> = lanes.iter().map(Lane::kind).collect();
        assert_eq!(kinds, BTreeSet::from(Lane::KINDS));
        // As they are written above: a new one may not be forgotten here.
        let (code, _) = include_str!("lane.rs").split_once("mod tests").unwrap();
        let names = code.split("Self(format!(").skip(1);
        let names = names.filter_map(|after| after.trim_start().strip_prefix('"')?.split(':').next());
        assert_eq!(names.chain(["house"]).collect::<BTreeSet<_>>(), kinds);
        let decided: BTreeSet<_> = Lane::FOLLOWING.into_iter().chain(Lane::STAYING).collect();
        assert_eq!(
            decided, kinds,
            "of each it is decided whether it follows a device that is linked again"
        );
        assert_eq!(Lane::FOLLOWING.len() + Lane::STAYING.len(), Lane::KINDS.len());
    }
}
