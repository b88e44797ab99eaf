//! What a developer reads about webhooks: how to receive them, and every type of event.

mod events;
mod page;
#[cfg(test)]
mod tests;

pub use events::EventsPage;
pub use page::WebhookDocsPage;

use crate::{
    error::UiError,
    frame::{self, Here},
    server::{self, error::AppError, state::AppState},
    webhooks::{
        policy::READERS,
        store::{self, EndpointRow},
    },
};

/// Where the viewer is, with those endpoints there that they may know of.
async fn here_with_own() -> Result<(AppState, Here, Vec<EndpointRow>), UiError> {
    let here = frame::here()?;
    let state = server::page::state()?;
    if !here.viewer.has_any(READERS) {
        return Ok((state, here, Vec::new()));
    }
    let read = async {
        let mut reader = state.db.read().await?;
        store::endpoints(&mut reader, here.viewer.workspace_id()).await
    };
    let mut own = read
        .await
        .map_err(AppError::from)
        .map_err(AppError::into_ui)?;
    own.retain(|row| row.environment == here.environment.id);
    Ok((state, here, own))
}
