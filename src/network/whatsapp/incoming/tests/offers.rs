//! What businesses offer: nothing of it is left out without a word.

use whatsapp_rust::waproto::whatsapp::{
    AIRichResponseSubMessageType as Part,
    message::{
        ButtonsMessage, InteractiveMessage, ListMessage, TemplateMessage, buttons_message,
        interactive_message::{
            Body, CarouselMessage, CollectionMessage, Header, InteractiveMessage as Flow, NativeFlowMessage,
            ShopMessage, header::Media as Head, native_flow_message::NativeFlowButton,
        },
        invoice_message::AttachmentType,
        list_message::{Product, ProductListInfo, ProductSection},
        template_message::{Format, HydratedFourRowTemplate, hydrated_four_row_template::Title},
    },
};

use super::*;
use crate::model::MediaKind;

fn harbour() -> message::LocationMessage {
    message::LocationMessage {
        degrees_latitude: Some(53.54),
        degrees_longitude: Some(9.98),
        name: Some("Harbour".into()),
        ..Default::default()
    }
}

fn stored(caption: Option<&str>) -> message::ImageMessage {
    message::ImageMessage {
        direct_path: Some("/v/1".into()),
        caption: caption.map(ToOwned::to_owned),
        ..Default::default()
    }
}

fn interactive(header: Option<Head>, title: &str, flow: Option<Flow>) -> InteractiveMessage {
    InteractiveMessage {
        header: MessageField::some(Header {
            title: Some(title.into()),
            media: header,
            ..Default::default()
        }),
        body: MessageField::some(Body {
            text: Some(format!("all of {title}")),
        }),
        interactive_message: flow,
        ..Default::default()
    }
}

fn told(interactive: InteractiveMessage) -> String {
    let content = content(&wa::Message {
        interactive_message: MessageField::some(interactive),
        ..Default::default()
    });
    match content {
        Content::Told(words) => words,
        other => panic!("{other:?} is not told"),
    }
}

const PLACE: &str = "[location] Harbour, geo:53.54,9.98";

#[test]
fn a_place_in_the_head_of_an_offer_is_told() {
    let buttons = wa::Message {
        buttons_message: MessageField::some(ButtonsMessage {
            content_text: Some("Come here".into()),
            header: Some(buttons_message::Header::LocationMessage(harbour().into())),
            ..Default::default()
        }),
        ..Default::default()
    };
    let template = wa::Message {
        template_message: MessageField::some(TemplateMessage {
            format: Some(Format::HydratedFourRowTemplate(
                HydratedFourRowTemplate {
                    hydrated_content_text: Some("Come here".into()),
                    title: Some(Title::LocationMessage(harbour().into())),
                    ..Default::default()
                }
                .into(),
            )),
            ..Default::default()
        }),
        ..Default::default()
    };
    for message in [buttons, template] {
        assert_eq!(content(&message), Content::Told(format!("{PLACE}\nCome here")));
    }
    let head = Some(Head::LocationMessage(harbour().into()));
    assert_eq!(
        told(interactive(head, "Tea", None)),
        format!("{PLACE}\nTea\nall of Tea")
    );
}

#[test]
fn products_pictures_and_shops_without_words_are_named() {
    let shop = Flow::ShopStorefrontMessage(ShopMessage::default().into());
    let collection = Flow::CollectionMessage(CollectionMessage::default().into());
    let thumbnail = || Some(Head::JpegThumbnail(vec![1]));
    assert_eq!(
        told(interactive(thumbnail(), "Tea", Some(shop))),
        "[image]\nTea\nall of Tea\n[shop]"
    );
    assert!(told(interactive(None, "Tea", Some(collection))).ends_with("[collection of products]"));
    let product = message::ProductMessage {
        product: MessageField::some(message::product_message::ProductSnapshot {
            title: Some("Cup".into()),
            ..Default::default()
        }),
        ..Default::default()
    };
    let head = Some(Head::ProductMessage(product.into()));
    assert_eq!(told(interactive(head, "Tea", None)), "Product “Cup”\nTea\nall of Tea");
    let unreadable = Some(Head::ImageMessage(message::ImageMessage::default().into()));
    assert!(told(interactive(unreadable, "Tea", None)).starts_with("[image]"));
    let list = wa::Message {
        list_message: MessageField::some(ListMessage {
            product_list_info: MessageField::some(ProductListInfo {
                product_sections: vec![ProductSection {
                    title: Some("Cups".into()),
                    products: vec![Product::default(), Product::default()],
                }],
                ..Default::default()
            }),
            ..Default::default()
        }),
        ..Default::default()
    };
    assert_eq!(content(&list), Content::Told("Cups\n[2 products]".into()));
}

#[test]
fn each_card_tells_its_words_its_choices_and_its_picture() {
    let buttons = NativeFlowMessage {
        buttons: vec![NativeFlowButton {
            name: Some("quick_reply".into()),
            button_params_json: Some(r#"{"display_text":"Buy"}"#.into()),
        }],
        ..Default::default()
    };
    let picture = Some(Head::ImageMessage(stored(None).into()));
    let tea = interactive(picture, "Tea", Some(Flow::NativeFlowMessage(buttons.into())));
    let carousel = CarouselMessage {
        cards: vec![tea, InteractiveMessage::default()],
        ..Default::default()
    };
    assert_eq!(
        told(interactive(None, "Menu", Some(Flow::CarouselMessage(carousel.into())))),
        "Menu\nall of Menu\n[2 cards]\n• Tea\nall of Tea\n• Buy\n[image]\n• [card]"
    );
}

fn product(title: &str, picture: Option<message::ImageMessage>) -> message::ProductMessage {
    message::ProductMessage {
        product: MessageField::some(message::product_message::ProductSnapshot {
            title: Some(title.into()),
            product_image: picture.map_or_else(MessageField::none, MessageField::some),
            ..Default::default()
        }),
        body: Some("Fresh".into()),
        ..Default::default()
    }
}

/// What stands under a picture or file.
fn caption_of(content: Content) -> (MediaKind, String) {
    match content {
        Content::Media(media) => (media.kind, media.caption.unwrap().body),
        other => panic!("{other:?} is no file"),
    }
}

#[test]
fn a_product_stands_under_its_picture_wherever_it_is() {
    let alone = |picture| {
        content(&wa::Message {
            product_message: MessageField::some(product("Cup", picture)),
            ..Default::default()
        })
    };
    let words = "Product “Cup”\nFresh";
    assert_eq!(alone(None), Content::Told(words.into()));
    assert_eq!(
        caption_of(alone(Some(stored(None)))),
        (MediaKind::Image, words.to_owned())
    );
    let lost = Some(message::ImageMessage::default());
    assert_eq!(alone(lost), Content::Told(format!("{words}\n[image]")));

    let head = || Some(Head::ProductMessage(product("Cup", Some(stored(None))).into()));
    let offered = content(&wa::Message {
        interactive_message: MessageField::some(interactive(head(), "Tea", None)),
        ..Default::default()
    });
    assert_eq!(caption_of(offered).1, format!("{words}\nTea\nall of Tea"));
    let carousel = CarouselMessage {
        cards: vec![interactive(head(), "Tea", None)],
        ..Default::default()
    };
    assert_eq!(
        told(interactive(None, "Menu", Some(Flow::CarouselMessage(carousel.into())))),
        format!("Menu\nall of Menu\n[1 card]\n• {words}\nTea\nall of Tea\n[image]")
    );
}

#[test]
fn an_invoice_stands_under_its_picture_or_file() {
    let invoice = |kind, mime: Option<&str>, path: Option<&str>| {
        content(&wa::Message {
            invoice_message: MessageField::some(message::InvoiceMessage {
                note: Some("March".into()),
                attachment_type: kind,
                attachment_mimetype: mime.map(ToOwned::to_owned),
                attachment_direct_path: path.map(ToOwned::to_owned),
                ..Default::default()
            }),
            ..Default::default()
        })
    };
    let words = "Invoice\nMarch";
    let path = Some("/v/1");
    assert_eq!(invoice(None, None, None), Content::Told(words.into()));
    assert_eq!(
        invoice(Some(AttachmentType::PDF), None, None),
        Content::Told(format!("{words}\n[file]"))
    );
    let file = |kind| (kind, words.to_owned());
    assert_eq!(
        caption_of(invoice(Some(AttachmentType::IMAGE), None, path)),
        file(MediaKind::Image)
    );
    assert_eq!(
        caption_of(invoice(None, Some("image/png"), path)),
        file(MediaKind::Image)
    );
    assert_eq!(
        caption_of(invoice(Some(AttachmentType::PDF), None, path)),
        file(MediaKind::File)
    );
    let Content::Media(pdf) = invoice(None, None, path) else {
        panic!("no file")
    };
    assert_eq!(
        (pdf.mime.as_str(), pdf.name.as_deref()),
        ("application/pdf", Some("invoice.pdf"))
    );
}

#[test]
fn the_note_of_a_payment_is_told_whatever_it_is() {
    let paid = |note: wa::Message| {
        content(&wa::Message {
            send_payment_message: MessageField::some(message::SendPaymentMessage {
                note_message: MessageField::some(note),
                ..Default::default()
            }),
            ..Default::default()
        })
    };
    let told = |words: &str| Content::Told(format!("Sent a payment{words}"));
    assert_eq!(paid(wa::Message::default()), told(""));
    assert_eq!(paid(wa::Message::text("dinner")), told("\ndinner"));
    let sticker = message::StickerMessage {
        direct_path: Some("/v/1".into()),
        ..Default::default()
    };
    let sticker = wa::Message {
        sticker_message: MessageField::some(sticker),
        ..Default::default()
    };
    assert_eq!(paid(sticker), told("\n[sticker]"));
    let place = wa::Message {
        location_message: MessageField::some(harbour()),
        ..Default::default()
    };
    assert_eq!(paid(place), told(&format!("\n{PLACE}")));
    let chat = wa::Message {
        chat: MessageField::some(message::Chat::default()),
        ..Default::default()
    };
    let chat = wa::Message {
        ephemeral_message: wrapped(chat),
        ..Default::default()
    };
    assert_eq!(paid(chat), told("\n[note]"));
    let picture = wa::Message {
        image_message: MessageField::some(stored(None)),
        ..Default::default()
    };
    assert_eq!(
        caption_of(paid(picture)),
        (MediaKind::Image, "Sent a payment".to_owned())
    );
}

#[test]
fn of_an_assistant_nothing_is_left_out_without_a_word() {
    let answer = |parts: Vec<wa::AIRichResponseSubMessage>| {
        content(&wa::Message {
            rich_response_message: MessageField::some(wa::AIRichResponseMessage {
                submessages: parts,
                ..Default::default()
            }),
            ..Default::default()
        })
    };
    let part = |kind| wa::AIRichResponseSubMessage {
        message_type: Some(kind),
        ..Default::default()
    };
    let words = |words: &str| wa::AIRichResponseSubMessage {
        message_text: Some(words.into()),
        ..part(Part::AI_RICH_RESPONSE_TEXT)
    };
    let kind_in = |content| match content {
        Content::Unsupported(kind) => kind,
        other => panic!("{other:?} is shown"),
    };
    assert_eq!(kind_in(answer(vec![])), "answer of an assistant");
    assert_eq!(
        answer(vec![words("one"), words("two")]),
        Content::Told("one\ntwo".into())
    );
    let named = [
        (Part::AI_RICH_RESPONSE_GRID_IMAGE, "[image]"),
        (Part::AI_RICH_RESPONSE_INLINE_IMAGE, "[image]"),
        (Part::AI_RICH_RESPONSE_TABLE, "[table]"),
        (Part::AI_RICH_RESPONSE_CODE, "[code]"),
        (Part::AI_RICH_RESPONSE_DYNAMIC, "[moving image]"),
        (Part::AI_RICH_RESPONSE_MAP, "[location]"),
        (Part::AI_RICH_RESPONSE_LATEX, "[formula]"),
        (Part::AI_RICH_RESPONSE_CONTENT_ITEMS, "[links]"),
        (Part::AI_RICH_RESPONSE_UNKNOWN, "[part of an unknown kind]"),
    ];
    for (kind, name) in named {
        assert_eq!(
            answer(vec![words("see:"), part(kind)]),
            Content::Told(format!("see:\n{name}"))
        );
    }
    let newer = wa::AIRichResponseSubMessage::default();
    assert_eq!(answer(vec![newer]), Content::Told("[part of an unknown kind]".into()));
    assert_eq!(kind_in(answer(vec![words("")])), "answer of an assistant");
    let code = |text: &str| wa::AIRichResponseSubMessage {
        code_metadata: MessageField::some(wa::AIRichResponseCodeMetadata {
            code_blocks: vec![wa::ai_rich_response_code_metadata::AIRichResponseCodeBlock {
                code_content: Some(text.into()),
                ..Default::default()
            }],
            ..Default::default()
        }),
        ..part(Part::AI_RICH_RESPONSE_CODE)
    };
    assert_eq!(answer(vec![code("a *b*\n")]), Content::Told("```\na *b*\n```".into()));
    assert_eq!(answer(vec![code("\n")]), Content::Told("[code]".into()));
}

#[test]
fn the_words_of_a_picture_stay_over_those_of_the_offer() {
    let head = Some(Head::ImageMessage(stored(Some("fresh")).into()));
    let content = content(&wa::Message {
        interactive_message: MessageField::some(interactive(head, "Tea", None)),
        ..Default::default()
    });
    let Content::Media(media) = content else {
        panic!("{content:?} is no picture")
    };
    assert_eq!(media.caption.unwrap().body, "fresh\nTea\nall of Tea");
}
