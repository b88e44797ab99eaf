//! The secret itself: how it is made, recognised and fingerprinted.
//!
//! `<prefix><43 base62><6 base62>`: 256 random bits, then the CRC-32 (ISO-HDLC) of all that stands before it. The
//! checksum lets a scanner, and the gateway before any look-up, tell a mistyped key from an unknown one. It is
//! public and proves nothing.

use zeroize::Zeroizing;

use crate::{
    db::SecretHash,
    profiles::Profile,
    server::{clock::Rng, secrets::Peppers},
};

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// 62^43 is the first power of 62 above 2^256.
const RANDOM_DIGITS: usize = 43;
/// 62^6 is the first power of 62 above 2^32.
const CHECKSUM_DIGITS: usize = 6;
/// An imported key may look like anything, but no header field worth reading is longer.
const MAX_LENGTH: usize = 512;
/// Characters of the random part that are kept for display, at its start and at the end of the whole.
const SHOWN: usize = 4;

/// A key in the clear. It can be hashed and, in the one answer that reveals it, exposed; it cannot be printed,
/// serialised or compared.
pub struct PlainKey(Zeroizing<String>);

impl std::fmt::Debug for PlainKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PlainKey")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl PlainKey {
    /// A new key from 256 random bits.
    pub fn generate(prefix: &str, rng: &Rng) -> Self {
        Self::from_bits(prefix, rng.bytes())
    }

    fn from_bits(prefix: &str, bits: [u8; 32]) -> Self {
        let mut text = Zeroizing::new(String::with_capacity(
            prefix.len() + RANDOM_DIGITS + CHECKSUM_DIGITS,
        ));
        text.push_str(prefix);
        push_base62(&mut text, bits, RANDOM_DIGITS);
        let checksum = checksum(&text);
        text.extend(checksum.map(char::from));
        Self(text)
    }

    /// Reads what a caller sent. A string that begins like one of ours must be whole and carry the right checksum; a string
    /// that does not may be an imported key, and is passed on to be looked up.
    pub fn parse(text: &str, profile: &Profile) -> Result<Self, Malformed> {
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
        if text.is_empty() || text.len() > MAX_LENGTH || !printable {
            return Err(Malformed);
        }
        let ours = profile
            .environments
            .iter()
            .find_map(|environment| text.strip_prefix(&environment.prefix));
        if let Some(rest) = ours {
            let (random, sum) = rest.split_at_checked(RANDOM_DIGITS).ok_or(Malformed)?;
            let before = &text[..text.len() - sum.len()];
            let digits = random.bytes().all(|byte| byte.is_ascii_alphanumeric());
            if !digits || sum.as_bytes() != checksum(before) {
                return Err(Malformed);
            }
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// The secret in the clear, for the one answer that shows it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is stored in place of the key.
    pub fn hash(&self, peppers: &Peppers) -> SecretHash {
        peppers.hash(self.0.as_bytes())
    }

    /// What the key may be stored as, the current pepper first.
    pub fn hashes(&self, peppers: &Peppers) -> impl Iterator<Item = SecretHash> {
        peppers.hashes(self.0.as_bytes())
    }

    /// All up to the 4th character of the random part, and the last four: what lists show.
    pub fn shown(&self, prefix: &str) -> (String, String) {
        let start = self.0.chars().take(prefix.len() + SHOWN).collect();
        let end = self.0.chars().skip(self.0.len() - SHOWN).collect();
        (start, end)
    }
}

/// Whether a text typed into a search could be a whole key, which must not travel in a URL.
pub fn looks_like_a_key(text: &str, profile: &Profile) -> bool {
    profile
        .environments
        .iter()
        .flat_map(|environment| {
            [
                Some(&environment.prefix),
                environment.secret_prefix.as_ref(),
            ]
        })
        .flatten()
        .filter_map(|prefix| text.strip_prefix(prefix))
        .any(|rest| rest.len() > SHOWN * 2)
}

fn checksum(text: &str) -> [u8; CHECKSUM_DIGITS] {
    let mut rest = crc32fast::hash(text.as_bytes());
    let mut digits = [b'0'; CHECKSUM_DIGITS];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[(rest % 62) as usize];
        rest /= 62;
    }
    digits
}

/// Appends a big-endian number in base62, padded with `0` on the left.
fn push_base62<const N: usize>(text: &mut String, mut number: [u8; N], digits: usize) {
    let mut out = Zeroizing::new(vec![b'0'; digits]);
    for digit in out.iter_mut().rev() {
        let mut rest: u32 = 0;
        for byte in &mut number {
            let value = rest << 8 | u32::from(*byte);
            *byte = u8::try_from(value / 62)
                .expect("the quotient of a byte's long division fits a byte");
            rest = value % 62;
        }
        *digit = ALPHABET[rest as usize];
    }
    text.extend(out.iter().map(|byte| char::from(*byte)));
}

#[cfg(test)]
mod tests {
    use proptest::{prop_assert, prop_assert_eq, proptest};

    use super::*;

    fn revkeen() -> Profile {
        Profile::load("revkeen").expect("it loads")
    }

    /// Computed apart from this code, with Python's `zlib.crc32` and integer division.
    #[test]
    fn fixed_vectors_hold() {
        let vectors = [
            ([0x00; 32], "rk_live_", include_str!("vectors/zero.txt")),
            ([0xff; 32], "rk_sandbox_", include_str!("vectors/ones.txt")),
        ];
        for (bits, prefix, expected) in vectors {
            assert_eq!(PlainKey::from_bits(prefix, bits).expose(), expected.trim());
        }
        let counting = std::array::from_fn(|i| u8::try_from(i).expect("32 fits"));
        assert_eq!(
            PlainKey::from_bits("rk_live_", counting).expose(),
            include_str!("vectors/counting.txt").trim()
        );
    }

    #[test]
    fn the_hash_is_hmac_sha256_under_the_pepper() {
        // RFC 4231 test case 2 has a shorter key than ours; this vector is from Python's hmac module.
        let key = PlainKey(Zeroizing::new("imported-key".to_owned()));
        let hash = key.hash(&Peppers::fixed(&[[7; 32]]));
        assert_eq!(hex::encode(hash), include_str!("vectors/hmac.txt").trim());
    }

    #[test]
    fn debug_does_not_show_it() {
        let key = PlainKey::generate("rk_live_", &Rng::seeded(1));
        assert_eq!(format!("{key:?}"), "PlainKey");
    }

    #[test]
    fn a_foreign_string_is_passed_on_to_be_looked_up() {
        assert!(PlainKey::parse("sk-imported.123", &revkeen()).is_ok());
    }

    #[test]
    fn what_no_header_should_hold_is_malformed() {
        for text in ["", " ", "a b", "nul\0", "tab\t", "ü", &"x".repeat(513)] {
            assert!(PlainKey::parse(text, &revkeen()).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_generated_key_parses_and_any_changed_character_does_not(seed: u64, at in 0usize..57, with in 0usize..62) {
            let key = PlainKey::generate("rk_live_", &Rng::seeded(seed));
            prop_assert_eq!(key.expose().len(), 57);
            prop_assert!(PlainKey::parse(key.expose(), &revkeen()).is_ok());
            let mut changed = key.expose().as_bytes().to_vec();
            if at >= 8 && changed[at] != ALPHABET[with] {
                changed[at] = ALPHABET[with];
                let changed = String::from_utf8(changed).expect("ASCII");
                prop_assert!(PlainKey::parse(&changed, &revkeen()).is_err());
            }
        }

        #[test]
        fn any_string_is_read_without_a_panic(text: String) {
            let _ = PlainKey::parse(&text, &revkeen());
        }

        #[test]
        fn a_truncated_key_is_malformed(seed: u64, keep in 8usize..56) {
            let key = PlainKey::generate("rk_live_", &Rng::seeded(seed));
            prop_assert!(PlainKey::parse(&key.expose()[..keep], &revkeen()).is_err());
        }
    }
}
