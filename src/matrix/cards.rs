//! People's cards in the vCard format (RFC 6350 and its elders): as a file, from a file, and as words.
//!
//! Only what people look for is read. Deliberately not here: making cards; networks hand over whole ones.

use crate::model::Card;

/// The media type of such files.
pub(crate) const MIME: &str = "text/vcard";

/// The longest value that is shown.
const LONGEST: usize = 200;
/// More cards are told by their number.
const MOST_TOLD: usize = 20;

/// A file with all these cards.
pub(crate) fn join(cards: &[Card]) -> String {
    let mut file = String::new();
    for card in cards {
        file.push_str(card.vcard.trim());
        file.push_str("\r\n");
    }
    file
}

/// What a file with all these cards is called.
pub(crate) fn file_name(cards: &[Card]) -> String {
    match cards {
        [one] if !one.name.is_empty() => {
            let letters = one.name.chars().filter(|letter| !letter.is_control());
            let name: String = letters.take(LONGEST).collect();
            format!("{name}.vcf")
        }
        _ => "contacts.vcf".to_owned(),
    }
}

/// The cards in a file.
pub(crate) fn read(file: &str) -> Vec<Card> {
    let mut cards = Vec::new();
    let mut lines: Option<Vec<&str>> = None;
    for line in file.lines() {
        if line.trim().eq_ignore_ascii_case("BEGIN:VCARD") {
            lines = Some(Vec::new());
        }
        let Some(open) = &mut lines else { continue };
        open.push(line);
        if line.trim().eq_ignore_ascii_case("END:VCARD") {
            let vcard = open.join("\r\n");
            let name = values(&vcard, "FN").into_iter().next();
            let name = name.or_else(|| values(&vcard, "N").into_iter().next());
            cards.push(Card {
                name: name.unwrap_or_default(),
                vcard,
            });
            lines = None;
        }
    }
    cards
}

/// What stands on cards, for people, as far as anybody reads.
pub(crate) fn told(all: &[Card]) -> String {
    let mut told: Vec<String> = all.iter().take(MOST_TOLD).map(readable).collect();
    if all.len() > MOST_TOLD {
        told.push(format!("and {} more", all.len() - MOST_TOLD));
    }
    told.join("\n")
}

/// What stands on a card: the name, then numbers and addresses.
fn readable(card: &Card) -> String {
    let named = [card.name.trim().to_owned()]
        .into_iter()
        .filter(|name| !name.is_empty());
    let name = named.chain(values(&card.vcard, "FN")).next();
    let mut lines = vec![format!("👤 {}", name.unwrap_or_else(|| "Contact".into()))];
    for (property, sign) in [("TEL", "📞"), ("EMAIL", "✉️"), ("ORG", "🏢"), ("URL", "🔗")] {
        lines.extend(
            values(&card.vcard, property)
                .into_iter()
                .take(5)
                .map(|value| format!("{sign} {value}")),
        );
    }
    lines.join("\n")
}

/// The values of a property, unescaped and in one line each. Lines that begin with a space go on from the one before.
fn values(vcard: &str, property: &str) -> Vec<String> {
    let unfolded = vcard.replace("\r\n", "\n").replace("\n ", "").replace("\n\t", "");
    let value = |line: &str| {
        let (head, value) = line.split_once(':')?;
        // `item1.TEL;type=CELL;waid=15550001111`
        let name = head.split(';').next()?.rsplit('.').next()?;
        name.trim().eq_ignore_ascii_case(property).then(|| shown(value))
    };
    let values = unfolded.lines().filter_map(value);
    values.filter(|value| !value.is_empty()).collect()
}

fn shown(value: &str) -> String {
    let mut shown = String::new();
    let mut letters = value.trim().chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some('n' | 'N') => shown.push(' '),
                Some(other) => shown.push(other),
                None => {}
            },
            // Parts of a name or of a firm.
            ';' => shown.push(' '),
            other => shown.push(other),
        }
    }
    let shown = shown.trim().trim_start_matches("tel:");
    shown
        .chars()
        .filter(|letter| !letter.is_control())
        .take(LONGEST)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANA: &str = "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Lopez;Ana;;;\r\nFN:Ana\\, the\r\n  great\r\nitem1.TEL;type=CELL;waid=15550001111:+1 555 000 1111\r\nORG:Tea;Shop\r\nEND:VCARD";

    #[test]
    fn b27_a_file_of_cards_is_read_card_by_card() {
        let ana = Card {
            name: "Ana, the great".into(),
            vcard: ANA.into(),
        };
        let bob = Card {
            name: "Stone Bob".into(),
            vcard: "BEGIN:VCARD\r\nN:Stone;Bob\r\nEND:VCARD".into(),
        };
        let both = [ana, bob];
        assert_eq!(read(&join(&both)), both);
        assert!(read("no card").is_empty());
    }

    #[test]
    fn b27_a_card_is_told_by_name_and_number() {
        let card = read(ANA).remove(0);
        assert_eq!(readable(&card), "👤 Ana, the great\n📞 +1 555 000 1111\n🏢 Tea Shop");
    }
}
