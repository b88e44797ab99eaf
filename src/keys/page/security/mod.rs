//! API Key Security: the addresses and domains that a key may be used from.

mod trial;

use std::collections::HashMap;

use leptos::prelude::*;
use leptos_router::{hooks::use_query_map, params::ParamsMap};

use self::trial::Trial;
use crate::{
    accounts::{
        confirm::{Confirm, confirm},
        step_up::{self, Action},
        store::names,
        viewer,
    },
    approvals,
    audit::CONSOLE,
    error::UiError,
    frame::{self, Head, Here, framed, loaded},
    keys::{
        allow::{AllowEntry, Guard, Line, ListKind, Wish, Wished},
        ops, policy,
        store::KeyRow,
    },
    server::{
        error::AppError,
        page::{self, Answer, Once},
    },
    ui::{
        badge::Tone,
        banner::{Banner, BannerView},
        button::{Button, Kind, Size},
        dialog::{DialogBody, DialogFoot, DialogPage},
        form::{FieldState, TextArea},
        icon::{Icon, IconName},
        layout::{Crumb, Width},
        time::{RelativeTime, count},
        toast::Toast,
    },
};

struct Loaded {
    here: Here,
    key: KeyRow,
    allow: Vec<AllowEntry>,
    names: HashMap<String, String>,
    /// The lists that keys of this platform can have.
    offered: Vec<ListKind>,
    /// Why the viewer cannot change the lists; empty where they may not at all.
    fixed: Option<String>,
    /// What widens goes to a second person.
    checked: bool,
    /// A change of this key that waits.
    open: Option<String>,
    trial: Option<Trial>,
}

async fn load(id: String, query: ParamsMap) -> Result<Loaded, UiError> {
    let viewer = viewer::with_any_role(policy::READERS)?;
    let here = frame::here()?;
    let state = page::state()?;
    let find = async {
        let workspace = viewer.workspace_id();
        let mut reader = state.db.read().await?;
        let key = ops::find(&mut reader, workspace, &id).await?;
        let names = names(&mut reader, workspace).await?.into_iter().collect();
        let rules = approvals::settings::of(&mut reader, &state.profile, workspace).await?;
        let terms = key.terms();
        let checked =
            policy::needs_checker(&state.profile, rules.keys, &key.environment, &terms.scopes);
        let open = approvals::store::open_about(&mut reader, workspace, &key.id, here.now).await?;
        Ok((key, names, checked, open))
    };
    let (key, names, checked, open) = find.await.map_err(AppError::into_ui)?;
    let fixed = if policy::may_manage(&viewer, key.owner_id.as_deref()) {
        ops::changeable(&key, here.now)
            .err()
            .map(|error| error.into_ui().message)
    } else {
        Some(String::new())
    };
    let suspended = viewer.workspace.as_ref().is_some_and(|w| w.suspended);
    Ok(Loaded {
        trial: Trial::of(&key, suspended, &query, here.now),
        allow: key.allow(),
        offered: ListKind::ALL
            .into_iter()
            .filter(|kind| policy::offers(&state.profile, *kind))
            .collect(),
        open: open.into_iter().next().map(|row| row.id),
        here,
        key,
        names,
        fixed,
        checked,
    })
}

impl Loaded {
    fn of(&self, kind: ListKind) -> Vec<&AllowEntry> {
        self.allow
            .iter()
            .filter(|entry| entry.kind == kind)
            .collect()
    }

    fn href(&self) -> String {
        format!("/keys/{}/security", self.key.id)
    }

    fn basis(&self) -> String {
        ops::basis(&self.key)
    }
}

#[component]
pub fn KeySecurityPage() -> impl IntoView {
    let query = use_query_map().get_untracked();
    loaded(load(frame::path_id(), query.clone()), move |data| {
        security_page(&data, &query)
    })
}

fn security_page(data: &Loaded, query: &ParamsMap) -> AnyView {
    let answer = Answer::here();
    let text = match query.get("done").as_deref() {
        Some("removed") if answer.error.is_none() => Some("It is removed. That applies already."),
        _ => None,
    };
    let toasts = text
        .map(|text| Toast {
            text: text.to_owned(),
            action: None,
        })
        .into_iter()
        .collect();
    let head = Head {
        heading: "API Key Security".to_owned(),
        crumbs: vec![
            Crumb::new("API keys", "/keys"),
            Crumb::new(data.key.label.clone(), format!("/keys/{}", data.key.id)),
        ],
        span: frame::Span::Of(data.key.environment.clone()),
        width: Width::Form,
        toasts,
        ..Head::default()
    };
    let content = match review(data, &answer) {
        Some(review) => review,
        None => lists(data, &answer),
    };
    framed(head, content)
}

/// What the form asked for, where it has come back to be confirmed.
fn to_confirm(data: &Loaded, answer: &Answer) -> Option<(Wish, Wished)> {
    let only_proof = answer
        .error
        .as_ref()
        .is_none_or(|error| error.at(step_up::FIELD).is_some());
    let [what, kind, text] = ["do", "kind", "entries"].map(|name| answer.value(name));
    let wish = Wish::read(&what, &kind, &text).filter(|_| only_proof)?;
    let viewer = &data.here.viewer.user_id;
    let wished = wish.on(&data.allow, viewer, data.here.now).ok()?;
    Some((wish, wished))
}

/// What widens is confirmed on a page of its own, with what it lets in.
fn review(data: &Loaded, answer: &Answer) -> Option<AnyView> {
    let (wish, wished) = to_confirm(data, answer)?;
    let kind = wish.kind();
    let label = data.key.label.clone();
    let added: Vec<&AllowEntry> = wished
        .allow
        .iter()
        .filter(|entry| !data.allow.contains(entry))
        .collect();
    let left = wished
        .allow
        .iter()
        .filter(|entry| entry.kind == kind)
        .count();
    let emptied = matches!(wish, Wish::Remove { .. }) && left == 0;
    let (title, what) = if emptied {
        let everywhere = match kind {
            ListKind::Ip => "from any address",
            ListKind::Domain => "on any domain",
        };
        (
            format!("Let \u{201c}{label}\u{201d} be used {everywhere}?"),
            format!("let \u{201c}{label}\u{201d} be used {everywhere}"),
        )
    } else {
        let these: Vec<String> = added.iter().map(|entry| entry.shown()).collect();
        let these = match these.as_slice() {
            [one] => one.clone(),
            more => {
                let n = u64::try_from(more.len()).unwrap_or(0);
                count(n, kind.word(), kind.words())
            }
        };
        (
            format!("Let \u{201c}{label}\u{201d} be used from {these} as well?"),
            format!("let \u{201c}{label}\u{201d} be used from {these} as well"),
        )
    };
    let lead = if data.checked {
        "This widens what the key can do, so it goes to a checker. Until then the list stays as it is."
    } else {
        "This widens what the key can do. Once confirmed, it applies at once."
    };
    let differences = match &wish {
        Wish::Remove { value, .. } => {
            let gone = data.allow.iter().find(|entry| entry.value == *value);
            let gone = gone.map_or_else(|| value.clone(), AllowEntry::shown);
            view! { <p class="font-mono text-mono wrap-anywhere">"\u{2212} " {gone}</p> }.into_any()
        }
        Wish::Add { .. } => line_list(&wished.lines),
    };
    let submit = match (data.checked, &wish) {
        (true, _) => "Send for approval",
        (false, Wish::Add { .. }) => "Add to the list",
        (false, Wish::Remove { .. }) => "Empty the list",
    };
    let hidden = ["do", "kind", "entries", "basis"]
        .map(|name| view! { <input type="hidden" name=name value=answer.value(name) /> })
        .collect_view();
    let (failure, replaced, action) = (frame::failure(answer), replaced(data), data.href());
    let proof = confirm(Confirm {
        action: Action::WidenKey,
        what,
        submit,
        busy: "Sending\u{2026}",
        cancel: data.href(),
        kept: "",
        danger: false,
        dialog: true,
    });
    Some(
        view! {
            <DialogPage title=title lead=lead>
                <form method="post" action=action>
                    {hidden} <DialogBody>{failure} {differences} {replaced}</DialogBody>
                    {proof}
                </form>
            </DialogPage>
        }
        .into_any(),
    )
}

/// That a change ends the request that waits.
fn replaced(data: &Loaded) -> Option<AnyView> {
    data.open.as_ref().map(|id| {
        view! {
            <p class="text-small text-ink-2">
                "A change of this key waits for approval. Another one ends "
                <a class="link" href=format!("/approvals/{id}")>
                    "that request"
                </a> "."
            </p>
        }
        .into_any()
    })
}

fn lists(data: &Loaded, answer: &Answer) -> AnyView {
    let answered = match answer.once.as_deref() {
        Some(Once::Entries(lines)) => Some(
            view! {
                <section aria-label="What became of each line">{line_list(lines)}</section>
            }
            .into_any(),
        ),
        _ => None,
    };
    let editable = data.fixed.is_none();
    let sections = ListKind::ALL
        .into_iter()
        // A list that the platform has no more is shown as long as something is in it.
        .filter(|kind| data.offered.contains(kind) || !data.of(*kind).is_empty())
        .map(|kind| section(data, answer, kind))
        .collect_view();
    let guard = Guard::from_entries(&data.allow);
    let alone = guard.binds(ListKind::Domain) && !guard.binds(ListKind::Ip);
    let warning = alone.then(|| {
        let banner = Banner {
            tone: Tone::Warning,
            lead: "Domains alone protect this key.".to_owned(),
            text: "Servers can send any X-API-ORIGIN. Add IP addresses for server-to-server calls."
                .to_owned(),
            link: None,
        };
        view! { <BannerView banner=banner card=true /> }
    });
    let both = (guard.binds(ListKind::Domain) && guard.binds(ListKind::Ip))
        .then(|| view! { <p class="text-ink-2">"Both lists are set: a call must fit both."</p> });
    let fixed = data
        .fixed
        .clone()
        .filter(|why| !why.is_empty())
        .map(|why| view! { <p class="text-ink-2">{why}</p> });
    let failure = frame::failure(answer);
    let replaced = editable.then(|| replaced(data));
    let own = editable.then(|| own_address(data, &guard));
    let direction = editable.then(|| direction(data));
    let trial = trial::view(data.trial.as_ref(), &data.href(), &guard, &data.offered);
    let title = format!("Where \u{201c}{}\u{201d} may be used from", data.key.label);
    let back = format!("/keys/{}", data.key.id);
    view! {
        <DialogPage
            title=title
            lead="A list that is empty lets everything in."
        >
            <DialogBody>
                {failure} {answered} {fixed} {replaced} {own} {warning} {both} {sections} {direction} {trial}
            </DialogBody>
            <DialogFoot cancel=back cancel_label="Back to key">
                ""
            </DialogFoot>
        </DialogPage>
    }
    .into_any()
}

/// The address that the person has now, and the way to add it.
fn own_address(data: &Loaded, guard: &Guard) -> Option<AnyView> {
    let address = data.here.viewer.address?;
    if !data.offered.contains(&ListKind::Ip) {
        return None;
    }
    let bound = guard.binds(ListKind::Ip);
    let text = address.to_canonical().to_string();
    let add = if bound && guard.allows_ip(address) {
        view! { <span class="text-ink-2">"It is in the list."</span> }.into_any()
    } else {
        view! {
            <form method="post" action=data.href()>
                <input type="hidden" name="basis" value=data.basis() />
                <input type="hidden" name="kind" value=ListKind::Ip.as_str() />
                <input type="hidden" name="entries" value=text.clone() />
                <Button size=Size::Row name="do" value="add" label=format!("Add {text}") busy="Adding\u{2026}">
                    "Add"
                </Button>
            </form>
        }
        .into_any()
    };
    Some(
        view! {
            <div class="flex flex-wrap items-center gap-x-3 gap-y-1">
                <p>
                    "Your address is " <code class="font-mono text-mono">{text}</code>
                </p>
                {add}
            </div>
        }
        .into_any(),
    )
}

fn section(data: &Loaded, answer: &Answer, kind: ListKind) -> AnyView {
    let entries = data.of(kind);
    let (title, any, placeholder) = match kind {
        ListKind::Ip => (
            "IP addresses",
            "Any address may use this key.",
            "203.0.113.7 # office\n198.51.100.0/24",
        ),
        ListKind::Domain => (
            "Domains",
            "Any domain may use this key.",
            "shop.example.com # checkout\n*.example.org",
        ),
    };
    let rows = entries.iter().map(|entry| row(data, entry)).collect_view();
    let rows = if entries.is_empty() {
        view! { <p class="text-ink-2">{any}</p> }.into_any()
    } else {
        view! { <ul class="divide-y divide-line rounded-control border border-line">{rows}</ul> }
            .into_any()
    };
    let form = (data.fixed.is_none() && data.offered.contains(&kind)).then(|| {
        let mine = answer.value("do") == "add" && answer.value("kind") == kind.as_str();
        let id = format!("entries-{}", kind.as_str());
        let value = if mine {
            answer.value("entries")
        } else {
            String::new()
        };
        // What was typed is listed again where it was judged, not where it came too late.
        let lines = answer
            .error_at(&id)
            .filter(|_| mine)
            .and_then(|_| Wish::read("add", kind.as_str(), &value))
            .and_then(|wish| {
                wish.on(&data.allow, &data.here.viewer.user_id, data.here.now)
                    .ok()
            })
            .map(|wished| line_list(&wished.lines));
        view! {
            <form method="post" action=data.href() class="space-y-2">
                <input type="hidden" name="basis" value=data.basis() />
                <input type="hidden" name="kind" value=kind.as_str() />
                <TextArea
                    label=format!("Add {}", kind.words())
                    name="entries"
                    id=id.clone()
                    hint="One to a line, with a note behind # if it needs one."
                    placeholder=placeholder
                    mono=true
                    rows=3
                    state=FieldState::new(value).error(answer.error_at(&id).unwrap_or_default())
                />
                {lines}
                <Button name="do" value="add" busy="Adding\u{2026}">
                    {format!("Add {}", kind.words())}
                </Button>
            </form>
        }
    });
    let heading = format!("list-{}", kind.as_str());
    view! {
        <section class="space-y-3 border-t border-line pt-4" aria-labelledby=heading>
            <h3 id=heading.clone() class="font-semibold">
                {title}
            </h3>
            {rows}
            {form}
        </section>
    }
    .into_any()
}

fn row(data: &Loaded, entry: &AllowEntry) -> AnyView {
    let by = if entry.added_by == CONSOLE {
        "the console".to_owned()
    } else {
        data.names
            .get(&entry.added_by)
            .cloned()
            .unwrap_or_else(|| "somebody who left".to_owned())
    };
    let shown = entry.shown();
    let note = (!entry.note.is_empty())
        .then(|| view! { <span class="block wrap-anywhere">{entry.note.clone()}</span> });
    let remove = data.fixed.is_none().then(|| {
        view! {
            <form method="post" action=data.href()>
                <input type="hidden" name="basis" value=data.basis() />
                <input type="hidden" name="kind" value=entry.kind.as_str() />
                <input type="hidden" name="entries" value=entry.value.clone() />
                <Button
                    kind=Kind::Ghost
                    size=Size::Row
                    name="do"
                    value="remove"
                    label=format!("Remove {shown}")
                    busy="Removing\u{2026}"
                >
                    "Remove"
                </Button>
            </form>
        }
    });
    view! {
        <li class="flex items-center justify-between gap-3 px-3 py-2">
            <span class="min-w-0">
                <code class="font-mono text-mono wrap-anywhere">{shown.clone()}</code>
                {note}
                <span class="block text-small text-ink-2">
                    "Added by " {by} ", "
                    <RelativeTime at=entry.added_at now=data.here.now zone=data.here.zone.clone() />
                </span>
            </span>
            {remove}
        </li>
    }
    .into_any()
}

/// Which way a change goes, and what follows from that.
fn direction(data: &Loaded) -> AnyView {
    let widens = if data.checked {
        "goes to a checker"
    } else {
        "asks that you confirm it"
    };
    view! {
        <p class="text-small text-ink-2">
            "The first entry of a list narrows, as does removing one of several: that applies at once. A further one, or emptying the list, widens: that "
            {widens} "."
        </p>
    }
    .into_any()
}

/// Each line that was typed, with a tick or what is wrong with it.
fn line_list(lines: &[Line]) -> AnyView {
    let rows = lines
        .iter()
        .map(|line| {
            let (icon, class, word, text) = match &line.outcome {
                Ok(entry) => (
                    IconName::Check,
                    "mt-0.5 size-4 shrink-0 text-success",
                    "Fits: ",
                    entry.note.clone(),
                ),
                Err(message) => (
                    IconName::Times,
                    "mt-0.5 size-4 shrink-0 text-danger",
                    "Not added: ",
                    message.clone(),
                ),
            };
            let shown = match &line.outcome {
                Ok(entry) => entry.value.clone(),
                Err(_) => line.text.clone(),
            };
            view! {
                <li class="flex items-start gap-2">
                    <Icon name=icon class=class />
                    <span class="min-w-0 wrap-anywhere">
                        <span class="sr-only">{word}</span>
                        <code class="font-mono text-mono">{shown}</code>
                        " "
                        <span class="text-small text-ink-2">{text}</span>
                    </span>
                </li>
            }
        })
        .collect_view();
    view! {
        <div role="status">
            <ul class="space-y-1">{rows}</ul>
        </div>
    }
    .into_any()
}
