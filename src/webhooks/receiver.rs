//! A receiver that the demo brings along, so that webhooks can be tried without a server of one's own. It shows what came, and
//! fails on demand. It checks no signature: it has no secret.
//!
//! Each name below `/dev/receiver` is a receiver to itself. What came is kept in memory, and only the latest of it.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use axum::{
    Extension,
    body::Bytes,
    extract::Path,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
};
use leptos::prelude::*;
use leptos_meta::Title;

use crate::{
    accounts::viewer,
    frame,
    server::{
        clock::Millis,
        config::Config,
        page::{self, parts},
        prefs,
        state::AppState,
    },
    ui::{
        badge::{Badge, Shape, Tone},
        button::{Button, Kind},
        empty_state::EmptyState,
        time::ExactTime,
    },
    usage::view::inert,
};

/// Requests that are kept of each receiver.
const KEPT: usize = 50;
/// Receivers that are kept.
const RECEIVERS: usize = 100;
/// What a failing receiver answers.
const FAILS: StatusCode = StatusCode::INTERNAL_SERVER_ERROR;

static RECEIVERS_OF_THIS_DEMO: Mutex<BTreeMap<String, Receiver>> = Mutex::new(BTreeMap::new());

#[derive(Clone, Default)]
struct Receiver {
    fails: bool,
    /// The latest first.
    came: VecDeque<Came>,
}

#[derive(Clone)]
struct Came {
    at: Millis,
    status: u16,
    id: String,
    signature: String,
    body: String,
}

/// Where the demo's receivers are reached from the demo itself.
pub fn address(config: &Config) -> String {
    format!("http://{}/dev/receiver", config.portal_addr)
}

fn with<T>(name: &str, act: impl FnOnce(&mut Receiver) -> T) -> Option<T> {
    let mut all = RECEIVERS_OF_THIS_DEMO
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    if all.len() >= RECEIVERS && !all.contains_key(name) {
        return None;
    }
    Some(act(all.entry(name.to_owned()).or_default()))
}

/// Takes an event.
pub async fn receive(
    Extension(state): Extension<AppState>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let header = |name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        inert(value.unwrap_or_default())
    };
    let status = with(&name, |receiver| {
        let status = if receiver.fails {
            FAILS
        } else {
            StatusCode::OK
        };
        receiver.came.push_front(Came {
            at: state.clock.now(),
            status: status.as_u16(),
            id: header("webhook-id"),
            signature: header("webhook-signature"),
            body: String::from_utf8_lossy(&body)
                .lines()
                .map(inert)
                .collect::<Vec<_>>()
                .join("\n"),
        });
        receiver.came.truncate(KEPT);
        status
    });
    match status {
        Some(StatusCode::OK) => (StatusCode::OK, "taken\n").into_response(),
        Some(status) => (status, "told to fail\n").into_response(),
        None => StatusCode::TOO_MANY_REQUESTS.into_response(),
    }
}

/// Has a receiver fail from now on, or take what comes.
pub async fn switch(Path(name): Path<String>, body: String) -> Response {
    let fails = body.contains("fails=on");
    if with(&name, |receiver| receiver.fails = fails).is_none() {
        return StatusCode::TOO_MANY_REQUESTS.into_response();
    }
    Redirect::to(&format!("/dev/receiver/{name}")).into_response()
}

#[component]
pub fn ReceiverPage() -> impl IntoView {
    let name = frame::path_id();
    let Ok(state) = page::state() else {
        return frame::error_page(&viewer::nothing_here());
    };
    if !state.config.demo || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return frame::error_page(&viewer::nothing_here());
    }
    let zone = parts().map_or_else(|| "UTC".to_owned(), |parts| prefs::zone(&parts.headers));
    let receiver = with(&name, |receiver| receiver.clone()).unwrap_or_default();
    let address = format!("{}/{name}", address(&state.config));
    let (tone, shape, word) = if receiver.fails {
        (Tone::Danger, Shape::Times, "Answers 500")
    } else {
        (Tone::Success, Shape::Check, "Answers 200")
    };
    let (value, label) = if receiver.fails {
        ("off", "Take events again")
    } else {
        ("on", "Fail from now on")
    };
    let came: Vec<AnyView> = receiver.came.iter().map(|one| shown(one, &zone)).collect();
    let list = if came.is_empty() {
        view! { <EmptyState text="Nothing came yet. Give an endpoint this address, and send it a test event." /> }.into_any()
    } else {
        view! { <ol class="space-y-4">{came}</ol> }.into_any()
    };
    view! {
        <Title text="Receiver of the demo" />
        <main id="main" class="mx-auto w-full max-w-[1120px] space-y-4 px-4 py-8 md:px-6">
            <h1 class="text-h1">"Receiver of the demo"</h1>
            <p class="flex flex-wrap items-center gap-x-3 gap-y-1">
                <code class="font-mono text-mono break-all">{address}</code>
                <Badge tone=tone shape=shape word=word />
            </p>
            <form method="post" action=format!("/dev/receiver/{name}/switch")>
                <Button kind=Kind::Outline name="fails" value=value>
                    {label}
                </Button>
            </form>
            {list}
        </main>
    }
    .into_any()
}

fn shown(one: &Came, zone: &str) -> AnyView {
    let (tone, shape) = if one.status < 300 {
        (Tone::Success, Shape::Check)
    } else {
        (Tone::Danger, Shape::Times)
    };
    view! {
        <li class="card space-y-2 p-4">
            <p class="flex flex-wrap items-center gap-x-3 gap-y-1">
                <Badge tone=tone shape=shape word=one.status.to_string() />
                <ExactTime at=one.at zone=zone.to_owned() />
                <span class="font-mono text-mono break-all">{one.id.clone()}</span>
            </p>
            <p class="font-mono text-mono break-all text-ink-2">{one.signature.clone()}</p>
            <pre class="rounded-control bg-sunken px-3 py-2 font-mono text-mono break-words whitespace-pre-wrap">
                <code>{one.body.clone()}</code>
            </pre>
        </li>
    }
    .into_any()
}
