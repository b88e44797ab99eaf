//! All SQL about keys.

use sqlx::FromRow;

use super::types::KeyTab;
use crate::{
    db::{DbError, Reader, SecretHash, Tx},
    server::clock::{HOUR, Millis},
};

/// A key as it is stored.
#[derive(Clone, FromRow)]
pub struct KeyRow {
    pub id: String,
    pub workspace_id: String,
    pub environment: String,
    pub label: String,
    /// JSON list of scope ids.
    pub scopes: String,
    pub owner_id: Option<String>,
    pub owner: Option<String>,
    pub secret_hash: Vec<u8>,
    pub secret_start: String,
    pub secret_end: String,
    pub state: String,
    pub expires_at: Option<Millis>,
    pub created_at: Millis,
    pub ended_at: Option<Millis>,
    pub last_used_at: Option<Millis>,
    pub last_used_ip: Option<String>,
}

/// The stored word of a key that was not ended by anyone.
pub const ACTIVE: &str = "active";
pub const REVOKED: &str = "revoked";

macro_rules! select_key {
    ($rest:literal) => {
        concat!(
            "select k.id, k.workspace_id, k.environment, k.label, k.scopes, k.owner_id, u.name as owner, k.secret_hash,
                    k.secret_start, k.secret_end, k.state, k.expires_at, k.created_at, k.ended_at, k.last_used_at,
                    k.last_used_ip
             from api_keys k left join users u on u.id = k.owner_id ",
            $rest
        )
    };
}

pub struct Insert<'a> {
    pub id: &'a str,
    pub workspace_id: &'a str,
    pub environment: &'a str,
    pub label: &'a str,
    pub label_folded: &'a str,
    pub scopes: &'a str,
    pub owner_id: Option<&'a str>,
    pub draft_id: Option<&'a str>,
    pub secret_hash: SecretHash,
    pub secret_start: &'a str,
    pub secret_end: &'a str,
    pub expires_at: Option<Millis>,
}

pub async fn insert(tx: &mut Tx, key: Insert<'_>, now: Millis) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "insert into api_keys (id, workspace_id, environment, label, label_folded, scopes, owner_id, draft_id,
                               secret_hash, secret_start, secret_end, state, expires_at, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        key.id,
        key.workspace_id,
        key.environment,
        key.label,
        key.label_folded,
        key.scopes,
        key.owner_id,
        key.draft_id,
        key.secret_hash.to_vec(),
        key.secret_start,
        key.secret_end,
        ACTIVE,
        key.expires_at,
        now
    )?;
    Ok(())
}

pub async fn find(
    reader: &mut Reader,
    workspace_id: &str,
    id: &str,
) -> Result<Option<KeyRow>, DbError> {
    crate::fetch_optional!(
        reader,
        KeyRow,
        select_key!("where k.workspace_id = $1 and k.id = $2"),
        workspace_id,
        id
    )
}

/// The key that a form has already made.
pub async fn find_by_draft(
    reader: &mut Reader,
    workspace_id: &str,
    draft_id: &str,
) -> Result<Option<KeyRow>, DbError> {
    crate::fetch_optional!(
        reader,
        KeyRow,
        select_key!("where k.workspace_id = $1 and k.draft_id = $2"),
        workspace_id,
        draft_id
    )
}

/// A key by the fingerprint of its secret, within a workspace.
pub async fn find_by_secret(
    reader: &mut Reader,
    workspace_id: &str,
    secret: SecretHash,
) -> Result<Option<KeyRow>, DbError> {
    crate::fetch_optional!(
        reader,
        KeyRow,
        select_key!("where k.workspace_id = $1 and k.secret_hash = $2"),
        workspace_id,
        secret.to_vec()
    )
}

/// What judging needs of a key and its workspace. One of the few reads across workspaces: who sends the key is not
/// known before it is found.
#[derive(FromRow)]
pub struct JudgedRow {
    pub id: String,
    pub workspace_id: String,
    pub environment: String,
    pub label: String,
    pub scopes: String,
    pub state: String,
    pub expires_at: Option<Millis>,
    pub suspended_at: Option<Millis>,
}

pub async fn find_for_verify(
    reader: &mut Reader,
    secret: SecretHash,
) -> Result<Option<JudgedRow>, DbError> {
    crate::fetch_optional!(
        reader,
        JudgedRow,
        "select k.id, k.workspace_id, k.environment, k.label, k.scopes, k.state, k.expires_at, w.suspended_at
         from api_keys k join workspaces w on w.id = k.workspace_id where k.secret_hash = $1",
        secret.to_vec()
    )
}

/// The workspace of a key, for the command line, which acts in none.
pub async fn workspace_of(reader: &mut Reader, id: &str) -> Result<Option<String>, DbError> {
    let row: Option<(String,)> = crate::fetch_optional!(
        reader,
        (String,),
        "select workspace_id from api_keys where id = $1",
        id
    )?;
    Ok(row.map(|(workspace_id,)| workspace_id))
}

/// Ends a key. False if it had ended before.
pub async fn end(tx: &mut Tx, workspace_id: &str, id: &str, now: Millis) -> Result<bool, DbError> {
    let touched = crate::execute!(
        tx,
        "update api_keys set state = $3, ended_at = $4
         where workspace_id = $1 and id = $2 and ended_at is null",
        workspace_id,
        id,
        REVOKED,
        now
    )?;
    Ok(touched == 1)
}

/// Keys of a workspace that nobody has ended, of one owner if one is named.
pub async fn not_ended(
    reader: &mut Reader,
    workspace_id: &str,
    owner_id: Option<&str>,
) -> Result<Vec<KeyRow>, DbError> {
    crate::fetch_all!(
        reader,
        KeyRow,
        select_key!(
            "where k.workspace_id = $1 and k.ended_at is null
               and (cast($2 as text) is null or k.owner_id = $2) order by k.id"
        ),
        workspace_id,
        owner_id
    )
}

/// Every key that a person owns, in all workspaces: it is about the person.
pub async fn of_owner(reader: &mut Reader, owner_id: &str) -> Result<Vec<KeyRow>, DbError> {
    crate::fetch_all!(
        reader,
        KeyRow,
        select_key!("where k.owner_id = $1 order by k.id"),
        owner_id
    )
}

pub async fn set_owner(
    tx: &mut Tx,
    workspace_id: &str,
    id: &str,
    owner_id: Option<&str>,
) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "update api_keys set owner_id = $3 where workspace_id = $1 and id = $2",
        workspace_id,
        id,
        owner_id
    )?;
    Ok(())
}

/// What a list is narrowed to.
pub struct Filter<'a> {
    pub workspace_id: &'a str,
    pub environment: &'a str,
    pub tab: KeyTab,
    /// Part of a label, or the last four characters.
    pub search: Option<&'a str>,
    /// Keys made before this one.
    pub before: Option<&'a str>,
}

/// Keys of a tab, the newest first. An expired key is inactive from that second on.
pub async fn list(
    reader: &mut Reader,
    filter: Filter<'_>,
    now: Millis,
    limit: i64,
) -> Result<Vec<KeyRow>, DbError> {
    if filter.tab == KeyTab::Pending {
        return Ok(Vec::new());
    }
    let pattern = filter.search.map(contains);
    crate::fetch_all!(
        reader,
        KeyRow,
        select_key!(
            "where k.workspace_id = $1 and k.environment = $2
               and (case when k.ended_at is null and (k.expires_at is null or k.expires_at > $3) then 1 else 0 end) = $4
               and (cast($5 as text) is null or k.label_folded like $5 escape '\\' or k.secret_end = $6 or k.id = $6)
               and (cast($7 as text) is null or k.id < $7)
             order by k.id desc limit $8"
        ),
        filter.workspace_id,
        filter.environment,
        now,
        i64::from(filter.tab == KeyTab::Active),
        pattern.as_deref(),
        filter.search,
        filter.before,
        limit
    )
}

/// A pattern for `like` that matches the text anywhere, taken literally.
fn contains(text: &str) -> String {
    let literal = text
        .to_lowercase()
        .replace('\\', "\\\\")
        .replace('%', "\\%")
        .replace('_', "\\_");
    format!("%{literal}%")
}

/// How many keys are active and how many are not.
pub async fn count(
    reader: &mut Reader,
    workspace_id: &str,
    environment: &str,
    now: Millis,
) -> Result<(i64, i64), DbError> {
    crate::fetch_one!(
        reader,
        (i64, i64),
        "select coalesce(cast(sum(case when ended_at is null and (expires_at is null or expires_at > $3) then 1 else 0 end) as bigint), 0),
                coalesce(cast(sum(case when ended_at is null and (expires_at is null or expires_at > $3) then 0 else 1 end) as bigint), 0)
         from api_keys where workspace_id = $1 and environment = $2",
        workspace_id,
        environment,
        now
    )
}

/// Requests by key and hour since an hour, for sparklines.
pub async fn hours(
    reader: &mut Reader,
    workspace_id: &str,
    environment: &str,
    since: Millis,
) -> Result<Vec<(String, i64, i64)>, DbError> {
    crate::fetch_all!(
        reader,
        (String, i64, i64),
        "select key_id, hour, cast(sum(requests) as bigint) from usage_hours
         where workspace_id = $1 and environment = $2 and hour >= $3 group by key_id, hour",
        workspace_id,
        environment,
        since / HOUR
    )
}

/// How many keys of this owner can be used.
pub async fn count_of_owner(
    reader: &mut Reader,
    workspace_id: &str,
    owner_id: &str,
    now: Millis,
) -> Result<i64, DbError> {
    let (count,): (i64,) = crate::fetch_one!(
        reader,
        (i64,),
        "select count(*) from api_keys
         where workspace_id = $1 and owner_id = $2 and ended_at is null and (expires_at is null or expires_at > $3)",
        workspace_id,
        owner_id,
        now
    )?;
    Ok(count)
}

/// Gives the keys of this owner that can be used to another, or to nobody in particular. Gives their ids.
pub async fn hand_over(
    tx: &mut Tx,
    workspace_id: &str,
    from: &str,
    to: Option<&str>,
    now: Millis,
) -> Result<Vec<String>, DbError> {
    let rows: Vec<(String,)> = crate::fetch_all!(
        tx,
        (String,),
        "update api_keys set owner_id = $3
         where workspace_id = $1 and owner_id = $2 and ended_at is null and (expires_at is null or expires_at > $4)
         returning id",
        workspace_id,
        from,
        to,
        now
    )?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// A key that can be used, as far as a profile has a say in it.
#[derive(FromRow)]
pub struct StandingRow {
    pub id: String,
    pub label: String,
    pub workspace_id: String,
    pub environment: String,
    pub scopes: String,
    pub expires_at: Option<Millis>,
    pub created_at: Millis,
}

/// Every key that can be used, in all workspaces: a changed profile concerns them all.
pub async fn standing(reader: &mut Reader, now: Millis) -> Result<Vec<StandingRow>, DbError> {
    crate::fetch_all!(
        reader,
        StandingRow,
        "select id, label, workspace_id, environment, scopes, expires_at, created_at from api_keys
         where ended_at is null and (expires_at is null or expires_at > $1) order by workspace_id, id",
        now
    )
}
