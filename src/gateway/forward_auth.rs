//! `/v1/forward-auth`: a proxy of somebody else asks of each request whether it may pass, and lets it.
//!
//! What the original request was is told by one of three ways, and never by two of them, since what the proxy did not write
//! its client may have: `X-Original-Method` and `X-Original-URI` (nginx), `X-Forwarded-Method` and `X-Forwarded-Uri` (Traefik,
//! Caddy), or by asking with the original method at the original path below this one (Envoy). Bodies are never seen, so that of
//! signed requests only those pass that have none. Whom they are for is what a trusted proxy says, else the `Host` that is asked with.

#[cfg(test)]
mod tests;

use std::time::Instant;

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header, request::Parts},
    response::Response,
};

use super::{
    answer::{self, Refusal, message, unknown_in_words},
    credential,
    door::{self, Call, Decision, Moves},
    form::Form,
    judge::{Code, Verdict},
    nonce::Use,
    proxy::introduce,
    routes::{identity, signer_of},
    scope::Asked,
    sender::Sender,
    signature::{Content, Fault, Message},
    target,
    volume::Outcome,
};
use crate::{
    server::{address, clock::Millis, state::AppState},
    usage::buffer::Door,
};

/// Where it is served, and everything below.
const PATH: &str = "/v1/forward-auth";
const CODE: &str = "x-latchkey-code";
/// Headers of an answer that lets pass.
const HEADERS: usize = 24;

const ORIGINAL_METHOD: HeaderName = HeaderName::from_static("x-original-method");
const ORIGINAL_URI: HeaderName = HeaderName::from_static("x-original-uri");
const FORWARDED_METHOD: HeaderName = HeaderName::from_static("x-forwarded-method");
const FORWARDED_URI: HeaderName = HeaderName::from_static("x-forwarded-uri");

/// The request that the proxy has before it.
#[derive(Debug, PartialEq, Eq)]
struct Original {
    method: Method,
    uri: Uri,
}

/// What whoever set the proxy up wants.
#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    scope: Option<Asked>,
    /// nginx hands on 401 and 403 and makes an error of its own of anything else.
    nginx: bool,
}

/// Whether a path of the api asks this.
pub fn is_asked(path: &str) -> bool {
    path.strip_prefix(PATH)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

pub async fn handle(state: &AppState, request: Request) -> Response {
    let (started, now) = (Instant::now(), state.clock.now());
    let (parts, _) = request.into_parts();
    let (options, judged) = match options(&parts.uri) {
        Ok(options) => {
            let judged = judge(state, &parts, options.scope.as_ref(), started, now).await;
            (options, judged)
        }
        Err(message) => (Options::default(), Err(bad(message))),
    };
    match judged {
        Ok(response) => response,
        Err(refusal) => {
            let mut response = refusal.answer(&state.profile, now);
            let code = HeaderValue::from_static(refusal.code.as_str());
            response.headers_mut().insert(CODE, code);
            if options.nginx && response.status() != StatusCode::UNAUTHORIZED {
                *response.status_mut() = StatusCode::FORBIDDEN;
            }
            response
        }
    }
}

async fn judge(
    state: &AppState,
    request: &Parts,
    asked: Option<&Asked>,
    started: Instant,
    now: Millis,
) -> Result<Response, Refusal> {
    let profile = &state.profile;
    let Original { method, uri } = original(request).map_err(bad)?;
    target::check_target(&method, &uri).map_err(|unclear| bad(unclear.message()))?;
    let path = uri.path();
    let places = &profile.credential;
    let in_bodies = places.headers.is_empty() && !places.bearer && !places.signature;
    if in_bodies || (asked.is_none() && profile.reads_action(&method, path)) {
        return Err(bad(
            "What decides about this call stands in its body, which forward-auth cannot see. Use the gateway, or verify.",
        ));
    }
    if places.signature && may_have_body(&method, &request.headers) {
        return Err(bad(
            "A signature covers the body of this call, which forward-auth cannot see. Use the gateway for it, or verify.",
        ));
    }
    let form = Form::default();
    let unknown = |code: Code| {
        door::count(Door::ForwardAuth, Verdict::Denied(code));
        Refusal::new(code, unknown_in_words(code, request, &form, profile))
    };
    let signed = signer_of(state, Door::ForwardAuth, request).await?;
    let key = if let Some((_, key)) = &signed {
        key.clone()
    } else {
        let text = credential::find(&request.headers, &form, places).map_err(unknown)?;
        door::recognise(state, text, now).await.map_err(unknown)?
    };
    let proof = signed.as_ref().map(|(signed, key)| {
        let authority = address::authority(request, &state.config);
        let message = Message {
            method: method.as_str(),
            authority: &authority,
            path,
            query: uri.query(),
            headers: &request.headers,
            content: Content::Bytes(&[]),
        };
        Use::proven(signed, &message, key, now)
    });
    let ruling = profile.rule_for(&method, path, None);
    let rule = ruling.rule();
    let sender = Sender::of(state, request, &form, &key);
    let facts = sender.facts(profile, ruling, asked);
    let scope = rule
        .filter(|_| asked.is_none())
        .map(|rule| rule.scope.as_str());
    let call = Call {
        door: Door::ForwardAuth,
        key: &key,
        facts: &facts,
        malformed: false,
        proof: proof.map(|proof| proof.map_err(Fault::code)),
        // An amount would stand in the body, which is not seen: a key that is limited cannot move one here.
        moves: Moves {
            must_say: rule.is_some_and(|rule| rule.amount.is_some()),
            ..Moves::NOTHING
        },
        seen: sender.seen(&method, path, scope, &request.headers),
        started,
        now,
    };
    let Decision {
        verdict,
        wrong,
        left,
        wait,
        entry,
        ..
    } = door::decide(state, &call)
        .await
        .map_err(|code| Refusal::new(code, message(code, &facts, scope)))?;
    if let Verdict::Denied(code) = verdict {
        let wrong = match proof {
            Some(Err(fault)) => Some(fault.message().to_owned()),
            _ => wrong,
        };
        return Err(Refusal::decided(code, &facts, scope, wrong, wait, left));
    }
    let status = StatusCode::OK.as_u16();
    entry
        .settle(Outcome::Answered(status), status)
        .await
        .map_err(|code| Refusal::new(code, message(code, &facts, scope)))?;
    let mut response = Response::new(Body::empty());
    response.headers_mut().reserve(HEADERS);
    introduce(response.headers_mut(), &identity(&key));
    if let Some(left) = left {
        answer::say_left(response.headers_mut(), left, now);
    }
    Ok(response)
}

/// Whether the original request may have a body: by its method, or by what its own headers say where the proxy hands them on.
fn may_have_body(method: &Method, headers: &HeaderMap) -> bool {
    let bodiless = [Method::GET, Method::HEAD, Method::DELETE, Method::OPTIONS];
    let length = headers.get(header::CONTENT_LENGTH);
    !bodiless.contains(method)
        || headers.contains_key(header::TRANSFER_ENCODING)
        || length.is_some_and(|length| length != "0" && !length.is_empty())
}

/// A question that cannot be judged, whoever asks.
fn bad(message: &'static str) -> Refusal {
    door::count(Door::ForwardAuth, Verdict::Denied(Code::BadRequest));
    Refusal::new(Code::BadRequest, message)
}

/// What follows the path that the proxy was set up with, if the original one does.
fn below(asking: &Uri) -> Option<&str> {
    let rest = asking.path_and_query()?.as_str().strip_prefix(PATH)?;
    rest.starts_with('/').then_some(rest)
}

/// The query is the proxy's own only where the original path does not come with it; there it is anybody's.
fn options(asking: &Uri) -> Result<Options, &'static str> {
    let mut options = Options::default();
    if below(asking).is_some() {
        return Ok(options);
    }
    let query = asking.query().unwrap_or_default();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match (&*name, &*value) {
            ("nginx", "1") => options.nginx = true,
            ("scope", text) if options.scope.is_none() => {
                let asked = Asked::parse(text);
                options.scope = Some(asked.map_err(|_| "The scope in the query cannot be read.")?);
            }
            _ => return Err("The query takes scope=… and nginx=1, each once."),
        }
    }
    Ok(options)
}

fn original(asking: &Parts) -> Result<Original, &'static str> {
    const UNTOLD: &str = "Say the original request: X-Original-Method and X-Original-URI, X-Forwarded-Method and \
        X-Forwarded-Uri, or its path below this one.";
    let headers = &asking.headers;
    let below = below(&asking.uri);
    let both = |method, uri| Ok::<_, &'static str>((one(headers, method)?, one(headers, uri)?));
    let mut told = [
        both(ORIGINAL_METHOD, ORIGINAL_URI)?,
        both(FORWARDED_METHOD, FORWARDED_URI)?,
    ]
    .into_iter()
    .filter(|(method, uri)| method.is_some() || uri.is_some());
    let parse = |text: &str| {
        text.parse::<Uri>()
            .map_err(|_| "The original address is none.")
    };
    match (below, told.next(), told.next()) {
        (Some(rest), None, None) => Ok(Original {
            method: asking.method.clone(),
            uri: parse(rest)?,
        }),
        (None, Some((Some(method), Some(uri))), None) => Ok(Original {
            method: Method::from_bytes(method.as_bytes())
                .map_err(|_| "The original method is none.")?,
            uri: parse(uri)?,
        }),
        (None, None | Some((None, _) | (_, None)), None) => Err(UNTOLD),
        _ => Err("The original request is told in two ways."),
    }
}

/// The value of a header that is said once at most.
fn one(headers: &HeaderMap, name: HeaderName) -> Result<Option<&str>, &'static str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next().map(HeaderValue::to_str).transpose();
    match (first, values.next()) {
        (Ok(first), None) => Ok(first),
        (_, Some(_)) => Err("The original request is told twice."),
        (Err(_), None) => {
            Err("The original request is told in characters that have no place there.")
        }
    }
}

#[cfg(test)]
mod telling {
    use super::*;

    fn asking(uri: &str, headers: &[(&'static str, &'static str)]) -> Result<String, &'static str> {
        let mut request = axum::http::Request::put(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        original(&parts).map(|original| format!("{} {}", original.method, original.uri))
    }

    #[test]
    fn the_original_request_is_told_in_one_of_three_ways() {
        let nginx = [("x-original-method", "GET"), ("x-original-uri", "/v2/a?b")];
        let traefik = [("x-forwarded-method", "POST"), ("x-forwarded-uri", "/v2/a")];
        assert_eq!(asking(PATH, &nginx), Ok("GET /v2/a?b".to_owned()));
        assert_eq!(asking(PATH, &traefik), Ok("POST /v2/a".to_owned()));
        for (below, told) in [("/", "PUT /"), ("/v2/a?scope=b", "PUT /v2/a?scope=b")] {
            assert_eq!(asking(&format!("{PATH}{below}"), &[]), Ok(told.to_owned()));
        }
    }

    #[test]
    fn what_a_client_may_have_added_decides_nothing() {
        let nginx = [("x-original-method", "GET"), ("x-original-uri", "/v2/a")];
        let traefik = [("x-forwarded-method", "POST"), ("x-forwarded-uri", "/v2/b")];
        let both = [nginx, traefik].concat();
        let twice = [nginx, nginx].concat();
        let mixed = [nginx[0], traefik[1]];
        for headers in [&both[..], &twice, &mixed, &nginx[..1], &nginx[1..], &[]] {
            assert!(asking(PATH, headers).is_err(), "{headers:?}");
        }
        assert!(asking(&format!("{PATH}/v2/a"), &nginx).is_err());
        assert!(asking(&format!("{PATH}/v2/a"), &traefik).is_err());
    }

    #[test]
    fn options_are_whose_the_path_is() {
        let of = |text: &str| options(&text.parse().expect("an address"));
        let named = of(&format!("{PATH}?scope=a:read&nginx=1")).expect("read");
        assert!(named.nginx && named.scope == Some(Asked::Scope("a:read".to_owned())));
        assert_eq!(
            of(&format!("{PATH}/v2/a?scope=a:read&nginx=1")),
            Ok(Options::default())
        );
        for wrong in [
            "scope=a:read&scope=b:read",
            "scope=(",
            "nginx=yes",
            "other=1",
        ] {
            assert!(of(&format!("{PATH}?{wrong}")).is_err(), "{wrong}");
        }
    }
}
