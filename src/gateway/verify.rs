//! `POST /v1/keys/verify`: a resource server asks what the gateway would say.

use std::{net::IpAddr, time::Instant};

use axum::{
    body::Bytes,
    extract::{FromRequestParts, State, rejection::BytesRejection},
    http::{HeaderMap, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize, Serializer};

use super::{
    amount::Amount,
    answer,
    credential::bearer_token,
    door::{self, Call, Moves, Seen},
    judge::{BEFORE, Code, Facts, KeyRecord, Needs, Resource, Step, Verdict, judge, trace},
    limit::Left,
    nonce::Use,
    original::Original,
    scope::Asked,
    signature::Fault,
    volume::{self, MAX_IDEMPOTENCY_KEY, Outcome},
};
use crate::{
    admin::tokens,
    error::UiErrorKind,
    keys::allow::host_of_origin,
    profiles::Profile,
    server::{
        clock::{IdText, Millis, rfc3339},
        error::AppError,
        request_id,
        state::AppState,
    },
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
    /// What the call moves. Without it no money moves.
    amount: Option<AskedAmount>,
    /// Under which the question may be asked again.
    idempotency_key: Option<String>,
    #[serde(default)]
    dry_run: bool,
    /// What a pair's signature covers.
    request: Option<Original>,
}

/// An amount in minor units of a currency.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AskedAmount {
    value: i64,
    currency: String,
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
    let (started, now) = (Instant::now(), state.clock.now());
    let request_id = request_id::text();
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
    let idempotency_key = question.idempotency_key.as_deref();
    if idempotency_key
        .is_some_and(|key| key.is_empty() || key.len() > MAX_IDEMPOTENCY_KEY || key.contains('\0'))
    {
        return Err(bad(format!(
            "`idempotency_key` must be 1 to {MAX_IDEMPOTENCY_KEY} bytes long."
        )));
    }
    if question
        .amount
        .as_ref()
        .is_some_and(|amount| amount.value < 0)
    {
        return Err(bad("`amount.value` can't be negative."));
    }
    let amount = question.amount.map(|amount| Amount {
        value: amount.value,
        currency: amount.currency,
    });
    let asked = question
        .scope
        .as_deref()
        .map(Asked::parse)
        .transpose()
        .map_err(|error| bad(format!("{error}.")))?;
    let key = match door::recognise(&state, &question.key, now).await {
        Ok(key) => key,
        Err(Code::Unavailable) => return Err(unavailable()),
        Err(code) => {
            door::count(Door::Verify, Verdict::Denied(code));
            return Ok(sent(&unknown(Verdict::Denied(code), &request_id)));
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
    // A key that is itself the secret has no signature to look at.
    let proof = question
        .request
        .filter(|_| state.profile.credential.signature)
        .map(|original| {
            original
                .prove(&question.key, &key, now)
                .map_err(Fault::code)
        });
    if question.dry_run {
        let proof = door::proved(&state, proof);
        let outlook = outlook(&state, &key, &facts, proof, amount.as_ref(), now).await?;
        let said = known(outlook.verdict, &request_id, &key, &facts, outlook.left);
        return Ok(sent(&Said {
            trace: Some(outlook.steps),
            ..said
        }));
    }
    let call = Call {
        door: Door::Verify,
        key: &key,
        facts: &facts,
        malformed: false,
        moves: Moves {
            asked: asked_again(question.scope.as_deref(), amount.as_ref()),
            amount: Ok(amount),
            must_say: false,
            idempotency_key,
        },
        proof,
        seen: Seen {
            scope: question.scope.as_deref(),
            ip,
            ..Seen::default()
        },
        started,
        now,
    };
    let decision = door::decide(&state, &call)
        .await
        .map_err(|_| unavailable())?;
    if let (true, Some(message)) = (decision.conflict, decision.wrong) {
        return Err(AppError::told(UiErrorKind::Conflict, message));
    }
    let reservation = decision
        .reservation
        .map(|(id, lapses_at)| SaidOfReservation {
            id,
            expires_at: lapses_at.and_then(rfc3339),
        });
    let said = Said {
        reservation,
        ..known(decision.verdict, &request_id, &key, &facts, decision.left)
    };
    // What is reserved here its asker settles; the row is written with it.
    decision
        .entry
        .settle(Outcome::Answered(200), 200)
        .await
        .map_err(|_| unavailable())?;
    Ok(sent(&said))
}

/// What has to be the same where a question is asked again.
fn asked_again(scope: Option<&str>, amount: Option<&Amount>) -> [u8; 32] {
    let (value, currency) =
        amount.map_or((0, ""), |amount| (amount.value, amount.currency.as_str()));
    volume::fingerprint(&[
        scope.unwrap_or_default().as_bytes(),
        &value.to_be_bytes(),
        currency.as_bytes(),
    ])
}

/// What would be decided, and how it comes to that.
struct Outlook {
    verdict: Verdict,
    left: Option<Left>,
    steps: Vec<Step>,
}

/// Nothing is charged or logged.
async fn outlook(
    state: &AppState,
    key: &KeyRecord,
    facts: &Facts<'_>,
    proof: Result<Option<Use>, Code>,
    amount: Option<&Amount>,
    now: Millis,
) -> Result<Outlook, AppError> {
    let mut steps = signature_steps(proof);
    let mut verdict = match proof {
        Err(code) => Verdict::Denied(code),
        Ok(once) => {
            steps.extend(trace(key, facts, now));
            let verdict = judge(key, facts, now);
            match once {
                Some(once) if verdict == Verdict::Allowed => {
                    match state.nonces.would(&state.db, once).await {
                        Ok(()) => {
                            steps.push(Step::passed(Code::NonceReplayed));
                            verdict
                        }
                        Err(code) => {
                            steps.push(Step::failed(code));
                            Verdict::Denied(code)
                        }
                    }
                }
                _ => verdict,
            }
        }
    };
    let charge = state.limits.would(door::subject(key), now).await;
    let left = match &charge {
        Ok(left) => *left,
        Err(refused) => refused.left,
    };
    if let (Verdict::Allowed, Some(amount)) = (verdict, amount) {
        let mut reader = state.db.read().await?;
        for (check, ok) in volume::would(&mut reader, &state.profile, key, amount, now).await? {
            if ok {
                steps.push(Step::passed(check.code()));
            } else {
                steps.push(Step::failed(check.code()));
                verdict = Verdict::Denied(check.code());
            }
        }
    }
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
    Ok(Outlook {
        verdict,
        left,
        steps,
    })
}

/// The checks of a signature; none where keys are not pairs.
fn signature_steps(proof: Result<Option<Use>, Code>) -> Vec<Step> {
    match proof {
        Ok(None) => Vec::new(),
        Ok(Some(_)) => BEFORE.map(Step::passed).to_vec(),
        Err(failed) => BEFORE
            .into_iter()
            .take_while(|code| *code != failed)
            .map(Step::passed)
            .chain([Step::failed(failed)])
            .collect(),
    }
}

/// Whose things the call is about. Where calls of the asked scope name a workspace, one has to be named here too.
pub(super) fn resource<'a>(
    profile: &Profile,
    asked: Option<&Asked>,
    named: Option<&'a str>,
) -> Resource<'a> {
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

/// What is answered.
#[derive(Serialize)]
struct Said<'a> {
    valid: bool,
    code: &'a str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<SaidOfKey<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ratelimit: Option<Left>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detected_ip: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detected_domain: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reservation: Option<SaidOfReservation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<Vec<Step>>,
}

#[derive(Serialize)]
struct SaidOfKey<'a> {
    id: IdText,
    label: &'a str,
    workspace_id: &'a str,
    environment: &'a str,
    scopes: &'a [String],
    expires_at: Option<String>,
    #[serde(serialize_with = "as_map")]
    meta: &'a [(String, String)],
}

#[derive(Serialize)]
struct SaidOfReservation {
    id: String,
    expires_at: Option<String>,
}

fn as_map<S: Serializer>(pairs: &[(String, String)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|(name, value)| (name, value)))
}

fn unknown(verdict: Verdict, request_id: &str) -> Said<'_> {
    Said {
        valid: verdict == Verdict::Allowed,
        code: verdict.code(),
        request_id,
        key: None,
        ratelimit: None,
        detected_ip: None,
        detected_domain: None,
        reservation: None,
        trace: None,
    }
}

/// What is answered about a known key, with the facts as they were judged.
fn known<'a>(
    verdict: Verdict,
    request_id: &'a str,
    key: &'a KeyRecord,
    facts: &Facts<'a>,
    left: Option<Left>,
) -> Said<'a> {
    Said {
        key: Some(SaidOfKey {
            id: key.id(),
            label: &key.label,
            workspace_id: &key.workspace_id,
            environment: &key.environment,
            scopes: &key.scopes,
            expires_at: key.expires_at().and_then(rfc3339),
            meta: key.meta(),
        }),
        ratelimit: left,
        detected_ip: facts.ip,
        detected_domain: facts.origin,
        ..unknown(verdict, request_id)
    }
}

fn sent(said: &Said<'_>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, answer::in_json(said)).into_response()
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
