//! Cutting a part into pages.

use std::io::Write as _;

use flate2::{Compression, write::ZlibEncoder};
use proptest::prelude::*;
use whatsapp_rust::{
    buffa::{Message as _, MessageField},
    waproto::whatsapp::{self as wa, history_sync::HistorySyncType},
};

use super::{PAGE, cut};

fn packed(sizes: &[usize]) -> Vec<u8> {
    let conversations = sizes.iter().enumerate().map(|(number, size)| wa::Conversation {
        id: format!("1555000{number:04}@s.whatsapp.net"),
        messages: (0..*size)
            .map(|place| wa::HistorySyncMsg {
                message: MessageField::some(wa::WebMessageInfo {
                    key: MessageField::some(wa::MessageKey {
                        id: Some(format!("{number}:{place}")),
                        ..Default::default()
                    }),
                    ..Default::default()
                }),
                ..Default::default()
            })
            .collect(),
        ..Default::default()
    });
    let part = wa::HistorySync {
        sync_type: HistorySyncType::FULL,
        conversations: conversations.collect(),
        progress: Some(42),
        ..Default::default()
    };
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
    zlib.write_all(&part.encode_to_vec()).unwrap();
    zlib.finish().unwrap()
}

/// Every message and every chat in the order of all pages, and how large the largest page was.
fn read_all(bytes: &[u8]) -> (Vec<String>, Vec<String>, usize) {
    let (mut messages, mut chats, mut largest) = (Vec::new(), Vec::new(), 0);
    let mut from = Some(0);
    while let Some(at) = from {
        let page = cut(bytes, at).unwrap();
        assert_eq!(page.progress, (at == 0).then_some(42), "told with the first page");
        let before = messages.len();
        for (chat, places) in page.chats {
            if places.start == 0 {
                chats.push(chat.id.clone());
            }
            let ids = chat.messages[places]
                .iter()
                .map(|one| one.message.key.id.clone().unwrap());
            messages.extend(ids);
        }
        largest = largest.max(messages.len() - before);
        assert!(page.next.is_none_or(|next| next > at), "it goes on");
        from = page.next;
    }
    (messages, chats, largest)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_message_is_on_one_page_and_no_page_is_too_large(
        sizes in prop::collection::vec(prop_oneof![0_usize..4, 0_usize..700], 0..6)
    ) {
        let (messages, chats, largest) = read_all(&packed(&sizes));
        let all: Vec<String> = sizes
            .iter()
            .enumerate()
            .flat_map(|(number, size)| (0..*size).map(move |place| format!("{number}:{place}")))
            .collect();
        prop_assert_eq!(messages, all);
        prop_assert_eq!(chats.len(), sizes.len());
        prop_assert!(largest <= usize::try_from(PAGE).unwrap());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), from in any::<u64>()) {
        let _ = cut(&bytes, from);
    }
}
