//! What a workspace asks four eyes for.

use serde::{Deserialize, Serialize};

use super::store;
use crate::{
    db::Reader,
    profiles::{ApprovalLevel, Profile},
    server::error::AppError,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Which keys, and which widenings of them.
    pub keys: ApprovalLevel,
    /// Whether a member who is alone may agree to their own requests.
    pub own: bool,
    /// Giving somebody the role of checker.
    pub roles: bool,
    /// Loosening these very rules.
    pub policy: bool,
}

impl Settings {
    /// Whether `after` lets something pass that this did not.
    pub fn is_loosened_by(&self, after: &Self) -> bool {
        after.keys < self.keys
            || (after.own && !self.own)
            || (self.roles && !after.roles)
            || (self.policy && !after.policy)
    }
}

/// The rules in force: the workspace's own, but never below what the profile asks for.
pub async fn of(
    reader: &mut Reader,
    profile: &Profile,
    workspace_id: &str,
) -> Result<Settings, AppError> {
    let row = store::settings(reader, workspace_id)
        .await?
        .ok_or_else(AppError::not_found)?;
    let chosen = row
        .approval_level
        .as_deref()
        .and_then(ApprovalLevel::parse)
        .unwrap_or(profile.approval.default);
    Ok(Settings {
        keys: chosen.max(profile.approval.least),
        own: row.own_approval,
        roles: row.four_eyes_roles,
        policy: row.four_eyes_policy,
    })
}
