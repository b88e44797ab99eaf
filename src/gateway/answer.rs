//! Refusals as their sender is told them, in the style of the profile, and what every answer says of the rate.

use std::time::Duration;

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts},
    response::Response,
};
use serde::Serialize;

use super::{
    credential,
    form::Form,
    judge::{Code, Facts},
    limit::{Left, quota::month_of},
    proxy::Failure,
};
use crate::{
    profiles::{ErrorBody, Profile},
    server::{clock::Millis, request_id},
};

/// Why a request does not pass, as its sender is told.
pub struct Refusal {
    pub code: Code,
    pub message: String,
    /// The host that it was made from, where that is the reason.
    pub domain: Option<String>,
    /// After this long it may be tried again.
    pub wait: Option<Duration>,
    /// What is left of its key's rate, if the key is known.
    pub left: Option<Left>,
}

impl Refusal {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            domain: None,
            wait: None,
            left: None,
        }
    }

    /// Of a request whose key is known. `wrong`: in other words than the code's own.
    pub fn decided(
        code: Code,
        facts: &Facts<'_>,
        scope: Option<&str>,
        wrong: Option<String>,
        wait: Option<Duration>,
        left: Option<Left>,
    ) -> Self {
        Self {
            message: wrong.unwrap_or_else(|| message(code, facts, scope)),
            code,
            domain: facts
                .origin
                .filter(|_| code == Code::OriginNotAllowed)
                .map(str::to_owned),
            wait,
            left,
        }
    }

    /// The whole answer.
    pub fn answer(&self, profile: &Profile, now: Millis) -> Response {
        let style = profile.error_body;
        let status =
            StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = sent(style, status, &body(style, self, &request_id::text()));
        let headers = response.headers_mut();
        // RFC 9110 §11.6.1 asks for a challenge with every 401.
        if status == StatusCode::UNAUTHORIZED
            && let Ok(challenge) = HeaderValue::try_from(profile.credential.challenge(&profile.id))
        {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(wait) = self.wait {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds_up(wait)));
        }
        if let Some(left) = self.left {
            say_left(headers, left, now);
        }
        response
    }
}

/// What is answered where the upstream gave no answer.
pub fn failed(style: ErrorBody, failure: Failure) -> Response {
    let status = failure.status();
    let told = Told {
        status: status.as_u16(),
        kind: if status.is_client_error() {
            Code::BadRequest.error_type()
        } else {
            Code::Unavailable.error_type()
        },
        code: failure.code(),
        message: failure.message(),
        request_id: &request_id::text(),
    };
    sent(style, status, &in_style(style, &told))
}

fn sent(style: ErrorBody, status: StatusCode, body: &Said<'_>) -> Response {
    let mut response = Response::new(in_json(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let kind = match style {
        ErrorBody::Problem => "application/problem+json",
        ErrorBody::Flat | ErrorBody::Typed => "application/json",
    };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What is said, written without building it up first.
pub fn in_json(said: &impl Serialize) -> Body {
    serde_json::to_vec(said).unwrap_or_default().into()
}

/// Whole seconds, at least one, after which it has passed.
pub fn seconds_up(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STANDING: HeaderName = HeaderName::from_static("ratelimit");

/// Says what is left, in the names that everybody knows and in those of the IETF (draft-ietf-httpapi-ratelimit-headers).
pub fn say_left(headers: &mut HeaderMap, left: Left, now: Millis) {
    headers.insert(LIMIT, HeaderValue::from(left.limit));
    headers.insert(REMAINING, HeaderValue::from(left.remaining));
    headers.insert(RESET, HeaderValue::from(left.reset));
    let policy = format!("\"default\";q={};w=60", left.limit);
    let seconds = (left.reset - now.div_euclid(1000)).max(0);
    let standing = format!("\"default\";r={};t={seconds}", left.remaining);
    for (name, text) in [(POLICY, policy), (STANDING, standing)] {
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(name, value);
        }
    }
}

/// How long a refusal that was asked for says to wait, as the real one would: until one more request is free, or until
/// the next month.
pub fn staged_wait(code: Code, left: Option<Left>, now: Millis) -> Option<Duration> {
    match code {
        Code::RateLimited => {
            let limit = u64::from(left.map_or(60, |left| left.limit).max(1));
            Some(Duration::from_millis(60_000 / limit))
        }
        Code::UsageExceeded => {
            let (_, ends) = month_of(now);
            Some(Duration::from_millis(
                u64::try_from(ends - now).unwrap_or(0),
            ))
        }
        _ => None,
    }
}

/// What such a refusal says is left: of a rate that it says is used up, nothing.
pub fn staged_left(code: Code, left: Left, now: Millis) -> Left {
    match code {
        Code::RateLimited => Left {
            remaining: 0,
            reset: left.reset.max(now.div_euclid(1000) + 1),
            ..left
        },
        _ => left,
    }
}

/// What somebody is told whose key was not found, in the request or at all.
pub fn unknown_in_words(code: Code, request: &Parts, form: &Form, profile: &Profile) -> String {
    let places = profile.credential.in_words();
    match code {
        Code::MissingCredential => match credential::misplaced(request, form, profile) {
            Some(place) => format!("An API key in {place} is not accepted. Send it in {places}."),
            None => format!("No API key was sent. Send it in {places}."),
        },
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
pub fn message(code: Code, facts: &Facts<'_>, scope: Option<&str>) -> String {
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
        Code::RateLimited => "Too many requests. Wait as long as Retry-After says.",
        Code::UsageExceeded => {
            "This month's requests are used up. More come with the next month, or with another plan."
        }
        Code::SignatureInvalid => "The signature does not hold for this request.",
        Code::TimestampSkew => "The signature's time is too far from now.",
        Code::NonceReplayed => {
            "This nonce was used before, or the request was signed before the service last started. Sign each request anew."
        }
        Code::CurrencyNotAllowed => "This API key may not move that currency.",
        Code::TransactionLimitExceeded => "The amount is above what this API key may move at once.",
        Code::DailyVolumeExceeded => "The amount is above what this API key may move today.",
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

/// An error body.
#[derive(Serialize)]
#[serde(untagged)]
enum Said<'a> {
    /// Customers of flat platforms match these two whole: without their origin, and with one that is not allowed.
    Origin {
        error: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        detected_domain: Option<&'a str>,
    },
    Flat {
        error: &'a str,
        code: &'a str,
        request_id: &'a str,
    },
    Typed {
        error: TypedError<'a>,
    },
    Problem {
        r#type: &'a str,
        title: &'a str,
        status: u16,
        code: &'a str,
        request_id: &'a str,
    },
}

#[derive(Serialize)]
struct TypedError<'a> {
    r#type: &'a str,
    code: &'a str,
    message: &'a str,
    request_id: &'a str,
}

fn body<'a>(style: ErrorBody, refusal: &'a Refusal, request_id: &'a str) -> Said<'a> {
    let (code, message) = (refusal.code, refusal.message.as_str());
    let detected_domain = refusal.domain.as_deref();
    match (style, code, detected_domain) {
        (ErrorBody::Flat, Code::OriginRequired, _) => Said::Origin {
            error: message,
            detected_domain: None,
        },
        (ErrorBody::Flat, Code::OriginNotAllowed, Some(_)) => Said::Origin {
            error: message,
            detected_domain,
        },
        _ => in_style(
            style,
            &Told {
                status: code.status(),
                kind: code.error_type(),
                code: code.as_str(),
                message,
                request_id,
            },
        ),
    }
}

/// What an error body says.
struct Told<'a> {
    status: u16,
    kind: &'a str,
    code: &'a str,
    message: &'a str,
    request_id: &'a str,
}

fn in_style<'a>(style: ErrorBody, told: &Told<'a>) -> Said<'a> {
    let Told {
        status,
        kind,
        code,
        message,
        request_id,
    } = *told;
    match style {
        ErrorBody::Flat => Said::Flat {
            error: message,
            code,
            request_id,
        },
        ErrorBody::Typed => Said::Typed {
            error: TypedError {
                r#type: kind,
                code,
                message,
                request_id,
            },
        },
        ErrorBody::Problem => Said::Problem {
            r#type: "about:blank",
            title: message,
            status,
            code,
            request_id,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::judge::{Needs, Resource};

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
            serde_json::to_string(&body(ErrorBody::Flat, &refusal, "req_1")).expect("JSON")
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
