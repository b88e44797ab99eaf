//! What several of the pages about webhooks show: how an endpoint does, and a list of deliveries.

use leptos::prelude::*;

use super::host;
use crate::{
    frame::Here,
    ui::{
        badge::Badge,
        chart::Sparkline,
        table::{Column, Row, Slot, Table},
        time::{ExactTime, RelativeTime, relative, zone_word},
    },
    usage::view::inert,
    webhooks::{
        log::store::DeliveryRow,
        types::DeliveryState,
        view::{Health, came_to, delivery_badge, whole},
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
    view! {
        <span class="inline-flex items-center gap-2">
            <Sparkline title="Tries in the last 24 hours, by hour" points=points />
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
                view! { <span class="wrap-anywhere">{answered(row)}</span> }.into_any(),
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

/// What the last try came to.
pub fn answered(row: &DeliveryRow) -> String {
    match came_to(row.last_status, row.last_error.as_deref()) {
        Some(why) => why,
        None => row
            .last_status
            .map_or_else(|| "\u{2013}".to_owned(), |status| status.to_string()),
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
