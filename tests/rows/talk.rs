//! A conversation that has begun, and what a person does with a Matrix client in its room.

use reqwest::Method;
use serde_json::{Value, json};
use simulator::{Contact, Phone, Received, Speech};
use whatsapp_rust::{buffa::MessageField, waproto::whatsapp as wa};

use crate::support::{
    waiting::{SOON, eventually},
    world::{Linked, World},
};

/// A person in a room.
pub trait Client: Sized {
    /// Their Matrix id.
    fn id(&self) -> String;
    /// The id of their room.
    fn room(&self) -> String;
    /// Sends an event; tells its id.
    async fn sends(&self, kind: &str, content: Value) -> String;
    /// Sets state of the room.
    async fn sets(&self, kind: &str, content: Value);
    /// Sets a piece of the room's state that is theirs alone; answers its event id.
    async fn sets_own(&self, kind: &str, content: Value) -> String;
    /// The content of a piece of the room's state.
    async fn state(&self, kind: &str) -> Option<Value>;
    /// Takes an event back.
    async fn takes_back(&self, event: &str);
    /// Gives a file to the homeserver; tells its address.
    async fn uploads(&self, name: &str, mime: &str, bytes: &[u8]) -> String;
    /// Fetches a file.
    async fn downloads(&self, address: &str) -> Vec<u8>;
    /// All events of the room, the oldest first.
    async fn reads(&self) -> Vec<Value>;
    /// An event as the homeserver gives it now: without its content when it was taken back, with its last edit.
    async fn event(&self, id: &str) -> Value;
    /// Follows the next invite into another room.
    async fn is_let_into_another(&self) -> Self;

    /// Sends a message; tells its id.
    async fn says(&self, content: Value) -> String {
        self.sends("m.room.message", content).await
    }

    /// Waits for an event.
    async fn sees(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let look = || async { self.reads().await.into_iter().find(|event| is(event)) };
        eventually(&format!("{} sees {what}", self.id()), 2 * SOON, look).await
    }

    /// Waits for a message with exactly these words.
    async fn shows(&self, text: &str) -> Value {
        let is = |event: &Value| event["content"]["body"] == text && event["content"]["m.new_content"].is_null();
        self.sees(text, is).await
    }

    /// Waits for words of anybody.
    async fn hears(&self, words: &str) -> Value {
        let is = |event: &Value| body(event).contains(words);
        self.sees(words, is).await
    }

    /// Waits for a message of this kind.
    async fn sees_kind(&self, msgtype: &str) -> Value {
        self.sees(msgtype, |event| event["content"]["msgtype"] == msgtype).await
    }

    /// Waits until an event shows this: its content, or what took its place.
    async fn sees_now(&self, what: &str, event: &Value, is: impl Fn(&Value) -> bool) -> Value {
        let id = event["event_id"].as_str().unwrap();
        let is_about = |it: &Value| {
            let is_edit = relates_to(it)["rel_type"] == "m.replace" && relates_to(it)["event_id"] == id;
            is_edit || it["content"]["redacts"] == id || it["redacts"] == id
        };
        self.sees(&format!("{what} instead of {id}"), is_about).await;
        let look = || async {
            let now = content_now(&self.event(id).await);
            is(&now).then_some(now)
        };
        eventually(
            &format!("{} sees {what} in the place of {id}", self.id()),
            2 * SOON,
            look,
        )
        .await
    }

    /// Waits until an event was taken back.
    async fn sees_taken_back(&self, event: &Value) {
        self.sees_now("nothing", event, |now| {
            now.as_object().is_none_or(serde_json::Map::is_empty)
        })
        .await;
    }
}

/// What an event shows now.
fn content_now(event: &Value) -> Value {
    let edit = &event["unsigned"]["m.relations"]["m.replace"];
    let new = &edit["content"]["m.new_content"];
    if new.is_null() {
        event["content"].clone()
    } else {
        new.clone()
    }
}

/// A conversation that has begun: Ana has said hello, and somebody reads it in Matrix.
pub struct Talk<'a, H, C> {
    /// Everything there is.
    pub world: &'a World<H>,
    /// The device.
    pub linked: &'a Linked,
    /// Who writes on WhatsApp.
    pub ana: Contact,
    /// Who writes in Matrix.
    pub chat: C,
}

impl<H, C: Client> Talk<'_, H, C> {
    /// The owner's phone.
    pub fn phone(&self) -> &Phone {
        &self.linked.phone
    }

    /// Where a message stands by REST.
    pub fn path_of(&self, event: &str) -> String {
        format!("/api/v1/chats/{}/messages/{event}", self.ana.number())
    }

    /// A message as it is shown by REST.
    pub async fn by_rest(&self, event: &str) -> (u16, Value) {
        let rest = &self.linked.rest;
        rest.call(Method::GET, &self.path_of(event), None).await
    }

    /// Ana in Matrix.
    pub fn ghost(&self) -> String {
        ghost(&self.ana)
    }

    /// Ana says something; answers its id.
    pub fn speaks(&self, speech: Speech) -> String {
        self.ana.speaks(self.phone(), speech).unwrap()
    }

    /// Ana sends any message; answers its id.
    pub fn sends(&self, message: wa::Message) -> String {
        self.ana.sends(self.phone(), message)
    }

    /// Waits for something that Ana gets.
    pub async fn gets(&self, what: &str, is: impl Fn(&Received) -> bool) -> Received {
        receives(&self.ana, what, is).await
    }

    /// Waits for words that Ana gets.
    pub async fn gets_text(&self, text: &str) -> Received {
        self.gets(text, |got| got.text.as_deref() == Some(text)).await
    }

    /// Waits until a message of this person in Matrix came so far, as REST tells it of an event.
    pub async fn comes_to(&self, event: &str, state: &str) -> Value {
        comes_to(self.linked, &self.chat, event, |message| message["state"] == state).await
    }

    /// Nothing of ours was left unsaid: the bot said nothing in the room.
    pub async fn needs_no_notice(&self) {
        self.world.settles(SOON).await;
        let events = self.chat.reads().await;
        let notices: Vec<_> = events
            .iter()
            .filter(|it| it["content"]["msgtype"] == "m.notice")
            .collect();
        assert!(notices.is_empty(), "{notices:?}");
    }
}

/// Waits until REST tells this of an event of a room, with its recipients.
pub async fn comes_to(linked: &Linked, chat: &impl Client, event: &str, is: impl Fn(&Value) -> bool) -> Value {
    let path = format!("/api/v1/chats/{}/messages/{event}?expand=receipts", chat.room());
    eventually(&path, 2 * SOON, || async {
        let (status, message) = linked.rest.call(Method::GET, &path, None).await;
        (status == 200 && is(&message)).then_some(message)
    })
    .await
}

/// Waits for something that a person on WhatsApp gets.
pub async fn receives(who: &Contact, what: &str, is: impl Fn(&Received) -> bool) -> Received {
    who.waits_for(is, 2 * SOON).await.unwrap_or_else(|error| {
        panic!(
            "{} did not get {what}: {error}; got {:#?}",
            who.number(),
            who.received()
        )
    })
}

/// A person on WhatsApp, in Matrix.
pub fn ghost(who: &Contact) -> String {
    format!("@whatsapp_{}:hs.test", who.number())
}

/// What an event says.
pub fn body(event: &Value) -> &str {
    event["content"]["body"].as_str().unwrap_or_default()
}

/// How an event stands to others.
pub fn relates_to(event: &Value) -> &Value {
    &event["content"]["m.relates_to"]
}

/// Words as a client writes them.
pub fn words(text: &str) -> Value {
    json!({"msgtype": "m.text", "body": text, "m.mentions": {}})
}

/// An answer as Element writes it.
pub fn answer(event: &Value, text: &str) -> Value {
    let mut content = words(text);
    content["m.relates_to"] = json!({"m.in_reply_to": {"event_id": event["event_id"]}});
    content
}

/// Words on WhatsApp with something around them.
pub fn told(text: &str, around: wa::ContextInfo) -> wa::Message {
    wa::Message {
        extended_text_message: MessageField::some(wa::message::ExtendedTextMessage {
            text: Some(text.to_owned()),
            context_info: MessageField::some(around),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// What stands around words that were received.
pub fn around(got: &Received) -> wa::ContextInfo {
    let words = got.message.extended_text_message.as_option();
    words
        .and_then(|words| words.context_info.as_option())
        .cloned()
        .unwrap_or_default()
}
