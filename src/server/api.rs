//! The api listener: verify, reservations, forward-auth, health, readiness, metrics. JSON only.

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{Method, StatusCode, Uri, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get, post},
};
use serde_json::json;

use super::{
    error::AppError,
    metrics::{self, Listener},
    request_id::{Around, Routes, in_time},
    state::AppState,
};
use crate::{
    accounts::{API_ROUTES, Access},
    db::installation,
    error::UiErrorKind,
    gateway::{
        forward_auth, reservations,
        verify::{self, ServiceToken},
    },
    webhooks::events,
};

/// Largest question read; a key, a scope expression and their neighbours are a few kilobytes.
const MAX_BODY: usize = 64 * 1024;

#[expect(
    clippy::match_same_arms,
    reason = "each route of the access matrix has a line of its own"
)]
pub fn routes(state: &AppState) -> Around<Api> {
    let mut programs = Router::new();
    for route in API_ROUTES {
        let handler: MethodRouter<AppState> = match (&route.method, route.path) {
            (&Method::POST, "/v1/keys/verify") => post(verify::handle),
            (&Method::POST, "/v1/events") => {
                post(events::handle).layer(DefaultBodyLimit::max(events::MAX_BODY))
            }
            (&Method::POST, "/v1/reservations/{id}/commit") => post(reservations::commit),
            (&Method::POST, "/v1/reservations/{id}/release") => post(reservations::release),
            // Answered before a route is looked for.
            (&Method::GET, "/v1/forward-auth") => continue,
            (&Method::GET, "/v1/forward-auth/") => continue,
            (&Method::GET, "/v1/forward-auth/{*path}") => continue,
            (&Method::GET, "/healthz") => get(|| async { Json(json!({ "ok": true })) }),
            (&Method::GET, "/readyz") => get(ready),
            (&Method::GET, "/metrics") => get(show_metrics),
            (method, path) => {
                unreachable!("{method} {path} is in the access matrix but has no handler")
            }
        };
        let handler = match route.access {
            Access::Anyone => handler,
            Access::Service => {
                handler.route_layer(middleware::from_fn_with_state(state.clone(), with_token))
            }
            other => unreachable!("{other:?}: no person signs in at the api"),
        };
        programs = programs.route(route.path, handler);
    }
    let programs = programs
        .fallback(nothing_here)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(state.clone());
    let api = Api {
        state: state.clone(),
        programs,
    };
    Around::new(state, Listener::Api, api)
}

/// What the listener serves: forward-auth, which is asked with every request, and behind a router the rest.
#[derive(Clone)]
pub struct Api {
    state: AppState,
    programs: Router,
}

impl Routes for Api {
    async fn answer(&self, request: Request) -> Response {
        if forward_auth::is_asked(request.uri().path()) {
            in_time(forward_auth::handle(&self.state, request)).await
        } else {
            self.programs.answer(request).await
        }
    }
}

/// Lets programs with a service token pass.
async fn with_token(_token: ServiceToken, request: Request, next: Next) -> Response {
    next.run(request).await
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
        metrics::render(),
    )
        .into_response()
}

/// Endpoints with fixed names that are still to come.
const TO_COME: &[&str] = &["/openapi.json", "/docs"];

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
