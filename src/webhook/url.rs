//! What may be the address of a webhook. Pure; where its name leads is checked when we go there (`address`).

use url::{Host, Url};

/// Longest address we keep.
const LONGEST: usize = 2048;

/// The text is no address of a webhook.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not an absolute http or https URL")]
pub(crate) struct BadUrl;

/// Reads an absolute `http` or `https` URL with a host.
///
/// # Errors
/// The text is something else.
pub(crate) fn check_url(text: &str) -> Result<Url, BadUrl> {
    if text.len() > LONGEST {
        return Err(BadUrl);
    }
    // The parser mends "http:/host" and "http:///host"; what is meant by them is anybody's guess.
    let (scheme, rest) = text.split_once("://").ok_or(BadUrl)?;
    let is_web = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    if !is_web || rest.starts_with('/') {
        return Err(BadUrl);
    }
    if text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
        return Err(BadUrl);
    }
    let url = Url::parse(text).map_err(|_| BadUrl)?;
    match url.host() {
        Some(Host::Domain(name)) if name.trim_matches('.').is_empty() => Err(BadUrl),
        Some(_) => Ok(url),
        None => Err(BadUrl),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_absolute_web_address_is_accepted() {
        for text in [
            "https://your-server.com/webhook",
            "http://localhost:8080/in?x=1",
            "HTTPS://EXAMPLE.ORG",
            "https://user:password@example.org/",
            "http://127.0.0.1:9000",
            "http://[2001:db8::1]:80/",
            "https://xn--bcher-kva.example/",
            "https://bücher.example/",
        ] {
            assert!(check_url(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn anything_else_is_not() {
        for text in [
            "",
            " ",
            "/path",
            "example.org/webhook",
            "//example.org",
            "ftp://example.org/",
            "file:///etc/passwd",
            "gopher://127.0.0.1:6379/_x",
            "javascript:alert(1)",
            "http://",
            "https://",
            "http:///path",
            "http:/example.org",
            "http:example.org",
            "http://.",
            "http://..",
            "http://:80/",
            "http://user@/",
            "http://exa mple.org/",
            " http://example.org/",
            "http://example.org/\n",
            "http://example.org\\@127.0.0.1/",
            "http://example.org:99999/",
            "http://[::1",
            "http://1.2.3.256/",
            "http://%00/",
        ] {
            assert_eq!(check_url(text), Err(BadUrl), "{text:?}");
        }
        assert_eq!(
            check_url(&format!("http://example.org/{}", "a".repeat(LONGEST))),
            Err(BadUrl)
        );
    }

    proptest! {
        #[test]
        fn reading_never_fails_badly(text in "\\PC{0,60}") {
            if let Ok(url) = check_url(&text) {
                prop_assert!(url.has_host());
            }
        }
    }
}
