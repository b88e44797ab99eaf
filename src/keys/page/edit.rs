//! Changing a key: the form, and before anything widens, what the change comes to.

use leptos::prelude::*;

use super::{
    create::{groups, presets},
    one::Subject,
};
use crate::{
    accounts::{
        confirm::{Confirm, confirm},
        step_up::{self, Action},
    },
    error::UiErrorKind,
    frame::{self, framed, loaded},
    keys::{
        differences, money, ops,
        policy::{self, Wanted},
        post, statement,
        terms::Expiry,
    },
    profiles::{CurrencyKind, Profile},
    server::{
        error::AppError,
        page::{Answer, Fields},
    },
    ui::{
        button::{Button, Kind},
        form::{Choice, Field, FieldKind, FieldState, Select, TextArea},
        scope_picker::ScopePicker,
        statement::{Difference, Differences},
    },
};

/// What the page shows.
enum Step {
    Form,
    /// What applies at once, what widens, and whether that waits for a checker.
    Review(Coming),
}

struct Coming {
    at_once: Vec<Difference>,
    widens: Vec<Difference>,
    waits: bool,
}

#[component]
pub fn EditKeyPage() -> impl IntoView {
    let id = frame::path_id();
    let answer = Answer::here();
    let load = async move {
        let subject = Subject::managed(&id).await?;
        ops::changeable(&subject.key, subject.here.now).map_err(AppError::into_ui)?;
        let step = step(&subject, &answer).await.map_err(AppError::into_ui)?;
        Ok((subject, step, answer))
    };
    loaded(load, |(subject, step, answer)| match step {
        Step::Form => form(&subject, &answer),
        Step::Review(coming) => review(&subject, coming, &answer),
    })
}

/// A form that was sent whole and comes back is one that widens: it is looked at before it is confirmed.
async fn step(subject: &Subject, answer: &Answer) -> Result<Step, AppError> {
    let wrong = answer
        .error
        .as_ref()
        .is_some_and(|error| error.at(step_up::FIELD).is_none());
    if answer.fields.get("basis").is_empty() || answer.fields.get("step") == "back" || wrong {
        return Ok(Step::Form);
    }
    let (state, before) = (&subject.state, subject.key.terms());
    let wanted = post::manage::wanted(&answer.fields);
    let Ok((label, purpose, after)) =
        policy::edited(&state.profile, &wanted, &before, subject.here.now)
    else {
        return Ok(Step::Form);
    };
    let mut reader = state.db.read().await?;
    let ops::Outlook { split, waits } =
        ops::outlook(&mut reader, state, &subject.key, &after).await?;
    let zone = &subject.here.zone;
    let mut at_once = vec![
        differences::value("Label", subject.key.label.clone(), label),
        differences::value("Purpose", said(&subject.key.purpose), said(&purpose)),
    ];
    at_once.extend(differences::of_terms(
        &state.profile,
        &before,
        &split.at_once,
        zone,
    ));
    Ok(Step::Review(Coming {
        at_once,
        widens: differences::of_terms(&state.profile, &split.at_once, &after, zone),
        waits,
    }))
}

fn said(purpose: &str) -> String {
    if purpose.is_empty() {
        "None".to_owned()
    } else {
        purpose.to_owned()
    }
}

/// The key as the form's fields hold it.
fn as_it_is(profile: &Profile, subject: &Subject) -> Wanted {
    let (key, terms) = (&subject.key, subject.key.terms());
    let currency = terms.limits.currency.clone().unwrap_or_default();
    let plain = |amount: Option<i64>| match (amount, profile.currency(&currency)) {
        (Some(amount), Some(currency)) => money::plain(amount, currency),
        _ => String::new(),
    };
    Wanted {
        label: key.label.clone(),
        purpose: key.purpose.clone(),
        currency_kind: terms
            .limits
            .kind
            .map_or_else(String::new, |kind| kind.as_str().to_owned()),
        max_amount: plain(terms.limits.max_amount),
        max_daily: plain(terms.limits.max_daily),
        currency,
        expiry: "keep".to_owned(),
        scopes: terms.scopes,
        ..Wanted::default()
    }
}

fn form(subject: &Subject, answer: &Answer) -> AnyView {
    let (profile, href) = (&subject.state.profile, subject.href());
    let sent = !answer.fields.get("basis").is_empty();
    let shown = if sent {
        post::manage::wanted(&answer.fields)
    } else {
        as_it_is(profile, subject)
    };
    let error_of = |field: &str| answer.error_at(field).unwrap_or_default();
    let state = |field: &str, value: &str| FieldState::new(value).error(error_of(field));
    let scope_error = error_of("scopes");
    let conflict = answer
        .error
        .as_ref()
        .filter(|error| error.kind == UiErrorKind::Conflict)
        .map(|_| {
            let now = subject.key.terms();
            let typed = policy::edited(profile, &shown, &now, subject.here.now);
            let rows = typed.map_or_else(
                |_| Vec::new(),
                |(label, purpose, after)| {
                    let mut rows = vec![
                        differences::value("Label", subject.key.label.clone(), label),
                        differences::value("Purpose", said(&subject.key.purpose), said(&purpose)),
                    ];
                    rows.extend(differences::of_terms(
                        profile,
                        &now,
                        &after,
                        &subject.here.zone,
                    ));
                    rows
                },
            );
            view! { <Differences rows=rows against="The key as it is now, and what you typed" /> }
        });
    framed(
        subject.head("Edit key"),
        view! {
            {frame::failure(answer)}
            <form method="post" action=format!("{href}/edit") class="space-y-8" autocomplete="off">
                // Of the key as it is shown here: after a conflict, as it is now.
                <input type="hidden" name="basis" value=ops::basis(&subject.key) />
                {conflict}
                {subject.shown()}
                <section class="space-y-4" aria-labelledby="basics">
                    <h2 id="basics" class="text-h2">
                        "Basics"
                    </h2>
                    <Field
                        label="Label"
                        name="label"
                        required=true
                        maxlength=Some(60)
                        state=state("label", &shown.label)
                    />
                    <TextArea
                        label="Purpose"
                        name="purpose"
                        optional=true
                        hint="What uses this key, and where does it run?"
                        rows=3
                        state=state("purpose", &shown.purpose)
                    />
                </section>
                <section class="space-y-4" aria-labelledby="permissions">
                    <h2 id="permissions" class="text-h2">
                        "Permissions"
                    </h2>
                    <div id="scopes" tabindex="-1">
                        {(!scope_error.is_empty())
                            .then(|| {
                                view! {
                                    <p id="scopes-error" class="mb-3 text-small text-danger">
                                        {scope_error.clone()}
                                    </p>
                                }
                            })}
                        <ScopePicker
                            groups=groups(&subject.state.profile)
                            presets=presets(&subject.state.profile)
                            selected=shown.scopes.clone()
                            error_id=if scope_error.is_empty() { "" } else { "scopes-error" }
                        />
                    </div>
                </section>
                {limits(profile, &shown, answer)}
                {expiry(subject, &shown, answer)}
                <div class="card p-4 text-ink-2">
                    "What takes something away applies at once. What lets the key do more is shown before you confirm it; where the rules say so, a checker decides."
                </div>
                <div class="flex flex-wrap justify-end gap-2">
                    <a class="btn btn-outline" href=href.clone()>
                        "Cancel"
                    </a>
                    <Button kind=Kind::Solid busy="Looking\u{2026}">
                        "Continue"
                    </Button>
                </div>
            </form>
            <p class="mt-8 text-ink-2">
                "Addresses and domains have a page of their own: "
                <a class="link" href=format!("/keys/{}/security", subject.key.id)>
                    "API Key Security"
                </a>
                "."
            </p>
        },
    )
}

fn limits(profile: &Profile, shown: &Wanted, answer: &Answer) -> AnyView {
    if profile.currencies.is_empty() {
        return ().into_any();
    }
    let state = |field: &str, value: &str| {
        FieldState::new(value).error(answer.error_at(field).unwrap_or_default())
    };
    let kinds = std::iter::once(Choice::new("", "Any"))
        .chain(
            [CurrencyKind::Fiat, CurrencyKind::Crypto]
                .map(|kind| Choice::new(kind.as_str(), kind.word())),
        )
        .collect();
    let kind = (profile.create.currency || !shown.currency_kind.is_empty()).then(|| {
        view! {
            <Select
                label="Currency type"
                name="currency_kind"
                options=kinds
                state=state("currency_kind", &shown.currency_kind)
            />
        }
    });
    let currencies = std::iter::once(Choice::new("", "Choose a currency"))
        .chain(
            profile
                .currencies
                .iter()
                .map(|currency| Choice::new(currency.id.clone(), currency.id.clone())),
        )
        .collect();
    view! {
        <section class="space-y-4" aria-labelledby="limits">
            <h2 id="limits" class="text-h2">
                "Limits"
            </h2>
            {kind}
            <Select
                label="Currency"
                name="currency"
                options=currencies
                optional=true
                state=state("currency", &shown.currency)
            />
            <div class="grid gap-4 sm:grid-cols-2">
                <Field
                    label="Most per request"
                    name="max_amount"
                    optional=true
                    state=state("max_amount", &shown.max_amount)
                />
                <Field
                    label="Most per UTC day"
                    name="max_daily"
                    optional=true
                    state=state("max_daily", &shown.max_daily)
                />
            </div>
        </section>
    }
    .into_any()
}

fn expiry(subject: &Subject, shown: &Wanted, answer: &Answer) -> AnyView {
    let rule = subject.state.profile.expiry;
    let error_of = |field: &str| answer.error_at(field).unwrap_or_default();
    let end = statement::end(subject.key.terms().expiry, &subject.here.zone)
        .unwrap_or_else(|| "never".to_owned());
    let days = [7_u32, 30, 90, 365]
        .into_iter()
        .filter(|days| rule.max_days.is_none_or(|max| *days <= max))
        .map(|days| Choice::new(days.to_string(), format!("In {days} days")));
    let never = (rule.never && subject.key.terms().expiry != Expiry::Never)
        .then(|| Choice::new("never", "Never"));
    let options = std::iter::once(Choice::new("keep", format!("As it is: {end}")))
        .chain(days)
        .chain([Choice::new("date", "At the end of a day\u{2026}")])
        .chain(never)
        .collect();
    view! {
        <section class="space-y-4" aria-labelledby="expiry-title">
            <h2 id="expiry-title" class="text-h2">
                "Expiry"
            </h2>
            <div class="grid gap-4 sm:grid-cols-2">
                <Select
                    label="Expires"
                    name="expiry"
                    options=options
                    state=FieldState::new(shown.expiry.clone()).error(error_of("expiry"))
                />
                <Field
                    label="Day (UTC)"
                    name="expires_on"
                    kind=FieldKind::Date
                    optional=true
                    state=FieldState::new(shown.expires_on.clone()).error(error_of("expires_on"))
                />
            </div>
        </section>
    }
    .into_any()
}

/// The fields of an edit, sent on by the review unseen.
const FIELDS: &[&str] = &[
    "basis",
    "label",
    "purpose",
    "currency_kind",
    "currency",
    "max_amount",
    "max_daily",
    "expiry",
    "expires_in",
    "expires_on",
];

fn carried(fields: &Fields) -> AnyView {
    let single = FIELDS
        .iter()
        .map(|name| ((*name).to_owned(), fields.get(name).to_owned()));
    let scopes = fields.all("scopes").into_iter();
    single
        .chain(scopes.map(|scope| ("scopes".to_owned(), scope)))
        .map(|(name, value)| view! { <input type="hidden" name=name value=value /> })
        .collect_view()
        .into_any()
}

fn review(subject: &Subject, coming: Coming, answer: &Answer) -> AnyView {
    let href = subject.href();
    let changes = |rows: &[Difference]| {
        rows.iter()
            .any(|row| row.now != row.asked || !row.added.is_empty() || !row.removed.is_empty())
    };
    let at_once = changes(&coming.at_once).then(|| {
        view! {
            <section aria-labelledby="at-once" class="space-y-2">
                <h2 id="at-once" class="text-h2">
                    "Applies at once"
                </h2>
                <Differences rows=coming.at_once />
            </section>
        }
    });
    let (title, submit, what) = if coming.waits {
        ("Goes to a checker", "Send for approval", "ask for more for")
    } else {
        (
            "Lets the key do more",
            "Change key",
            "let more be done with",
        )
    };
    framed(
        subject.head("Review the change"),
        view! {
            {frame::failure(answer)}
            <div class="space-y-8">
                {subject.shown()} {at_once}
                <section aria-labelledby="widens" class="space-y-2">
                    <h2 id="widens" class="text-h2">
                        {title}
                    </h2>
                    <Differences rows=coming.widens />
                </section>
                <form method="post" action=format!("{href}/edit") autocomplete="off">
                    {carried(&answer.fields)}
                    {confirm(Confirm {
                        action: Action::WidenKey,
                        what: format!(
                            "{what} the {} key \u{201c}{}\u{201d}",
                            subject.plate.environment_word,
                            subject.key.label,
                        ),
                        submit,
                        busy: "Changing\u{2026}",
                        cancel: href.clone(),
                        kept: "Your change is kept.",
                        danger: false,
                        dialog: false,
                    })}
                </form>
                <form method="post" action=format!("{href}/edit")>
                    {carried(&answer.fields)} <input type="hidden" name="step" value="back" />
                    <Button kind=Kind::Ghost>"Back to the form"</Button>
                </form>
            </div>
        },
    )
}
