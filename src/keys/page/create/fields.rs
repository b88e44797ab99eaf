//! What the form asks for, step by step.

use leptos::prelude::*;

use super::Form;
use crate::{
    keys::{page::pair::HandIn, pair, policy, terms::Expiry},
    plans::page::readiness_list,
    profiles::{CurrencyKind, KeyStyle, Profile, ScopeFlag},
    ui::{
        form::{Choice, Field, FieldKind, FieldState, RadioCard, RadioCards, Select, TextArea},
        icon::{Icon, IconName},
        scope_picker::{Flag, Preset, Scope, ScopeGroup, ScopePicker},
        time::count,
    },
};

fn state(form: &Form, name: &str, value: &str) -> FieldState {
    FieldState::new(value).error(form.error(name))
}

pub fn basics(form: &Form) -> AnyView {
    let wanted = &form.draft.wanted;
    let cards = form
        .state
        .profile
        .environments
        .iter()
        .map(|environment| {
            let locked = form.locked.iter().any(|(id, ..)| *id == environment.id);
            RadioCard {
                value: environment.id.clone(),
                label: environment.word.clone(),
                text: if locked {
                    format!("{}. Locked until its list is done.", environment.about)
                } else {
                    environment.about.clone()
                },
                locked,
                live: Some(environment.live),
            }
        })
        .collect();
    let lists: Vec<AnyView> = form
        .locked
        .iter()
        .map(|(_, word, items)| readiness_list(word, items))
        .collect();
    view! {
        <RadioCards
            legend="Environment"
            name="environment"
            cards=cards
            state=state(form, "environment", &wanted.environment)
        />
        {lists}
        <Field
            label="Label"
            name="label"
            hint="You'll know the key by this name in lists, logs and mails."
            required=true
            maxlength=Some(60)
            placeholder="Production POS"
            state=state(form, "label", &wanted.label)
        />
        <TextArea
            label="Purpose"
            name="purpose"
            hint="What uses this key, and where does it run?"
            optional=true
            rows=2
            maxlength=Some(300)
            state=state(form, "purpose", &wanted.purpose)
        />
        {(form.state.profile.key_style == KeyStyle::Pair).then(|| pair(form))}
    }
    .into_any()
}

fn pair(form: &Form) -> AnyView {
    let wanted = &form.draft.wanted;
    let card = |value: &str, label: &str, text: &str| RadioCard {
        value: value.to_owned(),
        label: label.to_owned(),
        text: text.to_owned(),
        ..RadioCard::default()
    };
    let half = if wanted.half.is_empty() {
        pair::MADE
    } else {
        &wanted.half
    };
    view! {
        <div class="group/pair space-y-4">
        <RadioCards
            legend="Key pair"
            name="half"
            cards=vec![
                card(
                    pair::MADE,
                    "Latchkey makes the pair",
                    "Signs with HMAC-SHA256. Its secret key is shown once, and kept sealed.",
                ),
                card(
                    pair::OWN,
                    "I hand in a public key",
                    "Signs with Ed25519. Made in this browser or elsewhere; the private key never comes here.",
                ),
            ]
            state=state(form, "half", half)
        />
        // Nothing is handed in where Latchkey makes both halves.
        <div class="group-has-[[value=made]:checked]/pair:hidden">
            <HandIn state=state(form, "public_key", &wanted.public_key) />
        </div>
        </div>
    }
    .into_any()
}

pub fn permissions(form: &Form) -> AnyView {
    let error = form.error("scopes");
    let error_id = if error.is_empty() { "" } else { "scopes-error" };
    view! {
        <div id="scopes" tabindex="-1">
            {(!error.is_empty())
                .then(|| {
                    view! {
                        <p id="scopes-error" class="mb-3 text-small text-danger">
                            {error}
                        </p>
                    }
                })}
            <ScopePicker
                groups=groups(&form.state.profile)
                presets=presets(&form.state.profile)
                selected=form.draft.wanted.scopes.clone()
                error_id=error_id
            />
        </div>
        {everything(form)}
    }
    .into_any()
}

/// Said where nothing is left out.
pub fn everything(form: &Form) -> Option<AnyView> {
    let all = form.state.profile.scopes().count();
    (all > 1 && form.terms.scopes.len() == all).then(|| {
        warning("All scopes are picked: whoever holds this key can do everything that the API offers. Pick only what the program calls.")
    })
}

fn warning(text: &'static str) -> AnyView {
    view! {
        <p role="status" class="flex gap-2 rounded-control bg-warning-soft px-3 py-2 text-warning">
            <Icon name=IconName::Warning class="mt-0.5 size-4 shrink-0" />
            <span>{text}</span>
        </p>
    }
    .into_any()
}

/// The catalogue, as the picker shows it.
pub fn groups(profile: &Profile) -> Vec<ScopeGroup> {
    let flag = |flag: &ScopeFlag| match flag {
        ScopeFlag::MovesMoney => Flag::MovesMoney,
        ScopeFlag::PersonalData => Flag::PersonalData,
    };
    profile
        .groups
        .iter()
        .map(|group| ScopeGroup {
            name: group.name.clone(),
            scopes: group
                .scopes
                .iter()
                .map(|scope| Scope {
                    id: scope.id.clone(),
                    description: scope.about.clone(),
                    flags: scope.flags.iter().map(flag).collect(),
                    read: scope.verb == "read",
                    broad: false,
                    locked: String::new(),
                })
                .collect(),
        })
        .collect()
}

pub fn presets(profile: &Profile) -> Vec<Preset> {
    profile
        .presets
        .iter()
        .map(|preset| Preset {
            name: preset.name.clone(),
            scopes: preset.scopes.clone(),
        })
        .collect()
}

/// The end that is chosen, as the form sends it; the one that the profile proposes if none is.
fn chosen(form: &Form) -> String {
    match form.draft.wanted.expiry.as_str() {
        "" => match policy::default_expiry(&form.state.profile) {
            Expiry::Days(days) => days.to_string(),
            Expiry::Never | Expiry::At(_) => "never".to_owned(),
        },
        chosen => chosen.to_owned(),
    }
}

fn lives(profile: &Profile) -> Vec<Choice> {
    let days = policy::lives(profile);
    days.into_iter()
        .map(|days| Choice::new(days.to_string(), count(u64::from(days), "day", "days")))
        .collect()
}

/// The end as one list, for the form without steps. What the form began with stays in it, if it is none of the list.
pub fn expiry_select(form: &Form) -> AnyView {
    let wanted = &form.draft.wanted;
    let profile = &form.state.profile;
    let chosen = chosen(form);
    let mut options = lives(profile);
    let carried = match chosen.as_str() {
        "days" => Some((
            "expires_in",
            wanted.expires_in.clone(),
            format!("{} days", wanted.expires_in),
        )),
        "date" => Some((
            "expires_on",
            wanted.expires_on.clone(),
            format!("At the end of {} (UTC)", wanted.expires_on),
        )),
        _ => None,
    };
    if let Some((_, _, words)) = &carried {
        options.push(Choice::new(chosen.clone(), words.clone()));
    }
    if profile.expiry.never {
        options.push(Choice::new("never", "Never"));
    }
    let error = ["expiry", "expires_in", "expires_on"]
        .into_iter()
        .map(|name| form.error(name))
        .find(|error| !error.is_empty());
    view! {
        <Select
            label="Expiry"
            name="expiry"
            options=options
            state=FieldState::new(chosen).error(error.unwrap_or_default())
        />
        {carried.map(|(name, value, _)| view! { <input type="hidden" name=name value=value /> })}
    }
    .into_any()
}

pub fn rails(form: &Form) -> AnyView {
    let profile = &form.state.profile;
    let asks = &profile.create;
    let amounts = asks.limits && !profile.currencies.is_empty();
    view! {
        {(amounts || asks.currency).then(|| limits(form, amounts))}
        {expiry(form)}
        {asks.addresses.then(|| lists(form))}
    }
    .into_any()
}

fn limits(form: &Form, amounts: bool) -> AnyView {
    let wanted = &form.draft.wanted;
    let profile = &form.state.profile;
    let kinds = profile.create.currency;
    let kind = kinds.then(|| {
        let card = |kind: CurrencyKind, text: &str| RadioCard {
            value: kind.as_str().to_owned(),
            label: kind.word().to_owned(),
            text: text.to_owned(),
            ..RadioCard::default()
        };
        let value = match wanted.currency_kind.as_str() {
            "" => CurrencyKind::Fiat.as_str(),
            chosen => chosen,
        };
        view! {
            <RadioCards
                legend="Currency kind"
                name="currency_kind"
                cards=vec![
                    card(CurrencyKind::Fiat, "Money of a state"),
                    card(CurrencyKind::Crypto, "Coins of a chain"),
                ]
                state=state(form, "currency_kind", value)
            />
        }
    });
    // Where a kind is chosen first, no currency can be proposed before it is.
    let blank = kinds.then(|| Choice::new("", "None: no limit"));
    let currency = match profile.currencies.first() {
        Some(first) if wanted.currency.is_empty() && !kinds => first.id.as_str(),
        _ => wanted.currency.as_str(),
    };
    let options = blank
        .into_iter()
        .chain(profile.currencies.iter().map(|currency| {
            let words = if kinds {
                format!("{} ({})", currency.id, currency.kind.word().to_lowercase())
            } else {
                currency.id.clone()
            };
            Choice::new(currency.id.clone(), words)
        }))
        .collect();
    let amounts = amounts.then(|| {
        view! {
            <div class="grid gap-4 sm:grid-cols-2">
                <Field
                    label="Most per request"
                    name="max_amount"
                    hint="Empty: no limit."
                    optional=true
                    placeholder="100,000.00"
                    state=state(form, "max_amount", &wanted.max_amount)
                />
                <Field
                    label="Most per UTC day"
                    name="max_daily"
                    hint="Empty: no limit. Counted anew from 00:00 UTC."
                    optional=true
                    placeholder="1,000,000.00"
                    state=state(form, "max_daily", &wanted.max_daily)
                />
            </div>
        }
    });
    view! {
        {kind}
        <div class="max-w-72">
            <Select
                label="Currency"
                name="currency"
                hint="A key with a limit moves this currency alone."
                optional=kinds
                options=options
                state=state(form, "currency", currency)
            />
        </div>
        {amounts}
    }
    .into_any()
}

fn expiry(form: &Form) -> AnyView {
    let wanted = &form.draft.wanted;
    let rule = form.state.profile.expiry;
    let chosen = chosen(form);
    let error = form.error("expiry");
    let radio = |value: &str, words: String| {
        view! {
            <label class="flex min-h-8 items-center gap-2.5">
                <input
                    type="radio"
                    class="check"
                    id=format!("expiry-{value}")
                    name="expiry"
                    value=value.to_owned()
                    checked=chosen == value
                />
                {words}
            </label>
        }
    };
    let fixed = lives(&form.state.profile)
        .into_iter()
        .map(|choice| radio(&choice.value, choice.label))
        .collect_view();
    let most = rule
        .max_days
        .map(|max| format!(" A key here lives {max} days at most."));
    view! {
        <fieldset
            id="expiry"
            tabindex="-1"
            class="rounded-control"
            aria-describedby=if error.is_empty() { "expiry-hint" } else { "expiry-hint expiry-error" }
        >
            <legend class="font-medium">"Expiry"</legend>
            <p id="expiry-hint" class="text-small text-ink-2">
                "Days count from the moment when the secret is made." {most}
            </p>
            <div class="mt-1.5 grid gap-x-4 sm:grid-cols-2">{fixed}</div>
            <div class="flex flex-wrap items-start gap-x-3">
                {radio("days", "After a number of days:".to_owned())}
                <div class="w-28">
                    <Field
                        label="Number of days"
                        name="expires_in"
                        hide_label=true
                        kind=FieldKind::Number
                        min="1"
                        max=rule.max_days.map_or_else(String::new, |max| max.to_string())
                        state=state(form, "expires_in", &wanted.expires_in)
                    />
                </div>
            </div>
            <div class="mt-1 flex flex-wrap items-start gap-x-3">
                {radio("date", "At the end of a day (UTC):".to_owned())}
                <div class="w-44">
                    <Field
                        label="Last day"
                        name="expires_on"
                        hide_label=true
                        kind=FieldKind::Date
                        state=state(form, "expires_on", &wanted.expires_on)
                    />
                </div>
            </div>
            {rule.never.then(|| radio("never", "Never".to_owned()))}
            {(!error.is_empty())
                .then(|| {
                    view! {
                        <p id="expiry-error" class="mt-1.5 text-small text-danger">
                            {error.clone()}
                        </p>
                    }
                })}
        </fieldset>
    }
    .into_any()
}

fn lists(form: &Form) -> AnyView {
    let wanted = &form.draft.wanted;
    let allow = form.state.profile.allow;
    let addresses = allow.addresses.then(|| {
        view! {
            <TextArea
                label="IP addresses"
                name="addresses"
                hint="Addresses and networks, one to a line or with commas between: 203.0.113.7, 198.51.100.0/24. A note goes behind #. Empty: any address."
                optional=true
                mono=true
                state=state(form, "addresses", &wanted.addresses)
            />
        }
    });
    let domains = allow.domains.then(|| {
        view! {
            <TextArea
                label="Domains"
                name="domains"
                hint="One to a line or with commas between: shop.example, *.shop.example. Servers can send any origin: add addresses for calls from servers. Empty: any domain."
                optional=true
                mono=true
                state=state(form, "domains", &wanted.domains)
            />
        }
    });
    view! {
        {addresses}
        {domains}
    }
    .into_any()
}
