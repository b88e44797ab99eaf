//! Stopping or ending several keys, with the consequences named.

use leptos::prelude::*;

use super::{plate, state_badge};
use crate::{
    accounts::viewer,
    error::UiError,
    frame::{self, Head, Here, framed, loaded},
    keys::{
        ops::{self, Bulk},
        policy,
        post::list::Chosen,
        types::{KeyPlateInfo, KeyState},
        view,
    },
    server::{
        clock::HOUR,
        error::AppError,
        page::{self, Answer},
    },
    ui::{
        badge::StatusBadge,
        button::{Button, Kind},
        dialog::{DialogBody, DialogFoot, DialogPage},
        form::{Field, FieldState},
        key_plate::KeyPlate,
        layout::{Crumb, Width},
        time::{count, relative},
    },
    usage,
    workspaces::Role,
};

/// One key among those that were chosen.
struct Line {
    plate: KeyPlateInfo,
    state: KeyState,
    expires_at: Option<i64>,
    last_used_at: Option<i64>,
    requests: i64,
    addresses: i64,
}

struct Loaded {
    here: Here,
    chosen: Option<Chosen>,
    lines: Vec<Line>,
}

async fn load() -> Result<Loaded, UiError> {
    let viewer = viewer::with_any_role(&[Role::Developer, Role::Checker])?;
    let here = frame::here()?;
    let state = page::state()?;
    let query = page::parts()
        .and_then(|parts| parts.uri.query().map(str::to_owned))
        .unwrap_or_default();
    let Some(chosen) = Chosen::read(&query) else {
        return Ok(Loaded {
            here,
            chosen: None,
            lines: Vec::new(),
        });
    };
    let find = async {
        let workspace = viewer.workspace_id();
        let mut reader = state.db.read().await?;
        let keys = chosen.find(&mut reader, workspace).await?;
        let mut lines = Vec::with_capacity(keys.len());
        for key in keys {
            if !policy::may_revoke(&viewer, key.owner_id.as_deref()) {
                return Err(AppError::Told(policy::not_yours()));
            }
            let (requests, addresses) =
                usage::store::recent_use(&mut reader, workspace, &key.id, here.now - HOUR).await?;
            lines.push(Line {
                plate: view::plate(
                    &state.profile,
                    &key.id,
                    &key.label,
                    &key.environment,
                    &key.secret_start,
                    &key.secret_end,
                ),
                state: key.state(here.now),
                expires_at: key.expires_at,
                last_used_at: key.last_used_at,
                requests,
                addresses,
            });
        }
        Ok(lines)
    };
    let lines = find.await.map_err(AppError::into_ui)?;
    Ok(Loaded {
        here,
        chosen: Some(chosen),
        lines,
    })
}

#[component]
pub fn BulkPage() -> impl IntoView {
    loaded(load(), |data| bulk_page(&data))
}

fn head(heading: &str, data: &Loaded) -> Head {
    let span = data.lines.first().map_or(frame::Span::One, |line| {
        frame::Span::Of(line.plate.environment.clone())
    });
    Head {
        heading: heading.to_owned(),
        crumbs: vec![Crumb::new("API keys", "/keys")],
        span,
        width: Width::Form,
        ..Head::default()
    }
}

fn bulk_page(data: &Loaded) -> AnyView {
    let answer = Answer::here();
    let failure = frame::failure(&answer);
    let Some(chosen) = &data.chosen else {
        let lead = format!("Tick 1 to {} keys in the list first.", ops::MAX_BULK);
        return framed(
            head("Several keys", data),
            view! {
                {failure}
                <DialogPage title="No key is chosen" lead=lead>
                    <DialogFoot cancel="/keys" cancel_label="Back to keys">
                        ""
                    </DialogFoot>
                </DialogPage>
            },
        );
    };
    let keys = count(u64::try_from(data.lines.len()).unwrap_or(0), "key", "keys");
    let (heading, verb, lead) = match chosen.what {
        Bulk::Disable => (
            "Disable keys",
            "Disable",
            "All of them, or none if one can't be. They are refused from the next request on, and can be turned on again.",
        ),
        Bulk::Revoke => (
            "Revoke keys",
            "Revoke",
            "All of them, or none if one can't be. They are refused from the next request on. This can't be undone.",
        ),
    };
    let live = data.lines.iter().filter(|line| line.plate.live).count();
    let typed = (live > 0 && chosen.what == Bulk::Revoke).then(|| {
        let number = data.lines.len();
        let hint = match live {
            1 => format!("One of them is live. Type {number} to confirm how many you mean."),
            live => format!("{live} of them are live. Type {number} to confirm how many you mean."),
        };
        view! {
            <Field
                label="Number of keys"
                name="count"
                hint=hint
                required=true
                autocomplete="off"
                state=FieldState::new(answer.value("count")).error(answer.error_at("count").unwrap_or_default())
            />
        }
    });
    let rows = data
        .lines
        .iter()
        .map(|line| row(&data.here, chosen.what, line))
        .collect_view();
    let (kind, busy) = match chosen.what {
        Bulk::Disable => (Kind::Solid, "Stopping\u{2026}"),
        Bulk::Revoke => (Kind::DangerSolid, "Revoking\u{2026}"),
    };
    let (submit, action) = (format!("{verb} {keys}"), chosen.href());
    framed(
        head(heading, data),
        view! {
            <DialogPage title=format!("{verb} {keys}?") lead=lead>
                <form method="post" action=action>
                    <DialogBody>
                        {failure} <ul class="divide-y divide-line rounded-control border border-line">{rows}</ul> {typed}
                    </DialogBody>
                    <DialogFoot cancel="/keys">
                        <Button kind=kind busy=busy>
                            {submit}
                        </Button>
                    </DialogFoot>
                </form>
            </DialogPage>
        },
    )
}

fn row(here: &Here, what: Bulk, line: &Line) -> impl IntoView + use<> {
    let touched = match what {
        Bulk::Disable => line.state == KeyState::Active,
        Bulk::Revoke => matches!(line.state, KeyState::Active | KeyState::Disabled),
    };
    let whole = |n: i64| u64::try_from(n).unwrap_or(0);
    let words = match (touched, line.requests, line.last_used_at) {
        (false, ..) => "Left as it is.".to_owned(),
        (true, 0, None) => "Never used.".to_owned(),
        (true, 0, Some(at)) => format!("Last used {}.", relative(at, here.now, &here.zone)),
        (true, requests, _) => format!(
            "In use: {} in the last hour from {}.",
            count(whole(requests), "request", "requests"),
            count(whole(line.addresses), "address", "addresses")
        ),
    };
    let status = state_badge(line.state, line.expires_at, here.now);
    view! {
        <li class="flex flex-wrap items-center justify-between gap-x-4 gap-y-1 px-3 py-2">
            <KeyPlate plate=plate(&line.plate) />
            <StatusBadge status=status />
            <span class="basis-full text-small text-ink-2">{words}</span>
        </li>
    }
}
