//! Every type of event: when it is sent, what it says, and who here gets it.

use leptos::prelude::*;

use crate::{
    frame::{Head, Here, Span, framed, loaded},
    server::state::AppState,
    ui::{
        badge::{Badge, Tone},
        code_block::{CodeBlock, Lang, Sample},
        icon::{Icon, IconName},
        layout::{Crumb, Width},
    },
    webhooks::{
        catalogue::{self, EventKind},
        store::EndpointRow,
        types::EndpointState,
    },
};

#[component]
pub fn EventsPage() -> impl IntoView {
    loaded(super::here_with_own(), |(state, here, own)| {
        events(&state, &here, &own)
    })
}

fn events(state: &AppState, here: &Here, own: &[EndpointRow]) -> AnyView {
    let mut groups: Vec<(&str, Vec<&EventKind>)> = Vec::new();
    for kind in catalogue::all(&state.profile) {
        match groups.iter_mut().find(|(name, _)| *name == kind.group) {
            Some((_, kinds)) => kinds.push(kind),
            None => groups.push((&kind.group, vec![kind])),
        }
    }
    let sections = groups
        .into_iter()
        .enumerate()
        .map(|(at, (name, kinds))| {
            let id = format!("group-{at}");
            let kinds = kinds
                .into_iter()
                .map(|kind| entry(here, own, kind))
                .collect_view();
            view! {
                <section aria-labelledby=id.clone()>
                    <h2 id=id.clone() class="mb-3 text-h2">
                        {name.to_owned()}
                    </h2>
                    <div class="card divide-y divide-line">{kinds}</div>
                </section>
            }
        })
        .collect_view();
    framed(
        Head {
            heading: "Events".to_owned(),
            purpose: "Every type that can be sent to an endpoint, with its shape.",
            crumbs: vec![Crumb::new("Webhooks", "/webhooks")],
            span: Span::One,
            width: Width::Form,
            ..Head::default()
        },
        view! { <div class="space-y-8">{sections}</div> },
    )
}

/// One type; its anchor is its name.
fn entry(here: &Here, own: &[EndpointRow], kind: &EventKind) -> AnyView {
    let getting: Vec<&EndpointRow> = own
        .iter()
        .filter(|row| row.state() == EndpointState::Enabled && row.takes(&kind.id))
        .collect();
    let word = &here.environment.word;
    let who = if getting.is_empty() {
        view! { <p class="text-ink-2">{format!("No endpoint of yours in {word} is sent it.")}</p> }
            .into_any()
    } else {
        let links = getting
            .iter()
            .map(|row| {
                view! {
                    <li>
                        <a class="link wrap-anywhere" href=format!("/webhooks/{}", row.id)>
                            {row.url.clone()}
                        </a>
                    </li>
                }
            })
            .collect_view();
        view! {
            <div>
            <p class="text-ink-2">{format!("Sent in {word} to:")}</p>
            <ul class="mt-1 space-y-1">{links}</ul>
            </div>
        }
        .into_any()
    };
    let from = if kind.of_platform {
        here.platform.clone()
    } else {
        "this portal".to_owned()
    };
    let slug = kind.id.replace('.', "-");
    let pretty = |value| serde_json::to_string_pretty(value).unwrap_or_default();
    let (example, schema) = (pretty(&kind.example), pretty(&kind.schema));
    view! {
        <details id=kind.id.clone() class="group p-4">
            <summary class="flex items-start gap-3">
                <span class="min-w-0 flex-1 sm:flex sm:gap-4">
                    <code class="block font-mono text-mono font-semibold wrap-anywhere sm:w-52 sm:shrink-0">{kind.id.clone()}</code>
                    <span class="block min-w-0 text-ink-2 sm:flex-1">{kind.about.clone()}</span>
                </span>
                <Icon name=IconName::ChevronDown class="mt-0.5 size-4 shrink-0 text-ink-3 group-open:rotate-180" />
            </summary>
            <div class="mt-4 space-y-4">
                <div class="space-y-2 text-small">
                    <p>
                        <Badge tone=Tone::Neutral word=format!("Sent by {from}") />
                    </p>
                    {who}
                </div>
                <CodeBlock id=format!("{slug}-example") title="Example of data" samples=vec![Sample::new(Lang::Json, example)] />
                <CodeBlock id=format!("{slug}-schema") title="Its JSON Schema" samples=vec![Sample::new(Lang::Json, schema)] />
            </div>
        </details>
    }
    .into_any()
}
