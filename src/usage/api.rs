//! Server functions about requests and counts.

use leptos::prelude::*;

use super::types::{Overview, RequestDetail, RequestFilter, RequestPage};
use crate::error::UiError;

/// The state of an environment at a glance.
#[server(name = LoadOverview, endpoint = "overview", prefix = "/api")]
pub async fn overview(environment: String) -> Result<Overview, UiError> {
    use super::{store, view};
    use crate::{
        accounts::viewer,
        keys,
        server::{
            clock::{DAY, HOUR},
            error::AppError,
            page,
        },
    };
    /// Requests shown on the overview; the log has the rest.
    const RECENT: i64 = 8;
    /// Reasons to deny shown.
    const REASONS: usize = 5;

    let viewer = viewer::with_any_role(keys::policy::READERS)?;
    let state = page::state()?;
    let environment = &page::environment(&state, &environment)?.id;
    let load = async {
        let now = state.clock.now();
        let workspace = viewer.workspace_id();
        let mut reader = state.db.read().await?;
        let (active_keys, ..) =
            keys::store::count(&mut reader, workspace, environment, now).await?;
        let two_days =
            store::hours(&mut reader, workspace, environment, None, now - 2 * DAY).await?;
        let today = now / HOUR - 23;
        let hours = view::by_hour(&two_days, 24, now);
        let mut denials: std::collections::BTreeMap<&str, i64> = std::collections::BTreeMap::new();
        for (hour, code, count) in &two_days {
            if *hour >= today && code != crate::gateway::judge::VALID {
                *denials.entry(code).or_default() += count;
            }
        }
        let mut denials: Vec<(String, i64)> = denials
            .into_iter()
            .map(|(code, count)| (code.to_owned(), count))
            .collect();
        denials.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        denials.truncate(REASONS);
        let recent = store::list(
            &mut reader,
            workspace,
            environment,
            &RequestFilter::default(),
            None,
            RECENT,
        )
        .await?;
        Ok::<_, AppError>(Overview {
            active_keys,
            requests_24h: hours.iter().map(|hour| hour.allowed + hour.denied).sum(),
            denied_24h: hours.iter().map(|hour| hour.denied).sum(),
            requests_before: two_days
                .iter()
                .filter(|(hour, ..)| *hour < today && *hour >= today - 24)
                .map(|(_, _, count)| count)
                .sum(),
            hours,
            denials,
            recent: recent
                .iter()
                .map(|row| view::summary(&state.profile, row))
                .collect(),
        })
    };
    load.await.map_err(AppError::into_ui)
}

/// Requests of an environment, newest first.
#[server(name = LoadListRequests, endpoint = "list_requests", prefix = "/api")]
pub async fn list_requests(
    environment: String,
    filter: RequestFilter,
    before: Option<String>,
) -> Result<RequestPage, UiError> {
    use super::{store, view};
    use crate::{
        accounts::viewer,
        keys::policy,
        server::{clock::is_id, error::AppError, page},
    };
    const ROWS: usize = 50;

    let viewer = viewer::with_any_role(policy::READERS)?;
    let state = page::state()?;
    let environment = &page::environment(&state, &environment)?.id;
    let load = async {
        let mut reader = state.db.read().await?;
        let limit = i64::try_from(ROWS).unwrap_or(0) + 1;
        let mut rows = store::list(
            &mut reader,
            viewer.workspace_id(),
            environment,
            &filter.clean(),
            before.as_deref().filter(|id| is_id(id, "req")),
            limit,
        )
        .await?;
        let more = rows.len() > ROWS;
        rows.truncate(ROWS);
        Ok::<_, AppError>(RequestPage {
            older: rows.last().filter(|_| more).map(|last| last.id.clone()),
            rows: rows
                .iter()
                .map(|row| view::summary(&state.profile, row))
                .collect(),
        })
    };
    load.await.map_err(AppError::into_ui)
}

/// One request and how it was judged.
#[server(name = LoadRequestDetail, endpoint = "request_detail", prefix = "/api")]
pub async fn request_detail(id: String) -> Result<RequestDetail, UiError> {
    use super::{store, view};
    use crate::{
        accounts::viewer,
        gateway::judge::{self, Code},
        keys::policy,
        server::{
            clock::{DAY, HOUR, is_id},
            error::AppError,
            page,
        },
    };

    let viewer = viewer::with_any_role(policy::READERS)?;
    let state = page::state()?;
    let load = async {
        if !is_id(&id, "req") {
            return Err(AppError::not_found());
        }
        let workspace = viewer.workspace_id();
        let mut reader = state.db.read().await?;
        let row = store::find(&mut reader, workspace, &id)
            .await?
            .ok_or_else(AppError::not_found)?;
        let since = state.clock.now() - DAY;
        let hours = store::hours(
            &mut reader,
            workspace,
            &row.environment,
            Some(&row.key_id),
            since,
        )
        .await?;
        let mut decided = false;
        // What only some requests are asked stands there if it decided.
        let deciding = |code: &Code| code.as_str() == row.code;
        let trace = judge::BEFORE
            .into_iter()
            .filter(deciding)
            .chain(judge::order())
            .chain(judge::AFTER.into_iter().filter(deciding))
            .map(|code| {
                let code = code.as_str().to_owned();
                // What could not be read was refused before its scope was looked at.
                decided |= row.code == Code::BadRequest.as_str()
                    && code == Code::InsufficientScope.as_str();
                let passed = (!decided).then_some(code != row.code);
                decided |= code == row.code;
                (code, passed)
            })
            .collect();
        Ok(RequestDetail {
            summary: view::summary(&state.profile, &row),
            door: row.door.clone(),
            scope: row.scope.as_deref().map(view::inert),
            agent: row.agent.as_deref().map(view::inert),
            amount: view::amount(&state.profile, &row),
            reservation: row.reservation_id.clone(),
            granted: serde_json::from_str(&row.scopes).unwrap_or_default(),
            trace,
            alike_24h: hours
                .iter()
                .filter(|(hour, code, _)| *hour >= since / HOUR && *code == row.code)
                .map(|(_, _, count)| count)
                .sum(),
        })
    };
    load.await.map_err(AppError::into_ui)
}
