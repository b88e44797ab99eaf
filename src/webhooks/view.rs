//! From stored rows to what pages say of an endpoint.

use super::{
    log::store as log,
    policy::ALL,
    store::EndpointRow,
    types::{DeliveryState, EndpointState},
};
use crate::{
    db::Reader,
    server::{
        clock::{DAY, HOUR, Millis},
        error::AppError,
    },
    ui::{
        badge::{Shape, Tone},
        time::{absolute, count, number, relative},
    },
    usage::view::inert,
};

/// How an endpoint does.
#[derive(Clone, Debug)]
pub struct Health {
    pub state: EndpointState,
    pub state_since: Millis,
    pub failing_since: Option<Millis>,
    /// Tries in each of the last 24 hours, oldest first: which came through, and which did not.
    pub came_through: Vec<i64>,
    pub failed: Vec<i64>,
    /// What the last try came to, if it did not come through.
    pub error: Option<String>,
    pub next_try: Option<Millis>,
}

/// Hours that a sparkline and a chart show.
const HOURS: i64 = 24;

pub async fn health(
    reader: &mut Reader,
    row: &EndpointRow,
    now: Millis,
) -> Result<Health, AppError> {
    let rows = log::hours(reader, &row.workspace_id, &row.id, now - DAY).await?;
    let this_hour = now / HOUR;
    let pick = |of: fn(&(i64, i64, i64)) -> i64| -> Vec<i64> {
        (this_hour - HOURS + 1..=this_hour)
            .map(|hour| rows.iter().find(|row| row.0 == hour).map_or(0, of))
            .collect()
    };
    let failing = row.failing_since.is_some();
    let error = if failing {
        log::last_try(reader, &row.workspace_id, &row.id)
            .await?
            .and_then(|(status, error)| came_to(status, error.as_deref()))
    } else {
        None
    };
    let next_try = if failing && row.state() == EndpointState::Enabled {
        log::next_try(reader, &row.workspace_id, &row.id).await?
    } else {
        None
    };
    Ok(Health {
        state: row.state(),
        state_since: row.state_since,
        failing_since: row.failing_since,
        came_through: pick(|row| row.1),
        failed: pick(|row| row.2 - row.1),
        error,
        next_try,
    })
}

/// What a try came to, if it did not come through: "timeout after 15 s", "answered 500".
pub fn came_to(status: Option<i64>, error: Option<&str>) -> Option<String> {
    match (status, error) {
        (_, Some(error)) => Some(inert(error)),
        (Some(status), None) if !(200..300).contains(&status) => Some(format!("answered {status}")),
        _ => None,
    }
}

impl Health {
    pub fn tries(&self) -> i64 {
        self.came_through.iter().sum::<i64>() + self.failed.iter().sum::<i64>()
    }

    pub fn is_failing(&self) -> bool {
        self.state == EndpointState::Enabled && self.failing_since.is_some()
    }

    pub fn badge(&self) -> (Tone, Shape, &'static str) {
        match self.state {
            EndpointState::Enabled if self.failing_since.is_some() => {
                (Tone::Danger, Shape::Triangle, "Failing")
            }
            EndpointState::Enabled if self.tries() == 0 => (Tone::Neutral, Shape::Ring, "Quiet"),
            EndpointState::Enabled => (Tone::Success, Shape::Disc, "Healthy"),
            EndpointState::Disabled => (Tone::Neutral, Shape::Ring, "Disabled"),
            // Somebody has to look: nothing arrives there any more.
            EndpointState::Failed | EndpointState::Gone => {
                (Tone::Danger, Shape::Square, "Switched off")
            }
            EndpointState::Removed => (Tone::Neutral, Shape::Square, "Removed"),
        }
    }

    /// The sentence beside the badge.
    pub fn words(&self, now: Millis, zone: &str) -> String {
        let since = absolute(self.state_since, zone);
        match self.state {
            EndpointState::Disabled => {
                format!("Off since {since}. What comes up is kept as missed.")
            }
            EndpointState::Failed => {
                format!(
                    "Switched off {since} after failing for 5 days. Nothing arrives until it is turned on."
                )
            }
            EndpointState::Gone => {
                format!(
                    "Switched off {since}: it answered 410 Gone. Nothing arrives until it is turned on."
                )
            }
            EndpointState::Removed => format!("Removed {since}."),
            EndpointState::Enabled => match self.failing_since {
                Some(at) => self.failing(at, now, zone),
                None if self.tries() == 0 => "Nothing was sent in the last 24 h.".to_owned(),
                None => {
                    let came: i64 = self.came_through.iter().sum();
                    format!(
                        "{} of {} in 24 h",
                        whole(came),
                        count(
                            u64::try_from(self.tries()).unwrap_or(0),
                            "try came through",
                            "tries came through"
                        ),
                    )
                }
            },
        }
    }

    fn failing(&self, at: Millis, now: Millis, zone: &str) -> String {
        let why = self
            .error
            .as_ref()
            .map(|error| format!(": {error}"))
            .unwrap_or_default();
        let next = match self.next_try {
            Some(due) if due <= now => ", next try now".to_owned(),
            Some(due) => format!(", next try {}", relative(due, now, zone)),
            None => String::new(),
        };
        format!("Since {}{why}{next}", absolute(at, zone))
    }
}

pub fn whole(count: i64) -> String {
    number(u64::try_from(count).unwrap_or(0))
}

/// What an endpoint gets, in short.
pub fn events_in_words(events: &[String]) -> String {
    match events {
        [one] if one == ALL => "All events".to_owned(),
        [one] => one.clone(),
        [one, rest @ ..] => format!("{one} +{}", rest.len()),
        [] => "No events".to_owned(),
    }
}

pub fn delivery_badge(state: DeliveryState, attempts: i64) -> (Tone, Shape, &'static str) {
    match state {
        DeliveryState::Waiting if attempts == 0 => (Tone::Info, Shape::Clock, "Waiting"),
        DeliveryState::Waiting => (Tone::Warning, Shape::Clock, "Tried again"),
        DeliveryState::Delivered => (Tone::Success, Shape::Check, "Delivered"),
        DeliveryState::Failed => (Tone::Danger, Shape::Times, "Failed"),
        DeliveryState::Missed => (Tone::Neutral, Shape::Dashed, "Missed"),
        DeliveryState::Dropped => (Tone::Neutral, Shape::Square, "Dropped"),
    }
}

/// What a state means, as a filter offers it.
pub const fn delivery_word(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Waiting => "Waiting or tried again",
        DeliveryState::Delivered => "Delivered",
        DeliveryState::Failed => "Failed",
        DeliveryState::Missed => "Missed",
        DeliveryState::Dropped => "Dropped",
    }
}
