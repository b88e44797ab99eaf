//! Webhooks on one's own machine: `latchkey listen` and `latchkey trigger`.
//!
//! A token is made in the portal for one workspace, is shown once, and lets a program hear and send events where nothing
//! real happens. It ends by its date, when it is revoked, and when its maker is no developer of the workspace any more.

pub mod client;
pub mod feed;
pub mod ops;
pub mod page;
pub mod post;
pub mod serve;
pub mod store;
#[cfg(test)]
mod tests;
pub mod token;

use crate::{gateway::lab, profiles::Environment, server::state::AppState};

/// Where events may be heard and sent by a token: the environments in which nothing real happens.
pub fn open(state: &AppState) -> impl Iterator<Item = &Environment> {
    let (profile, demo) = (&state.profile, state.config.demo);
    profile
        .environments
        .iter()
        .filter(move |environment| lab::is_open(profile, &environment.id, demo))
}
