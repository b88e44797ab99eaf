//! What a pair's signatures are verified with, decoded once when the key is read.

use aws_lc_rs::signature::{ED25519, ParsedPublicKey};
use base64::{Engine, prelude::BASE64_STANDARD};
use ed25519_dalek::VerifyingKey;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::server::secrets::Sealer;

#[derive(Clone)]
pub enum Verifier {
    /// HMAC-SHA256 under the bytes of the whole secret key.
    Hmac(Zeroizing<Vec<u8>>),
    /// Ed25519 (RFC 8032); the private half never was here.
    Ed25519(ParsedPublicKey),
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.algorithm())
    }
}

impl Verifier {
    /// From what is stored with a secret: the secret half, sealed at `place`, or a public key that was handed in. None for a
    /// single secret, and where what is stored cannot be read.
    pub fn from_row(
        sealer: &Sealer,
        place: &str,
        half: Option<&[u8]>,
        verifying_key: Option<&str>,
    ) -> Option<Self> {
        match (verifying_key, half) {
            (Some(text), _) => ed25519(text).map(Self::Ed25519),
            (None, Some(half)) => sealer.open(place, half).map(Self::Hmac),
            (None, None) => None,
        }
    }

    /// Its name in the registry of RFC 9421 §6.2.
    pub const fn algorithm(&self) -> &'static str {
        match self {
            Self::Hmac(_) => "hmac-sha256",
            Self::Ed25519(_) => "ed25519",
        }
    }

    /// Whether the signature is one of these bytes under this key. Takes the same time however wrong it is.
    pub fn verifies(&self, signed: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Hmac(key) => <Hmac<Sha256> as KeyInit>::new_from_slice(key)
                .is_ok_and(|mac| mac.chain_update(signed).verify_slice(signature).is_ok()),
            Self::Ed25519(key) => key.verify_sig(signed, signature).is_ok(),
        }
    }
}

/// An Ed25519 public key (RFC 8032 §5.1.5) in base64. None if it is no point of the curve, or one of the few under which
/// a signature fits more than one text.
pub fn ed25519(text: &str) -> Option<ParsedPublicKey> {
    let bytes: [u8; 32] = BASE64_STANDARD.decode(text).ok()?.try_into().ok()?;
    if VerifyingKey::from_bytes(&bytes).ok()?.is_weak() {
        return None;
    }
    ParsedPublicKey::new(&ED25519, bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::clock::Rng;

    #[test]
    fn a_sealed_half_is_read_in_its_own_row_alone() {
        let sealer = Sealer::fixed(&[[2; 32]]);
        let half = sealer.seal(&Rng::seeded(1), "key-secret:sec_1", b"sk_test_x");
        let at = |place| Verifier::from_row(&sealer, place, Some(&half), None);
        assert!(
            matches!(at("key-secret:sec_1"), Some(Verifier::Hmac(key)) if *key == b"sk_test_x")
        );
        assert!(at("key-secret:sec_2").is_none());
        assert!(Verifier::from_row(&sealer, "key-secret:sec_1", None, None).is_none());
    }

    #[test]
    fn a_public_key_is_32_bytes_that_are_a_strong_point_of_the_curve() {
        assert!(ed25519("JrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=").is_some());
        let weak = BASE64_STANDARD.encode([0; 32]);
        let none = BASE64_STANDARD.encode([2; 32]);
        for bad in ["", "AAAA", "not base64", &weak, &none] {
            assert!(ed25519(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn neither_half_is_printed() {
        let verifier = Verifier::Hmac(Zeroizing::new(b"sk_test_x".to_vec()));
        assert_eq!(format!("{verifier:?}"), "hmac-sha256");
    }
}
