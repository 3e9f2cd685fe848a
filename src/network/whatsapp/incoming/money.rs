//! What is sold and paid: products, orders, invoices, payments; in words, under the picture or file that came along.

use std::fmt::Write as _;

use whatsapp_rust::{
    buffa::{Message as _, MessageField},
    waproto::whatsapp::{
        self as wa,
        message::{DocumentMessage, ImageMessage, InvoiceMessage, ProductMessage, invoice_message::AttachmentType},
    },
};

use super::{
    Found, Scene,
    business::{with_document, with_image},
    filled,
    kinds::with_words,
    lines::Lines,
};
use crate::model::Content;

/// A message about goods or money.
pub(super) fn read<'a>(m: &'a wa::Message, scene: &Scene<'_>) -> Option<Found<'a>> {
    trade(m, scene).or_else(|| payment(m, scene))
}

fn trade<'a>(m: &'a wa::Message, scene: &Scene<'_>) -> Option<Found<'a>> {
    if let Some(message) = m.product_message.as_option() {
        return Some(Found::new(product_of(message, scene), message.context_info.as_option()));
    }
    if let Some(order) = m.order_message.as_option() {
        let mut words = format!("Order “{}”", order.order_title.as_deref().unwrap_or_default());
        if let Some(count) = order.item_count {
            // Writing to a string cannot fail.
            let _ = write!(words, ", {count} items");
        }
        if let Some(total) = order.total_amount1000.filter(|total| *total > 0) {
            let _ = write!(words, ", {}", thousandths(total, order.total_currency_code.as_deref()));
        }
        let words = with_words(words, order.message.as_ref());
        return Some(Found::new(Content::Told(words), order.context_info.as_option()));
    }
    let invoice = m.invoice_message.as_option()?;
    let mut lines = Lines::default();
    lines.say(Some(&"Invoice".to_owned()));
    lines.say(invoice.note.as_ref());
    if let Some(attached) = attached_to(invoice) {
        lines.part(&attached, scene);
    }
    Some(Found::new(lines.told("invoice"), None))
}

fn product_of(message: &ProductMessage, scene: &Scene<'_>) -> Content {
    let (product, catalog) = (&message.product, &message.catalog);
    let mut words = format!("Product “{}”", product.title.as_deref().unwrap_or_default());
    if let Some(price) = product.price_amount1000.filter(|price| *price > 0) {
        let _ = write!(words, ", {}", thousandths(price, product.currency_code.as_deref()));
    }
    let mut lines = Lines::default();
    lines.say(Some(&words));
    for more in [
        &product.description,
        &product.url,
        &message.body,
        &message.footer,
        &catalog.title,
        &catalog.description,
    ] {
        lines.say(more.as_ref());
    }
    for picture in [&product.product_image, &catalog.catalog_image] {
        if let Some(picture) = picture.as_option() {
            lines.part(&with_image(picture), scene);
        }
    }
    lines.told("product")
}

/// The picture or file of an invoice, as the message that it would be alone.
fn attached_to(invoice: &InvoiceMessage) -> Option<wa::Message> {
    let mime = invoice.attachment_mimetype.clone().filter(|mime| !mime.is_empty());
    let is_there = invoice.attachment_type.is_some() || mime.is_some() || invoice.attachment_direct_path.is_some();
    if !is_there {
        return None;
    }
    let is_image = match invoice.attachment_type {
        Some(kind) => kind == AttachmentType::IMAGE,
        None => mime.as_ref().is_some_and(|mime| mime.starts_with("image/")),
    };
    Some(if is_image {
        with_image(&ImageMessage {
            mimetype: mime,
            direct_path: invoice.attachment_direct_path.clone(),
            media_key: invoice.attachment_media_key.clone(),
            media_key_timestamp: invoice.attachment_media_key_timestamp,
            file_sha256: invoice.attachment_file_sha256.clone(),
            file_enc_sha256: invoice.attachment_file_enc_sha256.clone(),
            jpeg_thumbnail: invoice.attachment_jpeg_thumbnail.clone(),
            ..Default::default()
        })
    } else {
        with_document(&DocumentMessage {
            mimetype: mime.or_else(|| Some("application/pdf".to_owned())),
            file_name: Some("invoice.pdf".to_owned()),
            direct_path: invoice.attachment_direct_path.clone(),
            media_key: invoice.attachment_media_key.clone(),
            media_key_timestamp: invoice.attachment_media_key_timestamp,
            file_sha256: invoice.attachment_file_sha256.clone(),
            file_enc_sha256: invoice.attachment_file_enc_sha256.clone(),
            jpeg_thumbnail: invoice.attachment_jpeg_thumbnail.clone(),
            ..Default::default()
        })
    })
}

fn payment<'a>(m: &'a wa::Message, scene: &Scene<'_>) -> Option<Found<'a>> {
    if let Some(payment) = m.send_payment_message.as_option() {
        let told = with_note("Sent a payment", &payment.note_message, scene);
        return Some(Found::new(told, None));
    }
    if let Some(request) = m.request_payment_message.as_option() {
        let amount = match (request.amount.as_option(), request.amount1000) {
            (Some(money), _) => money_of(money),
            (None, Some(amount)) => thousandths(
                i64::try_from(amount).unwrap_or(i64::MAX),
                request.currency_code_iso4217.as_deref(),
            ),
            (None, None) => "a payment".to_owned(),
        };
        let told = with_note(&format!("Asks for {amount}"), &request.note_message, scene);
        return Some(Found::new(told, None));
    }
    let (words, context) = if m.decline_payment_request_message.is_set() {
        ("Declined to pay".to_owned(), None)
    } else if m.cancel_payment_request_message.is_set() {
        ("No longer asks for a payment".to_owned(), None)
    } else if m.payment_invite_message.is_set() {
        ("Invites you to payments in WhatsApp".to_owned(), None)
    } else if let Some(reminder) = m.payment_reminder_message.as_option() {
        let words = format!("Reminder of a payment of {}", money_of(&reminder.amount));
        (with_words(words, reminder.description.as_ref()), None)
    } else {
        let split = m.split_payment_message.as_option()?;
        let words = format!("Shares a bill of {}", money_of(&split.total_amount));
        (
            with_words(words, split.description.as_ref()),
            split.context_info.as_option(),
        )
    };
    Some(Found::new(Content::Told(words), context))
}

/// With what somebody wrote to it, or showed: a note may be a message of any kind.
fn with_note(told: &str, note: &MessageField<wa::Message>, scene: &Scene<'_>) -> Content {
    let mut lines = Lines::default();
    lines.say(Some(&told.to_owned()));
    if let Some(note) = note.as_option() {
        let words = note.extended_text_message.text.as_ref().or(note.conversation.as_ref());
        if filled(words).is_some() {
            lines.say(words);
        } else if !note.encode_to_vec().is_empty() && !lines.tries(note, scene) {
            lines.name("note");
        }
    }
    lines.told("payment")
}

fn money_of(money: &wa::Money) -> String {
    let digits = usize::try_from(money.offset.unwrap_or(1).max(1).ilog10()).unwrap_or_default();
    amount(money.value.unwrap_or_default(), digits, money.currency_code.as_deref())
}

fn thousandths(value: i64, currency: Option<&str>) -> String {
    amount(value / 10, 2, currency)
}

fn amount(value: i64, digits: usize, currency: Option<&str>) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let mut text = format!("{:0>width$}", value.unsigned_abs(), width = digits + 1);
    if digits > 0 {
        text.insert(text.len() - digits, '.');
        for _ in 2..digits {
            if text.ends_with('0') {
                text.pop();
            }
        }
    }
    match currency {
        Some(currency) if !currency.is_empty() => format!("{sign}{text} {currency}"),
        _ => format!("{sign}{text}"),
    }
}
