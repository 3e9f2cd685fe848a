//! People's cards.

use serde_json::json;
use simulator::{Card, Speech};

use super::{
    changes::{done_to, edit, is_taken_back, says_now},
    talk::{Client, Talk, body},
};
use crate::support::waiting::SOON;

const VCARD: &str = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Bob Stone\r\nTEL;TYPE=CELL:+1 555 000 2222\r\nEND:VCARD\r\n";

/// B27: a file that address books read, and what stands on the cards.
pub async fn b27<H, C: Client>(talk: Talk<'_, H, C>) {
    let card = |name: &str, number: &str| Card {
        name: name.into(),
        number: number.into(),
    };
    let one = vec![card("Bob Stone", "15550002222")];
    talk.speaks(Speech::Contacts { people: one });
    let shown = talk.chat.hears("Bob Stone").await;
    assert_eq!(
        (&shown["content"]["msgtype"], &shown["content"]["filename"]),
        (&json!("m.file"), &json!("Bob Stone.vcf"))
    );
    assert_eq!(shown["content"]["info"]["mimetype"], "text/vcard");
    assert!(body(&shown).contains("15550002222"), "{}", body(&shown));
    let file = talk.chat.downloads(shown["content"]["url"].as_str().unwrap()).await;
    assert_eq!(shown["content"]["info"]["size"], file.len());
    let file = String::from_utf8(file).unwrap();
    assert!(file.contains("FN:Bob Stone") && file.contains("15550002222"), "{file}");

    let people = vec![card("Cleo", "15550003333"), card("Dora", "15550004444")];
    talk.speaks(Speech::Contacts { people });
    let shown = talk.chat.hears("Cleo").await;
    assert_eq!(shown["content"]["filename"], "contacts.vcf");
    assert!(
        body(&shown).contains("👤 Dora") && body(&shown).contains("15550004444"),
        "{}",
        body(&shown)
    );
    let file = talk.chat.downloads(shown["content"]["url"].as_str().unwrap()).await;
    assert_eq!(String::from_utf8(file).unwrap().matches("BEGIN:VCARD").count(), 2);

    for (name, cards) in [("bob.vcf", 1), ("all.vcf", 2)] {
        let bytes = VCARD.repeat(cards);
        let address = talk.chat.uploads(name, "text/vcard", bytes.as_bytes()).await;
        let info = json!({"mimetype": "text/vcard", "size": bytes.len()});
        talk.chat
            .says(json!({"msgtype": "m.file", "body": name, "filename": name, "url": address, "info": info}))
            .await;
    }
    let got = talk.gets("a card", |got| got.message.contact_message.is_set()).await;
    let contact = &got.message.contact_message;
    assert_eq!(contact.display_name.as_deref(), Some("Bob Stone"));
    assert!(contact.vcard.as_deref().unwrap().contains("+1 555 000 2222"));
    let got = talk
        .gets("cards", |got| got.message.contacts_array_message.is_set())
        .await;
    assert_eq!(got.message.contacts_array_message.contacts.len(), 2);
    talk.needs_no_notice().await;
}

/// B05, B06, B27: words with cards follow them; what is done to the event is done to both. What only tells what stands on
/// the cards, as we show them, does not.
pub async fn b27_words<H, C: Client>(talk: Talk<'_, H, C>) {
    let address = talk.chat.uploads("bob.vcf", "text/vcard", VCARD.as_bytes()).await;
    let info = json!({"mimetype": "text/vcard", "size": VCARD.len()});
    let card =
        |words: &str| json!({"msgtype": "m.file", "body": words, "filename": "bob.vcf", "url": address, "info": info});
    let mine = talk.chat.says(card("my brother")).await;
    let contact = talk.gets("a card", |got| got.message.contact_message.is_set()).await;
    let words = talk.gets_text("my brother").await;
    talk.chat.says(edit(&mine, &card("my big brother"))).await;
    says_now(&talk, &words.id, "my big brother").await;
    talk.chat.takes_back(&mine).await;
    is_taken_back(&talk, &contact.id).await;
    is_taken_back(&talk, &words.id).await;

    let people = vec![Card {
        name: "Cleo".into(),
        number: "15550003333".into(),
    }];
    talk.speaks(Speech::Contacts { people });
    let shown = talk.chat.hears("Cleo").await;
    talk.chat.says(shown["content"].clone()).await;
    talk.gets("the card again", |got| {
        got.message.contact_message.display_name.as_deref() == Some("Cleo")
    })
    .await;
    talk.world.settles(SOON).await;
    let said = talk.ana.received().into_iter().filter(|got| done_to(got).is_none());
    let texts: Vec<_> = said.filter_map(|got| got.text).collect();
    assert_eq!(texts, ["my brother"]);
    talk.needs_no_notice().await;
}
