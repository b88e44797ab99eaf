//! What several of the pages about webhooks show: how an endpoint does, and a list of deliveries.

use leptos::prelude::*;

use super::host;
use crate::{
    frame::Here,
    ui::{
        badge::Badge,
        chart::{Meaning, Sparkline},
        table::{Column, Row, Slot, Table},
        time::{ExactTime, RelativeTime, relative, zone_word},
    },
    usage::view::inert,
    webhooks::{
        log::store::DeliveryRow,
        types::DeliveryState,
        view::{Health, delivery_badge, whole},
    },
};

pub(super) fn health_badge(health: &Health) -> AnyView {
    let (tone, shape, word) = health.badge();
    view! { <Badge tone=tone shape=shape word=word /> }.into_any()
}

/// The tries of a day by hour, with their number.
pub(super) fn sparkline(health: &Health) -> AnyView {
    #[expect(clippy::cast_precision_loss, reason = "bars are drawn from it")]
    let points = health
        .came_through
        .iter()
        .zip(&health.failed)
        .map(|(came, failed)| (came + failed) as f64)
        .collect();
    let meaning = if health.is_failing() {
        Meaning::Failed
    } else {
        Meaning::Allowed
    };
    view! {
        <span class="inline-flex items-center gap-2">
            <Sparkline title="Tries in the last 24 hours, by hour" points=points meaning=meaning />
            <span class="tabular-nums">{whole(health.tries())}</span>
        </span>
    }
    .into_any()
}

/// How a list of deliveries tells the time, and whether it says where they went.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    OfOneEndpoint,
    All,
}

pub fn deliveries_table(here: &Here, rows: &[DeliveryRow], listed: Listed) -> AnyView {
    let all = listed == Listed::All;
    let mut columns = vec![
        Column::lead(if all {
            format!("Time ({})", zone_word(here.now, &here.zone))
        } else {
            "Time".to_owned()
        }),
        Column::new("State").slot(Slot::Badge),
        Column::new("Event").slot(Slot::Fact),
        Column::new("Tries").number().from_medium(),
        Column::new("Last answer").slot(Slot::FactEnd),
        Column::new("Next try").from_wide(),
    ];
    if all {
        columns.insert(3, Column::new("Endpoint").from_medium());
    }
    let rows = rows
        .iter()
        .map(|row| {
            let time = if all {
                view! { <ExactTime at=row.created_at zone=here.zone.clone() /> }.into_any()
            } else {
                view! { <RelativeTime at=row.created_at now=here.now zone=here.zone.clone() /> }
                    .into_any()
            };
            let (tone, shape, word) = delivery_badge(row.state(), row.attempts);
            let event = inert(&row.event_type);
            let mut cells = vec![
                time,
                view! { <Badge tone=tone shape=shape word=word /> }.into_any(),
                view! { <span class="font-mono text-mono wrap-anywhere">{event}</span> }.into_any(),
                row.attempts.to_string().into_any(),
                answered(row).into_any(),
                next(row, here).into_any(),
            ];
            if all {
                let host = host(&row.url);
                let cell = view! { <span class="truncate">{host}</span> };
                cells.insert(3, cell.into_any());
            }
            Row {
                href: format!("/logs/webhooks/{}", row.id),
                id: row.id.clone(),
                cells,
                ..Row::default()
            }
        })
        .collect();
    view! { <Table caption="Deliveries" columns=columns rows=rows /> }.into_any()
}

/// What the last try was answered, in a word; why there was no answer stands with the delivery.
fn answered(row: &DeliveryRow) -> String {
    match (row.last_status, &row.last_error) {
        (Some(status), _) => status.to_string(),
        (None, Some(_)) => "No answer".to_owned(),
        (None, None) => "\u{2013}".to_owned(),
    }
}

/// When it is tried next.
pub fn next(row: &DeliveryRow, here: &Here) -> String {
    match (row.state(), row.due_at) {
        (DeliveryState::Waiting, Some(due)) if due <= here.now => "now".to_owned(),
        (DeliveryState::Waiting, Some(due)) => relative(due, here.now, &here.zone),
        (DeliveryState::Waiting, None) => "now".to_owned(),
        _ => "\u{2013}".to_owned(),
    }
}
