//! SQL about tokens of the command line, and the events that they listen to.

use sqlx::FromRow;

use crate::{
    db::{DbError, Reader, SecretHash, Tx},
    server::clock::Millis,
};

/// A token for a list.
#[derive(Clone, FromRow)]
pub struct TokenRow {
    pub id: String,
    pub user_id: String,
    pub name: String,
    pub created_at: Millis,
    pub expires_at: Millis,
    pub last_used_at: Option<Millis>,
    pub revoked_at: Option<Millis>,
    /// Whose it is; none once their account is closed.
    pub maker: Option<String>,
}

pub struct NewToken<'a> {
    pub id: &'a str,
    pub workspace_id: &'a str,
    pub user_id: &'a str,
    pub name: &'a str,
    pub hash: SecretHash,
    pub form_id: &'a str,
    pub created_at: Millis,
    pub expires_at: Millis,
}

pub async fn insert(tx: &mut Tx, token: &NewToken<'_>) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "insert into cli_tokens (id, workspace_id, user_id, name, token_hash, form_id, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        token.id,
        token.workspace_id,
        token.user_id,
        token.name,
        token.hash.as_slice(),
        token.form_id,
        token.created_at,
        token.expires_at
    )?;
    Ok(())
}

/// Those of the workspace, the newest first.
pub async fn list(reader: &mut Reader, workspace_id: &str) -> Result<Vec<TokenRow>, DbError> {
    crate::fetch_all!(
        reader,
        TokenRow,
        "select t.id, t.user_id, t.name, t.created_at, t.expires_at, t.last_used_at, t.revoked_at, u.name as maker
         from cli_tokens t left join users u on u.id = t.user_id
         where t.workspace_id = $1 order by t.id desc limit 100",
        workspace_id
    )
}

pub async fn find(
    reader: &mut Reader,
    workspace_id: &str,
    id: &str,
) -> Result<Option<TokenRow>, DbError> {
    crate::fetch_optional!(
        reader,
        TokenRow,
        "select t.id, t.user_id, t.name, t.created_at, t.expires_at, t.last_used_at, t.revoked_at, u.name as maker
         from cli_tokens t left join users u on u.id = t.user_id
         where t.workspace_id = $1 and t.id = $2",
        workspace_id,
        id
    )
}

/// How many of the workspace can be used.
pub async fn count_good(
    reader: &mut Reader,
    workspace_id: &str,
    now: Millis,
) -> Result<i64, DbError> {
    let (count,): (i64,) = crate::fetch_one!(
        reader,
        (i64,),
        "select count(*) from cli_tokens where workspace_id = $1 and revoked_at is null and expires_at > $2",
        workspace_id,
        now
    )?;
    Ok(count)
}

/// The one that this form has made.
pub async fn made_by(
    reader: &mut Reader,
    workspace_id: &str,
    form_id: &str,
) -> Result<Option<String>, DbError> {
    let row: Option<(String,)> = crate::fetch_optional!(
        reader,
        (String,),
        "select id from cli_tokens where workspace_id = $1 and form_id = $2",
        workspace_id,
        form_id
    )?;
    Ok(row.map(|(id,)| id))
}

/// Whether it was there and not revoked yet.
pub async fn revoke(
    tx: &mut Tx,
    workspace_id: &str,
    id: &str,
    now: Millis,
) -> Result<bool, DbError> {
    let done = crate::execute!(
        tx,
        "update cli_tokens set revoked_at = $3 where workspace_id = $1 and id = $2 and revoked_at is null",
        workspace_id,
        id,
        now
    )?;
    Ok(done > 0)
}

/// Removes those of every workspace that ended before this moment.
pub async fn delete_ended_before(tx: &mut Tx, before: Millis) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "delete from cli_tokens where revoked_at < $1 or expires_at < $1",
        before
    )?;
    Ok(())
}

/// A token by itself, before it is known whose, so that no workspace can be taken.
pub async fn by_hash(
    reader: &mut Reader,
    hash: SecretHash,
    now: Millis,
) -> Result<Option<(String, String, String)>, DbError> {
    crate::fetch_optional!(
        reader,
        (String, String, String),
        "select id, workspace_id, user_id from cli_tokens
         where token_hash = $1 and revoked_at is null and expires_at > $2",
        hash.as_slice(),
        now
    )
}

pub async fn note_use(
    tx: &mut Tx,
    workspace_id: &str,
    id: &str,
    now: Millis,
) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "update cli_tokens set last_used_at = $3 where workspace_id = $1 and id = $2",
        workspace_id,
        id,
        now
    )?;
    Ok(())
}

/// An event as it was noted.
#[derive(FromRow)]
pub struct EventRow {
    pub id: String,
    pub environment: Option<String>,
    #[sqlx(rename = "type")]
    pub event_type: String,
    pub data: String,
    pub created_at: Millis,
}

/// The workspace's events behind this id, the oldest first.
pub async fn events_after(
    reader: &mut Reader,
    workspace_id: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<EventRow>, DbError> {
    crate::fetch_all!(
        reader,
        EventRow,
        "select id, environment, type, data, created_at from outbox_events
         where workspace_id = $1 and id > $2 order by id limit $3",
        workspace_id,
        after,
        limit
    )
}
