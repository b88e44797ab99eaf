//! The gateway's one handler: credential, decision, answer.

use std::time::Instant;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, header, request::Parts},
    response::Response,
};

use super::{
    answer::{self, Refusal, message, unknown_in_words},
    credential,
    door::{self, Call, Decision, Seen},
    form::{Form, Repeated, Unreadable},
    judge::{Code, Facts, KeyRecord, Needs, Resource, Verdict},
    origin, sandbox,
};
use crate::{
    keys::allow::ListKind,
    profiles::{Rule, Ruling},
    server::{address, state::AppState},
    usage::buffer::Door,
};

pub fn router() -> Router<AppState> {
    Router::new().fallback(handle)
}

async fn handle(State(state): State<AppState>, request: Request) -> Response {
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    match pass(&state, &parts, body, started).await {
        Ok(response) => response,
        Err(refusal) => refusal.answer(state.profile.error_body, state.clock.now()),
    }
}

/// Decides on the request and answers it, or says why not. The body is read only where key or action may stand in it.
async fn pass(
    state: &AppState,
    request: &Parts,
    body: Body,
    started: Instant,
) -> Result<Response, Refusal> {
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
    let ip = address::of(&request.headers, &request.extensions, &state.config);
    // Only a key that is bound to domains pays for reading the origin.
    let origin = key
        .binds(ListKind::Domain)
        .then(|| origin::find(&request.headers, &form))
        .flatten();
    let facts = Facts {
        environment: None,
        ip,
        origin: origin.as_deref(),
        resource: resource.map_or(Resource::Own, Resource::Of),
        needs: match (rule, ruling) {
            (Some(rule), _) => Needs::One(&rule.scope),
            (None, Ruling::UnknownAction) => Needs::Nothing,
            (None, _) => Needs::Unruled,
        },
    };
    let scope = rule.map(|rule| rule.scope.as_str());
    let call = Call {
        door: Door::Gateway,
        key: &key,
        facts: &facts,
        malformed: matches!(ruling, Ruling::UnknownAction),
        seen: Seen {
            method: Some(method.to_string()),
            path: Some(path.to_owned()),
            scope: scope.map(str::to_owned),
            ip,
            agent: agent(&request.headers),
        },
        started,
    };
    let Decision {
        verdict,
        left,
        wait,
        mut entry,
    } = door::decide(state, call)
        .await
        .map_err(|code| Refusal::new(code, message(code, &facts, scope)))?;
    let (Verdict::Allowed, Some(rule)) = (verdict, rule) else {
        let code = match verdict {
            Verdict::Denied(code) => code,
            Verdict::Allowed => Code::InsufficientScope,
        };
        return Err(Refusal {
            message: message(code, &facts, scope),
            code,
            wait,
            left,
            domain: origin.filter(|_| code == Code::OriginNotAllowed),
        });
    };
    let mut response = upstream(&key, rule);
    entry.answered(response.status().as_u16());
    if let Some(left) = left {
        answer::say_left(response.headers_mut(), left, state.clock.now());
    }
    Ok(response)
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
