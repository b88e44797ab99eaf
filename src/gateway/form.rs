//! The fields of a form in a request's body, where key, action or origin may stand.

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{FromRequest, Multipart, Request},
    http::{HeaderMap, HeaderValue, header},
};
use tokio::time::timeout;

use crate::server::PATIENCE;

/// Bytes of a body that is read before judging; forms of calls are far smaller.
const MAX_BODY: usize = 1024 * 1024;

/// Fields and their values, in the order of the body.
#[derive(Default)]
pub struct Form(Vec<(String, String)>);

/// The body is not the form that it says it is, or too long to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    TooLarge,
    Malformed,
}

/// A field that can be said once was said more often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeated;

impl Form {
    /// Reads the body if it is a form; any other body has no fields and is left alone.
    pub async fn read(headers: &HeaderMap, body: Body) -> Result<Self, Unreadable> {
        Ok(Self::read_keeping(headers, body).await?.0)
    }

    /// The same, and gives the body on as it came.
    pub async fn read_keeping(headers: &HeaderMap, body: Body) -> Result<(Self, Body), Unreadable> {
        let Some(kind) = headers.get(header::CONTENT_TYPE) else {
            return Ok((Self::default(), body));
        };
        // RFC 9110 §8.3.1: the type's case does not matter, parameters follow a semicolon.
        let essence = kind.to_str().unwrap_or_default().split(';').next();
        let is = |name: &str| essence.is_some_and(|kind| kind.trim().eq_ignore_ascii_case(name));
        if is("application/x-www-form-urlencoded") {
            let bytes = buffered(body).await?;
            let fields = url::form_urlencoded::parse(&bytes).into_owned().collect();
            Ok((Self(fields), Body::from(bytes)))
        } else if is("multipart/form-data") {
            let bytes = buffered(body).await?;
            Ok((multipart(kind, bytes.clone()).await?, Body::from(bytes)))
        } else {
            Ok((Self::default(), body))
        }
    }

    /// Every value of the field.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.fields()
            .filter(move |(field, _)| *field == name)
            .map(|(_, value)| value)
    }

    /// The value of a field that only has one.
    pub fn one(&self, name: &str) -> Result<Option<&str>, Repeated> {
        let mut values = self.all(name);
        let first = values.next();
        values.next().map_or(Ok(first), |_| Err(Repeated))
    }

    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(field, value)| (field.as_str(), value.as_str()))
    }
}

/// The whole of a body that is no longer than forms are.
pub async fn buffered(body: Body) -> Result<Bytes, Unreadable> {
    match timeout(PATIENCE, to_bytes(body, MAX_BODY)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        // A body that breaks off or trickles in for ever is answered like one that is too long.
        Ok(Err(_)) | Err(_) => Err(Unreadable::TooLarge),
    }
}

async fn multipart(kind: &HeaderValue, body: Bytes) -> Result<Form, Unreadable> {
    let mut request = Request::new(Body::from(body));
    request
        .headers_mut()
        .insert(header::CONTENT_TYPE, kind.clone());
    let malformed = |_| Unreadable::Malformed;
    let mut parts = Multipart::from_request(request, &())
        .await
        .map_err(|_| Unreadable::Malformed)?;
    let mut fields = Vec::new();
    while let Some(part) = parts.next_field().await.map_err(malformed)? {
        // Files are for the one who serves the call.
        if part.file_name().is_some() {
            continue;
        }
        let name = part.name().unwrap_or_default().to_owned();
        fields.push((name, part.text().await.map_err(malformed)?));
    }
    Ok(Form(fields))
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A form with these fields.
    pub fn form(fields: &[(&str, &str)]) -> Form {
        Form(
            fields
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        )
    }

    async fn read(kind: &'static str, body: impl Into<Body>) -> Result<Form, Unreadable> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        Form::read(&headers, body.into()).await
    }

    const PARTS: &str = "--x\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nk\r\n\
        --x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"key\"\r\n\r\n\0\u{1}\r\n\
        --x\r\nContent-Disposition: form-data; name=\"action\"\r\n\r\nbalance\r\n--x--\r\n";

    #[tokio::test]
    async fn both_kinds_of_form_are_read() {
        for (kind, body) in [
            (
                "application/x-www-form-urlencoded",
                "key=k&action=bal%61nce",
            ),
            (
                "Application/X-WWW-Form-Urlencoded; charset=utf-8",
                "key=k&action=balance&",
            ),
            ("multipart/form-data; boundary=x", PARTS),
        ] {
            let form = read(kind, body).await.expect("read");
            assert_eq!(form.one("key"), Ok(Some("k")), "{kind}");
            assert_eq!(form.one("action"), Ok(Some("balance")), "{kind}");
            assert_eq!(form.one("file"), Ok(None));
        }
        let form = read("application/json", r#"{"key":"k"}"#)
            .await
            .expect("left alone");
        assert_eq!(form.fields().count(), 0);
    }

    #[tokio::test]
    async fn a_field_that_is_said_twice_is_not_guessed() {
        let form = read("application/x-www-form-urlencoded", "action=a&action=a")
            .await
            .expect("read");
        assert_eq!(form.one("action"), Err(Repeated));
        assert_eq!(form.all("action").count(), 2);
    }

    #[tokio::test]
    async fn what_is_too_long_or_broken_is_refused() {
        let urlencoded = "application/x-www-form-urlencoded";
        assert!(read(urlencoded, "x".repeat(MAX_BODY)).await.is_ok());
        assert_eq!(
            read(urlencoded, "x".repeat(MAX_BODY + 1)).await.err(),
            Some(Unreadable::TooLarge)
        );
        for (kind, body) in [
            ("multipart/form-data", PARTS),
            (
                "multipart/form-data; boundary=x",
                &PARTS[..PARTS.len() - 12],
            ),
            ("multipart/form-data; boundary=x", "nothing of it"),
        ] {
            assert_eq!(
                read(kind, body).await.err(),
                Some(Unreadable::Malformed),
                "{kind}"
            );
        }
    }
}
