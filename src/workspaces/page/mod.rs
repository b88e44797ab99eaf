//! The pages of a workspace: its members, invitations, settings, and how one comes into it or goes.

mod change;
mod create;
mod invite;
mod join;
mod leave;
mod members;
mod ownership;
mod settings;

pub use change::{RemoveMemberPage, RolesPage};
pub use create::NewWorkspacePage;
pub use invite::{InvitePage, RenewInvitationPage, WithdrawInvitationPage};
pub use join::JoinPage;
pub use leave::LeavePage;
pub use members::MembersPage;
pub use ownership::{OfferPage, TransferPage};
pub use settings::{SecondFactorPage, WorkspacePage};

use leptos::prelude::*;

use super::{Grant, Grants, Role, policy, view};
use crate::{
    accounts::Viewer,
    approvals,
    db::Reader,
    frame::{self, Head},
    server::{
        clock::Millis,
        error::AppError,
        page::{Answer, Once},
        state::AppState,
    },
    ui::{
        badge::{Badge, Shape, Tone},
        button::{Kind, LinkButton},
        copy_field::CopyField,
        form::{Checkbox, Field, FieldKind, FieldState},
        layout::{Crumb, Width},
        time,
    },
};

/// A page of 680 px below the list of members.
fn below_members(heading: impl Into<String>, title: &'static str) -> Head {
    Head {
        heading: heading.into(),
        title,
        crumbs: vec![Crumb::new("Members", "/members")],
        span: frame::Span::None,
        width: Width::Form,
        ..Head::default()
    }
}

/// Each role as a badge, with its end if it has one.
fn role_badges(grants: &Grants, now: Millis) -> AnyView {
    let badges: Vec<AnyView> = grants
        .list()
        .iter()
        .map(|Grant { role, until }| {
            let title = role.title();
            match until {
                None => view! { <Badge word=title /> }.into_any(),
                Some(until) if *until > now => {
                    let word = format!("{title} until {}", time::date(until - 1, "UTC"));
                    view! { <Badge tone=Tone::Info shape=Shape::Clock word=word /> }.into_any()
                }
                Some(_) => {
                    let word = format!("{title}, ended");
                    view! { <Badge shape=Shape::Dashed word=word /> }.into_any()
                }
            }
        })
        .collect();
    view! { <span class="flex flex-wrap gap-1">{badges}</span> }.into_any()
}

/// The boxes for roles, ticked as the form was sent or as the grants say. `owner`: whether that role is offered.
fn role_fields(answer: &Answer, sent: bool, grants: &Grants, owner: bool, now: Millis) -> AnyView {
    let chosen = answer.fields.all("roles");
    let boxes: Vec<AnyView> = Role::ALL
        .into_iter()
        .filter(|role| owner || *role != Role::Owner)
        .map(|role| {
            let held = grants
                .get(role)
                .filter(|grant| grant.until.is_none_or(|until| now < until));
            let checked = if sent {
                chosen.iter().any(|word| word == role.as_str())
            } else {
                held.is_some()
            };
            let until = role.until_field().map(|field| {
                let value = if sent {
                    answer.value(field)
                } else {
                    held.and_then(|grant| grant.until)
                        .map(policy::day_before)
                        .unwrap_or_default()
                };
                view! {
                    <div class="mt-2 mb-1 hidden max-w-60 pl-6.5 group-has-checked:block">
                        <Field
                            label="Last day"
                            name=field
                            kind=FieldKind::Date
                            optional=true
                            hint="In UTC. Empty: for good."
                            min=policy::day_before(now + 1)
                            state=FieldState::new(value).error(answer.error_at(field).unwrap_or_default())
                        />
                    </div>
                }
            });
            view! {
                <div class="group">
                    <Checkbox
                        label=role.title()
                        name="roles"
                        value=role.as_str()
                        hint=role.about()
                        checked=checked
                    />
                    {until}
                </div>
            }
            .into_any()
        })
        .collect();
    let error = answer.error_at("roles").unwrap_or_default();
    let described = (!error.is_empty()).then_some("roles-error");
    view! {
        <fieldset id="roles" tabindex="-1" aria-describedby=described class="rounded-control">
            <legend class="mb-1.5 font-medium">"Roles"</legend>
            {(!error.is_empty())
                .then(|| {
                    view! {
                        <p id="roles-error" class="mb-2 text-small text-danger">
                            {error}
                        </p>
                    }
                })}
            <div class="space-y-2">{boxes}</div>
        </fieldset>
    }
    .into_any()
}

/// Says who has to agree before this person can make somebody a checker; nothing if nobody has to.
async fn who_agrees(
    reader: &mut Reader,
    state: &AppState,
    viewer: &Viewer,
) -> Result<Option<String>, AppError> {
    let workspace = viewer.workspace_id();
    let now = state.clock.now();
    if !approvals::settings::of(reader, &state.profile, workspace)
        .await?
        .roles
    {
        return Ok(None);
    }
    let mut names: Vec<String> = view::members(reader, workspace)
        .await?
        .into_iter()
        .filter(|member| {
            member.id != viewer.user_id && member.grants.at(now).include(Role::Checker)
        })
        .map(|member| member.name)
        .collect();
    names.sort();
    Ok(match names.split_last() {
        None => None,
        Some((last, rest)) => {
            let names = if rest.is_empty() {
                last.clone()
            } else {
                format!("{} or {last}", rest.join(", "))
            };
            Some(format!(
                "{names} has to agree: making a checker needs a second person here."
            ))
        }
    })
}

/// [`who_agrees`], below the roles of a form.
fn agreement(words: Option<String>) -> AnyView {
    words
        .map(|words| {
            view! { <p class="rounded-control bg-info-soft px-3 py-2 text-small text-info">{words}</p> }
        })
        .into_any()
}

/// The one sight of an invitation's link, if this answer holds one.
fn link_moment(answer: &Answer) -> Option<AnyView> {
    let Once::Invitation { email, link } = answer.once.as_deref()? else {
        return None;
    };
    let mailed = format!("We mailed this link to {email}.");
    let link = link.to_string();
    Some(frame::framed(
        below_members("Invitation sent", ""),
        view! {
            <section class="card space-y-4 p-4">
                <p>
                    {mailed}
                    " If the mail doesn't arrive, hand it over yourself: the link works once, within 7 days, and only for an account with that address."
                </p>
                <CopyField
                    id="invitation-link"
                    label="Link"
                    value=link
                    hint="Shown this once. A new one can be made on the members page."
                />
                <div class="flex flex-wrap gap-2">
                    <LinkButton href="/members" kind=Kind::Solid>
                        "Back to members"
                    </LinkButton>
                    <LinkButton href="/members/invite" kind=Kind::Ghost>
                        "Invite another"
                    </LinkButton>
                </div>
            </section>
        },
    ))
}
