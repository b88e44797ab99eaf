//! Leaving a workspace.

use leptos::prelude::*;

use super::below_members;
use crate::{
    accounts::{
        confirm::{Confirm, confirm},
        step_up::Action,
    },
    error::UiError,
    frame::{self, Here, framed, loaded},
    keys,
    server::{
        error::AppError,
        page::{self, Answer},
    },
    ui::{
        button::{Kind, LinkButton},
        dialog::{DialogBody, DialogFoot, DialogPage},
        time::count,
    },
    workspaces::{
        policy,
        view::{self, Member},
    },
};

struct Going {
    here: Here,
    member: Member,
    keys: u64,
    /// Who gets the keys.
    heir: Option<String>,
}

async fn load() -> Result<Going, UiError> {
    let here = frame::here()?;
    let state = page::state()?;
    let find = async {
        let (workspace, id) = (here.viewer.workspace_id(), &here.viewer.user_id);
        let mut reader = state.db.read().await?;
        let member = view::member(&mut reader, workspace, id).await?;
        let keys = keys::store::count_of_owner(&mut reader, workspace, id, here.now).await?;
        let owners = view::other_owners(&mut reader, workspace, id).await?;
        let heir = owners.into_iter().next().map(|owner| owner.name);
        Ok((member, u64::try_from(keys).unwrap_or(0), heir))
    };
    let (member, keys, heir) = find.await.map_err(AppError::into_ui)?;
    Ok(Going {
        here,
        member,
        keys,
        heir,
    })
}

#[component]
pub fn LeavePage() -> impl IntoView {
    loaded(load(), leave_page)
}

fn leave_page(going: Going) -> AnyView {
    let answer = Answer::here();
    let name = going
        .here
        .viewer
        .workspace
        .as_ref()
        .map_or_else(String::new, |workspace| workspace.name.clone());
    if let Err(reason) = policy::leave(&going.member.grants, going.heir.is_some()) {
        return framed(
            below_members("Leave workspace", ""),
            view! {
                <DialogPage title=format!("You can't leave {name} yet") lead=reason>
                    <DialogFoot cancel="/members" cancel_label="Back to members">
                        <LinkButton href="/settings/workspace/transfer" kind=Kind::Solid>
                            "Hand the workspace over"
                        </LinkButton>
                    </DialogFoot>
                </DialogPage>
            },
        );
    }
    let heir = going.heir.unwrap_or_else(|| "the workspace".to_owned());
    let yours = match going.keys {
        0 => "You have no active key here.".to_owned(),
        1 => format!("Your active key goes on working and goes to {heir}."),
        keys => format!(
            "Your {} go on working and go to {heir}.",
            count(keys, "active key", "active keys")
        ),
    };
    framed(
        below_members("Leave workspace", ""),
        view! {
            <DialogPage
                title=format!("Leave {name}?")
                lead="You see nothing of it any more. To come back you need an invitation."
            >
                <form method="post" action="/settings/workspace/leave">
                    <DialogBody>
                        {frame::failure(&answer)} <ul class="list-disc space-y-1 pl-5">
                            <li>{yours}</li>
                            <li>"Invitations that you sent stop working."</li>
                            <li>"What you did stays in the audit record."</li>
                        </ul>
                    </DialogBody>
                    {confirm(Confirm {
                        action: Action::RemoveMember,
                        what: format!("leave {name}"),
                        submit: "Leave workspace",
                        busy: "Leaving\u{2026}",
                        cancel: "/members".to_owned(),
                        kept: "",
                        danger: true,
                        dialog: true,
                    })}
                </form>
            </DialogPage>
        },
    )
}
