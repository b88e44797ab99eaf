//! The gateway's one handler: credential, judge, log, answer.

use std::time::Instant;

use axum::{
    Json, Router,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{
    credential,
    door::{self, Seen},
    judge::{Code, Facts, KeyRecord, Needs, Verdict, judge},
    sandbox,
    scope::Asked,
};
use crate::{
    profiles::ErrorBody,
    server::{address, request_id, state::AppState},
    usage::buffer::Door,
};

pub fn router() -> Router<AppState> {
    Router::new().fallback(handle)
}

async fn handle(State(state): State<AppState>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    match pass(&state, &parts).await {
        Ok(response) => response,
        Err((code, message)) => refuse(&state, code, &message),
    }
}

/// Judges the request and answers it, or says why not.
async fn pass(state: &AppState, request: &Parts) -> Result<Response, (Code, String)> {
    let started = Instant::now();
    let profile = &state.profile;
    let unknown = |code: Code| {
        door::count(Door::Gateway, Verdict::Denied(code));
        let places = profile.credential.in_words();
        let message = match code {
            Code::MissingCredential => format!("No API key was sent. Send it in {places}."),
            Code::AmbiguousCredential => {
                format!("More than one API key was sent. Send one, in {places}.")
            }
            _ => message(code, None),
        };
        (code, message)
    };
    let text = credential::find(&request.headers, &profile.credential).map_err(unknown)?;
    let key = door::recognise(state, text).await.map_err(unknown)?;
    let (method, path) = (&request.method, request.uri.path());
    let scope = profile.scope_for(method, path);
    let asked = scope.map(|scope| Asked::Scope(scope.to_owned()));
    let facts = Facts {
        environment: None,
        needs: asked.as_ref().map_or(Needs::Unruled, Needs::Scope),
    };
    let verdict = judge(&key, &facts, state.clock.now());
    let seen = Seen {
        method: Some(method.to_string()),
        path: Some(path.to_owned()),
        scope: scope.map(str::to_owned),
        ip: address::of(&request.headers, &request.extensions, &state.config),
        agent: agent(&request.headers),
    };
    door::log(state, Door::Gateway, &key, verdict, seen, started.elapsed())
        .map_err(|code| (code, message(code, scope)))?;
    match verdict {
        Verdict::Allowed => Ok(upstream(&key)),
        Verdict::Denied(code) => Err((code, message(code, scope))),
    }
}

/// The sandbox answers every call that a rule names; there is one so far.
fn upstream(key: &KeyRecord) -> Response {
    let mut response = sandbox::customers(key);
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

pub fn agent(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::USER_AGENT)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// What the caller is told; no more than someone who holds the key may know.
fn message(code: Code, scope: Option<&str>) -> String {
    match code {
        Code::MissingCredential | Code::AmbiguousCredential => "Send one API key.".to_owned(),
        Code::Malformed => {
            "That is not a whole API key: a character is missing or mistyped.".to_owned()
        }
        Code::NotFound => "There is no such API key.".to_owned(),
        Code::Revoked => "This API key was revoked.".to_owned(),
        Code::Expired => "This API key has expired.".to_owned(),
        Code::EnvironmentMismatch => "This API key belongs to another environment.".to_owned(),
        Code::WorkspaceSuspended => "The account of this API key is suspended.".to_owned(),
        Code::InsufficientScope => match scope {
            Some(scope) => format!("This call needs the scope {scope}, which this API key lacks."),
            None => "No API key may make this call.".to_owned(),
        },
        Code::BadRequest => "The request could not be read.".to_owned(),
        Code::Unavailable => "The API key cannot be checked at this moment. Try again.".to_owned(),
    }
}

fn refuse(state: &AppState, code: Code, message: &str) -> Response {
    let request_id = request_id::current();
    let body = match state.profile.error_body {
        ErrorBody::Flat => {
            json!({ "error": message, "code": code.as_str(), "request_id": request_id })
        }
        ErrorBody::Typed => json!({ "error": {
            "type": code.error_type(), "code": code.as_str(), "message": message, "request_id": request_id,
        }}),
        ErrorBody::Problem => json!({
            "type": "about:blank", "title": message, "status": code.status(), "code": code.as_str(),
            "request_id": request_id,
        }),
    };
    let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, Json(body)).into_response();
    let headers = response.headers_mut();
    if state.profile.error_body == ErrorBody::Problem {
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status == StatusCode::UNAUTHORIZED {
        // RFC 9110 §11.6.1 asks for a challenge with every 401.
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}
