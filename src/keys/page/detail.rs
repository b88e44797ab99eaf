//! A key's own page.

use leptos::prelude::*;

use super::{plate, status};
use crate::keys::{api::key_detail, types::KeyDetail};
use crate::{
    frame::{self, Head, Here, framed, loaded},
    ui::{
        badge::{EnvTag, StatusBadge},
        button::{Kind, LinkButton},
        copy_field::CopyField,
        key_plate::KeyPlate,
        key_value::{Fact, KeyValue},
        layout::Crumb,
        stat::Stat,
        statement::{Grant, Statement, StatementView},
        time::{RelativeTime, absolute, date, number, relative},
    },
};

#[component]
pub fn KeyDetailPage() -> impl IntoView {
    let id = frame::path_id();
    let load = async move {
        let here = frame::here()?;
        let detail = key_detail(id).await?;
        Ok((here, detail))
    };
    loaded(load, |(here, detail)| detail_page(&here, &detail))
}

fn detail_page(here: &Here, detail: &KeyDetail) -> AnyView {
    let key = &detail.key;
    let href = format!("/keys/{}", key.plate.id);
    let statement = Statement {
        may: grants(&detail.powers),
        moves_money: detail.moves_money,
        until: key
            .expires_at
            .map(|at| date(at, &here.zone))
            .unwrap_or_default(),
        ..Statement::default()
    };
    let ended = key.ended_at.map(|at| {
        let let_through = number(u64::try_from(detail.allowed_since_end).unwrap_or(0));
        view! {
            <section class="card mb-8 p-4" role="status">
                <p>
                    <strong class="font-semibold">{format!("Revoked at {}.", absolute(at, &here.zone))}</strong>
                    {format!(" {let_through} requests let through since. ")}
                    <a class="link" href=format!("/logs?env={}&key={}&outcome=denied", key.plate.environment, key.plate.id)>
                        "See what is refused"
                    </a>
                </p>
            </section>
        }
    });
    let history = detail
        .history
        .iter()
        .map(|event| {
            view! {
                <li class="flex flex-wrap justify-between gap-x-4 border-t border-line py-2 first:border-t-0">
                    <span>
                        <span class="font-medium">{event.actor.clone()}</span>
                        ": "
                        {event.summary.clone()}
                    </span>
                    <RelativeTime at=event.at now=here.now zone=here.zone.clone() />
                </li>
            }
        })
        .collect_view();
    let last_used = key.last_used_at.map_or_else(
        || "Never".to_owned(),
        |at| relative(at, here.now, &here.zone),
    );
    let scopes = key
        .scopes
        .iter()
        .map(|scope| view! { <li class="font-mono text-mono">{scope.clone()}</li> })
        .collect_view();
    let facts = vec![
        Fact::new(
            "Owner",
            key.owner
                .clone()
                .unwrap_or_else(|| "Made at the console".to_owned()),
        ),
        Fact::new("Created", absolute(key.created_at, &here.zone)),
        Fact::new(
            "Expires",
            key.expires_at
                .map_or_else(|| "Never".to_owned(), |at| absolute(at, &here.zone)),
        ),
        Fact::new(
            "Last address",
            key.last_used_ip
                .clone()
                .unwrap_or_else(|| "None yet".to_owned()),
        ),
        Fact::new("Scopes", view! { <ul class="space-y-1">{scopes}</ul> }),
    ];
    let revoke = key.may_revoke.then(|| {
        view! {
            <LinkButton href=format!("{href}/revoke") kind=Kind::Danger dialog=true>
                "Revoke"
            </LinkButton>
        }
    });
    framed(
        Head {
            heading: key.plate.label.clone(),
            title: "API key",
            crumbs: vec![Crumb::new(
                "API keys",
                format!("/keys?env={}", key.plate.environment),
            )],
            span: frame::Span::Of(key.plate.environment.clone()),
            ..Head::default()
        },
        view! {
            <div class="mb-8 flex flex-wrap items-center gap-4">
                <KeyPlate plate=plate(&key.plate) head=true />
                <EnvTag word=key.plate.environment_word.clone() live=key.plate.live />
                <StatusBadge status=status(key, here.now) />
                <div class="ml-auto">{revoke}</div>
            </div>
            {ended}
            <div class="gap-8 wide:grid wide:grid-cols-[minmax(0,1fr)_320px]">
                <div class="space-y-8">
                    <section aria-labelledby="statement">
                        <h2 id="statement" class="mb-2 text-h2">
                            "What it may do"
                        </h2>
                        <div class="card p-4">
                            <StatementView statement=statement />
                        </div>
                    </section>
                    <section aria-labelledby="use" class="space-y-4">
                        <h2 id="use" class="text-h2">
                            "Use in the last 24 hours"
                        </h2>
                        <div class="grid grid-cols-2 gap-4 sm:grid-cols-3">
                            <Stat label="Requests" value=number(u64::try_from(detail.requests_24h).unwrap_or(0)) />
                            <Stat label="Denied" value=number(u64::try_from(detail.denied_24h).unwrap_or(0)) />
                            <Stat label="Last used" value=last_used />
                        </div>
                        <p>
                            <a class="link" href=format!("/logs?env={}&key={}", key.plate.environment, key.plate.id)>
                                "All requests of this key"
                            </a>
                        </p>
                    </section>
                    <section aria-labelledby="history">
                        <h2 id="history" class="mb-2 text-h2">
                            "History"
                        </h2>
                        <ol class="card px-4 py-2">{history}</ol>
                    </section>
                </div>
                <aside class="max-wide:mt-8" aria-label="Facts">
                    <div class="card px-4 py-2">
                        <KeyValue items=facts stacked=true />
                    </div>
                    <div class="mt-4">
                        <CopyField id="key-id" label="Key id" value=key.plate.id.clone() />
                    </div>
                </aside>
            </div>
        },
    )
}

/// Powers by their verb: "read customers and invoices", "refund payments".
fn grants(powers: &[(String, String)]) -> Vec<Grant> {
    let mut grants: Vec<Grant> = Vec::new();
    for (verb, noun) in powers {
        match grants.iter_mut().find(|grant| grant.verb == *verb) {
            Some(grant) => grant.objects.push(noun.clone()),
            None => grants.push(Grant {
                verb: verb.clone(),
                objects: vec![noun.clone()],
            }),
        }
    }
    grants
}
