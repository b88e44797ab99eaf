//! The gateway in front of a server that is reached by TLS.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{Router, extract::Request, http::Version};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::tests::{PATIENT, gateway, status};
use crate::{gateway::proxy::Proxy, server::listen::Limits};

/// A server with a certificate of its own for `localhost`.
struct Secure {
    at: SocketAddr,
    certificate: CertificateDer<'static>,
    /// In which version of HTTP it was asked.
    versions: Arc<Mutex<Vec<Version>>>,
}

impl Secure {
    /// It speaks these, by their names in ALPN (RFC 7301).
    async fn start(protocols: &[&str]) -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let certificate = cert.der().clone();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("a key");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .expect("a sound pair");
        config.alpn_protocols = protocols
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let at = listener.local_addr().expect("an address");
        let versions = Arc::new(Mutex::new(Vec::new()));
        let seen = versions.clone();
        let router = Router::new().fallback(move |request: Request| {
            seen.lock().expect("sound").push(request.version());
            async { "served" }
        });
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, router) = (acceptor.clone(), router.clone());
                tokio::spawn(async move {
                    // A client that does not trust the certificate ends the handshake.
                    let Ok(stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    let served = auto::Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
                        .await;
                    drop(served);
                });
            }
        });
        Self {
            at,
            certificate,
            versions,
        }
    }

    fn url(&self) -> String {
        format!("https://localhost:{}", self.at.port())
    }

    fn versions(&self) -> Vec<Version> {
        self.versions.lock().expect("sound").clone()
    }
}

#[tokio::test]
async fn an_https_upstream_is_asked_in_the_version_that_it_chooses() {
    for (protocols, version) in [
        (&["h2", "http/1.1"][..], Version::HTTP_2),
        (&["http/1.1"], Version::HTTP_11),
        (&[], Version::HTTP_11),
    ] {
        let server = Secure::start(protocols).await;
        let proxy = Proxy::trusting(&server.certificate);
        let gateway = gateway(&server.url(), PATIENT, Limits::default())
            .await
            .through(proxy)
            .await;
        for _ in 0..2 {
            let reply = gateway.ask("GET /v2/customers HTTP/1.1").await;
            assert!(
                status(&reply) == "200" && reply.ends_with("served"),
                "{reply}"
            );
        }
        assert_eq!(server.versions(), [version, version], "{protocols:?}");
    }
}

#[tokio::test]
async fn an_upstream_whose_certificate_nobody_vouches_for_gets_nothing() {
    let server = Secure::start(&["h2"]).await;
    let other = Secure::start(&["h2"]).await;
    let by_address = format!("https://127.0.0.1:{}", server.at.port());
    for (url, trusted) in [
        (server.url(), &other.certificate),
        (by_address, &server.certificate),
    ] {
        let gateway = gateway(&url, PATIENT, Limits::default())
            .await
            .through(Proxy::trusting(trusted))
            .await;
        let reply = gateway.ask("GET /v2/customers HTTP/1.1").await;
        assert_eq!(status(&reply), "502", "{url}: {reply}");
    }
    assert!(server.versions().is_empty());
}
