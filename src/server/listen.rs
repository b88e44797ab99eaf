//! A listener that serves HTTP/1.1 to anybody: what a connection may cost is bounded before a request is there. A request
//! has no more than 100 header lines, which is hyper's own bound and that of most servers.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{ConnectInfo, Request},
    http::{HeaderValue, header},
    response::Response,
};
use hyper::{
    body::{Body as _, Incoming},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
};
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::sync::CancellationToken;

use super::request_id::Routes;

/// What one listener takes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Time for the head of a request, counted from when the connection is free for it; so it ends idle connections too.
    pub head_within: Duration,
    /// Bytes of a request's head.
    pub head_bytes: usize,
    /// Connections at a time; more wait to be accepted.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // Longer than load balancers keep idle connections (60 s), so that it is they who close them.
            head_within: Duration::from_secs(65),
            // Room for the largest cookies and signatures; 8 KiB is what most servers take.
            head_bytes: 64 * 1024,
            // Well below the file descriptors that a service may have by default under systemd (524 288), at about 100 KiB
            // each at the worst.
            connections: 16_384,
        }
    }
}

/// How long accepting rests after it failed for want of something, file descriptors most likely.
const REST: Duration = Duration::from_millis(500);

/// Serves until it is asked to stop, and then until what is being answered is answered.
pub async fn serve<R: Routes>(
    listener: TcpListener,
    routes: R,
    limits: Limits,
    stop: CancellationToken,
) {
    let routes = Arc::new(routes);
    let mut builder = auto::Builder::new(TokioExecutor::new()).http1_only();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_within)
        .max_buf_size(limits.head_bytes);
    let graceful = GracefulShutdown::new();
    let room = Arc::new(Semaphore::new(limits.connections));
    loop {
        let accepted = async {
            let place = room.clone().acquire_owned().await;
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            accepted = accepted => accepted,
            () = stop.cancelled() => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(REST).await;
                continue;
            }
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection is gone already");
        }
        let routes = routes.clone();
        let service = service_fn(move |request| answer(routes.clone(), peer, request));
        let connection = builder
            .serve_connection_with_upgrades(TokioIo::new(stream), service)
            .into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error, "a connection broke off");
            }
            drop(place);
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

async fn answer<R: Routes>(
    routes: Arc<R>,
    peer: SocketAddr,
    request: hyper::Request<Incoming>,
) -> Result<Response, Infallible> {
    let mut request: Request = request.map(|body| {
        if body.is_end_stream() {
            Body::empty()
        } else {
            Body::new(body)
        }
    });
    request.extensions_mut().insert(ConnectInfo(peer));
    // Whether a length was said beside the chunks can no longer be seen here. A connection on which the two might be taken
    // for one another carries no further request (RFC 9112 §6.1).
    let chunked = request.headers().contains_key(header::TRANSFER_ENCODING);
    let mut response = routes.answer(request).await;
    if chunked {
        let headers = response.headers_mut();
        headers
            .entry(header::CONNECTION)
            .or_insert(HeaderValue::from_static("close"));
    }
    Ok(response)
}
