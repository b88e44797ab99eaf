//! A public key that is handed in: the half of a pair that Latchkey may know, whoever made it. Pure.

use base64::{Engine, prelude::BASE64_STANDARD};

use crate::gateway::verifier;

/// Of the forms' choice where the pair is made: this one means that its public half is handed in.
pub const OWN: &str = "own";
/// The other one: Latchkey makes both halves.
pub const MADE: &str = "made";

/// What stands before the 32 bytes where a public key is written as `SubjectPublicKeyInfo` (RFC 8410 §4).
const SPKI: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];
/// What is kept of a private key that was typed: that it was one.
const PRIVATE: &str = "PRIVATE KEY";
/// Bytes of the shortest private key in PKCS #8 (RFC 8410 §7); a public one is shorter in every form.
const PKCS8: usize = 48;
/// Longest text that is kept of what is no key: a public one in PEM has 113.
const MAX_KEPT: usize = 200;

/// The 32 bytes in base64, of a text that has them so or as PEM.
pub fn public_key(text: &str) -> Result<String, &'static str> {
    if text.trim().is_empty() {
        return Err("Paste the public key of the pair.");
    }
    if is_private(text) {
        return Err(
            "That was a private key. It is not kept, but it was sent: make another pair and hand in its public key.",
        );
    }
    decoded(text)
        .map(|bytes| BASE64_STANDARD.encode(bytes.strip_prefix(&SPKI).unwrap_or(&bytes)))
        .filter(|key| verifier::ed25519(key).is_some())
        .ok_or("That is no Ed25519 public key: 32 bytes in base64, or PEM that begins with BEGIN PUBLIC KEY.")
}

/// What of a typed text may be kept and shown again: a private key that was taken for the public one may not.
pub fn kept(text: &str) -> String {
    if is_private(text) {
        return PRIVATE.to_owned();
    }
    public_key(text).unwrap_or_else(|_| text.chars().take(MAX_KEPT).collect())
}

fn is_private(text: &str) -> bool {
    text.contains("PRIVATE") || decoded(text).is_some_and(|bytes| bytes.len() >= PKCS8)
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    let lines: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("-----"))
        .flat_map(str::split_whitespace)
        .collect();
    BASE64_STANDARD.decode(lines).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RAW: &str = "JrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=";
    // Of RFC 9421 §B.1.4, as its appendix prints it.
    const PEM: &str = "-----BEGIN PUBLIC KEY-----\r\nMCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=\r\n-----END PUBLIC KEY-----\r\n";
    const SECRET: &str = "MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF";

    #[test]
    fn the_same_key_is_read_from_base64_and_from_pem() {
        for text in [
            RAW,
            PEM,
            &format!("  {RAW}\n"),
            "JrQLj5P/89iXES9+vFgr\nIy29clF9CC/oPPsw3c5D0bs=",
        ] {
            assert_eq!(public_key(text).as_deref(), Ok(RAW), "{text}");
            assert_eq!(kept(text), RAW);
        }
        for text in [
            "",
            " ",
            "AAAA",
            "not base64",
            &BASE64_STANDARD.encode([0; 32]),
        ] {
            assert!(public_key(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_private_key_is_refused_and_not_kept() {
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----\n");
        for text in [SECRET, &pem] {
            assert!(public_key(text).is_err_and(|message| message.contains("make another pair")));
            assert!(!kept(text).contains("MC4C"));
        }
    }
}
