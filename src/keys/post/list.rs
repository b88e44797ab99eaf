//! Forms on lists of keys, and the emergency that ends all of them.

use axum::response::Response;

use crate::{
    accounts::step_up::{self, Action},
    error::UiErrorKind,
    keys::{
        ops::{self, Bulk},
        policy,
        secret::{PlainKey, looks_like_a_key},
        store,
    },
    server::{
        clock::is_id,
        error::AppError,
        page::{Outcome, Submission},
    },
    webhooks,
};

/// Leads to what was searched for. A form that is sent, since what is typed may be a whole key, which must not stand
/// in an address.
pub async fn search(submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let (state, viewer) = (&form.state, form.viewer()?);
            let text = form.fields.get("q").trim();
            if is_id(text, "key") {
                return Ok(Outcome::Go(format!("/keys/{text}")));
            }
            if is_id(text, "req") {
                return Ok(Outcome::Go(format!("/logs/{text}")));
            }
            if is_id(text, webhooks::types::ENDPOINT_ID) {
                return Ok(Outcome::Go(format!("/webhooks/{text}")));
            }
            if is_id(text, webhooks::types::DELIVERY_ID) {
                return Ok(Outcome::Go(format!("/logs/webhooks/{text}")));
            }
            if looks_like_a_key(text, &state.profile) {
                let missing = || {
                    AppError::told(
                        UiErrorKind::NotFound,
                        "That looks like a whole key, but no key of this workspace has its fingerprint.",
                    )
                };
                let key = PlainKey::parse(text, &state.profile).map_err(|_| missing())?;
                let mut reader = state.db.read().await?;
                for hash in key.hashes(&state.peppers) {
                    let found =
                        store::find_by_secret(&mut reader, viewer.workspace_id(), hash).await?;
                    if let Some(key) = found {
                        return Ok(Outcome::Go(format!("/keys/{}", key.id)));
                    }
                }
                return Err(missing());
            }
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            // Sent from a list, it stays in that list.
            for name in ["env", "tab", "scope", "owner", "expiry", "idle", "sort"] {
                let value = form.fields.get(name);
                if !value.is_empty() {
                    query.append_pair(name, value);
                }
            }
            if !text.is_empty() {
                query.append_pair("q", text);
            }
            Ok(Outcome::Go(format!("/keys?{}", query.finish())))
        })
        .await
}

/// Several keys, and what is to be done with them, as an address says it.
pub struct Chosen {
    pub what: Bulk,
    /// Each once.
    pub ids: Vec<String>,
}

impl Chosen {
    /// Nothing if the address says nothing that can be done.
    pub fn read(query: &str) -> Option<Self> {
        let mut what = None;
        let mut ids: Vec<String> = Vec::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match name.as_ref() {
                "action" => what = Bulk::parse(&value),
                "key" if !ids.iter().any(|id| *id == value) => ids.push(value.into_owned()),
                _ => {}
            }
        }
        let fits = (1..=ops::MAX_BULK).contains(&ids.len());
        what.filter(|_| fits).map(|what| Self { what, ids })
    }

    pub fn href(&self) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("action", self.what.as_str());
        for id in &self.ids {
            query.append_pair("key", id);
        }
        format!("/keys/bulk?{}", query.finish())
    }

    /// These keys, if all of them are of the workspace.
    pub async fn find(
        &self,
        reader: &mut crate::db::Reader,
        workspace_id: &str,
    ) -> Result<Vec<store::KeyRow>, AppError> {
        let mut keys = Vec::with_capacity(self.ids.len());
        for id in &self.ids {
            keys.push(ops::find(reader, workspace_id, id).await?);
        }
        Ok(keys)
    }
}

/// From the list it leads to the page that names the consequences; from there it is done.
pub async fn bulk(submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let (state, viewer) = (&form.state, form.viewer()?);
            let chosen = Chosen::read(form.parts().uri.query().unwrap_or_default());
            let Some(chosen) = chosen else {
                let mut ids = form.fields.all("ids");
                ids.sort_unstable();
                ids.dedup();
                let what = Bulk::parse(form.fields.get("action"));
                return match what {
                    Some(what) if (1..=ops::MAX_BULK).contains(&ids.len()) => {
                        Ok(Outcome::Go(Chosen { what, ids }.href()))
                    }
                    _ => Err(AppError::told(
                        UiErrorKind::Invalid,
                        format!("Choose 1 to {} keys in the list first.", ops::MAX_BULK),
                    )),
                };
            };
            let keys = {
                let mut reader = state.db.read().await?;
                chosen.find(&mut reader, viewer.workspace_id()).await?
            };
            let live = keys.iter().any(|key| {
                let environment = state.profile.environment(&key.environment);
                environment.is_none_or(|environment| environment.live)
            });
            let number = keys.len().to_string();
            if live && chosen.what == Bulk::Revoke && form.fields.get("count").trim() != number {
                return Err(AppError::field(
                    "count",
                    format!("Type {number} to confirm how many keys you mean."),
                ));
            }
            let touched = ops::bulk(state, viewer, &chosen.ids, chosen.what).await?;
            if touched == 0 {
                return Err(AppError::told(
                    UiErrorKind::Conflict,
                    "None of these keys is in use any more. Nothing of yours was recorded.",
                ));
            }
            let done = match chosen.what {
                Bulk::Disable => "disabled",
                Bulk::Revoke => "revoked",
            };
            let env = keys.first().map_or("", |key| key.environment.as_str());
            Ok(Outcome::Go(format!(
                "/keys?env={env}&done={done}&n={touched}"
            )))
        })
        .await
}

/// Ends every key of the workspace.
pub async fn revoke_all(submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let (state, viewer) = (&form.state, form.viewer()?);
            if viewer.acting.is_some() {
                return Err(AppError::told(
                    UiErrorKind::NotAllowed,
                    policy::NOT_AN_OPERATORS,
                ));
            }
            if form.wants_another_factor() {
                return Ok(Outcome::Again);
            }
            let name = viewer.workspace.as_ref().map_or("", |w| w.name.as_str());
            if policy::folded_label(form.fields.get("name")) != policy::folded_label(name) {
                return Err(AppError::field(
                    "name",
                    format!("Type \u{201c}{name}\u{201d} to confirm which workspace you mean."),
                ));
            }
            let content = ops::revoke_all_content(viewer.workspace_id());
            let proof = step_up::prove_form(form, Action::RevokeAll, &content).await?;
            ops::revoke_all(state, viewer, proof).await?;
            Ok(Outcome::Go("/keys?tab=inactive&done=all".to_owned()))
        })
        .await
}
