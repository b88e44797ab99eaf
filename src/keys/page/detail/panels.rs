//! What comes first on a key's page: the state that it is in, in words, with what this person can do about it.

use leptos::prelude::*;

use super::{
    super::one::{Subject, outlives, reason},
    Whole,
};
use crate::{
    accounts::store::names,
    approvals::{self, store::ApprovalRow},
    audit,
    db::Reader,
    keys::{ops, policy, store::SecretRow, types::KeyState},
    server::{
        clock::{HOUR, Millis},
        error::AppError,
    },
    ui::{
        button::{Button, Kind, LinkButton},
        time::{RelativeTime, absolute, count, hour, number, relative},
    },
    usage::{self, store::CallerRow, view::inert},
    workspaces::Role,
};

/// An old secret that nobody has used for so long can be stopped without harm.
const QUIET: Millis = HOUR;
/// Callers of an old secret that are shown.
const CALLERS: i64 = 20;
/// Entries of the record in which the last stop is looked for.
const LOOKED_AT: i64 = 20;

/// What the panels need beside the key.
pub(super) struct Known {
    /// The workspace's people, by id.
    names: Vec<(String, String)>,
    /// Who stopped the key, and when.
    stopped: Option<(String, Millis)>,
    /// Let through after its end. It is always none; the page says so from the record.
    since_end: i64,
}

impl Known {
    pub async fn load(reader: &mut Reader, subject: &Subject) -> Result<Self, AppError> {
        let (key, state) = (&subject.key, subject.state());
        let workspace = key.workspace_id.as_str();
        let names = names(reader, workspace).await?;
        let stopped = if state == KeyState::Disabled {
            let entries =
                audit::store::before(reader, workspace, i64::MAX, Some(&key.id), LOOKED_AT).await?;
            let entry = entries.iter().find(|entry| entry.action == "key.disabled");
            entry.map(|entry| (audit::row(entry, &names).actor, entry.at))
        } else {
            None
        };
        let end = match state {
            KeyState::Expired => key.expires_at,
            KeyState::Revoked => key.ended_at,
            _ => None,
        };
        let since_end = match end {
            Some(at) => usage::store::allowed_since(reader, workspace, &key.id, at).await?,
            None => 0,
        };
        Ok(Self {
            names,
            stopped,
            since_end,
        })
    }

    /// Who an id stands for, as far as that may be known.
    pub fn name(&self, id: &str) -> String {
        let known = self.names.iter().find(|(other, _)| other == id);
        match known {
            Some((_, name)) => name.clone(),
            None if id == audit::CONSOLE => "the console".to_owned(),
            None => "somebody who left".to_owned(),
        }
    }
}

/// An old secret that works, and who calls with it.
pub(super) struct Radar {
    ends_at: Millis,
    replaced_at: Millis,
    shown: String,
    callers: Vec<CallerRow>,
}

pub(super) async fn radar(
    reader: &mut Reader,
    subject: &Subject,
    secrets: &[SecretRow],
) -> Result<Vec<Radar>, AppError> {
    let (key, now) = (&subject.key, subject.here.now);
    let mut found = Vec::new();
    if subject.state() != KeyState::Active {
        return Ok(found);
    }
    for secret in secrets.iter().filter(|secret| outlives(secret, now)) {
        let (Some(ends_at), Some(replaced_at)) = (secret.ends_at, secret.replaced_at) else {
            continue;
        };
        let callers = usage::store::callers(
            reader,
            &key.workspace_id,
            &key.id,
            &secret.id,
            replaced_at,
            CALLERS,
        )
        .await?;
        found.push(Radar {
            ends_at,
            replaced_at,
            shown: format!("{}\u{2026}{}", secret.secret_start, secret.secret_end),
            callers,
        });
    }
    Ok(found)
}

/// A panel: what is the case in bold, more about it, and what can be done.
fn panel(lead: String, text: String, actions: Vec<AnyView>) -> AnyView {
    let actions = (!actions.is_empty())
        .then(|| view! { <div class="mt-3 flex flex-wrap items-center gap-2">{actions}</div> });
    view! {
        <section class="card mb-6 p-4" role="status">
            <p class="max-w-[68ch]">
                <strong class="font-semibold">{lead}</strong>
                " "
                {text}
            </p>
            {actions}
        </section>
    }
    .into_any()
}

fn link(label: &'static str, href: String, kind: Kind) -> AnyView {
    view! {
        <LinkButton href=href kind=kind>
            {label}
        </LinkButton>
    }
    .into_any()
}

fn withdraw(whole: &Whole, request: &str) -> AnyView {
    let action = format!("{}/withdraw", whole.subject.href());
    let request = request.to_owned();
    view! {
        <form method="post" action=action>
            <input type="hidden" name="request" value=request />
            <Button busy="Withdrawing\u{2026}">"Withdraw"</Button>
        </form>
    }
    .into_any()
}

pub(super) fn of(whole: &Whole) -> AnyView {
    let state = whole.subject.state();
    let first = match state {
        KeyState::Requested => requested(whole),
        KeyState::Approved => approved(whole),
        KeyState::Active => ().into_any(),
        KeyState::Disabled => disabled(whole),
        _ => ended(whole, state),
    };
    let changes = matches!(state, KeyState::Active | KeyState::Disabled).then(|| {
        whole
            .open
            .iter()
            .map(|row| waiting(whole, row))
            .collect_view()
    });
    let rotating = whole
        .radar
        .iter()
        .map(|radar| rotating(whole, radar))
        .collect_view();
    view! {
        {rotating}
        {first}
        {changes}
    }
    .into_any()
}

/// Who may decide about a request, by id and name.
fn deciders(whole: &Whole, request: &ApprovalRow) -> Vec<(String, String)> {
    approvals::policy::deciders(&whole.members, request, whole.subject.here.now)
        .map(|member| (member.id.clone(), member.name.clone()))
        .collect()
}

/// "Bo", "Bo and Chi", "Bo, Chi and 3 more".
fn listed(people: &[(String, String)], last: &str) -> String {
    let names: Vec<&str> = people.iter().map(|(_, name)| name.as_str()).collect();
    match names.as_slice() {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [one, other] => format!("{one} {last} {other}"),
        [one, other, rest @ ..] => format!("{one}, {other} {last} {} more", rest.len()),
    }
}

fn requested(whole: &Whole) -> AnyView {
    let here = &whole.subject.here;
    let Some(request) = whole.open.iter().find(|row| row.kind == "new_key") else {
        return panel(
            "This key waits for approval.".to_owned(),
            String::new(),
            Vec::new(),
        );
    };
    let yours = request.requested_by == here.viewer.user_id;
    let people = deciders(whole, request);
    let lapses = format!("It lapses on {}.", absolute(request.lapses_at, &here.zone));
    let see = link(
        "See the request",
        format!("/approvals/{}", request.id),
        Kind::Outline,
    );
    let mut actions = Vec::new();
    let alone = whole.members.len() == 1 && yours && here.viewer.has(Role::Checker);
    if people.is_empty() && alone {
        actions.push(link(
            "Decide",
            format!("/approvals/{}", request.id),
            Kind::Solid,
        ));
        actions.push(withdraw(whole, &request.id));
        return panel(
            "You are alone here.".to_owned(),
            format!(
                "Where the rules allow it, you can approve it yourself: with a second factor and a written reason. {lapses}"
            ),
            actions,
        );
    }
    if people.is_empty() {
        let text = if yours && here.viewer.has(Role::Checker) {
            format!("You are the only checker, and nobody approves their own. {lapses}")
        } else {
            format!("No one else here is a checker. {lapses}")
        };
        actions.push(if here.viewer.has(Role::Admin) {
            link(
                "Invite a checker",
                "/members/invite".to_owned(),
                Kind::Solid,
            )
        } else {
            link("Ask an admin", "/members".to_owned(), Kind::Outline)
        });
        actions.push(see);
        if whole.manages() {
            actions.push(withdraw(whole, &request.id));
        }
        return panel("Nobody here can approve this.".to_owned(), text, actions);
    }
    let mine = people.iter().any(|(id, _)| *id == here.viewer.user_id);
    let (lead, text) = if yours {
        (
            format!("Sent to {}.", listed(&people, "and")),
            format!("You\u{2019}ll get a mail. {lapses}"),
        )
    } else {
        let maker = request.maker.as_deref().unwrap_or("Somebody");
        (
            format!(
                "{maker} asked for this key {}.",
                relative(request.requested_at, here.now, &here.zone)
            ),
            format!("{} can decide. {lapses}", listed(&people, "or")),
        )
    };
    actions.push(if mine {
        link("Decide", format!("/approvals/{}", request.id), Kind::Solid)
    } else {
        see
    });
    if whole.manages() {
        actions.push(withdraw(whole, &request.id));
    }
    panel(lead, text, actions)
}

fn approved(whole: &Whole) -> AnyView {
    let (here, key) = (&whole.subject.here, &whole.subject.key);
    let request = whole.last.as_ref();
    let decider = request.and_then(|row| row.decider.as_deref());
    let ago = request
        .and_then(|row| row.decided_at)
        .map_or_else(String::new, |at| {
            format!(", {}", relative(at, here.now, &here.zone))
        });
    let own = if request.is_some_and(|row| row.own) {
        ", who asked for it, being alone here"
    } else {
        ""
    };
    let lead = format!("Approved by {}{own}{ago}.", decider.unwrap_or("a checker"));
    let lapses = key.waits_until.map_or_else(String::new, |at| {
        format!(" The approval lapses on {}.", absolute(at, &here.zone))
    });
    let mut actions = Vec::new();
    let text = if key.owner_id.as_deref() == Some(&here.viewer.user_id) {
        actions.push(link(
            "Reveal key",
            format!("/keys/{}/reveal", key.id),
            Kind::Solid,
        ));
        format!(
            "The secret doesn\u{2019}t exist yet. It is made when you reveal it, and shown once. Have your secret store open.{lapses}"
        )
    } else {
        format!(
            "The secret doesn\u{2019}t exist yet. It waits for {}, who has it made.{lapses}",
            key.owner.as_deref().unwrap_or("an owner")
        )
    };
    if let Some(request) = request {
        actions.push(link(
            "See the request",
            format!("/approvals/{}", request.id),
            Kind::Outline,
        ));
        if whole.manages() {
            actions.push(withdraw(whole, &request.id));
        }
    }
    panel(lead, text, actions)
}

fn disabled(whole: &Whole) -> AnyView {
    let (here, subject) = (&whole.subject.here, &whole.subject);
    let lead = match &whole.panels.stopped {
        Some((name, at)) => format!(
            "Stopped by {name}, {}.",
            relative(*at, here.now, &here.zone)
        ),
        None => "Stopped.".to_owned(),
    };
    let mut text =
        "Every request with it is refused. Its terms are kept, and its end stays where it was."
            .to_owned();
    let mut actions = Vec::new();
    let asked = whole.open.iter().any(|row| row.kind == "enable_key");
    match ops::may_enable(&here.viewer, &subject.key, here.now) {
        Ok(()) if asked => {}
        Ok(()) => actions.push(
            view! {
                <LinkButton href=format!("{}/enable", subject.href()) kind=Kind::Solid dialog=true>
                    "Turn on again"
                </LinkButton>
            }
            .into_any(),
        ),
        // Who manages it is told what stands in the way.
        Err(error) if whole.manages() || here.viewer.acting.is_some() => {
            text = format!("{text} {}", reason(error));
        }
        Err(_) => {}
    }
    panel(lead, text, actions)
}

/// A change of a key that is there, or its being turned on, that waits for a checker.
fn waiting(whole: &Whole, request: &ApprovalRow) -> AnyView {
    let here = &whole.subject.here;
    let lead = if request.kind == "enable_key" {
        "Turning it on again waits for a checker."
    } else {
        "A change waits for a checker."
    };
    let people = deciders(whole, request);
    let who = if people.is_empty() {
        "Nobody here can approve it: no one else is a checker.".to_owned()
    } else {
        format!("{} can decide.", listed(&people, "or"))
    };
    let text = format!(
        "{} asked {}. {who} It lapses on {}.",
        request.maker.as_deref().unwrap_or("Somebody"),
        relative(request.requested_at, here.now, &here.zone),
        absolute(request.lapses_at, &here.zone)
    );
    let mut actions = vec![link(
        "See the request",
        format!("/approvals/{}", request.id),
        Kind::Outline,
    )];
    let owner = whole.subject.key.owner_id.as_deref() == Some(&here.viewer.user_id);
    if here.viewer.has(Role::Developer) && (owner || request.requested_by == here.viewer.user_id) {
        actions.push(withdraw(whole, &request.id));
    }
    panel(lead.to_owned(), text, actions)
}

fn ended(whole: &Whole, state: KeyState) -> AnyView {
    let (here, key) = (&whole.subject.here, &whole.subject.key);
    let at = |at: Option<Millis>| at.map_or_else(String::new, |at| absolute(at, &here.zone));
    let through = format!(
        "{} requests let through since.",
        number(u64::try_from(whole.panels.since_end).unwrap_or(0))
    );
    let refused = || {
        link(
            "See what is refused",
            format!(
                "/logs?env={}&key={}&outcome=denied",
                key.environment, key.id
            ),
            Kind::Outline,
        )
    };
    let mut actions = Vec::new();
    let again = here.viewer.has(Role::Developer);
    let request = whole.last.as_ref();
    let approved = request.is_some_and(|row| row.outcome(here.now) == Some("approved"));
    let (lead, text) = match state {
        KeyState::Revoked => {
            actions.push(refused());
            (format!("Revoked at {}.", at(key.ended_at)), through)
        }
        KeyState::Expired => {
            actions.push(refused());
            (
                format!("Expired at {}.", at(key.expires_at)),
                format!("Requests with it are answered 401. {through}"),
            )
        }
        KeyState::Rejected => {
            let why = request.and_then(|row| row.reason.as_deref()).unwrap_or("");
            let who = request.and_then(|row| row.decider.as_deref());
            if let Some(row) = request.filter(|_| whole.manages()) {
                actions.push(link(
                    "Change and send again",
                    format!("/keys/new?again={}", row.id),
                    Kind::Solid,
                ));
            }
            (
                format!("{} rejected this:", who.unwrap_or("A checker")),
                format!("\u{201c}{why}\u{201d}"),
            )
        }
        KeyState::Lapsed if approved => (
            format!("Lapsed at {}.", at(key.ended_at.or(key.waits_until))),
            "It was approved, but its secret was not made in time.".to_owned(),
        ),
        KeyState::Lapsed => (
            format!("Lapsed at {}.", at(key.ended_at.or(key.waits_until))),
            "Nobody decided in time.".to_owned(),
        ),
        _ => (
            format!("Withdrawn at {}.", at(key.ended_at)),
            "It ended before it had a secret.".to_owned(),
        ),
    };
    if again && state != KeyState::Rejected {
        actions.push(link(
            "Create one like it",
            format!("/keys/new?like={}&env={}", key.id, key.environment),
            Kind::Outline,
        ));
    }
    panel(lead, text, actions)
}

/// Who is still to move to the new secret.
fn rotating(whole: &Whole, radar: &Radar) -> AnyView {
    let (here, subject) = (&whole.subject.here, &whole.subject);
    let recent = radar
        .callers
        .iter()
        .filter(|caller| here.now - caller.last_at < QUIET)
        .count();
    let quiet = here.now - radar.replaced_at >= QUIET && recent == 0;
    let lead = format!(
        "Old secret {} works until {}.",
        radar.shown,
        hour(radar.ends_at, &here.zone)
    );
    let text = if quiet {
        "Nobody has used it for 1 h: safe to cut.".to_owned()
    } else if recent == 0 {
        "Nobody has used it since. Give programs that call seldom an hour.".to_owned()
    } else {
        let many = count(u64::try_from(recent).unwrap_or(0), "caller", "callers");
        let verb = if recent == 1 { "uses" } else { "use" };
        format!("{many} still {verb} it.")
    };
    let rows = radar
        .callers
        .iter()
        .map(|caller| {
            let requests = count(
                u64::try_from(caller.requests).unwrap_or(0),
                "request",
                "requests",
            );
            let agent = caller.agent.as_deref().map_or_else(
                || "no agent named".to_owned(),
                inert,
            );
            view! {
                <li class="flex flex-wrap justify-between gap-x-4 border-t border-line py-2 first:border-t-0">
                    <span class="min-w-0 wrap-anywhere">
                        <span class="font-mono text-mono">
                            {caller.ip.clone().unwrap_or_else(|| "unknown address".to_owned())}
                        </span>
                        <span class="ml-3 text-ink-2">{agent}</span>
                    </span>
                    <span class="text-small text-ink-2">
                        {format!("{requests}, last ")}
                        <RelativeTime at=caller.last_at now=here.now zone=here.zone.clone() />
                    </span>
                </li>
            }
        })
        .collect_view();
    let list = (!radar.callers.is_empty()).then(|| view! { <ul class="mt-3">{rows}</ul> });
    let cut = policy::may_disable(&here.viewer, subject.key.owner_id.as_deref()).then(|| {
        let kind = if quiet { Kind::Solid } else { Kind::Outline };
        view! {
            <div class="mt-3">
                <LinkButton href=format!("{}/cut", subject.href()) kind=kind dialog=true>
                    "Cut now"
                </LinkButton>
            </div>
        }
    });
    view! {
        <section class="card mb-6 p-4" aria-label="Rotation">
            <p>
                <strong class="font-semibold">{lead}</strong>
                " "
                {text}
            </p>
            {list}
            {cut}
        </section>
    }
    .into_any()
}
