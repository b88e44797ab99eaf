//! All SQL about people, their sessions and their proofs.

use sqlx::FromRow;

use super::factors;
use crate::{
    db::{DbError, Reader, Tx},
    server::clock::Millis,
};

#[derive(Clone, FromRow)]
pub struct User {
    pub id: String,
    pub email: String,
    pub name: String,
    pub password_hash: String,
    pub pin_hash: Option<String>,
    pub operator: bool,
    /// Grows with each new password and each reset of factors. A session of an earlier one is over, even if it is only
    /// being written when all are ended.
    pub epoch: i64,
    /// How many authenticators, passkeys and unread notices they have.
    pub totp: i64,
    pub passkeys: i64,
    pub unread: i64,
}

/// A person by one condition. Who has closed their account is nobody.
macro_rules! user_where {
    ($condition:literal) => {
        concat!(
            "select u.id, u.email, u.name, u.password_hash, u.pin_hash, u.operator, u.epoch,
                    (select count(*) from totp_secrets t where t.user_id = u.id) as totp,
                    (select count(*) from passkeys p where p.user_id = u.id) as passkeys,
                    (select count(*) from notices n where n.user_id = u.id and n.read_at is null) as unread
             from users u where u.closed_at is null and ",
            $condition
        )
    };
}

pub struct NewUser<'a> {
    pub id: &'a str,
    pub email: &'a str,
    pub name: &'a str,
    pub password_hash: &'a str,
    pub operator: bool,
}

/// How an address is compared: two spellings of one mailbox are one account.
pub fn folded(email: &str) -> String {
    email.trim().to_lowercase()
}

pub async fn insert(tx: &mut Tx, user: NewUser<'_>, now: Millis) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "insert into users (id, email, email_folded, name, password_hash, operator, created_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        user.id,
        user.email,
        folded(user.email),
        user.name,
        user.password_hash,
        user.operator,
        now
    )?;
    Ok(())
}

/// Whether there is any account at all.
pub async fn anyone(reader: &mut Reader) -> Result<bool, DbError> {
    let row: Option<(String,)> =
        crate::fetch_optional!(reader, (String,), "select id from users limit 1")?;
    Ok(row.is_some())
}

pub async fn by_email(reader: &mut Reader, email: &str) -> Result<Option<User>, DbError> {
    crate::fetch_optional!(
        reader,
        User,
        user_where!("u.email_folded = $1"),
        folded(email)
    )
}

pub async fn by_id(reader: &mut Reader, id: &str) -> Result<Option<User>, DbError> {
    crate::fetch_optional!(reader, User, user_where!("u.id = $1"), id)
}

/// Names by id, for the people who stand in a workspace's record: its members, and the operators who may have acted
/// in it.
pub async fn names(
    reader: &mut Reader,
    workspace_id: &str,
) -> Result<Vec<(String, String)>, DbError> {
    crate::fetch_all!(
        reader,
        (String, String),
        "select id, name from users where id in (
             select user_id from members where workspace_id = $1
             union select operator_id from operator_acts where workspace_id = $1
             union select id from users where operator)",
        workspace_id
    )
}

pub async fn set_password(tx: &mut Tx, user_id: &str, password_hash: &str) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "update users set password_hash = $1 where id = $2",
        password_hash,
        user_id
    )?;
    Ok(())
}

/// Puts an end to every session that was begun so far, also to those that are about to be kept.
pub async fn next_epoch(tx: &mut Tx, user_id: &str) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "update users set epoch = epoch + 1 where id = $1",
        user_id
    )?;
    Ok(())
}

pub async fn set_email(tx: &mut Tx, user_id: &str, email: &str) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "update users set email = $1, email_folded = $2 where id = $3",
        email,
        folded(email),
        user_id
    )?;
    Ok(())
}

pub async fn set_pin(tx: &mut Tx, user_id: &str, pin_hash: &str) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "update users set pin_hash = $1 where id = $2",
        pin_hash,
        user_id
    )?;
    Ok(())
}

pub async fn insert_session(
    tx: &mut Tx,
    id_hash: [u8; 32],
    user_id: Option<&str>,
    record: &str,
    expires_at: Millis,
) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "insert into sessions (id_hash, user_id, record, expires_at) values ($1, $2, $3, $4)",
        id_hash.to_vec(),
        user_id,
        record,
        expires_at
    )?;
    Ok(())
}

/// Gives false if the session is gone, so that a slow request cannot revive one that was ended.
pub async fn update_session(
    tx: &mut Tx,
    id_hash: [u8; 32],
    user_id: Option<&str>,
    record: &str,
    expires_at: Millis,
) -> Result<bool, DbError> {
    let touched = crate::execute!(
        tx,
        "update sessions set user_id = $2, record = $3, expires_at = $4 where id_hash = $1",
        id_hash.to_vec(),
        user_id,
        record,
        expires_at
    )?;
    Ok(touched == 1)
}

pub async fn session(
    reader: &mut Reader,
    id_hash: [u8; 32],
    now: Millis,
) -> Result<Option<(String, Millis)>, DbError> {
    crate::fetch_optional!(
        reader,
        (String, Millis),
        "select record, expires_at from sessions where id_hash = $1 and expires_at > $2",
        id_hash.to_vec(),
        now
    )
}

/// Keeps a session that is used alive.
pub async fn touch_session(
    tx: &mut Tx,
    id_hash: [u8; 32],
    expires_at: Millis,
) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "update sessions set expires_at = $2 where id_hash = $1",
        id_hash.to_vec(),
        expires_at
    )?;
    Ok(())
}

pub async fn delete_session(tx: &mut Tx, id_hash: [u8; 32]) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "delete from sessions where id_hash = $1",
        id_hash.to_vec()
    )?;
    Ok(())
}

/// Sessions, proofs and counts that no longer matter.
pub async fn delete_expired(tx: &mut Tx, now: Millis, kept_since: Millis) -> Result<(), DbError> {
    crate::execute!(tx, "delete from sessions where expires_at <= $1", now)?;
    crate::execute!(tx, "delete from step_ups where proven_at < $1", kept_since)?;
    crate::execute!(
        tx,
        "delete from tries where window_start < $1 and subject not like 'pin:%'",
        kept_since
    )?;
    factors::store::delete_ceremonies(tx, now - factors::passkeys::LASTS).await?;
    Ok(())
}

pub async fn tries(
    reader: &mut Reader,
    subject: &str,
    since: Millis,
) -> Result<Option<(i64, Millis)>, DbError> {
    crate::fetch_optional!(
        reader,
        (i64, i64),
        "select failures, window_start from tries where subject = $1 and window_start > $2",
        subject,
        since
    )
}

pub async fn set_tries(
    tx: &mut Tx,
    subject: &str,
    failures: i64,
    window_start: Millis,
) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "insert into tries (subject, failures, window_start) values ($1, $2, $3)
         on conflict (subject) do update set failures = excluded.failures, window_start = excluded.window_start",
        subject,
        failures,
        window_start
    )?;
    Ok(())
}

/// Takes one failure back: the try was not judged, or it succeeded.
pub async fn give_back_try(tx: &mut Tx, subject: &str) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "update tries set failures = failures - 1 where subject = $1 and failures > 0",
        subject
    )?;
    Ok(())
}

/// Forgets the failures of a subject that has proven itself.
pub async fn forget_tries(tx: &mut Tx, subject: &str) -> Result<(), DbError> {
    crate::execute!(tx, "delete from tries where subject = $1", subject)?;
    Ok(())
}

pub struct StepUp<'a> {
    pub id: &'a str,
    pub user_id: &'a str,
    pub workspace_id: &'a str,
    pub action: &'a str,
    pub content_hash: [u8; 32],
}

pub async fn insert_step_up(
    tx: &mut Tx,
    step_up: &StepUp<'_>,
    factor: &str,
    now: Millis,
) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "insert into step_ups (id, user_id, workspace_id, action, content_hash, factor, proven_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        step_up.id,
        step_up.user_id,
        step_up.workspace_id,
        step_up.action,
        step_up.content_hash.to_vec(),
        factor,
        now
    )?;
    Ok(())
}

/// Uses up the proof if it is this person's, for this action and content, fresh, and not used before.
pub async fn consume_step_up(
    tx: &mut Tx,
    step_up: &StepUp<'_>,
    now: Millis,
    proven_since: Millis,
) -> Result<bool, DbError> {
    let touched = crate::execute!(
        tx,
        "update step_ups set consumed_at = $6
         where id = $1 and user_id = $2 and workspace_id = $3 and action = $4 and content_hash = $5
           and consumed_at is null and proven_at >= $7",
        step_up.id,
        step_up.user_id,
        step_up.workspace_id,
        step_up.action,
        step_up.content_hash.to_vec(),
        now,
        proven_since
    )?;
    Ok(touched == 1)
}
