//! What the portal serves to programs with a token: `GET /cli/listen` and `POST /cli/trigger`.

use axum::{
    Extension, Json,
    body::{Body, Bytes},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    feed::{self, Heard, Listeners, Telling},
    open, ops,
    token::CliToken,
};
use crate::{
    error::UiErrorKind,
    server::{error::AppError, state::AppState},
};

/// Largest event that can be sent.
pub const MAX_BODY: usize = 64 * 1024;

/// Events of the token's workspace as they come (server-sent events): each with its id, and as data the very body that an
/// endpoint gets. `Last-Event-ID` takes up after that event; an id without data, which comes first, says where it begins.
pub async fn listen(
    Extension(state): Extension<AppState>,
    Extension(listeners): Extension<Listeners>,
    Extension(token): Extension<CliToken>,
    headers: HeaderMap,
) -> Result<Response, AppError> {
    if open(&state).next().is_none() {
        return Err(AppError::told(
            UiErrorKind::Conflict,
            "This platform has no test environment, so there is nothing to listen to.",
        ));
    }
    let place = listeners.enter(&token.id).ok_or_else(|| {
        AppError::told(
            UiErrorKind::TooMany,
            "Four programs listen by this token already, which is the most. Stop one, or make another token.",
        )
    })?;
    let last = headers.get("last-event-id");
    let heard = match last.filter(|last| !last.is_empty()) {
        Some(last) => last
            .to_str()
            .ok()
            .and_then(|id| Heard::up_to(id, state.clock.now()))
            .ok_or_else(|| {
                AppError::told(
                    UiErrorKind::BadRequest,
                    "Last-Event-ID must be the id of an event that was told.",
                )
            })?,
        None => Heard::up_to_now(&state, &token).await?,
    };
    token.note_use(&state).await?;
    let (to, telling) = Telling::new();
    // Whoever listens comes back, to the process that is started next, and takes up where this one stopped.
    let stop = state.stop.clone();
    tokio::spawn(stop.run_until_cancelled_owned(feed::tell(state, token, heard, to, place)));
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // nginx would hold events back to fill a buffer.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::new(telling)).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Trigger {
    #[serde(rename = "type")]
    event_type: String,
    environment: Option<String>,
    data: Option<Value>,
}

/// Sends an event, as if it had happened.
pub async fn trigger(
    Extension(state): Extension<AppState>,
    Extension(token): Extension<CliToken>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, AppError> {
    let bad = |message: String| AppError::told(UiErrorKind::BadRequest, message);
    let is_json = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.to_ascii_lowercase().starts_with("application/json"));
    if !is_json {
        return Err(bad(
            "Send JSON, with Content-Type: application/json.".to_owned()
        ));
    }
    let asked: Trigger = serde_json::from_slice(&body)
        .map_err(|error| bad(format!("The body is not right: {error}.")))?;
    let event_id = ops::trigger(
        &state,
        &token,
        &asked.event_type,
        asked.environment.as_deref(),
        asked.data,
    )
    .await?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "event_id": event_id }))).into_response())
}
