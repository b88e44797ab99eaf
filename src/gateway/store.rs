//! What the gateway keeps in the database beside its usage rows: nonces of signatures, until those are too old to be sent.

use super::nonce::Mark;
use crate::{
    db::{DbError, Reader, Tx},
    server::clock::Millis,
};

/// Writes a nonce down; false if it stands there already.
pub async fn insert_nonce(tx: &mut Tx, mark: &Mark, over: Millis) -> Result<bool, DbError> {
    let touched = crate::execute!(
        tx,
        "insert into signature_nonces (mark, over_at) values ($1, $2) on conflict do nothing",
        mark.to_vec(),
        over
    )?;
    Ok(touched == 1)
}

pub async fn has_nonce(reader: &mut Reader, mark: &Mark) -> Result<bool, DbError> {
    let row: Option<(Millis,)> = crate::fetch_optional!(
        reader,
        (Millis,),
        "select over_at from signature_nonces where mark = $1",
        mark.to_vec()
    )?;
    Ok(row.is_some())
}

pub async fn delete_nonce(tx: &mut Tx, mark: &Mark) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "delete from signature_nonces where mark = $1",
        mark.to_vec()
    )?;
    Ok(())
}

/// Those that are not over, with the moment when each is.
pub async fn nonces_after(
    reader: &mut Reader,
    now: Millis,
) -> Result<Vec<(Mark, Millis)>, DbError> {
    let rows: Vec<(Vec<u8>, Millis)> = crate::fetch_all!(
        reader,
        (Vec<u8>, Millis),
        "select mark, over_at from signature_nonces where over_at >= $1",
        now
    )?;
    Ok(rows
        .into_iter()
        .filter_map(|(mark, over)| Some((mark.try_into().ok()?, over)))
        .collect())
}

pub async fn delete_nonces_before(tx: &mut Tx, now: Millis) -> Result<(), DbError> {
    crate::execute!(tx, "delete from signature_nonces where over_at < $1", now)?;
    Ok(())
}
