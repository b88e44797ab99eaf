//! What time does to keys: reminders before an end, the end itself, drafts that were left.
//!
//! A key that has run out is refused from that millisecond on, whether or not this has run: what is done here is the
//! record, the event and the word to its people.

use serde_json::json;

use super::{
    life::Step,
    money, ops,
    store::{self, KeyRow},
    types::KeyState,
};
use crate::{
    audit,
    db::Tx,
    notices::{self, Kind, Notice},
    server::{
        clock::{DAY, Millis, rfc3339},
        error::AppError,
        state::AppState,
    },
    ui::time,
    webhooks::outbox::EventType,
    workspaces::{self, Role},
};

/// Days before its end at which a key's people are reminded.
const REMINDERS: [i64; 4] = [30, 14, 7, 1];
/// How long a form that was left waits for its maker.
pub const DRAFTS_KEPT: Millis = DAY;
/// Keys looked at in one go; the rest follow in the next.
const BATCH: i64 = 200;

/// Called by the housekeeper. Several nodes may do so at once.
pub async fn run(state: &AppState) -> Result<(), AppError> {
    let now = state.clock.now();
    let over = {
        let mut reader = state.db.read().await?;
        store::run_out(&mut reader, now, BATCH).await?
    };
    for key in over {
        end(state, &key).await?;
    }
    // The nearest first: whoever was told that a day is left needs not hear of the week before.
    for days in REMINDERS.into_iter().rev() {
        let due = {
            let mut reader = state.db.read().await?;
            store::to_remind(&mut reader, now, now + days * DAY, days, BATCH).await?
        };
        for key in due {
            remind(state, &key, days).await?;
        }
    }
    let mut tx = state.db.begin().await?;
    store::delete_drafts_before(&mut tx, now - DRAFTS_KEPT).await?;
    tx.commit().await?;
    Ok(())
}

/// Writes down that a key has run out.
async fn end(state: &AppState, key: &KeyRow) -> Result<(), AppError> {
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    tx.serialise(&format!("workspace:{}", key.workspace_id))
        .await?;
    let waited = matches!(key.stored_state(), KeyState::Requested | KeyState::Approved);
    let step = if waited { Step::Lapse } else { Step::Expire };
    if !ops::step(&mut tx, state, key, step, None).await? {
        return Ok(());
    }
    let action = if waited { "key.lapsed" } else { "key.expired" };
    let entry = audit::Entry {
        chain: key.workspace_id.clone(),
        actor: audit::ITSELF.to_owned(),
        action,
        target: key.id.clone(),
        detail: json!({ "label": key.label, "environment": key.environment }),
    };
    audit::record(&mut tx, &entry, now).await?;
    if !waited {
        ops::tell(&mut tx, state, key, EventType::KeyExpired, json!({})).await?;
        let subject = format!(
            "The {} key \u{201c}{}\u{201d} has expired",
            key.environment, key.label
        );
        let text = "Requests with it are answered 401 from now on. Create one like it, if it is still needed.";
        tell(&mut tx, state, key, subject, text.to_owned()).await?;
    } else if key.stored_state() == KeyState::Approved {
        let subject = format!(
            "\u{201c}{}\u{201d} was approved, but its secret was not made in time",
            key.label
        );
        let text = "The approval lapsed after 7 days. Send the key again, if it is still needed.";
        tell(&mut tx, state, key, subject, text.to_owned()).await?;
    }
    tx.commit().await?;
    Ok(())
}

async fn remind(state: &AppState, key: &KeyRow, days: i64) -> Result<(), AppError> {
    let now = state.clock.now();
    let Some(at) = key.expires_at else {
        return Ok(());
    };
    let mut tx = state.db.begin().await?;
    if !store::set_reminded(&mut tx, &key.workspace_id, &key.id, days).await? {
        return Ok(());
    }
    let entry = audit::Entry {
        chain: key.workspace_id.clone(),
        actor: audit::ITSELF.to_owned(),
        action: "key.expiring",
        target: key.id.clone(),
        detail: json!({ "label": key.label, "environment": key.environment, "expires_at": at, "days": days }),
    };
    audit::record(&mut tx, &entry, now).await?;
    ops::tell(
        &mut tx,
        state,
        key,
        EventType::KeyExpiring,
        json!({ "expires_at": rfc3339(at), "days": days }),
    )
    .await?;
    let subject = format!(
        "The {} key \u{201c}{}\u{201d} expires {}",
        key.environment,
        key.label,
        time::relative(at, now, "UTC")
    );
    let text = format!(
        "It ends {}. Requests with it are answered 401 from then on. Give it a longer life, or create one like it before.",
        time::absolute(at, "UTC")
    );
    tell(&mut tx, state, key, subject, text).await?;
    tx.commit().await?;
    Ok(())
}

/// How much of a key's limit for a day is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Four fifths.
    Near,
    /// A request was refused that would have gone beyond it.
    Reached,
}

/// What a key may move on a UTC day, in minor units, and when that day ends.
pub struct DailyLimit<'a> {
    pub currency: &'a str,
    pub max: i64,
    pub ends_at: Millis,
}

/// Tells a key's people how much of its limit is used, and who listens once it is reached. The caller does so once a day.
pub async fn limit_used(
    tx: &mut Tx,
    state: &AppState,
    workspace_id: &str,
    key_id: &str,
    reach: Reach,
    limit: &DailyLimit<'_>,
) -> Result<(), AppError> {
    let Some(key) = store::find(tx, workspace_id, key_id).await? else {
        return Ok(());
    };
    let amount = match state.profile.currency(limit.currency) {
        Some(currency) => money::words(limit.max, currency),
        None => format!("{} {}", limit.currency, limit.max),
    };
    let (what, text) = match reach {
        Reach::Near => (
            "has used 80 % of its limit for today",
            format!(
                "It may move {amount} a UTC day. What goes beyond that is refused until 00:00 UTC."
            ),
        ),
        Reach::Reached => {
            let more = json!({
                "limit": "daily_volume", "currency": limit.currency, "max_daily_volume": limit.max,
                "resets_at": rfc3339(limit.ends_at),
            });
            ops::tell(tx, state, &key, EventType::KeyLimitReached, more).await?;
            (
                "has reached its limit for today",
                format!(
                    "It may move {amount} a UTC day. A request that would have gone beyond that was refused with \
                     DAILY_VOLUME_EXCEEDED; more is possible from 00:00 UTC."
                ),
            )
        }
    };
    let subject = format!(
        "The {} key \u{201c}{}\u{201d} {what}",
        key.environment, key.label
    );
    tell(tx, state, &key, subject, text).await
}

/// Tells the key's owner; of a key that belongs to nobody in particular, the workspace's owners.
async fn tell(
    tx: &mut Tx,
    state: &AppState,
    key: &KeyRow,
    subject: String,
    text: String,
) -> Result<(), AppError> {
    let notice = Notice {
        kind: Kind::Keys,
        workspace_id: Some(&key.workspace_id),
        subject,
        text,
        action: "See the key",
        path: format!("/keys/{}", key.id),
    };
    if let Some(owner) = &key.owner_id {
        return notices::tell(tx, state, owner, &notice).await;
    }
    let now = state.clock.now();
    for member in workspaces::view::members(tx, &key.workspace_id).await? {
        if member.grants.at(now).include(Role::Owner) {
            notices::tell(tx, state, &member.id, &notice).await?;
        }
    }
    Ok(())
}
