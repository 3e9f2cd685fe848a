//! People named in words: what stands behind an `@` for one side, put there for the other.

use std::collections::BTreeMap;

/// Every `@` and what follows it replaced where it is one of `tokens`, longest first, never within a longer number.
pub(super) fn replaced(body: &str, tokens: &BTreeMap<String, String>) -> String {
    let mut replaced = String::with_capacity(body.len());
    let mut rest = body;
    while let Some(at) = rest.find('@') {
        let (before, after) = rest.split_at(at);
        replaced.push_str(before);
        let after = after.strip_prefix('@').unwrap_or(after);
        let hit = tokens
            .iter()
            .rev()
            .filter(|(user, _)| !user.is_empty())
            .find_map(|(user, token)| Some((token, after.strip_prefix(user.as_str())?)))
            .filter(|(_, tail)| !tail.starts_with(|next: char| next.is_ascii_digit()));
        if let Some((token, tail)) = hit {
            replaced.push_str(token);
            rest = tail;
        } else {
            replaced.push('@');
            rest = after;
        }
    }
    replaced.push_str(rest);
    replaced
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tokens(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(from, to)| ((*from).to_owned(), (*to).to_owned()))
            .collect()
    }

    #[test]
    fn a_person_is_found_whole_and_never_within_a_longer_number() {
        let tokens = tokens(&[("42", "@lid_42"), ("4217", "@15550001111")]);
        assert_eq!(
            replaced("@42, @4217 and @421 (a@42)", &tokens),
            "@lid_42, @15550001111 and @421 (a@lid_42)"
        );
    }

    #[test]
    fn what_was_put_there_is_not_replaced_again() {
        let tokens = tokens(&[("1", "@2"), ("2", "@1")]);
        assert_eq!(replaced("@1@2", &tokens), "@2@1");
    }

    proptest! {
        #[test]
        fn words_without_tokens_stay_as_they_are(body in "\\PC*") {
            prop_assert_eq!(replaced(&body, &BTreeMap::new()), body);
        }
    }
}
