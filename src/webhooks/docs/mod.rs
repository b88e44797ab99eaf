//! What a developer reads about webhooks: how to receive them, and every type of event.

mod events;
mod page;
#[cfg(test)]
mod tests;

pub use events::EventsPage;
pub use page::WebhookDocsPage;

use crate::{
    accounts::Viewer, db::Reader, server::error::AppError, webhooks::policy::READERS,
    webhooks::store::EndpointRow,
};

/// The endpoints that the viewer may know of.
async fn endpoints(reader: &mut Reader, viewer: &Viewer) -> Result<Vec<EndpointRow>, AppError> {
    if !viewer.has_any(READERS) {
        return Ok(Vec::new());
    }
    Ok(crate::webhooks::store::endpoints(reader, viewer.workspace_id()).await?)
}
