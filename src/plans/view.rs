//! From stored requests to what pages and other features ask: which plan is in force, whether keys may be made, what an
//! environment still needs.

use super::{
    policy::{self, Declined, Open, PlanState, ReadinessItem, Standing, State},
    store,
};
use crate::{
    db::Reader,
    profiles::{Environment, Profile, Tier},
    server::{error::AppError, state::AppState},
    workspaces::{self, Role},
};

/// A tier's name; its id if the profile has it no more.
pub fn name(profile: &Profile, tier: &str) -> String {
    profile
        .tier(tier)
        .map_or_else(|| tier.to_owned(), |tier| tier.name.clone())
}

/// The plan in force: the one approved last, else the profile's default, else none.
pub async fn current(
    reader: &mut Reader,
    state: &AppState,
    workspace_id: &str,
) -> Result<Option<Tier>, AppError> {
    let profile = &state.profile;
    let approved = store::in_force(reader, workspace_id).await?;
    Ok(approved
        .and_then(|id| profile.tier(&id))
        .or_else(|| {
            profile
                .default_tier
                .as_deref()
                .and_then(|id| profile.tier(id))
        })
        .cloned())
}

/// Where the workspace stands with its plan.
pub async fn state_of(
    reader: &mut Reader,
    state: &AppState,
    workspace_id: &str,
) -> Result<PlanState, AppError> {
    let current = current(reader, state, workspace_id).await?;
    let last = store::of_workspace(reader, workspace_id, 1).await?.pop();
    // While one waits no other can be asked for, but the console may have given one meanwhile.
    let open = store::open(reader, workspace_id).await?.map(|row| Open {
        plan: name(&state.profile, &row.tier),
        by: row.requester,
        at: row.requested_at,
        note: row.note,
    });
    let declined = last
        .filter(|row| row.state == State::Declined)
        .map(|row| Declined {
            plan: name(&state.profile, &row.tier),
            by: row.decider,
            at: row.decided_at.unwrap_or(row.requested_at),
            reason: row.reason.unwrap_or_default(),
        });
    Ok(PlanState {
        current,
        open,
        declined,
        required: state.profile.plan_required,
    })
}

/// Whether keys may be made in the workspace, else a sentence that says why not and what follows.
pub async fn may_make_keys(
    reader: &mut Reader,
    state: &AppState,
    workspace_id: &str,
) -> Result<Result<(), String>, AppError> {
    let plan = state_of(reader, state, workspace_id).await?;
    Ok(match plan.words(state.clock.now(), "UTC") {
        Some((lead, then)) if !plan.may_make_keys() => Err(format!("{lead} {then}")),
        _ => Ok(()),
    })
}

/// What the environment needs of the workspace, and what of it is done. Empty if it needs nothing.
pub async fn readiness(
    reader: &mut Reader,
    state: &AppState,
    workspace_id: &str,
    environment: &Environment,
) -> Result<Vec<ReadinessItem>, AppError> {
    if environment.needs.is_empty() {
        return Ok(Vec::new());
    }
    let now = state.clock.now();
    let mut owners = workspaces::view::members(reader, workspace_id).await?;
    owners.retain(|member| member.grants.at(now).include(Role::Owner));
    let plan = state_of(reader, state, workspace_id).await?;
    let standing = Standing {
        owner: !owners.is_empty(),
        owner_with_factor: owners.iter().any(|owner| owner.second_factor),
        plan: &plan,
    };
    Ok(policy::readiness(&environment.needs, standing, now, "UTC"))
}

/// Whether all that the environment needs is done.
pub async fn is_open(
    reader: &mut Reader,
    state: &AppState,
    workspace_id: &str,
    environment: &Environment,
) -> Result<bool, AppError> {
    let items = readiness(reader, state, workspace_id, environment).await?;
    Ok(items.iter().all(|item| item.done))
}
