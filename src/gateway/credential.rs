//! Where the key sits in a request. Only the places that the profile accepts count.

use axum::http::{HeaderMap, HeaderValue, header};

use super::judge::Code;
use crate::profiles::CredentialPlaces;

/// The one credential of the request, as it was sent.
pub fn find<'a>(headers: &'a HeaderMap, places: &CredentialPlaces) -> Result<&'a str, Code> {
    let named = places.headers.iter().flat_map(|name| headers.get_all(name));
    let bearer = headers
        .get_all(header::AUTHORIZATION)
        .into_iter()
        .filter_map(bearer_token)
        .filter(|_| places.bearer);
    let mut found = named.map(HeaderValue::as_bytes).chain(bearer);
    let Some(first) = found.next() else {
        return Err(Code::MissingCredential);
    };
    if found.next().is_some() {
        return Err(Code::AmbiguousCredential);
    }
    std::str::from_utf8(first).map_err(|_| Code::Malformed)
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
    use crate::profiles::Profile;

    fn find_in(pairs: &[(&'static str, &'static str)]) -> Result<String, Code> {
        let profile = Profile::load("revkeen").expect("it loads");
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        find(&headers, &profile.credential).map(str::to_owned)
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
}
