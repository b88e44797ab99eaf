//! From stored rows to what operations and pages work with.

use super::{
    Grants, policy,
    store::{self, MemberRow},
};
use crate::{
    db::Reader,
    server::{
        clock::{Millis, is_id},
        error::AppError,
    },
};

#[derive(Clone)]
pub struct Member {
    pub id: String,
    pub name: String,
    pub email: String,
    pub grants: Grants,
    /// The roles as they are stored: what a form says it has seen.
    pub stored: String,
    pub since: Millis,
    pub second_factor: bool,
}

impl Member {
    fn of(row: MemberRow) -> Result<Self, AppError> {
        Ok(Self {
            grants: grants(&row.roles)?,
            id: row.user_id,
            name: row.name,
            email: row.email,
            stored: row.roles,
            since: row.created_at,
            second_factor: row.factors > 0,
        })
    }
}

/// Roles as they are stored.
pub fn grants(stored: &str) -> Result<Grants, AppError> {
    stored
        .parse()
        .map_err(|error| AppError::Internal(format!("stored roles: {error}")))
}

pub async fn members(reader: &mut Reader, workspace_id: &str) -> Result<Vec<Member>, AppError> {
    store::members(reader, workspace_id)
        .await?
        .into_iter()
        .map(Member::of)
        .collect()
}

/// A member by the id in a path. One of another workspace is answered like one that does not exist.
pub async fn member(reader: &mut Reader, workspace_id: &str, id: &str) -> Result<Member, AppError> {
    if !is_id(id, "usr") {
        return Err(AppError::not_found());
    }
    let row = store::member(reader, workspace_id, id).await?;
    Member::of(row.ok_or_else(AppError::not_found)?)
}

/// Who owns the workspace for good besides this person, the one who joined first at the head.
pub async fn other_owners(
    reader: &mut Reader,
    workspace_id: &str,
    user_id: &str,
) -> Result<Vec<Member>, AppError> {
    let mut owners = members(reader, workspace_id).await?;
    owners.retain(|member| member.id != user_id && policy::is_owner(&member.grants));
    Ok(owners)
}
