//! The api listener: verify, health, readiness, metrics. JSON only.

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, State},
    http::{StatusCode, Uri, header},
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::json;
use tower_http::{catch_panic::CatchPanicLayer, timeout::TimeoutLayer};

use super::{PATIENCE, error::AppError, headers, metrics, request_id, state::AppState};
use crate::{db::installation, error::UiErrorKind, gateway::verify};

/// Largest question read; a key, a scope expression and their neighbours are a few kilobytes.
const MAX_BODY: usize = 64 * 1024;

pub fn router(state: &AppState) -> Router {
    Router::new()
        .route("/v1/keys/verify", post(verify::handle))
        .route("/healthz", get(|| async { Json(json!({ "ok": true })) }))
        .route("/readyz", get(ready))
        .route("/metrics", get(show_metrics))
        .fallback(nothing_here)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::REQUEST_TIMEOUT,
            PATIENCE,
        ))
        .layer(CatchPanicLayer::new())
        .layer(middleware::from_fn_with_state(state.clone(), headers::add))
        .layer(middleware::from_fn_with_state(
            (state.clone(), "api"),
            request_id::assign,
        ))
        .with_state(state.clone())
}

/// 200 if requests can be judged and logged, else 503 and why not.
async fn ready(State(state): State<AppState>) -> Response {
    let database = async {
        let mut reader = state.db.read().await?;
        installation::value(&mut reader, "pepper").await
    };
    let reason = match database.await {
        Err(error) => {
            tracing::warn!(%error, "not ready");
            Some("the database does not answer")
        }
        Ok(_) if !state.usage.accepts(state.clock.now()) => Some("usage rows cannot be written"),
        Ok(_) => None,
    };
    match reason {
        None => Json(json!({ "ready": true })).into_response(),
        Some(reason) => (
            StatusCode::SERVICE_UNAVAILABLE,
            Json(json!({ "ready": false, "reason": reason })),
        )
            .into_response(),
    }
}

async fn show_metrics() -> Response {
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
        metrics::handle().render(),
    )
        .into_response()
}

/// Endpoints with fixed names that are still to come.
const TO_COME: &[&str] = &[
    "/v1/reservations",
    "/v1/events",
    "/v1/forward-auth",
    "/openapi.json",
    "/docs",
];

async fn nothing_here(uri: Uri) -> AppError {
    let to_come = TO_COME.iter().any(|path| uri.path().starts_with(path));
    let message = if to_come {
        "This endpoint is not available in this version."
    } else {
        "There is no such endpoint."
    };
    AppError::told(UiErrorKind::NotFound, message)
}

async fn wrong_method() -> Response {
    let mut response = AppError::told(
        UiErrorKind::BadRequest,
        "This endpoint takes another method.",
    )
    .into_response();
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response
}
