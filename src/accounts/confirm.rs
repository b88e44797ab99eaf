//! The block that asks for a fresh factor: it ends the form of a delicate action, and its button is that action.

use leptos::prelude::*;

use super::{Factor, step_up, step_up::Action, viewer};
use crate::{
    frame,
    server::page::{self, Answer},
    ui::proof::{self, Proof},
};

/// What is to be confirmed, in words.
pub struct Confirm {
    pub action: Action,
    /// What follows "authorises one thing:".
    pub what: String,
    /// The button's words: "Create key".
    pub submit: &'static str,
    /// While it is being done: "Creating…".
    pub busy: &'static str,
    /// Where Cancel leads.
    pub cancel: String,
    /// Added to an error, where something would be feared lost: "Your key's details are kept."
    pub kept: &'static str,
    pub danger: bool,
    /// The block ends a dialog.
    pub dialog: bool,
}

/// The block, for the person who is signed in, with the factors that the profile accepts and they have.
pub fn confirm(asked: Confirm) -> AnyView {
    block(asked, None)
}

/// The block with these buttons in place of its own: the factor serves one of two decisions, or a button is called by more
/// than its own words.
pub fn confirm_with(asked: Confirm, buttons: AnyView) -> AnyView {
    block(asked, Some(buttons))
}

fn block(asked: Confirm, buttons: Option<AnyView>) -> AnyView {
    let (viewer, state) = match (viewer::current(), page::state()) {
        (Ok(viewer), Ok(state)) => (viewer, state),
        (Err(error), _) | (_, Err(error)) => return frame::error_page(&error),
    };
    let answer = Answer::here();
    let accepted = asked.action.factors(&state.profile);
    let held: Vec<Factor> = accepted
        .iter()
        .copied()
        .filter(|factor| factor.held_by(&viewer))
        .collect();
    // The way asked for, else the one used, else the first.
    let wanted = [answer.value("other_factor"), answer.value("factor")]
        .into_iter()
        .find_map(|factor| Factor::parse(&factor));
    let Some(factor) = wanted
        .filter(|factor| held.contains(factor))
        .or(held.first().copied())
    else {
        let next = page::parts()
            .and_then(|parts| Some(parts.uri.path_and_query()?.as_str().to_owned()))
            .unwrap_or_default();
        return view! {
            <p role="alert" class="rounded-control bg-warning-soft px-3 py-2 text-warning">
                {match accepted.first() {
                    Some(Factor::Pin) => "You have no PIN yet. Set one; you'll come straight back. ",
                    _ => "You have none of the factors that this asks for yet. Set one up; you'll come straight back. ",
                }} <a class="link" href=settings(&next)>
                    "Security settings"
                </a>
            </p>
        }
        .into_any();
    };
    let error = match answer.error_at(step_up::FIELD) {
        Some(error) if !asked.kept.is_empty() => format!("{error} {}", asked.kept),
        other => other.unwrap_or_default(),
    };
    view! {
        <Proof
            action=asked.what
            factor=shown(factor)
            others=held.into_iter().map(shown).collect()
            submit=asked.submit
            busy=asked.busy
            cancel=asked.cancel
            error=error
            danger=asked.danger
            dialog=asked.dialog
            purpose=asked.action.as_str()
            buttons=buttons
        />
    }
    .into_any()
}

/// Where a missing factor is set up, and from there back.
pub fn settings(back: &str) -> String {
    let query: String = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("next", back)
        .finish();
    format!("/settings/security?{query}")
}

fn shown(factor: Factor) -> proof::Factor {
    match factor {
        Factor::Password => proof::Factor::Password,
        Factor::Pin => proof::Factor::Pin,
        Factor::Totp => proof::Factor::Code,
        Factor::Passkey => proof::Factor::Passkey,
    }
}
