//! Whose address a request comes from, and whom it is for.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Once,
};

use axum::{
    extract::ConnectInfo,
    http::{Extensions, HeaderMap, HeaderName, header, request::Parts},
};
use ipnet::IpNet;

use super::config::Config;

pub const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Said once in the life of a process.
static IGNORED: Once = Once::new();

/// The peer's address or, behind trusted proxies, the rightmost of `X-Forwarded-For` that is none of theirs: what
/// stands further left was written by whoever sent the request.
pub fn of(headers: &HeaderMap, extensions: &Extensions, config: &Config) -> Option<IpAddr> {
    let ConnectInfo(peer) = extensions.get::<ConnectInfo<SocketAddr>>()?;
    let forwarded = headers
        .get_all(FORWARDED_FOR)
        .iter()
        .filter_map(|value| value.to_str().ok());
    if config.trusted_proxies.is_empty() && headers.contains_key(FORWARDED_FOR) {
        IGNORED.call_once(|| {
            tracing::warn!(
                "X-Forwarded-For is ignored, and the peer's address taken: if a proxy stands in front, name it in \
                 LATCHKEY_TRUSTED_PROXIES"
            );
        });
    }
    Some(client(peer.ip(), forwarded, &config.trusted_proxies))
}

/// The other end of the connection, and whether it is a proxy whose word is taken.
pub fn peer(extensions: &Extensions, config: &Config) -> (Option<IpAddr>, bool) {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map(|ConnectInfo(peer)| peer.ip().to_canonical());
    let trusted = peer.is_some_and(|ip| is_any_of(&config.trusted_proxies, ip));
    (peer, trusted)
}

/// Whom the client sent its request to: host and port in lower case, without a port that its scheme has anyway (RFC 9421
/// §2.2.3). Behind trusted proxies it is what the nearest of them says. Empty if the request says it twice.
pub fn authority(request: &Parts, config: &Config) -> String {
    let (_, trusted) = peer(&request.extensions, config);
    let https = config.gateway_url.starts_with("https:");
    asked_for(request, trusted, https)
}

fn asked_for(request: &Parts, trusted: bool, https: bool) -> String {
    let forwarded = |name: &str| {
        let value = request.headers.get_all(name).iter().next_back()?;
        let nearest = value.to_str().ok()?.rsplit(',').next()?;
        Some(nearest.trim().to_ascii_lowercase()).filter(|_| trusted)
    };
    let mut hosts = request.headers.get_all(header::HOST).iter();
    let named = match (request.uri.authority(), hosts.next(), hosts.next()) {
        (_, _, Some(_)) | (None, None, None) => "",
        (Some(authority), ..) => authority.as_str(),
        (None, Some(host), None) => host.to_str().unwrap_or_default(),
    };
    let host = forwarded("x-forwarded-host").unwrap_or_else(|| named.to_ascii_lowercase());
    let https = forwarded("x-forwarded-proto").map_or(https, |scheme| scheme == "https");
    let port = if https { ":443" } else { ":80" };
    host.strip_suffix(port).map_or(host.clone(), str::to_owned)
}

fn is_any_of(trusted: &[IpNet], ip: IpAddr) -> bool {
    trusted.iter().any(|net| net.contains(&ip.to_canonical()))
}

fn client<'a>(
    peer: IpAddr,
    forwarded: impl DoubleEndedIterator<Item = &'a str>,
    trusted: &[IpNet],
) -> IpAddr {
    let mut client = peer.to_canonical();
    for hop in forwarded.rev().flat_map(|line| line.rsplit(',')) {
        if !is_any_of(trusted, client) {
            break;
        }
        let hop = hop.trim();
        let address = hop
            .parse::<IpAddr>()
            .or_else(|_| hop.parse::<SocketAddr>().map(|address| address.ip()));
        match address {
            Ok(ip) => client = ip.to_canonical(),
            // A proxy of ours would have written an address; the last one known is the best answer.
            Err(_) => break,
        }
    }
    client
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let trusted: Vec<IpNet> = trusted
            .iter()
            .map(|net| net.parse().expect("CIDR"))
            .collect();
        client(
            peer.parse().expect("address"),
            forwarded.iter().copied(),
            &trusted,
        )
        .to_string()
    }

    #[test]
    fn without_trusted_proxies_the_header_is_ignored() {
        assert_eq!(from("192.0.2.1", &["203.0.113.9"], &[]), "192.0.2.1");
    }

    #[test]
    fn behind_a_trusted_proxy_the_rightmost_foreign_address_counts() {
        let trusted = ["10.0.0.0/8"];
        assert_eq!(
            from("10.0.0.1", &["1.1.1.1, 203.0.113.9, 10.0.0.2"], &trusted),
            "203.0.113.9"
        );
        assert_eq!(
            from("10.0.0.1", &["1.1.1.1", "203.0.113.9"], &trusted),
            "203.0.113.9"
        );
        assert_eq!(
            from("::ffff:10.0.0.1", &["203.0.113.9"], &trusted),
            "203.0.113.9"
        );
        assert_eq!(
            from("10.0.0.1", &["203.0.113.9:4711"], &trusted),
            "203.0.113.9"
        );
        assert_eq!(from("10.0.0.1", &["garbage"], &trusted), "10.0.0.1");
    }

    #[test]
    fn whom_a_request_is_for_is_said_by_itself_or_by_a_trusted_proxy() {
        let asked = |uri: &str, headers: &[(&str, &str)], trusted: bool, https: bool| {
            let mut request = axum::http::Request::get(uri);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let (parts, ()) = request.body(()).expect("a request").into_parts();
            asked_for(&parts, trusted, https)
        };
        let host = |host| asked("/a", &[("host", host)], false, false);
        assert_eq!(host("API.Example.com"), "api.example.com");
        assert_eq!(host("api.example.com:80"), "api.example.com");
        assert_eq!(host("api.example.com:443"), "api.example.com:443");
        assert_eq!(host("[::1]:3200"), "[::1]:3200");
        assert_eq!(
            asked("http://A.example/", &[("host", "b")], false, false),
            "a.example"
        );
        assert_eq!(
            asked("/a", &[("host", "a"), ("host", "b")], false, false),
            ""
        );
        assert_eq!(asked("/a", &[], false, false), "");
        assert_eq!(asked("/a", &[("host", "a:443")], false, true), "a");
        let proxied = [
            ("host", "10.0.0.7:3200"),
            ("x-forwarded-host", "spoofed.example, Api.Example.com:443"),
            ("x-forwarded-proto", "https"),
        ];
        assert_eq!(asked("/a", &proxied, true, false), "api.example.com");
        assert_eq!(asked("/a", &proxied, false, false), "10.0.0.7:3200");
    }
}
