//! Words: in markup as body and HTML, in as many events as they need, and never larger than an event may be.

use ruma::EventId;
use serde_json::{Value, json};

use super::{Around, FORWARDED, FORWARDED_LINE, fill::put, previews};
use crate::{
    matrix::html::{self, Pill, Written},
    model::{Sender, Text},
};

/// A Matrix event has at most 65 536 bytes with everything around its body (specification, "Size limits").
pub(super) const LONGEST_BODY: usize = 48 * 1024;

/// What a content may take with its HTML, so that the rest of the event has room.
pub(super) const LONGEST_CONTENT: usize = 60 * 1024;

/// Parts are not cut smaller than this for their HTML: rather they go without.
const SHORTEST_PART: usize = 1024;

/// A text with markup, and who is mentioned in it.
#[derive(Clone, Copy)]
pub(crate) struct Words<'a> {
    /// The text.
    pub(crate) text: &'a str,
    /// The tokens in it that are mentions.
    pub(crate) mentions: &'a [&'a str],
    /// Who is meant by a token.
    pub(crate) pill: &'a dyn Fn(&str) -> Option<Pill>,
}

impl<'a> Words<'a> {
    /// A text that mentions nobody.
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            text,
            mentions: &[],
            pill: &|_| None,
        }
    }
}

/// A text as the contents of one message, or of several when it is too long for one; the first carries the answer.
pub(crate) fn texts(words: &Words<'_>, reply_to: Option<&EventId>) -> Vec<Value> {
    let mut contents = Vec::new();
    // What is still to be shown, the next part last, and how long its parts may be.
    let mut waiting = vec![(words.text, LONGEST_BODY)];
    while let Some((text, longest)) = waiting.pop() {
        let cut = parts(text, longest);
        if cut.len() > 1 {
            waiting.extend(cut.into_iter().rev().map(|part| (part, longest)));
            continue;
        }
        let mut written = html::write(text, words.mentions, words.pill);
        let reply_to = reply_to.filter(|_| contents.is_empty());
        let content = formatted(&written, reply_to);
        if written.formatted.is_none() || content.to_string().len() <= LONGEST_CONTENT {
            contents.push(content);
        } else if longest > SHORTEST_PART {
            waiting.push((text, longest / 2));
        } else {
            written.formatted = None;
            contents.push(formatted(&written, reply_to));
        }
    }
    contents
}

/// Words of ours that mention nobody.
pub(super) fn plain(text: &str) -> Vec<Value> {
    texts(&Words::new(text), None)
}

/// Words with those they mention, under lines of ours.
pub(super) fn said(text: &Text, lines: &[&str], around: &Around<'_>) -> Vec<Value> {
    let mut body = lines.join("\n");
    if !body.is_empty() && !text.body.is_empty() {
        body.push('\n');
    }
    body.push_str(&text.body);
    let tokens = tokens(text);
    let pill = |token: &str| meant(text, token, around.pill);
    let words = Words {
        text: &body,
        mentions: &tokens,
        pill: &pill,
    };
    let mut contents = texts(&words, None);
    if let Some(first) = contents.first_mut() {
        if text.everyone {
            first["m.mentions"]["room"] = json!(true);
        }
        if let Some(preview) = &text.preview {
            previews::put(first, preview, around.picture);
        }
        put(first, FORWARDED, lines.contains(&FORWARDED_LINE).then_some(true));
    }
    contents
}

/// All of a text for those who read no HTML, with the names of those it mentions.
pub(crate) fn named(text: &Text, pill: &dyn Fn(&Sender) -> Option<Pill>) -> String {
    html::body(&text.body, &tokens(text), &|token| meant(text, token, pill))
}

fn tokens(text: &Text) -> Vec<&str> {
    text.mentions.iter().map(|mention| mention.token.as_str()).collect()
}

fn meant(text: &Text, token: &str, pill: &dyn Fn(&Sender) -> Option<Pill>) -> Option<Pill> {
    let mention = text.mentions.iter().find(|mention| mention.token == token)?;
    pill(&mention.who)
}

/// As many bytes of a text as fit, with a sign that something is missing. Nobody reads control characters, and each
/// would take the room of six letters.
pub(super) fn clipped(text: &str, longest: usize) -> String {
    let mut text = text.replace(|letter: char| letter.is_control() && letter != '\n', "");
    if text.len() > longest {
        let end = longest.saturating_sub('…'.len_utf8());
        text.truncate((0..=end).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0));
        text.push('…');
    }
    text
}

/// Cuts a text into parts of so many bytes, at line ends or spaces where there are any. Put together they are the text
/// again. There is always at least one.
pub(super) fn parts(text: &str, longest: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(end) = cut(rest, longest) {
        let (part, next) = rest.split_at(end);
        parts.push(part);
        rest = next;
    }
    parts.push(rest);
    parts
}

pub(super) fn message(kind: &str, text: &str, reply_to: Option<&EventId>) -> Value {
    // Without `m.mentions` clients look for people's names in the words and ring.
    let mut content = json!({"msgtype": kind, "body": text, "m.mentions": {}});
    if let Some(event) = reply_to {
        content["m.relates_to"] = json!({"m.in_reply_to": {"event_id": event}});
    }
    content
}

pub(super) fn formatted(written: &Written, reply_to: Option<&EventId>) -> Value {
    let mut content = message("m.text", &written.body, reply_to);
    if let Some(html) = &written.formatted {
        content["format"] = json!(html::FORMAT);
        content["formatted_body"] = json!(html);
    }
    if !written.mentioned.is_empty() {
        content["m.mentions"] = json!({ "user_ids": written.mentioned });
    }
    content
}

/// Where the first part ends; `None` when everything fits.
fn cut(text: &str, longest: usize) -> Option<usize> {
    let mut size = 0;
    let mut good = None;
    for (at, letter) in text.char_indices() {
        size += match letter {
            '"' | '\\' | '\n' | '\r' | '\t' => 2,
            '\0'..='\x1f' => 6,
            other => other.len_utf8(),
        };
        if size > longest {
            return Some(good.unwrap_or(at));
        }
        if letter == '\n' || (letter == ' ' && size > longest / 2) {
            good = Some(at + 1);
        }
    }
    None
}
