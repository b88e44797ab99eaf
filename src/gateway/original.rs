//! A signed request as a resource server tells of it, which has received it in our place.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{
    judge::KeyRecord,
    nonce::Use,
    signature::{Content, Fault, Message, OTHER_KEY, Signed},
};
use crate::server::clock::Millis;

/// What a signature covers, decoded.
#[derive(Deserialize)]
#[serde(try_from = "Told")]
pub struct Original {
    method: String,
    authority: String,
    path: String,
    query: Option<String>,
    headers: HeaderMap,
    digest: [u8; 32],
}

/// The same as it is told.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    method: String,
    /// As the request's `Host` header has it.
    authority: String,
    path: String,
    /// With its question mark or without.
    query: Option<String>,
    /// By name; a header that came in several lines is a list of them.
    headers: BTreeMap<String, Lines>,
    /// In hex or base64. May be left out of a request that has no body.
    body_sha256: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Lines {
    One(String),
    Several(Vec<String>),
}

/// Methods whose requests have a body as a rule; of these it is not taken for empty because nothing is said of it.
const WITH_BODY: [&str; 3] = ["POST", "PUT", "PATCH"];

impl TryFrom<Told> for Original {
    type Error = String;

    fn try_from(told: Told) -> Result<Self, String> {
        let mut headers = HeaderMap::new();
        for (name, lines) in told.headers {
            let key = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| format!("`request.headers`: {name:?} is no name of a header"))?;
            let lines = match lines {
                Lines::One(line) => vec![line],
                Lines::Several(lines) => lines,
            };
            for line in lines {
                let value = HeaderValue::from_str(&line)
                    .map_err(|_| format!("`request.headers`: {name} has no value of a header"))?;
                headers.append(key.clone(), value);
            }
        }
        let digest = match &told.body_sha256 {
            Some(text) => {
                let bytes = hex::decode(text).or_else(|_| BASE64_STANDARD.decode(text));
                bytes
                    .ok()
                    .and_then(|bytes| bytes.try_into().ok())
                    .ok_or_else(|| {
                        "`request.body_sha256` takes the SHA-256 of the body: 64 digits of hex, or base64"
                            .to_owned()
                    })?
            }
            None if WITH_BODY.contains(&told.method.as_str()) => {
                return Err(format!(
                    "`request.body_sha256` is missing; a {} has a body, if an empty one",
                    told.method
                ));
            }
            None => Sha256::digest([]).into(),
        };
        Ok(Self {
            method: told.method,
            authority: told.authority.to_ascii_lowercase(),
            path: told.path,
            query: told
                .query
                .map(|query| query.strip_prefix('?').unwrap_or(&query).to_owned()),
            headers,
            digest,
        })
    }
}

impl Original {
    /// What its signature proves of the key with this text.
    pub fn prove(&self, text: &str, key: &KeyRecord, now: Millis) -> Result<Use, Fault> {
        let signed = Signed::read(&self.headers)?;
        if signed.key_id() != text {
            return Err(OTHER_KEY);
        }
        let message = Message {
            method: &self.method,
            authority: &self.authority,
            path: &self.path,
            query: self.query.as_deref(),
            headers: &self.headers,
            content: Content::Sha256(self.digest),
        };
        Use::proven(&signed, &message, key, now)
    }
}
