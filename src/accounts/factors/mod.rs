//! Second factors: an authenticator's codes, passkeys, and the recovery codes that stand in for either when they are
//! lost. The PIN is none: it only confirms.

pub mod ops;
pub mod page;
pub mod passkey_page;
pub mod passkey_post;
#[cfg(test)]
mod passkey_tests;
pub mod passkeys;
pub mod post;
pub mod recovery;
pub mod store;
#[cfg(test)]
pub mod tests;
pub mod totp;
