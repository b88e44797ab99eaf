//! Who belongs to the workspace, and who was invited to.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::role_badges;
use crate::{
    error::UiError,
    frame::{self, Head, Here, framed, loaded},
    server::{error::AppError, page},
    ui::{
        badge::{Badge, Shape, Status, StatusBadge, Tone},
        layout::{PrimaryAction, Width},
        table::{Column, Row, RowMenu, Slot, Table},
        time::{RelativeTime, date},
        toast::Toast,
    },
    workspaces::{
        Grants, Role, Roles,
        policy::{self, Actor},
        store,
        view::{self, Member},
    },
};

/// More than may wait at a time; the rest has expired.
const INVITATIONS: i64 = 100;

struct Invitation {
    id: String,
    email: String,
    grants: Grants,
    inviter: String,
    expires_at: i64,
}

#[component]
pub fn MembersPage() -> impl IntoView {
    let load = async {
        let here = frame::here()?;
        let state = page::state()?;
        let admin = here.viewer.has(Role::Admin);
        let found = async {
            let mut reader = state.db.read().await?;
            let workspace = here.viewer.workspace_id();
            let members = view::members(&mut reader, workspace).await?;
            let rows = if admin {
                store::invitations(&mut reader, workspace, INVITATIONS).await?
            } else {
                Vec::new()
            };
            let invitations: Result<Vec<Invitation>, AppError> = rows
                .into_iter()
                .map(|row| {
                    Ok(Invitation {
                        grants: view::grants(&row.roles)?,
                        id: row.id,
                        email: row.email,
                        inviter: row.inviter,
                        expires_at: row.expires_at,
                    })
                })
                .collect();
            Ok((members, invitations?))
        };
        let (members, invitations) = found.await.map_err(AppError::into_ui)?;
        Ok::<_, UiError>((here, members, invitations))
    };
    loaded(load, |(here, members, invitations)| {
        members_page(&here, &members, &invitations)
    })
}

fn members_page(here: &Here, members: &[Member], invitations: &[Invitation]) -> AnyView {
    let admin = here.viewer.has(Role::Admin);
    let done = use_query_map().get_untracked().get("done");
    let toast = match done.as_deref() {
        Some("roles") => "The roles were changed.",
        Some("removed") => "The member was removed.",
        Some("withdrawn") => "The invitation was withdrawn.",
        Some("owner") => "The workspace is yours now.",
        _ => "",
    };
    let mut columns = vec![
        Column::lead("Member"),
        Column::new("Roles").slot(Slot::Wide),
    ];
    if admin {
        columns.push(Column::new("Second factor").slot(Slot::Fact));
    }
    columns.push(Column::new("Since").slot(Slot::FactEnd));
    let rows = members.iter().map(|member| row(here, member)).collect();
    let waiting = (!invitations.is_empty()).then(|| pending(here, invitations));
    framed(
        Head {
            heading: "Members".to_owned(),
            purpose: "Who belongs to this workspace, and what each may do in it.",
            action: admin.then(|| PrimaryAction {
                label: "Invite member".to_owned(),
                href: "/members/invite".to_owned(),
                dialog: false,
                create: true,
            }),
            span: frame::Span::All,
            width: Width::List,
            toasts: (!toast.is_empty())
                .then(|| Toast {
                    text: toast.to_owned(),
                    action: None,
                })
                .into_iter()
                .collect(),
            ..Head::default()
        },
        view! {
            <Table caption="Members" columns=columns rows=rows />
            {waiting}
        },
    )
}

fn row(here: &Here, member: &Member) -> Row {
    let admin = here.viewer.has(Role::Admin);
    let own = member.id == here.viewer.user_id;
    let factor = if member.second_factor {
        view! { <Badge tone=Tone::Success shape=Shape::Check word="Second factor" /> }.into_any()
    } else {
        view! { <span class="text-ink-2">"No second factor"</span> }.into_any()
    };
    let mut cells = vec![
        view! {
            <span class="block min-w-0">
                <span class="block font-medium wrap-anywhere">
                    {member.name.clone()} {own.then(|| view! { <span class="font-normal text-ink-2">" (you)"</span> })}
                </span>
                <span class="block text-small text-ink-2 wrap-anywhere">{member.email.clone()}</span>
            </span>
        }
        .into_any(),
        role_badges(&member.grants, here.now),
    ];
    if admin {
        cells.push(factor);
    }
    cells.push(date(member.since, &here.zone).into_any());
    Row {
        id: member.id.clone(),
        cells,
        menu: menu(here, member, own),
        ..Row::default()
    }
}

fn menu(here: &Here, member: &Member, own: bool) -> Option<AnyView> {
    let nothing = Roles::default();
    let actor = Actor {
        user_id: &here.viewer.user_id,
        roles: here
            .viewer
            .workspace
            .as_ref()
            .map_or(&nothing, |workspace| &workspace.roles),
    };
    let may_change = policy::may_touch(actor, &member.grants);
    if !may_change && !own {
        return None;
    }
    let base = format!("/members/{}", member.id);
    let change = may_change.then(|| {
        view! {
            <a class="menu-item" href=format!("{base}/roles") data-dialog>
                "Change roles\u{2026}"
            </a>
        }
    });
    let go = if own {
        view! {
            <a class="menu-item" href="/settings/workspace/leave" data-dialog>
                "Leave workspace\u{2026}"
            </a>
        }
        .into_any()
    } else {
        view! {
            <a class="menu-item" href=format!("{base}/remove") data-dialog>
                "Remove\u{2026}"
            </a>
        }
        .into_any()
    };
    let menu =
        view! { <RowMenu label=format!("Actions for {}", member.name)>{change} {go}</RowMenu> };
    Some(menu.into_any())
}

fn pending(here: &Here, invitations: &[Invitation]) -> AnyView {
    let columns = vec![
        Column::lead("Address"),
        Column::new("Roles").slot(Slot::Wide),
        Column::new("Sent by").slot(Slot::Fact),
        Column::new("Expires").slot(Slot::FactEnd),
    ];
    let rows = invitations
        .iter()
        .map(|invitation| {
            let base = format!("/members/invitations/{}", invitation.id);
            let expires = if invitation.expires_at > here.now {
                view! { <RelativeTime at=invitation.expires_at now=here.now zone=here.zone.clone() /> }
                    .into_any()
            } else {
                view! { <StatusBadge status=Status::Expired /> }.into_any()
            };
            let menu = view! {
                <RowMenu label=format!("Actions for {}", invitation.email)>
                    <a class="menu-item" href=format!("{base}/renew")>
                        "Send a new link\u{2026}"
                    </a>
                    <a class="menu-item" href=format!("{base}/withdraw") data-dialog>
                        "Withdraw\u{2026}"
                    </a>
                </RowMenu>
            };
            Row {
                id: invitation.id.clone(),
                cells: vec![
                    view! { <span class="wrap-anywhere">{invitation.email.clone()}</span> }
                        .into_any(),
                    role_badges(&invitation.grants, here.now),
                    invitation.inviter.clone().into_any(),
                    expires,
                ],
                menu: Some(menu.into_any()),
                ..Row::default()
            }
        })
        .collect();
    view! {
        <section class="mt-8" aria-labelledby="pending">
            <h2 id="pending" class="mb-3 text-h2">
                "Pending invitations"
            </h2>
            <Table caption="Pending invitations" columns=columns rows=rows />
        </section>
    }
    .into_any()
}
