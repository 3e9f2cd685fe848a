//! Words: long, formatted, naming people, answering, passed on, with what their links lead to.

use serde_json::json;
use simulator::Speech;
use whatsapp_rust::waproto::whatsapp as wa;

use super::talk::{Client, Talk, answer, around, body, ghost, relates_to, told, words};

const PNG: &[u8] = include_bytes!("../simulator/media/harbour.png");
const SMALL: &[u8] = include_bytes!("media/still.webp");

/// Words with a number each, so many characters of them.
fn long(characters: usize) -> String {
    let words = (0..).flat_map(|number| format!("wörd {number} ").into_bytes());
    let text: Vec<u8> = words.take(2 * characters).collect();
    let text: String = String::from_utf8_lossy(&text).chars().take(characters - 1).collect();
    text + "."
}

/// B01: the longest text there is loses nothing; emotes and long texts of clients arrive whole.
pub async fn b01<H, C: Client>(talk: Talk<'_, H, C>) {
    let said = long(65_536);
    let id = talk.ana.says(talk.phone(), &said);
    talk.ana.says(talk.phone(), "that was all");
    talk.chat.shows("that was all").await;
    let events = talk.chat.reads().await;
    let parts: Vec<_> = events
        .iter()
        .filter(|event| body(event).starts_with("wörd") || body(event).contains(" wörd"))
        .collect();
    assert!(parts.len() > 1, "one event cannot hold it");
    assert!(parts.iter().all(|part| part["sender"] == talk.ghost().as_str()));
    let whole: String = parts.iter().map(|part| body(part)).collect();
    assert!(whole == said, "{} of {} bytes", whole.len(), said.len());
    // An answer to any part is an answer to the whole.
    talk.chat.says(answer(parts[1], "I read all of it")).await;
    assert_eq!(talk.gets_text("I read all of it").await.quoted_id, Some(id));

    let mine = long(40_000);
    talk.chat.says(words(&mine)).await;
    talk.gets_text(&mine).await;
    talk.chat.says(json!({"msgtype": "m.emote", "body": "waves"})).await;
    talk.gets_text("/me waves").await;
    talk.needs_no_notice().await;
}

/// B02
pub async fn b02<H, C: Client>(talk: Talk<'_, H, C>) {
    talk.ana
        .says(talk.phone(), "*bold* _slanted_ ~gone~ `code` <b>\n- one\n- two\n> wise");
    let shown = talk.chat.hears("bold").await;
    assert_eq!(
        shown["content"]["formatted_body"],
        "<strong>bold</strong> <em>slanted</em> <del>gone</del> <code>code</code> &lt;b&gt;\
         <ul><li>one</li><li>two</li></ul><blockquote>wise</blockquote>"
    );
    // As Element's editor writes it.
    let html = "<p><strong>now</strong> <em>or</em> <del>never</del></p>\n<ul>\n<li>tea</li>\n<li>milk</li>\n</ul>\n\
                <pre><code class=\"language-rust\">let x = 1;\n</code></pre>\n";
    let mut content = words("**now** *or* ~~never~~");
    content["format"] = json!("org.matrix.custom.html");
    content["formatted_body"] = json!(html);
    talk.chat.says(content).await;
    talk.gets_text("*now* _or_ ~never~\n- tea\n- milk\n```let x = 1;```")
        .await;
}

/// B03
pub async fn b03<H, C: Client>(talk: Talk<'_, H, C>) {
    let bob = talk.world.contact("15550002222", "Bob");
    let text = format!("ask @{}", bob.number());
    let mentions = vec![bob.number().to_owned()];
    talk.speaks(Speech::Text { text, mentions });
    let named = talk.chat.hears("ask ").await;
    assert_eq!(named["content"]["m.mentions"]["user_ids"], json!([ghost(&bob)]));
    let pill = format!("https://matrix.to/#/{}", ghost(&bob));
    assert!(
        named["content"]["formatted_body"].as_str().unwrap().contains(&pill),
        "{named}"
    );
    let everybody = wa::ContextInfo {
        non_jid_mentions: Some(1),
        ..Default::default()
    };
    talk.sends(told("@all look", everybody));
    let rung = talk.chat.hears("look").await;
    assert_eq!(rung["content"]["m.mentions"]["room"], true);

    let her = talk.ghost();
    let mut content = words("thanks Ana");
    content["format"] = json!("org.matrix.custom.html");
    content["formatted_body"] = json!(format!("thanks <a href=\"https://matrix.to/#/{her}\">Ana</a>"));
    content["m.mentions"] = json!({"user_ids": [her]});
    talk.chat.says(content).await;
    let got = talk.gets_text(&format!("thanks @{}", talk.ana.number())).await;
    assert_eq!(around(&got).mentioned_jid.len(), 1);
    let mut content = words("@room hurry");
    content["m.mentions"] = json!({"room": true});
    talk.chat.says(content).await;
    let got = talk
        .gets("a word to all", |got| {
            got.text.as_deref().is_some_and(|text| text.contains("hurry"))
        })
        .await;
    assert_eq!(around(&got).non_jid_mentions, Some(1));
}

/// Ana names the owner, whom Matrix then names by what they are there, and the other way round; answers who that is.
async fn names_the_owner<H, C: Client>(talk: &Talk<'_, H, C>) -> String {
    talk.phone().says(&talk.ana, "from my phone");
    let shown = talk.chat.shows("from my phone").await;
    let owner = shown["sender"].as_str().unwrap().to_owned();
    let number = talk.phone().number().to_owned();
    talk.speaks(Speech::Text {
        text: format!("come, @{number}"),
        mentions: vec![number.clone()],
    });
    let named = talk.chat.hears("come, ").await;
    assert_eq!(named["content"]["m.mentions"]["user_ids"], json!([owner]));
    let html = named["content"]["formatted_body"].as_str().unwrap();
    assert!(html.contains(&format!("https://matrix.to/#/{owner}")), "{named}");
    assert!(!body(&named).contains(&number), "{named}");

    let mut content = words("that is me");
    content["format"] = json!("org.matrix.custom.html");
    content["formatted_body"] = json!(format!("that is <a href=\"https://matrix.to/#/{owner}\">me</a>"));
    content["m.mentions"] = json!({"user_ids": [owner]});
    talk.chat.says(content).await;
    let got = talk.gets_text(&format!("that is @{number}")).await;
    let mentioned = around(&got).mentioned_jid;
    assert_eq!(mentioned, [format!("{number}@s.whatsapp.net")]);
    owner
}

/// B03: the owner's number is the identity's user, who is nobody else here.
pub async fn b03_owner<H, C: Client>(talk: Talk<'_, H, C>) {
    let owner = names_the_owner(&talk).await;
    assert!(owner != talk.ghost() && owner != talk.chat.id(), "{owner}");
}

/// B03: the number of a person who linked their own phone is that person.
pub async fn b03_myself<H, C: Client>(talk: Talk<'_, H, C>) {
    assert_eq!(names_the_owner(&talk).await, talk.chat.id());
}

/// B04: a quote holds what it quotes, words or a picture, on both sides.
pub async fn b04<H, C: Client>(talk: Talk<'_, H, C>) {
    let id = talk.ana.says(talk.phone(), "a question");
    let question = talk.chat.shows("a question").await;
    talk.chat.says(answer(&question, "an answer")).await;
    let got = talk.gets_text("an answer").await;
    assert_eq!(
        (got.quoted_id.as_deref(), got.quoted_text.as_deref()),
        (Some(id.as_str()), Some("a question"))
    );
    assert!(
        around(&got)
            .participant
            .is_some_and(|author| author.starts_with(talk.ana.number()))
    );
    talk.ana.replies(talk.phone(), &got.id, "I see");
    let seen = talk.chat.shows("I see").await;
    let mine = talk.chat.shows("an answer").await;
    assert_eq!(relates_to(&seen)["m.in_reply_to"]["event_id"], mine["event_id"]);

    let id = talk.ana.sends_image(talk.phone(), PNG, Some("the harbour")).unwrap();
    let picture = talk.chat.shows("the harbour").await;
    talk.chat.says(answer(&picture, "lovely")).await;
    let got = talk.gets_text("lovely").await;
    assert_eq!(got.quoted_id, Some(id));
    let around = around(&got);
    let quoted = around.quoted_message.as_option().unwrap();
    assert_eq!(
        quoted.image_message.as_option().unwrap().caption.as_deref(),
        Some("the harbour")
    );
}

/// B09: what was passed on says so on both sides, once.
pub async fn b09<H, C: Client>(talk: Talk<'_, H, C>) {
    let passed_on = || wa::ContextInfo {
        is_forwarded: Some(true),
        forwarding_score: Some(1),
        ..Default::default()
    };
    talk.sends(told("did you *know*", passed_on()));
    let shown = talk.chat.hears("did you").await;
    assert_eq!(body(&shown), "↪ Forwarded\ndid you *know*");
    assert_eq!(shown["content"]["net.wharf.forwarded"], true);
    assert_eq!(shown["sender"], talk.ghost().as_str());
    let mut picture = talk
        .world
        .whatsapp
        .upload(simulator::MediaKind::Image, PNG)
        .unwrap()
        .image();
    picture.context_info = whatsapp_rust::buffa::MessageField::some(passed_on());
    talk.sends(wa::Message {
        image_message: whatsapp_rust::buffa::MessageField::some(picture),
        ..Default::default()
    });
    let shown = talk.chat.sees_kind("m.image").await;
    assert_eq!(body(&shown), "↪ Forwarded");
    assert_eq!(shown["content"]["net.wharf.forwarded"], true);

    // Clients forward by sending the same content again.
    talk.chat
        .says(talk.chat.hears("did you").await["content"].clone())
        .await;
    let got = talk.gets_text("did you *know*").await;
    assert_eq!(around(&got).is_forwarded, Some(true));
    talk.chat.says(shown["content"].clone()).await;
    let got = talk.gets("a picture", |got| got.message.image_message.is_set()).await;
    let picture = got.message.image_message.as_option().unwrap();
    assert_eq!(picture.context_info.as_option().unwrap().is_forwarded, Some(true));
    assert_eq!(picture.caption, None, "the line is ours");
}

/// B10: what a link leads to travels with the words, as the sender saw it.
pub async fn b10<H, C: Client>(talk: Talk<'_, H, C>) {
    let url = "https://example.org/ferry";
    let preview = wa::message::ExtendedTextMessage {
        text: Some(format!("take the {url}")),
        matched_text: Some(url.to_owned()),
        title: Some("The ferry".to_owned()),
        description: Some("Sails at ten".to_owned()),
        jpeg_thumbnail: Some(SMALL.to_vec()),
        ..Default::default()
    };
    talk.sends(wa::Message {
        extended_text_message: whatsapp_rust::buffa::MessageField::some(preview),
        ..Default::default()
    });
    let shown = talk.chat.hears("take the").await;
    for (name, matched) in [
        ("com.beeper.linkpreviews", "matched_url"),
        ("m.url_previews", "matrix:matched_url"),
    ] {
        let shown = &shown["content"][name][0];
        assert_eq!(
            (&shown[matched], &shown["og:title"]),
            (&json!(url), &json!("The ferry"))
        );
        assert_eq!(shown["og:description"], "Sails at ten");
        assert_eq!(talk.chat.downloads(shown["og:image"].as_str().unwrap()).await, SMALL);
    }

    let picture = talk.chat.uploads("ferry.png", "image/png", &large_png()).await;
    let mut content = words(&format!("or this: {url}"));
    content["com.beeper.linkpreviews"] = json!([{
        "matched_url": url, "og:url": url, "og:title": "My ferry", "og:description": "Sails at noon",
        "og:image": picture, "og:image:type": "image/png", "og:image:width": 400, "og:image:height": 300,
    }]);
    talk.chat.says(content).await;
    let got = talk.gets_text(&format!("or this: {url}")).await;
    let words = got.message.extended_text_message.as_option().unwrap();
    assert_eq!(
        (words.matched_text.as_deref(), words.title.as_deref()),
        (Some(url), Some("My ferry"))
    );
    assert_eq!(words.description.as_deref(), Some("Sails at noon"));
    is_tiny_jpeg(words.jpeg_thumbnail.as_deref());
    assert_eq!((words.thumbnail_width, words.thumbnail_height), (Some(100), Some(75)));
}

/// A picture as homeservers keep them of links and maps: a PNG of 400 by 300 that is far too large for a message.
pub(super) fn large_png() -> Vec<u8> {
    let mut state = 1_u32;
    let mut noise = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[0]
    };
    let picture = image::RgbImage::from_fn(400, 300, |_, _| image::Rgb([noise(), noise(), noise()]));
    let mut file = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut file, image::ImageFormat::Png).unwrap();
    assert!(file.get_ref().len() > 64 * 1024);
    file.into_inner()
}

/// What phones show inside a message: a JPEG, and small.
pub(super) fn is_tiny_jpeg(thumbnail: Option<&[u8]>) {
    let bytes = thumbnail.unwrap();
    assert!(bytes.len() < 16 * 1024, "{} bytes", bytes.len());
    assert_eq!(image::guess_format(bytes).unwrap(), image::ImageFormat::Jpeg);
    let small = image::load_from_memory(bytes).unwrap();
    assert_eq!((small.width(), small.height()), (100, 75));
}
