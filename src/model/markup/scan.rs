//! Finds the markup in one line: what could be a delimiter, and which ones belong together. One pass, left to right.
//!
//! The rules (WhatsApp's help page "How to format your messages", and what its apps do where it is silent): a delimiter
//! opens after the start or something that is no letter or digit, and before something that is no space; it closes the
//! other way round. Pairs never cross and a style is not within itself. In code and addresses nothing is a delimiter.

use std::collections::HashSet;

use super::Style;

/// A piece of a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Token<'a> {
    Text(&'a str),
    Delimiter {
        style: Style,
        opens: bool,
        closes: bool,
    },
    /// What stands between backquotes.
    Code(&'a str),
    Link(&'a str),
    Mention(&'a str),
}

/// A token and the bytes it takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Spot<'a> {
    pub(super) token: Token<'a>,
    pub(super) from: usize,
    pub(super) to: usize,
}

/// Three of them stand around code that may hold single ones.
pub(super) const FENCE: &str = "```";

/// Cuts a line into tokens.
pub(super) fn scan<'a>(line: &'a str, mentions: &HashSet<&str>) -> Vec<Spot<'a>> {
    let mut scanner = Scanner {
        line,
        mentions,
        spots: Vec::new(),
        text_from: 0,
        has_fences: true,
    };
    let (mut at, mut before) = (0, None);
    while let Some(letter) = line[at..].chars().next() {
        let next = match scanner.token(at, letter, before) {
            Some((token, length)) => {
                scanner.push(token, at, length);
                at + length
            }
            None => at + letter.len_utf8(),
        };
        before = line[at..next].chars().next_back();
        at = next;
    }
    scanner.flush(at);
    scanner.spots
}

/// The other end of each delimiter that has one.
pub(super) fn partners(spots: &[Spot<'_>]) -> Vec<Option<usize>> {
    let mut partners = vec![None; spots.len()];
    // At most one for each style.
    let mut open: Vec<(Style, usize)> = Vec::new();
    for (at, spot) in spots.iter().enumerate() {
        let Token::Delimiter { style, opens, closes } = spot.token else {
            continue;
        };
        match open.iter().position(|(other, _)| *other == style) {
            Some(place) if closes => {
                let from = open[place].1;
                partners[from] = Some(at);
                partners[at] = Some(from);
                // What was opened since would cross.
                open.truncate(place);
            }
            None if opens => open.push((style, at)),
            _ => {}
        }
    }
    partners
}

struct Scanner<'a, 'm> {
    line: &'a str,
    mentions: &'m HashSet<&'m str>,
    spots: Vec<Spot<'a>>,
    text_from: usize,
    /// Whether there may be another fence ahead: without it a line of backquotes would be searched again and again.
    has_fences: bool,
}

impl<'a> Scanner<'a, '_> {
    fn push(&mut self, token: Token<'a>, from: usize, length: usize) {
        self.flush(from);
        let to = from + length;
        self.spots.push(Spot { token, from, to });
        self.text_from = to;
    }

    fn flush(&mut self, to: usize) {
        let from = self.text_from;
        if from < to {
            let token = Token::Text(&self.line[from..to]);
            self.spots.push(Spot { token, from, to });
        }
    }

    /// What begins here and how long it is; nothing when it is a letter like others.
    fn token(&mut self, at: usize, letter: char, before: Option<char>) -> Option<(Token<'a>, usize)> {
        let rest = &self.line[at..];
        let in_word = before.is_some_and(char::is_alphanumeric);
        match letter {
            '`' => self.fenced(rest).or_else(|| quoted(rest, in_word)),
            'h' | 'H' if !in_word => link(rest),
            '@' if !in_word => self.mention(rest),
            _ => delimiter(rest, letter, before),
        }
    }

    fn fenced(&mut self, rest: &'a str) -> Option<(Token<'a>, usize)> {
        let inside = rest.strip_prefix(FENCE).filter(|_| self.has_fences)?;
        let Some(end) = inside.find(FENCE) else {
            self.has_fences = false;
            return None;
        };
        let code = &inside[..end];
        (!code.trim().is_empty()).then_some((Token::Code(code), end + 2 * FENCE.len()))
    }

    fn mention(&self, rest: &'a str) -> Option<(Token<'a>, usize)> {
        if self.mentions.is_empty() {
            return None;
        }
        let until = |belongs: fn(char) -> bool| {
            let end = rest[1..].find(|c| !belongs(c)).map_or(rest.len(), |end| end + 1);
            &rest[..end]
        };
        let digits = until(|c| c.is_ascii_digit());
        let name = until(|c| c.is_ascii_alphanumeric() || c == '_');
        [digits, name, name.trim_end_matches('_')]
            .into_iter()
            .find(|token| self.mentions.contains(token))
            .map(|token| (Token::Mention(token), token.len()))
    }
}

fn delimiter<'a>(rest: &str, letter: char, before: Option<char>) -> Option<(Token<'a>, usize)> {
    let style = Style::of(letter)?;
    let after = rest[1..].chars().next();
    let touches = |side: Option<char>| side.is_some_and(|c| !c.is_whitespace() && c != letter);
    let is_border = |side: Option<char>| !side.is_some_and(char::is_alphanumeric);
    let opens = is_border(before) && touches(after);
    let closes = touches(before) && is_border(after);
    (opens || closes).then_some((Token::Delimiter { style, opens, closes }, 1))
}

/// Code between single backquotes.
fn quoted(rest: &str, in_word: bool) -> Option<(Token<'_>, usize)> {
    let inside = &rest[1..];
    let end = inside.find('`')?;
    let (code, after) = (&inside[..end], &inside[end + 1..]);
    let is_tight = !code.is_empty() && !code.starts_with(char::is_whitespace) && !code.ends_with(char::is_whitespace);
    let is_within = in_word || after.starts_with(char::is_alphanumeric);
    (is_tight && !is_within).then_some((Token::Code(code), end + 2))
}

/// An address up to the next space, without what usually ends a sentence or a style.
fn link(rest: &str) -> Option<(Token<'_>, usize)> {
    let has = |scheme: &&str| {
        let start = rest.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    let scheme = ["https://", "http://"].into_iter().find(has)?;
    let end = rest
        .find(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '`'))
        .unwrap_or(rest.len());
    let address = rest[..end].trim_end_matches(|c: char| "*_~.,;:!?)]}'".contains(c));
    (address.len() > scheme.len()).then_some((Token::Link(address), address.len()))
}
