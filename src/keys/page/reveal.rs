//! Having the secret of an approved key made: the page before it, and its one sight.

use leptos::prelude::*;

use super::secret;
use crate::{
    accounts::{
        confirm::{Confirm, confirm},
        step_up::Action,
        viewer,
    },
    approvals::{self, store::ApprovalRow},
    frame::{self, Head, Here, framed, loaded},
    keys::{
        ops::{self, Created, Creation},
        store::KeyRow,
        view,
    },
    server::{
        error::AppError,
        page::{self, Answer},
        state::AppState,
    },
    ui::{
        badge::EnvTag,
        key_plate::KeyPlate,
        layout::{Crumb, Width},
        time::{absolute, relative},
    },
    workspaces::Role,
};

#[component]
pub fn RevealPage() -> impl IntoView {
    let id = frame::path_id();
    let answer = Answer::here();
    let load = async move {
        let here = frame::here()?;
        let viewer = viewer::with_any_role(&[Role::Developer])?;
        let state = page::state()?;
        let read = async {
            let mut reader = state.db.read().await?;
            let key = ops::find(&mut reader, viewer.workspace_id(), &id).await?;
            // The answer that shows the secret comes when the key is revealed already.
            if answer.key().is_none() {
                ops::may_reveal(&mut reader, &viewer, &key, here.now).await?;
            }
            let handed_in = ops::handed_in(&mut reader, &key).await?;
            let request =
                approvals::store::last_about(&mut reader, viewer.workspace_id(), &id).await?;
            Ok((key, handed_in, request))
        };
        let (key, handed_in, request) = read.await.map_err(AppError::into_ui)?;
        Ok((state, here, answer, key, handed_in, request))
    };
    loaded(load, |(state, here, answer, key, handed_in, request)| {
        if answer.key().is_some() || key.revealed_at.is_some() {
            let at = key.revealed_at.unwrap_or(key.created_at);
            // A public key may be seen as often as anybody likes.
            let public = handed_in.map(|row| Creation::Created(Created::of_public(row)));
            let made = public.as_ref().or(answer.key());
            secret::shown(&state, &here, made, &key, at)
        } else {
            asked(
                &state,
                &here,
                &answer,
                &key,
                handed_in.is_some(),
                request.as_ref(),
            )
        }
    })
}

fn asked(
    state: &AppState,
    here: &Here,
    answer: &Answer,
    key: &KeyRow,
    handed_in: bool,
    request: Option<&ApprovalRow>,
) -> AnyView {
    let plate = view::plate(
        &state.profile,
        &key.id,
        &key.label,
        &key.environment,
        &key.secret_start,
        &key.secret_end,
    );
    let href = format!("/keys/{}", key.id);
    let approved = request.and_then(|row| {
        let ago = relative(row.decided_at?, here.now, &here.zone);
        Some(if row.own {
            format!("Approved by yourself, being alone here, {ago}.")
        } else {
            let decider = row.decider.as_deref().unwrap_or("a checker");
            format!("Approved by {decider}, {ago}.")
        })
    });
    let until = key.waits_until.map(|at| {
        format!(
            " Do so before {}; then the approval lapses.",
            absolute(at, &here.zone)
        )
    });
    let what = format!(
        "reveal the {} key \u{201c}{}\u{201d}",
        plate.environment_word, key.label
    );
    framed(
        Head {
            heading: "Reveal key".to_owned(),
            crumbs: vec![
                Crumb::new("API keys", format!("/keys?env={}", key.environment)),
                Crumb::new(key.label.clone(), href.clone()),
            ],
            span: frame::Span::Of(key.environment.clone()),
            width: Width::Form,
            ..Head::default()
        },
        view! {
            {frame::failure(answer)}
            <form method="post" action=format!("{href}/reveal") class="space-y-6" autocomplete="off">
                <div class="flex flex-wrap items-center gap-3">
                    <KeyPlate plate=super::plate(&plate) />
                    <EnvTag word=plate.environment_word.clone() live=plate.live />
                </div>
                <p class="wrap-anywhere">
                    <strong class="font-semibold">{approved.unwrap_or_else(|| "Approved.".to_owned())}</strong>
                    {if handed_in {
                        " Its public key was handed in, so there is no secret to show. It works once you have revealed it."
                    } else {
                        " The secret doesn't exist yet. It is made when you reveal it, and shown once. Have your secret store open."
                    }}
                    {until}
                </p>
                {confirm(Confirm {
                    action: Action::RevealKey,
                    what,
                    submit: "Reveal key",
                    busy: "Revealing\u{2026}",
                    cancel: href.clone(),
                    kept: "",
                    danger: false,
                    dialog: false,
                })}
            </form>
        },
    )
}
