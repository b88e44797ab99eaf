//! All SQL about notices. They belong to people, not to workspaces.

use sqlx::FromRow;

use super::{Kind, Notice, Ways};
use crate::{
    db::{DbError, Reader, Tx},
    server::clock::Millis,
};

#[derive(Clone, Debug, FromRow)]
pub struct NoticeRow {
    pub id: String,
    pub workspace_id: Option<String>,
    pub subject: String,
    pub body: String,
    pub path: String,
    pub created_at: Millis,
    pub read_at: Option<Millis>,
}

pub async fn insert(
    tx: &mut Tx,
    id: &str,
    user_id: &str,
    notice: &Notice<'_>,
    now: Millis,
) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "insert into notices (id, user_id, workspace_id, kind, subject, body, path, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        id,
        user_id,
        notice.workspace_id,
        notice.kind.as_str(),
        &notice.subject,
        &notice.text,
        &notice.path,
        now
    )?;
    Ok(())
}

/// A person's notices before that one, newest first.
pub async fn list(
    reader: &mut Reader,
    user_id: &str,
    before: Option<&str>,
    limit: i64,
) -> Result<Vec<NoticeRow>, DbError> {
    crate::fetch_all!(
        reader,
        NoticeRow,
        "select id, workspace_id, subject, body, path, created_at, read_at from notices
         where user_id = $1 and (cast($2 as text) is null or id < $2)
         order by id desc limit $3",
        user_id,
        before,
        limit
    )
}

/// Marks a notice of that person as read, if it was not. Gives its path and workspace; none if there is no such notice.
pub async fn open(
    tx: &mut Tx,
    user_id: &str,
    id: &str,
    now: Millis,
) -> Result<Option<(String, Option<String>)>, DbError> {
    crate::fetch_optional!(
        tx,
        (String, Option<String>),
        "update notices set read_at = coalesce(read_at, $3) where id = $1 and user_id = $2
         returning path, workspace_id",
        id,
        user_id,
        now
    )
}

/// Marks all of a person's notices up to that one as read: what came since they looked stays unread.
pub async fn read_until(
    tx: &mut Tx,
    user_id: &str,
    last: &str,
    now: Millis,
) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "update notices set read_at = $3 where user_id = $1 and id <= $2 and read_at is null",
        user_id,
        last,
        now
    )?;
    Ok(())
}

/// What the person chose for the kind, if they did.
pub async fn ways(reader: &mut Reader, user_id: &str, kind: Kind) -> Result<Option<Ways>, DbError> {
    let row: Option<(bool, bool)> = crate::fetch_optional!(
        reader,
        (bool, bool),
        "select portal, mail from notice_settings where user_id = $1 and kind = $2",
        user_id,
        kind.as_str()
    )?;
    Ok(row.map(|(portal, mail)| Ways { portal, mail }))
}

pub async fn set_ways(tx: &mut Tx, user_id: &str, kind: Kind, ways: Ways) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "insert into notice_settings (user_id, kind, portal, mail) values ($1, $2, $3, $4)
         on conflict (user_id, kind) do update set portal = excluded.portal, mail = excluded.mail",
        user_id,
        kind.as_str(),
        ways.portal,
        ways.mail
    )?;
    Ok(())
}
