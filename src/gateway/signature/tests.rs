use axum::http::{HeaderName, HeaderValue};
use ed25519_dalek::SigningKey;
use httpsig::prelude::{
    AlgorithmName, HttpSignatureBase, HttpSignatureParams, SecretKey, SharedKey,
    message_component::{HttpMessageComponent, HttpMessageComponentId},
};
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{RngCore, SeedableRng},
};
use zeroize::Zeroizing;

use super::*;
use crate::gateway::verifier::ed25519;

const NOW: Millis = 1_800_000_000_500;
const SECRET: &str = "sk_test_0123456789";
const SEED: [u8; 32] = [7; 32];

/// A request that can be changed.
#[derive(Clone)]
pub struct Sent {
    pub method: String,
    pub authority: String,
    pub path: String,
    pub query: Option<String>,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Sent {
    pub fn post() -> Self {
        let mut sent = Self {
            method: "POST".to_owned(),
            authority: "api.example.com".to_owned(),
            path: "/v1/transactions".to_owned(),
            query: Some("a=1&b=2".to_owned()),
            headers: HeaderMap::new(),
            body: br#"{"amount":100,"currency":"NGN"}"#.to_vec(),
        };
        sent.set("content-type", "application/json");
        sent.digest();
        sent
    }

    pub fn get() -> Self {
        let mut sent = Self::post();
        sent.method = "GET".to_owned();
        sent.body.clear();
        sent.headers.remove(DIGEST);
        sent
    }

    pub fn set(&mut self, name: &'static str, value: &str) {
        let value = HeaderValue::from_str(value).expect("a value");
        self.headers.insert(HeaderName::from_static(name), value);
    }

    pub fn header(&self, name: &str) -> String {
        values_of(&self.headers, name).expect("it is there")
    }

    pub fn digest(&mut self) {
        let digest = BASE64_STANDARD.encode(Sha256::digest(&self.body));
        self.set(DIGEST, &format!("sha-256=:{digest}:"));
    }

    fn message(&self) -> Message<'_> {
        Message {
            method: &self.method,
            authority: &self.authority,
            path: &self.path,
            query: self.query.as_deref(),
            headers: &self.headers,
            content: Content::Bytes(&self.body),
        }
    }

    /// What the gateway finds: the named key is the one that there is, and its signature holds.
    fn found(&self, verifier: &Verifier) -> Result<(), Fault> {
        let signed = Signed::read(&self.headers)?;
        if signed.key_id() != "pk_test_x" {
            return Err(WRONG);
        }
        signed.check(&self.message(), Some(verifier), NOW)
    }

    /// Signs as somebody else's program does.
    #[must_use]
    pub fn signed(
        mut self,
        key: &Key,
        covered: &[&str],
        set: impl Fn(&mut HttpSignatureParams),
    ) -> Self {
        let ids: Vec<HttpMessageComponentId> = covered
            .iter()
            .map(|name| HttpMessageComponentId::try_from(*name).expect("a component"))
            .collect();
        let lines: Vec<HttpMessageComponent> = ids
            .iter()
            .zip(covered)
            .map(|(id, name)| {
                let value = match *name {
                    "@method" => self.method.clone(),
                    "@authority" => self.authority.clone(),
                    "@path" => self.path.clone(),
                    "@query" => format!("?{}", self.query.clone().unwrap_or_default()),
                    field => self.header(field),
                };
                HttpMessageComponent::try_from((id, [value].as_slice())).expect("a line")
            })
            .collect();
        let mut parameters = HttpSignatureParams::try_new(&ids).expect("parameters");
        parameters
            .set_created(u64::try_from(NOW / SECOND).expect("positive"))
            .set_keyid("pk_test_x")
            .set_nonce("n-1");
        set(&mut parameters);
        let base = HttpSignatureBase::try_new(&lines, &parameters).expect("a base");
        let headers = match key {
            Key::Shared(key) => base.build_signature_headers(key, Some("sig1")),
            Key::Private(key) => base.build_signature_headers(key, Some("sig1")),
        }
        .expect("signed");
        self.set("signature-input", &headers.signature_input_header_value());
        self.set("signature", &headers.signature_header_value());
        self
    }

    fn fully_signed(self, key: &Key) -> Self {
        let covered = if self.body.is_empty() {
            &ALL[..4]
        } else {
            &ALL
        };
        self.signed(key, covered, |_| {})
    }
}

/// What a signer holds, in another implementation than ours.
pub enum Key {
    Shared(SharedKey),
    Private(SecretKey),
}

pub const ALL: [&str; 5] = ["@method", "@authority", "@path", "@query", "content-digest"];

fn shared() -> (Key, Verifier) {
    let key = SharedKey::HmacSha256(SECRET.as_bytes().to_vec());
    let verifier = Verifier::Hmac(Zeroizing::new(SECRET.as_bytes().to_vec()));
    (Key::Shared(key), verifier)
}

fn private() -> (Key, Verifier) {
    let key = SecretKey::from_bytes(&AlgorithmName::Ed25519, &SEED).expect("a key");
    let public = SigningKey::from_bytes(&SEED).verifying_key();
    let text = BASE64_STANDARD.encode(public.as_bytes());
    let verifier = Verifier::Ed25519(ed25519(&text).expect("a public key"));
    (Key::Private(key), verifier)
}

#[test]
fn requests_that_another_implementation_signed_are_accepted() {
    for (key, verifier) in [shared(), private()] {
        for sent in [Sent::get(), Sent::post()] {
            assert_eq!(sent.clone().fully_signed(&key).found(&verifier), Ok(()));
            let mut bare = sent;
            bare.query = None;
            let mut bare = bare.fully_signed(&key);
            assert_eq!(bare.found(&verifier), Ok(()));
            // An empty query and none are one to RFC 9421 §2.2.7.
            bare.query = Some(String::new());
            assert_eq!(bare.found(&verifier), Ok(()));
        }
        let more = [&ALL[..], &["content-type"]].concat();
        let all = Sent::post().signed(&key, &more, |parameters| {
            parameters
                .set_tag("app")
                .set_expires(u64::try_from(NOW / SECOND + 10).expect("positive"));
        });
        assert_eq!(all.found(&verifier), Ok(()));
        let algorithm = AlgorithmName::HmacSha256;
        let named = Sent::get().signed(&key, &ALL[..4], |parameters| {
            parameters.set_alg(&algorithm);
        });
        let expected = match key {
            Key::Shared(_) => Ok(()),
            Key::Private(_) => Err(OTHER_ALGORITHM),
        };
        assert_eq!(named.found(&verifier), expected);
    }
}

/// RFC 9421, Appendix B.2.5 and B.2.6: the request, what was signed, and the signatures.
#[test]
fn the_vectors_of_the_standard_hold() {
    let mut sent = Sent {
        method: "POST".to_owned(),
        authority: "example.com".to_owned(),
        path: "/foo".to_owned(),
        query: Some("param=Value&Pet=dog".to_owned()),
        headers: HeaderMap::new(),
        body: br#"{"hello": "world"}"#.to_vec(),
    };
    for (name, value) in [
        ("date", "Tue, 20 Apr 2021 02:07:55 GMT"),
        ("content-type", "application/json"),
        ("content-length", "18"),
        (
            DIGEST,
            "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:",
        ),
    ] {
        sent.set(name, value);
    }
    assert!(sent.message().content.matches(&sent.headers));
    let shared =
        "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==";
    let hmac = Verifier::Hmac(Zeroizing::new(
        BASE64_STANDARD.decode(shared).expect("base64"),
    ));
    let public = ed25519("JrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=").expect("a public key");
    for (verifier, covered, key_id, signature) in [
        (
            hmac,
            &["date", "@authority", "content-type"][..],
            "test-shared-secret",
            "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=",
        ),
        (
            Verifier::Ed25519(public),
            &[
                "date",
                "@method",
                "@path",
                "@authority",
                "content-type",
                "content-length",
            ][..],
            "test-key-ed25519",
            "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==",
        ),
    ] {
        let names: Vec<String> = covered.iter().map(|name| format!("\"{name}\"")).collect();
        let signed = Signed {
            key_id: key_id.to_owned(),
            nonce: String::new(),
            created: 1_618_884_473,
            expires: None,
            algorithm: None,
            covered: covered.iter().map(|name| (*name).to_owned()).collect(),
            parameters: format!(
                "({});created=1618884473;keyid=\"{key_id}\"",
                names.join(" ")
            ),
            signature: BASE64_STANDARD.decode(signature).expect("base64"),
        };
        let base = signed.base(&sent.message()).expect("a base");
        assert!(
            verifier.verifies(base.as_bytes(), &signed.signature),
            "{base}"
        );
        sent.set("date", "Tue, 20 Apr 2021 02:07:56 GMT");
        let base = signed.base(&sent.message()).expect("a base");
        assert!(!verifier.verifies(base.as_bytes(), &signed.signature));
        sent.set("date", "Tue, 20 Apr 2021 02:07:55 GMT");
    }
}

#[test]
fn a_signature_is_good_for_five_minutes_both_ways_and_until_it_expires() {
    let (key, verifier) = shared();
    let now = NOW / SECOND;
    let at = |created: i64, expires: Option<i64>| {
        let unsigned = |seconds: i64| u64::try_from(seconds).expect("positive");
        Sent::get()
            .signed(&key, &ALL[..4], |parameters| {
                parameters.set_created(unsigned(created));
                if let Some(expires) = expires {
                    parameters.set_expires(unsigned(expires));
                }
            })
            .found(&verifier)
    };
    for created in [now - 300, now, now + 300] {
        assert_eq!(at(created, None), Ok(()));
        assert_eq!(at(created, Some(now)), Ok(()));
        assert_eq!(at(created, Some(now - 1)), Err(Fault::Skew));
    }
    for created in [0, now - 301, now + 301, 999_999_999_999_999] {
        assert_eq!(at(created, None), Err(Fault::Skew));
    }
}

#[test]
fn a_wrong_signature_is_told_before_its_time() {
    let (key, _) = shared();
    let (_, other) = private();
    let old = Sent::get().signed(&key, &ALL[..4], |parameters| {
        parameters.set_created(1);
    });
    assert_eq!(old.found(&other), Err(WRONG));
}

#[test]
fn each_of_the_four_and_the_digest_of_a_body_have_to_be_covered() {
    let (key, verifier) = shared();
    for missing in ALL {
        let covered: Vec<&str> = ALL.into_iter().filter(|name| *name != missing).collect();
        let expected = if missing == DIGEST {
            UNCOVERED_BODY
        } else {
            UNCOVERED
        };
        let sent = Sent::post().signed(&key, &covered, |_| {});
        assert_eq!(sent.found(&verifier), Err(expected), "{missing}");
    }
    // A body under a method that has none is a body all the same.
    for method in ["GET", "HEAD", "DELETE"] {
        let mut sent = Sent::get();
        method.clone_into(&mut sent.method);
        let mut sent = sent.fully_signed(&key);
        assert_eq!(sent.found(&verifier), Ok(()));
        sent.body = b"{}".to_vec();
        sent.digest();
        assert_eq!(sent.found(&verifier), Err(UNCOVERED_BODY), "{method}");
        assert_eq!(sent.fully_signed(&key).found(&verifier), Ok(()));
    }
}

#[test]
fn the_digest_has_to_be_that_of_the_body_in_every_algorithm_that_is_known() {
    let body = b"body";
    let good = BASE64_STANDARD.encode(Sha256::digest(body));
    let long = BASE64_STANDARD.encode(Sha512::digest(body));
    let bad = BASE64_STANDARD.encode(Sha256::digest(b"other"));
    for (value, fits) in [
        (format!("sha-256=:{good}:"), true),
        (format!("sha-512=:{long}:"), true),
        (format!("sha-256=:{good}:, sha-512=:{long}:"), true),
        (format!("unixsum=:AAA=:, sha-256=:{good}:"), true),
        (format!("sha-256=:{bad}:, sha-512=:{long}:"), false),
        (format!("sha-512=:{long}:, sha-256=:{bad}:"), false),
        (format!("sha-256=\"{good}\""), false),
        (format!("SHA-256=:{good}:"), false),
        ("md5=:AAA=:".to_owned(), false),
        (String::new(), false),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(DIGEST, HeaderValue::from_str(&value).expect("a value"));
        assert_eq!(Content::Bytes(body).matches(&headers), fits, "{value}");
    }
    let told = Content::Sha256(Sha256::digest(body).into());
    for (value, fits) in [
        (format!("sha-256=:{good}:, sha-512=:{long}:"), true),
        // What cannot be compared is not believed.
        (format!("sha-512=:{long}:"), false),
        (format!("sha-256=:{bad}:"), false),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(DIGEST, HeaderValue::from_str(&value).expect("a value"));
        assert_eq!(told.matches(&headers), fits, "{value}");
    }
    assert!(Content::Sha256(Sha256::digest([]).into()).is_empty());
}

#[test]
fn what_cannot_be_read_or_is_not_whole_is_told_apart() {
    let (key, verifier) = shared();
    let good = Sent::get().fully_signed(&key);
    let input = good.header("signature-input");
    let signature = good.header("signature");
    let with = |name: &'static str, value: &str| {
        let mut sent = good.clone();
        sent.set(name, value);
        sent.found(&verifier)
    };
    let mut without = good.clone();
    without.headers.remove("signature-input");
    assert_eq!(without.found(&verifier), Err(Fault::Missing));
    let mut without = good.clone();
    without.headers.remove("signature");
    assert_eq!(without.found(&verifier), Err(UNREADABLE));
    let cut = |name: &str| {
        let from = input.find(&format!(";{name}=")).expect("a parameter");
        let to = input[from + 1..]
            .find(';')
            .map_or(input.len(), |at| from + 1 + at);
        format!("{}{}", &input[..from], &input[to..])
    };
    for name in ["keyid", "created", "nonce"] {
        assert_eq!(
            with("signature-input", &cut(name)),
            Err(INCOMPLETE),
            "{name}"
        );
    }
    for (value, fault) in [
        (String::new(), INCOMPLETE),
        ("sig1".to_owned(), INCOMPLETE),
        ("sig1=(".to_owned(), UNREADABLE),
        (input.replace("sig1", "sig2"), UNPAIRED),
        (
            format!("{input}, {}", input.replace("sig1", "sig2")),
            SEVERAL,
        ),
        (input.replace("\"n-1\"", "\"\""), INCOMPLETE),
        (input.replace("\"n-1\"", "1"), UNREADABLE),
        (
            input.replace("\"n-1\"", &format!("\"{}\"", "n".repeat(257))),
            INCOMPLETE,
        ),
        (input.replace("created=", "created=1."), UNREADABLE),
        (
            input.replace("\"@path\"", "\"@path\" \"@path\""),
            UNRESOLVED,
        ),
        (input.replace("\"@path\"", "\"@path\";req"), UNRESOLVED),
        (
            input.replace("\"@path\"", "\"@path\" \"@status\""),
            UNRESOLVED,
        ),
        (
            input.replace("\"@path\"", "\"@path\" \"x-other\""),
            UNRESOLVED,
        ),
        (
            input.replace("\"@path\"", "\"@path\" \"Content-Type\""),
            UNRESOLVED,
        ),
        (
            input.replace("\"@path\"", "\"@path\" \"content-type\""),
            WRONG,
        ),
    ] {
        assert_eq!(with("signature-input", &value), Err(fault), "{value}");
    }
    for value in ["sig1=1", "sig1", "sig1=:AAA", ""] {
        assert!(with("signature", value).is_err(), "{value}");
    }
    // A second spelling of the same bytes is none: the last digit before the padding has bits that count for nothing.
    let last = signature.len() - 3;
    let other = match &signature[last..=last] {
        "8" => "9",
        "A" => "B",
        _ => "A",
    };
    let respelt = format!("{}{other}{}", &signature[..last], &signature[last + 1..]);
    assert!(with("signature", &respelt).is_err());
    assert_eq!(
        with("signature", &signature.replace("=:", ":")),
        Err(UNREADABLE)
    );
    // A proxy's own signature, which names no key, is left alone.
    let others = format!("edge=(\"@method\");created=1, {input}");
    assert_eq!(with("signature-input", &others), Ok(()));
}

/// Whatever is changed of a signed request, it is refused.
#[test]
fn ten_thousand_mutations_are_refused() {
    let mut random = ChaCha20Rng::seed_from_u64(9421);
    let requests: Vec<(Sent, Verifier)> = [shared(), private()]
        .into_iter()
        .flat_map(|(key, verifier)| {
            let more = [&ALL[..], &["content-type"]].concat();
            let post = Sent::post().signed(&key, &more, |_| {});
            let get = Sent::get().fully_signed(&key);
            [(post, verifier.clone()), (get, verifier)]
        })
        .collect();
    for (sent, verifier) in &requests {
        assert_eq!(sent.found(verifier), Ok(()));
    }
    for round in 0..10_000 {
        let (sent, verifier) = &requests[round % requests.len()];
        let mut changed = sent.clone();
        let what = mutate(&mut changed, &mut random);
        let found = changed.found(verifier);
        assert!(found.is_err(), "round {round}: {what}");
    }
}

/// Changes one thing of the request, and says which.
fn mutate(sent: &mut Sent, random: &mut ChaCha20Rng) -> String {
    match random.next_u32() % 9 {
        0 => changed("method", &mut sent.method, random),
        1 => changed("authority", &mut sent.authority, random),
        2 => changed("path", &mut sent.path, random),
        3 => {
            let mut query = sent.query.clone().unwrap_or_default();
            let what = changed("query", &mut query, random);
            sent.query = Some(query);
            what
        }
        4 => {
            let at = random.next_u32() as usize % (sent.body.len() + 1);
            match random.next_u32() % 2 {
                0 if at < sent.body.len() => sent.body[at] ^= 1 << (random.next_u32() % 8),
                _ => sent.body.insert(at, b' '),
            }
            format!("body at {at}")
        }
        5 | 6 => change_header(sent, "signature-input", random),
        7 => change_header(sent, "signature", random),
        _ if sent.headers.contains_key(DIGEST) => {
            let name = if random.next_u32().is_multiple_of(2) {
                DIGEST
            } else {
                "content-type"
            };
            change_header(sent, name, random)
        }
        _ => {
            let names = ["signature", "signature-input"];
            let name = names[random.next_u32() as usize % 2];
            sent.headers.remove(name);
            format!("no {name}")
        }
    }
}

fn change_header(sent: &mut Sent, name: &'static str, random: &mut ChaCha20Rng) -> String {
    let mut value = sent.header(name);
    let what = changed(name, &mut value, random);
    sent.set(name, &value);
    what
}

/// Replaces, removes or doubles a character, as long as it is not one that means nothing where it stands.
fn changed(what: &str, text: &mut String, random: &mut ChaCha20Rng) -> String {
    let before = text.clone();
    while *text == before {
        before.clone_into(text);
        let at = random.next_u32() as usize % text.len();
        match random.next_u32() % 4 {
            0 => drop(text.remove(at)),
            1 if !text[at..].starts_with(' ') => text.insert_str(at, &before[at..=at]),
            _ => {
                let with = char::from(b'!' + u8::try_from(random.next_u32() % 94).expect("small"));
                text.replace_range(at..=at, with.encode_utf8(&mut [0; 4]));
            }
        }
    }
    format!("{what}: {before} became {text}")
}
