//! Handing a workspace over: the offer, and the answer to it.

use leptos::prelude::*;

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
        button::{Button, Kind, LinkButton},
        dialog::{DialogBody, DialogPage},
        empty_state::EmptyState,
        form::{Choice, FieldState, Select},
        layout::Width,
        time,
    },
    workspaces::{
        ops, policy,
        store::{self, TransferRow},
        view::{self, Member},
    },
};

const PURPOSE: &str = "What applies to everybody in this workspace.";

#[component]
pub fn TransferPage() -> impl IntoView {
    let load = async {
        let here = frame::here()?;
        let state = page::state()?;
        let find = async {
            let workspace = here.viewer.workspace_id();
            let mut reader = state.db.read().await?;
            let mut members = view::members(&mut reader, workspace).await?;
            members.retain(|member| !policy::is_owner(&member.grants));
            let open = store::open_transfer(&mut reader, workspace, here.now).await?;
            Ok((members, open))
        };
        let (members, open) = find.await.map_err(AppError::into_ui)?;
        Ok::<_, UiError>((here, members, open))
    };
    loaded(load, |(here, members, open)| {
        transfer_page(&here, &members, open.as_ref())
    })
}

fn transfer_page(here: &Here, members: &[Member], open: Option<&TransferRow>) -> AnyView {
    let answer = Answer::here();
    let title = "Hand the workspace over";
    if let Some(offer) = open {
        let text = format!(
            "{} offered the workspace to {}. The offer ends {}.",
            offer.from_name,
            offer.to_name,
            time::absolute(offer.expires_at, &here.zone)
        );
        let own = offer.from_user == here.viewer.user_id;
        let action = own.then(|| {
            view! { <LinkButton href=format!("/ownership/{}", offer.id)>"See the offer"</LinkButton> }
                .into_any()
        });
        return settings(
            title,
            PURPOSE,
            None,
            view! {
                {frame::failure(&answer)}
                <EmptyState text=text action=action />
            },
        );
    }
    if members.is_empty() {
        let action =
            view! { <LinkButton href="/members/invite">"Invite member"</LinkButton> }.into_any();
        return settings(
            title,
            PURPOSE,
            None,
            view! {
                {frame::failure(&answer)}
                <EmptyState
                    text="There is nobody to hand the workspace over to: it has no member who is not an owner."
                    action=Some(action)
                />
            },
        );
    }
    let options = std::iter::once(Choice::new("", "Choose a member"))
        .chain(members.iter().map(|member| {
            Choice::new(
                member.id.clone(),
                format!("{} ({})", member.name, member.email),
            )
        }))
        .collect();
    settings(
        title,
        PURPOSE,
        None,
        view! {
            <div>
                {frame::failure(&answer)}
                <form method="post" action="/settings/workspace/transfer" class="space-y-8">
                    <section class="space-y-4" aria-labelledby="transfer">
                        <h2 id="transfer" class="text-h2">
                            {title}
                        </h2>
                        <p class="text-ink-2">
                            "They become owner, you become admin and keep your other roles. Nothing changes until they accept; they have 7 days."
                        </p>
                        <Select
                            label="New owner"
                            name="to"
                            options=options
                            state=FieldState::new(answer.value("to")).error(answer.error_at("to").unwrap_or_default())
                        />
                    </section>
                    {confirm(Confirm {
                        action: Action::OfferOwnership,
                        what: "offer this workspace to this member".to_owned(),
                        submit: "Offer ownership",
                        busy: "Offering\u{2026}",
                        cancel: "/settings/workspace".to_owned(),
                        kept: "Your choice is kept.",
                        danger: false,
                        dialog: false,
                    })}
                </form>
            </div>
        },
    )
}

#[component]
pub fn OfferPage() -> impl IntoView {
    let id = frame::path_id();
    let load = async move {
        let here = frame::here()?;
        let state = page::state()?;
        let offer = ops::offer_of(&state, &here.viewer, &id)
            .await
            .map_err(AppError::into_ui)?;
        Ok((here, offer))
    };
    loaded(load, |(here, offer)| offer_page(&here, &offer))
}

fn offer_page(here: &Here, offer: &TransferRow) -> AnyView {
    let answer = Answer::here();
    let mine = offer.to_user == here.viewer.user_id;
    let action = format!("/ownership/{}", offer.id);
    let until = time::absolute(offer.expires_at, &here.zone);
    let (title, lead, end, ending) = if mine {
        (
            format!("Own {}?", offer.workspace),
            format!(
                "{} wants to hand this workspace over to you. You become its owner, they become admin. The offer ends {until}.",
                offer.from_name
            ),
            "Decline",
            "Declining\u{2026}",
        )
    } else {
        (
            format!("{} is offered to {}", offer.workspace, offer.to_name),
            format!("Nothing changes until they accept. The offer ends {until}."),
            "Withdraw offer",
            "Withdrawing\u{2026}",
        )
    };
    let accept = mine.then(|| {
        view! {
            <form method="post" action=action.clone()>
                <DialogBody>{frame::failure(&answer)}</DialogBody>
                {confirm(Confirm {
                    action: Action::AcceptOwnership,
                    what: format!("become the owner of {}", offer.workspace),
                    submit: "Accept ownership",
                    busy: "Accepting\u{2026}",
                    cancel: String::new(),
                    kept: "",
                    danger: false,
                    dialog: true,
                })}
            </form>
        }
    });
    framed(
        Head {
            heading: "Ownership".to_owned(),
            span: frame::Span::None,
            width: Width::Form,
            ..Head::default()
        },
        view! {
            <DialogPage title=title lead=lead>
                {accept}
                <form method="post" action=action class="flex justify-end px-6 py-4">
                    <input type="hidden" name="decision" value="end" />
                    <Button kind=if mine { Kind::Ghost } else { Kind::Outline } busy=ending>
                        {end}
                    </Button>
                </form>
            </DialogPage>
        },
    )
}
