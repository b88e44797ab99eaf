//! Where a person is signed in.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use tower_sessions::Session;

use super::{Listed, listed};
use crate::{
    accounts::{session, settings::settings},
    frame::{self, Here, loaded},
    server::{error::AppError, page},
    ui::{
        badge::{Badge, Shape, Tone},
        button::{Button, Kind, Size},
        table::{Column, Row, Slot, Table},
        time::{AbsoluteTime, RelativeTime},
    },
};

#[component]
pub fn SessionsPage() -> impl IntoView {
    let load = async {
        let here = frame::here()?;
        let state = page::state()?;
        let current = page::parts()
            .and_then(|parts| parts.extensions.get::<Session>().cloned())
            .and_then(|session| session::hash_of(&session));
        let sessions = async {
            let mut reader = state.db.read().await?;
            Ok::<_, AppError>(listed(&mut reader, &here.viewer.user_id, current, here.now).await?)
        }
        .await
        .map_err(AppError::into_ui)?;
        Ok((here, sessions))
    };
    loaded(load, |(here, sessions)| sessions_page(&here, &sessions))
}

fn sessions_page(here: &Here, sessions: &[Listed]) -> AnyView {
    let done = use_query_map().get_untracked().get("done");
    let toast = match done.as_deref() {
        Some("one") => Some("Signed out there.".to_owned()),
        Some("others") => Some("Signed out everywhere else.".to_owned()),
        _ => None,
    };
    let columns = vec![
        Column::lead("Browser"),
        Column::new("Address").slot(Slot::Fact),
        Column::new("Signed in").from_medium(),
        Column::new("Last seen").slot(Slot::FactEnd),
    ];
    let rows = sessions.iter().map(|session| row(here, session)).collect();
    let others = sessions.iter().any(|session| !session.current).then(|| {
        view! {
            <form method="post" action="/settings/sessions">
                <Button kind=Kind::Outline name="end" value="others" busy="Signing out\u{2026}">
                    "Sign out everywhere else"
                </Button>
            </form>
        }
    });
    settings(
        "Sessions",
        "Where you are signed in.",
        toast,
        view! {
            <section aria-labelledby="sessions">
                <div class="mb-4 flex flex-wrap items-center justify-between gap-3">
                    <h2 id="sessions" class="text-h2">
                        "Sessions"
                    </h2>
                    {others}
                </div>
                <Table caption="Your sessions" columns=columns rows=rows />
                <p class="mt-3 text-small text-ink-2">
                    "A session ends by itself after an hour without use, and a day after signing in. If you don't know one of these, sign it out and change your password."
                </p>
            </section>
        },
    )
}

fn row(here: &Here, session: &Listed) -> Row {
    let device = session.device.clone();
    let badge = session
        .current
        .then(|| view! { <Badge tone=Tone::Success shape=Shape::Disc word="This browser" /> });
    let last_seen = if session.current {
        "now".into_any()
    } else {
        view! { <RelativeTime at=session.last_seen_at now=here.now zone=here.zone.clone() /> }
            .into_any()
    };
    Row {
        cells: vec![
            view! {
                <span class="inline-flex flex-wrap items-center gap-x-2 gap-y-1">{device.clone()} {badge}</span>
            }
            .into_any(),
            view! {
                <span class="font-mono text-mono">
                    {session.address.clone().unwrap_or_else(|| "unknown".to_owned())}
                </span>
            }
            .into_any(),
            view! { <AbsoluteTime at=session.signed_in_at zone=here.zone.clone() /> }.into_any(),
            last_seen,
        ],
        menu: Some(
            view! {
                <form method="post" action="/settings/sessions">
                    <input type="hidden" name="end" value=session.id.clone() />
                    <Button kind=Kind::Outline size=Size::Row busy="Signing out\u{2026}">
                        "Sign out"
                        <span class="sr-only">" of "{device}</span>
                    </Button>
                </form>
            }
            .into_any(),
        ),
        ..Row::default()
    }
}
