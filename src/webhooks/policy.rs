//! Who may do what with endpoints, and what one may be. Pure.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{
    catalogue,
    store::EndpointRow,
    target::{self, Reach},
    types::Signing,
};
use crate::{error::FieldError, keys::policy::is_invisible, profiles::Profile, workspaces::Role};

/// Who sees endpoints and what was delivered.
pub const READERS: &[Role] = crate::keys::policy::READERS;
/// Who sets endpoints up, changes them and sends again.
pub const MAKERS: &[Role] = &[Role::Developer];
/// Who stops and removes them: also an operator who acts in the workspace, who is an admin there and nothing else.
pub const STOPPERS: &[Role] = &[Role::Developer, Role::Admin];

/// Endpoints of a workspace, over all environments.
pub const MAX_ENDPOINTS: usize = 20;
pub const MAX_DESCRIPTION: usize = 120;
pub const MAX_URL: usize = 2000;
const MAX_HEADERS: usize = 10;
const MAX_HEADER_NAME: usize = 64;
const MAX_HEADER_VALUE: usize = 1000;
/// Stands for every type, also those that are added later.
pub const ALL: &str = "*";

/// What concerns one connection, its length or its target is the transport's to say (RFC 9110 §7.6.1).
const RESERVED: &[&str] = &[
    "connection",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A header that is sent along. Its value may be somebody's token, so it cannot be printed.
#[derive(Clone)]
pub struct Header {
    pub name: String,
    value: Zeroizing<String>,
}

impl Header {
    /// For sealing it, and for what a proof covers.
    pub fn expose(&self) -> &str {
        &self.value
    }
}

/// What a form asks for, as it was typed.
#[derive(Clone, Default)]
pub struct Wanted {
    pub environment: String,
    pub url: String,
    pub description: String,
    pub events: Vec<String>,
    /// `Name: value`, one to a line.
    pub headers: String,
    pub signing: String,
}

/// An endpoint that is sound.
#[derive(Clone)]
pub struct NewEndpoint {
    pub environment: String,
    pub url: String,
    pub description: String,
    pub events: Vec<String>,
    pub headers: Vec<Header>,
    pub signing: Signing,
}

impl NewEndpoint {
    /// What a proof covers: all of it.
    pub fn content(&self) -> Value {
        json!({
            "environment": self.environment, "url": self.url, "description": self.description, "events": self.events,
            "headers": content(&self.headers), "signing": self.signing.as_str(),
        })
    }
}

/// What an endpoint is to be from now on. Headers that are neither named here nor taken away stay.
#[derive(Clone)]
pub struct Change {
    /// Of the endpoint as the form showed it.
    pub basis: String,
    pub url: String,
    pub description: String,
    pub events: Vec<String>,
    pub headers: Vec<Header>,
    /// Names of headers that are taken away.
    pub without: Vec<String>,
}

impl Change {
    pub fn content(&self, id: &str) -> Value {
        json!({
            "change": id, "basis": self.basis, "url": self.url, "description": self.description,
            "events": self.events, "headers": content(&self.headers), "without": self.without,
        })
    }
}

fn content(headers: &[Header]) -> Vec<(&str, &str)> {
    headers
        .iter()
        .map(|header| (header.name.as_str(), header.expose()))
        .collect()
}

/// What stands of an endpoint, in short: a change that was made of another basis is not carried out.
pub fn basis(row: &EndpointRow) -> String {
    let mut digest = Sha256::new();
    for part in [&row.url, &row.description, &row.events] {
        digest.update(part.len().to_be_bytes());
        digest.update(part);
    }
    digest.update(&row.headers);
    hex::encode(&digest.finalize()[..16])
}

/// Checks what a form for a new endpoint asks for.
pub fn new_endpoint(
    profile: &Profile,
    reach: &Reach,
    wanted: &Wanted,
) -> Result<NewEndpoint, Vec<FieldError>> {
    let mut errors = Errors::default();
    if profile.environment(&wanted.environment).is_none() {
        errors.add("environment", "Choose an environment.");
    }
    let signing = match wanted.signing.as_str() {
        "" => Some(Signing::Hmac),
        word => Signing::parse(word),
    };
    if signing.is_none() {
        errors.add(
            "signing",
            "Choose one of the ways to sign that are offered.",
        );
    }
    let url = errors.take("url", url(&wanted.url, reach));
    let description = errors.take("description", description(&wanted.description));
    let events = errors.take("events", events(profile, &wanted.events));
    let headers = errors.take("headers", headers(&wanted.headers));
    errors.none().map(|()| NewEndpoint {
        environment: wanted.environment.clone(),
        url,
        description,
        events,
        headers,
        signing: signing.unwrap_or(Signing::Hmac),
    })
}

/// Checks what a form for a change asks for. `had`: names of the headers that the endpoint has.
pub fn change(
    profile: &Profile,
    reach: &Reach,
    wanted: &Wanted,
    had: &[String],
    without: Vec<String>,
    basis: String,
) -> Result<Change, Vec<FieldError>> {
    let mut errors = Errors::default();
    let url = errors.take("url", url(&wanted.url, reach));
    let description = errors.take("description", description(&wanted.description));
    let events = errors.take("events", events(profile, &wanted.events));
    let headers = errors.take("headers", headers(&wanted.headers));
    let named: BTreeSet<String> = had
        .iter()
        .filter(|name| !without.contains(name))
        .cloned()
        .chain(headers.iter().map(|header| header.name.clone()))
        .collect();
    if named.len() > MAX_HEADERS {
        errors.add("headers", &format!("{MAX_HEADERS} headers at most."));
    }
    errors.none().map(|()| Change {
        basis,
        url,
        description,
        events,
        headers,
        without,
    })
}

#[derive(Default)]
struct Errors(Vec<FieldError>);

impl Errors {
    fn add(&mut self, field: &str, message: &str) {
        self.0.push(FieldError {
            field: field.to_owned(),
            message: message.to_owned(),
        });
    }

    fn take<T: Default>(&mut self, field: &str, result: Result<T, String>) -> T {
        result.unwrap_or_else(|message| {
            self.add(field, &message);
            T::default()
        })
    }

    fn none(self) -> Result<(), Vec<FieldError>> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(self.0)
        }
    }
}

fn url(text: &str, reach: &Reach) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("Give the address that events are sent to: https://\u{2026}".to_owned());
    }
    if text.len() > MAX_URL {
        return Err(format!("{MAX_URL} characters at most."));
    }
    let url = target::check(text, reach).map_err(|refused| refused.to_string())?;
    Ok(url.to_string())
}

fn description(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.chars().any(is_invisible) {
        return Err("Letters, digits and signs that can be seen only.".to_owned());
    }
    if text.chars().count() > MAX_DESCRIPTION {
        return Err(format!("{MAX_DESCRIPTION} characters at most."));
    }
    Ok(text.to_owned())
}

/// The types in the order of the catalogue, or all of them.
fn events(profile: &Profile, asked: &[String]) -> Result<Vec<String>, String> {
    if asked.iter().any(|id| id == ALL) {
        return Ok(vec![ALL.to_owned()]);
    }
    if let Some(unknown) = asked
        .iter()
        .find(|id| catalogue::find(profile, id).is_none())
    {
        let shown: String = unknown
            .chars()
            .filter(|c| !is_invisible(*c))
            .take(60)
            .collect();
        return Err(format!(
            "There is no type of event \u{201c}{shown}\u{201d}."
        ));
    }
    let events: Vec<String> = catalogue::all(profile)
        .filter(|kind| asked.contains(&kind.id))
        .map(|kind| kind.id.clone())
        .collect();
    if events.is_empty() {
        return Err("Choose at least one type of event, or all.".to_owned());
    }
    Ok(events)
}

/// Lines of `Name: value`. What is wrong is said without the value, which may be a token.
fn headers(text: &str) -> Result<Vec<Header>, String> {
    let mut headers: Vec<Header> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        let number = at + 1;
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| format!("Line {number}: write it as Name: value."))?;
        let name = header_name(name).map_err(|why| format!("Line {number}: {why}"))?;
        let value = header_value(value).map_err(|why| format!("Line {number}: {why}"))?;
        if headers.iter().any(|header| header.name == name) {
            return Err(format!("Line {number}: {name} stands there twice."));
        }
        headers.push(Header { name, value });
    }
    if headers.len() > MAX_HEADERS {
        return Err(format!("{MAX_HEADERS} headers at most."));
    }
    Ok(headers)
}

/// A name in lower case, as names are the same in either.
fn header_name(text: &str) -> Result<String, String> {
    let name = text.trim().to_ascii_lowercase();
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || !name.bytes().all(token) {
        return Err("a header's name has letters, digits and hyphens only.".to_owned());
    }
    if name.len() > MAX_HEADER_NAME {
        return Err(format!(
            "a header's name has {MAX_HEADER_NAME} characters at most."
        ));
    }
    let reserved = RESERVED.contains(&name.as_str())
        || ["content-", "webhook-"]
            .iter()
            .any(|start| name.starts_with(start));
    if reserved {
        return Err(format!("{name} is set by Latchkey or the connection."));
    }
    Ok(name)
}

fn header_value(text: &str) -> Result<Zeroizing<String>, String> {
    let value = text.trim();
    if value.is_empty() {
        return Err("the header has no value.".to_owned());
    }
    if value.len() > MAX_HEADER_VALUE {
        return Err(format!(
            "a value has {MAX_HEADER_VALUE} characters at most."
        ));
    }
    if !value.bytes().all(|b| (b' '..=b'~').contains(&b)) {
        return Err("a value has plain letters, digits and signs (ASCII) only.".to_owned());
    }
    Ok(Zeroizing::new(value.to_owned()))
}

/// Scheme, host and port of an address. The rest may hold a token, which neither the audit record nor an event may carry on.
pub fn origin(url: &str) -> String {
    url::Url::parse(url).map_or_else(|_| "?".to_owned(), |url| url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        headers(text)
            .err()
            .unwrap_or_else(|| panic!("{text:?} was taken"))
    }

    #[test]
    fn headers_of_ones_own_are_taken() {
        let taken = headers("X-Tenant: harbor\r\n\n Authorization : Bearer a:b ").expect("sound");
        let taken: Vec<(&str, &str)> = content(&taken);
        assert_eq!(
            taken,
            [("x-tenant", "harbor"), ("authorization", "Bearer a:b")]
        );
    }

    #[test]
    fn headers_that_are_not_ones_own_are_refused_without_their_value() {
        for name in RESERVED.iter().chain(&[
            "Content-Type",
            "content-length",
            "Webhook-Id",
            "webhook-signature",
        ]) {
            let why = refused(&format!("{name}: canary"));
            assert!(why.contains("is set by Latchkey"), "{name}: {why}");
            assert!(!why.contains("canary"), "{why}");
        }
        for line in [
            "no colon canary",
            "b\u{e4}d: canary",
            "sp ace: canary",
            ": canary",
            "x: can\u{e4}ry",
            "x:",
        ] {
            assert!(!refused(line).contains("canary"), "{line}");
        }
        assert!(refused("x: 1\nX: 2").contains("twice"));
        let many: Vec<String> = (0..=MAX_HEADERS).map(|n| format!("x-{n}: 1")).collect();
        assert!(refused(&many.join("\n")).contains("at most"));
        assert!(refused(&format!("x: {}", "v".repeat(MAX_HEADER_VALUE + 1))).contains("at most"));
    }

    #[test]
    fn the_record_names_no_path() {
        assert_eq!(
            origin("https://hooks.example.com:8443/T0/secret?k=1"),
            "https://hooks.example.com:8443"
        );
    }
}
