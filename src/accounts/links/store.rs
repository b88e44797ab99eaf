//! All SQL about mailed links.

use super::{Open, Purpose};
use crate::{
    db::{DbError, Reader, SecretHash, Tx},
    server::clock::Millis,
};

pub async fn insert(
    tx: &mut Tx,
    hash: SecretHash,
    purpose: Purpose,
    user_id: Option<&str>,
    data: &str,
    now: Millis,
) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "insert into links (token_hash, purpose, user_id, data, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6)",
        hash.to_vec(),
        purpose.as_str(),
        user_id,
        data,
        now,
        now + purpose.lasts()
    )?;
    Ok(())
}

pub async fn open(
    reader: &mut Reader,
    hash: SecretHash,
    purpose: Purpose,
    now: Millis,
) -> Result<Option<Open>, DbError> {
    let row: Option<(Option<String>, String)> = crate::fetch_optional!(
        reader,
        (Option<String>, String),
        "select user_id, data from links
         where token_hash = $1 and purpose = $2 and used_at is null and expires_at > $3",
        hash.to_vec(),
        purpose.as_str(),
        now
    )?;
    Ok(row.map(|(user_id, data)| Open { user_id, data }))
}

pub async fn take(tx: &mut Tx, hash: SecretHash, now: Millis) -> Result<bool, DbError> {
    let touched = crate::execute!(
        tx,
        "update links set used_at = $2 where token_hash = $1 and used_at is null",
        hash.to_vec(),
        now
    )?;
    Ok(touched == 1)
}

/// No link of this person for this purpose works any more.
pub async fn withdraw(
    tx: &mut Tx,
    user_id: &str,
    purpose: Purpose,
    now: Millis,
) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "update links set used_at = $3 where user_id = $1 and purpose = $2 and used_at is null",
        user_id,
        purpose.as_str(),
        now
    )?;
    Ok(())
}

pub async fn delete_expired(tx: &mut Tx, now: Millis) -> Result<(), DbError> {
    crate::execute!(tx, "delete from links where expires_at < $1", now)?;
    Ok(())
}
