//! The gateway's one handler: credential, decision, answer.

use std::{sync::Arc, time::Instant};

use axum::{
    body::{Body, Bytes},
    extract::Request,
    http::{HeaderValue, header, request::Parts},
    response::Response,
};

use super::{
    amount,
    answer::{self, Refusal, message, unknown_in_words},
    credential,
    door::{self, Call, Decision, Moves},
    form::{Form, Repeated, Unreadable, buffered},
    judge::{Code, Facts, KeyRecord, Verdict},
    lab::{self, Lab},
    nonce::Use,
    proxy::{Hop, Identity, Onward},
    sandbox,
    sender::Sender,
    signature::{Fault, Message, Signed},
    target,
    upstream::{Base, Upstream},
    volume::{self, Outcome},
};
use crate::{
    profiles::{AmountPlace, Profile, Rule, Ruling, Sample},
    server::{
        address,
        headers::Foreign,
        request_id::{self, Routes},
        state::AppState,
    },
    usage::buffer::Door,
    webhooks::by_key,
};

/// What the listener serves.
#[derive(Clone)]
pub struct Gateway(pub AppState);

impl Routes for Gateway {
    async fn answer(&self, request: Request) -> Response {
        let Self(state) = self;
        let started = Instant::now();
        let (parts, body) = request.into_parts();
        match pass(state, &parts, body, started).await {
            Ok(response) => response,
            Err(refusal) => refusal.answer(&state.profile, state.clock.now()),
        }
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
    target::check(request).map_err(|unclear| {
        door::count(Door::Gateway, Verdict::Denied(Code::BadRequest));
        Refusal::new(Code::BadRequest, unclear.message())
    })?;
    let signed = signer_of(state, Door::Gateway, request).await?;
    let (bytes, body) = match &signed {
        Some(_) => {
            let bytes = buffered(body).await.map_err(unreadable)?;
            (bytes.clone(), Body::from(bytes))
        }
        None => (Bytes::new(), body),
    };
    let (form, body) = if profile.credential.form.is_some() || profile.reads_action(method, path) {
        Form::read_keeping(&request.headers, body)
            .await
            .map_err(unreadable)?
    } else {
        (Form::default(), body)
    };
    let unknown = |code: Code| {
        door::count(Door::Gateway, Verdict::Denied(code));
        Refusal::new(code, unknown_in_words(code, request, &form, profile))
    };
    let (text, key) = if let Some((signed, key)) = &signed {
        (signed.key_id(), key.clone())
    } else {
        let text =
            credential::find(&request.headers, &form, &profile.credential).map_err(unknown)?;
        (
            text,
            door::recognise(state, text, state.clock.now())
                .await
                .map_err(unknown)?,
        )
    };
    let ruling = match form.one("action") {
        Ok(action) => profile.rule_for(method, path, action),
        Err(Repeated) => Ruling::UnknownAction,
    };
    let rule = ruling.rule();
    let (moves, body) = match rule.and_then(|rule| rule.amount.as_ref()) {
        Some(place) => {
            let body = buffered(body).await.map_err(unreadable)?;
            (
                moves(place, profile, request, &form, &body),
                Body::from(body),
            )
        }
        None => (Moves::NOTHING, body),
    };
    // Not before the body has come, however long that took.
    let now = state.clock.now();
    let proof = signed.as_ref().map(|(signed, key)| {
        let authority = address::authority(request, &state.config);
        let message = Message::of(request, &authority, &bytes);
        Use::proven(signed, &message, key, now)
    });
    let sender = Sender::of(state, request, &form, &key);
    let facts = sender.facts(profile, ruling, None);
    let scope = rule.map(|rule| rule.scope.as_str());
    let call = Call {
        door: Door::Gateway,
        key: &key,
        facts: &facts,
        malformed: matches!(ruling, Ruling::UnknownAction),
        moves,
        proof: proof.map(|proof| proof.map_err(Fault::code)),
        seen: sender.seen(method, path, scope, &request.headers),
        started,
        now,
    };
    let lab = lab::asked(
        &request.headers,
        profile,
        &key.environment,
        state.config.demo,
    );
    let staged = lab.filter(|_| door::would_pass(state, &call));
    match (staged, rule) {
        (Some(lab), Some(_)) if lab != Lab::Slow => {
            return Box::pin(stage(state, lab, call)).await;
        }
        _ => {}
    }
    let Decision {
        verdict,
        wrong,
        left,
        wait,
        reservation,
        entry,
        ..
    } = door::decide(state, &call)
        .await
        .map_err(|code| Refusal::new(code, message(code, &facts, scope)))?;
    let (Verdict::Allowed, Some(rule)) = (verdict, rule) else {
        let code = match verdict {
            Verdict::Denied(code) => code,
            Verdict::Allowed => Code::InsufficientScope,
        };
        let wrong = match proof {
            Some(Err(fault)) => Some(fault.message().to_owned()),
            _ => wrong,
        };
        return Err(Refusal::decided(code, &facts, scope, wrong, wait, left));
    };
    let upstreams = state.config.upstreams.as_ref();
    let (mut response, outcome) = match upstreams.and_then(|all| all.of(&key.environment)) {
        // Endpoints are Latchkey's own, whatever stands behind it.
        _ if rule.sample == Some(Sample::Webhooks) => {
            managed(state, &key, rule, request, body).await?
        }
        Some(Upstream::Server(base)) => {
            let onward = Onward {
                request: request.clone(),
                body,
                hop: hop(request, state),
                places: &profile.credential,
                credential: text,
                identity: Identity {
                    reservation: reservation.as_ref().map(|(id, _)| id.as_str()),
                    ..identity(&key)
                },
            };
            Box::pin(served(state, base, onward)).await
        }
        Some(Upstream::Sandbox) | None => {
            Box::pin(sampled(state, &key, rule, request, body)).await?
        }
    };
    entry
        .settle(outcome, response.status().as_u16())
        .await
        .map_err(|code| Refusal::new(code, message(code, &facts, scope)))?;
    if let Some(left) = left {
        answer::say_left(response.headers_mut(), left, state.clock.now());
    }
    if staged == Some(Lab::Slow) {
        tokio::time::sleep(lab::SLOW).await;
        mark(&mut response);
    }
    Ok(response)
}

/// The signature, where the profile wants one, and the key that it names: whoever names none has no body read, which a
/// signature covers whole.
pub(super) async fn signer_of(
    state: &AppState,
    door: Door,
    request: &Parts,
) -> Result<Option<(Signed, Arc<KeyRecord>)>, Refusal> {
    if !state.profile.credential.signature {
        return Ok(None);
    }
    let refused = |code, words: Option<&str>| {
        door::count(door, Verdict::Denied(code));
        let form = Form::default();
        let unknown = || unknown_in_words(code, request, &form, &state.profile);
        Refusal::new(code, words.map_or_else(unknown, str::to_owned))
    };
    let signed = Signed::read(&request.headers).map_err(|fault| match fault {
        Fault::Missing => refused(fault.code(), None),
        _ => refused(fault.code(), Some(fault.message())),
    })?;
    let key = door::recognise(state, signed.key_id(), state.clock.now()).await;
    let key = key.map_err(|code| refused(code, None))?;
    Ok(Some((signed, key)))
}

/// Answers a call that would have passed with the failure that it asked for.
async fn stage(state: &AppState, lab: Lab, call: Call<'_>) -> Result<Response, Refusal> {
    let (facts, scope, now) = (call.facts, call.seen.scope, call.now);
    let unavailable = |code| Refusal::new(code, message(code, facts, scope));
    let left = state.limits.left(door::subject(call.key), now).await;
    let code = match lab {
        Lab::Refused(code) => code,
        Lab::Unknown | Lab::Slow => Code::BadRequest,
        Lab::UpstreamFails => {
            door::stage(state, &call, Verdict::Allowed, 500)
                .await
                .map_err(unavailable)?;
            let mut response = sandbox::failure(&state.profile);
            if let Some(left) = left {
                answer::say_left(response.headers_mut(), left, now);
            }
            mark(&mut response);
            return Ok(response);
        }
    };
    door::stage(state, &call, Verdict::Denied(code), code.status())
        .await
        .map_err(unavailable)?;
    let refusal = Refusal {
        message: match lab {
            Lab::Unknown => format!("X-Latchkey-Lab is one of: {}.", lab::names()),
            _ => staged_words(code, facts, scope, &state.profile),
        },
        code,
        domain: (code == Code::OriginNotAllowed)
            .then(|| facts.origin.unwrap_or("elsewhere.example").to_owned()),
        wait: answer::staged_wait(code, left, now),
        left: left.map(|left| answer::staged_left(code, left, now)),
    };
    let mut response = refusal.answer(&state.profile, now);
    mark(&mut response);
    Ok(response)
}

/// The words of a refusal that only its code is a reason for.
fn staged_words(code: Code, facts: &Facts<'_>, scope: Option<&str>, profile: &Profile) -> String {
    match code {
        Code::MissingCredential
        | Code::Malformed
        | Code::NotFound
        | Code::SignatureRequired
        | Code::AmbiguousCredential => {
            // As of a request that has nothing where a key could be misplaced.
            let (bare, ()) = Request::new(()).into_parts();
            unknown_in_words(code, &bare, &Form::default(), profile)
        }
        _ => message(code, facts, scope),
    }
}

fn mark(response: &mut Response) {
    let staged = HeaderValue::from_static("staged");
    response.headers_mut().insert(lab::HEADER, staged);
}

/// What the call moves, read from where its rule says that it stands.
fn moves<'a>(
    place: &AmountPlace,
    profile: &Profile,
    request: &'a Parts,
    form: &Form,
    body: &[u8],
) -> Moves<'a> {
    let mut named = request.headers.get_all("idempotency-key").iter();
    let idempotency_key = match (named.next(), named.next()) {
        (Some(key), None) if place.idempotent => key.to_str().ok(),
        _ => None,
    };
    // What names no call is none to a platform, and a repeat under it would be done again: it counts again.
    let idempotency_key = idempotency_key
        .map(str::trim)
        .filter(|key| !key.is_empty() && key.len() <= volume::MAX_IDEMPOTENCY_KEY);
    let query = request.uri.query().unwrap_or_default();
    Moves {
        amount: amount::read(place, profile, &request.headers, form, body),
        must_say: true,
        idempotency_key,
        asked: volume::fingerprint(&[
            request.method.as_str().as_bytes(),
            request.uri.path().as_bytes(),
            query.as_bytes(),
            body,
        ]),
    }
}

/// Who the key's holder is, as the upstream is told.
pub(super) fn identity(key: &KeyRecord) -> Identity<'_> {
    Identity {
        key_id: key.id(),
        workspace_id: &key.workspace_id,
        environment: &key.environment,
        scopes: key.scopes.join(" "),
        request_id: request_id::text(),
        reservation: None,
    }
}

fn hop(request: &Parts, state: &AppState) -> Hop {
    let (peer, trusted) = address::peer(&request.extensions, &state.config);
    Hop { peer, trusted }
}

/// The answer of the server behind the gateway, or that there is none; and what that means for an amount.
async fn served(state: &AppState, base: &Base, onward: Onward<'_>) -> (Response, Outcome) {
    match state.proxy.forward(base, onward).await {
        Ok(mut response) => {
            response.extensions_mut().insert(Foreign);
            let outcome = Outcome::Answered(response.status().as_u16());
            (response, outcome)
        }
        Err(failure) => {
            let outcome = if failure.is_not_sent() {
                Outcome::NotSent
            } else {
                Outcome::Lost
            };
            (answer::failed(state.profile.error_body, failure), outcome)
        }
    }
}

/// The sandbox's answer, whose subject is the rule.
async fn sampled(
    state: &AppState,
    key: &KeyRecord,
    rule: &Rule,
    request: &Parts,
    body: Body,
) -> Result<(Response, Outcome), Refusal> {
    let call = sandbox::Call {
        profile: &state.profile,
        rule,
        workspace_id: &key.workspace_id,
        environment: &key.environment,
        path: request.uri.path(),
        query: request.uri.query(),
        headers: &request.headers,
        body: buffered(body).await.map_err(unreadable)?,
        now: state.clock.now(),
    };
    Ok(answered(state.sandbox.answer(call).await))
}

/// What became of a call about the workspace's endpoints.
async fn managed(
    state: &AppState,
    key: &KeyRecord,
    rule: &Rule,
    request: &Parts,
    body: Body,
) -> Result<(Response, Outcome), Refusal> {
    let call = by_key::Call {
        key,
        rule,
        path: request.uri.path(),
        query: request.uri.query(),
        headers: &request.headers,
        body: buffered(body).await.map_err(unreadable)?,
    };
    Ok(answered(by_key::answer(state, call).await))
}

/// An answer of our own.
fn answered(mut response: Response) -> (Response, Outcome) {
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let outcome = Outcome::Answered(response.status().as_u16());
    (response, outcome)
}

fn unreadable(why: Unreadable) -> Refusal {
    door::count(Door::Gateway, Verdict::Denied(Code::BadRequest));
    let message = match why {
        Unreadable::TooLarge => "The body is larger than 1 MiB, or was cut off.",
        Unreadable::Malformed => "The body is not the form that its Content-Type says it is.",
    };
    Refusal::new(Code::BadRequest, message)
}
