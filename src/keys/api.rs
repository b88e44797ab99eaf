//! Server functions about keys: what pages and islands read.

use leptos::prelude::*;

use super::types::{Consequences, FirstCall};
use crate::error::UiError;

/// What would break if the key were revoked now.
#[server(name = LoadRevokeConsequences, endpoint = "revoke_consequences", prefix = "/api")]
pub async fn revoke_consequences(id: String) -> Result<Consequences, UiError> {
    use super::{policy, store, view};
    use crate::{
        accounts::viewer,
        error::UiErrorKind,
        server::{
            clock::{HOUR, is_id},
            error::AppError,
            page,
        },
        usage,
        workspaces::Role,
    };

    let viewer = viewer::with_any_role(&[Role::Developer, Role::Checker])?;
    let state = page::state()?;
    let load = async {
        if !is_id(&id, "key") {
            return Err(AppError::not_found());
        }
        let workspace = viewer.workspace_id();
        let mut reader = state.db.read().await?;
        let row = store::find(&mut reader, workspace, &id)
            .await?
            .ok_or_else(AppError::not_found)?;
        let now = state.clock.now();
        let in_use = row.state(now) == super::types::KeyState::Active;
        if row.state(now).has_ended() {
            return Err(AppError::told(
                UiErrorKind::Conflict,
                "This key has ended before. There is nothing to do.",
            ));
        }
        if !policy::may_revoke(&viewer, row.owner_id.as_deref()) {
            return Err(AppError::Told(policy::not_yours()));
        }
        let since = now - HOUR;
        let (requests, addresses) =
            usage::store::recent_use(&mut reader, workspace, &id, since).await?;
        let plate = view::plate(
            &state.profile,
            &row.id,
            &row.label,
            &row.environment,
            &row.secret_start,
            &row.secret_end,
        );
        Ok(Consequences {
            asks_for_label: plate.live,
            plate,
            requests_last_hour: requests,
            addresses_last_hour: addresses,
            last_used_at: row.last_used_at,
            may_disable: in_use && policy::may_disable(&viewer, row.owner_id.as_deref()),
        })
    };
    load.await.map_err(AppError::into_ui)
}

/// The first request that a key made, once there is one. Asked again and again by the page that showed its secret.
#[server(name = LoadFirstCall, endpoint = "first_call", prefix = "/api")]
pub async fn first_call(key_id: String) -> Result<Option<FirstCall>, UiError> {
    use crate::{
        accounts::viewer,
        server::{clock::is_id, error::AppError, page},
        usage::{store, view},
    };

    let viewer = viewer::with_any_role(super::policy::READERS)?;
    let state = page::state()?;
    let load = async {
        if !is_id(&key_id, "key") {
            return Err(AppError::not_found());
        }
        let mut reader = state.db.read().await?;
        let first = store::first(&mut reader, viewer.workspace_id(), &key_id).await?;
        Ok(first.map(|request| FirstCall {
            summary: format!("{} \u{2192} {}", view::what(&request), request.code),
            request_id: request.id,
        }))
    };
    load.await.map_err(AppError::into_ui)
}
