//! All SQL about second factors.

use crate::{
    db::{DbError, Reader, Tx},
    server::clock::Millis,
};

pub async fn set_totp(
    tx: &mut Tx,
    user_id: &str,
    sealed: &[u8],
    step: i64,
    now: Millis,
) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "insert into totp_secrets (user_id, sealed, last_step, created_at) values ($1, $2, $3, $4)
         on conflict (user_id) do update
         set sealed = excluded.sealed, last_step = excluded.last_step, created_at = excluded.created_at",
        user_id,
        sealed.to_vec(),
        step,
        now
    )?;
    Ok(())
}

pub async fn totp(reader: &mut Reader, user_id: &str) -> Result<Option<Vec<u8>>, DbError> {
    let row: Option<(Vec<u8>,)> = crate::fetch_optional!(
        reader,
        (Vec<u8>,),
        "select sealed from totp_secrets where user_id = $1",
        user_id
    )?;
    Ok(row.map(|(sealed,)| sealed))
}

/// Whether no code of this step or a later one was used before; now one was.
pub async fn use_totp_step(tx: &mut Tx, user_id: &str, step: i64) -> Result<bool, DbError> {
    let touched = crate::execute!(
        tx,
        "update totp_secrets set last_step = $2 where user_id = $1 and last_step < $2",
        user_id,
        step
    )?;
    Ok(touched == 1)
}

pub async fn delete_totp(tx: &mut Tx, user_id: &str) -> Result<bool, DbError> {
    let touched = crate::execute!(tx, "delete from totp_secrets where user_id = $1", user_id)?;
    Ok(touched == 1)
}

pub async fn insert_recovery_code(
    tx: &mut Tx,
    user_id: &str,
    hash: [u8; 32],
    now: Millis,
) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "insert into recovery_codes (user_id, code_hash, created_at) values ($1, $2, $3)",
        user_id,
        hash.to_vec(),
        now
    )?;
    Ok(())
}

pub async fn use_recovery_code(
    tx: &mut Tx,
    user_id: &str,
    hash: [u8; 32],
    now: Millis,
) -> Result<bool, DbError> {
    let touched = crate::execute!(
        tx,
        "update recovery_codes set used_at = $3
         where user_id = $1 and code_hash = $2 and used_at is null",
        user_id,
        hash.to_vec(),
        now
    )?;
    Ok(touched == 1)
}

pub async fn delete_recovery_codes(tx: &mut Tx, user_id: &str) -> Result<(), DbError> {
    crate::execute!(tx, "delete from recovery_codes where user_id = $1", user_id)?;
    Ok(())
}

/// Takes everything from the person that confirms or signs in, but for the password.
pub async fn delete_all(tx: &mut Tx, user_id: &str) -> Result<(), DbError> {
    crate::execute!(tx, "delete from totp_secrets where user_id = $1", user_id)?;
    crate::execute!(tx, "delete from recovery_codes where user_id = $1", user_id)?;
    crate::execute!(tx, "delete from passkeys where user_id = $1", user_id)?;
    crate::execute!(
        tx,
        "delete from passkey_ceremonies where user_id = $1",
        user_id
    )?;
    crate::execute!(
        tx,
        "update users set pin_hash = null where id = $1",
        user_id
    )?;
    Ok(())
}

/// How many recovery codes are left.
pub async fn recovery_codes_left(reader: &mut Reader, user_id: &str) -> Result<i64, DbError> {
    let (count,): (i64,) = crate::fetch_one!(
        reader,
        (i64,),
        "select count(*) from recovery_codes where user_id = $1 and used_at is null",
        user_id
    )?;
    Ok(count)
}
