//! What is sold and paid: products, orders, invoices, payments; in words.

use std::fmt::Write as _;

use whatsapp_rust::{buffa::MessageField, waproto::whatsapp as wa};

use super::{Found, kinds::with_words};
use crate::model::Content;

/// A message about goods or money.
pub(super) fn read(m: &wa::Message) -> Option<Found<'_>> {
    trade(m).or_else(|| payment(m))
}

fn trade(m: &wa::Message) -> Option<Found<'_>> {
    if let Some(message) = m.product_message.as_option() {
        let product = &message.product;
        let mut words = format!("Product “{}”", product.title.as_deref().unwrap_or_default());
        if let Some(price) = product.price_amount1000.filter(|price| *price > 0) {
            // Writing to a string cannot fail.
            let _ = write!(words, ", {}", thousandths(price, product.currency_code.as_deref()));
        }
        for more in [&product.description, &product.url, &message.body, &message.footer] {
            words = with_words(words, more.as_ref());
        }
        return Some(Found::new(Content::Told(words), message.context_info.as_option()));
    }
    if let Some(order) = m.order_message.as_option() {
        let mut words = format!("Order “{}”", order.order_title.as_deref().unwrap_or_default());
        if let Some(count) = order.item_count {
            let _ = write!(words, ", {count} items");
        }
        if let Some(total) = order.total_amount1000.filter(|total| *total > 0) {
            let _ = write!(words, ", {}", thousandths(total, order.total_currency_code.as_deref()));
        }
        let words = with_words(words, order.message.as_ref());
        return Some(Found::new(Content::Told(words), order.context_info.as_option()));
    }
    let invoice = m.invoice_message.as_option()?;
    let words = with_words("Invoice".to_owned(), invoice.note.as_ref());
    Some(Found::new(Content::Told(words), None))
}

fn payment(m: &wa::Message) -> Option<Found<'_>> {
    let (words, context) = if let Some(payment) = m.send_payment_message.as_option() {
        (with_note("Sent a payment".to_owned(), &payment.note_message), None)
    } else if let Some(request) = m.request_payment_message.as_option() {
        let amount = match (request.amount.as_option(), request.amount1000) {
            (Some(money), _) => money_of(money),
            (None, Some(amount)) => thousandths(
                i64::try_from(amount).unwrap_or(i64::MAX),
                request.currency_code_iso4217.as_deref(),
            ),
            (None, None) => "a payment".to_owned(),
        };
        (with_note(format!("Asks for {amount}"), &request.note_message), None)
    } else if m.decline_payment_request_message.is_set() {
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

fn with_note(told: String, note: &MessageField<wa::Message>) -> String {
    let words = note.extended_text_message.text.as_ref().or(note.conversation.as_ref());
    with_words(told, words)
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
