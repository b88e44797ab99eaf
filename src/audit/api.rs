//! Server functions of the audit record.

use leptos::prelude::*;

use super::types::AuditPage;
use crate::error::UiError;

/// The entries of the viewer's workspace, newest first.
#[server(name = LoadListAudit, endpoint = "list_audit", prefix = "/api")]
pub async fn list_audit(before: Option<i64>) -> Result<AuditPage, UiError> {
    use super::store;
    use crate::{
        accounts::{store::names, viewer},
        server::{error::AppError, page},
        workspaces::Role,
    };
    const ROWS: usize = 50;

    let viewer = viewer::with_any_role(&[Role::Auditor, Role::Admin])?;
    let state = page::state()?;
    let load = async {
        let mut reader = state.db.read().await?;
        let names = names(&mut reader, viewer.workspace_id()).await?;
        let limit = i64::try_from(ROWS).unwrap_or(0) + 1;
        let from = before.unwrap_or(i64::MAX);
        let mut kept = store::before(&mut reader, viewer.workspace_id(), from, None, limit).await?;
        let head = store::head(&mut reader, viewer.workspace_id()).await?;
        let more = kept.len() > ROWS;
        kept.truncate(ROWS);
        Ok::<_, AppError>(AuditPage {
            older: kept.last().filter(|_| more).map(|last| last.seq),
            rows: kept
                .iter()
                .map(|entry| super::words::row(entry, &names))
                .collect(),
            head: head.map(|(seq, hash)| (seq, hex::encode(&hash[..4]))),
        })
    };
    load.await.map_err(AppError::into_ui)
}
