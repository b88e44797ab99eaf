//! Where the key sits in a request. Only the places that the profile accepts count.

use axum::http::{HeaderMap, HeaderValue, header, request::Parts};

use super::{form::Form, judge::Code};
use crate::profiles::{CredentialPlaces, Profile};

/// The one credential of the request, as it was sent.
pub fn find<'a>(
    headers: &'a HeaderMap,
    form: &'a Form,
    places: &CredentialPlaces,
) -> Result<&'a str, Code> {
    let named = places.headers.iter().flat_map(|name| headers.get_all(name));
    let bearer = headers
        .get_all(header::AUTHORIZATION)
        .into_iter()
        .filter_map(bearer_token)
        .filter(|_| places.bearer);
    let fields = places.form.iter().flat_map(|name| form.all(name));
    let mut found = named
        .map(HeaderValue::as_bytes)
        .chain(bearer)
        .chain(fields.map(str::as_bytes));
    let Some(first) = found.next() else {
        return Err(Code::MissingCredential);
    };
    if found.next().is_some() {
        return Err(Code::AmbiguousCredential);
    }
    std::str::from_utf8(first).map_err(|_| Code::Malformed)
}

/// Where something that looks like a key of this platform stands instead, in words for a message.
pub fn misplaced(request: &Parts, form: &Form, profile: &Profile) -> Option<String> {
    let is_key = |value: &str| {
        profile.environments.iter().any(|environment| {
            value.starts_with(&environment.prefix)
                || environment
                    .secret_prefix
                    .as_ref()
                    .is_some_and(|prefix| value.starts_with(prefix))
        })
    };
    for (name, value) in &request.headers {
        // A scheme may stand before it: `Bearer`, `Basic`, `Token`.
        let mut words = value.to_str().unwrap_or_default().split(' ');
        if words.any(is_key) {
            return Some(format!("the {name} header"));
        }
    }
    let query = request.uri.query().unwrap_or_default();
    if url::form_urlencoded::parse(query.as_bytes()).any(|(_, value)| is_key(&value)) {
        return Some("the address".to_owned());
    }
    form.fields()
        .any(|(_, value)| is_key(value))
        .then(|| "that form field".to_owned())
}

/// The token of `Authorization: Bearer …` (RFC 6750 §2.1); the scheme's case does not matter (RFC 9110 §11.1).
pub fn bearer_token(value: &HeaderValue) -> Option<&[u8]> {
    let (scheme, token) = value.as_bytes().split_at_checked(7)?;
    scheme
        .eq_ignore_ascii_case(b"bearer ")
        .then(|| token.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::form::tests::form;

    fn find_at(
        places: &str,
        pairs: &[(&'static str, &'static str)],
        fields: &[(&str, &str)],
    ) -> Result<String, Code> {
        let places: CredentialPlaces = toml::from_str(places).expect("places");
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        find(&headers, &form(fields), &places).map(str::to_owned)
    }

    fn find_in(pairs: &[(&'static str, &'static str)]) -> Result<String, Code> {
        find_at(
            "headers = [\"x-revkeen-key\"]\nbearer = true",
            pairs,
            &[("key", "k")],
        )
    }

    #[test]
    fn the_header_and_bearer_are_places_and_nothing_else_is() {
        assert_eq!(find_in(&[("x-revkeen-key", "k")]), Ok("k".to_owned()));
        assert_eq!(
            find_in(&[("authorization", "bearer k")]),
            Ok("k".to_owned())
        );
        assert_eq!(
            find_in(&[("authorization", "Basic k")]),
            Err(Code::MissingCredential)
        );
        assert_eq!(find_in(&[("x-api-key", "k")]), Err(Code::MissingCredential));
        assert_eq!(find_in(&[]), Err(Code::MissingCredential));
    }

    #[test]
    fn two_credentials_are_refused_even_if_alike() {
        assert_eq!(
            find_in(&[("x-revkeen-key", "k"), ("authorization", "Bearer k")]),
            Err(Code::AmbiguousCredential)
        );
        assert_eq!(
            find_in(&[("x-revkeen-key", "k"), ("x-revkeen-key", "k")]),
            Err(Code::AmbiguousCredential)
        );
    }

    #[test]
    fn a_form_field_is_a_place_where_the_profile_says_so() {
        let only = "form = \"key\"";
        assert_eq!(find_at(only, &[], &[("key", "k")]), Ok("k".to_owned()));
        assert_eq!(
            find_at(
                only,
                &[("x-api-key", "other"), ("authorization", "Bearer other")],
                &[("key", "k")]
            ),
            Ok("k".to_owned()),
            "what stands elsewhere is no credential"
        );
        assert_eq!(
            find_at(only, &[("x-api-key", "k")], &[("api_key", "k")]),
            Err(Code::MissingCredential)
        );
        assert_eq!(
            find_at(only, &[], &[("key", "k"), ("key", "k")]),
            Err(Code::AmbiguousCredential)
        );
        let both = "headers = [\"x-api-key\"]\nform = \"key\"";
        assert_eq!(
            find_at(both, &[("x-api-key", "k")], &[]),
            Ok("k".to_owned())
        );
        assert_eq!(
            find_at(both, &[("x-api-key", "k")], &[("key", "k")]),
            Err(Code::AmbiguousCredential)
        );
    }
}
