//! Answers that Matrix cannot show as answers: to what is not here, and to what was said in another chat.

use serde_json::Value;
use simulator::Speech;
use whatsapp_rust::{
    buffa::MessageField, prelude::MessageBuilderExt as _, wacore::proto_helpers::build_quote_context,
    waproto::whatsapp as wa,
};

use super::talk::{Client, Talk, answer, body, relates_to, told};

/// What stands around an answer to a message.
pub(super) fn answering(id: &str, author: &str, quoted: &wa::Message) -> wa::ContextInfo {
    build_quote_context(id, author.to_owned(), quoted)
}

fn is_no_answer(event: &Value) {
    assert!(relates_to(event).is_null(), "{event:#?}");
}

/// B04: of what is not here stands over the answer what came along of it, over words and over pictures, and other words
/// leave it there.
pub async fn b04_unknown<H, C: Client>(talk: Talk<'_, H, C>) {
    let ana = talk.ana.jid();
    let before = wa::Message::text("before *all* this\nand more");
    let id = talk.sends(told("as I said", answering("3EB0BEFORE", &ana, &before)));
    let shown = talk.chat.hears("as I said").await;
    assert_eq!(body(&shown), "> <Ana> before *all* this\n> and more\nas I said");
    assert_eq!(
        shown["content"]["formatted_body"],
        "<blockquote>&lt;Ana&gt; before <strong>all</strong> this<br>and more</blockquote>as I said"
    );
    is_no_answer(&shown);
    talk.speaks(Speech::Edit {
        id: id.clone(),
        text: "as I wrote".into(),
    });
    let is_edited = |now: &Value| now["body"] == "> <Ana> before *all* this\n> and more\nas I wrote";
    talk.chat.sees_now("other words", &shown, is_edited).await;
    // What is quoted of it has its words, not the quote.
    talk.chat.says(answer(&shown, "when?")).await;
    let got = talk.gets_text("when?").await;
    assert_eq!(
        (got.quoted_id, got.quoted_text.as_deref()),
        (Some(id), Some("as I wrote"))
    );

    let quoted = super::media::picture(&talk);
    let mut picture = super::media::picture(&talk);
    picture
        .image_message
        .modify(|image| image.context_info = MessageField::some(answering("3EB0PICTURE", &ana, &quoted)));
    talk.sends(picture);
    let shown = talk.chat.sees_kind("m.image").await;
    assert_eq!(body(&shown), "> <Ana> [image]");
    assert_ne!(shown["content"]["filename"], shown["content"]["body"]);
    is_no_answer(&shown);
    talk.needs_no_notice().await;
}

/// B04: an answer in private to what somebody else said in a group, and to a status of the owner.
pub async fn b04_elsewhere<H, C: Client>(talk: Talk<'_, H, C>) {
    let bob = talk.world.contact("15550002299", "Bob");
    let says_about = async |elsewhere: &str, author: &str, words: &str| {
        let mut around = answering("3EB0ELSEWHERE", author, &wa::Message::text(words));
        around.remote_jid = Some(elsewhere.to_owned());
        let said = format!("about {words}");
        talk.sends(told(&said, around));
        let shown = talk.chat.hears(&said).await;
        is_no_answer(&shown);
        body(&shown).to_owned()
    };
    let shown = says_about("120363000000000001@g.us", &bob.jid(), "the key").await;
    // Nobody heard his name yet.
    assert_eq!(shown, "> <+15550002299> the key\nabout the key");
    let owner = format!("{}@s.whatsapp.net", talk.phone().number());
    let shown = says_about("status@broadcast", &owner, "the harbour").await;
    assert!(shown.ends_with("> the harbour\nabout the harbour"), "{shown}");
    assert!(shown.starts_with("> <") && !shown.contains("Ana"), "{shown}");
}
