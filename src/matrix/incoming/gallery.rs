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
    let given = list(content, "itemtypes");
    if given.len() > MOST {
        return Said::new(Content::Unsupported(format!("a gallery of more than {MOST} files")));
    }
    let mut items: Vec<Said> = given.iter().map(item).collect();
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

fn item(content: &Value) -> Said {
    let unknown = || Said::new(Content::Unsupported("a gallery with something else than files".into()));
    let Some(content) = content.as_object() else {
        return unknown();
    };
    let kind = match text(content, "itemtype") {
        Some("m.image") => MediaKind::Image,
        Some("m.video") => MediaKind::Video,
        Some("m.audio") => MediaKind::Audio,
        Some("m.file") => MediaKind::File,
        _ => return unknown(),
    };
    media::read(kind, content)
}

fn is_shown(said: &Said) -> bool {
    matches!(&said.content, Content::Media(media) if matches!(media.kind, MediaKind::Image | MediaKind::Video))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(items: &[Value]) -> Said {
        let content = json!({"msgtype": "m.gallery", "body": "many", "itemtypes": items});
        read(content.as_object().unwrap())
    }

    fn picture() -> Value {
        json!({"itemtype": "m.image", "body": "a.png", "url": "mxc://hs.test/a"})
    }

    #[test]
    fn b28_nothing_of_a_gallery_is_left_out_in_silence() {
        let is_refused = |said: &Said| matches!(said.content, Content::Unsupported(_));
        assert!(is_refused(&of(&vec![picture(); MOST + 1])));
        assert!(!is_refused(&of(&vec![picture(); MOST])));
        for unknown in [json!({"body": "a.png"}), json!({"itemtype": "m.poll"}), json!(7)] {
            let said = of(&[picture(), unknown]);
            assert!(!is_refused(&said) && said.rest.iter().all(is_refused), "{said:?}");
            assert_eq!(said.rest.len(), 1);
        }
    }
}
