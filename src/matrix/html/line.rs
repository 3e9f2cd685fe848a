//! One line of words as it is read out of HTML: which styles are open, and where words go.

use std::rc::Rc;

use ruma::{MatrixToUri, MatrixUri, OwnedUserId, matrix_uri::MatrixId};

use crate::model::markup::{Inline, Line, Mention, Style, push_text};

/// What surrounds words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Span {
    Styled(Style),
    Code,
    /// A link to there; shared, for it may go on through many lines.
    Link(Rc<str>),
}

impl Span {
    /// Whether it is the same as far as HTML's end tags tell.
    fn is_like(&self, other: &Self) -> bool {
        matches!((self, other), (Self::Link(_), Self::Link(_))) || self == other
    }
}

struct Open {
    span: Span,
    /// How often it was opened: within itself it changes nothing.
    times: u32,
    inside: Line,
}

/// Gathers the words of one line after the other.
#[derive(Default)]
pub(super) struct Builder {
    line: Line,
    /// Each span at most once: never deeper than five.
    open: Vec<Open>,
    /// A space that is there if a word follows.
    has_space: bool,
    /// Whether something stands in the line.
    has_words: bool,
}

impl Builder {
    /// Words in which white space is folded as HTML says.
    pub(super) fn words(&mut self, text: &str) {
        let mut run = String::new();
        for letter in text.chars() {
            if matches!(letter, ' ' | '\t' | '\n' | '\r' | '\u{c}') {
                self.has_space = self.has_words;
                continue;
            }
            if std::mem::take(&mut self.has_space) {
                run.push(' ');
            }
            run.push(if letter == '\u{a0}' { ' ' } else { letter });
            self.has_words = true;
        }
        self.literally(&run);
    }

    /// Words as they are.
    pub(super) fn literally(&mut self, text: &str) {
        self.has_words |= !text.is_empty();
        let line = self.open.last_mut().map_or(&mut self.line, |open| &mut open.inside);
        push_text(line, text);
    }

    pub(super) fn open(&mut self, span: Span) {
        let known = self.open.iter_mut().find(|open| open.span.is_like(&span));
        match known {
            Some(open) => open.times += 1,
            None => self.open.push(Open {
                span,
                times: 1,
                inside: Line::new(),
            }),
        }
    }

    /// Closes a span, and with it what was opened within.
    pub(super) fn close(&mut self, span: &Span) {
        let Some(at) = self.open.iter().position(|open| open.span.is_like(span)) else {
            return;
        };
        self.open[at].times -= 1;
        if self.open[at].times > 0 {
            return;
        }
        while self.open.len() > at {
            self.close_last(true);
        }
    }

    /// Ends the line; the spans go on in the next one. Nothing when nothing stands in it.
    pub(super) fn end(&mut self) -> Option<Line> {
        let spans: Vec<_> = self.open.iter().map(|open| (open.span.clone(), open.times)).collect();
        while !self.open.is_empty() {
            self.close_last(false);
        }
        self.open = spans
            .into_iter()
            .map(|(span, times)| Open {
                span,
                times,
                inside: Line::new(),
            })
            .collect();
        self.has_space = false;
        let line = std::mem::take(&mut self.line);
        std::mem::take(&mut self.has_words).then_some(line)
    }

    /// `is_end` is false when the span goes on in the next line.
    fn close_last(&mut self, is_end: bool) {
        let Some(Open { span, inside, .. }) = self.open.pop() else {
            return;
        };
        let (before, inside, after) = hoisted(inside);
        let line = self.open.last_mut().map_or(&mut self.line, |open| &mut open.inside);
        push_text(line, &before);
        match span {
            // An address that surrounds a picture without words is worth as much as before.
            Span::Link(href) if is_end => push_link(line, inside, &href),
            _ if inside.is_empty() => {}
            Span::Link(_) => append(line, inside),
            Span::Styled(style) => line.push(Inline::Styled(style, inside)),
            Span::Code => line.push(Inline::Code(flat(&inside))),
        }
        push_text(line, &after);
        self.has_words |= !line.is_empty();
    }
}

/// Spaces at the borders of a style belong outside of it: WhatsApp knows no others.
fn hoisted(mut inside: Line) -> (String, Line, String) {
    let (mut before, mut after) = (String::new(), String::new());
    if let Some(Inline::Text(text)) = inside.first_mut() {
        let words = text.trim_start();
        before.push_str(&text[..text.len() - words.len()]);
        *text = words.to_owned();
    }
    if let Some(Inline::Text(text)) = inside.last_mut() {
        let words = text.trim_end();
        after.push_str(&text[words.len()..]);
        text.truncate(text.len() - after.len());
    }
    inside.retain(|inline| !matches!(inline, Inline::Text(text) if text.is_empty()));
    (before, inside, after)
}

fn append(line: &mut Line, inside: Line) {
    for inline in inside {
        match inline {
            Inline::Text(text) => push_text(line, &text),
            other => line.push(other),
        }
    }
}

/// People as mentions; rooms by their name; other addresses after the words, unless the words say the same.
fn push_link(line: &mut Line, inside: Line, href: &str) {
    let label = flat(&inside);
    match target(href) {
        Target::User(user) => {
            let label = if label.is_empty() { user.to_string() } else { label };
            let token = user.to_string();
            line.push(Inline::Mention(Mention { token, label }));
        }
        Target::Room if !label.is_empty() => append(line, inside),
        Target::Elsewhere if href.is_empty() => append(line, inside),
        Target::Room | Target::Elsewhere if label.is_empty() => line.push(Inline::Link(href.to_owned())),
        Target::Elsewhere if label == href => line.push(Inline::Link(label)),
        Target::Elsewhere if is_same(&label, href) => append(line, inside),
        Target::Room | Target::Elsewhere => {
            append(line, inside);
            push_text(line, " (");
            line.push(Inline::Link(href.to_owned()));
            push_text(line, ")");
        }
    }
}

fn is_same(label: &str, href: &str) -> bool {
    let bare = ["https://", "http://", "mailto:"]
        .into_iter()
        .find_map(|scheme| href.strip_prefix(scheme))
        .unwrap_or(href);
    let slashless = |text: &str| text.strip_suffix('/').unwrap_or(text).to_lowercase();
    [slashless(href), slashless(bare)].contains(&slashless(label))
}

enum Target {
    User(OwnedUserId),
    Room,
    Elsewhere,
}

fn target(href: &str) -> Target {
    let id = MatrixToUri::parse(href)
        .map(|uri| uri.id().clone())
        .or_else(|_| MatrixUri::parse(href).map(|uri| uri.id().clone()));
    match id {
        Ok(MatrixId::User(user)) => Target::User(user),
        Ok(_) => Target::Room,
        Err(_) => Target::Elsewhere,
    }
}

/// The words alone. Never deeper than five.
fn flat(line: &[Inline]) -> String {
    line.iter()
        .map(|inline| match inline {
            Inline::Text(text) | Inline::Code(text) | Inline::Link(text) => text.clone(),
            Inline::Mention(mention) => mention.label.clone(),
            Inline::Styled(_, inside) => flat(inside),
        })
        .collect()
}
