//! Server functions about keys: what pages and islands read.

use leptos::prelude::*;

use super::types::{Consequences, FirstCall, KeyDetail, KeyFormOptions};
use crate::error::UiError;

/// One key, as lists show it.
#[server(name = LoadKeyDetail, endpoint = "key_detail", prefix = "/api")]
pub async fn key_detail(id: String) -> Result<KeyDetail, UiError> {
    use super::{ops, policy, view};
    use crate::{
        accounts::viewer,
        server::{error::AppError, page},
    };

    let viewer = viewer::with_any_role(policy::READERS)?;
    let state = page::state()?;
    let load = async {
        let mut reader = state.db.read().await?;
        let row = ops::find(&mut reader, viewer.workspace_id(), &id).await?;
        let (counts, now) = (view::Counts::new(), state.clock.now());
        let key = view::summary(&state.profile, &viewer, &row, &counts, now);
        Ok(KeyDetail { key })
    };
    load.await.map_err(AppError::into_ui)
}

/// What the form for a new key offers this person.
#[server(name = LoadKeyForm, endpoint = "key_form", prefix = "/api")]
pub async fn key_form() -> Result<KeyFormOptions, UiError> {
    use super::types::{EnvironmentOption, PresetOption, ScopeGroupOption, ScopeOption};
    use crate::{accounts::viewer, profiles::ScopeFlag, server::page, workspaces::Role};

    viewer::with_any_role(&[Role::Developer])?;
    let state = page::state()?;
    let profile = &state.profile;
    Ok(KeyFormOptions {
        platform: profile.name.clone(),
        environments: profile
            .environments
            .iter()
            .map(|environment| EnvironmentOption {
                id: environment.id.clone(),
                word: environment.word.clone(),
                about: environment.about.clone(),
                live: environment.live,
            })
            .collect(),
        groups: profile
            .groups
            .iter()
            .map(|group| ScopeGroupOption {
                name: group.name.clone(),
                scopes: group
                    .scopes
                    .iter()
                    .map(|scope| ScopeOption {
                        id: scope.id.clone(),
                        about: scope.about.clone(),
                        reads: scope.verb == "read",
                        moves_money: scope.flags.contains(&ScopeFlag::MovesMoney),
                        personal_data: scope.flags.contains(&ScopeFlag::PersonalData),
                    })
                    .collect(),
            })
            .collect(),
        presets: profile
            .presets
            .iter()
            .map(|preset| PresetOption {
                name: preset.name.clone(),
                scopes: preset.scopes.clone(),
            })
            .collect(),
    })
}

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
