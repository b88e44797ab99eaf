//! What the pages about one key share: the key of their path, and the dialogs that do one thing to it.

use leptos::prelude::*;

use super::plate;
use crate::{
    accounts::{
        confirm::{Confirm, confirm},
        step_up::Action,
        viewer,
    },
    error::{UiError, UiErrorKind},
    frame::{self, Head, Here, framed, loaded},
    keys::{
        ops, policy,
        store::{self, KeyRow, SecretRow},
        types::{KeyPlateInfo, KeyState},
        view,
    },
    server::{
        clock::Millis,
        error::AppError,
        page::{self, Answer},
        state::AppState,
    },
    ui::{
        badge::EnvTag,
        button::{Button, Kind},
        dialog::{DialogBody, DialogFoot, DialogPage, Question, QuestionPage},
        form::{Choice, FieldState, Select, TextArea},
        key_plate::KeyPlate,
        layout::{Crumb, Width},
    },
    workspaces::{self, Role},
};

/// The key of the path, for whoever may look at keys.
pub(super) struct Subject {
    pub here: Here,
    pub state: AppState,
    pub key: KeyRow,
    pub plate: KeyPlateInfo,
}

impl Subject {
    pub async fn load(id: &str) -> Result<Self, UiError> {
        let viewer = viewer::with_any_role(policy::READERS)?;
        let (here, state) = (frame::here()?, page::state()?);
        let find = async {
            let mut reader = state.db.read().await?;
            ops::find(&mut reader, viewer.workspace_id(), id).await
        };
        let key = find.await.map_err(AppError::into_ui)?;
        let plate = view::plate(
            &state.profile,
            &key.id,
            &key.label,
            &key.environment,
            &key.secret_start,
            &key.secret_end,
        );
        Ok(Self {
            here,
            state,
            key,
            plate,
        })
    }

    /// The key of the path, for who manages it.
    pub async fn managed(id: &str) -> Result<Self, UiError> {
        let subject = Self::load(id).await?;
        if policy::may_manage(&subject.here.viewer, subject.key.owner_id.as_deref()) {
            Ok(subject)
        } else {
            Err(policy::not_yours())
        }
    }

    pub fn href(&self) -> String {
        format!("/keys/{}", self.key.id)
    }

    pub fn state(&self) -> KeyState {
        self.key.state(self.here.now)
    }

    /// The head of a page below the key's own.
    pub fn head(&self, heading: &'static str) -> Head {
        Head {
            heading: heading.to_owned(),
            crumbs: vec![
                Crumb::new("API keys", format!("/keys?env={}", self.key.environment)),
                Crumb::new(self.key.label.clone(), self.href()),
            ],
            span: frame::Span::Of(self.key.environment.clone()),
            width: Width::Form,
            ..Head::default()
        }
    }

    /// Which key a dialog is about.
    pub fn shown(&self) -> AnyView {
        view! {
            <div class="flex flex-wrap items-center gap-3">
                <KeyPlate plate=plate(&self.plate) />
                <EnvTag word=self.plate.environment_word.clone() live=self.plate.live />
            </div>
        }
        .into_any()
    }
}

/// Whether another secret of the key has replaced this one, which works all the same.
pub(super) fn outlives(secret: &SecretRow, now: Millis) -> bool {
    secret.replaced_at.is_some() && secret.ends_at.is_some_and(|at| at > now)
}

/// The dialog of a question about the key.
fn ask(subject: &Subject, heading: &'static str, question: Question) -> AnyView {
    let (failure, shown) = (frame::failure(&Answer::here()), subject.shown());
    framed(
        subject.head(heading),
        view! {
            <QuestionPage question=question about=subject.href()>
                {failure} {shown}
            </QuestionPage>
        },
    )
}

/// Stopping a key at once. The key's page does it with one click; this page is the same by address.
#[component]
pub fn DisableKeyPage() -> impl IntoView {
    let id = frame::path_id();
    let load = async move {
        let subject = Subject::load(&id).await?;
        if !policy::may_disable(&subject.here.viewer, subject.key.owner_id.as_deref()) {
            return Err(policy::not_yours());
        }
        Ok(subject)
    };
    loaded(load, |subject| {
        ask(
            &subject,
            "Disable key",
            Question {
                title: format!("Disable \u{201c}{}\u{201d}?", subject.key.label),
                lead: "It is refused from the next request on, and can be turned on again."
                    .to_owned(),
                path: "disable",
                kind: Kind::Solid,
                submit: "Disable key",
                busy: "Stopping\u{2026}",
            },
        )
    })
}

/// Stopping what a rotation has left working.
#[component]
pub fn CutPage() -> impl IntoView {
    let id = frame::path_id();
    let load = async move {
        let subject = Subject::load(&id).await?;
        if !policy::may_disable(&subject.here.viewer, subject.key.owner_id.as_deref()) {
            return Err(policy::not_yours());
        }
        Ok(subject)
    };
    loaded(load, |subject| {
        ask(
            &subject,
            "Stop the old secret",
            Question {
                title: format!(
                    "Stop the old secret of \u{201c}{}\u{201d} now?",
                    subject.key.label
                ),
                lead: "Who still uses it gets 401 from the next request on. The new secret goes on. This can't be undone.".to_owned(),
                path: "cut",
                kind: Kind::DangerSolid,
                submit: "Stop the old secret",
                busy: "Stopping\u{2026}",
            },
        )
    })
}

/// Withdrawing what waits: the key itself, or a change of it.
#[component]
pub fn WithdrawKeyPage() -> impl IntoView {
    let id = frame::path_id();
    loaded(async move { Subject::managed(&id).await }, |subject| {
        let lead = match subject.state() {
            KeyState::Requested | KeyState::Approved => {
                "The key ends without a secret, and stays on record. Nobody has to decide any more."
            }
            _ => "The key stays as it is. Nobody has to decide any more.",
        };
        ask(
            &subject,
            "Withdraw",
            Question {
                title: format!(
                    "Withdraw what waits for \u{201c}{}\u{201d}?",
                    subject.key.label
                ),
                lead: lead.to_owned(),
                path: "withdraw",
                kind: Kind::Solid,
                submit: "Withdraw",
                busy: "Withdrawing\u{2026}",
            },
        )
    })
}

/// Taking an ended key out of the lists.
#[component]
pub fn HideKeyPage() -> impl IntoView {
    let id = frame::path_id();
    loaded(async move { Subject::managed(&id).await }, |subject| {
        ask(
            &subject,
            "Delete key",
            Question {
                title: format!(
                    "Delete \u{201c}{}\u{201d} from the lists?",
                    subject.key.label
                ),
                lead: "It is no longer listed. Its page, its requests and the audit record stay."
                    .to_owned(),
                path: "hide",
                kind: Kind::DangerSolid,
                submit: "Delete key",
                busy: "Deleting\u{2026}",
            },
        )
    })
}

/// Turning a stopped key on, behind a fresh factor.
#[component]
pub fn EnableKeyPage() -> impl IntoView {
    let id = frame::path_id();
    let load = async move {
        let subject = Subject::load(&id).await?;
        let (viewer, state) = (&subject.here.viewer, &subject.state);
        let look = async {
            ops::may_enable(viewer, &subject.key, subject.here.now)?;
            let mut reader = state.db.read().await?;
            ops::enabling_waits(&mut reader, state, viewer, &subject.key).await
        };
        let waits = look.await.map_err(AppError::into_ui)?;
        Ok((subject, waits))
    };
    loaded(load, |(subject, waits)| {
        let href = subject.href();
        let (words, button) = if waits {
            (
                "A checker has to agree first. Until then it stays refused.",
                "Send for approval",
            )
        } else {
            (
                "It works again from the next request on, with the terms that it had.",
                "Turn key on",
            )
        };
        let (failure, shown) = (frame::failure(&Answer::here()), subject.shown());
        let proof = confirm(Confirm {
            action: Action::EnableKey,
            what: format!(
                "turn the {} key \u{201c}{}\u{201d} on again",
                subject.plate.environment_word, subject.key.label,
            ),
            submit: button,
            busy: "Turning on\u{2026}",
            cancel: href.clone(),
            kept: "",
            danger: false,
            dialog: true,
        });
        framed(
            subject.head("Turn key on"),
            view! {
                <DialogPage title=format!("Turn \u{201c}{}\u{201d} on again?", subject.key.label) lead=words>
                    <form method="post" action=format!("{href}/enable")>
                        <DialogBody>{failure} {shown}</DialogBody>
                        {proof}
                    </form>
                </DialogPage>
            },
        )
    })
}

/// Handing a key to another developer.
#[component]
pub fn OwnerPage() -> impl IntoView {
    let id = frame::path_id();
    let load = async move {
        let subject = Subject::load(&id).await?;
        if !policy::may_give(&subject.here.viewer) {
            return Err(policy::no_giver());
        }
        let find = async {
            let mut reader = subject.state.db.read().await?;
            workspaces::view::members(&mut reader, subject.here.viewer.workspace_id()).await
        };
        let mut members = find.await.map_err(AppError::into_ui)?;
        members.retain(|member| {
            member.grants.at(subject.here.now).include(Role::Developer)
                && subject.key.owner_id.as_deref() != Some(&member.id)
        });
        Ok((subject, members))
    };
    loaded(load, |(subject, members)| {
        let (answer, href) = (Answer::here(), subject.href());
        let words = match subject.key.owner.clone() {
            Some(name) => format!(
                "It belongs to {name}. The new owner is told; the secret stays the one that programs have."
            ),
            None => "It belongs to nobody in particular. The new owner is told; the secret stays the one that programs have.".to_owned(),
        };
        let options = std::iter::once(Choice::new("", "Choose a developer"))
            .chain(members.iter().map(|member| {
                Choice::new(
                    member.id.clone(),
                    format!("{} ({})", member.name, member.email),
                )
            }))
            .collect();
        framed(
            subject.head("Hand over key"),
            view! {
                <DialogPage title=format!("Hand over \u{201c}{}\u{201d}?", subject.key.label) lead=words>
                    <form method="post" action=format!("{href}/owner")>
                        <DialogBody>
                            {frame::failure(&answer)} {subject.shown()}
                            <Select
                                label="New owner"
                                name="to"
                                options=options
                                state=FieldState::new(answer.value("to")).error(answer.error_at("to").unwrap_or_default())
                            />
                        </DialogBody>
                        <DialogFoot cancel=href.clone()>
                            <Button kind=Kind::Solid busy="Handing over\u{2026}">
                                "Hand over key"
                            </Button>
                        </DialogFoot>
                    </form>
                </DialogPage>
            },
        )
    })
}

/// What verify tells programs of a key beside its terms.
#[component]
pub fn MetaPage() -> impl IntoView {
    let id = frame::path_id();
    let load = async move {
        let subject = Subject::managed(&id).await?;
        ops::changeable(&subject.key, subject.here.now).map_err(AppError::into_ui)?;
        Ok(subject)
    };
    loaded(load, |subject| {
        let (answer, href) = (Answer::here(), subject.href());
        let typed = if answer.error.is_some() {
            answer.value("meta")
        } else {
            meta_lines(&subject.key.meta())
        };
        framed(
            subject.head("Metadata"),
            view! {
                <DialogPage
                    title="Metadata"
                    lead="Your own facts about this key. They grant nothing; verify gives them to your servers. Never write a secret here."
                >
                    <form method="post" action=format!("{href}/meta")>
                        <DialogBody>
                            {frame::failure(&answer)} {subject.shown()}
                            <TextArea
                                label="Metadata"
                                name="meta"
                                hint="One to a line: store=12"
                                rows=6
                                mono=true
                                state=FieldState::new(typed).error(answer.error_at("meta").unwrap_or_default())
                            />
                        </DialogBody>
                        <DialogFoot cancel=href.clone()>
                            <Button kind=Kind::Solid busy="Saving\u{2026}">
                                "Save metadata"
                            </Button>
                        </DialogFoot>
                    </form>
                </DialogPage>
            },
        )
    })
}

/// Metadata as it is typed.
fn meta_lines(meta: &[(String, String)]) -> String {
    let lines = meta.iter().map(|(name, value)| format!("{name}={value}"));
    lines.collect::<Vec<_>>().join("\n")
}

/// What the key has been given beside its present secret, and what that is.
pub(super) async fn secrets(subject: &Subject) -> Result<Vec<SecretRow>, UiError> {
    let find = async {
        let mut reader = subject.state.db.read().await?;
        Ok(store::secrets(&mut reader, &subject.key.workspace_id, &subject.key.id).await?)
    };
    find.await.map_err(AppError::into_ui)
}

/// Why something is not offered, as a viewer is told.
pub(super) fn reason(error: AppError) -> String {
    let error = error.into_ui();
    match error.kind {
        UiErrorKind::Unavailable => String::new(),
        _ => error.message,
    }
}
