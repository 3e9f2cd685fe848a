//! A tree as markup. Marks that WhatsApp would not take for marks (`*un*believable`) are left out: the words matter.

use std::collections::HashSet;

use super::{
    Block, Inline, Line, Mention,
    parse::next_number,
    scan::{self, FENCE, Token},
};

/// Writes a text; mentions as people see them.
pub(crate) fn write(blocks: &[Block]) -> String {
    write_with(blocks, &|mention| mention.label.clone())
}

/// Writes a text; `show` says what stands there for a mention. No letter of the tree is left out.
///
/// Letters that are no marks in the tree may be some in the text. It is not read and written again until that settles:
/// a star before code would become the point of a list, and the star would be gone.
pub(crate) fn write_with(blocks: &[Block], show: &dyn Fn(&Mention) -> String) -> String {
    let mut text = String::new();
    for (number, block) in blocks.iter().enumerate() {
        if number > 0 {
            text.push('\n');
            if would_merge(&blocks[number - 1], block) {
                text.push('\n');
            }
        }
        push_block(&mut text, block, show);
    }
    text
}

fn push_block(text: &mut String, block: &Block, show: &dyn Fn(&Mention) -> String) {
    let mut lines: Vec<String> = Vec::new();
    match block {
        Block::Paragraph(content) => lines.extend(content.iter().map(|line| written(line, show))),
        Block::Quote(content) => lines.extend(content.iter().map(|line| format!("> {}", written(line, show)))),
        Block::List { start, items } => lines.extend(items.iter().enumerate().map(|(number, item)| {
            let words = written(item, show);
            match next_number(*start, number) {
                Some(number) => format!("{number}. {words}"),
                None => format!("- {words}"),
            }
        })),
        Block::Preformatted(code) if code.contains(FENCE) || code.trim().is_empty() => lines.push(code.clone()),
        Block::Preformatted(code) => {
            let needs_lines = code.contains('\n') || code.starts_with('`') || code.ends_with('`');
            let border = if needs_lines { "\n" } else { "" };
            lines.push(format!("{FENCE}{border}{code}{border}{FENCE}"));
        }
    }
    text.push_str(&lines.join("\n"));
}

/// Whether two blocks, one right after the other, would be read as one.
fn would_merge(one: &Block, other: &Block) -> bool {
    match (one, other) {
        (Block::Paragraph(_), Block::Paragraph(_)) | (Block::Quote(_), Block::Quote(_)) => true,
        (Block::List { start, items }, Block::List { start: other, .. }) => next_number(*start, items.len()) == *other,
        _ => false,
    }
}

/// How something is marked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Marked {
    /// By the characters of its style.
    Styled,
    /// Code, by single marks.
    Quoted,
    /// Code, by the longer marks, which may stand within a word.
    Fenced,
    /// Not at all.
    No,
}

enum Piece<'a> {
    Text(&'a str),
    Shown(String),
    /// The start or the end of the pair with this number, and its character.
    Mark(usize, char),
    Code(usize, &'a str),
}

/// A line, with those marks that are read as what they are meant for.
fn written(line: &Line, show: &dyn Fn(&Mention) -> String) -> String {
    let mut pieces = Vec::new();
    let mut marked = Vec::new();
    flatten(line, show, &mut pieces, &mut marked);
    // Leaving one out can change what its neighbours are; it settles soon or not at all.
    for _ in 0..4 {
        let (text, places) = put_together(&pieces, &marked);
        let found = found(&text);
        let mut all_found = true;
        for (number, place) in places.into_iter().enumerate() {
            if marked[number] != Marked::No && place.is_none_or(|place| !found.contains(&place)) {
                all_found = false;
                marked[number] = match marked[number] {
                    Marked::Quoted => Marked::Fenced,
                    _ => Marked::No,
                };
            }
        }
        if all_found {
            return text;
        }
    }
    put_together(&pieces, &marked).0
}

fn flatten<'a>(
    line: &'a [Inline],
    show: &dyn Fn(&Mention) -> String,
    pieces: &mut Vec<Piece<'a>>,
    marked: &mut Vec<Marked>,
) {
    for inline in line {
        match inline {
            Inline::Text(text) | Inline::Link(text) => pieces.push(Piece::Text(text)),
            Inline::Mention(mention) => pieces.push(Piece::Shown(show(mention))),
            Inline::Code(code) => {
                pieces.push(Piece::Code(marked.len(), code));
                marked.push(if code.contains('`') {
                    Marked::Fenced
                } else {
                    Marked::Quoted
                });
            }
            Inline::Styled(style, inside) => {
                let number = marked.len();
                marked.push(Marked::Styled);
                pieces.push(Piece::Mark(number, style.delimiter()));
                flatten(inside, show, pieces, marked);
                pieces.push(Piece::Mark(number, style.delimiter()));
            }
        }
    }
}

/// The text, and from where to where each pair of marks goes in it.
fn put_together(pieces: &[Piece<'_>], marked: &[Marked]) -> (String, Vec<Option<(usize, usize)>>) {
    let mut text = String::new();
    let mut places = vec![None; marked.len()];
    for piece in pieces {
        let from = text.len();
        match piece {
            Piece::Text(words) => text.push_str(words),
            Piece::Shown(words) => text.push_str(words),
            Piece::Mark(number, mark) => {
                if marked[*number] == Marked::Styled {
                    text.push(*mark);
                    let first = places[*number].map_or(from, |(first, _)| first);
                    places[*number] = Some((first, text.len()));
                }
            }
            Piece::Code(number, code) => {
                let mark = match marked[*number] {
                    Marked::Quoted => "`",
                    Marked::Fenced => FENCE,
                    Marked::Styled | Marked::No => "",
                };
                text.extend([mark, code, mark]);
                places[*number] = Some((from, text.len()));
            }
        }
    }
    (text, places)
}

/// From where to where the pairs of marks go that are read in a line.
fn found(line: &str) -> HashSet<(usize, usize)> {
    let spots = scan::scan(line, &HashSet::new());
    let partners = scan::partners(&spots);
    let styled = partners
        .iter()
        .enumerate()
        .filter_map(|(at, other)| Some((spots[at].from, spots[(*other)?].to)));
    let code = spots
        .iter()
        .filter(|spot| matches!(spot.token, Token::Code(_)))
        .map(|spot| (spot.from, spot.to));
    styled.chain(code).collect()
}
