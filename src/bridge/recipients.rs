//! What people write as a recipient, read once: the same person in one spelling, so that messages to them keep their
//! order however they are spelled. Pure.

use crate::model::Recipient;

/// Fewest and most digits of a phone number (E.164).
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

/// Reads a recipient; `None` when it cannot be one.
pub(super) fn read(spelling: &str) -> Option<Recipient> {
    let text = spelling.trim();
    if text.starts_with("http://") || text.starts_with("https://") {
        return Some(Recipient::Invite(text.to_owned()));
    }
    if text.contains('@') {
        return Some(Recipient::Address(text.to_owned()));
    }
    let (digits, rest): (String, String) = text.chars().partition(char::is_ascii_digit);
    let only_punctuation = rest
        .chars()
        .all(|c| matches!(c, '+' | ' ' | '-' | '(' | ')' | '.' | '/'));
    let plus_leads = !rest.contains('+') || (text.starts_with('+') && rest.matches('+').count() == 1);
    (only_punctuation && plus_leads && PHONE_DIGITS.contains(&digits.len())).then_some(Recipient::Phone(digits))
}

/// One spelling for every way to write the same recipient: the name of its lane.
pub(super) fn canonical(recipient: &Recipient) -> &str {
    match recipient {
        Recipient::Phone(digits) => digits,
        Recipient::Address(address) => address,
        Recipient::Invite(link) => link,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_is_the_same_with_and_without_plus_and_punctuation() {
        for spelling in ["15550001111", "+15550001111", " +1 (555) 000-1111 ", "+1.555.000.1111"] {
            assert_eq!(
                read(spelling),
                Some(Recipient::Phone("15550001111".into())),
                "{spelling}"
            );
        }
    }

    #[test]
    fn what_cannot_be_a_recipient_is_none() {
        for spelling in [
            "another_address",
            "",
            "+",
            "12345",
            "1555000111122223",
            "+1+5550001111",
            "1+5550001111",
        ] {
            assert_eq!(read(spelling), None, "{spelling}");
        }
    }

    #[test]
    fn addresses_and_links_are_kept() {
        assert_eq!(read("120363@g.us"), Some(Recipient::Address("120363@g.us".into())));
        let link = "https://chat.whatsapp.com/abc";
        assert_eq!(read(link), Some(Recipient::Invite(link.into())));
    }

    proptest! {
        #[test]
        fn reading_never_fails_and_is_stable(text in "\\PC{0,40}") {
            if let Some(recipient) = read(&text) {
                let again = read(canonical(&recipient));
                if let Recipient::Phone(_) = recipient {
                    prop_assert_eq!(again, Some(recipient));
                }
            }
        }
    }
}
