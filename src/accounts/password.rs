//! Passwords and PINs, hashed with Argon2id in a bounded pool off the async threads.

use std::sync::{Arc, LazyLock};

use argon2::{Argon2, PasswordHasher, PasswordVerifier, password_hash::phc::PasswordHash};
use tokio::sync::Semaphore;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use crate::{error::UiErrorKind, server::error::AppError};

pub const MIN_PASSWORD: usize = 8;
pub const MAX_PASSWORD: usize = 256;

/// Hashes at once; each keeps a core and 19 MiB busy for some 20 ms.
const AT_ONCE: usize = 2;
/// Hashes that may wait for a turn; beyond, a person is told to try again rather than left hanging.
const WAITING: usize = 64;

/// Compared against when there is no account, so that the answer takes as long. The password of it is not known.
static NOBODY: LazyLock<String> =
    LazyLock::new(|| hash_now(&Zeroizing::new("nobody".to_owned())).unwrap_or_default());

/// A password or PIN as it was typed; never printed.
pub struct Typed(Zeroizing<String>);

impl std::fmt::Debug for Typed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Typed")
    }
}

impl Typed {
    /// Unicode is brought to one form (NFKC), so that the same characters typed on another keyboard still fit.
    pub fn new(text: &str) -> Self {
        Self(Zeroizing::new(text.nfkc().collect()))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What was typed, for what is no password: a code, or what a passkey answered.
    pub fn text(&self) -> &str {
        &self.0
    }

    fn length(&self) -> usize {
        self.0.chars().count()
    }

    /// Why this cannot be a password at all, if so.
    fn refused_outright(&self) -> Option<&'static str> {
        match self.length() {
            0..MIN_PASSWORD => return Some("Use at least 8 characters."),
            MIN_PASSWORD..=MAX_PASSWORD => {}
            _ => return Some("Use at most 256 characters."),
        }
        let folded = Zeroizing::new(self.0.to_lowercase());
        if COMMON.binary_search(&folded.as_str()).is_ok() {
            return Some("That is among the passwords that are tried first. Choose another.");
        }
        None
    }

    /// Why this cannot be the password that a person chooses, if so. `about` is what others know of them: their name,
    /// their address.
    fn refused_as_password(&self, about: &[&str]) -> Option<&'static str> {
        if let Some(reason) = self.refused_outright() {
            return Some(reason);
        }
        let folded = Zeroizing::new(self.0.to_lowercase());
        let mut parts: Vec<String> = about
            .iter()
            .flat_map(|text| text.split(|c: char| !c.is_alphanumeric()))
            .filter(|part| part.chars().count() > 2)
            .map(str::to_lowercase)
            .collect();
        parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
        let mut unknown = folded.clone();
        for part in &parts {
            *unknown = unknown.replace(part, "");
        }
        if unknown.len() < folded.len() && unknown.chars().count() < MIN_PASSWORD {
            return Some("That is little more than your name or address. Choose another.");
        }
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        (zxcvbn::zxcvbn(&self.0, &parts).score() < zxcvbn::Score::Three).then_some(
            "That is too easy to guess. Use a few words that don't belong together, or a generated one.",
        )
    }

    /// Why this cannot be a PIN, if so.
    pub fn refused_as_pin(&self) -> Option<&'static str> {
        let digits = self.0.bytes().all(|byte| byte.is_ascii_digit());
        let same = self
            .0
            .bytes()
            .skip(1)
            .zip(self.0.bytes())
            .all(|(a, b)| a == b);
        let run =
            "01234567890".contains(self.0.as_str()) || "09876543210".contains(self.0.as_str());
        match self.0.len() {
            4..=8 if !digits => Some("Use digits only."),
            4..=8 if same || run => {
                Some("That is among the first PINs anyone would try. Choose another.")
            }
            4..=8 => None,
            _ => Some("Use 4 to 8 digits."),
        }
    }
}

/// Passwords of 8 characters and more that are tried first, in lower case and in order.
static COMMON: LazyLock<Vec<&str>> =
    LazyLock::new(|| include_str!("common_passwords.txt").lines().collect());

#[derive(Clone)]
pub struct Hasher(Arc<Semaphore>, Arc<Semaphore>);

impl Default for Hasher {
    fn default() -> Self {
        Self(
            Arc::new(Semaphore::new(AT_ONCE)),
            Arc::new(Semaphore::new(AT_ONCE + WAITING)),
        )
    }
}

impl Hasher {
    /// The PHC string to store.
    pub async fn hash(&self, typed: &Typed) -> Result<String, AppError> {
        let text = typed.0.clone();
        self.run(move || hash_now(&text))
            .await?
            .map_err(|error| AppError::Internal(format!("argon2: {error}")))
    }

    /// The PHC string to store for a password that an operator gives at the console, where a script may have made it:
    /// only what is too short or common is refused.
    pub async fn hash_given(&self, field: &str, typed: &Typed) -> Result<String, AppError> {
        if let Some(reason) = typed.refused_outright() {
            return Err(AppError::field(field, reason));
        }
        self.hash(typed).await
    }

    /// The PHC string to store for a new password; an error beside `field` if it is too easy to guess.
    pub async fn hash_new(
        &self,
        field: &str,
        typed: &Typed,
        about: &[&str],
    ) -> Result<String, AppError> {
        let text = typed.0.clone();
        let about: Vec<String> = about.iter().map(|text| (*text).to_owned()).collect();
        self.run(move || {
            let typed = Typed(text);
            let about: Vec<&str> = about.iter().map(String::as_str).collect();
            match typed.refused_as_password(&about) {
                Some(reason) => Err(Ok(reason)),
                None => hash_now(&typed.0).map_err(Err),
            }
        })
        .await?
        .map_err(|refused| match refused {
            Ok(reason) => AppError::field(field, reason),
            Err(error) => AppError::Internal(format!("argon2: {error}")),
        })
    }

    /// Whether `typed` is what `stored` was made of. With nothing stored it takes as long and is false.
    pub async fn verify(&self, typed: &Typed, stored: Option<String>) -> Result<bool, AppError> {
        // Longer than any password can be: there is nothing to compare, for known and unknown accounts alike.
        if typed.length() > MAX_PASSWORD {
            return Ok(false);
        }
        let text = typed.0.clone();
        self.run(move || {
            let known = stored.is_some();
            let stored = stored.unwrap_or_else(|| NOBODY.clone());
            let fits = PasswordHash::new(&stored).is_ok_and(|hash| {
                Argon2::default()
                    .verify_password(text.as_bytes(), &hash)
                    .is_ok()
            });
            fits && known
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, AppError> {
        let busy = || {
            AppError::told(
                UiErrorKind::Unavailable,
                "Too many people are signing in at this moment. Try again in a few seconds.",
            )
        };
        let _place = self.1.clone().try_acquire_owned().map_err(|_| busy())?;
        let turn = self.0.clone().acquire_owned().await.map_err(|_| busy())?;
        tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        })
        .await
        .map_err(|error| AppError::Internal(format!("the hashing thread: {error}")))
    }
}

/// Argon2id v19, m = 19456 KiB, t = 2, p = 1: the crate's defaults, which are OWASP's.
fn hash_now(text: &Zeroizing<String>) -> Result<String, argon2::password_hash::Error> {
    Ok(Argon2::default()
        .hash_password(text.as_bytes())?
        .to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_fits_its_hash_and_nothing_else_does() {
        let hasher = Hasher::default();
        let hash = hasher
            .hash(&Typed::new("correct-horse"))
            .await
            .expect("hashed");
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        assert!(
            hasher
                .verify(&Typed::new("correct-horse"), Some(hash.clone()))
                .await
                .expect("done")
        );
        assert!(
            !hasher
                .verify(&Typed::new("correct-horsf"), Some(hash))
                .await
                .expect("done")
        );
        assert!(
            !hasher
                .verify(&Typed::new("nobody"), None)
                .await
                .expect("done")
        );
    }

    #[tokio::test]
    async fn the_same_characters_from_another_keyboard_fit() {
        let hasher = Hasher::default();
        let hash = hasher
            .hash(&Typed::new("caf\u{e9}-au-lait"))
            .await
            .expect("hashed");
        assert!(
            hasher
                .verify(&Typed::new("cafe\u{301}-au-lait"), Some(hash))
                .await
                .expect("done")
        );
    }

    #[test]
    fn a_guessable_password_is_refused_whatever_it_is_made_of() {
        let about = ["Ada Lindqvist", "ada.lindqvist@harbor-coffee.example"];
        for password in [
            "short",
            "Password1",
            "Sunshine",
            "qwertyuiop",
            "aaaaaaaaaaaa",
            "12345678901",
            "lindqvist2024",
            "harbor-coffee",
            "Adalindqvist1",
        ] {
            assert!(
                Typed::new(password).refused_as_password(&about).is_some(),
                "{password}"
            );
        }
        assert!(
            Typed::new(&"x7".repeat(129))
                .refused_as_password(&[])
                .is_some()
        );
        for password in [
            "correct-horse-battery",
            "zebra kiosk mandolin",
            "\u{43a}\u{43e}\u{448}\u{43a}\u{430} \u{438} \u{441}\u{430}\u{43c}\u{43e}\u{432}\u{430}\u{440}",
            "gT7!vmQ2pLx",
        ] {
            assert_eq!(
                Typed::new(password).refused_as_password(&about),
                None,
                "{password}"
            );
        }
        assert!(COMMON.is_sorted(), "it is searched by halves");
    }

    #[test]
    fn a_guessable_pin_is_refused() {
        for pin in ["123", "123456789", "12a4", "1111", "1234", "9876", "0123"] {
            assert!(Typed::new(pin).refused_as_pin().is_some(), "{pin}");
        }
        assert!(Typed::new("4831").refused_as_pin().is_none());
    }
}
