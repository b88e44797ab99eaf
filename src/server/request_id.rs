//! Every answer carries `x-request-id`, and so does every log line and error body of that request.

use axum::{
    extract::{Request, State},
    http::HeaderValue,
    middleware::Next,
    response::Response,
};
use tracing::Instrument;

use super::{metrics::REQUEST_SECONDS, state::AppState};

tokio::task_local! {
    static REQUEST_ID: String;
}

/// The id of the request being answered; empty outside one.
pub fn current() -> String {
    REQUEST_ID.try_with(Clone::clone).unwrap_or_default()
}

/// Gives the request an id of ours; an id from outside is not trusted, since logs are searched by it. Counts it and
/// how long it took, by listener and class of status.
pub async fn assign(
    State((state, listener)): State<(AppState, &'static str)>,
    request: Request,
    next: Next,
) -> Response {
    let started = std::time::Instant::now();
    let id = state.rng.id("req", state.clock.now());
    let span = tracing::info_span!(
        "request",
        id,
        method = %request.method(),
        path = request.uri().path(),
    );
    let value = HeaderValue::from_str(&id);
    let mut response = REQUEST_ID
        .scope(id, next.run(request).instrument(span))
        .await;
    if let Ok(value) = value {
        response.headers_mut().insert("x-request-id", value);
    }
    let class = match response.status().as_u16() {
        ..400 => "ok",
        400..500 => "refused",
        _ => "failed",
    };
    metrics::histogram!(REQUEST_SECONDS, "listener" => listener, "outcome" => class)
        .record(started.elapsed().as_secs_f64());
    response
}
