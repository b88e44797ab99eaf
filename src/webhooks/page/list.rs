//! The endpoints of an environment.

use leptos::prelude::*;

use super::{name, parts};
use crate::{
    accounts::viewer,
    frame::{self, Head, Here, framed, loaded},
    server::{error::AppError, page},
    ui::{
        button::{Kind, LinkButton},
        empty_state::EmptyState,
        layout::PrimaryAction,
        table::{Column, Row, Slot, Table},
    },
    webhooks::{
        policy::{self, MAX_ENDPOINTS},
        store::{self, EndpointRow},
        view::{self, Health},
    },
};

#[component]
pub fn WebhooksPage() -> impl IntoView {
    let load = async {
        let viewer = viewer::with_any_role(policy::READERS)?;
        let (here, state) = (frame::here()?, page::state()?);
        let read = async {
            let mut reader = state.db.read().await?;
            let all = store::endpoints(&mut reader, viewer.workspace_id()).await?;
            let taken = all.len();
            let mut rows = Vec::new();
            for row in all {
                if row.environment == here.environment.id {
                    let health = view::health(&mut reader, &row, here.now).await?;
                    rows.push((row, health));
                }
            }
            Ok::<_, AppError>((rows, taken))
        };
        let (rows, taken) = read.await.map_err(AppError::into_ui)?;
        Ok((here, rows, taken))
    };
    loaded(load, |(here, rows, taken)| list_page(&here, &rows, taken))
}

fn list_page(here: &Here, rows: &[(EndpointRow, Health)], taken: usize) -> AnyView {
    let env = &here.environment.id;
    let makes = here.viewer.has_any(policy::MAKERS) && taken < MAX_ENDPOINTS;
    let action = makes.then(|| PrimaryAction {
        label: "Add endpoint".to_owned(),
        href: format!("/webhooks/new?env={env}"),
        dialog: false,
        create: true,
    });
    let content = if rows.is_empty() {
        empty(here, makes)
    } else {
        let note = format!(
            "{taken} of {MAX_ENDPOINTS} endpoints of this workspace, over all environments."
        );
        view! {
            {table(here, rows)}
            <p class="mt-3 flex flex-wrap justify-between gap-x-4 gap-y-1 text-small text-ink-2">
                <span>{note}</span>
                <span class="flex flex-wrap gap-x-4 gap-y-1">
                    <a class="link" href="/docs/webhooks">
                        "How to verify"
                    </a>
                    <a class="link" href="/webhooks/events">
                        "Every event"
                    </a>
                    <a class="link" href=format!("/logs/webhooks?env={env}")>
                        "All deliveries"
                    </a>
                </span>
            </p>
        }
        .into_any()
    };
    framed(
        Head {
            heading: "Webhooks".to_owned(),
            purpose: "Addresses of yours that are told of events as they happen.",
            action: action.filter(|_| !rows.is_empty()),
            toasts: frame::done(&[(
                "removed",
                "The endpoint was removed. Its deliveries stay in the log.",
            )]),
            ..Head::default()
        },
        content,
    )
}

fn empty(here: &Here, makes: bool) -> AnyView {
    let action = makes.then(|| {
        view! {
            <LinkButton href=format!("/webhooks/new?env={}", here.environment.id) kind=Kind::Solid create=true>
                "Add endpoint"
            </LinkButton>
        }
        .into_any()
    });
    let text = if makes {
        "No endpoints yet. Add one, and your server hears of keys, payments and balances as they happen: signed, and tried again until it answers."
    } else {
        "No endpoints yet. A developer of this workspace can add one."
    };
    view! { <EmptyState text=text action=action link_label="How to receive them" link_href="/docs/webhooks" /> }
        .into_any()
}

fn table(here: &Here, rows: &[(EndpointRow, Health)]) -> AnyView {
    let columns = vec![
        Column::lead("Endpoint"),
        Column::new("Health").slot(Slot::Badge),
        Column::new("Events").slot(Slot::Fact).from_medium(),
        Column::new("How it does").from_wide(),
        Column::new("24 h").slot(Slot::FactEnd),
    ];
    let rows = rows
        .iter()
        .map(|(row, health)| {
            let words = health.words(here.now, &here.zone);
            let events = view::events_in_words(&row.events());
            // The id of a single type may break where it has to; a few words stay in one line.
            let events_class = if events.contains('.') {
                "wrap-anywhere"
            } else {
                "whitespace-nowrap"
            };
            let class = if health.is_failing() {
                "text-small text-danger wrap-anywhere"
            } else {
                "text-small text-ink-2 wrap-anywhere"
            };
            Row {
                href: format!("/webhooks/{}", row.id),
                id: row.id.clone(),
                cells: vec![
                    view! {
                        <span class="block min-w-0">
                            <span class="block truncate font-medium">{name(row)}</span>
                            <span class="block truncate font-mono text-mono text-ink-2">{row.url.clone()}</span>
                        </span>
                    }
                    .into_any(),
                    parts::health_badge(health),
                    view! { <span class=events_class>{events}</span> }.into_any(),
                    view! { <span class=class>{words}</span> }.into_any(),
                    parts::sparkline(health),
                ],
                ..Row::default()
            }
        })
        .collect();
    view! { <Table caption="Endpoints" columns=columns rows=rows plates=true /> }.into_any()
}
