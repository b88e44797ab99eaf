//! Where an invitation's link leads.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use crate::{
    accounts::{self, Viewer, viewer},
    error::{UiError, UiErrorKind},
    frame,
    server::{
        error::AppError,
        page::{self, Answer},
    },
    ui::{
        button::{Button, Kind, LinkButton},
        layout::Plain,
        time,
    },
    workspaces::{
        ops, policy,
        store::{InvitationRow, Space},
        view,
    },
};

#[component]
pub fn JoinPage() -> impl IntoView {
    let answer = Answer::here();
    let token = use_query_map()
        .get_untracked()
        .get("token")
        .unwrap_or_else(|| answer.value("token"));
    let load = async move {
        let state = page::state()?;
        let find = async {
            let (row, space) = ops::invitation_of(&state, &token).await?;
            let roles = policy::in_words(&view::grants(&row.roles)?);
            Ok((row, space, roles))
        };
        let brand = state.profile.name.clone();
        match find.await.map_err(AppError::into_ui) {
            Ok((row, space, roles)) => Ok((brand, Ok((token, row, space, roles)))),
            Err(error) if error.kind == UiErrorKind::NotFound => Ok((brand, Err(error))),
            Err(error) => Err(error),
        }
    };
    frame::loaded(load, move |(brand, found)| {
        let (token, row, space, roles) = match found {
            Ok(found) => found,
            Err(error) => return dead(brand, &error),
        };
        let viewer = viewer::optional();
        let what = invited(&answer, viewer.as_ref(), &token, &row, &space);
        view! {
            <Title text=format!("Invitation \u{b7} {brand}") />
            <Plain
                title=format!("Join {}", space.name)
                brand=brand
                wide=true
                lead=format!("{} invited you to this workspace, as {roles}.", row.inviter)
            >
                {what}
                <p class="mt-4 text-small text-ink-2">
                    {format!("The invitation ends {}.", time::absolute(row.expires_at, "UTC"))}
                </p>
            </Plain>
        }
        .into_any()
    })
}

/// An invitation that nobody can use, with the way on.
fn dead(brand: String, error: &UiError) -> AnyView {
    frame::set_status(error);
    let message = error.message.clone();
    let (href, label) = if viewer::optional().is_some() {
        ("/dashboard", "Go to the overview")
    } else {
        ("/login", "Sign in")
    };
    view! {
        <Title text=format!("Invitation \u{b7} {brand}") />
        <Plain title="This link doesn\u{2019}t open anything" brand=brand>
            <p role="alert">{message}</p>
            <div class="mt-4">
                <LinkButton href=href>{label}</LinkButton>
            </div>
        </Plain>
    }
    .into_any()
}

/// What the person can do with the invitation.
fn invited(
    answer: &Answer,
    viewer: Option<&Viewer>,
    token: &str,
    row: &InvitationRow,
    space: &Space,
) -> AnyView {
    let query = |pairs: &[(&str, &str)]| -> String {
        url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish()
    };
    let back = format!("/join?{}", query(&[("token", token)]));
    match viewer {
        _ if space.suspended_at.is_some() => view! {
            <p>"This workspace is suspended; nobody can join it now."</p>
        }
        .into_any(),
        None => {
            let login = format!("/login?{}", query(&[("next", &back)]));
            let signup = format!(
                "/signup?{}",
                query(&[("next", &back), ("email", &row.email)])
            );
            view! {
                <p class="mb-4">"Sign in with the account of the address that this was sent to, or make one."</p>
                <div class="flex flex-wrap gap-2">
                    <LinkButton href=login kind=Kind::Solid>
                        "Sign in"
                    </LinkButton>
                    <LinkButton href=signup>"Create account"</LinkButton>
                </div>
            }
            .into_any()
        }
        Some(viewer) if accounts::store::folded(&viewer.email) != row.email_folded => {
            let who = format!("You are signed in as {}.", viewer.email);
            view! {
                <p class="mb-4">
                    "This invitation was sent to another address. " {who}
                    " Sign out, then open the link again and sign in with the account that has that address."
                </p>
                <form method="post" action="/logout">
                    <Button kind=Kind::Outline busy="Signing out\u{2026}">
                        "Sign out"
                    </Button>
                </form>
            }
            .into_any()
        }
        Some(viewer) => {
            let who = format!("You join as {} ({}).", viewer.name, viewer.email);
            let failure = frame::failure(answer);
            view! {
                {failure}
                <p class="mb-4">{who}</p>
                <form method="post" action="/join">
                    <input type="hidden" name="token" value=token.to_owned() />
                    <Button kind=Kind::Solid busy="Joining\u{2026}">
                        "Join workspace"
                    </Button>
                </form>
            }
            .into_any()
        }
    }
}
