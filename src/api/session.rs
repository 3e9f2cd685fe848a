//! The cookie session: who is signed in at the console, and whether it was really our page that asked.
//!
//! The routes behind the cookie are those of the API once more. [`require`] stands before them and leaves a [`SignedIn`]
//! in the request; [`Basic`](super::auth::Basic) and [`Bearer`](super::auth::Bearer) take their caller from it.
//! Browsers add a cookie to whatever any page asks for, so it is `SameSite=Strict`, and what changes something must come
//! from our own origin or one of the settings.

use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, HeaderValue, Method, StatusCode,
        header::{CACHE_CONTROL, COOKIE, HOST, ORIGIN, SET_COOKIE, UPGRADE},
        uri::Authority,
    },
    middleware::Next,
    response::Response,
};

use super::{Api, Config, error::Error};
use crate::access::{self, NewSession};

/// The name that pages written for the original know.
const NAME: &str = "shortmesh_admin_token";

/// Somebody who is signed in, as the routes behind the cookie see it.
#[derive(Clone, Debug)]
pub(super) struct SignedIn {
    /// Who.
    pub(super) session: access::Session,
    /// The cookie's content.
    pub(super) secret: String,
}

/// Lets only those pass who are signed in, and only when our own page asks.
pub(super) async fn require(State(api): State<Api>, mut request: Request, next: Next) -> Result<Response, Error> {
    let secret = secret(request.headers()).ok_or(access::Error::NoSession)?;
    let session = api.access.session(&secret).await?;
    let only_looks =
        matches!(*request.method(), Method::GET | Method::HEAD) && !request.headers().contains_key(UPGRADE);
    if !only_looks {
        same_origin(request.headers(), &api.config)?;
    }
    request.extensions_mut().insert(SignedIn { session, secret });
    let mut response = next.run(request).await;
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// The content of the cookie.
fn secret(headers: &HeaderMap) -> Option<String> {
    let pairs = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = pairs.flat_map(|text| text.split(';'));
    pairs
        .find_map(|pair| pair.trim().strip_prefix(NAME)?.strip_prefix('='))
        .filter(|secret| !secret.is_empty())
        .map(str::to_owned)
}

/// Refuses what a foreign page makes a browser ask. Programs send neither header, and need no protection from pages.
pub(super) fn same_origin(headers: &HeaderMap, config: &Config) -> Result<(), Error> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let site = text(axum::http::HeaderName::from_static("sec-fetch-site"));
    let is_ours = match (site, text(ORIGIN)) {
        (Some("same-origin" | "none"), _) | (None, None) => true,
        (_, Some(origin)) => {
            let authority = origin.split_once("://").map(|(_, rest)| rest);
            let host = text(HOST).and_then(|host| host.parse::<Authority>().ok());
            config.allowed_origins.iter().any(|allowed| allowed == origin)
                || authority.is_some_and(|ours| host.is_some_and(|host| host.as_str().eq_ignore_ascii_case(ours)))
        }
        (Some(_), None) => false,
    };
    if is_ours {
        Ok(())
    } else {
        Err(Error::new(StatusCode::FORBIDDEN, "Request from another site refused"))
    }
}

/// Gives the browser its cookie.
pub(super) fn keep(response: &mut Response, session: &NewSession, is_secure: bool) {
    set(response, &session.secret, NewSession::SECONDS, is_secure);
}

/// Takes the cookie away from the browser.
pub(super) fn forget(response: &mut Response, is_secure: bool) {
    set(response, "", 0, is_secure);
}

fn set(response: &mut Response, content: &str, seconds: i64, is_secure: bool) {
    let secure = if is_secure { "; Secure" } else { "" };
    let cookie = format!("{NAME}={content}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    if let Ok(value) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(SET_COOKIE, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        for (cookies, found) in [
            ("shortmesh_admin_token=abc", Some("abc")),
            ("a=b; shortmesh_admin_token=abc; c=d", Some("abc")),
            ("shortmesh_admin_token=", None),
            ("my_shortmesh_admin_token=abc", None),
            ("a=b", None),
        ] {
            assert_eq!(secret(&headers(&[("cookie", cookies)])).as_deref(), found, "{cookies}");
        }
    }

    #[test]
    fn only_our_own_page_and_those_of_the_settings_may_change_something() {
        let config = Config {
            allowed_origins: vec!["https://page.example".into()],
            ..Config::default()
        };
        let table: [(&[(&'static str, &str)], bool); 11] = [
            (&[], true),
            (&[("sec-fetch-site", "same-origin")], true),
            (
                &[
                    ("sec-fetch-site", "same-origin"),
                    ("origin", "https://by.proxy"),
                    ("host", "inner:8080"),
                ],
                true,
            ),
            (&[("sec-fetch-site", "none")], true),
            (&[("sec-fetch-site", "cross-site")], false),
            (
                &[
                    ("sec-fetch-site", "same-site"),
                    ("origin", "https://a.test"),
                    ("host", "b.test"),
                ],
                false,
            ),
            (
                &[
                    ("sec-fetch-site", "cross-site"),
                    ("origin", "https://page.example"),
                    ("host", "b.test"),
                ],
                true,
            ),
            (&[("origin", "http://LOCALHOST:8080"), ("host", "localhost:8080")], true),
            (
                &[("origin", "http://localhost:8081"), ("host", "localhost:8080")],
                false,
            ),
            (&[("origin", "null"), ("host", "localhost:8080")], false),
            (&[("origin", "https://evil.test"), ("host", "localhost:8080")], false),
        ];
        for (pairs, may) in table {
            assert_eq!(same_origin(&headers(pairs), &config).is_ok(), may, "{pairs:?}");
        }
    }
}
