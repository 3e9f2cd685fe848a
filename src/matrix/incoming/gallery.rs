//! Galleries (MSC4274): several files in one event, with words under all of them.

use serde_json::Value;

use super::{
    Said,
    fields::{Fields, list, text},
    media, words,
};
use crate::model::{Content, MediaKind};

/// More files are nobody's gallery: so many does WhatsApp let people choose at once.
const MOST: usize = 100;

/// Reads a gallery. A picture or film leads, where there is one: what is done to the gallery is done to it, and the words
/// stand under it.
pub(super) fn read(content: &Fields) -> Said {
    let given = list(content, "itemtypes").iter().take(MOST);
    let mut items: Vec<Said> = given.filter_map(Value::as_object).filter_map(item).collect();
    if let Some(first) = items.iter().position(is_shown) {
        items[..=first].rotate_right(1);
    }
    if items.is_empty() {
        return Said::new(Content::Unsupported("gallery without files".into()));
    }
    let mut leads = items.remove(0);
    if let (Content::Media(media), Some(over)) = (&mut leads.content, words::read(content)) {
        let own = media.caption.take();
        let mut caption = over.text;
        if let Some(own) = own {
            caption.body.push('\n');
            caption.body.push_str(&own.body);
        }
        media.caption = Some(caption);
        leads.called.extend(over.called);
    }
    leads.rest = items;
    leads
}

fn item(content: &Fields) -> Option<Said> {
    let kind = match text(content, "itemtype")? {
        "m.image" => MediaKind::Image,
        "m.video" => MediaKind::Video,
        "m.audio" => MediaKind::Audio,
        "m.file" => MediaKind::File,
        _ => return None,
    };
    Some(media::read(kind, content))
}

fn is_shown(said: &Said) -> bool {
    matches!(&said.content, Content::Media(media) if matches!(media.kind, MediaKind::Image | MediaKind::Video))
}
