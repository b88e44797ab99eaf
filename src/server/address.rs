//! Whose address a request comes from.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Once,
};

use axum::{
    extract::ConnectInfo,
    http::{Extensions, HeaderMap},
};
use ipnet::IpNet;

use super::config::Config;

/// Said once in the life of a process.
static IGNORED: Once = Once::new();

/// The peer's address or, behind trusted proxies, the rightmost of `X-Forwarded-For` that is none of theirs: what
/// stands further left was written by whoever sent the request.
pub fn of(headers: &HeaderMap, extensions: &Extensions, config: &Config) -> Option<IpAddr> {
    let ConnectInfo(peer) = extensions.get::<ConnectInfo<SocketAddr>>()?;
    let forwarded = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok());
    if config.trusted_proxies.is_empty() && headers.contains_key("x-forwarded-for") {
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
    let trusted = peer.is_some_and(|ip| config.trusted_proxies.iter().any(|net| net.contains(&ip)));
    (peer, trusted)
}

fn client<'a>(
    peer: IpAddr,
    forwarded: impl DoubleEndedIterator<Item = &'a str>,
    trusted: &[IpNet],
) -> IpAddr {
    let is_trusted = |ip: IpAddr| trusted.iter().any(|net| net.contains(&ip.to_canonical()));
    let mut client = peer.to_canonical();
    for hop in forwarded.rev().flat_map(|line| line.rsplit(',')) {
        if !is_trusted(client) {
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
}
