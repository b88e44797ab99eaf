//! Server functions about keys: what pages and islands read.

use leptos::prelude::*;

use super::types::{Consequences, FirstCall, KeyDetail, KeyFormOptions, KeyPage, KeyTab};
use crate::error::UiError;

/// Keys of an environment, by tab.
#[server(name = LoadListKeys, endpoint = "list_keys", prefix = "/api")]
pub async fn list_keys(
    environment: String,
    tab: KeyTab,
    search: Option<String>,
    before: Option<String>,
) -> Result<KeyPage, UiError> {
    use super::{policy, store, view};
    use crate::{
        accounts::viewer,
        server::{
            clock::{DAY, is_id},
            error::AppError,
            page,
        },
    };
    const ROWS: usize = 50;

    let viewer = viewer::with_any_role(super::policy::READERS)?;
    let state = page::state()?;
    let environment = &page::environment(&state, &environment)?.id;
    let load = async {
        let now = state.clock.now();
        let workspace = viewer.workspace_id();
        let mut reader = state.db.read().await?;
        let search = search
            .filter(|text| !text.is_empty() && !text.contains('\0'))
            .map(|text| text.chars().take(policy::MAX_LABEL).collect::<String>());
        let after = match before.as_deref().filter(|id| is_id(id, "key")) {
            Some(id) => store::find(&mut reader, workspace, id).await?,
            None => None,
        };
        let filter = store::Filter {
            workspace_id: workspace,
            environment,
            tab,
            search: search.as_deref(),
            owner_id: None,
            scope: None,
            ends_before: None,
            sort: store::Sort::Used,
            after: after.as_ref(),
        };
        let limit = i64::try_from(ROWS).unwrap_or(0) + 1;
        let mut rows = store::list(&mut reader, filter, now, limit).await?;
        let (active, pending, inactive) =
            store::count(&mut reader, workspace, environment, now).await?;
        let counts: view::Counts = store::hours(&mut reader, workspace, environment, now - DAY)
            .await?
            .into_iter()
            .map(|(key, hour, count)| ((key, hour), count))
            .collect();
        let more = rows.len() > ROWS;
        rows.truncate(ROWS);
        Ok::<_, AppError>(KeyPage {
            older: rows.last().filter(|_| more).map(|last| last.id.clone()),
            rows: rows
                .iter()
                .map(|row| view::summary(&state.profile, &viewer, row, &counts, now))
                .collect(),
            active,
            pending,
            inactive,
        })
    };
    load.await.map_err(AppError::into_ui)
}

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
