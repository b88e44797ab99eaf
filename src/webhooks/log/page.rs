//! The log of deliveries, and one of them with every try.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use serde_json::Value;

use super::store::{self, AttemptRow, DeliveryRow, Filter};
use crate::{
    accounts::viewer,
    error::UiError,
    frame::{self, Head, Here, framed, loaded},
    server::{
        clock::{Millis, is_id},
        error::AppError,
        page::{self, Answer},
        state::AppState,
    },
    ui::{
        badge::{Badge, Shape, Tone},
        button::{Button, Kind},
        code_block::{Lang, coloured},
        empty_state::EmptyState,
        filters::{ActiveFilter, Filters},
        form::{Choice, FieldState, Select},
        icon::{Icon, IconName},
        key_value::{Fact, KeyValue},
        layout::Crumb,
        pagination::Pagination,
        table::NoMatch,
        tabs::{Tab, Tabs},
        time::{AbsoluteTime, ExactTime, absolute_long, count, zone_word},
    },
    usage::view::inert,
    webhooks::{
        catalogue, ops, outbox,
        page::{
            host, name,
            parts::{Listed, deliveries_table, next},
        },
        policy,
        store::EndpointRow,
        types::{Cause, DELIVERY_ID, DeliveryState, ENDPOINT_ID},
        view::{came_to, delivery_badge, delivery_word},
    },
};

const ROWS: usize = 50;
/// Tries that are shown of one delivery; ten are the schedule, more come of sending it again.
const TRIES: i64 = 50;

/// The tabs of the log, wherever one of its lists stands.
pub fn tabs(env: &str, webhooks: bool) -> AnyView {
    let tabs = vec![
        Tab::new("Requests", format!("/logs?env={env}"), !webhooks),
        Tab::new("Webhooks", format!("/logs/webhooks?env={env}"), webhooks),
    ];
    view! { <Tabs label="Logs" tabs=tabs /> }.into_any()
}

struct Loaded {
    here: Here,
    state: AppState,
    filter: Filter,
    rows: Vec<DeliveryRow>,
    older: Option<String>,
    endpoints: Vec<EndpointRow>,
    /// It shows the newest, so newer ones belong on top.
    from_top: bool,
}

async fn load(filter: Filter, before: Option<String>) -> Result<Loaded, UiError> {
    let viewer = viewer::with_any_role(policy::READERS)?;
    let (here, state) = (frame::here()?, page::state()?);
    let before = before.filter(|id| is_id(id, DELIVERY_ID));
    let read = async {
        let mut reader = state.db.read().await?;
        let mut rows = store::list(
            &mut reader,
            viewer.workspace_id(),
            &here.environment.id,
            &filter,
            before.as_deref(),
            i64::try_from(ROWS).unwrap_or(0) + 1,
        )
        .await?;
        let more = rows.len() > ROWS;
        rows.truncate(ROWS);
        let older = rows.last().filter(|_| more).map(|row| row.id.clone());
        let mut endpoints =
            crate::webhooks::store::endpoints(&mut reader, viewer.workspace_id()).await?;
        endpoints.retain(|row| row.environment == here.environment.id);
        Ok::<_, AppError>((rows, older, endpoints))
    };
    let (rows, older, endpoints) = read.await.map_err(AppError::into_ui)?;
    Ok(Loaded {
        here,
        state,
        filter,
        rows,
        older,
        endpoints,
        from_top: before.is_none(),
    })
}

#[component]
pub fn WebhookLogsPage() -> impl IntoView {
    let query = use_query_map().get_untracked();
    let filter = Filter {
        state: query
            .get("state")
            .and_then(|word| DeliveryState::parse(&word)),
        endpoint: query.get("endpoint").filter(|id| is_id(id, ENDPOINT_ID)),
        event_type: query.get("type").filter(|id| catalogue::is_name(id)),
    };
    loaded(load(filter, query.get("before")), |data| logs_page(&data))
}

fn logs_page(data: &Loaded) -> AnyView {
    let env = &data.here.environment.id;
    let filter = &data.filter;
    let clear = format!("/logs/webhooks?env={env}");
    let called = |id: &str| {
        data.endpoints
            .iter()
            .find(|row| row.id == id)
            .map_or_else(|| "a removed one".to_owned(), name)
    };
    let set: Vec<(&str, &str, String, String)> = [
        filter.state.map(|state| {
            (
                "state",
                "State",
                state.as_str().to_owned(),
                delivery_word(state).to_owned(),
            )
        }),
        filter
            .endpoint
            .as_ref()
            .map(|id| ("endpoint", "Endpoint", id.clone(), called(id))),
        filter
            .event_type
            .as_ref()
            .map(|id| ("type", "Event", id.clone(), id.clone())),
    ]
    .into_iter()
    .flatten()
    .collect();
    let link = |without: Option<&str>, before: Option<&str>| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("env", env);
        for (name, _, value, _) in &set {
            if Some(*name) != without {
                query.append_pair(name, value);
            }
        }
        if let Some(before) = before {
            query.append_pair("before", before);
        }
        format!("/logs/webhooks?{}", query.finish())
    };
    let active = set
        .iter()
        .map(|(name, label, _, words)| ActiveFilter {
            label: (*label).to_owned(),
            value: words.clone(),
            without: link(Some(name), None),
        })
        .collect();
    let content = if !data.rows.is_empty() {
        deliveries_table(&data.here, &data.rows, Listed::All)
    } else if set.is_empty() {
        view! {
            <EmptyState
                text="No deliveries yet. Each event that an endpoint asked for stands here as soon as it is on its way."
                link_label="See the endpoints"
                link_href=format!("/webhooks?env={env}")
            />
        }
        .into_any()
    } else {
        let words: Vec<String> = set
            .iter()
            .map(|(_, label, _, words)| format!("{}: {words}", label.to_lowercase()))
            .collect();
        view! { <NoMatch thing="delivery" filter=words.join(", ") clear=clear.clone() /> }
            .into_any()
    };
    let newer = if data.from_top {
        String::new()
    } else {
        link(None, None)
    };
    let older = data
        .older
        .as_deref()
        .map(|before| link(None, Some(before)))
        .unwrap_or_default();
    let tail = data.from_top.then(tail);
    framed(
        Head {
            heading: "Logs".to_owned(),
            title: "Webhook log",
            purpose: "Every event on its way to an endpoint, and what your server answered.",
            ..Head::default()
        },
        view! {
            {tabs(env, true)}
            {filters(data, active, clear)}
            {tail}
            <div id="deliveries" data-tail=data.from_top>{content}</div>
            <Pagination newer=newer older=older />
        },
    )
}

fn filters(data: &Loaded, active: Vec<ActiveFilter>, clear: String) -> AnyView {
    let filter = &data.filter;
    let mut states = vec![Choice::new("", "Any state")];
    states.extend(
        DeliveryState::ALL
            .iter()
            .map(|state| Choice::new(state.as_str(), delivery_word(*state))),
    );
    let mut endpoints = vec![Choice::new("", "Any endpoint")];
    endpoints.extend(
        data.endpoints
            .iter()
            .map(|row| Choice::new(row.id.clone(), name(row))),
    );
    let mut types = vec![Choice::new("", "Any event")];
    types.extend(
        catalogue::all(&data.state.profile)
            .map(|kind| Choice::new(kind.id.clone(), kind.id.clone())),
    );
    let state = FieldState::new(filter.state.map_or("", DeliveryState::as_str));
    let endpoint = FieldState::new(filter.endpoint.clone().unwrap_or_default());
    let event = FieldState::new(filter.event_type.clone().unwrap_or_default());
    view! {
        <Filters action="/logs/webhooks" active=active clear=clear env=data.here.environment.id.clone()>
            <Select label="State" name="state" options=states state=state hide_label=true />
            <Select label="Endpoint" name="endpoint" options=endpoints state=endpoint hide_label=true />
            <Select label="Event" name="type" options=types state=event hide_label=true />
        </Filters>
    }
    .into_any()
}

/// Newer ones are put on top while this is on; where scripts are off, a reload does it.
fn tail() -> AnyView {
    view! {
        <div class="needs-script mb-3 flex min-h-8 flex-wrap items-center gap-x-3 gap-y-1">
            <label class="flex items-center gap-2">
                <input type="checkbox" role="switch" class="switch" id="live" autocomplete="off" />
                "Live"
            </label>
            <span class="text-small text-ink-2" role="status" id="tail-status"></span>
        </div>
    }
    .into_any()
}

struct Detail {
    here: Here,
    row: DeliveryRow,
    event: Option<(String, Millis)>,
    attempts: Vec<AttemptRow>,
}

#[component]
pub fn DeliveryPage() -> impl IntoView {
    let id = frame::path_id();
    let load = async move {
        let viewer = viewer::with_any_role(policy::READERS)?;
        let (here, state) = (frame::here()?, page::state()?);
        let read = async {
            let workspace = viewer.workspace_id();
            let mut reader = state.db.read().await?;
            let row = ops::find_delivery(&mut reader, workspace, &id).await?;
            let event = store::event(&mut reader, workspace, &row.event_id).await?;
            let attempts = store::attempts(&mut reader, workspace, &id, TRIES).await?;
            Ok::<_, AppError>((row, event, attempts))
        };
        let (row, event, attempts) = read.await.map_err(AppError::into_ui)?;
        Ok(Detail {
            here,
            row,
            event,
            attempts,
        })
    };
    loaded(load, |detail| delivery_page(&detail))
}

fn delivery_page(detail: &Detail) -> AnyView {
    let (here, row) = (&detail.here, &detail.row);
    let waits = row.state() == DeliveryState::Waiting;
    // The first answer comes within a moment; later tries are minutes apart.
    let soon = waits && row.due_at.is_none_or(|due| due <= here.now + 10_000);
    framed(
        Head {
            heading: inert(&row.event_type),
            title: "Delivery",
            crumbs: vec![
                Crumb::new("Logs", format!("/logs?env={}", row.environment)),
                Crumb::new(
                    "Webhooks",
                    format!("/logs/webhooks?env={}", row.environment),
                ),
            ],
            span: frame::Span::Of(row.environment.clone()),
            toasts: frame::done(&[
                ("sent", "The event is on its way."),
                ("replayed", "Sent again, with the id that it had."),
            ]),
            ..Head::default()
        },
        view! {
            {frame::failure(&Answer::here())}
            <div id="delivery" data-live=soon>
                {lead(detail, soon)}
                <div class="gap-8 wide:grid wide:grid-cols-[minmax(0,1fr)_320px]">
                    <div class="min-w-0 space-y-8">{tries(detail)} {body(detail)}</div>
                    <aside class="max-wide:mt-8" aria-label="Facts">
                        {facts(detail)}
                    </aside>
                </div>
            </div>
        },
    )
}

fn sentence(detail: &Detail) -> String {
    let (here, row) = (&detail.here, &detail.row);
    let tries = count(u64::try_from(row.attempts).unwrap_or(0), "try", "tries");
    let why = came_to(row.last_status, row.last_error.as_deref());
    match row.state() {
        DeliveryState::Waiting if row.attempts == 0 => "It is sent at this moment.".to_owned(),
        DeliveryState::Waiting => format!(
            "{}. Tried again {}.",
            upper(&why.unwrap_or_else(|| "It is to be sent again".to_owned())),
            next(row, here)
        ),
        DeliveryState::Delivered => format!(
            "Your server answered {} after {tries}.",
            row.last_status.unwrap_or(200)
        ),
        DeliveryState::Failed => format!(
            "Given up after {tries}: {}. Mend your server, then send it again.",
            why.unwrap_or_else(|| "no answer".to_owned())
        ),
        DeliveryState::Missed => "The endpoint was off, so it was not sent.".to_owned(),
        DeliveryState::Dropped => "The endpoint was removed, so it was not sent.".to_owned(),
    }
}

fn upper(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map(|first| first.to_uppercase().chain(chars).collect())
        .unwrap_or_default()
}

fn lead(detail: &Detail, soon: bool) -> AnyView {
    let (here, row) = (&detail.here, &detail.row);
    let (tone, shape, word) = delivery_badge(row.state(), row.attempts);
    let may = here.viewer.has_any(policy::MAKERS) && ops::replayable(row).is_ok();
    let again = may.then(|| {
        let delivered = row.state() == DeliveryState::Delivered;
        view! {
            <form method="post" action=format!("/logs/webhooks/{}/replay", row.id)>
                <Button kind=if delivered { Kind::Outline } else { Kind::Solid } busy="Sending\u{2026}">
                    "Replay"
                </Button>
            </form>
        }
    });
    // Where scripts run the page looks by itself.
    let look = soon.then(|| {
        view! {
            <noscript>
                <a class="link" href=format!("/logs/webhooks/{}", row.id)>
                    "Look again"
                </a>
            </noscript>
        }
    });
    view! {
        <div class="mb-6 flex flex-wrap items-start justify-between gap-x-4 gap-y-3">
            <p class="flex max-w-[68ch] min-w-0 items-start gap-x-3 gap-y-1 max-sm:flex-wrap" role="status">
                <Badge tone=tone shape=shape word=word />
                <span class="min-w-0 wrap-anywhere">{sentence(detail)} " " {look}</span>
            </p>
            {again}
        </div>
    }
    .into_any()
}

fn tries(detail: &Detail) -> AnyView {
    let here = &detail.here;
    let list = if detail.attempts.is_empty() {
        view! { <p class="card p-4 text-ink-2">"No try yet."</p> }.into_any()
    } else {
        let items: Vec<AnyView> = detail
            .attempts
            .iter()
            .enumerate()
            .map(|(at, attempt)| one_try(here, attempt, at == 0))
            .collect();
        view! { <ol class="card divide-y divide-line">{items}</ol> }.into_any()
    };
    let heading = format!("Tries ({})", zone_word(here.now, &here.zone));
    view! {
        <section aria-labelledby="tries">
            <h2 id="tries" class="mb-2 text-h2">
                {heading}
            </h2>
            {list}
        </section>
    }
    .into_any()
}

fn one_try(here: &Here, attempt: &AttemptRow, open: bool) -> AnyView {
    let came = came_to(attempt.status, attempt.error.as_deref());
    let (tone, shape) = if attempt.succeeded() {
        (Tone::Success, Shape::Check)
    } else {
        (Tone::Danger, Shape::Times)
    };
    let word = match (attempt.status, &came) {
        (Some(status), _) => status.to_string(),
        (None, _) => "No answer".to_owned(),
    };
    let cause = match Cause::parse(&attempt.cause) {
        Some(Cause::Replay) => Some("sent again"),
        Some(Cause::Test) => Some("test"),
        // What comes by the schedule, as most does, need not be said.
        _ => None,
    };
    let took = format!("{} ms", (attempt.latency_us + 500) / 1000);
    let why = came.filter(|_| attempt.status.is_none());
    let answer = attempt.response_headers.as_deref().map(|headers| {
        let body = attempt.response_body.clone().unwrap_or_default();
        let note = if body.is_empty() {
            Some("No body.")
        } else if attempt.response_cut {
            Some("Only its beginning is kept.")
        } else {
            None
        };
        view! {
            <h3 class="text-small font-medium text-ink-2">"Response"</h3>
            {code(Lang::Http, &header_lines(headers))}
            {(!body.is_empty()).then(|| code(lang_of(&body), &pretty(&body)))}
            {note.map(|note| view! { <p class="text-small text-ink-2">{note}</p> })}
        }
    });
    let number = attempt.number;
    view! {
        <li>
            <details open=open class="group">
                <summary class="flex min-h-11 items-center gap-3 px-4 py-2 hover:bg-hover">
                    <span class="flex min-w-0 flex-1 flex-wrap items-center gap-x-3 gap-y-1">
                        <span class="min-w-12 font-medium tabular-nums">{format!("Try {number}")}</span>
                        <Badge tone=tone shape=shape word=word />
                        <span class="text-small text-ink-2 tabular-nums">
                            <ExactTime at=attempt.at zone=here.zone.clone() />
                        </span>
                        <span class="text-small text-ink-2 tabular-nums">{took}</span>
                        {cause.map(|cause| view! { <span class="text-small text-ink-2">{cause}</span> })}
                    </span>
                    <Icon name=IconName::ChevronDown class="size-4 shrink-0 text-ink-3 group-open:rotate-180" />
                </summary>
                <div class="space-y-2 px-4 pb-4">
                    {why.map(|why| view! { <p class="text-danger wrap-anywhere">{upper(&why)} "."</p> })}
                    <h3 class="text-small font-medium text-ink-2">"Request"</h3>
                    {code(Lang::Http, &header_lines(&attempt.request_headers))}
                    {answer}
                </div>
            </details>
        </li>
    }
    .into_any()
}

/// `[[name, value], …]` as lines.
fn header_lines(json: &str) -> String {
    let pairs: Vec<(String, String)> = serde_json::from_str(json).unwrap_or_default();
    let lines: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{}: {}", inert(name), inert(value)))
        .collect();
    if lines.is_empty() {
        "No headers".to_owned()
    } else {
        lines.join("\n")
    }
}

fn lang_of(body: &str) -> Lang {
    if serde_json::from_str::<Value>(body).is_ok() {
        Lang::Json
    } else {
        Lang::Text
    }
}

/// JSON with line breaks; anything else as it is, its control characters made visible.
fn pretty(text: &str) -> String {
    let pretty = serde_json::from_str::<Value>(text)
        .ok()
        .and_then(|value| serde_json::to_string_pretty(&value).ok());
    let lines: Vec<String> = pretty
        .as_deref()
        .unwrap_or(text)
        .lines()
        .map(inert)
        .collect();
    lines.join("\n")
}

/// Lines that are shown before the rest is folded away.
const FOLD: usize = 40;

fn code(lang: Lang, text: &str) -> AnyView {
    let lines: Vec<&str> = text.lines().collect();
    let block = |text: &str| {
        view! {
            <pre class="rounded-control bg-sunken px-3 py-2 font-mono text-mono break-words whitespace-pre-wrap">
                <code>{coloured(lang, text)}</code>
            </pre>
        }
    };
    if lines.len() <= FOLD {
        return block(text).into_any();
    }
    let rest = lines.len() - FOLD;
    let more = count(u64::try_from(rest).unwrap_or(0), "more line", "more lines");
    view! {
        {block(&lines[..FOLD].join("\n"))}
        <details>
            <summary class="link inline-flex min-h-6 items-center text-small">{more}</summary>
            {block(&lines[FOLD..].join("\n"))}
        </details>
    }
    .into_any()
}

fn body(detail: &Detail) -> AnyView {
    let shown = match &detail.event {
        Some((data, at)) => {
            let text = outbox::body(&detail.row.event_type, *at, data);
            view! {
                {code(Lang::Json, &pretty(&text))}
                <p class="mt-2 text-small text-ink-2">
                    "Broken into lines here. It is signed and sent as it was kept, without them."
                </p>
            }
            .into_any()
        }
        None => {
            view! { <p class="card p-4 text-ink-2">"Its body is not kept any more."</p> }.into_any()
        }
    };
    view! {
        <section aria-labelledby="body">
            <h2 id="body" class="mb-2 text-h2">
                "Event"
            </h2>
            {shown}
        </section>
    }
    .into_any()
}

fn facts(detail: &Detail) -> AnyView {
    let (here, row) = (&detail.here, &detail.row);
    let zone = here.zone.clone();
    let removed = row.endpoint_state == "removed";
    let (url, id) = (row.url.clone(), row.endpoint_id.clone());
    let endpoint: AnyView = if removed {
        view! { <span class="font-mono text-mono wrap-anywhere">{url}</span> " (removed)" }
            .into_any()
    } else {
        view! {
            <a class="link" href=format!("/webhooks/{id}")>
                {host(&url)}
            </a>
            <span class="block font-mono text-mono wrap-anywhere text-ink-2">{url}</span>
        }
        .into_any()
    };
    let mut facts = vec![
        Fact::new("Endpoint", endpoint),
        Fact::new(
            "webhook-id",
            view! { <span class="font-mono text-mono break-all">{row.event_id.clone()}</span> },
        ),
        Fact::new("Tries", row.attempts.to_string()),
        Fact::new("Created", absolute_long(row.created_at, &zone)),
    ];
    if row.state() == DeliveryState::Waiting {
        let due = match row.due_at {
            Some(at) if at > here.now => {
                view! { <AbsoluteTime at=at zone=zone.clone() /> }.into_any()
            }
            _ => "Now".into_any(),
        };
        facts.push(Fact::new("Next try", due));
    }
    if let Some(at) = row.settled_at {
        facts.push(Fact::new("Settled", absolute_long(at, &zone)));
    }
    facts.push(Fact::new(
        "Delivery id",
        view! { <span class="font-mono text-mono break-all">{row.id.clone()}</span> },
    ));
    view! {
        <div class="card px-4 py-2">
            <KeyValue items=facts stacked=true />
        </div>
        <p class="mt-4">
            <a class="link" href=format!("/logs/webhooks?env={}&type={}", row.environment, row.event_type)>
                "Other deliveries of this event type"
            </a>
        </p>
    }
    .into_any()
}
