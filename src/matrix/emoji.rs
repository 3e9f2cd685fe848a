//! The same emoji, written alike: the variation selector that says "as a picture" is optional in practice, and each
//! side compares reactions letter by letter. Matrix clients write it, WhatsApp does without.

use icu_properties::{
    CodePointSetData,
    props::{Emoji, EmojiModifier, EmojiPresentation},
};

/// Says that the character before it is a picture.
const AS_PICTURE: char = '\u{fe0f}';
/// Says that the character before it is a letter.
const AS_LETTER: char = '\u{fe0e}';
/// Makes a key of the digit before it.
const KEYCAP: char = '\u{20e3}';

/// Without the selector.
pub(super) fn bare(emoji: &str) -> String {
    emoji.replace(AS_PICTURE, "")
}

/// With the selector wherever Unicode's emoji list has it ("fully-qualified").
pub(super) fn qualified(emoji: &str) -> String {
    let (emojis, pictures, tones) = (
        CodePointSetData::new::<Emoji>(),
        CodePointSetData::new::<EmojiPresentation>(),
        CodePointSetData::new::<EmojiModifier>(),
    );
    let mut written = String::with_capacity(emoji.len() + 3);
    let mut letters = emoji.chars().peekable();
    while let Some(letter) = letters.next() {
        written.push(letter);
        let next = letters.peek().copied();
        let is_said = next.is_some_and(|next| matches!(next, AS_PICTURE | AS_LETTER) || tones.contains(next));
        // Digits are emojis to Unicode, but only keys are meant.
        let is_meant = !letter.is_ascii() || next == Some(KEYCAP);
        if !is_said && is_meant && emojis.contains(letter) && !pictures.contains(letter) {
            written.push(AS_PICTURE);
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_selector_stands_where_the_emoji_list_has_it() {
        for (short, full) in [
            ("\u{2764}", "\u{2764}\u{fe0f}"),
            ("\u{1f44d}", "\u{1f44d}"),
            ("\u{1f44d}\u{1f3fd}", "\u{1f44d}\u{1f3fd}"),
            ("\u{261d}\u{1f3fd}", "\u{261d}\u{1f3fd}"),
            ("1\u{20e3}", "1\u{fe0f}\u{20e3}"),
            ("\u{2764}\u{200d}\u{1f525}", "\u{2764}\u{fe0f}\u{200d}\u{1f525}"),
            ("\u{1f3c3}\u{200d}\u{2642}", "\u{1f3c3}\u{200d}\u{2642}\u{fe0f}"),
            ("10 of 10", "10 of 10"),
            ("", ""),
        ] {
            assert_eq!(qualified(short), full);
            assert_eq!(qualified(full), full);
            assert_eq!(bare(full), short);
        }
    }

    proptest! {
        #[test]
        fn both_spellings_are_one_emoji(text in "(\\PC|[\u{2600}-\u{27bf}]|[\u{1f3fb}-\u{1f3ff}]|\u{fe0f}|\u{20e3}){0,8}") {
            prop_assert_eq!(bare(&qualified(&text)), bare(&text));
            let once = qualified(&text);
            prop_assert_eq!(qualified(&once), once);
        }
    }
}
