//! Inviting, sending an invitation again, taking it back.

use leptos::prelude::*;

use super::{agreement, below_members, link_moment, role_fields, who_agrees};
use crate::{
    accounts::{
        confirm::{Confirm, confirm},
        step_up::Action,
    },
    error::UiError,
    frame::{self, Head, Here, framed, loaded},
    server::{
        clock::is_id,
        error::AppError,
        page::{self, Answer},
    },
    ui::{
        button::{Button, Kind},
        dialog::{DialogBody, DialogFoot, DialogPage},
        form::{Field, FieldKind, FieldState},
    },
    workspaces::{
        Grants, Role, policy,
        store::{self, InvitationRow},
        view,
    },
};

#[component]
pub fn InvitePage() -> impl IntoView {
    let answer = Answer::here();
    if let Some(moment) = link_moment(&answer) {
        return moment;
    }
    let load = async {
        let here = frame::here()?;
        let state = page::state()?;
        let agree = async {
            let mut reader = state.db.read().await?;
            who_agrees(&mut reader, &state, &here.viewer).await
        };
        let agree = agree.await.map_err(AppError::into_ui)?;
        Ok((here, agree))
    };
    loaded(load, move |(here, agree)| {
        invite_page(&here, &answer, agree)
    })
}

fn invite_page(here: &Here, answer: &Answer, agree: Option<String>) -> AnyView {
    // A form that was sent is shown as it was, even if nothing was ticked.
    let sent = answer.error.is_some() || !answer.value("factor").is_empty();
    let owner = here.viewer.has(Role::Owner);
    let email =
        FieldState::new(answer.value("email")).error(answer.error_at("email").unwrap_or_default());
    framed(
        Head {
            purpose: "The person gets a mail with a link. It works once, within 7 days, for that address alone.",
            ..below_members("Invite member", "")
        },
        view! {
            {frame::failure(answer)}
            <form method="post" action="/members/invite" class="space-y-8">
                <section class="space-y-4" aria-labelledby="invited">
                    <h2 id="invited" class="text-h2">
                        "Person and roles"
                    </h2>
                    <Field
                        label="E-mail address"
                        name="email"
                        kind=FieldKind::Email
                        autocomplete="off"
                        required=true
                        state=email
                    />
                    {role_fields(answer, sent, &Grants::default(), owner, here.now)} {agreement(agree)}
                </section>
                {confirm(Confirm {
                    action: Action::Invite,
                    what: "invite this address with these roles".to_owned(),
                    submit: "Send invitation",
                    busy: "Sending\u{2026}",
                    cancel: "/members".to_owned(),
                    kept: "The invitation's details are kept.",
                    danger: false,
                    dialog: false,
                })}
            </form>
        },
    )
}

/// The invitation of the path, if it is one of the viewer's workspace that waits.
async fn invitation(id: String) -> Result<InvitationRow, UiError> {
    let here = frame::here()?;
    let state = page::state()?;
    let find = async {
        if !is_id(&id, "inv") {
            return Err(AppError::not_found());
        }
        let mut reader = state.db.read().await?;
        store::invitation(&mut reader, here.viewer.workspace_id(), &id)
            .await?
            .ok_or_else(AppError::not_found)
    };
    find.await.map_err(AppError::into_ui)
}

#[component]
pub fn RenewInvitationPage() -> impl IntoView {
    let answer = Answer::here();
    if let Some(moment) = link_moment(&answer) {
        return moment;
    }
    loaded(invitation(frame::path_id()), move |row| {
        let roles = view::grants(&row.roles)
            .map_or_else(|_| row.roles.clone(), |grants| policy::in_words(&grants));
        framed(
            below_members("Send a new link", ""),
            view! {
                <DialogPage
                    title=format!("Send {} a new link?", row.email)
                    lead=format!(
                        "To join as {roles}. It is mailed and shown to you once, and works for 7 days. The link from before stops working.",
                    )
                >
                    <form method="post" action=format!("/members/invitations/{}/renew", row.id)>
                        <DialogBody>{frame::failure(&answer)}</DialogBody>
                        {confirm(Confirm {
                            action: Action::Invite,
                            what: format!("send {} a new link", row.email),
                            submit: "Send new link",
                            busy: "Sending\u{2026}",
                            cancel: "/members".to_owned(),
                            kept: "",
                            danger: false,
                            dialog: true,
                        })}
                    </form>
                </DialogPage>
            },
        )
    })
}

#[component]
pub fn WithdrawInvitationPage() -> impl IntoView {
    loaded(invitation(frame::path_id()), |row| {
        framed(
            below_members("Withdraw invitation", ""),
            view! {
                <DialogPage
                    title=format!("Withdraw the invitation of {}?", row.email)
                    lead="Its link stops working at once. They are not told."
                >
                    <form method="post" action=format!("/members/invitations/{}/withdraw", row.id)>
                        <DialogFoot cancel="/members">
                            <Button kind=Kind::DangerSolid busy="Withdrawing\u{2026}">
                                "Withdraw invitation"
                            </Button>
                        </DialogFoot>
                    </form>
                </DialogPage>
            },
        )
    })
}
