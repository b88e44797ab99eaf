//! What stands around every request: an id, which its answer, its error body and each of its log lines carry; the headers
//! that every answer has; and the count of how long it took.

use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue, Method, Uri},
    response::Response,
};
use tower::{Layer, Service};
use tracing_subscriber::fmt::{
    format::Writer,
    time::{FormatTime, SystemTime},
};

use super::{
    headers,
    metrics::{self, Listener},
    state::AppState,
};

const HEADER: HeaderName = HeaderName::from_static("x-request-id");

struct Current {
    id: String,
    method: Method,
    uri: Uri,
}

tokio::task_local! {
    static CURRENT: Current;
}

/// The id of the request being answered; empty outside one.
pub fn current() -> String {
    CURRENT
        .try_with(|current| current.id.clone())
        .unwrap_or_default()
}

/// The moment of a log line and, within one, the request that it is about. A line is rare and a request is not, so that
/// nothing is prepared for it.
pub struct Stamp;

impl FormatTime for Stamp {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        SystemTime.format_time(writer)?;
        CURRENT
            .try_with(|Current { id, method, uri }| write!(writer, " {id} {method} {}", uri.path()))
            .unwrap_or(Ok(()))
    }
}

/// Puts it around a listener's routes.
#[derive(Clone)]
pub struct Around {
    state: AppState,
    listener: Listener,
}

impl Around {
    pub fn new(state: &AppState, listener: Listener) -> Self {
        Self {
            state: state.clone(),
            listener,
        }
    }
}

impl<S> Layer<S> for Around {
    type Service = Surrounded<S>;

    fn layer(&self, routes: S) -> Surrounded<S> {
        Surrounded {
            routes,
            around: self.clone(),
        }
    }
}

#[derive(Clone)]
pub struct Surrounded<S> {
    routes: S,
    around: Around,
}

impl<S> Service<Request> for Surrounded<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.routes.poll_ready(context)
    }

    /// An id from outside is not trusted, since logs are searched by it.
    fn call(&mut self, request: Request) -> Self::Future {
        let started = Instant::now();
        let Around { state, listener } = self.around.clone();
        let id = state.rng.id("req", state.clock.now());
        let value = HeaderValue::from_str(&id);
        let current = Current {
            id,
            method: request.method().clone(),
            uri: request.uri().clone(),
        };
        let answer = self.routes.call(request);
        Box::pin(async move {
            let mut response = CURRENT.scope(current, answer).await?;
            headers::add(&mut response, state.config.https());
            if let Ok(value) = value {
                response.headers_mut().insert(HEADER, value);
            }
            metrics::observe(listener, response.status(), started.elapsed());
            Ok(response)
        })
    }
}
