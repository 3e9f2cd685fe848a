//! Scopes: what a credential may do, as `resource:action[:detail]`. Pure.

use crate::model::Role;

/// Most scopes one credential may hold.
pub(super) const MOST: usize = 64;

/// What credentials hold whose scopes nobody set; tokens are limited to their own by ownership.
const DEFAULTS: [&str; 5] = [
    "tokens:write:create",
    "tokens:read:*",
    "tokens:write:delete",
    "devices:*",
    "webhooks:*",
];

/// What a route demands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Scope {
    /// Make, change and delete credentials.
    WriteCredentials,
    /// List credentials.
    ReadCredentials,
    /// Make tokens.
    CreateTokens,
    /// List tokens.
    ReadTokens,
    /// Delete tokens.
    DeleteTokens,
}

impl Scope {
    /// The scope as text. It is compared literally: `tokens:read:list` does not open `tokens:read:*`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::WriteCredentials => "credentials:write:*",
            Self::ReadCredentials => "credentials:read:*",
            Self::CreateTokens => "tokens:write:create",
            Self::ReadTokens => "tokens:read:*",
            Self::DeleteTokens => "tokens:write:delete",
        }
    }
}

/// The scopes in force for a role and what was set; super admins are above them.
pub(super) fn effective(role: Role, set: Option<&[String]>) -> Vec<String> {
    match (role, set) {
        (Role::SuperAdmin, _) => vec!["*".into()],
        (Role::User, Some(scopes)) => scopes.to_vec(),
        (Role::User, None) => DEFAULTS.map(String::from).to_vec(),
    }
}

/// Whether every credential holds this without anybody having to grant it.
pub(super) fn is_default(scope: &str) -> bool {
    covered(&DEFAULTS, scope)
}

/// Whether one of the held scopes covers the required one.
pub(super) fn covered(held: &[impl AsRef<str>], required: &str) -> bool {
    held.iter().any(|scope| covers(scope.as_ref(), required))
}

fn covers(held: &str, required: &str) -> bool {
    // "tokens:*" keeps its colon, so that it does not cover "tokensomething".
    let below = |prefix: &str| prefix.ends_with(':') && required.starts_with(prefix);
    held == required || held == "*" || held.strip_suffix('*').is_some_and(below)
}

/// Whether text is a scope: `*`, or words of small letters and underscores with colons between, perhaps `:*` at the end.
pub(super) fn is_scope(text: &str) -> bool {
    let word = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    text == "*" || text.strip_suffix(":*").unwrap_or(text).split(':').all(word)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// T04: which held scope opens which route.
    #[test]
    fn the_matrix_of_held_and_required_scopes() {
        let all = [
            Scope::WriteCredentials,
            Scope::ReadCredentials,
            Scope::CreateTokens,
            Scope::ReadTokens,
            Scope::DeleteTokens,
        ];
        let opens = |held: &[&str]| all.map(|scope| covered(held, scope.as_str()));
        let table: [(&[&str], [bool; 5]); 16] = [
            (&["*"], [true; 5]),
            (&[], [false; 5]),
            (&["tokens:*"], [false, false, true, true, true]),
            (&["tokens:read:*"], [false, false, false, true, false]),
            (&["tokens:read:list"], [false; 5]),
            (&["tokens:read"], [false; 5]),
            (&["tokens:write:*"], [false, false, true, false, true]),
            (&["tokens:write:create"], [false, false, true, false, false]),
            (&["tokens:write:delete"], [false, false, false, false, true]),
            (&["credentials:*"], [true, true, false, false, false]),
            (&["credentials:read:*"], [false, true, false, false, false]),
            (&["credentials:write:*"], [true, false, false, false, false]),
            (&["credentials"], [false; 5]),
            (&["token:*", "tokens", "tok*"], [false; 5]),
            (&["devices:*", "webhooks:*"], [false; 5]),
            (
                &["tokens:read:*", "tokens:write:create", "tokens:write:delete"],
                [false, false, true, true, true],
            ),
        ];
        for (held, expected) in table {
            assert_eq!(opens(held), expected, "{held:?}");
        }
    }

    #[test]
    fn scopes_nobody_set_are_the_defaults_and_an_empty_list_is_nothing() {
        let defaults = effective(Role::User, None);
        for scope in [Scope::CreateTokens, Scope::ReadTokens, Scope::DeleteTokens] {
            assert!(covered(&defaults, scope.as_str()), "{scope:?}");
        }
        assert!(!covered(&defaults, Scope::ReadCredentials.as_str()));
        assert!(effective(Role::User, Some(&[])).is_empty());
        assert!(covered(
            &effective(Role::SuperAdmin, Some(&[])),
            Scope::WriteCredentials.as_str()
        ));
    }

    #[test]
    fn the_grammar_takes_what_the_guide_writes_and_nothing_odd() {
        for text in [
            "*",
            "tokens:*",
            "tokens:read:*",
            "tokens:write:create",
            "a",
            "a_b:c:d:*",
            "devices",
        ] {
            assert!(is_scope(text), "{text}");
        }
        for text in [
            "",
            " ",
            ":",
            ":*",
            "**",
            "*:*",
            "tokens:",
            ":tokens",
            "a::b",
            "tokens:*:read",
            "Tokens:*",
            "a:b*",
            "a1",
            "a b",
        ] {
            assert!(!is_scope(text), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_scope_covers_itself_and_what_lies_below_it(head in "[a-z_]{1,8}(:[a-z_]{1,8}){0,3}", tail in "[a-z_]{1,8}") {
            let below = format!("{head}:{tail}");
            let star = format!("{head}:*");
            prop_assert!(is_scope(&head) && is_scope(&below) && is_scope(&star));
            prop_assert!(covers(&head, &head));
            prop_assert!(covers(&star, &below));
            prop_assert!(covers(&star, &star));
            prop_assert!(!covers(&head, &below));
            prop_assert!(!covers(&star, &head));
            prop_assert!(!covers(&below, &star));
            let glued = format!("{head}{tail}");
            prop_assert!(!covers(&star, &glued));
        }

        #[test]
        fn covering_is_transitive(a in "(\\*|[ab]{1,2}(:[ab]{1,2}){0,2}(:\\*)?)", b in "(\\*|[ab]{1,2}(:[ab]{1,2}){0,2}(:\\*)?)", c in "[ab]{1,2}(:[ab]{1,2}){0,3}") {
            if covers(&a, &b) && covers(&b, &c) {
                prop_assert!(covers(&a, &c));
            }
        }

        #[test]
        fn reading_never_fails(text in "\\PC{0,40}") {
            let _ = is_scope(&text);
        }
    }
}
