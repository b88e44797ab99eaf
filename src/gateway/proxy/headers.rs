//! Which headers go on, and which are added. Pure.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use super::Identity;
use crate::{
    gateway::credential::bearer_token,
    profiles::CredentialPlaces,
    server::{address::FORWARDED_FOR, request_id},
};

/// What is said on one connection only (RFC 9110 §7.6.1), beside what `Connection` names.
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "proxy-connection",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "proxy-authenticate",
    "proxy-authorization",
];

/// By this name Latchkey is told apart in `Via` (RFC 9110 §7.6.3).
const VIA: &str = "1.1 latchkey";

const KEY_ID: HeaderName = HeaderName::from_static("x-latchkey-key-id");
const WORKSPACE_ID: HeaderName = HeaderName::from_static("x-latchkey-workspace-id");
const ENVIRONMENT: HeaderName = HeaderName::from_static("x-latchkey-environment");
const SCOPES: HeaderName = HeaderName::from_static("x-latchkey-scopes");
const RESERVATION_ID: HeaderName = HeaderName::from_static("x-latchkey-reservation-id");

/// What the listener knows of where a request comes from.
#[derive(Clone, Copy, Debug)]
pub struct Hop {
    /// The other end of the connection; none where there is no connection.
    pub peer: Option<IpAddr>,
    /// Whether that is a proxy whose word is taken.
    pub trusted: bool,
}

/// The headers with which a request goes to the upstream.
pub fn onward(
    headers: &mut HeaderMap,
    hop: Hop,
    places: &CredentialPlaces,
    credential: &str,
    identity: &Identity<'_>,
) {
    let chain = hop
        .trusted
        .then(|| listed(headers, "x-forwarded-for"))
        .flatten();
    let said = |name: &str| {
        let value = headers.get(name).filter(|_| hop.trusted);
        value.cloned()
    };
    let proto = said("x-forwarded-proto").unwrap_or(HeaderValue::from_static("http"));
    let host = said("x-forwarded-host").or_else(|| headers.get(header::HOST).cloned());
    remove_hop_by_hop(headers);
    remove_where(headers, |name, value| {
        is_ours(name) || is_forwarding(name) || holds_credential(name, value, places, credential)
    });
    for name in [
        header::HOST,
        // Framing is written anew for the body as it goes on.
        header::CONTENT_LENGTH,
        // Answered by the listener as soon as the body is wanted, which is after judging.
        header::EXPECT,
    ] {
        headers.remove(name);
    }
    if let Some(peer) = hop.peer {
        let chain = match chain {
            Some(chain) => format!("{chain}, {}", peer.to_canonical()),
            None => peer.to_canonical().to_string(),
        };
        put(headers, FORWARDED_FOR, &chain);
    }
    headers.insert("x-forwarded-proto", proto);
    if let Some(host) = host {
        headers.insert("x-forwarded-host", host);
    }
    headers.append(header::VIA, HeaderValue::from_static(VIA));
    introduce(headers, identity);
    put(headers, request_id::HEADER, &identity.request_id);
}

/// Says who a judged request comes from.
pub fn introduce(headers: &mut HeaderMap, identity: &Identity<'_>) {
    put(headers, KEY_ID, &identity.key_id);
    put(headers, WORKSPACE_ID, identity.workspace_id);
    put(headers, ENVIRONMENT, identity.environment);
    put(headers, SCOPES, &identity.scopes);
    if let Some(reservation) = identity.reservation {
        put(headers, RESERVATION_ID, reservation);
    }
}

/// The headers with which an answer goes back: nothing that speaks in Latchkey's name.
pub fn back(headers: &mut HeaderMap) {
    remove_hop_by_hop(headers);
    remove_where(headers, |name, _| is_ours(name) || is_rate(name));
    headers.append(header::VIA, HeaderValue::from_static(VIA));
}

/// Whether a request asks to go on as a WebSocket (RFC 6455 §4.1). Nothing else is switched to: `h2c` would carry
/// requests that nobody judges.
pub fn asks_for_websocket(headers: &HeaderMap) -> bool {
    let upgrades = named_by_connection(headers).iter().any(|n| n == "upgrade");
    upgrades && is_websocket(headers)
}

/// Whether the one protocol that `Upgrade` names is WebSocket.
pub fn is_websocket(headers: &HeaderMap) -> bool {
    let mut protocols = headers.get_all(header::UPGRADE).iter();
    let first = protocols.next().map(HeaderValue::as_bytes);
    first.is_some_and(|name| name.eq_ignore_ascii_case(b"websocket")) && protocols.next().is_none()
}

/// Says again what [`asks_for_websocket`] found, for the next connection.
pub fn say_websocket(headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    for name in named_by_connection(headers) {
        headers.remove(name.as_str());
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

/// The names that `Connection` gives, in lower case.
fn named_by_connection(headers: &HeaderMap) -> Vec<String> {
    headers
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(|name| String::from_utf8_lossy(name.trim_ascii()).to_ascii_lowercase())
        .collect()
}

/// Whether a name is one that Latchkey speaks by. Many servers read `_` and `-` alike.
fn is_ours(name: &str) -> bool {
    let name = name.replace('_', "-");
    name.starts_with("x-latchkey-") || name == "x-request-id"
}

/// Whether a name tells where a request came from, which is told anew.
fn is_forwarding(name: &str) -> bool {
    let name = name.replace('_', "-");
    name.starts_with("x-forwarded-") || matches!(name.as_str(), "forwarded" | "x-real-ip")
}

/// Whether a name tells what is left of a rate.
fn is_rate(name: &str) -> bool {
    name.starts_with("x-ratelimit-") || matches!(name, "ratelimit" | "ratelimit-policy")
}

/// Whether a key stands here: in a place where one may, or the one that was judged, wherever it is repeated.
fn holds_credential(
    name: &str,
    value: &HeaderValue,
    places: &CredentialPlaces,
    credential: &str,
) -> bool {
    let bytes = value.as_bytes();
    let repeated = !credential.is_empty()
        && bytes
            .windows(credential.len())
            .any(|part| part == credential.as_bytes());
    repeated
        || places.headers.iter().any(|place| place.as_str() == name)
        || (places.bearer && name == header::AUTHORIZATION && bearer_token(value).is_some())
        || (places.signature && matches!(name, "signature" | "signature-input"))
}

fn remove_where(headers: &mut HeaderMap, unwanted: impl Fn(&str, &HeaderValue) -> bool) {
    let names: Vec<HeaderName> = headers
        .iter()
        .filter(|(name, value)| unwanted(name.as_str(), value))
        .map(|(name, _)| name.clone())
        .collect();
    for name in names {
        headers.remove(name);
    }
}

/// All values of a list header, as one.
fn listed(headers: &HeaderMap, name: &str) -> Option<String> {
    let values: Vec<&str> = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    (!values.is_empty()).then(|| values.join(", "))
}

/// What cannot stand in a header is left out rather than half said.
fn put(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::clock::Id;

    const KEY: &str = "rk_live_secret";

    fn sent(pairs: &[(&'static str, &'static str)], places: &str, trusted: bool) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        let places: CredentialPlaces = toml::from_str(places).expect("places");
        let identity = Identity {
            key_id: Id::from(1).text(b"key"),
            workspace_id: "wsp_1",
            environment: "live",
            scopes: "a:read b:write".to_owned(),
            request_id: Id::from(1).text(b"req"),
            reservation: None,
        };
        let hop = Hop {
            peer: Some("203.0.113.9".parse().expect("an address")),
            trusted,
        };
        onward(&mut headers, hop, &places, KEY, &identity);
        headers
    }

    fn all(headers: &HeaderMap, name: &str) -> Vec<String> {
        let values = headers.get_all(name).iter();
        values
            .map(|value| value.to_str().expect("text").to_owned())
            .collect()
    }

    #[test]
    fn what_is_for_one_connection_stays_on_it() {
        let headers = sent(
            &[
                ("connection", "keep-alive, X-Mine"),
                ("connection", "close,x-other"),
                ("x-mine", "1"),
                ("x-other", "1"),
                ("keep-alive", "timeout=5"),
                ("proxy-connection", "keep-alive"),
                ("te", "trailers"),
                ("trailer", "x"),
                ("transfer-encoding", "chunked"),
                ("upgrade", "h2c"),
                ("proxy-authorization", "Basic x"),
                ("expect", "100-continue"),
                ("content-length", "3"),
                ("host", "api.example.com"),
                ("accept", "*/*"),
            ],
            "bearer = true",
            false,
        );
        let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "accept",
                "via",
                "x-forwarded-for",
                "x-forwarded-host",
                "x-forwarded-proto",
                "x-latchkey-environment",
                "x-latchkey-key-id",
                "x-latchkey-scopes",
                "x-latchkey-workspace-id",
                "x-request-id"
            ]
        );
        assert_eq!(all(&headers, "x-forwarded-host"), ["api.example.com"]);
    }

    #[test]
    fn nobody_speaks_in_latchkeys_name() {
        let headers = sent(
            &[
                ("x-latchkey-key-id", "key_2"),
                ("x-latchkey-anything", "1"),
                ("x_latchkey_key_id", "key_2"),
                ("x-request-id", "mine"),
                (
                    "connection",
                    "x-latchkey-key-id, x-request-id, x-forwarded-for",
                ),
            ],
            "bearer = true",
            false,
        );
        assert_eq!(
            all(&headers, "x-latchkey-key-id"),
            ["key_00000000000000000000000001"]
        );
        assert_eq!(all(&headers, "x-latchkey-scopes"), ["a:read b:write"]);
        assert_eq!(
            all(&headers, "x-request-id"),
            ["req_00000000000000000000000001"]
        );
        assert_eq!(all(&headers, "x-forwarded-for"), ["203.0.113.9"]);
        for name in ["x-latchkey-anything", "x_latchkey_key_id"] {
            assert!(!headers.contains_key(name), "{name}");
        }
    }

    #[test]
    fn where_a_request_came_from_is_believed_of_trusted_proxies_alone() {
        let pairs = [
            ("x-forwarded-for", "1.1.1.1"),
            ("x-forwarded-for", "2.2.2.2"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "claimed.example"),
            ("x-forwarded-prefix", "/x"),
            ("x_forwarded_for", "3.3.3.3"),
            ("forwarded", "for=1.1.1.1"),
            ("x-real-ip", "1.1.1.1"),
            ("host", "api.example.com"),
            ("via", "1.1 front"),
        ];
        for (trusted, chain, proto, host) in [
            (false, "203.0.113.9", "http", "api.example.com"),
            (
                true,
                "1.1.1.1, 2.2.2.2, 203.0.113.9",
                "https",
                "claimed.example",
            ),
        ] {
            let headers = sent(&pairs, "bearer = true", trusted);
            assert_eq!(all(&headers, "x-forwarded-for"), [chain]);
            assert_eq!(all(&headers, "x-forwarded-proto"), [proto]);
            assert_eq!(all(&headers, "x-forwarded-host"), [host]);
            assert_eq!(all(&headers, "via"), ["1.1 front", "1.1 latchkey"]);
            for name in [
                "forwarded",
                "x-real-ip",
                "x_forwarded_for",
                "x-forwarded-prefix",
            ] {
                assert!(!headers.contains_key(name), "{name}");
            }
        }
    }

    #[test]
    fn no_key_goes_on() {
        let headers = sent(
            &[
                ("x-revkeen-key", "other"),
                ("authorization", "BEARER other"),
                ("x-copy", "prefix rk_live_secret"),
                ("cookie", "a=b"),
            ],
            "headers = [\"X-RevKeen-Key\"]\nbearer = true",
            false,
        );
        for name in ["x-revkeen-key", "authorization", "x-copy"] {
            assert!(!headers.contains_key(name), "{name}");
        }
        assert!(headers.contains_key("cookie"));
        let headers = sent(
            &[
                ("x-api-key", "rk_live_secret"),
                ("authorization", "Basic upstreams-own"),
                ("signature", "s"),
            ],
            "headers = [\"x-api-key\"]",
            false,
        );
        assert_eq!(all(&headers, "authorization"), ["Basic upstreams-own"]);
        assert!(headers.contains_key("signature"));
        let headers = sent(
            &[("signature", "s"), ("signature-input", "i")],
            "signature = true",
            false,
        );
        assert!(!headers.contains_key("signature") && !headers.contains_key("signature-input"));
    }

    #[test]
    fn the_answer_says_nothing_in_latchkeys_name() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("x-latchkey-key-id", "x"),
            ("x-ratelimit-remaining", "9999"),
            ("ratelimit", "x"),
            ("ratelimit-policy", "x"),
            ("x-request-id", "theirs"),
            ("connection", "close, x-mine"),
            ("x-mine", "1"),
            ("transfer-encoding", "chunked"),
            ("proxy-authenticate", "Basic"),
            ("content-length", "3"),
            ("set-cookie", "a=b"),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        back(&mut headers);
        let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["content-length", "set-cookie", "via"]);
    }

    #[test]
    fn only_websocket_is_switched_to() {
        let asks = |pairs: &[(&'static str, &'static str)]| {
            let headers: HeaderMap = pairs
                .iter()
                .map(|(name, value)| {
                    (
                        HeaderName::from_static(name),
                        HeaderValue::from_static(value),
                    )
                })
                .collect();
            asks_for_websocket(&headers)
        };
        assert!(asks(&[
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "WebSocket")
        ]));
        assert!(!asks(&[("connection", "Upgrade"), ("upgrade", "h2c")]));
        assert!(!asks(&[
            ("connection", "Upgrade"),
            ("upgrade", "websocket, h2c")
        ]));
        assert!(!asks(&[("upgrade", "websocket")]));
    }
}
