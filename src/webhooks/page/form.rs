//! Setting an endpoint up, and changing it.

use leptos::prelude::*;

use super::{Subject, picker::picker, secret};
use crate::{
    accounts::{
        confirm::{Confirm, confirm},
        step_up::Action,
        viewer,
    },
    error::UiErrorKind,
    frame::{self, Head, Here, framed, loaded},
    server::{
        clock::is_id,
        error::AppError,
        page::{self, Answer},
        state::AppState,
    },
    ui::{
        button::{Button, Kind, LinkButton},
        form::{Checkbox, Field, FieldKind, FieldState, RadioCard, RadioCards, TextArea},
        layout::{Crumb, Width},
    },
    webhooks::{ops, policy, post, types::Signing},
};

fn field(answer: &Answer, name: &str, stored: &str) -> FieldState {
    let value = if sent(answer) {
        answer.value(name)
    } else {
        stored.to_owned()
    };
    FieldState::new(value).error(answer.error_at(name).unwrap_or_default())
}

/// Whether the form comes back as it was sent.
fn sent(answer: &Answer) -> bool {
    !answer.value("filled").is_empty()
}

/// A form that comes back in its own address asks anew; nothing keeps it on the way.
fn fields(
    state: &AppState,
    answer: &Answer,
    url: &str,
    description: &str,
    events: &[String],
) -> (AnyView, AnyView) {
    let demo = state.config.demo.then(|| {
        let receiver = format!("{}/demo", crate::webhooks::receiver::address(&state.config));
        view! {
            <p class="-mt-2 text-small text-ink-2">
                "In this demo "
                <code class="font-mono text-mono break-all">{receiver}</code>
                " takes events. "
                <a class="link" href="/dev/receiver/demo">
                    "See what came there"
                </a>
            </p>
        }
    });
    let place = view! {
        <input type="hidden" name="filled" value="1" />
        <Field
            label="URL"
            name="url"
            kind=FieldKind::Url
            hint="Events are sent there by POST, over HTTPS. The host has to be public on the internet."
            placeholder="https://example.com/webhooks"
            autocomplete="off"
            mono=true
            maxlength=u32::try_from(policy::MAX_URL).ok()
            state=field(answer, "url", url)
        />
        {demo}
        <Field
            label="Description"
            name="description"
            optional=true
            hint="What is behind it, for those who look after it."
            autocomplete="off"
            maxlength=u32::try_from(policy::MAX_DESCRIPTION).ok()
            state=field(answer, "description", description)
        />
    };
    let chosen = if sent(answer) {
        answer.fields.all("events")
    } else {
        events.to_vec()
    };
    let events = picker(
        &state.profile,
        &chosen,
        &answer.error_at("events").unwrap_or_default(),
    );
    (place.into_any(), events)
}

#[component]
pub fn NewEndpointPage() -> impl IntoView {
    let answer = Answer::here();
    let load = async move {
        let viewer = viewer::with_any_role(policy::MAKERS)?;
        let (here, state) = (frame::here()?, page::state()?);
        let look = async {
            let mut reader = state.db.read().await?;
            if let Some(made) = answer.signing() {
                return Ok((
                    Some(ops::find(&mut reader, viewer.workspace_id(), made.id()).await?),
                    None,
                ));
            }
            // That no more can be set up is said in place of the form.
            let full = match ops::room(&mut reader, viewer.workspace_id()).await {
                Err(AppError::Told(error)) if error.kind == UiErrorKind::Conflict => Some(error),
                other => {
                    other?;
                    None
                }
            };
            Ok::<_, AppError>((None, full))
        };
        let (row, full) = look.await.map_err(AppError::into_ui)?;
        Ok((here, state, answer, row, full))
    };
    loaded(load, |(here, state, answer, row, full)| {
        match (answer.signing(), row) {
            (Some(made), Some(row)) => secret::shown(&Subject { here, state, row }, made),
            _ => match full {
                Some(error) => frame::error_page(&error),
                None => new_page(&here, &state, &answer),
            },
        }
    })
}

fn new_page(here: &Here, state: &AppState, answer: &Answer) -> AnyView {
    let draft = match answer.value("draft") {
        sent if is_id(&sent, "drf") => sent,
        _ => state.rng.id("drf", here.now),
    };
    let chosen = match answer.value("environment") {
        sent if !sent.is_empty() => sent,
        _ => here.environment.id.clone(),
    };
    let cards = state
        .profile
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
    let environment = if state.profile.environments.len() > 1 {
        let state =
            FieldState::new(chosen).error(answer.error_at("environment").unwrap_or_default());
        view! { <RadioCards legend="Environment" name="environment" cards=cards state=state /> }
            .into_any()
    } else {
        view! { <input type="hidden" name="environment" value=chosen /> }.into_any()
    };
    let signing = match answer.value("signing") {
        sent if !sent.is_empty() => sent,
        _ => Signing::Hmac.as_str().to_owned(),
    };
    let ways = vec![
        RadioCard {
            value: Signing::Hmac.as_str().to_owned(),
            label: "Shared secret (HMAC)".to_owned(),
            text: "v1 of Standard Webhooks: every library knows it. The secret is shown once."
                .to_owned(),
            ..RadioCard::default()
        },
        RadioCard {
            value: Signing::Ed25519.as_str().to_owned(),
            label: "Public key (Ed25519)".to_owned(),
            text: "v1a: your side keeps no secret, only a public key that can be seen again."
                .to_owned(),
            ..RadioCard::default()
        },
    ];
    let signing = FieldState::new(signing).error(answer.error_at("signing").unwrap_or_default());
    let (place, events) = fields(state, answer, "", "", &[]);
    let cancel = format!("/webhooks?env={}", here.environment.id);
    let proof = confirm(Confirm {
        action: Action::CreateWebhook,
        what: "set up an endpoint that is sent this workspace's events".to_owned(),
        submit: "Create endpoint",
        busy: "Creating\u{2026}",
        cancel: cancel.clone(),
        kept: "What you typed is kept.",
        danger: false,
        dialog: false,
    });
    framed(
        Head {
            heading: "New endpoint".to_owned(),
            crumbs: vec![Crumb::new("Webhooks", cancel)],
            span: frame::Span::None,
            width: Width::Form,
            ..Head::default()
        },
        view! {
            {frame::failure(answer)}
            <form method="post" action="/webhooks/new" class="space-y-8" autocomplete="off">
                <input type="hidden" name="draft" value=draft />
                <div class="space-y-4">{environment} {place}</div>
                {events}
                <div class="space-y-4">
                    {own_headers(answer, "Custom headers", "Sent along with every event, one to a line, as X-Tenant: harbor. Values are not shown again.")}
                    <RadioCards legend="Signing" name="signing" cards=ways state=signing />
                </div>
                {proof}
            </form>
        },
    )
}

fn own_headers(answer: &Answer, label: &'static str, hint: &'static str) -> AnyView {
    view! {
        <TextArea
            label=label
            name="headers"
            optional=true
            rows=3
            mono=true
            hint=hint
            state=field(answer, "headers", "")
        />
    }
    .into_any()
}

#[component]
pub fn EditEndpointPage() -> impl IntoView {
    let id = frame::path_id();
    let answer = Answer::here();
    let load = async move {
        let subject = Subject::load_for(&id, policy::MAKERS).await?;
        let names = ops::header_names(&subject.state, &subject.row).map_err(AppError::into_ui)?;
        Ok((subject, names, answer))
    };
    loaded(load, |(subject, names, answer)| {
        edit_page(&subject, &names, &answer)
    })
}

fn edit_page(subject: &Subject, names: &[String], answer: &Answer) -> AnyView {
    let (row, state) = (&subject.row, &subject.state);
    let href = subject.href();
    let (place, events) = fields(state, answer, &row.url, &row.description, &row.events());
    let without = answer.fields.all("without");
    let kept = (!names.is_empty()).then(|| {
        let boxes: Vec<AnyView> = names
            .iter()
            .map(|name| {
                view! {
                    <Checkbox
                        label=format!("Remove {name}")
                        name="without"
                        value=name.clone()
                        checked=without.contains(name)
                    />
                }
                .into_any()
            })
            .collect();
        view! {
            <fieldset>
                <legend class="font-medium">"Headers that are sent now"</legend>
                <p class="text-small text-ink-2">"Their values are not shown. To change one, type it anew below."</p>
                <div class="mt-1.5">{boxes}</div>
            </fieldset>
        }
    });
    // The factor is asked for once it is known that events will go elsewhere.
    let wanted = post::wanted(&answer.fields);
    let moves = sent(answer) && wanted.url.trim() != row.url && answer.error_at("url").is_none();
    let foot = if moves {
        let proof = confirm(Confirm {
            action: Action::ChangeWebhook,
            what: format!(
                "send the events of this endpoint to {}",
                super::host(&wanted.url)
            ),
            submit: "Save changes",
            busy: "Saving\u{2026}",
            cancel: href.clone(),
            kept: "What you typed is kept.",
            danger: false,
            dialog: false,
        });
        view! {
            <p role="status" class="rounded-control bg-info-soft px-3 py-2 text-info">
                "Another address needs your confirmation. Nothing was saved yet."
            </p>
            {proof}
        }
        .into_any()
    } else {
        view! {
            <div class="flex flex-wrap justify-end gap-2 border-t border-line pt-4">
                <LinkButton href=href.clone()>"Cancel"</LinkButton>
                <Button kind=Kind::Solid busy="Saving\u{2026}">
                    "Save changes"
                </Button>
            </div>
        }
        .into_any()
    };
    // Once a conflict was told of, the form stands on what is there now.
    let conflict = answer
        .error
        .as_ref()
        .is_some_and(|error| error.kind == UiErrorKind::Conflict);
    let basis = match answer.value("basis") {
        sent if !sent.is_empty() && !conflict => sent,
        _ => policy::basis(row),
    };
    framed(
        subject.head("Edit endpoint"),
        view! {
            {frame::failure(answer)}
            <form method="post" action=format!("{href}/edit") class="space-y-8" autocomplete="off">
                <input type="hidden" name="basis" value=basis />
                <div class="space-y-4">{place}</div>
                {events}
                <div class="space-y-4">
                    {kept}
                    {own_headers(answer, "Add or replace headers", "One to a line, as X-Tenant: harbor.")}
                </div>
                {foot}
            </form>
        },
    )
}
