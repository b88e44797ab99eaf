//! All SQL about notices.

use super::Notice;
use crate::{
    db::{DbError, Tx},
    server::clock::Millis,
};

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
