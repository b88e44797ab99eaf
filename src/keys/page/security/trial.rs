//! Trying an address and an origin: what the gateway would say to a call from there, by its own judge.

use std::{net::IpAddr, sync::Arc};

use leptos::prelude::*;
use leptos_router::params::ParamsMap;

use crate::{
    gateway::{
        judge::{self, Alike, Code, Facts, KeyRecord, NEVER, Needs, Resource},
        limit::Rates,
    },
    keys::{
        allow::{Guard, ListKind, host_of_origin},
        store::KeyRow,
        types::KeyState,
    },
    server::clock::{Id, Millis},
    ui::{
        button::Button,
        form::{Field, FieldState},
        trace::{Trace, TraceStep},
    },
    usage::page::check_in_words,
};

/// Characters of what was typed that are shown again.
const MAX_SHOWN: usize = 120;

/// What was tried, and what came of it.
pub struct Trial {
    address: String,
    origin: String,
    /// The address cannot be read.
    wrong: Option<String>,
    sentence: String,
    /// Each check of the judge, with whether it was passed; none for those not reached.
    steps: Vec<(Code, Option<bool>)>,
}

impl Trial {
    /// None if nothing is tried.
    pub fn of(key: &KeyRow, suspended: bool, query: &ParamsMap, now: Millis) -> Option<Self> {
        let typed = |name: &str| -> String {
            let text = query.get(name).unwrap_or_default();
            text.trim().chars().take(MAX_SHOWN).collect()
        };
        let (address, origin) = (typed("address"), typed("origin"));
        if address.is_empty() && origin.is_empty() {
            return None;
        }
        let ip: Option<IpAddr> = address.parse().ok();
        if ip.is_none() && !address.is_empty() {
            return Some(Self {
                address,
                origin,
                wrong: Some("Write one address, like 203.0.113.9 or 2001:db8::1.".to_owned()),
                sentence: String::new(),
                steps: Vec::new(),
            });
        }
        let host = host_of_origin(&origin);
        let record = record(key, suspended, now);
        let facts = Facts {
            environment: None,
            ip,
            origin: host.as_deref(),
            resource: Resource::Own,
            needs: Needs::Nothing,
        };
        let made = judge::trace(&record, &facts, now);
        let steps = judge::order()
            .map(|code| {
                let step = made.iter().find(|step| step.check == code);
                (code, step.map(|step| step.ok))
            })
            .collect();
        let failed = made.iter().find(|step| !step.ok).map(|step| step.check);
        Some(Self {
            sentence: sentence(
                key,
                record.guard.as_deref().unwrap_or(&Guard::default()),
                failed,
                ip,
                &origin,
                host.as_deref(),
            ),
            address,
            origin,
            wrong: None,
            steps,
        })
    }
}

/// The key as the gateway would have it, with its newest secret.
fn record(key: &KeyRow, suspended: bool, now: Millis) -> KeyRecord {
    let state = key.state(now);
    let alike = Alike {
        workspace_id: key.workspace_id.as_str().into(),
        workspace_suspended: suspended,
        environment: key.environment.as_str().into(),
        scopes: key.terms().scopes.into(),
        guard: Some(Arc::new(Guard::from_json(&key.allow))),
        rates: Rates::default(),
    };
    KeyRecord {
        id: Id::default(),
        secret_id: Id::default(),
        secret_ends_at: NEVER,
        expires_at: key.expires_at.unwrap_or(NEVER),
        requested: matches!(state, KeyState::Requested | KeyState::Approved),
        disabled: state == KeyState::Disabled,
        revoked: state.has_ended() && state != KeyState::Expired,
        label: key.label.as_str().into(),
        alike: Arc::new(alike),
        bucket: None,
        rare: None,
    }
}

/// What comes of it, in one sentence; and that both lists count, where both are set.
fn sentence(
    key: &KeyRow,
    guard: &Guard,
    failed: Option<Code>,
    ip: Option<IpAddr>,
    origin: &str,
    host: Option<&str>,
) -> String {
    let label = format!("\u{201c}{}\u{201d}", key.label);
    let entries = key.allow();
    let number = |kind: ListKind| entries.iter().filter(|entry| entry.kind == kind).count();
    let other_than = |kind: ListKind| match number(kind) {
        1 => format!("not the one {} of {label}", kind.word()),
        n => format!("not among the {n} {} of {label}", kind.words()),
    };
    let domain = host.unwrap_or(origin);
    let said = match failed {
        None => {
            let from = match (ip, host) {
                (Some(ip), Some(host)) => format!("{} with origin {host}", ip.to_canonical()),
                (Some(ip), None) => ip.to_canonical().to_string(),
                (None, Some(host)) => host.to_owned(),
                (None, None) => "there".to_owned(),
            };
            format!("Let through: {label} may be used from {from}.")
        }
        Some(Code::IpNotAllowed) => match ip {
            Some(ip) => format!(
                "Refused: {} is {}.",
                ip.to_canonical(),
                other_than(ListKind::Ip)
            ),
            None => format!("Refused: {label} is bound to addresses, and none is given."),
        },
        Some(Code::OriginRequired) => {
            format!("Refused: {label} is bound to domains, and no origin could be read.")
        }
        Some(Code::OriginNotAllowed) => {
            format!("Refused: {domain} is {}.", other_than(ListKind::Domain))
        }
        Some(_) => format!("Refused, from wherever it comes: {label} is not in use."),
    };
    if guard.binds(ListKind::Ip) && guard.binds(ListKind::Domain) {
        format!("{said} Both lists must fit.")
    } else {
        said
    }
}

/// The form, and what came of it if something was tried.
pub fn view(trial: Option<&Trial>, action: &str, guard: &Guard, offered: &[ListKind]) -> AnyView {
    let (address, origin, wrong) = trial.map_or_else(Default::default, |trial| {
        (
            trial.address.clone(),
            trial.origin.clone(),
            trial.wrong.clone().unwrap_or_default(),
        )
    });
    let asks = |kind: ListKind| offered.contains(&kind) || guard.binds(kind);
    let domains = asks(ListKind::Domain).then(|| {
        view! {
            <Field
                label="Origin"
                name="origin"
                hint="As a browser or X-API-ORIGIN names it."
                placeholder="https://shop.example.com"
                autocomplete="off"
                optional=true
                mono=true
                state=FieldState::new(origin)
            />
        }
    });
    let outcome = trial.filter(|trial| trial.wrong.is_none()).map(|trial| {
        let steps = trial
            .steps
            .iter()
            .map(|(code, passed)| {
                let (code, text) = (code.as_str(), check_in_words(code.as_str()));
                match passed {
                    Some(true) => TraceStep::passed(code, text),
                    Some(false) => TraceStep::failed(code, refused_in_words(code)),
                    None => TraceStep::not_reached(code, text),
                }
            })
            .collect();
        view! {
            <p class="font-medium wrap-anywhere" role="status">
                {trial.sentence.clone()}
            </p>
            <Trace steps=steps />
        }
    });
    view! {
        <section class="space-y-3 border-t border-line pt-4" aria-labelledby="trial">
            <h3 id="trial" class="font-semibold">
                "Test"
            </h3>
            <form method="get" action=action.to_owned() class="space-y-3">
                <Field
                    label="Address"
                    name="address"
                    placeholder="203.0.113.9"
                    autocomplete="off"
                    mono=true
                    state=FieldState::new(address).error(wrong)
                />
                {domains}
                <Button busy="Testing\u{2026}">"Test"</Button>
            </form>
            {outcome}
        </section>
    }
    .into_any()
}

/// What failing the check means.
fn refused_in_words(code: &str) -> &'static str {
    match code {
        "IP_NOT_ALLOWED" => "The address is not in the list",
        "ORIGIN_REQUIRED" => "The call names no origin that could be read",
        "ORIGIN_NOT_ALLOWED" => "The domain is not in the list",
        "PENDING_APPROVAL" => "It has no secret yet",
        "DISABLED" => "It is turned off",
        "REVOKED" => "It has ended",
        "EXPIRED" => "It has expired",
        "WORKSPACE_SUSPENDED" => "Its workspace is suspended",
        _ => "It is refused",
    }
}
