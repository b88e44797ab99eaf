//! The way out: the one client that goes where a customer says.
//!
//! It resolves a name itself, holds every address against [`target`](super::target), and connects to one of those that it
//! has just judged: a name that answers otherwise a moment later changes nothing. It follows no redirect, knows no proxy,
//! gives an exchange 15 seconds in all and reads 64 kB of an answer. Connections are kept for a few seconds per host; each
//! of them was made to a judged address and stays there.

use std::{
    error::Error,
    future::Future,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::Bytes,
    http::{HeaderMap, Method, Request, Uri, header},
};
use hickory_resolver::{
    TokioResolver,
    config::{LookupIpStrategy, ResolverConfig},
    net::runtime::TokioRuntimeProvider,
    system_conf::read_system_conf,
};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy,
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use tokio::{
    net::TcpStream,
    time::{Instant, timeout, timeout_at},
};
use tower_service::Service;
use url::{Host, Url};

use super::target::{self, Reach};

/// Time for a whole exchange, from resolving the name to the end of the answer.
pub const PATIENCE: Duration = Duration::from_secs(15);
/// Time for a connection to one address; there may be several to try.
const CONNECT: Duration = Duration::from_secs(5);
/// As many addresses of a name as are tried.
const MAX_ADDRESSES: usize = 4;
/// As much of an answer as is read, and as much of that as is kept.
const MAX_READ: usize = 64 * 1024;
const MAX_KEPT: usize = 16 * 1024;
/// As much of an answer's headers as is kept, in bytes.
const MAX_HEADERS: usize = 8 * 1024;
/// Idle connections are closed before most servers close theirs (Node after 5 s).
const IDLE: Duration = Duration::from_secs(4);
const IDLE_PER_HOST: usize = 4;

/// The client, cheap to clone.
#[derive(Clone)]
pub struct Client {
    http: legacy::Client<HttpsConnector<Vetted>, Full<Bytes>>,
    reach: Reach,
    patience: Duration,
}

/// A request as it goes out.
pub struct Outgoing<'a> {
    pub url: &'a str,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// What came of it. There may be a status and an error: an answer that began and broke off.
#[derive(Debug, Default)]
pub struct Outcome {
    pub status: Option<u16>,
    /// Why there is no whole answer, in words for the endpoint's owner.
    pub error: Option<String>,
    pub headers: Vec<(String, String)>,
    pub body: String,
    /// Whether there was more than is kept.
    pub cut: bool,
    pub retry_after: Option<String>,
}

impl Outcome {
    pub fn failed(error: impl Into<String>) -> Self {
        Self {
            error: Some(error.into()),
            ..Self::default()
        }
    }

    /// A status of 2xx, and nothing else, says that the event arrived.
    pub fn is_success(&self) -> bool {
        self.error.is_none()
            && self
                .status
                .is_some_and(|status| (200..300).contains(&status))
    }
}

impl Client {
    /// By this machine's resolver and certificates.
    pub fn system(reach: &Reach) -> Result<Self, String> {
        let mut roots = rustls::RootCertStore::empty();
        // Some of what a machine keeps cannot be read; what can is enough.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            tracing::warn!(
                "this machine has no certificates to check https endpoints by: webhooks fail until ca-certificates is installed"
            );
        }
        let resolver = match read_system_conf() {
            Ok((config, _)) => Some(resolver(config)?),
            Err(error) => {
                tracing::warn!(%error, "no name server is known: webhooks reach addresses only");
                None
            }
        };
        Self::new(reach.clone(), resolver, roots, PATIENCE)
    }

    pub fn new(
        reach: Reach,
        resolver: Option<TokioResolver>,
        roots: rustls::RootCertStore,
        patience: Duration,
    ) -> Result<Self, String> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("TLS: {error}"))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(Vetted {
                reach: reach.clone(),
                resolver,
            });
        let http = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_PER_HOST)
            // What one answer can make us hold.
            .http1_max_buf_size(MAX_READ)
            .http2_initial_stream_window_size(64 * 1024)
            .http2_initial_connection_window_size(256 * 1024)
            .http2_max_header_list_size(16 * 1024)
            .build(connector);
        Ok(Self {
            http,
            reach,
            patience,
        })
    }

    /// Posts it and reads the answer.
    pub async fn post(&self, outgoing: Outgoing<'_>) -> Outcome {
        let deadline = Instant::now() + self.patience;
        let request = match self.request(outgoing) {
            Ok(request) => request,
            Err(reason) => return Outcome::failed(reason),
        };
        let response = match timeout_at(deadline, self.http.request(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Outcome::failed(in_words(&error)),
            Err(_) => return Outcome::failed(self.too_slow()),
        };
        let (parts, mut body) = response.into_parts();
        let mut outcome = Outcome {
            status: Some(parts.status.as_u16()),
            headers: kept_headers(&parts.headers),
            retry_after: parts
                .headers
                .get(header::RETRY_AFTER)
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned),
            ..Outcome::default()
        };
        let mut kept = Vec::new();
        let mut read = 0;
        let end = timeout_at(deadline, read_body(&mut body, &mut kept, &mut read)).await;
        match end {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                outcome.error = Some(format!("the answer broke off: {}", in_words(&error)));
            }
            Err(_) => outcome.error = Some(self.too_slow()),
        }
        outcome.cut = read > kept.len();
        // A text column of Postgres holds no NUL.
        outcome.body = String::from_utf8_lossy(&kept).replace('\0', "\u{fffd}");
        outcome
    }

    fn request(&self, outgoing: Outgoing<'_>) -> Result<Request<Full<Bytes>>, String> {
        // Judged anew: what is allowed may have changed since the endpoint was set up.
        let url =
            target::check(outgoing.url, &self.reach).map_err(|refused| refused.to_string())?;
        let uri: Uri = url
            .as_str()
            .parse()
            .map_err(|_| "the URL can't be called")?;
        let mut request = Request::new(Full::new(outgoing.body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri;
        *request.headers_mut() = outgoing.headers;
        Ok(request)
    }

    fn too_slow(&self) -> String {
        format!("no whole answer within {} s", self.patience.as_secs())
    }
}

/// A resolver that asks for the name as it stands, never with a search domain of this machine behind it.
pub fn resolver(config: ResolverConfig) -> Result<TokioResolver, String> {
    let (_, _, name_servers) = config.into_parts();
    let config = ResolverConfig::from_parts(None, Vec::new(), name_servers);
    let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    let options = builder.options_mut();
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options.timeout = Duration::from_secs(3);
    options.attempts = 2;
    builder
        .build()
        .map_err(|error| format!("the resolver: {error}"))
}

/// Reads up to [`MAX_READ`] bytes, of which the first [`MAX_KEPT`] are kept. Whoever sends more is not listened to further:
/// the connection is closed when the body is dropped.
async fn read_body(
    body: &mut Incoming,
    kept: &mut Vec<u8>,
    read: &mut usize,
) -> Result<(), hyper::Error> {
    while let Some(frame) = body.frame().await {
        if let Some(bytes) = frame?.data_ref() {
            *read += bytes.len();
            let room = MAX_KEPT - kept.len();
            kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
            if *read >= MAX_READ {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// As they are shown; a cookie is somebody's secret.
fn kept_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let mut size = 0;
    headers
        .iter()
        .map(|(name, value)| {
            let value = if name == header::SET_COOKIE {
                "(hidden)".to_owned()
            } else {
                String::from_utf8_lossy(value.as_bytes()).replace('\0', "\u{fffd}")
            };
            (name.as_str().to_owned(), value)
        })
        .take_while(|(name, value)| {
            size += name.len() + value.len();
            size <= MAX_HEADERS
        })
        .collect()
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
enum Unreachable {
    #[error("the name could not be resolved")]
    Unknown,
    #[error("the name leads to an address that is not public, and is not called")]
    NotPublic,
    #[error("no connection: {0}")]
    Connect(io::Error),
}

/// Makes connections to judged addresses only.
#[derive(Clone)]
struct Vetted {
    reach: Reach,
    resolver: Option<TokioResolver>,
}

impl Vetted {
    async fn connect(self, uri: Uri) -> Result<TokioIo<TcpStream>, Unreachable> {
        let url = Url::parse(&uri.to_string()).map_err(|_| Unreachable::Unknown)?;
        let port = url.port_or_known_default().ok_or(Unreachable::Unknown)?;
        let addresses = self.addresses(url.host()).await?;
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in addresses.into_iter().take(MAX_ADDRESSES) {
            let address = SocketAddr::new(address, port);
            match timeout(CONNECT, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    // An event is one write and waits for nothing.
                    let _ = stream.set_nodelay(true);
                    return Ok(TokioIo::new(stream));
                }
                Ok(Err(error)) => last = error,
                Err(_) => last = io::ErrorKind::TimedOut.into(),
            }
        }
        Err(Unreachable::Connect(last))
    }

    /// The addresses of the host, all of them judged. One that may not be reached spoils the rest: a name that leads here
    /// and there is no mistake that anybody makes.
    async fn addresses(&self, host: Option<Host<&str>>) -> Result<Vec<IpAddr>, Unreachable> {
        let found: Vec<IpAddr> = match host {
            Some(Host::Ipv4(address)) => vec![address.into()],
            Some(Host::Ipv6(address)) => vec![address.into()],
            Some(Host::Domain(name)) if target::is_localhost(name) => {
                let both: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
                both.into_iter()
                    .filter(|address| self.reach.admits(*address))
                    .collect()
            }
            Some(Host::Domain(name)) => self.resolve(name).await?,
            None => return Err(Unreachable::Unknown),
        };
        let found: Vec<IpAddr> = found.iter().map(IpAddr::to_canonical).collect();
        if found.iter().all(|address| self.reach.admits(*address)) && !found.is_empty() {
            Ok(found)
        } else {
            Err(Unreachable::NotPublic)
        }
    }

    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, Unreachable> {
        let resolver = self.resolver.as_ref().ok_or(Unreachable::Unknown)?;
        // With the point at its end it is looked up as it stands.
        let whole = format!("{}.", name.trim_end_matches('.'));
        let found = resolver
            .lookup_ip(whole)
            .await
            .map_err(|_| Unreachable::Unknown)?;
        Ok(found.iter().collect())
    }
}

impl Service<Uri> for Vetted {
    type Response = TokioIo<TcpStream>;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.clone().connect(uri);
        Box::pin(async move { Ok(connecting.await?) })
    }
}

/// The error as its reader needs it: what went wrong, without the layers that it came through.
fn in_words(error: &(dyn Error + 'static)) -> String {
    let mut tls = None;
    let mut next = Some(error);
    let mut deepest = error;
    while let Some(error) = next {
        if let Some(unreachable) = error.downcast_ref::<Unreachable>() {
            return unreachable.to_string();
        }
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            tls = Some(error.to_string());
        }
        if let Some(error) = error.downcast_ref::<hyper::Error>() {
            if error.is_parse() {
                return "the answer is no HTTP".to_owned();
            }
            if error.is_incomplete_message() {
                return "the connection was closed before the answer was whole".to_owned();
            }
        }
        deepest = error;
        // What an io::Error wraps is not its source.
        next = match error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    match tls {
        Some(tls) => format!("TLS: {tls}"),
        None => deepest.to_string(),
    }
}
