//! Takes the credential out of a form, and leaves every other byte as it came.

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, header},
};

use crate::gateway::form::{Form, buffered};

/// The field could not be taken out for certain, so the body must not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unremovable;

/// The body without this field if it is a form that has it. It is read again as the judge read it, so that what is cut here
/// and what was understood there cannot differ.
pub async fn without_field(
    headers: &HeaderMap,
    body: Body,
    field: &str,
) -> Result<Body, Unremovable> {
    let (before, body) = Form::read_keeping(headers, body)
        .await
        .map_err(|_| Unremovable)?;
    if before.all(field).next().is_none() {
        return Ok(body);
    }
    let bytes = buffered(body).await.map_err(|_| Unremovable)?;
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    let cut = Bytes::from(match boundary(kind) {
        Some(boundary) => multipart(&bytes, &boundary, field),
        None => urlencoded(&bytes, |name, _| name == field),
    });
    let after = Form::read(headers, Body::from(cut.clone()))
        .await
        .map_err(|_| Unremovable)?;
    let rest = before.fields().filter(|(name, _)| *name != field);
    if after.fields().eq(rest) {
        Ok(Body::from(cut))
    } else {
        Err(Unremovable)
    }
}

/// The pairs that are not the credential, as they were written. Serves queries too.
pub fn urlencoded(text: &[u8], is_credential: impl Fn(&str, &str) -> bool) -> Vec<u8> {
    let kept: Vec<&[u8]> = text
        .split(|byte| *byte == b'&')
        .filter(|pair| {
            !url::form_urlencoded::parse(pair)
                .next()
                .is_some_and(|(name, value)| is_credential(&name, &value))
        })
        .collect();
    kept.join(&b'&')
}

/// The `boundary` of a multipart body's Content-Type.
fn boundary(kind: &str) -> Option<String> {
    let mut parts = kind.split(';');
    let essence = parts.next()?.trim();
    if !essence.eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    parts.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("boundary")
            .then(|| value.trim().trim_matches('"').to_owned())
    })
}

/// The parts that are not this field's. A part reaches from its delimiter line to the next one (RFC 2046 §5.1.1).
fn multipart(body: &[u8], boundary: &str, field: &str) -> Vec<u8> {
    let delimiter = format!("--{boundary}").into_bytes();
    let begins: Vec<usize> = (0..body.len())
        .filter(|at| {
            let line_starts = *at == 0 || body[..*at].ends_with(b"\r\n");
            line_starts
                && body[*at..]
                    .strip_prefix(delimiter.as_slice())
                    .is_some_and(|rest| {
                        rest.is_empty()
                            || [b"\r", b"-", b" ", b"\t"]
                                .iter()
                                .any(|c| rest.starts_with(*c))
                    })
        })
        .collect();
    let mut kept = body[..begins.first().copied().unwrap_or(body.len())].to_vec();
    for (i, begin) in begins.iter().enumerate() {
        let end = begins.get(i + 1).copied().unwrap_or(body.len());
        let part = &body[*begin..end];
        if name_of(part).as_deref() != Some(field) {
            kept.extend_from_slice(part);
        }
    }
    kept
}

/// The name that a part's Content-Disposition gives it; none for a file.
fn name_of(part: &[u8]) -> Option<String> {
    let end = part.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&part[..end]);
    let disposition = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim()
            .eq_ignore_ascii_case("content-disposition")
            .then_some(value)
    })?;
    let parameter = |wanted: &str| {
        disposition.split(';').find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim()
                .eq_ignore_ascii_case(wanted)
                .then(|| value.trim().trim_matches('"').to_owned())
        })
    };
    if parameter("filename").is_some() {
        return None;
    }
    parameter("name")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    async fn cut(kind: &str, body: &str) -> Result<String, Unremovable> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, kind.parse().expect("a value"));
        let body = without_field(&headers, Body::from(body.to_owned()), "key").await?;
        let bytes = buffered(body).await.expect("read");
        Ok(String::from_utf8(bytes.to_vec()).expect("text"))
    }

    #[tokio::test]
    async fn every_other_byte_of_a_form_stays() {
        let kind = "application/x-www-form-urlencoded; charset=utf-8";
        for (body, left) in [
            ("key=k", ""),
            ("key=k&a=1", "a=1"),
            ("a=1&key=k&b=%41+x&", "a=1&b=%41+x&"),
            ("a=1&%6bey=k", "a=1"),
            ("a=key=k&&b", "a=key=k&&b"),
            ("a=1&keys=k", "a=1&keys=k"),
        ] {
            assert_eq!(cut(kind, body).await.as_deref(), Ok(left), "{body}");
        }
        let json = r#"{"key":"k"}"#;
        assert_eq!(cut("application/json", json).await.as_deref(), Ok(json));
    }

    #[tokio::test]
    async fn every_other_part_of_a_multipart_form_stays() {
        let file = "--x\r\nContent-Disposition: form-data; name=\"key\"; filename=\"f\"\r\n\r\n\0--x-y\r\n--xy\r\n\r\n";
        let action = "--x\r\ncontent-disposition: form-data; name=\"action\"\r\n\r\nbalance\r\n";
        let end = "--x--\r\n";
        for named in ["name=\"key\"", "name=key", "NAME=\"key\""] {
            let key = format!("--x\r\nContent-Disposition: form-data; {named}\r\n\r\nk\r\n");
            for order in [
                [&key, file, action],
                [file, &key, action],
                [file, action, &key],
            ] {
                let body = order.concat() + end;
                let left: String = order.iter().filter(|part| **part != key).copied().collect();
                // What the judge does not understand as the field is none of it, and stays.
                if let Ok(cut) = cut("multipart/form-data; boundary=\"x\"", &body).await {
                    assert!(cut == (left + end) || cut == body, "{named}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_query_keeps_what_is_not_the_credential(pairs in prop::collection::vec("[a-z%+=]{0,6}", 0..6)) {
            let text = pairs.join("&");
            prop_assert_eq!(urlencoded(text.as_bytes(), |_, _| false), text.as_bytes());
        }
    }
}
