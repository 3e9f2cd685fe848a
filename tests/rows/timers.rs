//! Messages that disappear: how a timer is set from either side and learned, and what is kept all the same.

use serde_json::{Value, json};
use simulator::{Remembered, Speech};
use whatsapp_rust::waproto::whatsapp::ContextInfo;

use super::{
    groups::begun,
    talk::{Client, Talk, around, receives, told, words},
};
use crate::support::{
    past::now,
    waiting::{SOON, eventually},
};

const TIMER: &str = "com.beeper.disappearing_timer";
const DAY: u32 = 86_400;

/// A timer as the state of a room says it.
fn state(seconds: Option<u32>) -> Value {
    match seconds {
        Some(seconds) => json!({"type": "after_send", "timer": u64::from(seconds) * 1000}),
        None => json!({}),
    }
}

/// Waits until a room shows a timer.
async fn shows_timer<C: Client>(chat: &C, seconds: Option<u32>) {
    let wanted = state(seconds);
    let look = || async { (chat.state(TIMER).await.as_ref() == Some(&wanted)).then_some(()) };
    eventually(&format!("a timer of {seconds:?}"), SOON, look).await;
}

/// Says something in Matrix, and looks after how long it disappears on WhatsApp; since when that is the timer of the chat.
async fn is_sent_with<H, C: Client>(talk: &Talk<'_, H, C>, text: &str, seconds: Option<u32>) -> Option<u64> {
    talk.chat.says(words(text)).await;
    let around = around(&talk.gets_text(text).await);
    assert_eq!(around.expiration, seconds, "{text}");
    let since = around.ephemeral_setting_timestamp;
    assert_eq!(since.is_some(), seconds.is_some(), "{text}: {since:?}");
    since.map(|since| u64::try_from(since).unwrap())
}

/// Waits until Ana's phone is told of a timer.
async fn gets_timer<H, C: Client>(talk: &Talk<'_, H, C>, seconds: u32) {
    let is_it = |got: &simulator::Received| got.message.protocol_message.ephemeral_expiration == Some(seconds);
    talk.gets(&format!("a timer of {seconds}"), is_it).await;
}

/// What stands around a message that disappears, and since when the timer of its chat is so.
fn passing(seconds: u32, since: Option<u64>) -> ContextInfo {
    ContextInfo {
        expiration: Some(seconds),
        ephemeral_setting_timestamp: since.map(|since| i64::try_from(since).unwrap()),
        ..Default::default()
    }
}

/// B12: the timer of a chat that had one of two seconds before the device was linked counts.
pub async fn b12_of_before<H, C: Client>(talk: Talk<'_, H, C>) {
    let mine = talk.chat.says(words("my moment")).await;
    assert_eq!(around(&talk.gets_text("my moment").await).expiration, Some(2));
    talk.chat.sees_taken_back(&json!({"event_id": mine})).await;
    talk.chat.says(words("!wa timer off")).await;
    gets_timer(&talk, 0).await;
    talk.chat.hears("New messages do not disappear any more").await;
    shows_timer(&talk.chat, None).await;
    is_sent_with(&talk, "for ever", None).await;
}

/// B12: a person sets the timer of a direct chat by command, and by the state of its room; what cannot be is taken back.
pub async fn b12_set<H, C: Client>(talk: Talk<'_, H, C>) {
    let chat = &talk.chat;
    chat.says(words("!wa timer 5 minutes")).await;
    chat.hears("disappear after 1 day, 7 days or 90 days, or never").await;
    chat.says(words("!wa timer 7d")).await;
    gets_timer(&talk, 7 * DAY).await;
    chat.hears("New messages disappear after 7 days").await;
    shows_timer(chat, Some(7 * DAY)).await;
    is_sent_with(&talk, "for a week", Some(7 * DAY)).await;
    chat.says(words("!wa timer 1 week")).await;
    chat.hears("It is so already: New messages disappear after 7 days")
        .await;

    chat.sets(TIMER, state(Some(DAY))).await;
    gets_timer(&talk, DAY).await;
    chat.hears("New messages disappear after a day").await;
    is_sent_with(&talk, "for a day", Some(DAY)).await;
    chat.sets(TIMER, state(Some(5))).await;
    chat.hears("Taken back: messages of WhatsApp disappear a day").await;
    shows_timer(chat, Some(DAY)).await;
    chat.sets(TIMER, json!({"type": "after_read", "timer": 604_800_000}))
        .await;
    shows_timer(chat, Some(DAY)).await;
    is_sent_with(&talk, "still for a day", Some(DAY)).await;
    talk.world.settles(SOON).await;
    chat.sets(TIMER, json!({})).await;
    gets_timer(&talk, 0).await;
    chat.hears("New messages do not disappear any more").await;
    is_sent_with(&talk, "for ever", None).await;

    // What the other one sets is shown too.
    talk.speaks(Speech::Disappearing { seconds: 90 * DAY });
    chat.hears("disappear after 90 days").await;
    shows_timer(chat, Some(90 * DAY)).await;
}

/// B12: the same in a group, where its administrators may keep that to themselves.
pub async fn b12_set_in_groups<H, C: Client>(talk: Talk<'_, H, C>) {
    let (group, _, there) = begun(&talk, false).await;
    let becomes = async |seconds| {
        let look = || async { (group.timer() == seconds).then_some(()) };
        eventually(&format!("the group has a timer of {seconds:?}"), SOON, look).await;
    };
    there.says(words("!wa timer 90 days")).await;
    becomes(Some(90 * DAY)).await;
    there.hears("New messages disappear after 90 days").await;
    shows_timer(&there, Some(90 * DAY)).await;
    there.says(words("for a season")).await;
    let got = receives(&talk.ana, "words", |got| got.text.as_deref() == Some("for a season")).await;
    assert_eq!(around(&got).expiration, Some(90 * DAY));
    there.sets(TIMER, state(Some(7 * DAY))).await;
    becomes(Some(7 * DAY)).await;
    there.hears("New messages disappear after 7 days").await;
    group.sets_timer(&talk.ana, Some(DAY)).unwrap();
    there.hears("disappear after 1 day").await;
    shows_timer(&there, Some(DAY)).await;

    group.locks(&talk.ana, true).unwrap();
    let is_locked = || async {
        let levels = there.state("m.room.power_levels").await?;
        (levels["events"]["m.room.name"] == 50).then_some(())
    };
    eventually("only administrators may change it", SOON, is_locked).await;
    there.says(words("!wa timer off")).await;
    there.hears("only administrators of the group may change it").await;
    assert_eq!(group.timer(), Some(DAY));
}

/// B12: messages tell the timer of their chat, and older ones do not overrule newer news.
pub async fn b12_told<H, C: Client>(talk: Talk<'_, H, C>) {
    let begin = now() - 600;
    talk.sends(told("for a week", passing(7 * DAY, Some(begin))));
    talk.chat.hears("New messages disappear after 7 days").await;
    shows_timer(&talk.chat, Some(7 * DAY)).await;
    let since = is_sent_with(&talk, "mine too", Some(7 * DAY)).await;
    assert_eq!(since, Some(begin), "phones drop what is told of an older timer");
    // Whatever stands around a message that says nothing of the time is about this message alone.
    talk.sends(told("for a day", passing(DAY, None)));
    talk.chat.shows("for a day").await;
    talk.sends(told("as it was", passing(DAY, Some(begin - 60))));
    talk.chat.shows("as it was").await;
    assert_eq!(is_sent_with(&talk, "as before", Some(7 * DAY)).await, Some(begin));
    talk.speaks(Speech::Disappearing { seconds: 0 });
    talk.chat.hears("turned off disappearing").await;
    talk.sends(told("did not know yet", passing(7 * DAY, Some(begin + 60))));
    talk.chat.shows("did not know yet").await;
    is_sent_with(&talk, "for ever", None).await;
}

/// B12: the timer that comes with the past of a chat whose room is there.
pub async fn b12_with_history<H, C: Client>(talk: Talk<'_, H, C>) {
    let (chat, begin) = (format!("{}@s.whatsapp.net", talk.ana.number()), now() - 7200);
    let past = Remembered::text(Some(talk.ana.number()), begin, "long ago");
    talk.phone().has_history(&chat, vec![past]);
    talk.phone().has_timer(&chat, DAY, begin);
    talk.chat.says(words("!wa sync history 5")).await;
    talk.chat.shows("long ago").await;
    shows_timer(&talk.chat, Some(DAY)).await;
    assert_eq!(is_sent_with(&talk, "for a day", Some(DAY)).await, Some(begin));
}

/// B12: what somebody keeps stays when its time is over, and goes when nobody keeps it any more; in time it goes in time.
pub async fn b12_kept<H, C: Client>(talk: Talk<'_, H, C>) {
    let says = async |text: &str| {
        let id = talk.sends(told(text, passing(10, None)));
        (id, talk.chat.shows(text).await)
    };
    let (id, lasting) = says("to be kept").await;
    talk.speaks(Speech::Keep {
        id: id.clone(),
        kept: true,
    });
    talk.chat.hears("Ana keeps this message from disappearing").await;
    let (other, goes) = says("to be kept for a moment").await;
    for kept in [true, false] {
        let id = other.clone();
        talk.speaks(Speech::Keep { id, kept });
    }
    talk.chat.sees_taken_back(&goes).await;
    let over = "select count(*) from messages where kept = 2";
    talk.world.counts("its time is over", over, 1).await;
    let event = lasting["event_id"].as_str().unwrap();
    assert_eq!(talk.chat.event(event).await["content"]["body"], "to be kept");

    talk.speaks(Speech::Keep { id, kept: false });
    talk.chat.sees_taken_back(&lasting).await;
    talk.chat.hears("lets this message disappear again").await;
}
