//! The demo's sample data: one workspace, its people, keys in every state, a month of requests.
//!
//! All of it is made by the same operations that people use, at moments in the past.

mod requests;
mod samples;
mod store;
mod story;
mod webhooks;

use std::collections::HashMap;

use serde_json::json;

use self::{
    requests::Traffic,
    samples::{Fate, Places, Sample},
    story::{Cast, Story},
};
use super::{commands::Failed, ops};
use crate::{
    accounts::{
        self, Viewer,
        page::{DEMO_PASSWORD, DEMO_PEOPLE, DEMO_PIN},
        password::Typed,
        viewer::ViewerWorkspace,
    },
    audit,
    db::installation,
    keys,
    notices::{self, Notice},
    plans,
    server::{
        clock::{Clock, DAY, MINUTE, Millis},
        error::AppError,
        run::DEMO_MARK,
        state::AppState,
    },
    usage::buffer,
    workspaces::{self, Grants, Role, Roles},
};

const WORKSPACE: &str = "Harbor Coffee";
/// The mark of a demo that is complete.
const FILLED: &str = "filled";
/// Rows of requests in one transaction.
const GROUP: usize = 1000;

/// Fills an empty database and marks it; leaves one that bears the mark as it is; refuses any other.
pub async fn fill(state: &AppState) -> Result<(), Failed> {
    let (mark, inhabited) = {
        let mut reader = state.db.read().await.map_err(AppError::from)?;
        let mark = installation::value(&mut reader, DEMO_MARK)
            .await
            .map_err(AppError::from)?;
        let anyone = accounts::store::anyone(&mut reader)
            .await
            .map_err(AppError::from)?;
        (mark, anyone)
    };
    match (mark.as_deref(), inhabited) {
        (Some(FILLED), _) => return Ok(()),
        (Some(_), _) => {
            return Err(Failed(format!(
                "the demo's data was not finished; remove {} and start again",
                state.config.database_url
            )));
        }
        (None, true) => {
            return Err(Failed(
                "the database already holds people and is no demo's; name another with LATCHKEY_DATABASE_URL"
                    .to_owned(),
            ));
        }
        (None, false) => {}
    }
    if let Some(hindrance) = story::hindrance(&state.profile) {
        return Err(Failed(hindrance));
    }
    // The mark comes first: a database that was filled by half is still no place for real keys.
    let mut tx = state.db.begin().await.map_err(AppError::from)?;
    installation::set(&mut tx, DEMO_MARK, "filling")
        .await
        .map_err(AppError::from)?;
    tx.commit().await.map_err(AppError::from)?;
    Ok(sample(state).await?)
}

async fn sample(state: &AppState) -> Result<(), AppError> {
    let now = state.clock.now();
    let clock = Clock::fixed(now - 90 * DAY);
    let past = state.with_clock(clock.clone());
    let password = Typed::new(DEMO_PASSWORD);
    let people = [
        ("Ada Lindqvist", &[Role::Developer][..]),
        ("Bo Marchetti", &[Role::Checker][..]),
        ("Chi Nakamura", &[Role::Auditor][..]),
        ("Dee Okonkwo", &[Role::Owner][..]),
        ("Kim Aalto", &[][..]),
    ];
    let mut ids = Vec::new();
    for ((name, roles), (_, email)) in people.into_iter().zip(DEMO_PEOPLE) {
        let operator = roles.is_empty();
        ids.push((
            ops::create_user(&past, email, name, &password, operator).await?,
            roles,
        ));
        clock.advance(7 * MINUTE);
    }
    let owner_email = DEMO_PEOPLE[3].1;
    let workspace_id = ops::create_workspace(&past, WORKSPACE, owner_email).await?;
    let pin_hash = past.hasher.hash(&Typed::new(DEMO_PIN)).await?;
    let mut tx = past.db.begin().await?;
    for (id, roles) in &ids {
        accounts::store::set_pin(&mut tx, id, &pin_hash).await?;
        let joins = !roles.is_empty() && *roles != [Role::Owner];
        if joins {
            let roles = Grants::of(roles);
            workspaces::store::add_member(&mut tx, &workspace_id, id, &roles, clock.now()).await?;
            let entry = audit::Entry {
                chain: workspace_id.clone(),
                actor: audit::CONSOLE.to_owned(),
                action: "member.added",
                target: id.clone(),
                detail: json!({ "roles": roles.to_string() }),
            };
            audit::record(&mut tx, &entry, clock.now()).await?;
            let notice = Notice {
                kind: notices::Kind::Membership,
                workspace_id: Some(&workspace_id),
                subject: format!("You were added to {WORKSPACE} as {roles}."),
                text: "What you may do there follows from your roles.".to_owned(),
                action: "See the workspace",
                path: "/dashboard".to_owned(),
            };
            notices::tell(&mut tx, &past, id, &notice).await?;
        }
    }
    tx.commit().await?;
    // Where no plan is in force by itself, one was given from the start.
    let profile = &state.profile;
    if let (None, Some(tier)) = (&profile.default_tier, profile.tiers.first()) {
        plans::ops::approve_at_console(&past, &workspace_id, &tier.id).await?;
    }
    let person = |at: usize| {
        let roles = people[at].1;
        Viewer {
            user_id: ids[at].0.clone(),
            email: DEMO_PEOPLE[at].1.to_owned(),
            name: people[at].0.to_owned(),
            has_pin: true,
            has_totp: false,
            has_passkey: false,
            operator: roles.is_empty(),
            address: None,
            session: None,
            unread: 0,
            waiting: 0,
            workspace: (!roles.is_empty()).then(|| ViewerWorkspace {
                id: workspace_id.clone(),
                name: WORKSPACE.to_owned(),
                roles: Roles::of(roles),
                suspended: false,
                require_second_factor: false,
            }),
            workspaces: Vec::new(),
            acting: None,
            operators: Vec::new(),
        }
    };
    let cast = Cast {
        ada: person(0),
        bo: person(1),
        dee: person(3),
        kim: person(4),
    };
    let places = Places::of(profile)
        .ok_or_else(|| AppError::Internal("the profile has no environment".to_owned()))?;
    let samples = samples::of(profile);
    let mut story = Story {
        past,
        clock,
        now,
        cast: &cast,
        places: &places,
        made: HashMap::new(),
    };
    story.tell(&samples).await?;
    for sample in samples {
        if let Some(id) = story.made.get(sample.label) {
            traffic(state, &workspace_id, sample, id, now).await?;
        }
    }
    webhooks::history(state, &workspace_id, now).await?;
    let mut tx = state.db.begin().await?;
    installation::set(&mut tx, DEMO_MARK, FILLED).await?;
    tx.commit().await?;
    Ok(())
}

/// Writes the requests that were made with a key.
async fn traffic(
    state: &AppState,
    workspace_id: &str,
    sample: &Sample,
    id: &str,
    now: Millis,
) -> Result<(), AppError> {
    let (key, secrets) = {
        let mut reader = state.db.read().await?;
        let key = keys::ops::find(&mut reader, workspace_id, id).await?;
        let secrets = keys::store::secrets(&mut reader, workspace_id, id).await?;
        (key, secrets)
    };
    let disabled_at = match sample.fate {
        Fate::Disabled(days) => Some(now - days * DAY),
        _ => None,
    };
    let traffic = Traffic {
        state,
        sample,
        key: &key,
        secrets: &secrets,
        disabled_at,
        now,
    };
    for group in traffic.rows().chunks(GROUP) {
        buffer::store(&state.db, group).await?;
    }
    Ok(())
}
