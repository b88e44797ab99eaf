//! Signed requests: HTTP Message Signatures (RFC 9421) over a body's digest (RFC 9530). Pure.
//!
//! [`Signed::read`] takes the one signature out of the headers, so that its key can be looked up; [`Signed::check`]
//! then rebuilds what was signed from the request as it came, holds it against the key, the body against its digest, and
//! at last the moment of signing against the clock. Whether the nonce is new is asked elsewhere, and last.

#[cfg(test)]
pub mod tests;

use axum::http::{HeaderMap, request::Parts};
use base64::{Engine, prelude::BASE64_STANDARD};
use sfv::{
    BareItem, Dictionary, FieldType, InnerList, Item, List, ListEntry, Parameters, Parser, Version,
};
use sha2::{Digest, Sha256, Sha512};

use super::{judge::Code, verifier::Verifier};
use crate::server::clock::{Millis, SECOND};

/// Seconds that the moment of signing may lie before or after ours: enough for clocks that nobody sets.
pub const SKEW: i64 = 300;
/// What a signature has to cover whatever the request is.
const COVERED: [&str; 4] = ["@method", "@authority", "@path", "@query"];
const DIGEST: &str = "content-digest";
/// Longest nonce; 32 random bytes in hex have 64.
const MAX_NONCE: usize = 256;

/// A request as its signer saw it.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    pub method: &'a str,
    /// Host and port in lower case, without a default port (RFC 9421 §2.2.3).
    pub authority: &'a str,
    pub path: &'a str,
    /// What follows the question mark, if there is one.
    pub query: Option<&'a str>,
    pub headers: &'a HeaderMap,
    pub content: Content<'a>,
}

/// What is known of the body.
#[derive(Clone, Copy)]
pub enum Content<'a> {
    Bytes(&'a [u8]),
    /// Its SHA-256 alone, as a resource server tells it.
    Sha256([u8; 32]),
}

impl<'a> Message<'a> {
    /// A request as it came in.
    pub fn of(request: &'a Parts, authority: &'a str, body: &'a [u8]) -> Self {
        Self {
            method: request.method.as_str(),
            authority,
            path: request.uri.path(),
            query: request.uri.query(),
            headers: &request.headers,
            content: Content::Bytes(body),
        }
    }
}

impl Content<'_> {
    fn is_empty(self) -> bool {
        match self {
            Self::Bytes(bytes) => bytes.is_empty(),
            Self::Sha256(digest) => digest[..] == Sha256::digest([])[..],
        }
    }

    /// Whether this is the body that a `Content-Digest` names: no digest that can be compared differs, and one agrees.
    fn matches(self, headers: &HeaderMap) -> bool {
        let Some(digests) = dictionary(headers, DIGEST) else {
            return false;
        };
        let agrees = |name: &str, said: &[u8]| match (name, self) {
            ("sha-256", Self::Bytes(bytes)) => Some(Sha256::digest(bytes)[..] == *said),
            ("sha-512", Self::Bytes(bytes)) => Some(Sha512::digest(bytes)[..] == *said),
            ("sha-256", Self::Sha256(digest)) => Some(digest[..] == *said),
            _ => None,
        };
        let mut compared = digests.iter().filter_map(|(name, entry)| match entry {
            ListEntry::Item(item) => agrees(name.as_str(), item.bare_item.as_byte_sequence()?),
            ListEntry::InnerList(_) => None,
        });
        compared.next() == Some(true) && compared.all(|agrees| agrees)
    }
}

/// Why a signature does not prove that the request comes from the key's holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The request is not signed.
    Missing,
    /// It is not signed as it has to be; the words say what is wrong.
    Invalid(&'static str),
    /// It was signed too long ago, or ahead of our time.
    Skew,
}

impl Fault {
    pub const fn code(self) -> Code {
        match self {
            Self::Missing => Code::SignatureRequired,
            Self::Invalid(_) => Code::SignatureInvalid,
            Self::Skew => Code::TimestampSkew,
        }
    }

    /// What the sender is told.
    pub const fn message(self) -> &'static str {
        match self {
            Self::Missing => "Sign the request (RFC 9421): it has no Signature-Input header.",
            Self::Invalid(what) => what,
            Self::Skew => {
                "The request was signed more than 300 seconds ago or ahead of time, or has expired. Check the clock and sign it anew."
            }
        }
    }
}

const UNREADABLE: Fault =
    Fault::Invalid("Signature-Input and Signature cannot be read (RFC 9421, RFC 8941).");
const SEVERAL: Fault = Fault::Invalid("The request has several signatures. Send one.");
const UNPAIRED: Fault =
    Fault::Invalid("Signature has no value for the label that Signature-Input uses.");
const INCOMPLETE: Fault =
    Fault::Invalid("The signature needs the parameters keyid, created and nonce.");
const UNCOVERED: Fault =
    Fault::Invalid("The signature has to cover @method, @authority, @path and @query.");
const UNCOVERED_BODY: Fault = Fault::Invalid(
    "A request with a body needs a Content-Digest header (RFC 9530), and the signature has to cover content-digest.",
);
const UNRESOLVED: Fault =
    Fault::Invalid("The signature covers something that the request does not have once.");
const OTHER_ALGORITHM: Fault =
    Fault::Invalid("The signature's alg is not the one that this key signs with.");
const OTHER_BODY: Fault = Fault::Invalid("The body is not the one that Content-Digest names.");
pub const OTHER_KEY: Fault = Fault::Invalid("The signature's keyid is another key.");
const WRONG: Fault = Fault::Invalid("The signature does not fit this request and key.");

/// A signature as it was sent, whole in itself and not yet held against anything.
pub struct Signed {
    key_id: String,
    nonce: String,
    /// Seconds since the Unix epoch (RFC 9421 §2.3), as `expires`.
    created: i64,
    expires: Option<i64>,
    algorithm: Option<String>,
    /// Names of what is covered, in order, none twice.
    covered: Vec<String>,
    /// The value of `@signature-params`.
    parameters: String,
    signature: Vec<u8>,
}

impl Signed {
    /// The request's one signature. Others that name no key, as those of a proxy may, are left alone.
    pub fn read(headers: &HeaderMap) -> Result<Self, Fault> {
        if !headers.contains_key("signature-input") {
            return Err(Fault::Missing);
        }
        let inputs = dictionary(headers, "signature-input").ok_or(UNREADABLE)?;
        let mut named = inputs.iter().filter_map(|(label, entry)| match entry {
            ListEntry::InnerList(input) if text(&input.params, "keyid").is_some() => {
                Some((label, input))
            }
            _ => None,
        });
        let (label, input) = named.next().ok_or(INCOMPLETE)?;
        if named.next().is_some() {
            return Err(SEVERAL);
        }
        let values = dictionary(headers, "signature").ok_or(UNREADABLE)?;
        let Some(ListEntry::Item(value)) = values.get(label.as_str()) else {
            return Err(UNPAIRED);
        };
        let signature = value.bare_item.as_byte_sequence().ok_or(UNREADABLE)?;
        // Structured fields may be read with stray bits at the end; of one signature there is to be one spelling.
        let spelt = format!(":{}:", BASE64_STANDARD.encode(signature));
        if !values_of(headers, "signature").is_some_and(|sent| sent.contains(&spelt)) {
            return Err(UNREADABLE);
        }
        let parameters = &input.params;
        let number = |name: &str| match parameters.get(name) {
            Some(value) => Ok(Some(value.as_integer().ok_or(UNREADABLE)?.into())),
            None => Ok(None),
        };
        let words = |name: &str| match parameters.get(name) {
            Some(value) => Ok(Some(value.as_string().ok_or(UNREADABLE)?.as_str())),
            None => Ok(None),
        };
        let nonce = words("nonce")?.ok_or(INCOMPLETE)?;
        if nonce.is_empty() || nonce.len() > MAX_NONCE {
            return Err(INCOMPLETE);
        }
        Ok(Self {
            key_id: words("keyid")?.ok_or(INCOMPLETE)?.to_owned(),
            nonce: nonce.to_owned(),
            created: number("created")?.ok_or(INCOMPLETE)?,
            expires: number("expires")?,
            algorithm: words("alg")?.map(str::to_owned),
            covered: covered(&input.items)?,
            parameters: serialised(input).ok_or(UNREADABLE)?,
            signature: signature.to_vec(),
        })
    }

    /// The public key that it names.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// When it was made, to the second.
    pub fn created(&self) -> Millis {
        self.created * SECOND
    }

    /// Whether the key's holder signed this very request, and lately.
    pub fn check(
        &self,
        message: &Message<'_>,
        verifier: Option<&Verifier>,
        now: Millis,
    ) -> Result<(), Fault> {
        let verifier = verifier.ok_or(WRONG)?;
        let covers = |name: &str| self.covered.iter().any(|covered| covered == name);
        if !COVERED.into_iter().all(covers) {
            return Err(UNCOVERED);
        }
        if !message.content.is_empty() && !covers(DIGEST) {
            return Err(UNCOVERED_BODY);
        }
        if self
            .algorithm
            .as_deref()
            .is_some_and(|name| name != verifier.algorithm())
        {
            return Err(OTHER_ALGORITHM);
        }
        let base = self.base(message).ok_or(UNRESOLVED)?;
        if !verifier.verifies(base.as_bytes(), &self.signature) {
            return Err(WRONG);
        }
        if covers(DIGEST) && !message.content.matches(message.headers) {
            return Err(OTHER_BODY);
        }
        let now = now.div_euclid(SECOND);
        let late = self.expires.is_some_and(|end| end < now);
        if late || (now - self.created).abs() > SKEW {
            return Err(Fault::Skew);
        }
        Ok(())
    }

    /// The signature base (RFC 9421 §2.5); none if something covered is not in the message.
    fn base(&self, message: &Message<'_>) -> Option<String> {
        let mut base = String::with_capacity(512);
        for name in &self.covered {
            let value = component(message, name)?;
            for part in ["\"", name, "\": ", &value, "\n"] {
                base.push_str(part);
            }
        }
        base.push_str("\"@signature-params\": ");
        base.push_str(&self.parameters);
        Some(base)
    }
}

/// The value of a component: derived from the request (RFC 9421 §2.2), or that of a header field (§2.1).
fn component(message: &Message<'_>, name: &str) -> Option<String> {
    let path = if message.path.is_empty() {
        "/"
    } else {
        message.path
    };
    match name {
        "@method" => Some(message.method.to_owned()),
        "@authority" => Some(message.authority.to_owned()),
        "@path" => Some(path.to_owned()),
        // Without a query it is the question mark alone (§2.2.7).
        "@query" => Some(format!("?{}", message.query.unwrap_or_default())),
        "@request-target" => Some(match message.query {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        }),
        _ if name.starts_with('@') => None,
        _ => values_of(message.headers, name),
    }
}

/// Names of the covered components. One with a parameter asks for a part or another form of a field, which is not read here.
fn covered(items: &[Item]) -> Result<Vec<String>, Fault> {
    let mut names: Vec<String> = Vec::with_capacity(items.len());
    for item in items {
        let name = item.bare_item.as_string().ok_or(UNREADABLE)?.as_str();
        let spelt = !name.bytes().any(|byte| byte.is_ascii_uppercase());
        if !item.params.is_empty() || !spelt || names.iter().any(|other| other == name) {
            return Err(UNRESOLVED);
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

fn text<'a>(parameters: &'a Parameters, name: &str) -> Option<&'a str> {
    parameters
        .get(name)
        .and_then(BareItem::as_string)
        .map(sfv::StringRef::as_str)
}

fn serialised(input: &InnerList) -> Option<String> {
    let list: List = vec![ListEntry::InnerList(input.clone())];
    list.serialize()
}

/// The header as a dictionary (RFC 8941 §3.2), over all its lines.
fn dictionary(headers: &HeaderMap, name: &str) -> Option<Dictionary> {
    let value = values_of(headers, name)?;
    Parser::new(&value)
        .with_version(Version::Rfc8941)
        .parse()
        .ok()
}

/// The lines of a header field as one value (RFC 9421 §2.1); none if it is not there or is no ASCII.
fn values_of(headers: &HeaderMap, name: &str) -> Option<String> {
    let mut values = headers.get_all(name).into_iter();
    let mut all = values.next()?.to_str().ok()?.trim().to_owned();
    for value in values {
        all.push_str(", ");
        all.push_str(value.to_str().ok()?.trim());
    }
    Some(all)
}
