//! The host that a request says it was made from.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use super::form::Form;
use crate::keys::allow::host_of_origin;

/// What programs say it with, which have no page of their own.
const X_API_ORIGIN: HeaderName = HeaderName::from_static("x-api-origin");
const FIELDS: &[&str] = &["origin", "domain"];

/// A browser's own word comes first and stands alone even if it names nothing: a page cannot forge `Origin`, but could
/// add any of the others. What is said twice is not taken for either.
pub fn find(headers: &HeaderMap, form: &Form) -> Option<String> {
    for name in [header::ORIGIN, X_API_ORIGIN] {
        let mut values = headers.get_all(name).into_iter().map(HeaderValue::as_bytes);
        if let Some(first) = values.next() {
            return match values.next() {
                Some(_) => None,
                None => std::str::from_utf8(first).ok().and_then(host_of_origin),
            };
        }
    }
    for name in FIELDS {
        if let Some(value) = form.one(name).transpose() {
            return value.ok().and_then(host_of_origin);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::form::tests::form;

    fn host(headers: &[(&'static str, &'static str)], fields: &[(&str, &str)]) -> Option<String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        find(&map, &form(fields))
    }

    #[test]
    fn a_browsers_word_outweighs_a_programs() {
        let good = Some("good.example".to_owned());
        assert_eq!(host(&[("origin", "https://good.example")], &[]), good);
        assert_eq!(host(&[("x-api-origin", "good.example")], &[]), good);
        assert_eq!(host(&[], &[("origin", "https://good.example:8443")]), good);
        assert_eq!(host(&[], &[("domain", "good.example")]), good);
        assert_eq!(
            host(
                &[
                    ("x-api-origin", "good.example"),
                    ("origin", "https://evil.example")
                ],
                &[("origin", "good.example")]
            ),
            Some("evil.example".to_owned())
        );
        assert_eq!(
            host(&[("origin", "null"), ("x-api-origin", "good.example")], &[]),
            None
        );
    }

    #[test]
    fn what_is_said_twice_or_not_at_all_names_nothing() {
        assert_eq!(host(&[], &[]), None);
        assert_eq!(
            host(
                &[("x-api-origin", "a.example"), ("x-api-origin", "a.example")],
                &[]
            ),
            None
        );
        assert_eq!(
            host(&[], &[("origin", "a.example"), ("origin", "b.example")]),
            None
        );
    }
}
