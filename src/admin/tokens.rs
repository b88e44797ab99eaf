//! Service tokens: what a resource server verifies keys with. Cached like keys, and forgotten as fast.

use zeroize::Zeroizing;

use super::store;
use crate::{
    db::{DbError, Reader, SecretHash},
    gateway::cache::Cached,
    server::{
        clock::{Millis, Rng},
        error::AppError,
        state::AppState,
    },
};

pub const PREFIX: &str = "lk_svc_";
/// `PREFIX` and 64 hex digits.
const LENGTH: usize = PREFIX.len() + 64;

/// A token that was not revoked when it was read.
pub struct ServiceToken {
    expires_at: Option<Millis>,
}

impl Cached for ServiceToken {
    type Source = ();

    async fn load(
        (): &(),
        reader: &mut Reader,
        secrets: &[SecretHash],
    ) -> Result<Vec<(SecretHash, Self)>, DbError> {
        let mut found = Vec::new();
        for secret in secrets {
            if let Some(expires_at) = store::token(reader, *secret).await? {
                found.push((*secret, Self { expires_at }));
            }
        }
        Ok(found)
    }
}

/// A new token: 256 random bits in hex.
pub fn generate(rng: &Rng) -> Zeroizing<String> {
    Zeroizing::new(format!("{PREFIX}{}", hex::encode(rng.bytes::<32>())))
}

/// Whether this is a token of ours that is neither revoked nor expired.
pub async fn is_good(state: &AppState, token: &[u8]) -> Result<bool, AppError> {
    if token.len() != LENGTH || !token.starts_with(PREFIX.as_bytes()) {
        return Ok(false);
    }
    for hash in state.peppers.hashes(token) {
        if let Some(found) = state.tokens.find(&state.db, hash).await? {
            let now = state.clock.now();
            return Ok(found.expires_at.is_none_or(|at| at > now));
        }
    }
    Ok(false)
}
