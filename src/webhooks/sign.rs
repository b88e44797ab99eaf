//! How an event is signed, by the Standard Webhooks specification: `<id>.<seconds>.<body>` under HMAC-SHA256 (`v1`), or
//! by an Ed25519 key of which the receiver knows the public half only (`v1a`).

use base64::{Engine, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signer, SigningKey};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::types::Signing;
use crate::server::clock::Rng;

/// What an HMAC secret may be, in bytes (Standard Webhooks).
const HMAC_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// What signs the events of one endpoint. It can be sealed, and shown in the one answer that reveals it; it cannot be
/// printed, serialised or compared.
pub struct SigningSecret(Key);

enum Key {
    Hmac(Zeroizing<Vec<u8>>),
    /// Its bytes are wiped by its own type.
    Ed25519(Box<SigningKey>),
}

impl std::fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningSecret")
    }
}

impl SigningSecret {
    /// A new one from 256 random bits.
    pub fn generate(rng: &Rng, signing: Signing) -> Self {
        let bytes = Zeroizing::new(rng.bytes::<32>());
        Self(match signing {
            Signing::Hmac => Key::Hmac(Zeroizing::new(bytes.to_vec())),
            Signing::Ed25519 => Key::Ed25519(Box::new(SigningKey::from_bytes(&bytes))),
        })
    }

    /// As it was sealed; none if it is of no length that a secret of this kind has.
    pub fn from_bytes(signing: Signing, bytes: &[u8]) -> Option<Self> {
        match signing {
            Signing::Hmac => HMAC_BYTES
                .contains(&bytes.len())
                .then(|| Self(Key::Hmac(Zeroizing::new(bytes.to_vec())))),
            Signing::Ed25519 => {
                let bytes = bytes.try_into().ok()?;
                Some(Self(Key::Ed25519(Box::new(SigningKey::from_bytes(bytes)))))
            }
        }
    }

    /// What is sealed: of a pair, the private half.
    pub fn bytes(&self) -> &[u8] {
        match &self.0 {
            Key::Hmac(bytes) => bytes,
            Key::Ed25519(key) => key.as_bytes(),
        }
    }

    /// What the receiver is given: the secret itself, or of a pair the public half. The private one never leaves.
    pub fn shown(&self) -> Zeroizing<String> {
        Zeroizing::new(match &self.0 {
            Key::Hmac(bytes) => format!("whsec_{}", STANDARD.encode(bytes.as_slice())),
            Key::Ed25519(key) => public(key),
        })
    }

    /// `whpk_` and the public half in base64, if it is a pair.
    pub fn public_key(&self) -> Option<String> {
        match &self.0 {
            Key::Hmac(_) => None,
            Key::Ed25519(key) => Some(public(key)),
        }
    }

    /// One signature for the `webhook-signature` header; `timestamp` is the Unix second of that header.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let before = format!("{id}.{timestamp}.");
        match &self.0 {
            Key::Hmac(bytes) => {
                let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(bytes)
                    .expect("HMAC takes a key of any length");
                mac.update(before.as_bytes());
                mac.update(body);
                format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
            }
            Key::Ed25519(key) => {
                let signature = key.sign(&[before.as_bytes(), body].concat());
                format!("v1a,{}", STANDARD.encode(signature.to_bytes()))
            }
        }
    }
}

fn public(key: &SigningKey) -> String {
    format!("whpk_{}", STANDARD.encode(key.verifying_key().as_bytes()))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;
    use ed25519_dalek::{Signature, VerifyingKey};
    use proptest::prelude::*;
    use standardwebhooks::Webhook;

    use super::*;
    use crate::server::clock::{Clock, Rng};

    fn headers(id: &str, timestamp: i64, signature: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("webhook-id", id),
            ("webhook-timestamp", &timestamp.to_string()),
            ("webhook-signature", signature),
        ] {
            headers.insert(
                axum::http::HeaderName::from_bytes(name.as_bytes()).expect("a name"),
                value.parse().expect("a value"),
            );
        }
        headers
    }

    /// The example of the specification's reference libraries.
    #[test]
    fn the_known_example_is_signed_alike() {
        let bytes = STANDARD
            .decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
            .expect("base64");
        let secret = SigningSecret::from_bytes(Signing::Hmac, &bytes).expect("24 bytes");
        assert_eq!(
            secret.sign(
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1_614_265_330,
                br#"{"test": 2432232314}"#
            ),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
        assert_eq!(&*secret.shown(), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        assert!(secret.public_key().is_none());
    }

    #[test]
    fn a_secret_of_the_wrong_length_is_none_and_none_is_printed() {
        for length in [0, 23, 65] {
            assert!(SigningSecret::from_bytes(Signing::Hmac, &vec![1; length]).is_none());
        }
        for length in [0, 31, 33, 64] {
            assert!(SigningSecret::from_bytes(Signing::Ed25519, &vec![1; length]).is_none());
        }
        let secret = SigningSecret::generate(&Rng::seeded(1), Signing::Hmac);
        assert_eq!(format!("{secret:?}"), "SigningSecret");
        assert_eq!(secret.bytes().len(), 32);
    }

    proptest! {
        #[test]
        fn what_is_signed_verifies_with_the_reference_library(seed: u64, id in "[a-z0-9_]{1,40}", body in "\\PC{0,200}") {
            let now = Clock::system().now() / 1000;
            let secret = SigningSecret::generate(&Rng::seeded(seed), Signing::Hmac);
            let signature = secret.sign(&id, now, body.as_bytes());
            // Beside the signature of another secret, as while one is rotated.
            let other = SigningSecret::generate(&Rng::seeded(seed ^ 1), Signing::Hmac);
            let both = format!("{} {signature}", other.sign(&id, now, body.as_bytes()));
            let webhook = Webhook::new(&secret.shown()).expect("a secret");
            prop_assert!(webhook.verify(body.as_bytes(), &headers(&id, now, &both)).is_ok());
            let other = [body.as_bytes(), b" "].concat();
            prop_assert!(webhook.verify(&other, &headers(&id, now, &both)).is_err());
        }

        #[test]
        fn a_pair_signs_what_its_public_half_verifies(seed: u64, timestamp in 0..i64::from(u32::MAX), body: Vec<u8>) {
            let secret = SigningSecret::generate(&Rng::seeded(seed), Signing::Ed25519);
            let again = SigningSecret::from_bytes(Signing::Ed25519, secret.bytes()).expect("32 bytes");
            let text = again.sign("evt_1", timestamp, &body);
            let bytes = STANDARD.decode(text.strip_prefix("v1a,").expect("its version")).expect("base64");
            let signature = Signature::from_slice(&bytes).expect("64 bytes");
            let shown = secret.public_key().expect("a pair has one");
            prop_assert_eq!(&*secret.shown(), &shown);
            let public = STANDARD.decode(shown.strip_prefix("whpk_").expect("its mark")).expect("base64");
            let public = VerifyingKey::from_bytes(&public.try_into().expect("32 bytes")).expect("a key");
            let signed = [format!("evt_1.{timestamp}.").as_bytes(), &body].concat();
            prop_assert!(public.verify_strict(&signed, &signature).is_ok());
        }
    }
}
