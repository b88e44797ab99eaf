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
    door::{self, Call, Seen},
    judge::{Code, Facts, KeyRecord, Needs, Resource, Step, Verdict, judge, trace},
    limit::Left,
    scope::Asked,
};
use crate::{
    admin::tokens,
    error::UiErrorKind,
    keys::allow::host_of_origin,
    profiles::Profile,
    server::{clock::Millis, error::AppError, request_id, state::AppState},
    usage::buffer::Door,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    key: String,
    scope: Option<String>,
    ip: Option<IpAddr>,
    environment: Option<String>,
    /// As the caller's own request said it: a URL or a host.
    origin: Option<String>,
    /// The id of the workspace that the call is about.
    resource: Option<String>,
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
            return Ok(sent(verdict_in_json(Verdict::Denied(code))));
        }
    };
    let origin = question.origin.as_deref().and_then(host_of_origin);
    let ip = question.ip.map(|ip| ip.to_canonical());
    let facts = Facts {
        environment: question.environment.as_deref(),
        ip,
        origin: origin.as_deref(),
        resource: resource(&state.profile, asked.as_ref(), question.resource.as_deref()),
        needs: asked.as_ref().map_or(Needs::Nothing, Needs::Scope),
    };
    let now = state.clock.now();
    if question.dry_run {
        return Ok(sent(outlook(&state, &key, &facts, now).await));
    }
    let call = Call {
        door: Door::Verify,
        key: &key,
        facts: &facts,
        malformed: false,
        seen: Seen {
            scope: question.scope.clone(),
            ip,
            ..Seen::default()
        },
        started,
    };
    let mut decision = door::decide(&state, call)
        .await
        .map_err(|_| unavailable())?;
    decision.entry.answered(200);
    Ok(sent(known(decision.verdict, &key, &facts, decision.left)))
}

/// What would be said, and how it comes to that; nothing is charged or logged.
async fn outlook(state: &AppState, key: &KeyRecord, facts: &Facts<'_>, now: Millis) -> Value {
    let mut steps = trace(key, facts, now);
    let mut verdict = judge(key, facts, now);
    let charge = state.limits.would(door::subject(key), now).await;
    let left = match &charge {
        Ok(left) => *left,
        Err(refused) => refused.left,
    };
    if verdict == Verdict::Allowed {
        match charge {
            Ok(None) => {}
            Ok(Some(_)) => steps.push(Step::passed(Code::RateLimited)),
            Err(refused) => {
                steps.push(Step::failed(refused.code));
                verdict = Verdict::Denied(refused.code);
            }
        }
    }
    let mut answer = known(verdict, key, facts, left);
    answer["trace"] = json!(steps);
    answer
}

/// Whose things the call is about. Where calls of the asked scope name a workspace, one has to be named here too.
fn resource<'a>(profile: &Profile, asked: Option<&Asked>, named: Option<&'a str>) -> Resource<'a> {
    let must_name = || {
        profile.rules.iter().any(|rule| {
            rule.names_workspace() && asked.is_some_and(|asked| asked.names(&rule.scope))
        })
    };
    match named {
        Some(workspace) => Resource::Of(workspace),
        None if must_name() => Resource::Unknown,
        None => Resource::Own,
    }
}

fn verdict_in_json(verdict: Verdict) -> Value {
    json!({
        "valid": verdict == Verdict::Allowed,
        "code": verdict.code(),
        "request_id": request_id::current(),
    })
}

/// What is answered about a known key, with the facts as they were judged.
fn known(verdict: Verdict, key: &KeyRecord, facts: &Facts<'_>, left: Option<Left>) -> Value {
    let mut body = verdict_in_json(verdict);
    body["key"] = json!({
        "id": &*key.id,
        "label": &*key.label,
        "workspace_id": &*key.workspace_id,
        "environment": &*key.environment,
        "scopes": &*key.scopes,
        // RFC 3339, as everywhere outside the database.
        "expires_at": key.expires_at.and_then(|at| jiff::Timestamp::from_millisecond(at).ok()).map(|at| at.to_string()),
        "meta": key.meta.iter().map(|(name, value)| (name.clone(), json!(value))).collect::<serde_json::Map<_, _>>(),
    });
    if let Some(left) = left {
        body["ratelimit"] =
            json!({ "limit": left.limit, "remaining": left.remaining, "reset": left.reset });
    }
    if let Some(ip) = facts.ip {
        body["detected_ip"] = json!(ip);
    }
    if let Some(host) = facts.origin {
        body["detected_domain"] = json!(host);
    }
    body
}

fn sent(body: Value) -> Response {
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
