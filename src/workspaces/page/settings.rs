//! The settings of a workspace.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use crate::{
    accounts::{
        confirm::{Confirm, confirm},
        settings::settings,
        step_up::Action,
    },
    error::UiError,
    frame::{self, Head, Here, framed, loaded},
    server::{
        error::AppError,
        page::{self, Answer},
    },
    ui::{
        badge::{Badge, Shape, Tone},
        button::{Button, Kind, LinkButton},
        dialog::{DialogBody, DialogFoot, DialogPage},
        form::{Field, FieldState},
        key_value::{Fact, KeyValue},
        layout::{Crumb, Width},
        time::{self, count},
    },
    workspaces::{
        Role, policy,
        store::{self, Space, TransferRow},
        view::{self, Member},
    },
};

struct Loaded {
    here: Here,
    space: Space,
    members: Vec<Member>,
    offer: Option<TransferRow>,
}

async fn load() -> Result<Loaded, UiError> {
    let here = frame::here()?;
    let state = page::state()?;
    let find = async {
        let id = here.viewer.workspace_id();
        let mut reader = state.db.read().await?;
        let space = store::find(&mut reader, id)
            .await?
            .ok_or_else(AppError::not_found)?;
        let members = view::members(&mut reader, id).await?;
        let offer = store::open_transfer(&mut reader, id, here.now).await?;
        Ok((space, members, offer))
    };
    let (space, members, offer) = find.await.map_err(AppError::into_ui)?;
    Ok(Loaded {
        here,
        space,
        members,
        offer,
    })
}

/// How many members lack a second factor, in words.
fn lacking(members: &[Member]) -> String {
    let without = members
        .iter()
        .filter(|member| !member.second_factor)
        .count();
    match (without, members.len()) {
        (0, _) => "Every member has one.".to_owned(),
        (_, 1) => "You have none yet.".to_owned(),
        (without, all) if without == all => "No member has one yet.".to_owned(),
        (without, all) => format!("{without} of {all} members have none yet."),
    }
}

#[component]
pub fn WorkspacePage() -> impl IntoView {
    loaded(load(), |data| workspace_page(&data))
}

fn workspace_page(data: &Loaded) -> AnyView {
    let viewer = &data.here.viewer;
    let done = use_query_map().get_untracked().get("done");
    let toast = match done.as_deref() {
        Some("name") => Some("The workspace has its new name."),
        Some("required") => Some("A second factor is required from now on."),
        Some("optional") => Some("A second factor is no longer required."),
        Some("offered") => Some("The offer was sent."),
        _ => None,
    };
    let own = data
        .members
        .iter()
        .any(|member| member.id == viewer.user_id);
    let ownership = ownership(data);
    settings(
        "Workspace",
        "What applies to everybody in this workspace.",
        toast.map(str::to_owned),
        view! {
            {name(data)} {second_factor(data)}
            {section(
                "approvals",
                "Approvals",
                view! {
                    <p class="text-ink-2">"Which keys, and what else, need the agreement of a second person."</p>
                    <LinkButton href="/settings/workspace/approvals">"Rules for approval"</LinkButton>
                },
            )} {ownership} {emergency(data)}
            {own
                .then(|| {
                    section(
                        "leave",
                        "Leave",
                        view! {
                            <p class="text-ink-2">"Your keys here go on working and go to an owner."</p>
                            <LinkButton href="/settings/workspace/leave" kind=Kind::Danger dialog=true>
                                "Leave workspace\u{2026}"
                            </LinkButton>
                        },
                    )
                })}
        },
    )
}

fn section(id: &'static str, title: &'static str, content: impl IntoAny) -> AnyView {
    let content = content.into_any();
    view! {
        <section class="card space-y-4 p-4" aria-labelledby=id>
            <h2 id=id class="text-h2">
                {title}
            </h2>
            {content}
        </section>
    }
    .into_any()
}

fn name(data: &Loaded) -> AnyView {
    let answer = Answer::here();
    let facts = || {
        vec![
            Fact::new("Name", data.space.name.clone()),
            Fact::new(
                "Id",
                view! { <code class="font-mono text-mono">{data.space.id.clone()}</code> },
            ),
        ]
    };
    if !data.here.viewer.has(Role::Admin) {
        return section("general", "General", view! { <KeyValue items=facts() /> });
    }
    let value = if answer.error.is_some() {
        answer.value("name")
    } else {
        data.space.name.clone()
    };
    let error = answer.error_at("name").unwrap_or_default();
    section(
        "general",
        "General",
        view! {
            {frame::failure(&answer)}
            <form method="post" action="/settings/workspace" class="space-y-4">
                <Field
                    label="Name"
                    name="name"
                    required=true
                    maxlength=u32::try_from(policy::MAX_NAME).ok()
                    state=FieldState::new(value).error(error)
                />
                <p class="text-small text-ink-2">
                    "Id " <code class="font-mono text-mono wrap-anywhere">{data.space.id.clone()}</code>
                </p>
                <Button kind=Kind::Solid busy="Renaming\u{2026}">
                    "Rename workspace"
                </Button>
            </form>
        },
    )
}

fn second_factor(data: &Loaded) -> AnyView {
    let required = data.space.require_second_factor;
    let badge = if required {
        view! { <Badge tone=Tone::Success shape=Shape::Check word="Required" /> }
    } else {
        view! { <Badge tone=Tone::Neutral shape=Shape::Ring word="Optional" /> }
    };
    let action = data.here.viewer.has(Role::Admin).then(|| {
        view! {
            <LinkButton href="/settings/workspace/second-factor" dialog=true>
                {if required { "No longer require it\u{2026}" } else { "Require a second factor\u{2026}" }}
            </LinkButton>
        }
    });
    view! {
        <section class="card space-y-4 p-4" aria-labelledby="factor">
            <div class="flex items-center gap-3">
                <h2 id="factor" class="text-h2">
                    "Second factor"
                </h2>
                {badge}
            </div>
            <p class="text-ink-2">
                "A code or a passkey beside the password, for everybody who acts here. " {lacking(&data.members)}
            </p>
            {action}
        </section>
    }
    .into_any()
}

fn ownership(data: &Loaded) -> AnyView {
    let viewer = &data.here.viewer;
    let owners: Vec<&str> = data
        .members
        .iter()
        .filter(|member| policy::is_owner(&member.grants))
        .map(|member| member.name.as_str())
        .collect();
    let owners = format!("Owned by {}.", owners.join(", "));
    let offered = data.offer.as_ref().map(|offer| {
        let text = format!(
            "{} offered it to {}, until {}.",
            offer.from_name,
            offer.to_name,
            time::absolute(offer.expires_at, &data.here.zone)
        );
        let party = [&offer.from_user, &offer.to_user].contains(&&viewer.user_id);
        let link = party.then(|| {
            view! {
                <a class="link" href=format!("/ownership/{}", offer.id)>
                    "See the offer"
                </a>
            }
        });
        view! { <p>{text} " " {link}</p> }
    });
    let action = (viewer.has(Role::Owner) && data.offer.is_none()).then(|| {
        view! { <LinkButton href="/settings/workspace/transfer">"Hand over\u{2026}"</LinkButton> }
    });
    section(
        "ownership",
        "Ownership",
        view! {
            <p class="text-ink-2">{owners}</p>
            {offered}
            {action}
        },
    )
}

/// For admins of the workspace; an operator who acts in it suspends it instead.
fn emergency(data: &Loaded) -> Option<AnyView> {
    let viewer = &data.here.viewer;
    (viewer.has(Role::Admin) && viewer.acting.is_none()).then(|| {
        section(
            "emergency",
            "Emergency",
            view! {
                <p class="text-ink-2">
                    "Every key of every environment is refused from the next request on, and what waits is withdrawn."
                </p>
                <LinkButton href="/settings/workspace/revoke-all" kind=Kind::Danger dialog=true>
                    "Revoke every key\u{2026}"
                </LinkButton>
            },
        )
    })
}

#[component]
pub fn SecondFactorPage() -> impl IntoView {
    loaded(load(), |data| second_factor_page(&data))
}

fn second_factor_page(data: &Loaded) -> AnyView {
    let answer = Answer::here();
    let required = data.space.require_second_factor;
    let back = "/settings/workspace";
    let head = Head {
        heading: "Second factor".to_owned(),
        crumbs: vec![Crumb::new("Workspace", back)],
        span: frame::Span::None,
        width: Width::Form,
        ..Head::default()
    };
    if !required && !data.here.viewer.has_second_factor() {
        return framed(
            head,
            view! {
                <DialogPage
                    title="Set up a second factor of your own first"
                    lead="Whoever asks others for one has one: you would lock yourself out."
                >
                    <DialogFoot cancel=back>
                        <LinkButton href="/settings/security" kind=Kind::Solid>
                            "Set up a second factor"
                        </LinkButton>
                    </DialogFoot>
                </DialogPage>
            },
        );
    }
    let without = data
        .members
        .iter()
        .filter(|member| !member.second_factor)
        .count();
    let without = u64::try_from(without).unwrap_or(u64::MAX);
    let (title, lead, value) = match (required, without) {
        (true, _) => (
            "No longer require a second factor?",
            "Who has one goes on using it; others are not asked for one any more.".to_owned(),
            "no",
        ),
        (false, 0) => (
            "Require a second factor?",
            "Every member has one. New ones set one up before they can do anything here."
                .to_owned(),
            "yes",
        ),
        (false, _) => (
            "Require a second factor?",
            format!(
                "{} none yet. From their next request on they are led to set one up and can do nothing else here. They are told.",
                if without == 1 {
                    "1 member has".to_owned()
                } else {
                    format!("{} have", count(without, "member", "members"))
                }
            ),
            "yes",
        ),
    };
    framed(
        head,
        view! {
            <DialogPage title=title lead=lead>
                <form method="post" action="/settings/workspace/second-factor">
                    <input type="hidden" name="required" value=value />
                    <DialogBody>{frame::failure(&answer)}</DialogBody>
                    {confirm(Confirm {
                        action: Action::ChangeWorkspace,
                        what: if required {
                            "no longer require a second factor here".to_owned()
                        } else {
                            "require a second factor of every member".to_owned()
                        },
                        submit: if required { "No longer require it" } else { "Require second factor" },
                        busy: "Changing\u{2026}",
                        cancel: back.to_owned(),
                        kept: "",
                        danger: false,
                        dialog: true,
                    })}
                </form>
            </DialogPage>
        },
    )
}
