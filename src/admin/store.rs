//! All SQL about service tokens. They belong to the installation, not to a workspace.

use crate::{
    db::{DbError, Reader, SecretHash, Tx},
    server::clock::Millis,
};

pub async fn insert_token(
    tx: &mut Tx,
    id: &str,
    name: &str,
    hash: SecretHash,
    expires_at: Option<Millis>,
    now: Millis,
) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "insert into service_tokens (id, name, token_hash, created_at, expires_at) values ($1, $2, $3, $4, $5)",
        id,
        name,
        hash.to_vec(),
        now,
        expires_at
    )?;
    Ok(())
}

/// Expiry of the token with this fingerprint, unless it was revoked.
pub async fn token(
    reader: &mut Reader,
    hash: SecretHash,
) -> Result<Option<Option<Millis>>, DbError> {
    let row: Option<(Option<Millis>,)> = crate::fetch_optional!(
        reader,
        (Option<Millis>,),
        "select expires_at from service_tokens where token_hash = $1 and revoked_at is null",
        hash.to_vec()
    )?;
    Ok(row.map(|(expires_at,)| expires_at))
}

/// Revokes a token; gives its name and fingerprint, or nothing if there was none to revoke.
pub async fn revoke_token(
    tx: &mut Tx,
    id: &str,
    now: Millis,
) -> Result<Option<(String, Vec<u8>)>, DbError> {
    crate::fetch_optional!(
        tx,
        (String, Vec<u8>),
        "update service_tokens set revoked_at = $2 where id = $1 and revoked_at is null returning name, token_hash",
        id,
        now
    )
}
