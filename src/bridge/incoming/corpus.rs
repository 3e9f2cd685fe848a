//! What a room shows of WhatsApp's messages: each file of `tests/corpus/whatsapp`, from the bytes to the Matrix events.
//!
//! The events come from the functions that shape them for every room; what those ask of others is fixed here: which event
//! a message is, where files are, who is who. A file may name another one that holds the message it acts on (`about`).
//! With `WHARF_BLESS` set, what is said of the action and the events is written anew; whoever does that reads the
//! difference.

use std::{
    fs,
    path::{Path, PathBuf},
};

use ruma::{EventId, OwnedMxcUri, event_id};
use serde_json::{Value, json};

use super::{
    changes, keeping, marks,
    media::{self, Brought},
    places, polls, sealed,
};
use crate::{
    bridge::Config,
    matrix::{
        html::Pill,
        outgoing::{self, Around, Message, Thread},
    },
    model::{Action, Content, Home, Say, Sender},
    network::whatsapp,
};

/// The event of the message that something is done to.
fn target() -> &'static EventId {
    event_id!("$target:hs.test")
}

/// A file that the homeserver has.
fn file(name: &str) -> OwnedMxcUri {
    OwnedMxcUri::from(format!("mxc://hs.test/{name}"))
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/whatsapp")
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Who stands for somebody.
fn pill(who: &Sender) -> Option<Pill> {
    let (user, name) = match who {
        Sender::Owner => ("alice".to_owned(), "alice".to_owned()),
        Sender::Contact(contact) => (
            format!("whatsapp_{}", contact.as_str()),
            format!("+{}", contact.as_str()),
        ),
    };
    let user = format!("@{user}:hs.test").try_into().ok()?;
    Some(Pill { user, name })
}

/// A content as if all that belongs to it was given to the homeserver.
fn brought(content: &Content) -> Brought {
    let as_it_is = Brought::as_it_is(content);
    let picture = |there: bool| there.then(|| file("picture"));
    match content {
        Content::Media(media) => {
            let home = media.home.clone().unwrap_or_else(|| Home {
                file: file("file"),
                picture: picture(media.thumbnail.is_some()),
            });
            media::at_home(content, media, &home)
        }
        Content::Contacts(_) => Brought {
            cards: Some(file("cards")),
            ..as_it_is
        },
        Content::Location(location) => Brought {
            picture: picture(location.thumbnail.is_some()),
            ..as_it_is
        },
        Content::Text(text) => Brought {
            picture: picture(text.preview.as_ref().is_some_and(|preview| preview.thumbnail.is_some())),
            ..as_it_is
        },
        Content::Poll(_)
        | Content::Appointment(_)
        | Content::Invitation(_)
        | Content::Album { .. }
        | Content::Call(_)
        | Content::Told(_)
        | Content::Awaited
        | Content::Unsupported(_) => as_it_is,
    }
}

/// What the message said that something is done to, as it is remembered.
fn before(file: &Value) -> Option<Content> {
    let other = folder().join(format!("{}.json", file["about"].as_str()?));
    match whatsapp::becomes(&read(&other)) {
        Some(Action::Say(Say {
            content: Content::Media(mut media),
            ..
        })) => {
            media.home = Some(Home {
                file: self::file("before"),
                picture: None,
            });
            Some(Content::Media(media))
        }
        Some(Action::Say(say)) => Some(say.content),
        other => panic!("nothing is done to {other:?}"),
    }
}

/// Other content in the place of what a message said.
fn in_place(before: &Content, content: &Content) -> Vec<Message> {
    let brought = brought(content);
    let around = Around {
        pill: &pill,
        picture: brought.picture.as_deref(),
        cards: brought.cards.as_deref(),
        ..Around::nothing()
    };
    let said = Say {
        content: brought.content.clone(),
        ..Say::default()
    };
    outgoing::edit(&[target()], before.event_kind(), &said, &around)
}

fn said(say: &Say, before: Option<&Content>) -> Vec<Message> {
    if let (Content::Location(now), Some(shown @ Content::Location(was))) = (&say.content, before) {
        return in_place(shown, &Content::Location(places::joined(Some(was), now)));
    }
    let brought = brought(&say.content);
    let accept = format!("{} accept", Config::default().command_prefix);
    let around = Around {
        reply_to: say.reply_to.as_ref().map(|_| event_id!("$answered:hs.test")),
        quote: None,
        thread: say.thread.as_ref().map(|_| Thread {
            root: event_id!("$began:hs.test"),
            latest: None,
        }),
        pill: &pill,
        picture: brought.picture.as_deref(),
        cards: brought.cards.as_deref(),
        accept: Some(&accept),
    };
    let shown = Say {
        content: brought.content.clone(),
        ..say.clone()
    };
    outgoing::say(&shown, &around)
}

/// Events of whoever said it.
fn shown(messages: impl IntoIterator<Item = Message>) -> Vec<Value> {
    let event = |it: Message| json!({"type": it.event_type, "content": it.content});
    messages.into_iter().map(event).collect()
}

/// A line of the bot.
fn by_bot(content: &Value) -> Vec<Value> {
    vec![json!({"type": outgoing::MESSAGE, "content": content, "by": "bot"})]
}

fn redaction(of: &str) -> Vec<Value> {
    vec![json!({"type": "m.room.redaction", "redacts": of})]
}

/// The events that a room shows of an action.
fn events(action: &Action, before: Option<&Content>, by: &Sender) -> Vec<Value> {
    let words = Content::words("before");
    let was = before.unwrap_or(&words);
    let name = if *by == Sender::Owner { "You" } else { "Ana" };
    match action {
        Action::Say(say) => shown(said(say, before)),
        Action::Edit { content, .. } => {
            let content = media::edited(before, content, whatsapp::is_same_file);
            shown(in_place(was, &content))
        }
        Action::Move { place, course, .. } => {
            let Content::Location(shared) = was else {
                panic!("{was:?} moves on")
            };
            let now = places::joined(Some(shared), &places::live_at(*place, *course));
            shown(in_place(was, &Content::Location(now)))
        }
        Action::Delete { .. } => redaction(target().as_str()),
        Action::React { emoji: Some(mark), .. } => shown([outgoing::reaction(target(), mark)]),
        Action::React { emoji: None, .. } => redaction("$mark:hs.test"),
        Action::Vote { options, .. } => {
            let Content::Poll(asked) = was else {
                panic!("a vote about {was:?}")
            };
            shown([polls::voted(target(), asked, options).0])
        }
        Action::AddOption { option, .. } => {
            let asked = polls::extended(before, option).unwrap_or_else(|| panic!("an option of {was:?}"));
            shown(in_place(was, &asked))
        }
        Action::Attend { answer, guests, .. } => shown(marks::attending(target(), (*answer, *guests))),
        Action::Pin { pinned, .. } => {
            let pinned: Vec<&EventId> = pinned.then(target).into_iter().collect();
            vec![json!({"type": "m.room.pinned_events", "state_key": "", "content": {"pinned": pinned}, "by": "bot"})]
        }
        Action::Keep { kept, .. } => by_bot(&keeping::told(by, name, target(), *kept)),
        Action::Timer(seconds) => by_bot(&changes::timer_told(by, name, *seconds)),
        // What it is about is not there, and never comes.
        Action::Sealed { kind, .. } => by_bot(&outgoing::notice(&format!("{name} {}", sealed::deed(*kind)), None)),
        Action::Stray
        | Action::Forget { .. }
        | Action::EndPoll { .. }
        | Action::Discard
        | Action::Clear { .. }
        | Action::Group(_)
        | Action::Typing(_)
        | Action::Mark(_)
        | Action::Name(_)
        | Action::Read { .. } => panic!("no message says {action:?}"),
    }
}

#[test]
fn every_message_of_the_corpus_becomes_the_events_it_became() {
    let mut files: Vec<PathBuf> = fs::read_dir(folder())
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() >= 100, "the corpus is there");
    for path in files {
        let mut file = read(&path);
        let by = if file["owner"] == json!(true) {
            Sender::Owner
        } else {
            Sender::Contact(crate::model::ContactId::from_adapter("15550001111"))
        };
        let action = whatsapp::becomes(&file);
        let before = before(&file);
        let events = action
            .as_ref()
            .map_or_else(Vec::new, |action| events(action, before.as_ref(), &by));
        let becomes = serde_json::to_value(&action).unwrap();
        if std::env::var_os("WHARF_BLESS").is_some() {
            file["becomes"] = becomes;
            file["events"] = json!(events);
            fs::write(&path, format!("{file:#}\n")).unwrap();
        } else {
            assert_eq!(becomes, file["becomes"], "{}", path.display());
            assert_eq!(json!(events), file["events"], "{}", path.display());
        }
    }
}
