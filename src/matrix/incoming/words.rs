//! The words of a message: formatted or plain, with those they name and what their link leads to.

use ruma::OwnedUserId;
use serde_json::Value;

use super::{
    Called, Picture,
    fields::{Fields, Relation, clean, first, flag, list, part, small, text, words},
    media::mxc,
};
use crate::{
    matrix::{
        html,
        outgoing::{FORWARDED, FORWARDED_LINE},
    },
    model::{
        Preview, Text,
        markup::{self, Block, Inline},
    },
};

/// The words of a message and what does not fit into our [`Text`] yet.
#[derive(Default)]
pub(super) struct Words {
    pub(super) text: Text,
    pub(super) called: Vec<Called>,
    pub(super) picture: Option<Picture>,
}

/// Reads `body` or its formatted twin. `None` when there is nothing to read.
pub(super) fn read(content: &Fields) -> Option<Words> {
    let (body, pills) = formatted(content).unwrap_or_else(|| (plain(content).to_owned(), Vec::new()));
    let body = without_line(&clean(&body), content);
    if body.trim().is_empty() {
        return None;
    }
    let (preview, picture) = preview(content, &body).unzip();
    Some(Words {
        called: called(content, &body, pills),
        picture: picture.flatten(),
        text: Text {
            everyone: everyone(content, &body),
            preview: preview.map(Box::new),
            ..Text::plain(body)
        },
    })
}

/// What a message says in HTML, as markup, and the pills in it.
fn formatted(content: &Fields) -> Option<(String, Vec<Called>)> {
    let html = text(content, "formatted_body").filter(|_| text(content, "format") == Some(html::FORMAT))?;
    let blocks = html::read(html);
    let words = markup::write_with(&blocks, &|mention| mention.token.clone());
    (!words.trim().is_empty()).then(|| (words, pills(&blocks)))
}

fn pills(blocks: &[Block]) -> Vec<Called> {
    let lines = blocks.iter().flat_map(|block| match block {
        Block::Paragraph(lines) | Block::Quote(lines) | Block::List { items: lines, .. } => lines.as_slice(),
        Block::Preformatted(_) => &[],
    });
    let mut waiting: Vec<&Inline> = lines.flatten().collect();
    let mut found = Vec::new();
    while let Some(inline) = waiting.pop() {
        match inline {
            Inline::Styled(_, inner) => waiting.extend(inner),
            Inline::Mention(mention) => {
                let user = OwnedUserId::try_from(mention.token.as_str()).ok();
                found.extend(user.map(|user| Called {
                    token: mention.token.clone(),
                    user,
                    name: Some(clean(&mention.label)),
                }));
            }
            Inline::Text(_) | Inline::Code(_) | Inline::Link(_) => {}
        }
    }
    found
}

/// Those whose id stands in the words: by a pill, or typed and meant.
fn called(content: &Fields, body: &str, pills: Vec<Called>) -> Vec<Called> {
    let meant = part(content, "m.mentions").map_or(&[][..], |it| list(it, "user_ids"));
    let typed = meant.iter().filter_map(Value::as_str).filter_map(|user| {
        Some(Called {
            token: user.to_owned(),
            user: user.try_into().ok()?,
            name: None,
        })
    });
    let mut called: Vec<Called> = Vec::new();
    for one in pills.into_iter().chain(typed) {
        if body.contains(&one.token) && !called.iter().any(|known| known.token == one.token) {
            called.push(one);
        }
    }
    // Where one id begins like another, the longer one must be looked for first.
    called.sort_by(|one, other| (other.token.len(), &one.token).cmp(&(one.token.len(), &other.token)));
    called
}

/// Clients that know `m.mentions` say whom they mean there; older ones ring everybody by the word.
fn everyone(content: &Fields, body: &str) -> bool {
    match part(content, "m.mentions") {
        Some(mentions) => flag(mentions, "room"),
        None => body.split_whitespace().any(|word| word == "@room"),
    }
}

fn plain(content: &Fields) -> &str {
    let body = text(content, "body").unwrap_or_default();
    if Relation::of(content).reply_to.is_some() {
        without_fallback(body)
    } else {
        body
    }
}

/// Takes away the copy of the answered message that clients put before an answer until Matrix 1.13: lines with `> `,
/// the first of which names the sender, and an empty line. A person's own quotes stay.
fn without_fallback(body: &str) -> &str {
    let is_fallback = ["> <@", "> * <@"].iter().any(|start| body.starts_with(start));
    if !is_fallback {
        return body;
    }
    let mut rest = body;
    while rest.starts_with("> ") || rest.starts_with(">\n") || rest == ">" {
        rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
    }
    rest.strip_prefix('\n').unwrap_or(rest)
}

/// Takes away the line that we put before what was forwarded.
fn without_line(body: &str, content: &Fields) -> String {
    let rest = body.strip_prefix(FORWARDED_LINE).filter(|_| flag(content, FORWARDED));
    match rest {
        Some(rest) if rest.is_empty() || rest.starts_with('\n') => rest.trim_start_matches('\n').to_owned(),
        _ => body.to_owned(),
    }
}

/// What the first link leads to, as the sender saw it (MSC4095). Only links that stand in the words count: anybody
/// could promise anything else.
fn preview(content: &Fields, body: &str) -> Option<(Preview, Option<Picture>)> {
    let found = first(content, &["m.url_previews", "com.beeper.linkpreviews"])?;
    let found = found.as_array()?.first()?.as_object()?;
    let urls = ["matched_url", "matrix:matched_url", "og:url"];
    let url = urls
        .iter()
        .find_map(|name| words(found, name).filter(|url| body.contains(url.as_str())))?;
    let picture = text(found, "og:image").and_then(mxc).map(|source| Picture {
        source,
        mime: words(found, "og:image:type"),
        width: small(found, "og:image:width"),
        height: small(found, "og:image:height"),
    });
    let preview = Preview {
        url,
        title: words(found, "og:title"),
        description: words(found, "og:description"),
        thumbnail: None,
    };
    let says_something = preview.title.is_some() || preview.description.is_some() || picture.is_some();
    says_something.then_some((preview, picture))
}
