//! What businesses offer and what people choose from it: templates, buttons, lists; in words. What has no words
//! here (a shop, the picture of a card) is named.

use whatsapp_rust::{
    buffa::MessageField,
    waproto::whatsapp::{
        self as wa,
        message::{
            ButtonsMessage, HighlyStructuredMessage, InteractiveMessage, ListMessage, TemplateMessage, buttons_message,
            buttons_response_message,
            interactive_message::{BloksWidget, InteractiveMessage as Flow, NativeFlowMessage, footer, header},
            interactive_response_message,
            template_message::{
                Format, FourRowTemplate, HydratedFourRowTemplate, four_row_template, hydrated_four_row_template::Title,
            },
        },
    },
};

use super::{Found, Scene, filled, lines::Lines};
use crate::model::Content;

/// A message of a business, or an answer to one.
pub(super) fn read<'a>(m: &'a wa::Message, scene: &Scene<'_>) -> Option<Found<'a>> {
    choice(m).or_else(|| offer(m, scene))
}

/// What somebody chose from an offer: their own words.
fn choice(m: &wa::Message) -> Option<Found<'_>> {
    let (words, around) = if let Some(reply) = m.template_button_reply_message.as_option() {
        (reply.selected_display_text.as_ref(), &reply.context_info)
    } else if let Some(reply) = m.buttons_response_message.as_option() {
        let words = reply
            .response
            .as_ref()
            .map(|buttons_response_message::Response::SelectedDisplayText(words)| words);
        (words, &reply.context_info)
    } else if let Some(reply) = m.list_response_message.as_option() {
        (reply.title.as_ref(), &reply.context_info)
    } else {
        let reply = m.interactive_response_message.as_option()?;
        let named = match &reply.interactive_response_message {
            Some(interactive_response_message::InteractiveResponseMessage::NativeFlowResponseMessage(flow)) => {
                flow.name.as_ref()
            }
            None => None,
        };
        let words = reply.body.text.as_ref().filter(|words| !words.is_empty());
        (words.or(named), &reply.context_info)
    };
    let content = match filled(words) {
        Some(words) => Content::words(words),
        None => Content::Unsupported("choice".to_owned()),
    };
    Some(Found::new(content, around.as_option()))
}

fn offer<'a>(m: &'a wa::Message, scene: &Scene<'_>) -> Option<Found<'a>> {
    if let Some(template) = m.template_message.as_option() {
        return Some(Found::new(
            template_of(template, scene),
            template.context_info.as_option(),
        ));
    }
    if let Some(structured) = m.highly_structured_message.as_option() {
        return Some(Found::new(structured_of(structured, scene), None));
    }
    if let Some(buttons) = m.buttons_message.as_option() {
        return Some(Found::new(buttons_of(buttons, scene), buttons.context_info.as_option()));
    }
    if let Some(list) = m.list_message.as_option() {
        return Some(Found::new(list_of(list), list.context_info.as_option()));
    }
    let interactive = m.interactive_message.as_option()?;
    Some(Found::new(
        interactive_of(interactive, scene),
        interactive.context_info.as_option(),
    ))
}

fn buttons_of(buttons: &ButtonsMessage, scene: &Scene<'_>) -> Content {
    let mut lines = Lines::default();
    match &buttons.header {
        Some(buttons_message::Header::Text(text)) => lines.say(Some(text)),
        Some(buttons_message::Header::ImageMessage(image)) => lines.part(&with_image(image), scene),
        Some(buttons_message::Header::VideoMessage(video)) => lines.part(&with_video(video), scene),
        Some(buttons_message::Header::DocumentMessage(document)) => lines.part(&with_document(document), scene),
        Some(buttons_message::Header::LocationMessage(location)) => lines.part(&with_location(location), scene),
        None => {}
    }
    lines.say(buttons.content_text.as_ref());
    lines.say(buttons.footer_text.as_ref());
    for button in &buttons.buttons {
        let flow = &button.native_flow_info;
        let label = button
            .button_text
            .display_text
            .clone()
            .filter(|label| !label.is_empty());
        let label = label.or_else(|| label_of(flow.params_json.as_ref()));
        lines.option(label.as_ref().or(flow.name.as_ref()));
    }
    lines.told("interactive message")
}

fn template_of(template: &TemplateMessage, scene: &Scene<'_>) -> Content {
    match &template.format {
        Some(Format::HydratedFourRowTemplate(rows)) => rows_of(rows, scene),
        Some(Format::InteractiveMessageTemplate(interactive)) => interactive_of(interactive, scene),
        Some(Format::FourRowTemplate(rows)) => four_rows_of(rows, scene),
        None => match template.hydrated_template.as_option() {
            Some(rows) => rows_of(rows, scene),
            None => Content::Unsupported("template".to_owned()),
        },
    }
}

/// The words themselves are with the business: of each part, what it filled in.
fn four_rows_of(rows: &FourRowTemplate, scene: &Scene<'_>) -> Content {
    let mut lines = Lines::default();
    match &rows.title {
        Some(four_row_template::Title::HighlyStructuredMessage(title)) => lines.say(parameters_of(title).as_ref()),
        Some(four_row_template::Title::ImageMessage(image)) => lines.part(&with_image(image), scene),
        Some(four_row_template::Title::VideoMessage(video)) => lines.part(&with_video(video), scene),
        Some(four_row_template::Title::DocumentMessage(document)) => lines.part(&with_document(document), scene),
        Some(four_row_template::Title::LocationMessage(location)) => lines.part(&with_location(location), scene),
        None => {}
    }
    for part in [&rows.content, &rows.footer] {
        if let Some(part) = part.as_option() {
            lines.say(parameters_of(part).as_ref());
        }
    }
    if !rows.buttons.is_empty() {
        lines.count(rows.buttons.len(), "button");
    }
    lines.told("template")
}

fn rows_of(rows: &HydratedFourRowTemplate, scene: &Scene<'_>) -> Content {
    use wa::hydrated_template_button::HydratedButton;
    let mut lines = Lines::default();
    match &rows.title {
        Some(Title::HydratedTitleText(title)) => lines.say(Some(title)),
        Some(Title::ImageMessage(image)) => lines.part(&with_image(image), scene),
        Some(Title::VideoMessage(video)) => lines.part(&with_video(video), scene),
        Some(Title::DocumentMessage(document)) => lines.part(&with_document(document), scene),
        Some(Title::LocationMessage(location)) => lines.part(&with_location(location), scene),
        None => {}
    }
    lines.say(rows.hydrated_content_text.as_ref());
    lines.say(rows.hydrated_footer_text.as_ref());
    for button in &rows.hydrated_buttons {
        match &button.hydrated_button {
            Some(HydratedButton::QuickReplyButton(button)) => lines.option(button.display_text.as_ref()),
            Some(HydratedButton::UrlButton(button)) => {
                lines.option(joined(button.display_text.as_ref(), button.url.as_ref()).as_ref());
            }
            Some(HydratedButton::CallButton(button)) => {
                lines.option(joined(button.display_text.as_ref(), button.phone_number.as_ref()).as_ref());
            }
            None => {}
        }
    }
    lines.told("template")
}

fn structured_of(structured: &HighlyStructuredMessage, scene: &Scene<'_>) -> Content {
    if let Some(template) = structured.hydrated_hsm.as_option() {
        return template_of(template, scene);
    }
    match parameters_of(structured) {
        Some(words) => Content::Told(words),
        None => Content::Unsupported("template".to_owned()),
    }
}

/// The words themselves are with the business; what it filled in is here.
fn parameters_of(structured: &HighlyStructuredMessage) -> Option<String> {
    let words = structured.params.join(", ");
    (!words.is_empty()).then_some(words)
}

fn list_of(list: &ListMessage) -> Content {
    let mut lines = Lines::default();
    lines.say(list.title.as_ref());
    lines.say(list.description.as_ref());
    lines.say(list.footer_text.as_ref());
    for section in &list.sections {
        lines.say(section.title.as_ref());
        for row in &section.rows {
            lines.option(joined(row.title.as_ref(), row.description.as_ref()).as_ref());
        }
    }
    for section in &list.product_list_info.product_sections {
        lines.say(section.title.as_ref());
        lines.count(section.products.len(), "product");
    }
    lines.told("interactive message")
}

fn interactive_of(interactive: &InteractiveMessage, scene: &Scene<'_>) -> Content {
    let mut lines = part_of(interactive, scene);
    match &interactive.interactive_message {
        Some(Flow::NativeFlowMessage(flow)) => buttons_in(&mut lines, flow),
        Some(Flow::CarouselMessage(carousel)) => {
            lines.count(carousel.cards.len(), "card");
            for card in &carousel.cards {
                let mut one = part_of(card, scene);
                if let Some(Flow::NativeFlowMessage(flow)) = &card.interactive_message {
                    buttons_in(&mut one, flow);
                }
                lines.card(one);
            }
        }
        Some(Flow::ShopStorefrontMessage(_)) => lines.name("shop"),
        Some(Flow::CollectionMessage(_)) => lines.name("collection of products"),
        None => {}
    }
    lines.told("interactive message")
}

/// Head, words and foot of an interactive message, or of one of its cards.
fn part_of(interactive: &InteractiveMessage, scene: &Scene<'_>) -> Lines {
    let mut lines = Lines::default();
    if let Some(header) = interactive.header.as_option() {
        match &header.media {
            Some(header::Media::ImageMessage(image)) => lines.part(&with_image(image), scene),
            Some(header::Media::VideoMessage(video)) => lines.part(&with_video(video), scene),
            Some(header::Media::DocumentMessage(document)) => lines.part(&with_document(document), scene),
            Some(header::Media::LocationMessage(location)) => lines.part(&with_location(location), scene),
            Some(header::Media::ProductMessage(product)) => lines.part(&with_product(product), scene),
            Some(header::Media::JpegThumbnail(_)) => lines.name("image"),
            None => {}
        }
        lines.say(header.title.as_ref());
        lines.say(header.subtitle.as_ref());
        widget_in(&mut lines, &header.bloks_widget);
    }
    lines.say(interactive.body.text.as_ref());
    widget_in(&mut lines, &interactive.bloks_widget);
    if let Some(footer::Media::AudioMessage(audio)) = &interactive.footer.media {
        lines.part(&with_audio(audio), scene);
    }
    lines.say(interactive.footer.text.as_ref());
    lines
}

/// Something that only WhatsApp's own clients draw, with the words it brings for others.
fn widget_in(lines: &mut Lines, widget: &MessageField<BloksWidget>) {
    let Some(widget) = widget.as_option() else { return };
    match filled(widget.fallback.as_ref()) {
        Some(_) => lines.say(widget.fallback.as_ref()),
        None => lines.name("widget"),
    }
}

fn buttons_in(lines: &mut Lines, flow: &NativeFlowMessage) {
    for button in &flow.buttons {
        let label = label_of(button.button_params_json.as_ref());
        lines.option(label.as_ref().or(button.name.as_ref()));
    }
}

/// The label of a button stands in its parameters.
fn label_of(parameters: Option<&String>) -> Option<String> {
    let parameters: serde_json::Value = serde_json::from_str(filled(parameters)?).ok()?;
    let text = |name: &str| parameters.get(name)?.as_str().map(ToOwned::to_owned);
    joined(text("display_text").as_ref(), text("url").as_ref())
}

fn joined(first: Option<&String>, second: Option<&String>) -> Option<String> {
    match (filled(first), filled(second)) {
        (Some(first), Some(second)) => Some(format!("{first}: {second}")),
        (first, second) => first.or(second).map(ToOwned::to_owned),
    }
}

pub(super) fn with_image(image: &wa::message::ImageMessage) -> wa::Message {
    wa::Message {
        image_message: MessageField::some(image.clone()),
        ..wa::Message::default()
    }
}

fn with_video(video: &wa::message::VideoMessage) -> wa::Message {
    wa::Message {
        video_message: MessageField::some(video.clone()),
        ..wa::Message::default()
    }
}

pub(super) fn with_document(document: &wa::message::DocumentMessage) -> wa::Message {
    wa::Message {
        document_message: MessageField::some(document.clone()),
        ..wa::Message::default()
    }
}

fn with_audio(audio: &wa::message::AudioMessage) -> wa::Message {
    wa::Message {
        audio_message: MessageField::some(audio.clone()),
        ..wa::Message::default()
    }
}

fn with_location(location: &wa::message::LocationMessage) -> wa::Message {
    wa::Message {
        location_message: MessageField::some(location.clone()),
        ..wa::Message::default()
    }
}

fn with_product(product: &wa::message::ProductMessage) -> wa::Message {
    wa::Message {
        product_message: MessageField::some(product.clone()),
        ..wa::Message::default()
    }
}
