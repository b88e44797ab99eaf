//! What was done to the key: who, what, and of a change what it was before.

use leptos::prelude::*;
use serde_json::Value;

use super::{super::one::Subject, Whole};
use crate::{
    accounts::store::names,
    audit,
    db::Reader,
    keys::{differences, terms::Terms},
    server::error::AppError,
    ui::{
        statement::{Difference, Differences},
        time::RelativeTime,
    },
};

/// Entries shown; the audit record has the rest.
const ENTRIES: i64 = 100;

pub(super) struct Happened {
    at: i64,
    actor: String,
    summary: String,
    /// Of a change: what it was before, and after.
    changes: Vec<Difference>,
}

pub(super) async fn load(
    reader: &mut Reader,
    subject: &Subject,
) -> Result<Vec<Happened>, AppError> {
    let key = &subject.key;
    let names = names(reader, &key.workspace_id).await?;
    let entries =
        audit::store::before(reader, &key.workspace_id, i64::MAX, Some(&key.id), ENTRIES).await?;
    Ok(entries
        .iter()
        .map(|entry| {
            let row = audit::row(entry, &names);
            Happened {
                at: row.at,
                actor: row.actor,
                summary: row.summary,
                changes: changes(subject, &entry.detail),
            }
        })
        .collect())
}

/// What an entry says of before and after; nothing if it says nothing of the kind.
fn changes(subject: &Subject, detail: &str) -> Vec<Difference> {
    let detail: Value = serde_json::from_str(detail).unwrap_or_default();
    let mut rows = Vec::new();
    if let (Some(before), Some(after)) = (detail["label_before"].as_str(), detail["label"].as_str())
    {
        rows.push(differences::value(
            "Label",
            before.to_owned(),
            after.to_owned(),
        ));
    }
    let terms = |name: &str| serde_json::from_value::<Terms>(detail[name].clone()).ok();
    if let (Some(before), Some(after)) = (terms("before"), terms("after")) {
        let profile = &subject.state.profile;
        rows.extend(differences::of_terms(
            profile,
            &before,
            &after,
            &subject.here.zone,
        ));
    }
    rows
}

pub(super) fn section(whole: &Whole, entries: Vec<Happened>) -> AnyView {
    let here = &whole.subject.here;
    let full = i64::try_from(entries.len()).is_ok_and(|many| many == ENTRIES);
    let entries = entries
        .into_iter()
        .map(|entry| {
            let changes = (!entry.changes.is_empty()).then(|| {
                view! {
                    <details class="mt-1">
                        <summary class="text-small text-ink-2 hover:text-ink">"Before and after"</summary>
                        <div class="mt-2">
                            <Differences rows=entry.changes />
                        </div>
                    </details>
                }
            });
            view! {
                <li class="border-t border-line py-2 first:border-t-0">
                    <div class="flex flex-wrap justify-between gap-x-4">
                        <span class="wrap-anywhere">
                            <span class="font-medium">{entry.actor}</span>
                            ": "
                            {entry.summary}
                        </span>
                        <RelativeTime at=entry.at now=here.now zone=here.zone.clone() />
                    </div>
                    {changes}
                </li>
            }
        })
        .collect_view();
    let more = full.then(|| {
        view! {
            <p class="mt-3 text-ink-2">"Older entries stand in the audit record."</p>
        }
    });
    view! {
        <section aria-labelledby="history">
            <h2 id="history" class="mb-2 text-h2">
                "History"
            </h2>
            <ol class="card px-4 py-2">{entries}</ol>
            {more}
        </section>
    }
    .into_any()
}
