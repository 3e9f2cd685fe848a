//! Markup as a tree. It reads every text: what is no markup is words.

use std::collections::HashSet;

use super::{
    Block, Inline, Line, Mention, Style, push_text,
    scan::{self, FENCE, Token},
};

/// Reads a text. Of `mentions` (`@15550001111`), those that stand in it are mentions; no other `@` is.
pub(crate) fn parse(text: &str, mentions: &[&str]) -> Vec<Block> {
    let mut parser = Parser {
        mentions: mentions.iter().copied().collect(),
        blocks: Vec::new(),
        has_fences: true,
    };
    let mut rest = Some(text);
    while let Some(text) = rest {
        rest = parser.step(text);
    }
    parser.blocks
}

/// A text in which nothing is markup: its lines as they are, with addresses and mentions.
pub(crate) fn parse_plain(text: &str, mentions: &[&str]) -> Vec<Block> {
    let mentions = mentions.iter().copied().collect();
    let lines = text.split('\n').map(|line| {
        let mut words = Line::new();
        for spot in scan::scan(line, &mentions) {
            match spot.token {
                Token::Mention(token) => words.push(mention(token)),
                _ => push_text(&mut words, &line[spot.from..spot.to]),
            }
        }
        words
    });
    vec![Block::Paragraph(lines.collect())]
}

struct Parser<'a> {
    mentions: HashSet<&'a str>,
    blocks: Vec<Block>,
    /// Whether there may be another fence ahead: without it every open one would search the whole text.
    has_fences: bool,
}

impl Parser<'_> {
    /// Takes one line, or more when preformatted letters cross its end, and returns what follows.
    fn step<'t>(&mut self, text: &'t str) -> Option<&'t str> {
        let (line, rest) = match text.split_once('\n') {
            Some((line, rest)) => (line, Some(rest)),
            None => (text, None),
        };
        if let Some(words) = quote(line) {
            self.quote(words);
        } else if let Some((number, words)) = item(line) {
            self.item(number, words);
        } else if let Some((at, code, rest)) = self.preformatted(text, line.len()) {
            if at > 0 {
                self.paragraph(&text[..at]);
            }
            // Fences often stand on lines of their own.
            let code = code.trim_matches('\n').to_owned();
            self.blocks.push(Block::Preformatted(code));
            return match rest.strip_prefix('\n') {
                Some(rest) => Some(rest),
                None => Some(rest).filter(|rest| !rest.is_empty()),
            };
        } else {
            self.paragraph(line);
        }
        rest
    }

    /// Finds letters between fences that begin in the line at the start of a text and are no part of it alone: they are
    /// the whole line, or go beyond its end. Returns where they begin, what they are and what follows.
    fn preformatted<'t>(&mut self, text: &'t str, line: usize) -> Option<(usize, &'t str, &'t str)> {
        let mut at = 0;
        while let Some(found) = text[at..line].find(FENCE).filter(|_| self.has_fences) {
            let from = at + found;
            let inside = &text[from + FENCE.len()..];
            let Some(length) = inside.find(FENCE) else {
                self.has_fences = false;
                return None;
            };
            let (code, rest) = (&inside[..length], &inside[length + FENCE.len()..]);
            let end = text.len() - rest.len();
            let is_whole = from == 0 && end == line;
            if !code.trim().is_empty() && (end > line || is_whole) {
                return Some((from, code, rest));
            }
            let is_blank = code.trim().is_empty();
            at = if is_blank { end - FENCE.len() } else { end };
            if at > line {
                return None;
            }
        }
        None
    }

    fn quote(&mut self, words: &str) {
        let line = self.line(words);
        match self.blocks.last_mut() {
            Some(Block::Quote(lines)) => lines.push(line),
            _ => self.blocks.push(Block::Quote(vec![line])),
        }
    }

    fn item(&mut self, number: Option<u32>, words: &str) {
        let line = self.line(words);
        if let Some(Block::List { start, items }) = self.blocks.last_mut()
            && next_number(*start, items.len()) == number
        {
            items.push(line);
            return;
        }
        self.blocks.push(Block::List {
            start: number,
            items: vec![line],
        });
    }

    fn paragraph(&mut self, words: &str) {
        let line = self.line(words);
        match self.blocks.last_mut() {
            Some(Block::Paragraph(lines)) => lines.push(line),
            _ => self.blocks.push(Block::Paragraph(vec![line])),
        }
    }

    fn line(&self, words: &str) -> Line {
        let spots = scan::scan(words, &self.mentions);
        let partners = scan::partners(&spots);
        // Three styles, none within itself: never deeper than four.
        let mut open: Vec<(Style, Line)> = Vec::new();
        let mut line = Line::new();
        for (at, spot) in spots.iter().enumerate() {
            match spot.token {
                Token::Delimiter { style, .. } if partners[at].is_some_and(|other| other > at) => {
                    open.push((style, std::mem::take(&mut line)));
                }
                Token::Delimiter { .. } if partners[at].is_some() => {
                    if let Some((style, before)) = open.pop() {
                        let inside = std::mem::replace(&mut line, before);
                        line.push(Inline::Styled(style, inside));
                    }
                }
                Token::Delimiter { .. } => push_text(&mut line, &words[spot.from..spot.to]),
                Token::Text(text) => push_text(&mut line, text),
                Token::Code(code) => {
                    // Spaces at its borders belong outside of it, as HTML has them.
                    let (end, start) = (code.trim_end(), code.trim_start());
                    push_text(&mut line, &code[..code.len() - start.len()]);
                    line.push(Inline::Code(code.trim().to_owned()));
                    push_text(&mut line, &code[end.len()..]);
                }
                Token::Link(address) => line.push(Inline::Link(address.to_owned())),
                Token::Mention(token) => line.push(mention(token)),
            }
        }
        line
    }
}

fn mention(token: &str) -> Inline {
    Inline::Mention(Mention {
        token: token.to_owned(),
        label: token.to_owned(),
    })
}

/// The number that continues a list, if it has numbers.
pub(crate) fn next_number(start: Option<u32>, items: usize) -> Option<u32> {
    start.map(|start| start.saturating_add(u32::try_from(items).unwrap_or(u32::MAX)))
}

fn quote(line: &str) -> Option<&str> {
    line.strip_prefix("> ").filter(|words| !words.trim().is_empty())
}

/// `- point`, `* point`, `1. point`.
fn item(line: &str) -> Option<(Option<u32>, &str)> {
    let (number, words) = if let Some(words) = line.strip_prefix("- ").or_else(|| line.strip_prefix("* ")) {
        (None, words)
    } else {
        // Nine digits always fit; a zero in front would be lost.
        let digits = line.bytes().take(10).take_while(u8::is_ascii_digit).count();
        let is_number = (1..10).contains(&digits) && (digits == 1 || !line.starts_with('0'));
        let number = line.get(..digits).filter(|_| is_number)?.parse().ok()?;
        (Some(number), line[digits..].strip_prefix(". ")?)
    };
    (!words.trim().is_empty()).then_some((number, words))
}
