//! One endpoint: how it does, what it was sent, and what bounds it.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::{
    Subject,
    parts::{self, Listed, deliveries_table},
};
use crate::{
    db::Reader,
    error::UiError,
    frame::{self, Head, framed, loaded},
    server::{clock::Millis, error::AppError},
    ui::{
        badge::{Badge, EnvTag, Shape, Tone},
        button::{Button, Kind, LinkButton, Size},
        chart::{BarChart, Meaning, Series},
        icon::IconName,
        key_value::{Fact, KeyValue},
        layout::Crumb,
        meter::Meter,
        table::RowMenu,
        time::{AbsoluteTime, absolute, clock, count, relative},
    },
    webhooks::{
        log::store::{self as log, DeliveryRow, Filter},
        ops,
        policy::ALL,
        store::{self, ReplayRow, SecretRow},
        types::{EndpointState, Signing},
        view::{self, Health, whole},
    },
};

/// Deliveries that are shown; the log has the rest.
const LATEST: i64 = 20;

struct Whole {
    subject: Subject,
    health: Health,
    secrets: Vec<SecretRow>,
    headers: Vec<String>,
    replay: Option<ReplayRow>,
    latest: Vec<DeliveryRow>,
    /// What it failed or missed, and when the first of that was made.
    not_got: (i64, Option<Millis>),
    created_by: Option<String>,
}

async fn load(id: String) -> Result<Whole, UiError> {
    let subject = Subject::load(&id).await?;
    let read = async {
        let mut reader = subject.state.db.read().await?;
        parts_of(&mut reader, &subject).await
    };
    let (health, secrets, headers, replay, latest, not_got, created_by) =
        read.await.map_err(AppError::into_ui)?;
    Ok(Whole {
        subject,
        health,
        secrets,
        headers,
        replay,
        latest,
        not_got,
        created_by,
    })
}

type Parts = (
    Health,
    Vec<SecretRow>,
    Vec<String>,
    Option<ReplayRow>,
    Vec<DeliveryRow>,
    (i64, Option<Millis>),
    Option<String>,
);

async fn parts_of(reader: &mut Reader, subject: &Subject) -> Result<Parts, AppError> {
    let (row, now) = (&subject.row, subject.here.now);
    let (workspace, id) = (row.workspace_id.as_str(), row.id.as_str());
    let health = view::health(reader, row, now).await?;
    let secrets = store::signing_secrets(reader, workspace, id, now).await?;
    let headers = ops::header_names(&subject.state, row)?;
    let replay = store::last_replay(reader, workspace, id).await?;
    let filter = Filter {
        endpoint: Some(row.id.clone()),
        ..Filter::default()
    };
    let latest = log::list(reader, workspace, &row.environment, &filter, None, LATEST).await?;
    let first = log::first_not_got(reader, workspace, id).await?;
    let not_got = match first {
        Some(_) => log::count_not_got(reader, workspace, id, 0, now).await?,
        None => 0,
    };
    let members = crate::workspaces::view::members(reader, workspace).await?;
    let created_by = members
        .into_iter()
        .find(|member| Some(&member.id) == row.created_by.as_ref())
        .map(|member| member.name);
    Ok((
        health,
        secrets,
        headers,
        replay,
        latest,
        (not_got, first),
        created_by,
    ))
}

#[component]
pub fn EndpointPage() -> impl IntoView {
    let id = frame::path_id();
    let done = use_query_map()
        .get_untracked()
        .get("done")
        .unwrap_or_default();
    loaded(load(id), move |whole| page(&whole, &done))
}

fn page(whole: &Whole, done: &str) -> AnyView {
    let row = &whole.subject.row;
    let first = whole.latest.is_empty() && done == "created";
    framed(
        Head {
            heading: whole.subject.name(),
            title: "Webhook endpoint",
            crumbs: vec![Crumb::new(
                "Webhooks",
                format!("/webhooks?env={}", row.environment),
            )],
            span: frame::Span::Of(row.environment.clone()),
            toasts: frame::done(&[
                ("created", "The endpoint is set up."),
                ("changed", "Saved."),
                (
                    "rotated",
                    "The new key signs from now on, beside the old one for a day.",
                ),
                ("enabled", "The endpoint is on. New events are sent to it."),
                (
                    "disabled",
                    "The endpoint is off. What comes up is kept as missed.",
                ),
                ("replay", "Sending again has begun."),
                (
                    "replay-stopped",
                    "Stopped. What was taken up already is sent.",
                ),
            ]),
            ..Head::default()
        },
        view! {
            {frame::failure(&crate::server::page::Answer::here())}
            {head(whole)}
            {first.then(|| next_step(whole))}
            <div class="space-y-4 empty:hidden">
                {off(whole)} {rotating(whole)} {replay(whole)} {not_got(whole)}
            </div>
            <div class="mt-6 gap-8 wide:grid wide:grid-cols-[minmax(0,1fr)_320px]">
                <div class="min-w-0 space-y-8">{chart(whole)} {deliveries(whole)}</div>
                <aside class="max-wide:mt-8" aria-label="Facts">
                    {facts(whole)}
                </aside>
            </div>
        },
    )
}

/// The address, how it does, and what can be done with it.
fn head(whole: &Whole) -> AnyView {
    let subject = &whole.subject;
    let row = &subject.row;
    let href = subject.href();
    let environment = subject.state.profile.environment(&row.environment);
    let word = environment.map_or_else(|| row.environment.clone(), |e| e.word.clone());
    let live = environment.is_none_or(|environment| environment.live);
    let words = whole.health.words(subject.here.now, &subject.here.zone);
    let class = if whole.health.is_failing() {
        "text-danger wrap-anywhere"
    } else {
        "text-ink-2 wrap-anywhere"
    };
    let enabled = row.state() == EndpointState::Enabled;
    let actions = subject.makes().then(|| {
        view! {
            <LinkButton
                href=format!("{href}/test")
                kind=if enabled { Kind::Solid } else { Kind::Outline }
                icon=Some(IconName::Play)
                dialog=true
            >
                "Send test event"
            </LinkButton>
            <LinkButton href=format!("{href}/edit") icon=Some(IconName::Edit)>
                "Edit"
            </LinkButton>
        }
    });
    let stops = subject.stops();
    let disable = (stops && enabled).then(|| {
        view! {
            <LinkButton href=format!("{href}/disable") icon=Some(IconName::Pause) dialog=true>
                "Disable"
            </LinkButton>
        }
    });
    let rotate = subject.makes().then(|| {
        view! {
            <a class="menu-item" href=format!("{href}/rotate") data-dialog>
                "Rotate secret\u{2026}"
            </a>
            <a class="menu-item" href=format!("{href}/replay") data-dialog>
                "Send again\u{2026}"
            </a>
        }
    });
    let menu = stops.then(|| {
        view! {
            <RowMenu label="More actions">
                {rotate}
                <a class="menu-item" href=format!("{href}/remove") data-dialog>
                    "Remove\u{2026}"
                </a>
            </RowMenu>
        }
    });
    view! {
        <div class="mb-6 space-y-3">
            <p class="flex flex-wrap items-center gap-x-3 gap-y-1">
                <span class="min-w-0 font-mono text-mono wrap-anywhere">{row.url.clone()}</span>
                <EnvTag word=word live=live />
            </p>
            <p class="flex flex-wrap items-center gap-x-3 gap-y-1">
                {parts::health_badge(&whole.health)} <span class=class>{words}</span>
            </p>
            <div class="flex flex-wrap items-center gap-2 empty:hidden">{actions} {disable} {menu}</div>
        </div>
    }
    .into_any()
}

fn panel(tone: &'static str, label: &'static str, body: AnyView) -> AnyView {
    view! {
        <section class=format!("flex flex-wrap items-center justify-between gap-x-4 gap-y-2 rounded-card p-4 {tone}") aria-label=label>
            {body}
        </section>
    }
    .into_any()
}

fn next_step(whole: &Whole) -> Option<AnyView> {
    let href = format!("{}/test", whole.subject.href());
    whole.subject.makes().then(|| {
        panel(
            "mb-4 bg-info-soft text-info",
            "Next step",
            view! {
                <p>"Next: send a test event, and see what your server answers."</p>
                <LinkButton href=href dialog=true size=Size::Row>
                    "Send test event"
                </LinkButton>
            }
            .into_any(),
        )
    })
}

/// Why nothing arrives, and the way back.
fn off(whole: &Whole) -> Option<AnyView> {
    let subject = &whole.subject;
    let state = subject.row.state();
    if state == EndpointState::Enabled {
        return None;
    }
    let (tone, words) = match state {
        EndpointState::Failed => (
            "bg-danger-soft text-danger",
            "This endpoint failed for 5 days without a success between, so nothing is sent to it any more. Turn it on once your server answers again.",
        ),
        EndpointState::Gone => (
            "bg-danger-soft text-danger",
            "Your server answered 410 Gone, which asks for nothing more to be sent. Turn the endpoint on if that was not meant.",
        ),
        _ => (
            "bg-neutral-soft",
            "Nothing is sent to this endpoint. What comes up is kept as missed, and can be sent once it is on.",
        ),
    };
    let href = format!("{}/enable", subject.href());
    let on = subject.stops().then(|| {
        view! {
            <LinkButton href=href kind=Kind::Solid dialog=true>
                "Turn on"
            </LinkButton>
        }
    });
    let body = view! {
        <p class="max-w-[68ch]">{words}</p>
        {on}
    };
    Some(panel(tone, "Switched off", body.into_any()))
}

/// While two secrets sign.
fn rotating(whole: &Whole) -> Option<AnyView> {
    let here = &whole.subject.here;
    let ends = whole
        .secrets
        .iter()
        .filter_map(|secret| secret.ends_at)
        .max()?;
    let words = format!(
        "Two secrets sign until {} ({}). Bring the new one to your server by then.",
        absolute(ends, &here.zone),
        relative(ends, here.now, &here.zone)
    );
    let body = view! {
        <p class="flex flex-wrap items-center gap-x-3 gap-y-1">
            <Badge tone=Tone::Info shape=Shape::HalfDisc word="Rotating" />
            <span>{words}</span>
        </p>
    };
    Some(panel("card", "Rotation", body.into_any()))
}

/// How far a replay has come; the script looks again while it runs.
fn replay(whole: &Whole) -> Option<AnyView> {
    let replay = whole.replay.as_ref()?;
    let here = &whole.subject.here;
    let running = replay.state == "running";
    // What is over is told of for as long as somebody may wonder.
    let recent = replay
        .ended_at
        .is_some_and(|at| here.now - at < crate::server::clock::HOUR);
    if !running && !recent {
        return None;
    }
    let progress = format!("{} of {}", whole_of(replay.done), whole_of(replay.total));
    let lead = match replay.state.as_str() {
        "running" => "Sending again",
        "stopped" => "Sending again was stopped",
        _ => "Sent again",
    };
    #[expect(clippy::cast_precision_loss, reason = "a bar is drawn from it")]
    let (value, max) = (replay.done as f64, replay.total as f64);
    let href = format!("{}/replay/stop", whole.subject.href());
    let stop = (running && whole.subject.makes()).then(|| {
        view! {
            <form method="post" action=href>
                <Button size=Size::Row busy="Stopping\u{2026}">"Stop"</Button>
            </form>
        }
    });
    let view = view! {
        <section id="replay" class="card space-y-2 p-4" aria-label="Sending again" data-live=running>
            <div class="flex flex-wrap items-end justify-between gap-x-4 gap-y-2">
                <div class="min-w-48 flex-1">
                    <Meter label=lead value=value max=max text=progress />
                </div>
                {stop}
            </div>
        </section>
    };
    Some(view.into_any())
}

fn whole_of(count: i64) -> String {
    whole(count)
}

/// What it did not get, and the way to send that again.
fn not_got(whole: &Whole) -> Option<AnyView> {
    let subject = &whole.subject;
    let (missed, first) = (whole.not_got.0, whole.not_got.1?);
    let running = whole
        .replay
        .as_ref()
        .is_some_and(|replay| replay.state == "running");
    if missed == 0 || running {
        return None;
    }
    let words = format!(
        "{} since {}.",
        count(
            u64::try_from(missed).unwrap_or(0),
            "event failed or was missed",
            "events failed or were missed"
        ),
        absolute(first, &subject.here.zone)
    );
    let may = subject.makes() && subject.row.state() == EndpointState::Enabled;
    let href = format!("{}/replay?since={first}", subject.href());
    let again = may.then(|| {
        view! {
            <LinkButton href=href dialog=true size=Size::Row>
                "Send again\u{2026}"
            </LinkButton>
        }
    });
    let body = view! {
        <p>{words}</p>
        {again}
    };
    Some(panel("card", "Not delivered", body.into_any()))
}

fn chart(whole: &Whole) -> AnyView {
    let here = &whole.subject.here;
    let hour = crate::server::clock::HOUR;
    let hours = i64::try_from(whole.health.came_through.len()).unwrap_or(0);
    let labels = (0..hours)
        .map(|at| {
            let at = (here.now / hour - hours + 1 + at) * hour;
            clock(at, &here.zone).chars().take(5).collect()
        })
        .collect();
    #[expect(clippy::cast_precision_loss, reason = "bars are drawn from it")]
    let points = |counts: &[i64]| counts.iter().map(|count| *count as f64).collect();
    let series = vec![
        Series::new(
            "Came through",
            Meaning::Allowed,
            points(&whole.health.came_through),
        ),
        Series::new("Failed", Meaning::Failed, points(&whole.health.failed)),
    ];
    view! {
        <section aria-labelledby="by-hour">
            <h2 id="by-hour" class="mb-2 text-h2">
                "Tries by hour"
            </h2>
            <div class="card p-4">
                <BarChart title="Tries by hour, came through and failed" labels=labels series=series />
            </div>
        </section>
    }
    .into_any()
}

fn deliveries(whole: &Whole) -> AnyView {
    let row = &whole.subject.row;
    let all = format!("/logs/webhooks?env={}&endpoint={}", row.environment, row.id);
    let list = if whole.latest.is_empty() {
        view! { <p class="card p-4 text-ink-2">"Nothing was sent yet."</p> }.into_any()
    } else {
        deliveries_table(&whole.subject.here, &whole.latest, Listed::OfOneEndpoint)
    };
    view! {
        <section aria-labelledby="latest">
            <h2 id="latest" class="mb-2 text-h2">
                "Latest deliveries"
            </h2>
            {list}
            <p class="mt-3">
                <a class="link" href=all>
                    "All deliveries of this endpoint"
                </a>
            </p>
        </section>
    }
    .into_any()
}

fn facts(whole: &Whole) -> AnyView {
    let subject = &whole.subject;
    let (row, zone) = (&subject.row, &subject.here.zone);
    let events = row.events();
    let shown: AnyView = if events.iter().any(|id| id == ALL) {
        "All events, also types that are added later".into_any()
    } else {
        let items: Vec<AnyView> = events
            .into_iter()
            .map(|id| view! { <li class="font-mono text-mono wrap-anywhere">{id}</li> }.into_any())
            .collect();
        view! { <ul>{items}</ul> }.into_any()
    };
    let mut facts = vec![
        Fact::new("Events", shown),
        Fact::new(
            "Signing",
            match row.signing() {
                Signing::Hmac => "HMAC-SHA256 (v1)",
                Signing::Ed25519 => "Ed25519 (v1a)",
            },
        ),
    ];
    if let Some(secret) = whole.secrets.first() {
        let made = secret.created_at;
        let zone = zone.clone();
        let at = view! { <AbsoluteTime at=made zone=zone /> };
        match secret.public_key.clone() {
            Some(key) => {
                facts.push(Fact::new(
                    "Public key",
                    view! { <code class="font-mono text-mono break-all">{key}</code> },
                ));
                facts.push(Fact::new("Key since", at));
            }
            None => facts.push(Fact::new(
                "Signing secret",
                view! {
                    <span class="font-mono text-mono">"whsec_\u{2026}"</span>
                    <span class="block text-small text-ink-2">"Since " {at} ". Shown once, when it was made."</span>
                },
            )),
        }
    }
    let headers: AnyView = if whole.headers.is_empty() {
        "None".into_any()
    } else {
        let names = whole.headers.join(", ");
        view! {
            <span class="font-mono text-mono wrap-anywhere">{names}</span>
            <span class="block text-small text-ink-2">"Values are not shown."</span>
        }
        .into_any()
    };
    facts.push(Fact::new("Custom headers", headers));
    let by = match (&whole.created_by, &row.created_by) {
        (Some(name), _) => format!(" by {name}"),
        (None, Some(_)) => " by a former member".to_owned(),
        (None, None) => " at the console".to_owned(),
    };
    let (created, zone) = (row.created_at, zone.clone());
    facts.push(Fact::new(
        "Set up",
        view! {
            <AbsoluteTime at=created zone=zone />
            {by}
        },
    ));
    facts.push(Fact::new(
        "Endpoint id",
        view! { <span class="font-mono text-mono break-all">{row.id.clone()}</span> },
    ));
    view! {
        <div class="card px-4 py-2">
            <KeyValue items=facts stacked=true />
        </div>
    }
    .into_any()
}
