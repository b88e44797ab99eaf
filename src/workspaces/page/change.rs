//! Changing a member's roles, and removing a member.

use leptos::prelude::*;

use super::{agreement, below_members, role_badges, role_fields, who_agrees};
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
        button::LinkButton,
        dialog::{DialogBody, DialogPage},
        time::count,
    },
    workspaces::{
        Role, Roles,
        policy::{self, Actor},
        view::{self, Member},
    },
};

/// The member of the path, how many keys of theirs can be used, whether somebody else owns the workspace, and who has to
/// agree before they can be made a checker.
async fn load(id: String) -> Result<(Here, Member, u64, bool, Option<String>), UiError> {
    let here = frame::here()?;
    let state = page::state()?;
    let find = async {
        let workspace = here.viewer.workspace_id();
        let mut reader = state.db.read().await?;
        let member = view::member(&mut reader, workspace, &id).await?;
        let keys = keys::store::count_of_owner(&mut reader, workspace, &id, here.now).await?;
        let owners = view::other_owners(&mut reader, workspace, &id).await?;
        let agree = if member.grants.at(here.now).include(Role::Checker) {
            None
        } else {
            who_agrees(&mut reader, &state, &here.viewer).await?
        };
        let keys = u64::try_from(keys).unwrap_or(0);
        Ok((member, keys, !owners.is_empty(), agree))
    };
    let (member, keys, owned, agree) = find.await.map_err(AppError::into_ui)?;
    Ok((here, member, keys, owned, agree))
}

fn roles_of(here: &Here) -> Roles {
    here.viewer
        .workspace
        .as_ref()
        .map(|workspace| workspace.roles.clone())
        .unwrap_or_default()
}

#[component]
pub fn RolesPage() -> impl IntoView {
    loaded(load(frame::path_id()), |(here, member, _, _, agree)| {
        let answer = Answer::here();
        let sent = !answer.value("was").is_empty();
        let roles = roles_of(&here);
        let actor = Actor {
            user_id: &here.viewer.user_id,
            roles: &roles,
        };
        if !policy::may_touch(actor, &member.grants) {
            return refusal(
                "Change roles",
                "Only an owner can change the roles of an owner.",
            );
        }
        let fields = role_fields(
            &answer,
            sent,
            &member.grants,
            here.viewer.has(Role::Owner),
            here.now,
        );
        framed(
            below_members("Change roles", ""),
            view! {
                <DialogPage
                    title=format!("Change the roles of {}", member.name)
                    lead="It takes effect on their next request. They are told."
                >
                    <form method="post" action=format!("/members/{}/roles", member.id)>
                        <input type="hidden" name="was" value=member.stored.clone() />
                        <DialogBody>
                            {frame::failure(&answer)}
                            <div>
                                <p class="mb-1.5 text-small text-ink-2">"Now"</p>
                                {role_badges(&member.grants, here.now)}
                            </div> {fields} {agreement(agree)}
                        </DialogBody>
                        {confirm(Confirm {
                            action: Action::ChangeMember,
                            what: format!("give {} these roles", member.name),
                            submit: "Change roles",
                            busy: "Changing\u{2026}",
                            cancel: "/members".to_owned(),
                            kept: "Your choice is kept.",
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
pub fn RemoveMemberPage() -> impl IntoView {
    loaded(load(frame::path_id()), |(here, member, keys, owned, _)| {
        let answer = Answer::here();
        let roles = roles_of(&here);
        let actor = Actor {
            user_id: &here.viewer.user_id,
            roles: &roles,
        };
        if let Err(reason) = policy::remove(actor, &member.id, &member.grants, owned) {
            return refusal("Remove member", reason);
        }
        let theirs = match keys {
            0 => "They have no active key here.".to_owned(),
            1 => "Their active key goes on working and becomes yours.".to_owned(),
            _ => format!(
                "Their {} go on working and become yours.",
                count(keys, "active key", "active keys")
            ),
        };
        framed(
            below_members("Remove member", ""),
            view! {
                <DialogPage
                    title=format!("Remove {}?", member.name)
                    lead="From their next request on they see nothing of this workspace. They are told."
                >
                    <form method="post" action=format!("/members/{}/remove", member.id)>
                        <DialogBody>
                            {frame::failure(&answer)} <ul class="list-disc space-y-1 pl-5">
                                <li>{theirs}</li>
                                <li>"Invitations that they sent stop working."</li>
                                <li>"What they did stays in the audit record."</li>
                            </ul>
                        </DialogBody>
                        {confirm(Confirm {
                            action: Action::RemoveMember,
                            what: format!("remove {} from this workspace", member.name),
                            submit: "Remove member",
                            busy: "Removing\u{2026}",
                            cancel: "/members".to_owned(),
                            kept: "",
                            danger: true,
                            dialog: true,
                        })}
                    </form>
                </DialogPage>
            },
        )
    })
}

/// In place of a form that could not be served.
fn refusal(heading: &'static str, reason: &str) -> AnyView {
    let reason = reason.to_owned();
    framed(
        below_members(heading, ""),
        view! {
            <DialogPage title=heading lead=reason>
                <div class="flex justify-end p-6">
                    <LinkButton href="/members">"Back to members"</LinkButton>
                </div>
            </DialogPage>
        },
    )
}
