//! The light markup of the house as a tree: `*bold*`, `_italic_`, `~strike~`, code, quotes and lists, exactly as WhatsApp
//! has it. [`parse()`] reads it, [`write_with`] writes it; Matrix speaks HTML instead (`matrix::html`).
//!
//! WhatsApp has no escape. Letters that are meant as letters may therefore be taken for markup by WhatsApp: they are
//! kept as they are, because nothing that could be put between them would be better than what people typed.
//!
//! Deliberately not here: who is mentioned. A mention is a token that is listed beside the text.

mod parse;
mod scan;
#[cfg(test)]
pub(crate) mod tests;
mod write;

pub(crate) use parse::{next_number, parse, parse_plain};
pub(crate) use write::{write, write_with};

/// A part of a text with lines of its own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Block {
    /// Lines of words; a line may be empty.
    Paragraph(Vec<Line>),
    /// Lines of somebody else.
    Quote(Vec<Line>),
    /// Points, one line each.
    List {
        /// The number of the first one; `None` when they have bullets.
        start: Option<u32>,
        /// The points.
        items: Vec<Line>,
    },
    /// Letters of one width in which nothing is markup.
    Preformatted(String),
}

/// One line of words: formatting never crosses its end.
pub(crate) type Line = Vec<Inline>;

/// A part of a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Inline {
    /// Words as they are.
    Text(String),
    /// Words in a style.
    Styled(Style, Vec<Inline>),
    /// Letters of one width in which nothing is markup.
    Code(String),
    /// An address, in which nothing is markup.
    Link(String),
    /// Somebody who is called.
    Mention(Mention),
}

/// Somebody who is called in a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Mention {
    /// Who: the token in the text, or the Matrix user of a pill.
    pub(crate) token: String,
    /// What stands there for people.
    pub(crate) label: String,
}

/// How words look.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Style {
    /// `*`
    Bold,
    /// `_`
    Italic,
    /// `~`
    Strike,
}

impl Style {
    /// All there are.
    pub(crate) const ALL: [Self; 3] = [Self::Bold, Self::Italic, Self::Strike];

    /// The character around such words.
    pub(crate) fn delimiter(self) -> char {
        match self {
            Self::Bold => '*',
            Self::Italic => '_',
            Self::Strike => '~',
        }
    }

    fn of(delimiter: char) -> Option<Self> {
        Self::ALL.into_iter().find(|style| style.delimiter() == delimiter)
    }
}

/// Adds words to a line, to those before them if there are any.
pub(crate) fn push_text(line: &mut Line, text: &str) {
    if text.is_empty() {
        return;
    }
    if let Some(Inline::Text(before)) = line.last_mut() {
        before.push_str(text);
    } else {
        line.push(Inline::Text(text.to_owned()));
    }
}
