//! All SQL about second factors.

use sqlx::FromRow;

use crate::{
    db::{DbError, Reader, SecretHash, Tx},
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

#[derive(Clone, FromRow)]
pub struct Passkey {
    pub id: String,
    pub user_id: String,
    pub name: String,
    /// As webauthn-rs keeps it: its public key, its counter, what it was made with.
    pub credential: String,
    pub created_at: Millis,
    pub last_used_at: Option<Millis>,
}

pub async fn insert_passkey(
    tx: &mut Tx,
    passkey: &Passkey,
    credential_id: &[u8],
) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "insert into passkeys (id, user_id, credential_id, name, credential, created_at)
         values ($1, $2, $3, $4, $5, $6)",
        &passkey.id,
        &passkey.user_id,
        credential_id.to_vec(),
        &passkey.name,
        &passkey.credential,
        passkey.created_at
    )?;
    Ok(())
}

/// The person's passkeys, oldest first.
pub async fn passkeys(reader: &mut Reader, user_id: &str) -> Result<Vec<Passkey>, DbError> {
    crate::fetch_all!(
        reader,
        Passkey,
        "select id, user_id, name, credential, created_at, last_used_at
         from passkeys where user_id = $1 order by id",
        user_id
    )
}

/// Whosever it is: before signing in, the passkey says who that is.
pub async fn passkey_by_credential(
    reader: &mut Reader,
    credential_id: &[u8],
) -> Result<Option<Passkey>, DbError> {
    crate::fetch_optional!(
        reader,
        Passkey,
        "select id, user_id, name, credential, created_at, last_used_at
         from passkeys where credential_id = $1",
        credential_id.to_vec()
    )
}

/// Notes a use. Gives false if the passkey is not any more what the answer was judged by.
pub async fn use_passkey(
    tx: &mut Tx,
    id: &str,
    before: &str,
    after: &str,
    now: Millis,
) -> Result<bool, DbError> {
    let touched = crate::execute!(
        tx,
        "update passkeys set credential = $3, last_used_at = $4 where id = $1 and credential = $2",
        id,
        before,
        after,
        now
    )?;
    Ok(touched == 1)
}

pub async fn delete_passkey(tx: &mut Tx, user_id: &str, id: &str) -> Result<bool, DbError> {
    let touched = crate::execute!(
        tx,
        "delete from passkeys where id = $1 and user_id = $2",
        id,
        user_id
    )?;
    Ok(touched == 1)
}

/// A challenge that waits for its answer.
#[derive(FromRow)]
pub struct Ceremony {
    pub purpose: String,
    pub user_id: Option<String>,
    pub state: String,
    pub created_at: Millis,
}

pub async fn insert_ceremony(
    tx: &mut Tx,
    hash: SecretHash,
    purpose: &str,
    user_id: Option<&str>,
    state: &str,
    now: Millis,
) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "insert into passkey_ceremonies (id_hash, purpose, user_id, state, created_at)
         values ($1, $2, $3, $4, $5)",
        hash.to_vec(),
        purpose,
        user_id,
        state,
        now
    )?;
    Ok(())
}

/// The challenge, which is then gone; of many who take it at once, one gets it.
pub async fn take_ceremony(tx: &mut Tx, hash: SecretHash) -> Result<Option<Ceremony>, DbError> {
    let found: Option<Ceremony> = crate::fetch_optional!(
        tx,
        Ceremony,
        "select purpose, user_id, state, created_at from passkey_ceremonies where id_hash = $1",
        hash.to_vec()
    )?;
    let touched = crate::execute!(
        tx,
        "delete from passkey_ceremonies where id_hash = $1",
        hash.to_vec()
    )?;
    Ok(found.filter(|_| touched == 1))
}

/// Challenges that nobody answered.
pub async fn delete_ceremonies(tx: &mut Tx, made_before: Millis) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "delete from passkey_ceremonies where created_at < $1",
        made_before
    )?;
    Ok(())
}
