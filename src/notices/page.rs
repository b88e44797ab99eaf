//! A person's notices, and where they want to be told.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::{Kind, Ways, post::field, store, ways};
use crate::{
    accounts::{settings::settings, viewer},
    frame::{self, Head, Here, Span, framed, loaded},
    server::{
        clock::is_id,
        error::AppError,
        page::{self, Answer},
    },
    ui::{
        badge::{Badge, Shape, Tone},
        button::{Button, Kind as ButtonKind, Size},
        empty_state::EmptyState,
        form::Checkbox,
        layout::Width,
        pagination::Pagination,
        time::RelativeTime,
        toast::Toast,
    },
};

/// Notices on a page.
const PAGE: usize = 25;

struct Listed {
    rows: Vec<store::NoticeRow>,
    /// The last on this page, if there are older ones.
    older: Option<String>,
    first_page: bool,
}

#[component]
pub fn NoticesPage() -> impl IntoView {
    let before = use_query_map()
        .get_untracked()
        .get("before")
        .filter(|id| is_id(id, "ntc"));
    let load = async move {
        let here = frame::here()?;
        let state = page::state()?;
        let listed = list(&state, &here.viewer.user_id, before.as_deref())
            .await
            .map_err(AppError::into_ui)?;
        Ok((here, listed))
    };
    loaded(load, |(here, listed)| notices(&here, listed))
}

async fn list(
    state: &crate::server::state::AppState,
    user_id: &str,
    before: Option<&str>,
) -> Result<Listed, AppError> {
    let mut reader = state.db.read().await?;
    let limit = i64::try_from(PAGE + 1).unwrap_or(i64::MAX);
    let mut rows = store::list(&mut reader, user_id, before, limit).await?;
    let more = rows.len() > PAGE;
    rows.truncate(PAGE);
    Ok(Listed {
        older: rows.last().filter(|_| more).map(|row| row.id.clone()),
        rows,
        first_page: before.is_none(),
    })
}

fn notices(here: &Here, listed: Listed) -> AnyView {
    let done = use_query_map().get_untracked().get("done");
    let failure = frame::failure(&Answer::here());
    let newest = listed.rows.first().map(|row| row.id.clone());
    let all = newest
        .filter(|_| listed.first_page && here.viewer.unread > 0)
        .map(|until| {
            view! {
                <form method="post" action="/notices">
                    <input type="hidden" name="until" value=until />
                    <Button name="read" value="all">
                        "Mark all as read"
                    </Button>
                </form>
            }
        });
    let content = if listed.rows.is_empty() {
        view! { <EmptyState text="No notices. What happens to your account and in your workspaces is told here." /> }.into_any()
    } else {
        let items = listed
            .rows
            .into_iter()
            .map(|row| item(here, row))
            .collect_view();
        view! { <ul class="card divide-y divide-line">{items}</ul> }.into_any()
    };
    let older = listed
        .older
        .map(|last| format!("/notices?before={last}"))
        .unwrap_or_default();
    let newer = if listed.first_page { "" } else { "/notices" };
    framed(
        Head {
            heading: "Notices".to_owned(),
            purpose: "What happened to your account and in your workspaces.",
            span: Span::None,
            width: Width::Form,
            toasts: (done.as_deref() == Some("read"))
                .then(|| Toast {
                    text: "All are marked as read.".to_owned(),
                    action: None,
                })
                .into_iter()
                .collect(),
            ..Head::default()
        },
        view! {
            {failure}
            <div class="mb-4 flex flex-wrap items-center justify-between gap-x-4 gap-y-2">
                <a class="link text-small" href="/settings/notices">
                    "Choose what you are told"
                </a>
                {all}
            </div>
            {content}
            <Pagination newer=newer older=older />
        },
    )
}

fn item(here: &Here, row: store::NoticeRow) -> impl IntoView {
    let unread = row.read_at.is_none();
    let workspace = row.workspace_id.and_then(|id| {
        here.viewer
            .workspaces
            .iter()
            .find(|(other, _)| *other == id)
            .map(|(_, name)| name.clone())
    });
    let weight = if unread {
        "font-semibold break-words"
    } else {
        "break-words"
    };
    view! {
        <li class="flex flex-wrap items-start justify-between gap-x-4 gap-y-3 p-4" data-unread=unread>
            <div class="min-w-0 flex-1 basis-72 space-y-1">
                <div class="flex flex-wrap items-center gap-x-2 gap-y-1">
                    {unread.then(|| view! { <Badge tone=Tone::Info shape=Shape::Disc word="Unread" /> })}
                    <h2 class=weight>{row.subject.clone()}</h2>
                </div>
                <p class="break-words text-ink-2">{row.body}</p>
                <p class="text-small text-ink-2">
                    <RelativeTime at=row.created_at now=here.now zone=here.zone.clone() />
                    {workspace.map(|name| format!(" \u{b7} {name}"))}
                </p>
            </div>
            <form method="post" action="/notices">
                <Button size=Size::Row name="read" value=row.id label=format!("Open: {}", row.subject)>
                    "Open"
                </Button>
            </form>
        </li>
    }
}

#[component]
pub fn NoticeSettingsPage() -> impl IntoView {
    let load = async {
        let viewer = viewer::current()?;
        let state = page::state()?;
        let read = async {
            let mut reader = state.db.read().await?;
            let mut chosen = Vec::new();
            for kind in Kind::ALL {
                chosen.push((kind, ways(&mut reader, &viewer.user_id, kind).await?));
            }
            Ok::<_, AppError>(chosen)
        };
        let chosen = read.await.map_err(AppError::into_ui)?;
        Ok((viewer.email, chosen))
    };
    loaded(load, |(email, chosen)| choices(&email, chosen))
}

/// What a kind is called, and what it is about.
const fn words(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Security => (
            "Security of your account",
            "A sign-in from a new device, another password, address or second factor.",
        ),
        Kind::Membership => (
            "Your place in workspaces",
            "You were invited, got other roles, or were removed.",
        ),
        Kind::Approvals => (
            "Approvals",
            "What somebody asks you to agree to, and what became of what you asked.",
        ),
        Kind::Keys => (
            "Keys",
            "Keys of yours that are about to expire, have expired or were handed over.",
        ),
        Kind::Webhooks => (
            "Webhooks",
            "A webhook endpoint was switched off, since it failed for days or wanted no more.",
        ),
        Kind::Operator => (
            "Operators in your workspaces",
            "An operator of this platform began to act in a workspace of yours.",
        ),
        Kind::Plans => (
            "Plans of your workspaces",
            "A plan that you asked for, or a workspace that you own, was approved or declined.",
        ),
    }
}

fn choices(email: &str, chosen: Vec<(Kind, Ways)>) -> AnyView {
    let done = use_query_map().get_untracked().get("done");
    let failure = frame::failure(&Answer::here());
    let rows = chosen
        .into_iter()
        .map(|(kind, ways)| choice(kind, ways))
        .collect_view();
    settings(
        "Notices",
        "What you are told, and where.",
        (done.as_deref() == Some("chosen")).then(|| "Your choice is kept.".to_owned()),
        view! {
            {failure}
            <form method="post" action="/settings/notices" class="space-y-4">
                <div class="card divide-y divide-line">{rows}</div>
                <p class="text-small text-ink-2">"Mail goes to " <span class="break-all">{email.to_owned()}</span> "."</p>
                <Button kind=ButtonKind::Solid busy="Saving\u{2026}">
                    "Save choice"
                </Button>
            </form>
        },
    )
}

fn choice(kind: Kind, ways: Ways) -> AnyView {
    let (label, about) = words(kind);
    let about_id = format!("about-{}", kind.as_str());
    let described_by = about_id.clone();
    let boxes = if kind.is_chosen() {
        view! {
            <div class="flex flex-wrap gap-x-6 gap-y-1">
                <Checkbox label="In the portal" name=field("portal", kind) checked=ways.portal />
                <Checkbox label="By mail" name=field("mail", kind) checked=ways.mail />
            </div>
        }
        .into_any()
    } else {
        view! {
            <p class="flex flex-wrap items-center gap-2 pt-1">
                <Badge tone=Tone::Success shape=Shape::Check word="Always on" />
                "Always told in the portal and by mail."
            </p>
        }
        .into_any()
    };
    view! {
        <fieldset class="min-w-0 space-y-1 p-4" aria-describedby=described_by>
            <legend class="float-left w-full font-medium">{label}</legend>
            <p id=about_id class="clear-both text-ink-2">
                {about}
            </p>
            {boxes}
        </fieldset>
    }
    .into_any()
}
