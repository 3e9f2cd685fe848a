//! A tree of markup as the body and the HTML of a Matrix message. Everything people wrote is escaped.
//!
//! HTML folds spaces that follow each other; as no-break spaces they stay, and [`read`](super::read()) makes them spaces
//! again.
//!
//! WhatsApp has no escape, so a few texts full of marks would come back from HTML as others: a star before code as the
//! point of a list. Each text is read back before it is shown; what would not come back as itself is shown as it was
//! typed. So going to and fro loses nothing, whatever the text.

use ruma::{OwnedUserId, UserId};

use crate::model::markup::{self, Block, Inline, Line, Mention, Style};

/// What stands for a mention: somebody of Matrix under a name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Pill {
    /// Who.
    pub(crate) user: OwnedUserId,
    /// What they are called.
    pub(crate) name: String,
}

/// A text for Matrix.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Written {
    /// For clients without formatting: as WhatsApp's users type it, with names for mentions.
    pub(crate) body: String,
    /// HTML; `None` when the body says it all.
    pub(crate) formatted: Option<String>,
    /// Who is mentioned, each once, in order.
    pub(crate) mentioned: Vec<OwnedUserId>,
}

/// Writes a text with these mentions; `pill` says who is meant by a token. Without one the token stands there as it is.
pub(crate) fn write(text: &str, mentions: &[&str], pill: &dyn Fn(&str) -> Option<Pill>) -> Written {
    let plain = markup::parse_plain(text, mentions);
    let body = body_of(&plain, pill);
    let blocks = markup::parse(text, mentions);
    let is_formatted = !is_plain(&blocks) && comes_back(&blocks, mentions);
    let (html, mentioned) = written(if is_formatted { &blocks } else { &plain }, pill);
    Written {
        body,
        formatted: (is_formatted || !mentioned.is_empty()).then_some(html),
        mentioned,
    }
}

/// The body alone.
pub(crate) fn body(text: &str, mentions: &[&str], pill: &dyn Fn(&str) -> Option<Pill>) -> String {
    body_of(&markup::parse_plain(text, mentions), pill)
}

fn body_of(plain: &[Block], pill: &dyn Fn(&str) -> Option<Pill>) -> String {
    markup::write_with(plain, &|mention| match pill(&mention.token) {
        Some(pill) => pill.name,
        None => mention.label.clone(),
    })
}

/// Whether going to HTML and back loses nothing people see, and going again changes nothing.
fn comes_back(blocks: &[Block], mentions: &[&str]) -> bool {
    let to_and_fro = |blocks: &[Block]| markup::write(&super::read(&written(blocks, &|_| None).0));
    let once = to_and_fro(blocks);
    let again = markup::parse(&once, mentions);
    seen(&again) == seen(blocks) && to_and_fro(&again) == once
}

/// Every character people see, in order, and where lines end; which kind of space one is, is not seen. Marks that make
/// words bold are none, marks that stand there as letters are.
pub(super) fn seen(blocks: &[Block]) -> String {
    fn push(seen: &mut String, line: &[Inline]) {
        for part in line {
            match part {
                Inline::Text(text) | Inline::Code(text) | Inline::Link(text) => seen.push_str(text),
                Inline::Styled(_, parts) => push(seen, parts),
                Inline::Mention(mention) => seen.push_str(&mention.label),
            }
        }
    }
    let mut seen = String::new();
    for block in blocks {
        match block {
            Block::Paragraph(lines) | Block::Quote(lines) | Block::List { items: lines, .. } => {
                for line in lines {
                    push(&mut seen, line);
                    seen.push('\n');
                }
            }
            Block::Preformatted(code) => seen.extend([code, "\n"]),
        }
    }
    let kind = |letter: char| {
        if letter.is_whitespace() && letter != '\n' {
            ' '
        } else {
            letter
        }
    };
    seen.chars().map(kind).collect()
}

fn written(blocks: &[Block], pill: &dyn Fn(&str) -> Option<Pill>) -> (String, Vec<OwnedUserId>) {
    let mut writer = Writer {
        html: String::new(),
        pill,
        mentioned: Vec::new(),
        after_space: true,
    };
    for (number, block) in blocks.iter().enumerate() {
        if number > 0 && matches!((&blocks[number - 1], block), (Block::Paragraph(_), Block::Paragraph(_))) {
            writer.html.push_str("<br><br>");
        }
        writer.block(block);
    }
    (writer.html, writer.mentioned)
}

/// Mentions count when they have a pill.
fn is_plain(blocks: &[Block]) -> bool {
    let is_words = |inline: &Inline| matches!(inline, Inline::Text(_) | Inline::Link(_) | Inline::Mention(_));
    blocks.iter().all(|block| match block {
        Block::Paragraph(lines) => lines.iter().flatten().all(is_words),
        _ => false,
    })
}

struct Writer<'a> {
    html: String,
    pill: &'a dyn Fn(&str) -> Option<Pill>,
    mentioned: Vec<OwnedUserId>,
    /// Whether HTML would fold a space that comes now.
    after_space: bool,
}

impl Writer<'_> {
    fn block(&mut self, block: &Block) {
        match block {
            Block::Paragraph(lines) => {
                self.lines(lines);
                // The last line break before a border is not seen.
                if lines.last().is_some_and(Vec::is_empty) {
                    self.html.push_str("<br>");
                }
            }
            Block::Quote(lines) => {
                self.html.push_str("<blockquote>");
                self.lines(lines);
                self.html.push_str("</blockquote>");
            }
            Block::List { start, items } => {
                let (open, close) = match start {
                    None => ("<ul>".to_owned(), "</ul>"),
                    Some(1) => ("<ol>".to_owned(), "</ol>"),
                    Some(start) => (format!("<ol start=\"{start}\">"), "</ol>"),
                };
                self.html.push_str(&open);
                for item in items {
                    self.html.push_str("<li>");
                    self.line(item);
                    self.html.push_str("</li>");
                }
                self.html.push_str(close);
            }
            Block::Preformatted(code) => {
                self.html.push_str("<pre><code>");
                code.chars().for_each(|letter| push_escaped(&mut self.html, letter));
                self.html.push_str("</code></pre>");
            }
        }
    }

    fn lines(&mut self, lines: &[Line]) {
        for (number, line) in lines.iter().enumerate() {
            if number > 0 {
                self.html.push_str("<br>");
            }
            self.line(line);
        }
    }

    fn line(&mut self, line: &Line) {
        self.after_space = true;
        self.inlines(line);
        if self.html.ends_with(' ') {
            self.html.pop();
            self.html.push_str("&nbsp;");
        }
    }

    fn inlines(&mut self, inlines: &[Inline]) {
        for inline in inlines {
            match inline {
                Inline::Text(text) | Inline::Link(text) => self.words(text),
                Inline::Code(code) => {
                    self.html.push_str("<code>");
                    self.words(code);
                    self.html.push_str("</code>");
                }
                Inline::Styled(style, inside) => {
                    let tag = match style {
                        Style::Bold => "strong",
                        Style::Italic => "em",
                        Style::Strike => "del",
                    };
                    self.html.extend(["<", tag, ">"]);
                    self.inlines(inside);
                    self.html.extend(["</", tag, ">"]);
                }
                Inline::Mention(mention) => self.mention(mention),
            }
        }
    }

    fn mention(&mut self, mention: &Mention) {
        let Some(Pill { user, name }) = (self.pill)(&mention.token) else {
            return self.words(&mention.label);
        };
        self.html.push_str("<a href=\"");
        let link = link_to(&user);
        link.chars().for_each(|letter| push_escaped(&mut self.html, letter));
        self.html.push_str("\">");
        self.words(&name);
        self.html.push_str("</a>");
        if !self.mentioned.contains(&user) {
            self.mentioned.push(user);
        }
    }

    fn words(&mut self, text: &str) {
        for letter in text.chars() {
            match letter {
                ' ' if self.after_space => self.html.push_str("&nbsp;"),
                // Other spaces that would be folded, or read as those that are kept: like ones that stay what they are.
                '\t' | '\n' | '\r' | '\u{c}' => self.html.push('\u{2003}'),
                '\u{a0}' => self.html.push('\u{202f}'),
                other => push_escaped(&mut self.html, other),
            }
            self.after_space = letter == ' ';
        }
    }
}

fn link_to(user: &UserId) -> String {
    user.matrix_to_uri().to_string()
}

/// A letter as HTML shows it. NUL cannot be shown.
fn push_escaped(html: &mut String, letter: char) {
    match letter {
        '&' => html.push_str("&amp;"),
        '<' => html.push_str("&lt;"),
        '>' => html.push_str("&gt;"),
        '"' => html.push_str("&quot;"),
        '\'' => html.push_str("&#39;"),
        '\0' => {}
        other => html.push(other),
    }
}
