//! Where lines read out of HTML belong: in a paragraph, a quote or a list.
//!
//! WhatsApp knows no quotes and lists within others. There the marks of the inner ones stand as letters, indented.

use crate::model::markup::{Block, Inline, Line, next_number, push_text};

/// Deeper than this nothing is indented further: lines must not grow with the depth of the HTML.
const DEEPEST: usize = 8;

/// The mark of a point of a list.
#[derive(Clone, Copy)]
enum Point {
    Bullet,
    Number(u32),
}

impl Point {
    fn number(self) -> Option<u32> {
        match self {
            Self::Bullet => None,
            Self::Number(number) => Some(number),
        }
    }
}

/// Puts lines where they belong.
#[derive(Default)]
pub(super) struct Context {
    blocks: Vec<Block>,
    quotes: usize,
    /// The next number of each list around, if it has numbers.
    lists: Vec<Option<u32>>,
    /// The point that began, until its first line came.
    point: Option<Point>,
    /// Whether the next line begins a block of its own, also when it is of the same kind as the one before.
    is_apart: bool,
}

impl Context {
    /// The next line is apart from those before: a paragraph of its own. Quotes and points hold together.
    pub(super) fn part(&mut self) {
        self.is_apart |= self.quotes == 0 && self.lists.is_empty();
    }

    pub(super) fn enter_quote(&mut self) {
        self.is_apart |= self.quotes == 0;
        self.quotes += 1;
    }

    pub(super) fn leave_quote(&mut self) {
        self.quotes = self.quotes.saturating_sub(1);
        self.is_apart |= self.quotes == 0;
    }

    /// Enters a list that begins with a number, or has bullets.
    pub(super) fn enter_list(&mut self, start: Option<u32>) {
        self.part();
        self.lists.push(start);
    }

    pub(super) fn leave_list(&mut self) {
        self.lists.pop();
        self.point = None;
        self.part();
    }

    pub(super) fn enter_point(&mut self) {
        let number = self.lists.last().copied().flatten();
        self.point = Some(number.map_or(Point::Bullet, Point::Number));
        if let Some(number) = self.lists.last_mut() {
            *number = next_number(*number, 1);
        }
    }

    pub(super) fn leave_point(&mut self) {
        self.point = None;
    }

    pub(super) fn push(&mut self, line: Line) {
        let depth = self.lists.len();
        if line.is_empty() && (self.quotes > 0 || depth > 0) {
            return;
        }
        let point = self.point.take();
        match point {
            Some(point) if self.quotes == 0 && depth <= 1 => return self.push_item(point.number(), line),
            _ => {}
        }
        let mut full = Line::new();
        push_text(&mut full, &"> ".repeat(self.quotes.saturating_sub(1).min(DEEPEST)));
        match point {
            Some(point) => {
                push_text(&mut full, &"  ".repeat(depth.saturating_sub(1).min(DEEPEST)));
                push_text(
                    &mut full,
                    &point.number().map_or("- ".to_owned(), |number| format!("{number}. ")),
                );
            }
            None => push_text(&mut full, &"  ".repeat(depth.min(DEEPEST))),
        }
        for inline in line {
            match inline {
                Inline::Text(text) => push_text(&mut full, &text),
                other => full.push(other),
            }
        }
        // Within a list a paragraph goes on: its lines belong to one point.
        let is_apart = std::mem::take(&mut self.is_apart) && (depth == 0 || self.quotes > 0);
        match (self.blocks.last_mut(), self.quotes) {
            (Some(Block::Quote(lines)), 1..) if !is_apart => lines.push(full),
            (_, 1..) => self.blocks.push(Block::Quote(vec![full])),
            (Some(Block::Paragraph(lines)), 0) if !is_apart => lines.push(full),
            (_, 0) => self.blocks.push(Block::Paragraph(vec![full])),
        }
    }

    fn push_item(&mut self, number: Option<u32>, line: Line) {
        let is_apart = std::mem::take(&mut self.is_apart);
        if let Some(Block::List { start, items }) = self.blocks.last_mut()
            && !is_apart
            && next_number(*start, items.len()) == number
        {
            items.push(line);
            return;
        }
        let items = vec![line];
        self.blocks.push(Block::List { start: number, items });
    }

    /// Letters of one width: a block, or lines of code where something is around.
    pub(super) fn push_preformatted(&mut self, code: &str) {
        let code = code.trim_matches('\n');
        if code.trim().is_empty() {
            return;
        }
        if self.quotes == 0 && self.lists.is_empty() {
            self.is_apart = false;
            self.blocks.push(Block::Preformatted(code.to_owned()));
            return;
        }
        for line in code.lines().filter(|line| !line.trim().is_empty()) {
            let words = line.trim_start();
            let mut full = Line::new();
            push_text(&mut full, &line[..line.len() - words.len()]);
            full.push(Inline::Code(words.trim_end().to_owned()));
            self.push(full);
        }
    }

    pub(super) fn finish(self) -> Vec<Block> {
        self.blocks
    }
}
