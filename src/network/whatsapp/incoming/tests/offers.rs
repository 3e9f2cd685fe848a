//! What businesses offer: nothing of it is left out without a word.

use whatsapp_rust::waproto::whatsapp::message::{
    ButtonsMessage, InteractiveMessage, ListMessage, TemplateMessage, buttons_message,
    interactive_message::{
        Body, CarouselMessage, CollectionMessage, Header, InteractiveMessage as Flow, NativeFlowMessage, ShopMessage,
        header::Media as Head, native_flow_message::NativeFlowButton,
    },
    list_message::{Product, ProductListInfo, ProductSection},
    template_message::{Format, HydratedFourRowTemplate, hydrated_four_row_template::Title},
};

use super::*;

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
