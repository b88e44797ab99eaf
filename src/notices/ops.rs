//! What people choose about their notices.

use serde_json::{Map, json};

use super::{Kind, Ways, store};
use crate::{
    accounts::Viewer,
    audit,
    server::{error::AppError, state::AppState},
};

/// Sets where the viewer is told of each kind. What protects their account is not theirs to turn off.
pub async fn choose(
    state: &AppState,
    viewer: &Viewer,
    choices: &[(Kind, Ways)],
) -> Result<(), AppError> {
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    let mut detail = Map::new();
    for (kind, ways) in choices.iter().filter(|(kind, _)| kind.is_chosen()) {
        store::set_ways(&mut tx, &viewer.user_id, *kind, *ways).await?;
        detail.insert(
            kind.as_str().to_owned(),
            json!({ "portal": ways.portal, "mail": ways.mail }),
        );
    }
    let entry = viewer.entry("notices.chosen", &viewer.user_id, detail.into());
    audit::record(&mut tx, &entry, now).await?;
    tx.commit().await?;
    Ok(())
}
