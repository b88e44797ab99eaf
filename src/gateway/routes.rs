//! The gateway's one handler: credential, judge, log, answer.

use std::time::Instant;

use axum::{
    Json, Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{
    credential,
    door::{self, Seen},
    form::{Form, Repeated, Unreadable},
    judge::{Code, Facts, KeyRecord, Needs, Resource, Verdict, judge},
    origin, sandbox,
    scope::Asked,
};
use crate::{
    keys::allow::ListKind,
    profiles::{ErrorBody, Profile, Rule, Ruling},
    server::{address, request_id, state::AppState},
    usage::buffer::Door,
};

pub fn router() -> Router<AppState> {
    Router::new().fallback(handle)
}

async fn handle(State(state): State<AppState>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    match pass(&state, &parts, body).await {
        Ok(response) => response,
        Err(refusal) => refuse(state.profile.error_body, &refusal),
    }
}

/// Why a request does not pass, as its sender is told.
struct Refusal {
    code: Code,
    message: String,
    /// The host that it was made from, where that is the reason.
    domain: Option<String>,
}

impl Refusal {
    fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            domain: None,
        }
    }
}

/// Judges the request and answers it, or says why not. The body is read only where key or action may stand in it.
async fn pass(state: &AppState, request: &Parts, body: Body) -> Result<Response, Refusal> {
    let started = Instant::now();
    let profile = &state.profile;
    let (method, path) = (&request.method, request.uri.path());
    let form = if profile.credential.form.is_some() || profile.reads_action(method, path) {
        Form::read(&request.headers, body)
            .await
            .map_err(unreadable)?
    } else {
        Form::default()
    };
    let unknown = |code: Code| {
        door::count(Door::Gateway, Verdict::Denied(code));
        Refusal::new(code, unknown_in_words(code, request, &form, profile))
    };
    let text = credential::find(&request.headers, &form, &profile.credential).map_err(unknown)?;
    let key = door::recognise(state, text).await.map_err(unknown)?;
    let ruling = match form.one("action") {
        Ok(action) => profile.rule_for(method, path, action),
        Err(Repeated) => Ruling::UnknownAction,
    };
    let (rule, resource) = match ruling {
        Ruling::Rule { rule, workspace } => (Some(rule), workspace),
        Ruling::UnknownAction | Ruling::Unruled => (None, None),
    };
    let scope = rule.map(|rule| rule.scope.as_str());
    let asked = scope.map(|scope| Asked::Scope(scope.to_owned()));
    let ip = address::of(&request.headers, &request.extensions, &state.config);
    // Only a key that is bound to domains pays for reading the origin.
    let origin = key
        .guard
        .binds(ListKind::Domain)
        .then(|| origin::find(&request.headers, &form))
        .flatten();
    let facts = Facts {
        environment: None,
        ip,
        origin: origin.as_deref(),
        resource: resource.map_or(Resource::Own, Resource::Of),
        needs: match (&asked, ruling) {
            (Some(asked), _) => Needs::Scope(asked),
            (None, Ruling::UnknownAction) => Needs::Nothing,
            (None, _) => Needs::Unruled,
        },
    };
    let verdict = match (judge(&key, &facts, state.clock.now()), ruling) {
        (Verdict::Allowed, Ruling::UnknownAction) => Verdict::Denied(Code::BadRequest),
        (verdict, _) => verdict,
    };
    let seen = Seen {
        method: Some(method.to_string()),
        path: Some(path.to_owned()),
        scope: scope.map(str::to_owned),
        ip,
        agent: agent(&request.headers),
    };
    door::log(state, Door::Gateway, &key, verdict, seen, started.elapsed())
        .map_err(|code| Refusal::new(code, message(code, &facts, scope)))?;
    match (verdict, rule) {
        (Verdict::Denied(code), _) => Err(Refusal {
            message: message(code, &facts, scope),
            code,
            domain: origin.filter(|_| code == Code::OriginNotAllowed),
        }),
        (Verdict::Allowed, Some(rule)) => Ok(upstream(&key, rule)),
        (Verdict::Allowed, None) => Err(Refusal::new(
            Code::InsufficientScope,
            message(Code::InsufficientScope, &facts, None),
        )),
    }
}

/// What passes is answered by the sandbox, which is given the rule and not the request: no credential goes on.
fn upstream(key: &KeyRecord, rule: &Rule) -> Response {
    let mut response = sandbox::answer(key, rule);
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

pub fn agent(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::USER_AGENT)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn unreadable(why: Unreadable) -> Refusal {
    door::count(Door::Gateway, Verdict::Denied(Code::BadRequest));
    let message = match why {
        Unreadable::TooLarge => "The form in the body is larger than 1 MiB, or was cut off.",
        Unreadable::Malformed => "The body is not the form that its Content-Type says it is.",
    };
    Refusal::new(Code::BadRequest, message)
}

/// What somebody is told whose key was not found, in the request or at all.
fn unknown_in_words(code: Code, request: &Parts, form: &Form, profile: &Profile) -> String {
    let places = profile.credential.in_words();
    match code {
        Code::MissingCredential => match credential::misplaced(request, form, profile) {
            Some(place) => format!("An API key in {place} is not accepted. Send it in {places}."),
            None => format!("No API key was sent. Send it in {places}."),
        },
        Code::SignatureRequired if request.headers.contains_key("signature-input") => {
            "Signed requests are not available in this version.".to_owned()
        }
        Code::SignatureRequired => match credential::misplaced(request, form, profile) {
            Some(place) => {
                format!(
                    "An API key in {place} is not accepted. Prove that you hold it with {places}."
                )
            }
            None => {
                format!("No API key was named. Name it and prove that you hold it with {places}.")
            }
        },
        Code::AmbiguousCredential => {
            format!("More than one API key was sent. Send one, in {places}.")
        }
        Code::Malformed => {
            "That is not a whole API key: a character is missing or mistyped.".to_owned()
        }
        Code::NotFound => "There is no such API key.".to_owned(),
        _ => "The API key cannot be checked at this moment. Try again.".to_owned(),
    }
}

/// What the holder of a known key is told; no more than such a one may know.
fn message(code: Code, facts: &Facts<'_>, scope: Option<&str>) -> String {
    let text = match code {
        Code::PendingApproval => "This API key was not approved yet.",
        Code::Disabled => "This API key is turned off.",
        Code::Revoked => "This API key was revoked.",
        Code::Expired => "This API key has expired.",
        Code::EnvironmentMismatch => "This API key belongs to another environment.",
        Code::WorkspaceSuspended => "The account of this API key is suspended.",
        Code::IpNotAllowed => {
            return match facts.ip {
                Some(ip) => {
                    format!("This API key is restricted to addresses, and {ip} is not one of them.")
                }
                None => {
                    "This API key is restricted to addresses, and yours is not known.".to_owned()
                }
            };
        }
        // The words of RukkyHub, which its customers' programs know.
        Code::OriginRequired => "This check needs an Origin (browser) or X-API-ORIGIN header",
        Code::OriginNotAllowed => "API key is restricted to whitelisted domains.",
        Code::ResourceMismatch => {
            "This API key belongs to another account than the one that the call is about."
        }
        Code::InsufficientScope => {
            return match scope {
                Some(scope) => {
                    format!("This call needs the scope {scope}, which this API key lacks.")
                }
                None => "No API key may make this call.".to_owned(),
            };
        }
        Code::BadRequest => "Say one known action in the form field action.",
        Code::MissingCredential
        | Code::AmbiguousCredential
        | Code::Malformed
        | Code::NotFound
        | Code::SignatureRequired
        | Code::Unavailable => "The API key cannot be checked at this moment. Try again.",
    };
    text.to_owned()
}

fn refuse(style: ErrorBody, refusal: &Refusal) -> Response {
    let code = refusal.code;
    let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = body(style, refusal, &request_id::current());
    let mut response = (status, Json(body)).into_response();
    let headers = response.headers_mut();
    if style == ErrorBody::Problem {
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

fn body(style: ErrorBody, refusal: &Refusal, request_id: &str) -> Value {
    let (code, message) = (refusal.code, &refusal.message);
    match (style, code, &refusal.domain) {
        // Customers of flat platforms match these two bodies whole.
        (ErrorBody::Flat, Code::OriginRequired, _) => json!({ "error": message }),
        (ErrorBody::Flat, Code::OriginNotAllowed, Some(domain)) => {
            json!({ "error": message, "detected_domain": domain })
        }
        (ErrorBody::Flat, ..) => {
            json!({ "error": message, "code": code.as_str(), "request_id": request_id })
        }
        (ErrorBody::Typed, ..) => json!({ "error": {
            "type": code.error_type(), "code": code.as_str(), "message": message, "request_id": request_id,
        }}),
        (ErrorBody::Problem, ..) => json!({
            "type": "about:blank", "title": message, "status": code.status(), "code": code.as_str(),
            "request_id": request_id,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Facts<'_> = Facts {
        environment: None,
        ip: None,
        origin: None,
        resource: Resource::Own,
        needs: Needs::Nothing,
    };

    #[test]
    fn flat_platforms_say_of_an_origin_exactly_what_their_page_says() {
        let told = |code, domain: Option<&str>| {
            let refusal = Refusal {
                domain: domain.map(str::to_owned),
                ..Refusal::new(code, message(code, &NOTHING, None))
            };
            body(ErrorBody::Flat, &refusal, "req_1").to_string()
        };
        assert_eq!(
            told(Code::OriginRequired, None),
            r#"{"error":"This check needs an Origin (browser) or X-API-ORIGIN header"}"#
        );
        assert_eq!(
            told(Code::OriginNotAllowed, Some("evil.example")),
            r#"{"error":"API key is restricted to whitelisted domains.","detected_domain":"evil.example"}"#
        );
        assert_eq!(
            told(Code::Revoked, None),
            r#"{"error":"This API key was revoked.","code":"REVOKED","request_id":"req_1"}"#
        );
    }
}
