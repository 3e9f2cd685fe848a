//! What can be set about bridging.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::Timestamp;

/// Settings of the bridge.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "these are the switches of the file")]
pub struct Config {
    /// How many lanes are worked on at the same time.
    pub workers: usize,
    /// How contacts are called in Matrix; `{name}` is the name they gave themselves, or their number.
    pub ghost_name: String,
    /// Matrix users who may talk to the bot: whole ids, or `*:server` for everybody there. Empty: everybody on the
    /// own homeserver.
    pub users: Vec<String>,
    /// Prefix of commands in portal rooms.
    pub command_prefix: String,
    /// What stands before the words of members on the network; `{name}` is the member's name. Empty: nothing.
    pub member_prefix: String,
    /// Whether what a link leads to is shown with it, both ways.
    pub url_previews: bool,
    /// Whether the statuses of contacts are shown, in a room of their own.
    pub status: bool,
    /// Whether what is written where statuses are shown, and is no answer, is posted as the owner's own.
    pub status_posts: bool,
    /// Whether a message by REST to an invite link joins its group, when the device is not in it.
    pub join_by_link: bool,
    /// Messages a device may send in a minute.
    pub messages_per_minute: u32,
    /// Messages a device may send at once after a rest.
    pub burst: u32,
    /// Seconds after which a message to the network is given up.
    pub retry_outgoing_for: u32,
    /// Seconds after which a message towards Matrix is given up.
    pub retry_incoming_for: u32,
    /// Whether the notices of other bots in portal rooms are sent too.
    pub notices: bool,
    /// Whether clients are told what became of each message they sent (`com.beeper.message_send_status`).
    pub send_status: bool,
    /// Seconds for which an edit, a reaction or a deletion waits for a message that has not come yet.
    pub wait_for_target: u32,
    /// Bytes of the largest file that a webhook gets inside its payload.
    pub webhook_media_limit: u64,
    /// Seconds for which the address of a larger one can be used.
    pub media_link_valid_for: u32,
    /// How many messages of before come into a new room; 0: none, and no rooms are made of history.
    pub history_messages: u32,
    /// Chats in which something was said within so many days become rooms as soon as a phone tells of them.
    pub history_days: u32,
    /// How many days the content of messages is kept in the database; 0: for ever.
    pub keep_messages_days: u32,
    /// How many days it is kept what could not be done, with the messages it was about; 0: for ever.
    pub keep_failed_days: u32,
    /// Seconds for which a device may be without a connection before its owner is told.
    pub link_grace: u32,
    /// Seconds after which the owner is told that the phone shows no sign of life; 0: never.
    pub phone_offline_after: u32,
    /// Seconds between two reads of what the homeserver's push may have lost.
    pub repair_every: u32,
    /// Whether it is shown who is there, both ways.
    pub presence: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            workers: 8,
            ghost_name: "{name} (WA)".into(),
            users: Vec::new(),
            command_prefix: "!wa".into(),
            member_prefix: String::new(),
            url_previews: true,
            status: true,
            status_posts: false,
            join_by_link: false,
            messages_per_minute: 60,
            burst: 20,
            retry_outgoing_for: 24 * 60 * 60,
            retry_incoming_for: 7 * 24 * 60 * 60,
            notices: false,
            send_status: true,
            wait_for_target: 60,
            webhook_media_limit: 16 * 1024 * 1024,
            media_link_valid_for: 7 * 24 * 60 * 60,
            history_messages: 50,
            history_days: 30,
            keep_messages_days: 0,
            keep_failed_days: 30,
            link_grace: 5 * 60,
            phone_offline_after: 11 * 24 * 60 * 60,
            repair_every: 60,
            presence: false,
        }
    }
}

impl Config {
    /// What is wrong with these settings: key and reason.
    ///
    /// # Errors
    /// The first key that cannot work.
    pub(crate) fn check(&self) -> Result<(), (&'static str, &'static str)> {
        if self.workers == 0 {
            return Err(("bridge.workers", "must be at least 1"));
        }
        if !self.ghost_name.contains("{name}") {
            return Err(("bridge.ghost_name", "must contain {name}"));
        }
        if self.messages_per_minute == 0 {
            return Err(("bridge.messages_per_minute", "must be at least 1"));
        }
        if self.burst == 0 {
            return Err(("bridge.burst", "must be at least 1"));
        }
        if self.repair_every == 0 {
            return Err(("bridge.repair_every", "must be at least 1 second"));
        }
        Ok(())
    }

    /// Since when the content of messages is kept; `None`: since ever.
    pub(super) fn kept_since(&self, now: Timestamp) -> Option<Timestamp> {
        days_before(now, self.keep_messages_days)
    }

    /// Since when what could not be done is kept; `None`: since ever.
    pub(super) fn failed_since(&self, now: Timestamp) -> Option<Timestamp> {
        days_before(now, self.keep_failed_days)
    }

    pub(super) fn grace_millis(&self) -> i64 {
        i64::from(self.link_grace) * 1000
    }

    pub(super) fn outgoing_patience(&self) -> Duration {
        Duration::from_secs(self.retry_outgoing_for.into())
    }

    pub(super) fn target_patience(&self) -> Duration {
        Duration::from_secs(self.wait_for_target.into())
    }

    pub(super) fn incoming_patience(&self) -> Duration {
        Duration::from_secs(self.retry_incoming_for.into())
    }
}

fn days_before(now: Timestamp, days: u32) -> Option<Timestamp> {
    (days > 0).then(|| now.plus_millis(-i64::from(days) * 24 * 60 * 60 * 1000))
}
