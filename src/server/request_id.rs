//! What stands around every request: an id, which its answer, its error body and each of its log lines carry; an answer
//! even if it panics; the headers that every answer has; and the count of how long it took.

use std::{any::Any, fmt, panic::AssertUnwindSafe, time::Instant};

use axum::{
    Router,
    extract::Request,
    http::{HeaderName, HeaderValue, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use tower::ServiceExt;
use tracing_subscriber::fmt::{
    format::Writer,
    time::{FormatTime, SystemTime},
};

use super::{
    PATIENCE,
    clock::{Id, IdText},
    headers,
    metrics::{self, Listener},
    state::AppState,
};

pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// What is answered where the program itself is at fault.
const BROKEN: &str = "This went wrong on our side. If it does again, tell whoever runs this service, with the x-request-id.";

struct Current {
    id: Id,
    method: Method,
    uri: Uri,
}

tokio::task_local! {
    static CURRENT: Current;
}

/// The id of the request being answered; all zeros outside one.
pub fn current() -> Id {
    CURRENT.try_with(|current| current.id).unwrap_or_default()
}

/// The same as it is written.
pub fn text() -> IdText {
    written(current())
}

fn written(id: Id) -> IdText {
    id.text(b"req")
}

/// As if it were done for the request with this id.
#[cfg(test)]
pub async fn within<T>(id: Id, work: impl Future<Output = T>) -> T {
    let current = Current {
        id,
        method: Method::GET,
        uri: Uri::default(),
    };
    CURRENT.scope(current, work).await
}

/// The moment of a log line and, within one, the request that it is about. A line is rare and a request is not, so that
/// nothing is prepared for it.
pub struct Stamp;

impl FormatTime for Stamp {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        SystemTime.format_time(writer)?;
        CURRENT
            .try_with(|Current { id, method, uri }| {
                write!(writer, " {} {method} {}", written(*id), uri.path())
            })
            .unwrap_or(Ok(()))
    }
}

/// What a listener serves. A handler that is reached without a router costs a request less than one behind it.
pub trait Routes: Send + Sync + 'static {
    fn answer(&self, request: Request) -> impl Future<Output = Response> + Send;
}

impl Routes for Router {
    async fn answer(&self, request: Request) -> Response {
        let answer = self.clone().oneshot(request);
        in_time(answer.map(|Ok(response)| response)).await
    }
}

/// The answer, if it comes within [`PATIENCE`], the reading of the request's body included; one that is streamed has no end.
pub fn in_time(answer: impl Future<Output = Response>) -> impl Future<Output = Response> {
    let late = |_| StatusCode::REQUEST_TIMEOUT.into_response();
    tokio::time::timeout(PATIENCE, answer).map(move |answered| answered.unwrap_or_else(late))
}

/// A listener's routes with all that stands around them.
#[derive(Clone)]
pub struct Around<R> {
    routes: R,
    state: AppState,
    listener: Listener,
}

impl<R> Around<R> {
    pub fn new(state: &AppState, listener: Listener, routes: R) -> Self {
        Self {
            routes,
            state: state.clone(),
            listener,
        }
    }
}

impl<R: Routes> Routes for Around<R> {
    /// An id from outside is not trusted, since logs are searched by it.
    async fn answer(&self, request: Request) -> Response {
        let started = Instant::now();
        let id = self.state.rng.short_id(self.state.clock.now());
        let current = Current {
            id,
            method: request.method().clone(),
            uri: request.uri().clone(),
        };
        // Boxed here, where it is made: it is large, and goes through several hands.
        let answer = AssertUnwindSafe(Box::pin(self.routes.answer(request))).catch_unwind();
        let answer = answer.map(|answered| {
            answered.unwrap_or_else(|panic| {
                tracing::error!(panic = said(&*panic), "a request cannot be answered");
                (StatusCode::INTERNAL_SERVER_ERROR, BROKEN).into_response()
            })
        });
        let mut response = CURRENT.scope(current, answer).await;
        headers::add(&mut response, self.state.config.https());
        if let Ok(value) = HeaderValue::from_str(&written(id)) {
            response.headers_mut().insert(HEADER, value);
        }
        metrics::observe(self.listener, response.status(), started.elapsed());
        response
    }
}

/// What a panic says, for the log.
fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, routing::get};

    use super::*;
    use crate::{
        db::testing::{self, Engine},
        server::testing::TestApp,
    };

    async fn broken() {
        panic!("as a mistake of ours would");
    }

    #[tokio::test]
    async fn what_panics_is_answered_under_its_id() {
        let app = TestApp::start(testing::database(Engine::Sqlite).await).await;
        let routes = Router::new().route("/", get(broken));
        let around = Around::new(&app.state, Listener::Api, routes);
        let answer = around.answer(Request::new(Body::empty())).await;
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(answer.headers().contains_key(HEADER));
        let text = axum::body::to_bytes(answer.into_body(), 1000).await;
        assert_eq!(text.expect("a text"), BROKEN);
    }
}
