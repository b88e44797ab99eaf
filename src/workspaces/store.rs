//! All SQL about workspaces and their members.

use sqlx::FromRow;

use super::Grants;
use crate::{
    db::{DbError, Reader, Tx},
    server::clock::Millis,
};

/// A workspace as one of its members sees it.
#[derive(Clone, Debug, FromRow)]
pub struct Membership {
    pub workspace_id: String,
    pub name: String,
    pub roles: String,
    pub suspended_at: Option<Millis>,
    pub require_second_factor: bool,
}

pub async fn insert(tx: &mut Tx, id: &str, name: &str, now: Millis) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "insert into workspaces (id, name, created_at) values ($1, $2, $3)",
        id,
        name,
        now
    )?;
    Ok(())
}

pub async fn exists(reader: &mut Reader, id: &str) -> Result<bool, DbError> {
    let row: Option<(String,)> = crate::fetch_optional!(
        reader,
        (String,),
        "select id from workspaces where id = $1",
        id
    )?;
    Ok(row.is_some())
}

pub async fn add_member(
    tx: &mut Tx,
    workspace_id: &str,
    user_id: &str,
    roles: &Grants,
    now: Millis,
) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "insert into members (workspace_id, user_id, roles, created_at) values ($1, $2, $3, $4)",
        workspace_id,
        user_id,
        roles.to_string(),
        now
    )?;
    Ok(())
}

/// The workspaces that a person belongs to, the one joined first at the head.
pub async fn of_user(reader: &mut Reader, user_id: &str) -> Result<Vec<Membership>, DbError> {
    crate::fetch_all!(
        reader,
        Membership,
        "select w.id as workspace_id, w.name, m.roles, w.suspended_at, w.require_second_factor
         from members m join workspaces w on w.id = m.workspace_id
         where m.user_id = $1 order by m.created_at, w.id",
        user_id
    )
}
