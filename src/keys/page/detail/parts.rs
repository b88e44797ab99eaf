//! What bounds the key, part by part, and what it was used for.

use leptos::prelude::*;

use super::{super::one::Subject, Whole};
use crate::{
    db::Reader,
    keys::{
        allow::{AllowEntry, ListKind},
        money, statement,
        terms::Terms,
        types::KeyState,
    },
    profiles::ScopeFlag,
    server::error::AppError,
    ui::{
        badge::{Badge, Tone},
        button::LinkButton,
        key_value::{Fact, KeyValue},
        meter::Meter,
        time::absolute,
    },
    usage::{
        self,
        page::{When, requests_table},
        types::{RequestFilter, RequestSummary},
    },
};

/// Requests shown; the log has the rest.
const LATEST: i64 = 20;

/// Leads to where this part is changed, for who may.
fn change(whole: &Whole, label: &'static str, path: &str) -> Option<AnyView> {
    let in_use = matches!(whole.subject.state(), KeyState::Active | KeyState::Disabled);
    let href = format!("{}/{path}", whole.subject.href());
    (whole.manages() && in_use)
        .then(|| view! { <LinkButton href=href>{label}</LinkButton> }.into_any())
}

fn titled(
    id: &'static str,
    title: &'static str,
    action: Option<AnyView>,
    body: AnyView,
) -> AnyView {
    view! {
        <section aria-labelledby=id>
            <div class="mb-2 flex flex-wrap items-center justify-between gap-2">
                <h2 id=id class="text-h2">
                    {title}
                </h2>
                {action}
            </div>
            {body}
        </section>
    }
    .into_any()
}

pub(super) fn permissions(whole: &Whole) -> AnyView {
    let profile = &whole.subject.state.profile;
    let rows = whole
        .subject
        .key
        .terms()
        .scopes
        .into_iter()
        .map(|id| {
            let known = profile.scope(&id);
            let about = known.map_or_else(
                || "No call asks for this any more.".to_owned(),
                |scope| scope.about.clone(),
            );
            let has = |flag| known.is_some_and(|scope| scope.flags.contains(&flag));
            let money = has(ScopeFlag::MovesMoney)
                .then(|| view! { <Badge tone=Tone::Warning word="Moves money" /> });
            let personal = has(ScopeFlag::PersonalData)
                .then(|| view! { <Badge tone=Tone::Info word="Personal data" /> });
            view! {
                <li class="flex flex-wrap items-center gap-x-4 gap-y-1 border-t border-line py-2 first:border-t-0">
                    <span class="font-mono text-mono wrap-anywhere sm:w-56">{id}</span>
                    <span class="min-w-0 flex-1 text-ink-2">{about}</span>
                    <span class="flex gap-2">{money} {personal}</span>
                </li>
            }
        })
        .collect_view();
    titled(
        "permissions",
        "Permissions",
        change(whole, "Edit permissions", "edit"),
        view! { <ul class="card px-4 py-2">{rows}</ul> }.into_any(),
    )
}

/// `moved`: amounts of today, by currency.
pub(super) fn limits(whole: &Whole, moved: &[(String, i64)]) -> AnyView {
    let subject = &whole.subject;
    let (profile, terms) = (&subject.state.profile, subject.key.terms());
    let zone = &subject.here.zone;
    let mut facts = Vec::new();
    if !profile.currencies.is_empty() {
        if let Some(kind) = terms.limits.kind {
            facts.push(Fact::new("Currency type", kind.word().to_owned()));
        }
        for (label, amount) in [
            ("Most per request", terms.limits.max_amount),
            ("Most per UTC day", terms.limits.max_daily),
        ] {
            let words = statement::amount(profile, &terms, amount);
            facts.push(Fact::new(
                label,
                words.unwrap_or_else(|| "No limit".to_owned()),
            ));
        }
    }
    facts.push(Fact::new(
        "Expires",
        match (subject.key.expires_at, statement::end(terms.expiry, zone)) {
            (Some(at), _) => absolute(at, zone),
            (None, Some(words)) => words,
            (None, None) => "Never".to_owned(),
        },
    ));
    titled(
        "limits",
        "Limits",
        change(whole, "Edit limits", "edit"),
        view! {
            <div class="space-y-4">
                {today(whole, &terms, moved)} <div class="card px-4 py-2">
                    <KeyValue items=facts />
                </div>
            </div>
        }
        .into_any(),
    )
}

/// What of the day's limit is used; of a key without one, what it has moved.
#[expect(
    clippy::cast_precision_loss,
    reason = "a bar is drawn from it; beyond 2^53 minor units a pixel may be off"
)]
fn today(whole: &Whole, terms: &Terms, moved: &[(String, i64)]) -> Option<AnyView> {
    let profile = &whole.subject.state.profile;
    let words = |id: &str, amount: i64| match profile.currency(id) {
        Some(currency) => money::words(amount, currency),
        None => format!("{amount} of the smallest unit of {id}"),
    };
    let limits = &terms.limits;
    if let (Some(id), Some(max)) = (limits.currency.as_deref(), limits.max_daily) {
        let spent = moved.iter().find(|(currency, _)| currency == id);
        let spent = spent.map_or(0, |(_, spent)| *spent);
        let text = format!("{} of {}", words(id, spent), words(id, max));
        let view = view! {
            <div class="card p-4">
                <Meter
                    label="Moved today"
                    value=spent as f64
                    max=max as f64
                    text=text
                    note="Reserved amounts count too. The day ends at 00:00 UTC."
                />
            </div>
        };
        return Some(view.into_any());
    }
    let items: Vec<Fact> = moved
        .iter()
        .map(|(id, spent)| Fact::new("Moved today (UTC)", words(id, *spent)))
        .collect();
    (!items.is_empty()).then(|| {
        view! {
            <div class="card px-4 py-2">
                <KeyValue items=items />
            </div>
        }
        .into_any()
    })
}

pub(super) fn security(whole: &Whole) -> AnyView {
    let allow = &whole.subject.state.profile.allow;
    let entries = whole.subject.key.allow();
    let lists = [
        (ListKind::Ip, "IP addresses", "any address", allow.addresses),
        (ListKind::Domain, "Domains", "any domain", allow.domains),
    ]
    .into_iter()
    .filter(|(kind, .., offered)| *offered || entries.iter().any(|entry| entry.kind == *kind))
    .map(|(kind, title, any, _)| list(whole, &entries, kind, title, any))
    .collect_view();
    titled(
        "security",
        "Security",
        change(whole, "API Key Security", "security"),
        view! { <div class="space-y-6">{lists}</div> }.into_any(),
    )
}

fn list(
    whole: &Whole,
    entries: &[AllowEntry],
    kind: ListKind,
    title: &'static str,
    any: &str,
) -> AnyView {
    let zone = &whole.subject.here.zone;
    let rows: Vec<_> = entries
        .iter()
        .filter(|entry| entry.kind == kind)
        .map(|entry| {
            let by = whole.panels.name(&entry.added_by);
            view! {
                <li class="flex flex-wrap justify-between gap-x-4 border-t border-line py-2 first:border-t-0">
                    <span class="min-w-0 wrap-anywhere">
                        <span class="font-mono text-mono">{entry.shown()}</span>
                        <span class="ml-3 text-ink-2">{entry.note.clone()}</span>
                    </span>
                    <span class="text-small text-ink-2">
                        {format!("added by {by}, {}", absolute(entry.added_at, zone))}
                    </span>
                </li>
            }
        })
        .collect();
    let body = if rows.is_empty() {
        view! { <p class="card p-4 text-ink-2">{format!("Not bound: it works from {any}.")}</p> }
            .into_any()
    } else {
        view! { <ul class="card px-4 py-2">{rows}</ul> }.into_any()
    };
    view! {
        <div>
            <h3 class="mb-2 font-medium">{title}</h3>
            {body}
        </div>
    }
    .into_any()
}

pub(super) async fn requests(
    reader: &mut Reader,
    subject: &Subject,
) -> Result<Vec<RequestSummary>, AppError> {
    let key = &subject.key;
    let filter = RequestFilter {
        key: Some(key.id.clone()),
        ..RequestFilter::default()
    };
    let rows = usage::store::list(
        reader,
        &key.workspace_id,
        &key.environment,
        &filter,
        None,
        LATEST,
    )
    .await?;
    let profile = &subject.state.profile;
    Ok(rows
        .iter()
        .map(|row| usage::view::summary(profile, row))
        .collect())
}

pub(super) fn usage(whole: &Whole, requests: &[RequestSummary]) -> AnyView {
    let key = &whole.subject.key;
    let all = format!("/logs?env={}&key={}", key.environment, key.id);
    titled(
        "usage",
        "Latest requests",
        Some(view! { <LinkButton href=all>"All requests of this key"</LinkButton> }.into_any()),
        requests_table(&whole.subject.here, requests, When::Ago),
    )
}
