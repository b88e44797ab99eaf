//! The forms of this feature.

use axum::response::Response;

use super::{Kind, Ways, ops, reading};
use crate::{
    accounts::session,
    server::page::{Outcome, Submission},
};

/// Opens a notice, or marks all that were shown as read.
pub async fn read(submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let (state, viewer) = (&form.state, form.viewer()?);
            let wanted = form.fields.get("read");
            if wanted == "all" {
                reading::read_until(state, viewer, form.fields.get("until")).await?;
                return Ok(Outcome::Go("/notices?done=read".to_owned()));
            }
            let opened = reading::open(state, viewer, wanted).await?;
            // The page that it leads to is about the notice's own workspace.
            if let Some(id) = opened.workspace_id
                && id != viewer.workspace_id()
                && viewer.workspaces.iter().any(|(other, _)| *other == id)
            {
                session::choose_workspace(&form.session, &id)
                    .await
                    .map_err(session::failed)?;
            }
            Ok(Outcome::Go(opened.path))
        })
        .await
}

/// Sets where the person is told of each kind.
pub async fn choose(submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let ticked = |way: &str, kind: Kind| !form.fields.get(&field(way, kind)).is_empty();
            let choices: Vec<(Kind, Ways)> = Kind::ALL
                .into_iter()
                .map(|kind| {
                    let ways = Ways {
                        portal: ticked("portal", kind),
                        mail: ticked("mail", kind),
                    };
                    (kind, ways)
                })
                .collect();
            ops::choose(&form.state, form.viewer()?, &choices).await?;
            Ok(Outcome::Go("/settings/notices?done=chosen".to_owned()))
        })
        .await
}

/// Name of the box that says whether the person is told of the kind this way.
pub fn field(way: &str, kind: Kind) -> String {
    format!("{way}_{}", kind.as_str())
}
