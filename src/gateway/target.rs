//! Which requests name their target in a way that everybody reads alike. Rules judge the path as it was sent and the
//! upstream gets it as it was sent; what an upstream might resolve to another path is refused rather than resolved here, since
//! two readers that resolve differently are how a rule is walked around.

use axum::http::{Method, Uri, header, request::Parts};

/// Rounds of percent-decoding that are looked through; some servers decode twice.
const ROUNDS: usize = 3;

/// Why a request is not even judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unclear {
    /// `CONNECT`, `*` or a whole URL, which are for forward proxies.
    Form,
    /// More than one `Host`.
    Hosts,
    Path,
}

impl Unclear {
    pub const fn message(self) -> &'static str {
        match self {
            Self::Form => "The request line must name a path.",
            Self::Hosts => "The request names more than one host.",
            Self::Path => {
                "The path has empty or dotted steps, a backslash, or a slash or control character that is encoded."
            }
        }
    }
}

/// Refuses what could be read in two ways.
pub fn check(request: &Parts) -> Result<(), Unclear> {
    if request.headers.get_all(header::HOST).iter().count() > 1 {
        return Err(Unclear::Hosts);
    }
    check_target(&request.method, &request.uri)
}

/// The same of a method and an address alone.
pub fn check_target(method: &Method, uri: &Uri) -> Result<(), Unclear> {
    if method == Method::CONNECT || uri.scheme().is_some() || uri.authority().is_some() {
        return Err(Unclear::Form);
    }
    let Some(steps) = uri.path().strip_prefix('/') else {
        return Err(Unclear::Form);
    };
    let mut steps = steps.split('/').peekable();
    while let Some(step) = steps.next() {
        // A slash at the end leaves an empty last step, which is a path of its own.
        let empty_within = step.is_empty() && steps.peek().is_some();
        if empty_within || !is_plain(step) {
            return Err(Unclear::Path);
        }
    }
    Ok(())
}

/// Whether a step stays one step, and the same, however often it is decoded.
fn is_plain(step: &str) -> bool {
    let climbs = |bytes: &[u8]| {
        let named = bytes.split(|byte| *byte == b';').next().unwrap_or_default();
        let special = |byte: &u8| matches!(byte, b'/' | b'\\' | 0..=0x1f | 0x7f);
        named == b"." || named == b".." || bytes.iter().any(special)
    };
    if !step.contains('%') {
        return !climbs(step.as_bytes());
    }
    let mut bytes = step.as_bytes().to_vec();
    for _ in 0..ROUNDS {
        if climbs(&bytes) {
            return false;
        }
        match decoded(&bytes) {
            Some(next) if next == bytes => return true,
            Some(next) => bytes = next,
            // Only the sender's own encoding must be sound; a decoded `%` may mean itself.
            None => return bytes != step.as_bytes(),
        }
    }
    false
}

/// Percent-decoded once; none if a `%` is not followed by two hexadecimal digits.
fn decoded(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [first, tail @ ..] = rest {
        if *first != b'%' {
            out.push(*first);
            rest = tail;
            continue;
        }
        let (digits, after) = tail.split_at_checked(2)?;
        let mut byte = [0];
        hex::decode_to_slice(digits, &mut byte).ok()?;
        out.push(byte[0]);
        rest = after;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: Method, target: &str) -> Result<(), Unclear> {
        check_target(&method, &target.parse().expect("a target"))
    }

    #[test]
    fn plain_paths_pass_as_they_are() {
        for path in [
            "/",
            "/v2/customers",
            "/v2/customers/",
            "/v2/%63ustomers",
            "/v2/a%20b",
            "/v2/100%25",
            "/v2/...",
            "/v2/.well-known",
            "/v2/a;b=c",
            "/v2/x?next=/../y//z&u=http://a.example",
        ] {
            assert_eq!(check(Method::GET, path), Ok(()), "{path}");
        }
    }

    #[test]
    fn what_may_be_another_path_elsewhere_is_refused() {
        for path in [
            "//v2",
            "/v2//customers",
            "/v2/../admin",
            "/v2/./customers",
            "/v2/..",
            "/v2/%2e%2e/admin",
            "/v2/.%2E/admin",
            "/v2/%252e%252e/admin",
            "/v2/%25252e%25252e/admin",
            "/v2/..;x/admin",
            "/v2/..%3bx/admin",
            "/v2%2fadmin",
            "/v2%2Fadmin",
            "/v2%5cadmin",
            "/v2\\admin",
            "/v2/x%00",
            "/v2/x%0d%0aX:y",
            "/v2/x%",
            "/v2/x%zz",
        ] {
            assert_eq!(check(Method::GET, path), Err(Unclear::Path), "{path}");
        }
    }

    #[test]
    fn only_a_path_is_a_target() {
        assert_eq!(check(Method::OPTIONS, "*"), Err(Unclear::Form));
        assert_eq!(
            check(Method::GET, "http://a.example/v2"),
            Err(Unclear::Form)
        );
        assert_eq!(check(Method::CONNECT, "a.example:443"), Err(Unclear::Form));
        assert_eq!(check(Method::CONNECT, "/v2"), Err(Unclear::Form));
    }
}
