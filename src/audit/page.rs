//! The audit record as its readers see it.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::{api::list_audit, types::AuditPage as Entries};
use crate::{
    frame::{self, Head, Here, Span, framed, loaded},
    server::clock::is_id,
    ui::{
        empty_state::EmptyState,
        pagination::Pagination,
        table::{Column, Row, Slot, Table},
        time::{RelativeTime, number},
    },
};

#[component]
pub fn AuditPage() -> impl IntoView {
    let before = use_query_map()
        .get_untracked()
        .get("before")
        .and_then(|text| text.parse().ok());
    let load = async move {
        let here = frame::here()?;
        let entries = list_audit(before).await?;
        Ok((here, entries))
    };
    loaded(load, |(here, entries)| audit_page(&here, &entries))
}

fn audit_page(here: &Here, entries: &Entries) -> AnyView {
    let columns = vec![
        Column::lead("Entry"),
        Column::new("Time").slot(Slot::FactEnd),
        Column::new("Who").slot(Slot::Fact),
        Column::new("What").slot(Slot::Wide),
        Column::new("Hash").from_wide(),
    ];
    let rows = entries
        .rows
        .iter()
        .map(|entry| Row {
            href: if is_id(&entry.target, "key") {
                format!("/keys/{}", entry.target)
            } else {
                String::new()
            },
            id: entry.seq.to_string(),
            select_label: String::new(),
            cells: vec![
                number(u64::try_from(entry.seq).unwrap_or(0)).into_any(),
                view! { <RelativeTime at=entry.at now=here.now zone=here.zone.clone() /> }
                    .into_any(),
                entry.actor.clone().into_any(),
                view! { <span title=entry.action.clone()>{entry.summary.clone()}</span> }
                    .into_any(),
                view! { <span class="font-mono text-mono text-ink-2">{entry.hash.clone()}</span> }
                    .into_any(),
            ],
            menu: None,
        })
        .collect();
    let content = if entries.rows.is_empty() {
        view! { <EmptyState text="Nothing was done here yet. Every change leaves an entry that cannot be altered." /> }
            .into_any()
    } else {
        view! { <Table caption="Audit entries" columns=columns rows=rows /> }.into_any()
    };
    let head = entries.head.as_ref().map(|(seq, hash)| {
        view! {
            <p class="mt-4 max-w-[68ch] text-small text-ink-2">
                "Each entry's hash covers the one before it. The chain ends with entry "
                {number(u64::try_from(*seq).unwrap_or(0))} ", hash "
                <code class="font-mono text-mono">{hash.clone()}</code>
                ". The operator checks all of it with " <code class="font-mono text-mono">"latchkey audit verify"</code>
                "."
            </p>
        }
    });
    let older = entries
        .older
        .map(|seq| format!("/audit?before={seq}"))
        .unwrap_or_default();
    framed(
        Head {
            heading: "Audit".to_owned(),
            purpose: "What was done in this workspace, by whom. Entries are never changed or deleted.",
            span: Span::All,
            ..Head::default()
        },
        view! {
            {content}
            <Pagination older=older />
            {head}
        },
    )
}
