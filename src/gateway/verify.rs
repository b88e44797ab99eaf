//! `POST /v1/keys/verify`: a resource server asks what the gateway would say.

use std::{net::IpAddr, time::Instant};

use axum::{
    Json,
    body::Bytes,
    extract::{FromRequestParts, State, rejection::BytesRejection},
    http::{HeaderMap, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    credential::bearer_token,
    door::{self, Seen},
    judge::{Code, Facts, KeyRecord, Needs, Verdict, judge, trace},
    scope::Asked,
};
use crate::{
    admin::tokens,
    error::UiErrorKind,
    server::{error::AppError, request_id, state::AppState},
    usage::buffer::Door,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    key: String,
    scope: Option<String>,
    ip: Option<IpAddr>,
    environment: Option<String>,
    /// No key is restricted to origins or resources in this version, so these facts decide nothing yet.
    #[serde(rename = "origin")]
    _origin: Option<String>,
    #[serde(rename = "resource")]
    _resource: Option<String>,
    amount: Option<Value>,
    idempotency_key: Option<Value>,
    #[serde(default)]
    dry_run: bool,
    request: Option<Value>,
}

/// Proof that the caller holds a service token.
pub struct ServiceToken;

impl FromRequestParts<AppState> for ServiceToken {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, AppError> {
        let refused = || {
            AppError::told(
                UiErrorKind::SignedOut,
                "Send a service token: Authorization: Bearer lk_svc_… (latchkey admin create-service-token makes one).",
            )
        };
        let token = parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(bearer_token)
            .ok_or_else(refused)?;
        if tokens::is_good(state, token).await? {
            Ok(Self)
        } else {
            Err(refused())
        }
    }
}

/// Answers whoever the route's guard let through: a program with a [`ServiceToken`].
pub async fn handle(
    State(state): State<AppState>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, AppError> {
    let started = Instant::now();
    let body = body.map_err(|_| {
        AppError::told(
            UiErrorKind::TooLarge,
            "The body is larger than a question needs to be.",
        )
    })?;
    let is_json = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.to_ascii_lowercase().starts_with("application/json"));
    if !is_json {
        return Err(bad("Send JSON, with Content-Type: application/json."));
    }
    let question: Question = serde_json::from_slice(&body)
        .map_err(|error| bad(format!("The body is not right: {error}.")))?;
    for (name, given) in [
        ("amount", question.amount.is_some()),
        ("idempotency_key", question.idempotency_key.is_some()),
        ("request", question.request.is_some()),
    ] {
        if given {
            return Err(bad(format!("`{name}` is not available in this version.")));
        }
    }
    let asked = question
        .scope
        .as_deref()
        .map(Asked::parse)
        .transpose()
        .map_err(|error| bad(format!("{error}.")))?;
    let key = match door::recognise(&state, &question.key).await {
        Ok(key) => key,
        Err(Code::Unavailable) => return Err(unavailable()),
        Err(code) => {
            door::count(Door::Verify, Verdict::Denied(code));
            return Ok(answer(Verdict::Denied(code), None, None));
        }
    };
    let facts = Facts {
        environment: question.environment.as_deref(),
        needs: asked.as_ref().map_or(Needs::Nothing, Needs::Scope),
    };
    let now = state.clock.now();
    let verdict = judge(&key, &facts, now);
    if question.dry_run {
        let steps = json!(trace(&key, &facts, now));
        return Ok(answer(verdict, Some(&key), Some(steps)));
    }
    let seen = Seen {
        scope: question.scope,
        ip: question.ip,
        ..Seen::default()
    };
    door::log(&state, Door::Verify, &key, verdict, seen, started.elapsed())
        .map_err(|_| unavailable())?;
    Ok(answer(verdict, Some(&key), None))
}

fn answer(verdict: Verdict, key: Option<&KeyRecord>, trace: Option<Value>) -> Response {
    let mut body = json!({
        "valid": verdict == Verdict::Allowed,
        "code": verdict.code(),
        "request_id": request_id::current(),
    });
    if let Some(key) = key {
        body["key"] = json!({
            "id": key.id,
            "label": key.label,
            "workspace_id": key.workspace_id,
            "environment": key.environment,
            "scopes": key.scopes,
            // RFC 3339, as everywhere outside the database.
            "expires_at": key.expires_at.and_then(|at| jiff::Timestamp::from_millisecond(at).ok()).map(|at| at.to_string()),
            "meta": {},
        });
    }
    if let Some(trace) = trace {
        body["trace"] = trace;
    }
    ([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

fn bad(message: impl Into<String>) -> AppError {
    AppError::told(UiErrorKind::BadRequest, message)
}

fn unavailable() -> AppError {
    AppError::told(
        UiErrorKind::Unavailable,
        "Keys cannot be checked at this moment. Treat the key as refused and try again.",
    )
}
