//! All SQL about mail. Letters belong to people, not to workspaces.

use sqlx::FromRow;

use crate::{
    db::{DbError, Reader, Tx},
    server::clock::Millis,
};

#[derive(Clone, FromRow)]
pub struct MailRow {
    pub id: String,
    pub sealed: Option<Vec<u8>>,
    pub created_at: Millis,
    pub attempts: i64,
    /// When it is tried next; none if never again.
    pub next_at: Option<Millis>,
    pub claimed_until: Millis,
    pub sent_at: Option<Millis>,
    pub last_error: Option<String>,
}

pub async fn insert(
    tx: &mut Tx,
    id: &str,
    user_id: Option<&str>,
    sealed: &[u8],
    now: Millis,
) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "insert into mails (id, user_id, sealed, created_at, next_at) values ($1, $2, $3, $4, $4)",
        id,
        user_id,
        sealed.to_vec(),
        now
    )?;
    Ok(())
}

/// Whether anything may be claimed; asked often, so without a lock.
pub async fn any_due(reader: &mut Reader, now: Millis) -> Result<bool, DbError> {
    let due: Option<(String,)> = crate::fetch_optional!(
        reader,
        (String,),
        "select id from mails where next_at <= $1 and claimed_until <= $1 limit 1",
        now
    )?;
    Ok(due.is_some())
}

/// Takes what is due, longest waiting first: nobody else gets it before `until`. Counts the try.
pub async fn claim(
    tx: &mut Tx,
    now: Millis,
    until: Millis,
    limit: i64,
) -> Result<Vec<MailRow>, DbError> {
    tx.serialise("mail").await?;
    crate::fetch_all!(
        tx,
        MailRow,
        "update mails set claimed_until = $2, attempts = attempts + 1
         where id in (select id from mails where next_at <= $1 and claimed_until <= $1 order by next_at, id limit $3)
         returning id, sealed, created_at, attempts, next_at, claimed_until, sent_at, last_error",
        now,
        until,
        limit
    )
}

/// It left: its text is wiped.
pub async fn sent(tx: &mut Tx, id: &str, now: Millis) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "update mails set sent_at = $2, sealed = null, next_at = null, claimed_until = 0, last_error = null where id = $1",
        id,
        now
    )?;
    Ok(())
}

/// It did not leave. Without a next time its text is wiped: nobody will read it. Says nothing of a letter that
/// somebody else has claimed since.
pub async fn failed(
    tx: &mut Tx,
    mail: &MailRow,
    next_at: Option<Millis>,
    error: &str,
) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "update mails set next_at = $3, last_error = $4, claimed_until = 0,
                sealed = case when cast($3 as bigint) is null then null else sealed end
         where id = $1 and claimed_until = $2 and sent_at is null",
        &mail.id,
        mail.claimed_until,
        next_at,
        error
    )?;
    Ok(())
}

pub async fn recent(reader: &mut Reader, limit: i64) -> Result<Vec<MailRow>, DbError> {
    crate::fetch_all!(
        reader,
        MailRow,
        "select id, sealed, created_at, attempts, next_at, claimed_until, sent_at, last_error
         from mails order by id desc limit $1",
        limit
    )
}

pub async fn by_id(reader: &mut Reader, id: &str) -> Result<Option<MailRow>, DbError> {
    crate::fetch_optional!(
        reader,
        MailRow,
        "select id, sealed, created_at, attempts, next_at, claimed_until, sent_at, last_error
         from mails where id = $1",
        id
    )
}

pub async fn delete_before(tx: &mut Tx, before: Millis) -> Result<(), DbError> {
    crate::execute!(tx, "delete from mails where created_at < $1", before)?;
    Ok(())
}
