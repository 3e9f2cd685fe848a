//! What is said and done among many.

use serde_json::json;
use simulator::{Group, Speech};
use whatsapp_rust::{buffa::MessageField, waproto::whatsapp as wa};

use crate::support::waiting::{SOON, eventually};

use super::{
    changes::done_to,
    talk::{Client, Talk, answer, body, ghost, receives, relates_to, words},
};

/// A group of the owner, Ana and Bob that has begun to talk.
pub(super) async fn begun<H, C: Client>(talk: &Talk<'_, H, C>, owner_first: bool) -> (Group, simulator::Contact, C) {
    // Everybody of a number of its own: people in other rooms are not disturbed.
    let bob = talk
        .world
        .contact(&talk.ana.number().replacen("1555000", "1555100", 1), "Bob");
    let group = if owner_first {
        talk.world.whatsapp.group("Crew", &[talk.phone(), &talk.ana, &bob])
    } else {
        talk.world.whatsapp.group("Crew", &[&talk.ana, talk.phone(), &bob])
    };
    let group = group.unwrap();
    group.says(&bob, "ahoy").unwrap();
    let there = talk.chat.is_let_into_another().await;
    there.shows("ahoy").await;
    (group, bob, there)
}

/// A group that the owner is not in, and Ana's invitation to it, shown.
async fn invited<H, C: Client>(talk: &Talk<'_, H, C>, is_over: bool) -> (Group, serde_json::Value) {
    let bob = talk
        .world
        .contact(&talk.ana.number().replacen("1555000", "1555100", 1), "Bob");
    let group = talk.world.whatsapp.group("Sailing", &[&talk.ana, &bob]).unwrap();
    let mut message = group.invites(&talk.ana, talk.phone()).unwrap();
    if let Some(invitation) = message.group_invite_message.as_option_mut().filter(|_| is_over) {
        invitation.invite_expiration = Some(1_000_000_000);
    }
    talk.sends(message);
    (group, talk.chat.hears("Sailing").await)
}

/// B13: an invitation is accepted by an answer to it; the room of the group is there. Once more is the same.
pub async fn b13<H, C: Client>(talk: Talk<'_, H, C>) {
    const IN: &str = "You are in the group “Sailing” now";
    talk.chat.says(words("!wa accept")).await;
    talk.chat.hears("There is no invitation").await;
    let (group, shown) = invited(&talk, false).await;
    assert!(body(&shown).contains("!wa accept"), "{}", body(&shown));
    talk.chat.says(answer(&shown, "!wa accept")).await;
    talk.chat.hears(IN).await;
    let there = talk.chat.is_let_into_another().await;
    group.says(&talk.ana, "welcome").unwrap();
    there.shows("welcome").await;
    talk.chat.says(words("!wa accept")).await;
    eventually("a second answer", SOON, || async {
        let events = talk.chat.reads().await;
        (events.iter().filter(|it| body(it).contains(IN)).count() == 2).then_some(())
    })
    .await;
}

/// B13: an invitation that is over is told so.
pub async fn b13_over<H, C: Client>(talk: Talk<'_, H, C>) {
    let (_, shown) = invited(&talk, true).await;
    talk.chat.says(answer(&shown, "!wa accept")).await;
    talk.chat.hears("not valid any more").await;
}

/// B06: an administrator of a group takes back what another member said; nobody else can.
pub async fn b06_in_groups<H, C: Client>(talk: Talk<'_, H, C>) {
    let (group, bob, there) = begun(&talk, false).await;
    let id = group.says(&bob, "rude words").unwrap();
    let rude = there.shows("rude words").await;
    assert_eq!(rude["sender"], ghost(&bob).as_str());
    group.speaks(&talk.ana, Speech::Delete { id }).unwrap();
    there.sees_taken_back(&rude).await;

    // Bob is no administrator: what he pretends to do to Ana's message is not done.
    let id = group.says(&talk.ana, "kind words").unwrap();
    let kind = there.shows("kind words").await;
    let key = wa::MessageKey {
        remote_jid: Some(group.jid()),
        from_me: Some(false),
        participant: Some(talk.ana.jid()),
        id: Some(id),
    };
    let revoke = wa::message::ProtocolMessage {
        key: MessageField::some(key),
        r#type: Some(wa::message::protocol_message::Type::REVOKE),
        ..Default::default()
    };
    let pretended = wa::Message {
        protocol_message: MessageField::some(revoke),
        ..Default::default()
    };
    assert!(group.sends(&bob, pretended).is_err(), "the server refuses it");
    group.says(&bob, "am I allowed to?").unwrap();
    there.shows("am I allowed to?").await;
    let now = there.event(kind["event_id"].as_str().unwrap()).await;
    assert_eq!(now["content"]["body"], "kind words");
}

/// B06: the owner, as administrator, takes back what a member said.
pub async fn b06_as_admin<H, C: Client>(talk: Talk<'_, H, C>) {
    let (group, bob, there) = begun(&talk, true).await;
    let id = group.says(&bob, "rude words").unwrap();
    let rude = there.shows("rude words").await;
    there.takes_back(rude["event_id"].as_str().unwrap()).await;
    let got = receives(&talk.ana, "the deletion", |got| {
        done_to(got).is_some_and(|done| done.key.id.as_deref() == Some(id.as_str()))
    });
    let key = done_to(&got.await).unwrap().key;
    assert_eq!(key.from_me, Some(false));
    let author = key.participant.clone().unwrap();
    assert!([bob.jid(), bob.lid_jid()].contains(&author), "{author}");
}

/// B16: a comment stands in the thread of what it comments on; what is said in a thread quotes what began it.
pub async fn b16<H, C: Client>(talk: Talk<'_, H, C>) {
    let (group, bob, there) = begun(&talk, true).await;
    let id = group.says(&bob, "we sail at ten").unwrap();
    let root = there.shows("we sail at ten").await;
    let key = wa::MessageKey {
        remote_jid: Some(group.jid()),
        from_me: Some(false),
        participant: Some(bob.jid()),
        id: Some(id.clone()),
    };
    let words_of = |text: &str| wa::Message {
        conversation: Some(text.to_owned()),
        ..Default::default()
    };
    let comment = wa::Message {
        comment_message: MessageField::some(wa::message::CommentMessage {
            message: MessageField::some(words_of("I bring tea")),
            target_message_key: MessageField::some(key),
        }),
        ..Default::default()
    };
    group.sends(&talk.ana, comment).unwrap();
    let shown = there.shows("I bring tea").await;
    let relation = relates_to(&shown);
    assert_eq!(
        (&relation["rel_type"], &relation["event_id"]),
        (&json!("m.thread"), &root["event_id"])
    );
    assert_eq!(shown["sender"], talk.ghost().as_str());

    // As Element writes it: the last event of the thread is named for clients that know no threads.
    let mut content = words("and I the cups");
    content["m.relates_to"] = json!({
        "rel_type": "m.thread", "event_id": root["event_id"], "is_falling_back": true,
        "m.in_reply_to": {"event_id": shown["event_id"]},
    });
    there.says(content).await;
    let got = receives(&talk.ana, "words of a thread", |got| {
        got.text.as_deref() == Some("and I the cups")
    })
    .await;
    assert_eq!(
        (got.quoted_id, got.quoted_text.as_deref()),
        (Some(id), Some("we sail at ten"))
    );
}

/// B16: in the announcements of a community what is said in a thread is a comment that its members can open.
pub async fn b16_comments<H, C: Client>(talk: Talk<'_, H, C>) {
    let (group, bob, _) = begun(&talk, true).await;
    let community = talk.world.whatsapp.community("Harbour", &[talk.phone()]).unwrap();
    community.links(talk.phone(), &group, true).unwrap();
    let news = community.announcements().unwrap();
    let id = news.says(talk.phone(), "we sail at ten").unwrap();
    let there = talk.chat.is_let_into_another().await;
    let root = there.shows("we sail at ten").await;
    let comment = Speech::Comment {
        id: id.clone(),
        text: "I bring tea".into(),
    };
    let first = news.speaks(&bob, comment).unwrap();
    let shown = there.shows("I bring tea").await;
    let relation = relates_to(&shown);
    assert_eq!(
        (&relation["rel_type"], &relation["event_id"], &shown["sender"]),
        (&json!("m.thread"), &root["event_id"], &json!(ghost(&bob)))
    );

    let mut content = words("and I the cups");
    content["m.relates_to"] = json!({
        "rel_type": "m.thread", "event_id": root["event_id"], "is_falling_back": true,
        "m.in_reply_to": {"event_id": shown["event_id"]},
    });
    there.says(content).await;
    let is_answer = |got: &simulator::Received| got.message.enc_comment_message.is_set() && got.id != first;
    let got = receives(&talk.ana, "a comment", is_answer).await;
    let sealed = &got.message.enc_comment_message;
    assert_eq!(sealed.target_message_key.id.as_ref(), Some(&id));
    let opened = talk.ana.opened(&got).expect("it can be opened");
    let said = &opened.extended_text_message;
    assert_eq!(said.text.as_deref(), Some("and I the cups"));
    assert!(!said.context_info.is_set(), "the envelope says what it is about");
    let secret = got.message.message_context_info.message_secret.as_ref();
    assert_eq!(secret.map(Vec::len), Some(32), "it can be marked too");
    talk.needs_no_notice().await;
}
