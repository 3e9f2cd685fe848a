//! HTML of Matrix clients as a tree of markup. It reads everything: tags it does not know are their words.
//!
//! The tokens come from html5ever; the tree that browsers make of them is not built, because hostile HTML makes it as
//! deep as the message is long, and much larger. What is open is counted instead, so time and memory follow the length.

use std::{cell::RefCell, rc::Rc};

use html5ever::{
    Attribute, LocalName,
    tendril::StrTendril,
    tokenizer::{
        BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts, states::RawKind,
    },
};

use super::{
    context::Context,
    line::{Builder, Span},
};
use crate::model::markup::{Block, Style};

/// Addresses that a link may lead to (specification, "m.room.message msgtypes").
const SCHEMES: &[&str] = &["https:", "http:", "ftp:", "mailto:", "magnet:", "matrix:"];

/// Reads a `formatted_body`. The copy of an answered message (`mx-reply`) is left out. The tokens of mentions are the
/// ids of Matrix users.
pub(crate) fn read(html: &str) -> Vec<Block> {
    let options = TokenizerOpts {
        discard_bom: false,
        ..TokenizerOpts::default()
    };
    let tokenizer = Tokenizer::new(Sink(RefCell::default()), options);
    let queue = BufferQueue::default();
    queue.push_back(StrTendril::from_slice(html));
    // It only stops early for scripts, which it is never told of.
    let _ = tokenizer.feed(&queue);
    tokenizer.end();
    tokenizer.sink.0.into_inner().finish()
}

struct Sink(RefCell<Reader>);

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut reader = self.0.borrow_mut();
        match token {
            Token::CharacterTokens(text) => reader.words(&text),
            Token::TagToken(tag) => {
                reader.tag(&tag);
                // Between these tags nothing is a tag.
                if tag.kind == TagKind::StartTag && matches!(&*tag.name, "script" | "style") {
                    return TokenSinkResult::RawData(RawKind::Rawtext);
                }
            }
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

#[derive(Default)]
struct Reader {
    context: Context,
    line: Builder,
    /// What was preformatted so far, between such tags.
    preformatted: Option<String>,
    /// What is left out with everything in it, and how often it was opened within itself.
    hidden: Option<(LocalName, u32)>,
    /// Whether the row of a table has a cell.
    has_cell: bool,
}

impl Reader {
    fn words(&mut self, text: &str) {
        if self.hidden.is_some() {
            return;
        }
        match &mut self.preformatted {
            Some(code) => code.push_str(text),
            None => self.line.words(text),
        }
    }

    fn tag(&mut self, tag: &Tag) {
        let is_start = tag.kind == TagKind::StartTag;
        if let Some((name, times)) = &mut self.hidden {
            if *name == tag.name {
                *times = if is_start { *times + 1 } else { *times - 1 };
                if *times == 0 {
                    self.hidden = None;
                }
            }
        } else if let Some(code) = &mut self.preformatted {
            match &*tag.name {
                "br" => code.push('\n'),
                "pre" if !is_start => self.end_preformatted(),
                _ => {}
            }
        } else if is_start {
            self.start(tag);
        } else {
            self.end(&tag.name);
        }
    }

    fn start(&mut self, tag: &Tag) {
        match &*tag.name {
            "mx-reply" | "script" | "style" => self.hidden = Some((tag.name.clone(), 1)),
            "br" => {
                let line = self.line.end().unwrap_or_default();
                self.context.push(line);
            }
            "hr" => {
                self.end_line();
                self.line.literally("---");
                self.end_line();
            }
            "pre" => {
                self.end_line();
                self.preformatted = Some(String::new());
            }
            "blockquote" => {
                self.end_line();
                self.context.enter_quote();
            }
            "ul" => {
                self.end_line();
                self.context.enter_list(None);
            }
            "ol" => {
                self.end_line();
                let start = attribute(&tag.attrs, "start").and_then(|start| start.trim().parse().ok());
                self.context.enter_list(Some(start.unwrap_or(1)));
            }
            "li" => {
                self.end_line();
                self.context.enter_point();
            }
            "tr" => {
                self.end_line();
                self.has_cell = false;
            }
            "td" | "th" => {
                if std::mem::replace(&mut self.has_cell, true) {
                    self.line.words(" | ");
                }
            }
            "a" => {
                // A link cannot stand within another.
                let link = Span::Link(href(&tag.attrs));
                self.line.close(&link);
                self.line.open(link);
            }
            "img" => {
                let text = attribute(&tag.attrs, "alt").or_else(|| attribute(&tag.attrs, "title"));
                self.line.words(text.unwrap_or_default());
            }
            "span" => {
                if let Some(reason) = attribute(&tag.attrs, "data-mx-spoiler") {
                    self.spoiler(reason);
                }
            }
            name => self.border(name, true),
        }
    }

    fn end(&mut self, name: &LocalName) {
        match &**name {
            "blockquote" => {
                self.end_line();
                self.context.leave_quote();
            }
            "ul" | "ol" => {
                self.end_line();
                self.context.leave_list();
            }
            "li" => {
                self.end_line();
                self.context.leave_point();
            }
            "a" => self.line.close(&Span::Link("".into())),
            name => self.border(name, false),
        }
    }

    /// Tags that mean the same at their start and their end: where lines are divided, and styles.
    fn border(&mut self, name: &str, is_start: bool) {
        if let Some(span) = span(name) {
            if is_heading(name) && is_start {
                self.end_line();
                self.context.part();
            }
            if is_start {
                self.line.open(span);
            } else {
                self.line.close(&span);
            }
            if is_heading(name) && !is_start {
                self.end_line();
                self.context.part();
            }
            return;
        }
        match name {
            "p" | "table" => {
                self.end_line();
                self.context.part();
            }
            "div" | "details" | "summary" | "tr" | "caption" | "center" | "dl" | "dt" | "dd" | "section"
            | "article" | "header" | "footer" | "aside" | "nav" | "main" | "figure" | "figcaption" | "address" => {
                self.end_line();
            }
            _ => {}
        }
    }

    /// WhatsApp cannot hide words: it says that they were hidden, and why.
    fn spoiler(&mut self, reason: &str) {
        self.line.words("(spoiler");
        if !reason.trim().is_empty() {
            self.line.words(": ");
            self.line.words(reason);
        }
        self.line.words(") ");
    }

    fn end_line(&mut self) {
        if let Some(line) = self.line.end() {
            self.context.push(line);
        }
    }

    fn end_preformatted(&mut self) {
        if let Some(code) = self.preformatted.take() {
            self.context.push_preformatted(&code);
        }
    }

    fn finish(mut self) -> Vec<Block> {
        self.end_preformatted();
        self.line.close(&Span::Link("".into()));
        self.end_line();
        self.context.finish()
    }
}

fn span(name: &str) -> Option<Span> {
    Some(match name {
        "b" | "strong" => Span::Styled(Style::Bold),
        "i" | "em" => Span::Styled(Style::Italic),
        "s" | "del" | "strike" => Span::Styled(Style::Strike),
        "code" | "tt" | "kbd" | "samp" => Span::Code,
        name if is_heading(name) => Span::Styled(Style::Bold),
        _ => return None,
    })
}

fn is_heading(name: &str) -> bool {
    matches!(name, "h1" | "h2" | "h3" | "h4" | "h5" | "h6")
}

/// Where a link leads; nothing when it leads nowhere that is allowed.
fn href(attributes: &[Attribute]) -> Rc<str> {
    let href: String = attribute(attributes, "href")
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let has = |scheme: &&str| {
        href.get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    if SCHEMES.iter().any(has) {
        href.into()
    } else {
        "".into()
    }
}

fn attribute<'a>(attributes: &'a [Attribute], name: &str) -> Option<&'a str> {
    attributes
        .iter()
        .find(|attribute| &*attribute.name.local == name)
        .map(|attribute| &*attribute.value)
}
