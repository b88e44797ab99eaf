//! Headers that every answer carries.

use axum::{
    http::{HeaderName, HeaderValue, header},
    response::Response,
};

/// What an answer that is no page may do in a browser: nothing. Pages bring a policy of their own, with a nonce.
const NO_PAGE: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
);
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const TWO_YEARS: HeaderValue = HeaderValue::from_static("max-age=63072000; includeSubDomains");

/// Made when this is compiled, since making one looks at each byte.
const ALWAYS: [(HeaderName, HeaderValue); 5] = [
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    // Plain forms are sent back by it; other sites learn nothing.
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static(
            "camera=(), geolocation=(), microphone=(), payment=(), usb=(), interest-cohort=()",
        ),
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

/// Marks an answer that is another server's, whose own word it is what browsers may do with it.
#[derive(Clone, Copy)]
pub struct Foreign;

pub fn add(response: &mut Response, https: bool) {
    if response.extensions().get::<Foreign>().is_some() {
        return;
    }
    let headers = response.headers_mut();
    headers.reserve(ALWAYS.len() + 4);
    for (name, value) in ALWAYS {
        headers.insert(name, value);
    }
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(NO_PAGE);
    // What nobody said may be kept is not: almost all of it is somebody's own.
    headers.entry(header::CACHE_CONTROL).or_insert(NO_STORE);
    if https {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, TWO_YEARS);
    }
}
