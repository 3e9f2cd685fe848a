//! What a request says about its way to us: the address of the client, and how we are called from outside.

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv6Addr, SocketAddr},
};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, header::HOST, request::Parts, uri::Authority},
};

use super::{Api, Config};

/// The address failed attempts are counted for: that of the client, as far as trusted proxies tell it. The lower half
/// of an IPv6 address is the client's own choice and is left out.
pub(super) fn address(parts: &Parts, config: &Config) -> IpAddr {
    let peer = parts
        .extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map(|info| info.0.ip().to_canonical());
    let Some(peer) = peer else {
        return Ipv6Addr::UNSPECIFIED.into();
    };
    network(behind_proxies(peer, &parts.headers, config))
}

fn behind_proxies(peer: IpAddr, headers: &HeaderMap, config: &Config) -> IpAddr {
    let trusted = |address: &IpAddr| config.proxies().any(|net| net.contains(address));
    // The nearest proxy writes the last entry; what stands left of the first stranger may be invented.
    let hops = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|t| t.split(','));
    let hops: Vec<&str> = hops.collect();
    let mut nearest = peer;
    for hop in hops.iter().rev() {
        if !trusted(&nearest) {
            break;
        }
        let Ok(address) = hop.trim().parse::<IpAddr>() else {
            break;
        };
        nearest = address.to_canonical();
    }
    nearest
}

fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

/// How we are called from outside.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Outside {
    /// Whether the client reached us by TLS, at least as far as the proxy in front of us.
    pub(super) is_secure: bool,
    /// Host and port, as the client wrote them.
    pub(super) host: String,
}

impl FromRequestParts<Api> for Outside {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Infallible> {
        Ok(Self::read(parts, api.is_tls))
    }
}

impl Outside {
    fn read(parts: &Parts, is_tls: bool) -> Self {
        let forwarded = parts
            .headers
            .get("x-forwarded-proto")
            .and_then(|value| value.to_str().ok());
        let is_secure = forwarded
            .and_then(|text| text.split(',').next())
            .map_or(is_tls, |first| {
                matches!(first.trim().to_ascii_lowercase().as_str(), "https" | "wss")
            });
        // HTTP/2 has the host in the address of the request.
        let named = parts.headers.get(HOST).and_then(|value| value.to_str().ok());
        let host = named
            .or_else(|| parts.uri.authority().map(Authority::as_str))
            .unwrap_or("localhost");
        Self {
            is_secure,
            host: host.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn parts(peer: &str, forwarded: &[&str]) -> Parts {
        let mut request = Request::builder();
        for value in forwarded {
            request = request.header("x-forwarded-for", *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        parts
            .extensions
            .insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 1)));
        parts
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let table: [(&str, &[&str], &str); 9] = [
            ("198.51.100.1", &[], "198.51.100.1"),
            ("198.51.100.1", &["203.0.113.5"], "198.51.100.1"),
            ("127.0.0.1", &["203.0.113.5"], "203.0.113.5"),
            ("127.0.0.1", &["9.9.9.9, 203.0.113.5"], "203.0.113.5"),
            ("127.0.0.1", &["9.9.9.9", "203.0.113.5, 127.0.0.2"], "203.0.113.5"),
            ("127.0.0.1", &["nonsense"], "127.0.0.1"),
            ("127.0.0.1", &[], "127.0.0.1"),
            ("::ffff:127.0.0.1", &["203.0.113.5"], "203.0.113.5"),
            ("2001:db8:1:2:3:4:5:6", &[], "2001:db8:1:2::"),
        ];
        for (peer, forwarded, expected) in table {
            let found = address(&parts(peer, forwarded), &Config::default());
            assert_eq!(found, expected.parse::<IpAddr>().unwrap(), "{peer} {forwarded:?}");
        }
    }

    #[test]
    fn tls_is_what_the_proxy_says_or_else_what_we_speak_ourselves() {
        let secure = |value: Option<&str>, is_tls| {
            let request = Request::builder();
            let request = match value {
                Some(value) => request.header("x-forwarded-proto", value),
                None => request,
            };
            Outside::read(&request.body(()).unwrap().into_parts().0, is_tls).is_secure
        };
        for (value, expected) in [
            ("https", true),
            ("HTTPS", true),
            ("https, http", true),
            ("http", false),
            ("", false),
        ] {
            assert_eq!(secure(Some(value), !expected), expected, "{value}");
        }
        assert!(secure(None, true));
        assert!(!secure(None, false));
    }

    #[test]
    fn the_host_is_in_a_header_or_in_the_address() {
        let host = |request: axum::http::request::Builder| {
            Outside::read(&request.body(()).unwrap().into_parts().0, false).host
        };
        assert_eq!(
            host(Request::builder().uri("/x").header("host", "bridge.example:81")),
            "bridge.example:81"
        );
        assert_eq!(
            host(Request::builder().uri("https://bridge.example/x")),
            "bridge.example"
        );
        assert_eq!(host(Request::builder().uri("/x")), "localhost");
    }
}
