//! What stands around a message in its room: the event it answers, its thread, its album, that it was passed on.
//!
//! An event can be an answer only to one of its own room, and only from its beginning. Where it cannot be, what it answers
//! stands as a quote over its words: messages of before the linking, statuses, what was said in another chat, and
//! whatever took the place of a placeholder.

use ruma::OwnedEventId;

use super::{super::error::Failure, albums, media::Brought, people, scene::Scene};
use crate::{
    matrix::{html::Pill, outgoing},
    model::{Content, MessageRef, Quote, Say, Sender},
    store::{Frame, Message},
};

/// So many lines of an answered message are repeated over the answer.
const QUOTED_LINES: usize = 5;
/// So many letters of each.
const QUOTED_LETTERS: usize = 300;

/// What stands around a message, as its room has it.
pub(super) struct Framed {
    /// What is kept of it.
    pub(super) frame: Frame,
    /// The event it answers.
    pub(super) reply_to: Option<OwnedEventId>,
    /// The event its thread began with.
    pub(super) thread: Option<OwnedEventId>,
    quote: Option<String>,
}

impl Framed {
    /// A content inside it.
    pub(super) fn say(&self, content: &Content) -> Say {
        Say {
            forwarded: self.frame.forwarded,
            album: self.frame.album.clone(),
            ..Say::new(content.clone())
        }
    }

    /// The same for the words of Matrix.
    pub(super) fn around<'a>(
        &'a self,
        brought: &'a Brought,
        pill: &'a dyn Fn(&Sender) -> Option<Pill>,
    ) -> outgoing::Around<'a> {
        outgoing::Around {
            reply_to: self.reply_to.as_deref(),
            quote: self.quote.as_deref(),
            thread: self
                .thread
                .as_deref()
                .map(|root| outgoing::Thread { root, latest: None }),
            pill,
            picture: brought.picture.as_deref(),
            cards: brought.cards.as_deref(),
            accept: None,
        }
    }
}

/// What stands around a new message.
pub(super) async fn of(scene: &Scene<'_>, said: &Say) -> Result<Framed, Failure> {
    framed(scene, frame(said)).await
}

/// What stands around a message that takes the place of its placeholder: that was no answer.
pub(super) async fn of_awaited(scene: &Scene<'_>, said: &Say) -> Result<Framed, Failure> {
    let frame = Frame {
        in_words: said.reply_to.is_some(),
        ..frame(said)
    };
    framed(scene, frame).await
}

/// What stands around a message that is shown.
pub(super) async fn kept(scene: &Scene<'_>, message: &Message) -> Result<Framed, Failure> {
    let mut read = scene.desk.bridge.store.read().await?;
    let kept = read
        .find_message_frame(&scene.key, &message.id, &message.sender)
        .await?;
    drop(read);
    framed(scene, kept).await
}

fn frame(said: &Say) -> Frame {
    Frame {
        forwarded: said.forwarded,
        reply_to: said.reply_to.clone(),
        in_words: false,
        thread: said.thread.clone(),
        album: said.album.clone(),
    }
}

async fn framed(scene: &Scene<'_>, mut frame: Frame) -> Result<Framed, Failure> {
    let reply_to = event_of(scene, frame.reply_to.as_ref()).await?;
    let thread = match &frame.thread {
        Some(began_with) => event_of_message(scene, began_with).await?,
        None => None,
    };
    frame.in_words |= frame.reply_to.is_some() && reply_to.is_none();
    let mut quote = None;
    if let Some(answered) = &mut frame.reply_to {
        let known = known(scene, answered).await?;
        if frame.in_words {
            quote = quoted(scene, answered, known.as_ref()).await?;
        }
        // What a row holds can be taken back; only what no row holds is kept here.
        answered.text = words_of(answered).filter(|_| frame.in_words && known.is_none());
        answered.content = None;
    }
    Ok(Framed {
        frame,
        reply_to,
        thread,
        quote,
    })
}

/// The Matrix event of the message an event answers, when we have it. An album is its first picture.
async fn event_of(scene: &Scene<'_>, quote: Option<&Quote>) -> Result<Option<OwnedEventId>, Failure> {
    let Some(quote) = quote else { return Ok(None) };
    let mut read = scene.desk.bridge.store.read().await?;
    let message = match &quote.sender {
        Some(sender) => read.find_message(&scene.key, &quote.id, sender).await?,
        None => None,
    };
    let message = match message {
        Some(message) => Some(message),
        None => read.find_message_by_id(&scene.key, &quote.id).await?,
    };
    let sender = message
        .as_ref()
        .map(|message| &message.sender)
        .or(quote.sender.as_ref());
    let target = sender.map(|sender| MessageRef {
        id: quote.id.clone(),
        sender: sender.clone(),
    });
    let first = match &target {
        Some(target) => albums::first(scene, &mut read, target, message.as_ref()).await?,
        None => None,
    };
    let shown = message.filter(|message| !albums::is_album(message));
    Ok(first.or(shown).and_then(|message| message.event))
}

async fn event_of_message(scene: &Scene<'_>, message: &MessageRef) -> Result<Option<OwnedEventId>, Failure> {
    let quote = Quote {
        id: message.id.clone(),
        sender: Some(message.sender.clone()),
        text: None,
        content: None,
    };
    event_of(scene, Some(&quote)).await
}

/// What is stored of an answered message, in whichever chat of the device.
async fn known(scene: &Scene<'_>, quote: &Quote) -> Result<Option<Message>, Failure> {
    let mut read = scene.desk.bridge.store.read().await?;
    let found = read.find_message_anywhere(&scene.key, &quote.id).await?;
    Ok(found.filter(|found| found.content.is_some() || found.text.is_some()))
}

/// An answered message as lines of a quote: what came along of it, else what is stored.
async fn quoted(scene: &Scene<'_>, quote: &Quote, known: Option<&Message>) -> Result<Option<String>, Failure> {
    let content = match (&quote.content, known) {
        (Some(content), _) => Some(&**content),
        (None, Some(known)) if quote.text.is_none() => known.content.as_ref(),
        (None, _) => None,
    };
    let stored = known.and_then(|known| known.text.clone());
    let words = content.map(words_in).or_else(|| quote.text.clone()).or(stored);
    let Some(mut words) = words else { return Ok(None) };
    if let Some(content) = content {
        // They are named, not rung.
        let people = people::named(scene, content).await?;
        for mention in people::mentions(content) {
            if let Some(pill) = people.pill(&mention.who) {
                words = words.replace(&mention.token, &format!("@{}", pill.name));
            }
        }
    }
    let who = quote.sender.as_ref().or(known.map(|known| &known.sender));
    let name = match who {
        Some(who) => Some(people::name(scene, who).await?),
        None => None,
    };
    Ok(lines(name.as_deref(), &words))
}

/// What came along of an answered message.
fn words_of(quote: &Quote) -> Option<String> {
    quote.content.as_deref().map(words_in).or_else(|| quote.text.clone())
}

/// What a message says, or in a word what it is, or both.
fn words_in(content: &Content) -> String {
    let words = content.text().filter(|words| !words.is_empty());
    match (content, words) {
        (Content::Text(_) | Content::Told(_), words) => words.unwrap_or_default().to_owned(),
        (other, Some(words)) => format!("[{}] {words}", other.kind()),
        (other, None) => format!("[{}]", other.kind()),
    }
}

/// Words as lines of a quote, after the name of who said them.
fn lines(name: Option<&str>, words: &str) -> Option<String> {
    let mut all = words.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut quote = String::new();
    for line in all.by_ref().take(QUOTED_LINES) {
        let start = match (quote.is_empty(), name) {
            (true, Some(name)) => format!("> <{name}> "),
            (true, None) => "> ".to_owned(),
            (false, _) => "\n> ".to_owned(),
        };
        let more = if line.chars().nth(QUOTED_LETTERS).is_some() {
            "…"
        } else {
            ""
        };
        let line: String = line.chars().take(QUOTED_LETTERS).collect();
        quote.extend([start.as_str(), line.as_str(), more]);
    }
    if all.next().is_some() {
        quote.push_str("\n> …");
    }
    Some(quote).filter(|quote| !quote.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b04_a_quote_names_who_said_it_and_is_short() {
        assert_eq!(lines(Some("Ana"), "one\n\n two").as_deref(), Some("> <Ana> one\n> two"));
        assert_eq!(lines(None, "one").as_deref(), Some("> one"));
        assert_eq!(lines(Some("Ana"), " \n"), None);
        let long = lines(None, &"é".repeat(400)).unwrap();
        assert_eq!(long.chars().count(), "> ".len() + QUOTED_LETTERS + 1);
        let many = lines(None, "1\n2\n3\n4\n5\n6\n7").unwrap();
        assert!(many.ends_with("\n> 5\n> …"), "{many}");
    }

    #[test]
    fn b04_what_has_no_words_is_named() {
        assert_eq!(words_in(&Content::words("hi")), "hi");
        assert_eq!(words_in(&Content::Album { announced: 2, films: 0 }), "[album]");
        assert_eq!(words_in(&Content::Told("paid".into())), "paid");
    }
}
