//! The form for a new key, and the one sight of its secret.

use leptos::prelude::*;

use super::plate;
use crate::keys::{
    api::{key_detail, key_form},
    ops::{Created, Creation},
    samples,
    secret::PlainKey,
    types::{KeyFormOptions, KeySummary},
    waiting::FirstCallWatch,
};
use crate::{
    accounts::{
        confirm::{Confirm, confirm},
        step_up::Action,
    },
    frame::{self, Head, Here, framed, loaded},
    server::page::{self, Answer},
    ui::{
        button::{Kind, LinkButton},
        code_block::CodeBlock,
        form::{Field, FieldState, RadioCard, RadioCards},
        key_plate::KeyPlate,
        layout::{Crumb, Width},
        scope_picker::{Flag, Preset, Scope, ScopeGroup, ScopePicker},
        secret_panel::SecretPanel,
        time::absolute,
    },
};

#[component]
pub fn NewKeyPage() -> impl IntoView {
    let answer = Answer::here();
    let load = async {
        let here = frame::here()?;
        let options = key_form().await?;
        let shown = match answer.key() {
            Some(Creation::Created(created)) => Some(key_detail(created.id.clone()).await?),
            Some(Creation::AlreadyShown { id } | Creation::Waiting { id }) => {
                Some(key_detail(id.clone()).await?)
            }
            None => None,
        };
        Ok((here, options, shown, answer))
    };
    loaded(load, |(here, options, shown, answer)| {
        match (answer.key(), shown) {
            (Some(Creation::Created(created)), Some(detail)) => {
                secret_moment(&here, &detail.key, created)
            }
            (Some(Creation::AlreadyShown { .. }), Some(detail)) => {
                already_shown(&here, &detail.key)
            }
            _ => key_form_page(&here, options, &answer),
        }
    })
}

fn key_form_page(here: &Here, options: KeyFormOptions, answer: &Answer) -> AnyView {
    let draft = match answer.value("draft") {
        sent if !sent.is_empty() => sent,
        _ => match page::state() {
            Ok(state) => state.rng.id("drf", state.clock.now()),
            Err(error) => return frame::error_page(&error),
        },
    };
    let error_of = |field: &str| answer.error_at(field).unwrap_or_default();
    let environment = match answer.value("environment") {
        sent if !sent.is_empty() => sent,
        _ => here.environment.id.clone(),
    };
    let cards = options
        .environments
        .iter()
        .map(|environment| RadioCard {
            value: environment.id.clone(),
            label: environment.word.clone(),
            text: environment.about.clone(),
            locked: false,
            live: Some(environment.live),
        })
        .collect();
    let selected = answer.fields.all("scopes");
    let scope_error = error_of("scopes");
    let back = format!("/keys?env={environment}");
    framed(
        Head {
            heading: "Create key".to_owned(),
            purpose: "A key does what its scopes allow, in one environment, and nothing else.",
            crumbs: vec![Crumb::new("API keys", back.clone())],
            span: frame::Span::None,
            width: Width::Form,
            ..Head::default()
        },
        view! {
            {frame::failure(answer)}
            <form method="post" action="/keys/new" class="space-y-8" autocomplete="off">
                <input type="hidden" name="draft" value=draft />
                <section class="space-y-4" aria-labelledby="basics">
                    <h2 id="basics" class="text-h2">
                        "Basics"
                    </h2>
                    <RadioCards
                        legend="Environment"
                        name="environment"
                        cards=cards
                        state=FieldState::new(environment).error(error_of("environment"))
                    />
                    <Field
                        label="Label"
                        name="label"
                        hint="What uses this key? You'll know it by this name in lists, logs and mails."
                        required=true
                        maxlength=Some(60)
                        placeholder="Production POS"
                        state=FieldState::new(answer.value("label")).error(error_of("label"))
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
                            groups=groups(&options)
                            presets=presets(&options)
                            selected=selected
                            error_id=if scope_error.is_empty() { "" } else { "scopes-error" }
                        />
                    </div>
                </section>
                {confirm(Confirm {
                    action: Action::CreateKey,
                    what: "create the key described above".to_owned(),
                    submit: "Create key",
                    busy: "Creating\u{2026}",
                    cancel: back,
                    kept: "Your key's details are kept.",
                    danger: false,
                    dialog: false,
                })}
            </form>
        },
    )
}

pub(super) fn groups(options: &KeyFormOptions) -> Vec<ScopeGroup> {
    options
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
                    flags: [
                        (scope.moves_money, Flag::MovesMoney),
                        (scope.personal_data, Flag::PersonalData),
                    ]
                    .into_iter()
                    .filter_map(|(set, flag)| set.then_some(flag))
                    .collect(),
                    read: scope.reads,
                    broad: false,
                    locked: String::new(),
                })
                .collect(),
        })
        .collect()
}

pub(super) fn presets(options: &KeyFormOptions) -> Vec<Preset> {
    options
        .presets
        .iter()
        .map(|preset| Preset {
            name: preset.name.clone(),
            scopes: preset.scopes.clone(),
        })
        .collect()
}

/// The one sight of the secret. Behind it lies the key's page, where Done leads.
pub(super) fn secret_moment(here: &Here, key: &KeySummary, created: &Created) -> AnyView {
    let secret = created.secret.as_ref().map_or("", PlainKey::expose);
    let state = match page::state() {
        Ok(state) => state,
        Err(error) => return frame::error_page(&error),
    };
    let plate = &key.plate;
    let call = &state.profile.first_call;
    let allowed = key.scopes.contains(&call.scope);
    let note = if allowed {
        "Try it now: the curl line works as pasted. Programs read the key from their environment, as the file sets it."
    } else {
        "The example below needs a scope that this key lacks, so it is answered with 403 and the reason."
    };
    let workspace = here.viewer.workspace.as_ref();
    let workspace_id = workspace.map_or("", |workspace| &workspace.id);
    let gateway = &state.config.gateway_url;
    let samples = samples::first_call(&state.profile, gateway, workspace_id, secret);
    let key_id = plate.id.clone();
    framed(
        Head {
            heading: "Key created".to_owned(),
            crumbs: vec![Crumb::new("API keys", "/keys")],
            span: frame::Span::Of(plate.environment.clone()),
            width: Width::Form,
            ..Head::default()
        },
        view! {
            <p class="text-ink-2">{format!("For {}.", here.viewer.name)}</p>
            <SecretPanel
                key_label=plate.label.clone()
                env=plate.environment_word.clone()
                live=plate.live
                secret=secret.to_owned()
                public_key=created.public_key.clone().unwrap_or_default()
                variable=samples::variable(&state.profile)
                action=format!("/keys/{key_id}")
            >
                <p class="mb-2 text-ink-2">{note}</p>
                <div data-secret>
                    <CodeBlock id="try" title="Make a first call" samples=samples />
                </div>
                <FirstCallWatch key_id=key_id />
            </SecretPanel>
        },
    )
}

fn already_shown(here: &Here, key: &KeySummary) -> AnyView {
    let href = format!("/keys/{}", key.plate.id);
    let at = absolute(key.created_at, &here.zone);
    framed(
        Head {
            heading: "Already shown".to_owned(),
            crumbs: vec![Crumb::new("API keys", "/keys")],
            span: frame::Span::None,
            width: Width::Form,
            ..Head::default()
        },
        view! {
            <section class="card space-y-4 p-4">
                <KeyPlate plate=plate(&key.plate) />
                <p>{format!("This secret was shown at {at} to you and can't be shown again.")}</p>
                <p class="text-ink-2">
                    "If it was not stored, revoke this key and create another; nothing can call with a secret that nobody has."
                </p>
                <LinkButton href=href kind=Kind::Solid>
                    "Back to key"
                </LinkButton>
            </section>
        },
    )
}
