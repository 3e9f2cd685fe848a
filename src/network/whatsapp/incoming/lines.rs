//! Readable text put together line by line, under a picture, film or file or without one. Nothing is left out: what has no
//! words is named in brackets.

use whatsapp_rust::waproto::whatsapp as wa;

use super::{Scene, filled, media, money, places};
use crate::model::{Content, Location, Media, MediaKind, Text};

/// Lines of words, and what they stand under.
#[derive(Default)]
pub(super) struct Lines {
    lines: Vec<String>,
    shown: Option<Box<Media>>,
}

impl Lines {
    /// A line as it is.
    pub(super) fn say(&mut self, words: Option<&String>) {
        self.lines.extend(filled(words).map(ToOwned::to_owned));
    }

    /// Something to choose.
    pub(super) fn option(&mut self, words: Option<&String>) {
        self.lines.extend(filled(words).map(|words| format!("• {words}")));
    }

    /// Something that has no words.
    pub(super) fn name(&mut self, what: &str) {
        self.lines.push(format!("[{what}]"));
    }

    /// Something whose words are about it.
    pub(super) fn named(&mut self, what: &str, words: &[Option<&str>]) {
        let words: Vec<&str> = words.iter().copied().flatten().collect();
        if words.is_empty() {
            return self.name(what);
        }
        self.lines.push(format!("[{what}] {}", words.join(", ")));
    }

    /// Whether there is nothing yet.
    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.shown.is_none()
    }

    /// Lines that follow.
    pub(super) fn append(&mut self, other: Self) {
        self.lines.extend(other.lines);
        self.shown = self.shown.take().or(other.shown);
    }

    /// So many of something.
    pub(super) fn count(&mut self, many: usize, what: &str) {
        match many {
            1 => self.name(&format!("1 {what}")),
            many => self.name(&format!("{many} {what}s")),
        }
    }

    /// Something that is a message where it stands alone. The first picture, film or file stands over the words; one of
    /// which no words can stand is named.
    pub(super) fn part(&mut self, part: &wa::Message, scene: &Scene<'_>) {
        self.tries(part, scene);
    }

    /// The same; whether it was such a message.
    pub(super) fn tries(&mut self, part: &wa::Message, scene: &Scene<'_>) -> bool {
        let found = media::read(part, false, scene)
            .or_else(|| places::read(part))
            .or_else(|| money::read(part, scene));
        match found.map(|found| found.content) {
            Some(Content::Media(media)) if self.shown.is_none() && media.kind != MediaKind::Sticker => {
                self.shown = Some(media);
            }
            Some(Content::Media(media)) => {
                self.name(media.kind.name());
                self.lines.extend(media.caption.map(|caption| caption.body));
            }
            Some(Content::Location(location)) => self.lines.push(place_in_words(&location)),
            Some(Content::Told(words)) => self.lines.push(words),
            Some(other) => self.name(other.kind()),
            None => return false,
        }
        true
    }

    /// Something with lines of its own, among others; its picture is named.
    pub(super) fn card(&mut self, mut card: Self) {
        if let Some(media) = card.shown.take() {
            if let Some(caption) = media.caption {
                card.lines.insert(0, caption.body);
            }
            card.name(media.kind.name());
        }
        if card.lines.is_empty() {
            card.name("card");
        }
        let mut lines = card.lines.into_iter();
        self.lines.extend(lines.next().map(|first| format!("• {first}")));
        self.lines.extend(lines);
    }

    /// All of it; a notice of this kind when there is nothing.
    pub(super) fn told(self, kind: &str) -> Content {
        let Some(mut media) = self.shown else {
            return if self.lines.is_empty() {
                Content::Unsupported(kind.to_owned())
            } else {
                Content::Told(self.lines.join("\n"))
            };
        };
        if !self.lines.is_empty() {
            let words = self.lines.join("\n");
            media.caption = Some(match media.caption.take() {
                Some(own) => Text {
                    body: format!("{}\n{words}", own.body),
                    ..own
                },
                None => Text::plain(words),
            });
        }
        Content::Media(media)
    }
}

fn place_in_words(location: &Location) -> String {
    let (latitude, longitude) = (location.place.latitude, location.place.longitude);
    let geo = format!("geo:{latitude},{longitude}");
    let words = [&location.name, &location.address, &location.url];
    let mut words: Vec<&str> = words.into_iter().flatten().map(String::as_str).collect();
    words.push(&geo);
    format!("[location] {}", words.join(", "))
}
