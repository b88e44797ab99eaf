//! `POST /v1/events`: the platform tells of what happened on its side, and its customers' endpoints get to know.

use axum::{
    Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use super::{
    catalogue,
    outbox::{self, Accepted, NewEvent, Repeat},
};
use crate::{
    error::UiErrorKind,
    gateway::volume::{MAX_IDEMPOTENCY_KEY, fingerprint},
    server::{clock::is_id, error::AppError, state::AppState},
    workspaces,
};

/// Largest `data`, in bytes. Receivers refuse more than a few hundred kilobytes; what is larger belongs behind a link.
const MAX_DATA: usize = 256 * 1024;
/// Largest body that is read: the data and what stands around it.
pub const MAX_BODY: usize = MAX_DATA + 16 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    #[serde(rename = "type")]
    event_type: String,
    workspace_id: String,
    environment: Option<String>,
    /// Goes out as it came, to the byte: what a number or a string is, its receiver decides.
    data: Box<RawValue>,
    idempotency_key: Option<String>,
}

/// Answers whoever the route's guard let through: a program with a service token.
pub async fn handle(
    State(state): State<AppState>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, AppError> {
    let body = body.map_err(|_| too_large())?;
    let is_json = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.to_ascii_lowercase().starts_with("application/json"));
    if !is_json {
        return Err(bad("Send JSON, with Content-Type: application/json."));
    }
    let told: Told = serde_json::from_slice(&body)
        .map_err(|error| bad(format!("The body is not right: {error}.")))?;
    let data = sound(&state, &told)?;
    if !is_id(&told.workspace_id, "wsp") {
        return Err(no_workspace());
    }
    let now = state.clock.now();
    let content = fingerprint(&[
        told.event_type.as_bytes(),
        told.environment.as_deref().unwrap_or_default().as_bytes(),
        data.to_string().as_bytes(),
    ]);
    let event = NewEvent {
        workspace_id: &told.workspace_id,
        environment: told.environment.as_deref(),
        event_type: &told.event_type,
        data: told.data.get(),
        repeat: told.idempotency_key.as_deref().map(|key| Repeat {
            key,
            content: &content,
        }),
    };
    let mut tx = state.db.begin().await?;
    if workspaces::store::find(&mut tx, &told.workspace_id)
        .await?
        .is_none()
    {
        return Err(no_workspace());
    }
    match outbox::accept(&mut tx, &state.rng, &event, now).await? {
        Accepted::Event(id) => {
            tx.commit().await?;
            Ok((StatusCode::ACCEPTED, Json(json!({ "event_id": id }))).into_response())
        }
        Accepted::Conflict => Err(AppError::told(
            UiErrorKind::Conflict,
            "This `idempotency_key` was sent before, with another event.",
        )),
    }
}

/// What was told, if it may be told as it is; gives its data as JSON.
fn sound(state: &AppState, told: &Told) -> Result<Value, AppError> {
    let profile = &state.profile;
    if told
        .idempotency_key
        .as_ref()
        .is_some_and(|key| key.is_empty() || key.len() > MAX_IDEMPOTENCY_KEY || key.contains('\0'))
    {
        return Err(bad(format!(
            "`idempotency_key` must be 1 to {MAX_IDEMPOTENCY_KEY} bytes long."
        )));
    }
    // Quoted back, so not without a bound.
    let name: String = told.event_type.chars().take(64).collect();
    let kind = catalogue::find(profile, &told.event_type).ok_or_else(|| {
        bad(format!(
            "There is no event type `{name}` in the profile of this platform."
        ))
    })?;
    if !kind.of_platform {
        return Err(bad(format!(
            "Events of type `{name}` are sent by Latchkey itself."
        )));
    }
    if let Some(environment) = &told.environment
        && profile.environment(environment).is_none()
    {
        let all: Vec<&str> = profile.environments.iter().map(|e| &*e.id).collect();
        return Err(bad(format!(
            "`environment` must be one of: {}.",
            all.join(", ")
        )));
    }
    if told.data.get().len() > MAX_DATA {
        return Err(too_large());
    }
    let data: Value = serde_json::from_str(told.data.get())
        .map_err(|error| bad(format!("`data` is not right: {error}.")))?;
    kind.check(&data).map_err(|wrong| {
        bad(format!(
            "`data` does not fit the schema of `{name}`: {wrong}."
        ))
    })?;
    Ok(data)
}

fn bad(message: impl Into<String>) -> AppError {
    AppError::told(UiErrorKind::BadRequest, message)
}

fn too_large() -> AppError {
    AppError::told(
        UiErrorKind::TooLarge,
        "`data` may be 256 KiB at most; send a link to what is larger.",
    )
}

fn no_workspace() -> AppError {
    AppError::told(UiErrorKind::NotFound, "There is no such workspace.")
}
