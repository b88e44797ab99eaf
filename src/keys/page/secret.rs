//! The one sight of a secret, and what stands there once it has been seen.

use leptos::prelude::*;

use crate::{
    accounts::Viewer,
    db::Reader,
    error::UiError,
    frame::{self, Head, Here, framed},
    keys::{
        ops::{self, Created, Creation},
        samples,
        secret::PlainKey,
        store::KeyRow,
        view,
        waiting::FirstCallWatch,
    },
    server::{clock::Millis, error::AppError, state::AppState},
    ui::{
        button::{Kind, LinkButton},
        code_block::CodeBlock,
        copy_field::CopyField,
        key_plate::KeyPlate,
        layout::{Crumb, Width},
        secret_panel::SecretPanel,
        time::absolute,
    },
};

/// The key that an answer is about.
pub async fn of_answer(
    reader: &mut Reader,
    viewer: &Viewer,
    made: &Creation,
) -> Result<KeyRow, AppError> {
    let (Creation::Created(Created { id, .. })
    | Creation::AlreadyShown { id }
    | Creation::Waiting { id }) = made;
    ops::find(reader, viewer.workspace_id(), id).await
}

/// What was made, or that it was made and shown before, at `shown_at`.
pub fn shown(
    state: &AppState,
    here: &Here,
    made: Option<&Creation>,
    key: &KeyRow,
    shown_at: Millis,
) -> AnyView {
    match made {
        Some(Creation::Created(created)) => moment(state, here, key, created),
        _ => already(state, here, key, shown_at),
    }
}

fn crumbs(key: &KeyRow) -> Vec<Crumb> {
    vec![Crumb::new(
        "API keys",
        format!("/keys?env={}", key.environment),
    )]
}

/// Behind it lies the key's page, where Done leads.
fn moment(state: &AppState, here: &Here, key: &KeyRow, created: &Created) -> AnyView {
    let profile = &state.profile;
    let secret = created.secret.as_ref().map_or("", PlainKey::expose);
    let environment = profile.environment(&key.environment);
    let word = environment.map_or_else(|| key.environment.clone(), |e| e.word.clone());
    let covered = key.terms().scopes.contains(&profile.first_call.scope);
    let note = match (covered, &created.public_key) {
        (true, None) => {
            "Try it now: the curl line works as pasted. Programs read the key from their environment, as the file sets it."
        }
        (true, Some(_)) => {
            "Try it now: these lines work as pasted where openssl and curl are. They sign anew each time; what signs is never sent."
        }
        (false, _) => {
            "The example below needs a scope that this key lacks, so it is answered with 403 and the reason."
        }
    };
    let heading = match created.secret {
        Some(_) => "Key created",
        None => "Key pair in use",
    };
    let gateway = &state.config.gateway_url;
    let public_key = created.public_key.clone().unwrap_or_default();
    let samples = samples::first_call(profile, gateway, &key.workspace_id, &public_key, secret);
    let key_id = key.id.clone();
    let try_it = (!samples.is_empty()).then(|| {
        view! {
            <p class="mb-2 text-ink-2">{note}</p>
            <div data-secret>
                <CodeBlock id="try" title="Make a first call" samples=samples />
            </div>
        }
    });
    framed(
        Head {
            heading: heading.to_owned(),
            crumbs: crumbs(key),
            span: frame::Span::Of(key.environment.clone()),
            width: Width::Form,
            ..Head::default()
        },
        view! {
            <p class="text-ink-2">{format!("For {}.", here.viewer.name)}</p>
            {if created.secret.is_none() {
                view! {
                    <section class="card mt-4 space-y-4 p-4">
                        <CopyField id="public-key" label="Public key" value=public_key />
                        <p class="text-ink-2">
                            "This names the key in each signature, as its keyid. Signatures are checked with the Ed25519 key that was handed in; its private half was never here, so there is no secret to show."
                        </p>
                        {try_it}
                        <div class="flex flex-wrap items-center justify-between gap-3 border-t border-line pt-4">
                            <div>
                                <FirstCallWatch key_id=key_id.clone() />
                            </div>
                            <LinkButton href=format!("/keys/{key_id}") kind=Kind::Solid>
                                "Done"
                            </LinkButton>
                        </div>
                    </section>
                }
                    .into_any()
            } else {
                view! {
                    <SecretPanel
                        key_label=key.label.clone()
                        env=word
                        live=environment.is_none_or(|environment| environment.live)
                        secret=secret.to_owned()
                        public_key=public_key
                        variable=samples::variable(profile)
                        action=format!("/keys/{key_id}")
                    >
                        {try_it}
                        <FirstCallWatch key_id=key_id.clone() />
                    </SecretPanel>
                }
                    .into_any()
            }}
        },
    )
}

fn already(state: &AppState, here: &Here, key: &KeyRow, shown_at: Millis) -> AnyView {
    let href = format!("/keys/{}", key.id);
    let at = absolute(shown_at, &here.zone);
    let own = key.owner_id.as_deref() == Some(&here.viewer.user_id);
    let whom = if own { "you" } else { "its owner" };
    let plate = view::plate(
        &state.profile,
        &key.id,
        &key.label,
        &key.environment,
        &key.secret_start,
        &key.secret_end,
    );
    framed(
        Head {
            heading: "Already shown".to_owned(),
            crumbs: crumbs(key),
            span: frame::Span::None,
            width: Width::Form,
            ..Head::default()
        },
        view! {
            <section class="card space-y-4 p-4">
                <KeyPlate plate=super::plate(&plate) />
                <p>{format!("This secret was shown at {at} to {whom} and can't be shown again.")}</p>
                <p class="text-ink-2">
                    "If it was not stored, replace it: same key, same permissions, a new secret."
                </p>
                <div class="flex flex-wrap gap-2">
                    <LinkButton href=format!("{href}/rotate?overlap=0") kind=Kind::Outline dialog=true>
                        "Replace secret"
                    </LinkButton>
                    <LinkButton href=href kind=Kind::Solid>
                        "Back to key"
                    </LinkButton>
                </div>
            </section>
        },
    )
}

/// Reads what a page about one answer needs, with the error as a page shows it.
pub async fn load(state: &AppState, viewer: &Viewer, made: &Creation) -> Result<KeyRow, UiError> {
    let read = async {
        let mut reader = state.db.read().await?;
        of_answer(&mut reader, viewer, made).await
    };
    read.await.map_err(AppError::into_ui)
}
