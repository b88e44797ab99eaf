//! Recovery codes: ten, each good for one sign-in in place of a second factor, kept as keyed hashes.

use zeroize::Zeroizing;

use super::store;
use crate::{
    db::Tx,
    server::{error::AppError, state::AppState},
};

pub const CODES: usize = 10;
/// Digits and lower case without 0 and o, 1 and l, which are taken for each other.
const ALPHABET: &[u8; 32] = b"23456789abcdefghijkmnpqrstuvwxyz";
/// 50 random bits each; tries are counted, and without the pepper the hashes tell nothing.
const LENGTH: usize = 10;

/// Replaces the person's codes. What is given back is shown once.
pub async fn renew(
    tx: &mut Tx,
    state: &AppState,
    user_id: &str,
) -> Result<Vec<Zeroizing<String>>, AppError> {
    let now = state.clock.now();
    store::delete_recovery_codes(tx, user_id).await?;
    let mut codes = Vec::with_capacity(CODES);
    for _ in 0..CODES {
        let bytes = state.rng.bytes::<LENGTH>();
        let mut code = Zeroizing::new(String::with_capacity(LENGTH + 1));
        for (number, byte) in bytes.iter().enumerate() {
            if number == LENGTH / 2 {
                code.push('-');
            }
            code.push(char::from(ALPHABET[usize::from(byte & 31)]));
        }
        store::insert_recovery_code(
            tx,
            user_id,
            state.peppers.hash(text(user_id, &code).as_bytes()),
            now,
        )
        .await?;
        codes.push(code);
    }
    Ok(codes)
}

/// Whether this is one of the person's codes that was not used before. Uses it up.
pub async fn accept(state: &AppState, user_id: &str, code: &str) -> Result<bool, AppError> {
    let now = state.clock.now();
    let text = text(user_id, code);
    let mut tx = state.db.begin().await?;
    let mut used = false;
    for hash in state.peppers.hashes(text.as_bytes()) {
        used = used || store::use_recovery_code(&mut tx, user_id, hash, now).await?;
    }
    tx.commit().await?;
    Ok(used)
}

/// What is hashed of a code. Capitals, spaces and the dash do not count.
fn text(user_id: &str, code: &str) -> Zeroizing<String> {
    let code: String = code
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .flat_map(char::to_lowercase)
        .collect();
    Zeroizing::new(format!("recovery:{user_id}:{code}"))
}
