//! The overview and the log.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::{
    api::{list_requests, overview, request_detail},
    types::{Overview, RequestDetail, RequestFilter, RequestPage as Requests, RequestSummary},
};
use crate::{
    accounts::Viewer,
    frame::{self, Head, Here, framed, loaded},
    gateway::judge,
    keys::page::plate,
    ui::{
        badge::{Badge, Shape, Tone},
        button::{Kind, LinkButton},
        chart::{BarChart, Meaning, Series},
        empty_state::EmptyState,
        filters::{ActiveFilter, Filters},
        form::{Choice, Field, FieldKind, FieldState, Select},
        key_plate::KeyPlate,
        key_value::{Fact, KeyValue},
        layout::{Crumb, PrimaryAction},
        pagination::Pagination,
        stat::Stat,
        table::{Column, NoMatch, Row, Slot, Table},
        time::{ExactTime, RelativeTime, absolute_long, clock, count, number, zone_word},
        trace::{Outcome, Trace, TraceStep},
    },
    webhooks,
    workspaces::Role,
};

#[component]
pub fn OverviewPage() -> impl IntoView {
    let load = async {
        let here = frame::here()?;
        let data = overview(here.environment.id.clone()).await?;
        Ok((here, data))
    };
    loaded(load, |(here, data)| overview_page(&here, &data))
}

fn whole(count: i64) -> String {
    number(u64::try_from(count).unwrap_or(0))
}

fn creates(viewer: &Viewer) -> bool {
    viewer.has(Role::Developer)
}

fn overview_page(here: &Here, data: &Overview) -> AnyView {
    let env = &here.environment.id;
    let create = creates(&here.viewer).then(|| PrimaryAction {
        label: "Create key".to_owned(),
        href: format!("/keys/new?env={env}"),
        dialog: false,
        create: true,
    });
    let head = Head {
        heading: "Overview".to_owned(),
        purpose: "What your keys did in the last 24 hours.",
        action: create.clone(),
        ..Head::default()
    };
    if data.active_keys == 0 && data.requests_24h == 0 {
        return framed(head, first_steps(here, create.is_some()));
    }
    #[expect(clippy::cast_precision_loss, reason = "bars are drawn from it")]
    let series = |pick: fn(&super::types::HourCount) -> i64| -> Vec<f64> {
        data.hours.iter().map(|hour| pick(hour) as f64).collect()
    };
    let labels = data
        .hours
        .iter()
        .map(|hour| clock(hour.at, &here.zone).chars().take(5).collect())
        .collect();
    let series = vec![
        Series {
            name: "Allowed".to_owned(),
            meaning: Meaning::Allowed,
            points: series(|hour| hour.allowed),
        },
        Series {
            name: "Denied".to_owned(),
            meaning: Meaning::Denied,
            points: series(|hour| hour.denied),
        },
    ];
    let before = match data.requests_before {
        0 => "None in the 24 hours before".to_owned(),
        requests => format!("{} in the 24 hours before", whole(requests)),
    };
    let denials = data
        .denials
        .iter()
        .map(|(code, requests)| {
            view! {
                <li class="flex justify-between gap-4 border-t border-line py-2 first:border-t-0">
                    <a class="link font-mono text-mono" href=format!("/logs?env={env}&code={code}")>
                        {code.clone()}
                    </a>
                    <span class="tabular-nums">{whole(*requests)}</span>
                </li>
            }
        })
        .collect_view();
    let denied = if data.denials.is_empty() {
        view! { <p class="card p-4 text-ink-2">"Nothing was denied."</p> }.into_any()
    } else {
        view! { <ul class="card px-4 py-2">{denials}</ul> }.into_any()
    };
    framed(
        head,
        view! {
            <div class="mb-8 grid grid-cols-1 gap-4 sm:grid-cols-3">
                <Stat label="Requests" value=whole(data.requests_24h) note=before />
                <Stat
                    label="Denied"
                    value=whole(data.denied_24h)
                    href=format!("/logs?env={env}&outcome=denied")
                />
                <Stat label="Active keys" value=whole(data.active_keys) href=format!("/keys?env={env}") />
            </div>
            <section class="mb-8" aria-labelledby="by-hour">
                <h2 id="by-hour" class="mb-2 text-h2">
                    "Requests by hour"
                </h2>
                <div class="card p-4">
                    <BarChart title="Requests by hour, allowed and denied" labels=labels series=series />
                </div>
            </section>
            <div class="gap-8 wide:grid wide:grid-cols-[minmax(0,1fr)_320px]">
                <section aria-labelledby="recent">
                    <h2 id="recent" class="mb-2 text-h2">
                        "Latest requests"
                    </h2>
                    {requests_table(here, &data.recent, When::Ago)}
                    <p class="mt-3">
                        <a class="link" href=format!("/logs?env={env}")>
                            "All requests"
                        </a>
                    </p>
                </section>
                <section class="max-wide:mt-8" aria-labelledby="denied">
                    <h2 id="denied" class="mb-2 text-h2">
                        "Why requests were denied"
                    </h2>
                    {denied}
                </section>
            </div>
        },
    )
}

fn first_steps(here: &Here, create: bool) -> AnyView {
    let action = create.then(|| {
        view! {
            <LinkButton href=format!("/keys/new?env={}", here.environment.id) kind=Kind::Solid create=true>
                "Create key"
            </LinkButton>
        }
        .into_any()
    });
    let text = if create {
        "No keys yet. Create a test key and make your first call in a minute."
    } else {
        "No keys yet. A developer of this workspace can create one."
    };
    view! { <EmptyState text=text action=action /> }.into_any()
}

#[component]
pub fn LogsPage() -> impl IntoView {
    let query = use_query_map().get_untracked();
    let filter = RequestFilter {
        key: query.get("key"),
        code: query.get("code"),
        outcome: query.get("outcome"),
        ip: query.get("ip"),
    }
    .clean();
    let load = {
        let filter = filter.clone();
        async move {
            let here = frame::here()?;
            let requests =
                list_requests(here.environment.id.clone(), filter, query.get("before")).await?;
            Ok((here, requests))
        }
    };
    loaded(load, move |(here, requests)| {
        logs_page(&here, &filter, &requests)
    })
}

fn logs_page(here: &Here, filter: &RequestFilter, requests: &Requests) -> AnyView {
    let env = &here.environment.id;
    let clear = format!("/logs?env={env}");
    let set: Vec<(&str, &str, &String)> = [
        ("outcome", "Outcome", &filter.outcome),
        ("code", "Code", &filter.code),
        ("key", "Key", &filter.key),
        ("ip", "Address", &filter.ip),
    ]
    .into_iter()
    .filter_map(|(name, label, value)| Some((name, label, value.as_ref()?)))
    .collect();
    let link = |without: Option<&str>, before: Option<&str>| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("env", env);
        for (name, _, value) in &set {
            if Some(*name) != without {
                query.append_pair(name, value);
            }
        }
        if let Some(before) = before {
            query.append_pair("before", before);
        }
        format!("/logs?{}", query.finish())
    };
    let active = set
        .iter()
        .map(|(name, label, value)| ActiveFilter {
            label: (*label).to_owned(),
            value: super::view::inert(value),
            without: link(Some(name), None),
        })
        .collect();
    let outcomes = vec![
        Choice::new("", "Any outcome"),
        Choice::new("allowed", "Allowed"),
        Choice::new("denied", "Denied"),
    ];
    let mut codes = vec![Choice::new("", "Any code")];
    codes.extend(
        judge::BEFORE
            .into_iter()
            .chain(judge::order())
            .chain(judge::AFTER)
            .chain([judge::Code::BadRequest])
            .map(|code| Choice::new(code.as_str(), code.as_str())),
    );
    let content = if !requests.rows.is_empty() {
        requests_table(here, &requests.rows, When::Exact)
    } else if set.is_empty() {
        view! {
            <EmptyState
                text="No requests yet. Each request of a known key stands here within a second of being answered."
                link_label="Create a key and call with it"
                link_href=format!("/keys?env={env}")
            />
        }
        .into_any()
    } else {
        let words: Vec<String> = set
            .iter()
            .map(|(_, label, value)| {
                format!("{}: {}", label.to_lowercase(), super::view::inert(value))
            })
            .collect();
        view! { <NoMatch thing="request" filter=words.join(", ") clear=clear.clone() /> }.into_any()
    };
    let older = requests
        .older
        .as_deref()
        .map(|before| link(None, Some(before)))
        .unwrap_or_default();
    let value = |field: &Option<String>| FieldState::new(field.clone().unwrap_or_default());
    let (outcome, code) = (value(&filter.outcome), value(&filter.code));
    let (key, ip) = (value(&filter.key), value(&filter.ip));
    framed(
        Head {
            heading: "Logs".to_owned(),
            purpose: "Every judged request of a known key, and why it was let through or not.",
            ..Head::default()
        },
        view! {
            {webhooks::log::page::tabs(env, false)}
            <Filters action="/logs" active=active clear=clear env=env.clone()>
                <Select label="Outcome" name="outcome" options=outcomes state=outcome hide_label=true />
                <Select label="Code" name="code" options=codes state=code hide_label=true />
                <Field
                    label="Key id"
                    name="key"
                    kind=FieldKind::Search
                    placeholder="Key id"
                    hide_label=true
                    state=key
                />
                <Field
                    label="Address"
                    name="ip"
                    kind=FieldKind::Search
                    placeholder="Address"
                    hide_label=true
                    state=ip
                />
            </Filters>
            {content}
            <Pagination older=older />
        },
    )
}

fn outcome(request: &RequestSummary) -> AnyView {
    if request.allowed {
        view! { <Badge tone=Tone::Success shape=Shape::Disc word="Allowed" /> }.into_any()
    } else {
        view! { <Badge tone=Tone::Neutral shape=Shape::Times word=request.code.clone() /> }
            .into_any()
    }
}

/// How a list of requests tells the time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum When {
    Ago,
    /// To the millisecond.
    Exact,
}

/// A list of requests, wherever one stands.
pub fn requests_table(here: &Here, requests: &[RequestSummary], when: When) -> AnyView {
    if requests.is_empty() {
        return view! { <p class="card p-4 text-ink-2">"No requests yet."</p> }.into_any();
    }
    let columns = vec![
        Column::lead(match when {
            When::Ago => "Time".to_owned(),
            When::Exact => format!("Time ({})", zone_word(here.now, &here.zone)),
        }),
        Column::new("Outcome").slot(Slot::Badge),
        Column::new("Request").slot(Slot::Fact),
        Column::new("Key").from_medium(),
        Column::new("Status").number().from_medium(),
        Column::new("Took").number().from_wide(),
        Column::new("Address").from_wide(),
    ];
    let rows = requests
        .iter()
        .map(|request| Row {
            href: format!("/logs/{}", request.id),
            id: request.id.clone(),
            select_label: String::new(),
            cells: vec![
                match when {
                    When::Ago => {
                        view! { <RelativeTime at=request.at now=here.now zone=here.zone.clone() /> }
                            .into_any()
                    }
                    When::Exact => view! { <ExactTime at=request.at zone=here.zone.clone() /> }.into_any(),
                },
                outcome(request),
                view! { <span class="font-mono text-mono break-all">{request.what.clone()}</span> }.into_any(),
                view! { <span class="truncate">{request.key.label.clone()}</span> }.into_any(),
                request.status.to_string().into_any(),
                latency(request.latency_us).into_any(),
                view! { <span class="font-mono text-mono">{request.ip.clone().unwrap_or_default()}</span> }
                    .into_any(),
            ],
            menu: None,
        })
        .collect();
    view! { <Table caption="Requests" columns=columns rows=rows /> }.into_any()
}

fn latency(us: i64) -> String {
    match us {
        ..1000 => format!("{us} \u{b5}s"),
        _ => format!("{}.{} ms", us / 1000, us % 1000 / 100),
    }
}

#[component]
pub fn RequestPage() -> impl IntoView {
    let id = frame::path_id();
    let load = async move {
        let here = frame::here()?;
        let detail = request_detail(id).await?;
        Ok((here, detail))
    };
    loaded(load, |(here, detail)| request_page(&here, &detail))
}

fn request_page(here: &Here, detail: &RequestDetail) -> AnyView {
    let request = &detail.summary;
    let key = &request.key;
    let scopes = count(
        u64::try_from(detail.granted.len()).unwrap_or(0),
        "scope",
        "scopes",
    );
    let asked = detail
        .scope
        .clone()
        .unwrap_or_else(|| "a call that no rule names".to_owned());
    let (lead, sentence) = if request.allowed {
        (
            "Allowed.".to_owned(),
            format!("\u{201c}{}\u{201d} may do this.", key.label),
        )
    } else {
        let why = match request.code.as_str() {
            "PENDING_APPROVAL" => format!("\u{201c}{}\u{201d} was not approved yet.", key.label),
            "DISABLED" => format!("\u{201c}{}\u{201d} was turned off.", key.label),
            "REVOKED" => format!("\u{201c}{}\u{201d} was revoked before.", key.label),
            "EXPIRED" => format!("\u{201c}{}\u{201d} had expired.", key.label),
            "INSUFFICIENT_SCOPE" if detail.scope.is_none() => {
                "No rule of the platform names this call, so no key may make it.".to_owned()
            }
            "INSUFFICIENT_SCOPE" => format!(
                "It needs {asked}, which is not among the {scopes} of \u{201c}{}\u{201d}.",
                key.label
            ),
            "ENVIRONMENT_MISMATCH" => format!(
                "\u{201c}{}\u{201d} is a {} key and was sent to another environment.",
                key.label, key.environment_word
            ),
            "WORKSPACE_SUSPENDED" => "The workspace was suspended.".to_owned(),
            "IP_NOT_ALLOWED" => match &request.ip {
                Some(ip) => format!(
                    "{ip} was not among the addresses of \u{201c}{}\u{201d}.",
                    key.label
                ),
                None => format!(
                    "\u{201c}{}\u{201d} is bound to addresses, and where the call came from was not said.",
                    key.label
                ),
            },
            "ORIGIN_REQUIRED" => format!(
                "\u{201c}{}\u{201d} is bound to domains, and the call named no origin.",
                key.label
            ),
            "ORIGIN_NOT_ALLOWED" => format!(
                "It came from a site that is not among the domains of \u{201c}{}\u{201d}.",
                key.label
            ),
            "RESOURCE_MISMATCH" => {
                "It was about another account than the one that the key belongs to.".to_owned()
            }
            "BAD_REQUEST" => {
                "The call could not be read, or its action is not one of the platform's.".to_owned()
            }
            "SIGNATURE_REQUIRED" => "The call named the key and was not signed.".to_owned(),
            "SIGNATURE_INVALID" => {
                "The signature was made with another key or over another call.".to_owned()
            }
            "TIMESTAMP_SKEW" => {
                "The signature's time was more than five minutes from ours.".to_owned()
            }
            "NONCE_REPLAYED" => "The same signature had been used before.".to_owned(),
            "CURRENCY_NOT_ALLOWED" => {
                format!("\u{201c}{}\u{201d} may not move that currency.", key.label)
            }
            "TRANSACTION_LIMIT_EXCEEDED" => format!(
                "That is more than \u{201c}{}\u{201d} may move at once.",
                key.label
            ),
            "DAILY_VOLUME_EXCEEDED" => format!(
                "With it \u{201c}{}\u{201d} would have moved more than it may on that UTC day.",
                key.label
            ),
            "RATE_LIMITED" => "There were more requests at once than the rate allows.".to_owned(),
            "USAGE_EXCEEDED" => "The requests of the plan's month were used up.".to_owned(),
            _ => String::new(),
        };
        (format!("Denied: {}.", request.code), why)
    };
    let steps = detail
        .trace
        .iter()
        .map(|(code, passed)| TraceStep {
            outcome: match passed {
                Some(true) => Outcome::Passed,
                Some(false) => Outcome::Failed,
                None => Outcome::NotReached,
            },
            code: code.clone(),
            text: check_in_words(code).to_owned(),
            asked: match (code.as_str(), passed) {
                ("INSUFFICIENT_SCOPE", Some(false)) => asked.clone(),
                ("IP_NOT_ALLOWED", Some(false)) => request.ip.clone().unwrap_or_default(),
                _ => String::new(),
            },
            allowed: match (code.as_str(), passed) {
                ("INSUFFICIENT_SCOPE", Some(false)) => detail.granted.join(", "),
                _ => String::new(),
            },
            change: (*passed == Some(false))
                .then(|| ("Open the key".to_owned(), format!("/keys/{}", key.id))),
        })
        .collect();
    let mut facts = vec![
        Fact::new("Time", absolute_long(request.at, &here.zone)),
        Fact::new(
            "Request",
            view! { <span class="font-mono text-mono break-all">{request.what.clone()}</span> },
        ),
        Fact::new(
            "Asked through",
            if detail.door == "gateway" {
                "The gateway"
            } else {
                "Verify"
            },
        ),
        Fact::new("Status", request.status.to_string()),
        Fact::new("Took", latency(request.latency_us)),
        Fact::new(
            "Address",
            request.ip.clone().unwrap_or_else(|| "Not known".to_owned()),
        ),
        Fact::new(
            "Agent",
            view! { <span class="break-all">{detail.agent.clone().unwrap_or_else(|| "Not said".to_owned())}</span> },
        ),
        Fact::new(
            "Request id",
            view! { <span class="font-mono text-mono break-all">{request.id.clone()}</span> },
        ),
    ];
    if let Some(amount) = &detail.amount {
        facts.insert(2, Fact::new("Amount", amount.clone()));
    }
    if let Some(id) = detail.reservation.clone() {
        facts.push(Fact::new(
            "Reservation",
            view! { <span class="font-mono text-mono break-all">{id}</span> },
        ));
    }
    let alike = format!(
        "/logs?env={}&key={}{}",
        key.environment,
        key.id,
        if request.allowed {
            "&outcome=allowed".to_owned()
        } else {
            format!("&code={}", request.code)
        }
    );
    framed(
        Head {
            heading: "Request".to_owned(),
            crumbs: vec![Crumb::new("Logs", format!("/logs?env={}", key.environment))],
            span: frame::Span::Of(key.environment.clone()),
            ..Head::default()
        },
        view! {
            <p class="mb-6 max-w-[68ch] text-h2 font-normal">
                <strong class="font-semibold">{lead}</strong>
                " "
                {sentence}
            </p>
            <div class="gap-8 wide:grid wide:grid-cols-[minmax(0,1fr)_320px]">
                <section aria-labelledby="trace">
                    <h2 id="trace" class="mb-2 text-h2">
                        "How it was judged"
                    </h2>
                    <div class="card p-4">
                        <Trace steps=steps />
                    </div>
                    <p class="mt-4">
                        <a class="link" href=alike>
                            {format!("Same outcome, same key, 24 h: {}", whole(detail.alike_24h))}
                        </a>
                    </p>
                </section>
                <aside class="max-wide:mt-8" aria-label="Facts">
                    <a class="card mb-4 block p-4 hover:bg-hover" href=format!("/keys/{}", key.id)>
                        <KeyPlate plate=plate(key) />
                    </a>
                    <div class="card px-4 py-2">
                        <KeyValue items=facts stacked=true />
                    </div>
                </aside>
            </div>
        },
    )
}

/// What passing the check means.
pub fn check_in_words(code: &str) -> &'static str {
    match code {
        "SIGNATURE_REQUIRED" => "It was signed",
        "SIGNATURE_INVALID" => "Its signature holds for the call",
        "TIMESTAMP_SKEW" => "It was signed within five minutes",
        "NONCE_REPLAYED" => "Its nonce was new",
        "PENDING_APPROVAL" => "It was approved, or needed no approval",
        "DISABLED" => "It was not turned off",
        "REVOKED" => "The key was not revoked",
        "EXPIRED" => "It had not expired",
        "ENVIRONMENT_MISMATCH" => "It was used in its own environment",
        "WORKSPACE_SUSPENDED" => "Its workspace was in good standing",
        "IP_NOT_ALLOWED" => "The call came from an address that it may be used from",
        "ORIGIN_REQUIRED" => "The call named its origin, or the key needs none",
        "ORIGIN_NOT_ALLOWED" => "It came from a domain that the key may be used on",
        "RESOURCE_MISMATCH" => "It was about the key's own account",
        "INSUFFICIENT_SCOPE" => "Its scopes cover the call",
        "CURRENCY_NOT_ALLOWED" => "It may move that currency",
        "TRANSACTION_LIMIT_EXCEEDED" => "It may move as much at once",
        "DAILY_VOLUME_EXCEEDED" => "It may move as much on that day",
        "RATE_LIMITED" => "It was within its rate",
        "USAGE_EXCEEDED" => "The month's requests were not used up",
        _ => "",
    }
}
