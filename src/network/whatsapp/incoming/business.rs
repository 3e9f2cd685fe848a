//! What businesses offer and what people choose from it: templates, buttons, lists; in words.

use whatsapp_rust::{
    buffa::MessageField,
    waproto::whatsapp::{
        self as wa,
        message::{
            HighlyStructuredMessage, InteractiveMessage, ListMessage, TemplateMessage, buttons_message,
            buttons_response_message,
            interactive_message::InteractiveMessage as Flow,
            interactive_response_message,
            template_message::{Format, HydratedFourRowTemplate, hydrated_four_row_template::Title},
        },
    },
};

use super::{Found, Scene, filled, media};
use crate::model::{Content, Text};

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

/// Lines of words, put together at the end.
#[derive(Default)]
struct Lines(Vec<String>);

impl Lines {
    fn say(&mut self, words: Option<&String>) {
        self.0.extend(filled(words).map(ToOwned::to_owned));
    }

    fn option(&mut self, words: Option<&String>) {
        self.0.extend(filled(words).map(|words| format!("• {words}")));
    }

    fn told(self, kind: &str) -> Content {
        if self.0.is_empty() {
            Content::Unsupported(kind.to_owned())
        } else {
            Content::Told(self.0.join("\n"))
        }
    }

    /// Under a picture, film or file, words are its caption.
    fn under(self, media: Option<wa::Message>, kind: &str, scene: &Scene<'_>) -> Content {
        let shown = media.and_then(|message| Some(media::read(&message, false, scene)?.content));
        match (shown, self) {
            (Some(Content::Media(mut media)), lines) => {
                if !lines.0.is_empty() {
                    media.caption = Some(Text::plain(lines.0.join("\n")));
                }
                Content::Media(media)
            }
            (_, lines) => lines.told(kind),
        }
    }
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
        let mut lines = Lines::default();
        let mut shown = None;
        match &buttons.header {
            Some(buttons_message::Header::Text(text)) => lines.say(Some(text)),
            Some(buttons_message::Header::ImageMessage(image)) => shown = Some(with_image(image)),
            Some(buttons_message::Header::VideoMessage(video)) => shown = Some(with_video(video)),
            Some(buttons_message::Header::DocumentMessage(document)) => shown = Some(with_document(document)),
            Some(buttons_message::Header::LocationMessage(_)) | None => {}
        }
        lines.say(buttons.content_text.as_ref());
        lines.say(buttons.footer_text.as_ref());
        for button in &buttons.buttons {
            lines.option(button.button_text.display_text.as_ref());
        }
        let content = lines.under(shown, "interactive message", scene);
        return Some(Found::new(content, buttons.context_info.as_option()));
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

fn template_of(template: &TemplateMessage, scene: &Scene<'_>) -> Content {
    match &template.format {
        Some(Format::HydratedFourRowTemplate(rows)) => rows_of(rows, scene),
        Some(Format::InteractiveMessageTemplate(interactive)) => interactive_of(interactive, scene),
        Some(Format::FourRowTemplate(rows)) => {
            let mut lines = Lines::default();
            for part in [&rows.content, &rows.footer] {
                if let Some(part) = part.as_option() {
                    lines.0.extend(parameters_of(part));
                }
            }
            lines.told("template")
        }
        None => match template.hydrated_template.as_option() {
            Some(rows) => rows_of(rows, scene),
            None => Content::Unsupported("template".to_owned()),
        },
    }
}

fn rows_of(rows: &HydratedFourRowTemplate, scene: &Scene<'_>) -> Content {
    use wa::hydrated_template_button::HydratedButton;
    let mut lines = Lines::default();
    let mut shown = None;
    match &rows.title {
        Some(Title::HydratedTitleText(title)) => lines.say(Some(title)),
        Some(Title::ImageMessage(image)) => shown = Some(with_image(image)),
        Some(Title::VideoMessage(video)) => shown = Some(with_video(video)),
        Some(Title::DocumentMessage(document)) => shown = Some(with_document(document)),
        Some(Title::LocationMessage(_)) | None => {}
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
    lines.under(shown, "template", scene)
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
    lines.told("interactive message")
}

fn interactive_of(interactive: &InteractiveMessage, scene: &Scene<'_>) -> Content {
    use wa::message::interactive_message::header::Media;
    let mut lines = Lines::default();
    let mut shown = None;
    if let Some(header) = interactive.header.as_option() {
        match &header.media {
            Some(Media::ImageMessage(image)) => shown = Some(with_image(image)),
            Some(Media::VideoMessage(video)) => shown = Some(with_video(video)),
            Some(Media::DocumentMessage(document)) => shown = Some(with_document(document)),
            _ => {}
        }
        lines.say(header.title.as_ref());
        lines.say(header.subtitle.as_ref());
    }
    lines.say(interactive.body.text.as_ref());
    lines.say(interactive.footer.text.as_ref());
    match &interactive.interactive_message {
        Some(Flow::NativeFlowMessage(flow)) => {
            for button in &flow.buttons {
                lines.option(label_of(button.button_params_json.as_ref()).as_ref());
            }
        }
        Some(Flow::CarouselMessage(carousel)) => {
            for card in &carousel.cards {
                lines.option(card.header.title.as_ref());
                lines.say(card.body.text.as_ref());
            }
        }
        Some(Flow::ShopStorefrontMessage(_) | Flow::CollectionMessage(_)) | None => {}
    }
    lines.under(shown, "interactive message", scene)
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

fn with_image(image: &wa::message::ImageMessage) -> wa::Message {
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

fn with_document(document: &wa::message::DocumentMessage) -> wa::Message {
    wa::Message {
        document_message: MessageField::some(document.clone()),
        ..wa::Message::default()
    }
}
