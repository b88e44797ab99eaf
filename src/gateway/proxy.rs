//! Takes a judged request to the upstream and its answer back.
//!
//! Bodies stream both ways; where either side goes away, so does the other. The caller learns whether the request was
//! provably never sent, was answered, or is lost: amounts are settled by it.

mod headers;
mod strip;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tls_tests;

use std::{
    error::Error as _,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    http::{Request, StatusCode, Uri, Version, request::Parts, uri::InvalidUri},
    response::Response,
};
use hyper::{
    body::{Body as _, Frame, Incoming, SizeHint},
    upgrade::OnUpgrade,
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, Error, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use tokio::{io::copy_bidirectional, sync::Notify};

pub use headers::{Hop, introduce};
use strip::Unremovable;

use super::upstream::{Base, Upstreams};
use crate::{profiles::CredentialPlaces, server::clock::IdText};

/// Time for a TCP connection to one address. An upstream stands near; what does not answer by then is down.
const CONNECT: Duration = Duration::from_secs(5);
/// Time from the last byte that was sent to the first of the answer; nginx waits as long.
const FIRST_BYTE: Duration = Duration::from_mins(1);
/// Idle connections are closed before most servers close theirs (Node after 5 s, others after 60 s), so that few requests
/// meet a connection that is just being closed.
const IDLE: Duration = Duration::from_secs(4);

/// The way to the upstreams: pooled connections, HTTP/2 where it is negotiated.
#[derive(Clone)]
pub struct Proxy {
    pooled: Client<HttpsConnector<HttpConnector>, Body>,
    /// HTTP/1.1 only, for what switches protocols.
    switching: Client<HttpsConnector<HttpConnector>, Body>,
    first_byte: Duration,
}

/// Who a request comes from, as the upstream is told.
#[derive(Clone, Debug)]
pub struct Identity<'a> {
    pub key_id: IdText,
    pub workspace_id: &'a str,
    pub environment: &'a str,
    /// Separated by spaces.
    pub scopes: String,
    pub request_id: IdText,
    /// The amount that was reserved for it.
    pub reservation: Option<&'a str>,
}

/// A judged request.
pub struct Onward<'a> {
    pub request: Parts,
    pub body: Body,
    pub hop: Hop,
    pub places: &'a CredentialPlaces,
    /// The key as it was sent.
    pub credential: &'a str,
    pub identity: Identity<'a>,
}

/// Why there is no answer of the upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Not a byte of the request was sent.
    NotSent,
    /// It was sent, at least in part, and the connection ended without an answer.
    Lost,
    /// It was sent, and no answer came in time.
    TimedOut,
    /// It was sent in part: its own body broke off, or is not framed as it says.
    Broken,
    /// The credential could not be taken out of its body; nothing was sent.
    Unremovable,
}

impl Failure {
    pub const fn status(self) -> StatusCode {
        match self {
            Self::NotSent | Self::Lost => StatusCode::BAD_GATEWAY,
            Self::TimedOut => StatusCode::GATEWAY_TIMEOUT,
            Self::Broken | Self::Unremovable => StatusCode::BAD_REQUEST,
        }
    }

    /// Whether the request provably had no effect.
    pub const fn is_not_sent(self) -> bool {
        matches!(self, Self::NotSent | Self::Unremovable)
    }

    /// Its name in error bodies.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotSent | Self::Lost => "UPSTREAM_UNREACHABLE",
            Self::TimedOut => "UPSTREAM_TIMEOUT",
            Self::Broken | Self::Unremovable => "BAD_REQUEST",
        }
    }

    pub const fn message(self) -> &'static str {
        match self {
            Self::NotSent => "The service cannot be reached at this moment. Try again.",
            Self::Lost => {
                "The service broke off without an answer. Look whether the request was served before you repeat it."
            }
            Self::TimedOut => {
                "The service did not answer in time. Look whether the request was served before you repeat it."
            }
            Self::Broken => "The body broke off, or is not framed as it says.",
            Self::Unremovable => {
                "The form in the body is not written in a way that can be passed on."
            }
        }
    }
}

impl Proxy {
    /// The operating system's certificates are read only where an upstream needs them.
    pub fn new(upstreams: Option<&Upstreams>) -> Result<Self, String> {
        let secure = upstreams.is_some_and(Upstreams::any_secure);
        Ok(Self::over(&tls(roots(secure)?)?))
    }

    /// Trusts this certificate alone.
    #[cfg(test)]
    #[must_use]
    pub fn trusting(certificate: &rustls::pki_types::CertificateDer<'static>) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(certificate.clone()).expect("a certificate");
        Self::over(&tls(roots).expect("sound"))
    }

    fn over(tls: &rustls::ClientConfig) -> Self {
        let connector = |both: bool| {
            let mut http = HttpConnector::new();
            http.enforce_http(false);
            http.set_connect_timeout(Some(CONNECT));
            http.set_nodelay(true);
            let builder = HttpsConnectorBuilder::new()
                .with_tls_config(tls.clone())
                .https_or_http();
            if both {
                builder.enable_all_versions().wrap_connector(http)
            } else {
                builder.enable_http1().wrap_connector(http)
            }
        };
        let client = |both: bool| {
            Client::builder(TokioExecutor::new())
                .pool_idle_timeout(IDLE)
                .pool_timer(TokioTimer::new())
                .timer(TokioTimer::new())
                .build(connector(both))
        };
        Self {
            pooled: client(true),
            switching: client(false),
            first_byte: FIRST_BYTE,
        }
    }

    /// The same with less patience.
    #[cfg(test)]
    #[must_use]
    pub fn waiting(mut self, first_byte: Duration) -> Self {
        self.first_byte = first_byte;
        self
    }

    /// Has the server answer the request.
    pub async fn forward(&self, to: &Base, onward: Onward<'_>) -> Result<Response, Failure> {
        let Onward {
            mut request,
            body,
            hop,
            places,
            credential,
            identity,
        } = onward;
        let body = match &places.form {
            Some(field) => strip::without_field(&request.headers, body, field)
                .await
                .map_err(|Unremovable| Failure::Unremovable)?,
            None => body,
        };
        let switch = headers::asks_for_websocket(&request.headers)
            .then(|| request.extensions.remove::<OnUpgrade>())
            .flatten();
        headers::onward(&mut request.headers, hop, places, credential, &identity);
        if switch.is_some() {
            headers::say_websocket(&mut request.headers);
        }
        request.uri = address(to, request.uri, credential).map_err(|_| Failure::NotSent)?;
        let answer = self.send(request, body, switch.is_some()).await?;
        returned(answer, switch)
    }

    /// Sends it, a second time where that cannot do a thing twice: a method that may be repeated (RFC 9110 §9.2.2), without
    /// a body, over a connection that was closed without a word. What a pooled connection never took, the client itself
    /// sends over another.
    async fn send(
        &self,
        request: Parts,
        body: Body,
        switching: bool,
    ) -> Result<hyper::Response<Incoming>, Failure> {
        let repeatable = request.method.is_idempotent() && body.is_end_stream() && !switching;
        let mut tried = self.once(build(&request, body), switching).await;
        if repeatable && matches!(tried, Err(Tried { closed: true, .. })) {
            tried = self.once(build(&request, Body::empty()), switching).await;
        }
        tried.map_err(|tried| tried.failure)
    }

    async fn once(
        &self,
        request: Request<Body>,
        switching: bool,
    ) -> Result<hyper::Response<Incoming>, Tried> {
        let moved = Arc::new(Notify::new());
        let broken = Arc::new(AtomicBool::new(false));
        let request = request.map(|body| {
            if body.is_end_stream() {
                return body;
            }
            Body::new(Watched {
                body,
                moved: moved.clone(),
                broken: broken.clone(),
            })
        });
        let client = if switching {
            &self.switching
        } else {
            &self.pooled
        };
        let mut answer = client.request(request);
        loop {
            tokio::select! {
                answer = &mut answer => return answer.map_err(|error| {
                    if broken.load(Ordering::Relaxed) {
                        Tried { failure: Failure::Broken, closed: false }
                    } else {
                        Tried::and_failed(&error)
                    }
                }),
                // As long as its body is on the way, nobody waits for the answer yet.
                () = moved.notified() => {}
                () = tokio::time::sleep(self.first_byte) => {
                    tracing::warn!("the upstream did not answer in time");
                    return Err(Tried { failure: Failure::TimedOut, closed: false });
                }
            }
        }
    }
}

fn tls(roots: rustls::RootCertStore) -> Result<rustls::ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS: {error}"))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Whom an upstream's certificate is checked by.
fn roots(secure: bool) -> Result<rustls::RootCertStore, String> {
    let mut roots = rustls::RootCertStore::empty();
    if secure {
        // Some of what a machine keeps cannot be read; what can is enough.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            return Err(
                "LATCHKEY_UPSTREAM: this machine has no certificates to check an https upstream by; install \
                 ca-certificates"
                    .to_owned(),
            );
        }
    }
    Ok(roots)
}

/// Where the request goes; the key does not go with it, should it be repeated in the query.
fn address(to: &Base, asked: Uri, credential: &str) -> Result<Uri, InvalidUri> {
    let asked = match asked.query() {
        Some(query) if !credential.is_empty() => {
            let kept = strip::urlencoded(query.as_bytes(), |_, value| value.contains(credential));
            if kept == query.as_bytes() {
                asked
            } else {
                let text = format!("{}?{}", asked.path(), String::from_utf8_lossy(&kept));
                text.parse()?
            }
        }
        _ => asked,
    };
    to.join(&asked)
}

fn build(parts: &Parts, body: Body) -> Request<Body> {
    let mut request = Request::new(body);
    *request.method_mut() = parts.method.clone();
    *request.uri_mut() = parts.uri.clone();
    *request.headers_mut() = parts.headers.clone();
    // The client speaks HTTP/2 with it where that was negotiated.
    *request.version_mut() = Version::HTTP_11;
    request
}

/// A try that brought no answer.
struct Tried {
    failure: Failure,
    /// The connection was closed, and not a byte of an answer was there.
    closed: bool,
}

impl Tried {
    fn and_failed(error: &Error) -> Self {
        let source = error
            .source()
            .and_then(|source| source.downcast_ref::<hyper::Error>());
        // The client's own word for a request that no connection has taken.
        let untaken = source.is_some_and(hyper::Error::is_canceled);
        let closed =
            source.is_some_and(|source| source.is_incomplete_message() || source.is_closed());
        let failure = if error.is_connect() || untaken {
            Failure::NotSent
        } else {
            Failure::Lost
        };
        tracing::warn!(error = %chain(error), ?failure, "the upstream did not answer");
        Self { failure, closed }
    }
}

/// An error and its causes, for the log.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// The upstream's answer as it goes back. If it switches to WebSocket, both connections become one.
fn returned(
    mut answer: hyper::Response<Incoming>,
    switch: Option<OnUpgrade>,
) -> Result<Response, Failure> {
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        headers::back(answer.headers_mut());
        return Ok(answer.map(Body::new));
    }
    let (Some(client), true) = (switch, headers::is_websocket(answer.headers())) else {
        tracing::warn!("the upstream switches to a protocol that nobody asked for");
        return Err(Failure::Lost);
    };
    let upstream = hyper::upgrade::on(&mut answer);
    tokio::spawn(async move {
        let Ok((client, upstream)) = tokio::try_join!(client, upstream) else {
            return;
        };
        // However it ends, it has ended for both.
        let _ends =
            copy_bidirectional(&mut TokioIo::new(client), &mut TokioIo::new(upstream)).await;
    });
    headers::back(answer.headers_mut());
    headers::say_websocket(answer.headers_mut());
    Ok(answer.map(|_| Body::empty()))
}

/// A body that says when it moves and when it breaks.
struct Watched {
    body: Body,
    moved: Arc<Notify>,
    broken: Arc<AtomicBool>,
}

impl hyper::body::Body for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Err(_))) = &polled {
            self.broken.store(true, Ordering::Relaxed);
        }
        if polled.is_ready() {
            self.moved.notify_one();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
