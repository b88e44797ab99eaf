//! A key's own page: what state it is in and what that asks for, then its parts, each with an address.

mod history;
mod overview;
mod panels;
mod parts;

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::{
    one::{self, Subject},
    plate, status,
};
use crate::{
    approvals::{self, store::ApprovalRow},
    error::UiError,
    frame::{self, Head, framed, loaded},
    gateway::volume,
    keys::{
        ops, policy,
        store::SecretRow,
        types::{KeyState, KeySummary},
        view,
    },
    server::error::AppError,
    ui::{
        badge::{Badge, EnvTag, Shape, Status, StatusBadge, Tone},
        button::{Button, Kind, LinkButton},
        copy_field::CopyField,
        key_plate::KeyPlate,
        layout::Crumb,
        table::RowMenu,
        tabs::{Tab, Tabs},
        toast::{Toast, ToastAction},
    },
    workspaces::{self, Role, view::Member},
};

/// The parts of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum View {
    Overview,
    Permissions,
    Limits,
    Security,
    Usage,
    History,
}

impl View {
    const ALL: [(Self, &'static str, &'static str); 6] = [
        (Self::Overview, "overview", "Overview"),
        (Self::Permissions, "permissions", "Permissions"),
        (Self::Limits, "limits", "Limits"),
        (Self::Security, "security", "Security"),
        (Self::Usage, "usage", "Usage"),
        (Self::History, "history", "History"),
    ];

    /// Anything but the name of a part means the first.
    fn parse(text: Option<&str>) -> Self {
        Self::ALL
            .into_iter()
            .find(|(_, name, _)| Some(*name) == text)
            .map_or(Self::Overview, |(view, ..)| view)
    }
}

/// What every part of the page goes by.
struct Whole {
    subject: Subject,
    summary: KeySummary,
    secrets: Vec<SecretRow>,
    /// Requests about the key that wait.
    open: Vec<ApprovalRow>,
    /// The last request about it, decided or not.
    last: Option<ApprovalRow>,
    members: Vec<Member>,
    panels: panels::Known,
    radar: Vec<panels::Radar>,
}

impl Whole {
    /// Whether an old secret works beside the new one.
    fn rotating(&self) -> bool {
        !self.radar.is_empty()
    }

    fn manages(&self) -> bool {
        policy::may_manage(
            &self.subject.here.viewer,
            self.subject.key.owner_id.as_deref(),
        )
    }
}

enum Content {
    Overview(Box<overview::Facts>),
    Usage(Vec<crate::usage::types::RequestSummary>),
    History(Vec<history::Happened>),
    /// What the key has moved today, by currency.
    Limits(Vec<(String, i64)>),
    /// All is known already.
    Terms,
}

async fn load(id: String, view: View) -> Result<(Whole, Content), UiError> {
    let subject = Subject::load(&id).await?;
    let secrets = one::secrets(&subject).await?;
    let find = async {
        let (key, now) = (&subject.key, subject.here.now);
        let mut reader = subject.state.db.read().await?;
        let about = (key.workspace_id.as_str(), key.id.as_str());
        let open = approvals::store::open_about(&mut reader, about.0, about.1, now).await?;
        let last = approvals::store::last_about(&mut reader, about.0, about.1).await?;
        let members = workspaces::view::members(&mut reader, about.0).await?;
        let panels = panels::Known::load(&mut reader, &subject).await?;
        let radar = panels::radar(&mut reader, &subject, &secrets).await?;
        let content = match view {
            View::Overview => {
                Content::Overview(Box::new(overview::load(&mut reader, &subject).await?))
            }
            View::Usage => Content::Usage(parts::requests(&mut reader, &subject).await?),
            View::History => Content::History(history::load(&mut reader, &subject).await?),
            View::Limits => {
                Content::Limits(volume::today(&mut reader, about.0, about.1, now).await?)
            }
            View::Permissions | View::Security => Content::Terms,
        };
        Ok::<_, AppError>((open, last, members, panels, radar, content))
    };
    let (open, last, members, panels, radar, content) = find.await.map_err(AppError::into_ui)?;
    let summary = view::summary(
        &subject.state.profile,
        &subject.here.viewer,
        &subject.key,
        &view::Counts::new(),
        subject.here.now,
    );
    let whole = Whole {
        subject,
        summary,
        secrets,
        open,
        last,
        members,
        panels,
        radar,
    };
    Ok((whole, content))
}

#[component]
pub fn KeyDetailPage() -> impl IntoView {
    let id = frame::path_id();
    let query = use_query_map().get_untracked();
    let view = View::parse(query.get("view").as_deref());
    let done = query.get("done").unwrap_or_default();
    loaded(load(id, view), move |(whole, content)| {
        page(&whole, view, content, &done)
    })
}

fn page(whole: &Whole, view: View, content: Content, done: &str) -> AnyView {
    let (subject, key) = (&whole.subject, &whole.subject.key);
    let href = subject.href();
    let tabs = View::ALL
        .into_iter()
        .map(|(one, name, label)| Tab::new(label, format!("{href}?view={name}"), one == view))
        .collect();
    let part = match (view, content) {
        (_, Content::Overview(facts)) => overview::section(whole, &facts),
        (_, Content::Usage(requests)) => parts::usage(whole, &requests),
        (_, Content::History(entries)) => history::section(whole, entries),
        (_, Content::Limits(moved)) => parts::limits(whole, &moved),
        (View::Security, _) => parts::security(whole),
        (_, Content::Terms) => parts::permissions(whole),
    };
    framed(
        Head {
            heading: key.label.clone(),
            title: "API key",
            crumbs: vec![Crumb::new(
                "API keys",
                format!("/keys?env={}", key.environment),
            )],
            span: frame::Span::Of(key.environment.clone()),
            toasts: toast(whole, done).into_iter().collect(),
            ..Head::default()
        },
        view! {
            {head(whole)}
            {panels::of(whole)}
            <Tabs label="Parts of this key" tabs=tabs />
            {part}
        },
    )
}

fn toast(whole: &Whole, done: &str) -> Option<Toast> {
    let stopped = whole.subject.state() == KeyState::Disabled;
    let text = match done {
        "changed" => "The change is in force.",
        "meta" => "The metadata was saved.",
        "disabled" if stopped => "The key was stopped.",
        "enabled" if !stopped => "The key works again.",
        "cut" => "The old secret was stopped.",
        "withdrawn" => "The request was withdrawn.",
        "withdrawn-change" => "The change was withdrawn.",
        "given" => "The key was handed over.",
        _ => return None,
    };
    let undo = done == "disabled" && whole.manages();
    Some(Toast {
        text: text.to_owned(),
        action: undo.then(|| ToastAction {
            label: "Turn on again".to_owned(),
            href: format!("{}/enable", whole.subject.href()),
            post: false,
        }),
    })
}

fn head(whole: &Whole) -> AnyView {
    let (subject, summary) = (&whole.subject, &whole.summary);
    let state = subject.state();
    let shown = match status(summary, subject.here.now) {
        Status::Active | Status::Expiring(_) if whole.rotating() => Status::Rotating,
        other => other,
    };
    let changing = matches!(state, KeyState::Active | KeyState::Disabled) && !whole.open.is_empty();
    let owner = subject.key.owner.clone().map_or_else(
        || "Belongs to nobody in particular".to_owned(),
        |name| format!("Belongs to {name}"),
    );
    let public = whole
        .secrets
        .first()
        .and_then(|secret| Some((secret.public_key.clone()?, secret.verifying_key.is_some())))
        .map(|(value, handed_in)| {
            let signs = if handed_in {
                "Signs with Ed25519. The private key is with whoever made it and was never here."
            } else {
                "Signs with HMAC-SHA256, by its secret key."
            };
            view! {
                <div class="mb-6 max-w-[560px]">
                    <CopyField id="public-key" label="Public key" value=value />
                    <p class="mt-1 text-small text-ink-2">{signs}</p>
                </div>
            }
        });
    view! {
        <div class="mb-6 flex flex-wrap items-center gap-x-4 gap-y-3">
            <KeyPlate plate=plate(&summary.plate) head=true />
            <EnvTag word=summary.plate.environment_word.clone() live=summary.plate.live />
            <StatusBadge status=shown />
            {changing.then(|| view! { <Badge tone=Tone::Info shape=Shape::Clock word="Change waiting" /> })}
            <span class="text-small text-ink-2">{owner}</span>
            {actions(whole)}
        </div>
        {public}
    }
    .into_any()
}

fn actions(whole: &Whole) -> AnyView {
    let (subject, viewer) = (&whole.subject, &whole.subject.here.viewer);
    let (href, state) = (subject.href(), subject.state());
    let manages = whole.manages();
    let in_use = matches!(state, KeyState::Active | KeyState::Disabled);
    let rotate = (manages && state == KeyState::Active).then(|| {
        view! {
            <LinkButton href=format!("{href}/rotate") dialog=true>
                "Rotate"
            </LinkButton>
        }
    });
    let edit = (manages && in_use).then(|| {
        view! { <LinkButton href=format!("{href}/edit")>"Edit"</LinkButton> }
    });
    let stops = policy::may_disable(viewer, subject.key.owner_id.as_deref());
    let above = ops::overrides_stop(viewer, &subject.key, subject.here.now);
    let disable = (stops && (state == KeyState::Active || above)).then(|| {
        view! {
            <form method="post" action=format!("{href}/disable")>
                <Button busy="Stopping\u{2026}">"Disable"</Button>
            </form>
        }
    });
    let revoke = (whole.summary.may_revoke && in_use).then(|| {
        view! {
            <LinkButton href=format!("{href}/revoke") kind=Kind::Danger dialog=true>
                "Revoke"
            </LinkButton>
        }
    });
    view! {
        <div class="flex flex-wrap items-center gap-2 sm:ml-auto">
            {rotate} {edit} {disable} {revoke} {menu(whole, manages, in_use)}
        </div>
    }
    .into_any()
}

/// What is done seldom.
fn menu(whole: &Whole, manages: bool, in_use: bool) -> Option<AnyView> {
    let (subject, viewer) = (&whole.subject, &whole.subject.here.viewer);
    let (href, id, state) = (subject.href(), &subject.key.id, subject.state());
    let mut items: Vec<(String, String, bool)> = Vec::new();
    if viewer.has(Role::Developer) {
        let environment = &subject.key.environment;
        items.push((
            "Create one like it".to_owned(),
            format!("/keys/new?like={id}&env={environment}"),
            false,
        ));
        let others = subject.state.profile.environments.iter();
        items.extend(
            others
                .filter(|other| other.id != *environment)
                .map(|other| {
                    (
                        format!("Create a {} key like this", other.word),
                        format!("/keys/new?like={id}&env={}", other.id),
                        false,
                    )
                }),
        );
    }
    if manages && in_use {
        items.push(("Metadata".to_owned(), format!("{href}/meta"), true));
    }
    if policy::may_give(viewer) && !state.has_ended() {
        items.push(("Hand over".to_owned(), format!("{href}/owner"), true));
    }
    if manages && state.has_ended() && subject.key.hidden_at.is_none() {
        items.push(("Delete".to_owned(), format!("{href}/hide"), true));
    }
    if items.is_empty() {
        return None;
    }
    let items = items
        .into_iter()
        .map(|(label, href, dialog)| {
            view! {
                <a class="menu-item" href=href data-dialog=dialog>
                    {label}
                </a>
            }
        })
        .collect_view();
    let label = format!("More for {}", subject.key.label);
    Some(view! { <RowMenu label=label>{items}</RowMenu> }.into_any())
}
