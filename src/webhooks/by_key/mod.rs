//! Endpoints managed by key: calls whose rule says `sample = "webhooks"` act on Latchkey's own endpoints, of the key's
//! workspace and environment, whatever stands behind the gateway.
//!
//! What may be done is the rule's scope to say and was judged before. In the record the key is who did it.

mod ops;
#[cfg(test)]
mod tests;

use axum::{
    Json,
    body::Bytes,
    http::{HeaderMap, Method, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::{
    error::UiErrorKind,
    gateway::{
        judge::KeyRecord,
        sandbox::{Fields, Wrong, portion, refusal},
    },
    profiles::{ErrorBody, Rule},
    server::{clock::Millis, error::AppError, state::AppState},
    webhooks::{
        store::EndpointRow,
        types::{EndpointState, Signing},
    },
};

/// A call that was let through.
pub struct Call<'a> {
    pub key: &'a KeyRecord,
    pub rule: &'a Rule,
    pub path: &'a str,
    pub query: Option<&'a str>,
    pub headers: &'a HeaderMap,
    pub body: Bytes,
}

/// What a call asks for.
enum Asked {
    List,
    Read,
    Create,
    Change,
    Remove,
}

impl Call<'_> {
    /// By the method and whether the path ends in an id, or by the last word of the action: `webhook_add`.
    fn asked(&self) -> Option<Asked> {
        if let Some(action) = &self.rule.action {
            return match action.rsplit('_').next()? {
                "list" => Some(Asked::List),
                "get" | "read" => Some(Asked::Read),
                "add" | "create" => Some(Asked::Create),
                "edit" | "update" => Some(Asked::Change),
                "delete" | "remove" => Some(Asked::Remove),
                _ => None,
            };
        }
        match (&self.rule.method, self.one()) {
            (&Method::GET, false) => Some(Asked::List),
            (&Method::GET, true) => Some(Asked::Read),
            (&Method::POST, false) => Some(Asked::Create),
            (&Method::PATCH | &Method::PUT, true) => Some(Asked::Change),
            (&Method::DELETE, true) => Some(Asked::Remove),
            _ => None,
        }
    }

    fn one(&self) -> bool {
        self.rule.path.ends_with("/{id}")
    }
}

/// Answers in JSON; what is wrong with the call in the platform's own style of errors.
pub async fn answer(state: &AppState, call: Call<'_>) -> Response {
    match served(state, &call).await {
        Ok((status, body)) => (status, Json(body)).into_response(),
        Err(wrong) => refusal(state.profile.error_body, &wrong),
    }
}

async fn served(state: &AppState, call: &Call<'_>) -> Result<(StatusCode, Value), Wrong> {
    let Some(asked) = call.asked() else {
        return Err(Wrong::unavailable(
            "Endpoints are not managed by a call of this kind.",
        ));
    };
    let mut fields = if matches!(call.rule.method, Method::GET | Method::DELETE) {
        Fields::of_query(call.query)
    } else {
        Fields::of_body(call.headers, call.body.clone()).await?
    };
    let id = match asked {
        Asked::List | Asked::Create => String::new(),
        _ if call.one() => call.path.rsplit('/').next().unwrap_or_default().to_owned(),
        _ => {
            let id = fields.need_text("id").unwrap_or_default();
            fields.sound()?;
            id
        }
    };
    let flat = state.profile.error_body == ErrorBody::Flat;
    match asked {
        Asked::List => {
            let rows = ops::list(state, call.key).await.map_err(told)?;
            let all: Vec<Value> = rows.iter().map(shown).collect();
            // Panels answer lists as they are; there are never more than a page of these.
            let body = if flat {
                json!(all)
            } else {
                portion(&all, &mut fields)?
            };
            Ok((StatusCode::OK, body))
        }
        Asked::Read => {
            let row = ops::read(state, call.key, &id).await.map_err(told)?;
            Ok((StatusCode::OK, shown(&row)))
        }
        Asked::Create => {
            let said = said(&mut fields)?;
            let (row, secret) = ops::create(state, call.key, said).await.map_err(told)?;
            let mut body = shown(&row);
            match row.signing() {
                // The one answer that it stands in.
                Signing::Hmac => body["secret"] = json!(&*secret),
                Signing::Ed25519 => body["public_key"] = json!(&*secret),
            }
            let status = if flat {
                StatusCode::OK
            } else {
                StatusCode::CREATED
            };
            Ok((status, body))
        }
        Asked::Change => {
            let said = said(&mut fields)?;
            let row = ops::change(state, call.key, &id, said)
                .await
                .map_err(told)?;
            Ok((StatusCode::OK, shown(&row)))
        }
        Asked::Remove => {
            ops::remove(state, call.key, &id).await.map_err(told)?;
            Ok((StatusCode::OK, json!({ "id": id, "deleted": true })))
        }
    }
}

/// What a call says of an endpoint; what it does not say stays, or is as usual.
pub struct Said {
    pub url: Option<String>,
    pub description: Option<String>,
    pub events: Option<Vec<String>>,
    pub signing: Option<String>,
    pub enabled: Option<bool>,
}

fn said(fields: &mut Fields) -> Result<Said, Wrong> {
    let said = Said {
        url: fields.text("url"),
        description: fields.text("description"),
        events: fields.list("events"),
        signing: fields.text("signing"),
        enabled: fields.flag("enabled"),
    };
    fields.sound()?;
    Ok(said)
}

fn shown(row: &EndpointRow) -> Value {
    json!({
        "object": "webhook_endpoint",
        "id": row.id,
        "url": row.url,
        "description": row.description,
        "environment": row.environment,
        "events": row.events(),
        "signing": row.signing,
        "enabled": row.state() == EndpointState::Enabled,
        "status": row.state,
        "created_at": rfc3339(row.created_at),
    })
}

fn rfc3339(at: Millis) -> Option<String> {
    let at = jiff::Timestamp::from_millisecond(at).ok()?;
    Some(at.to_string())
}

/// The operation's error as a platform says it.
fn told(error: AppError) -> Wrong {
    let error = error.into_ui();
    let message = if error.fields.is_empty() {
        error.message
    } else {
        let parts = error
            .fields
            .iter()
            .map(|field| format!("{}: {}", field.field, field.message));
        parts.collect::<Vec<_>>().join(" ")
    };
    match error.kind {
        UiErrorKind::NotFound => Wrong::absent("There is no such webhook endpoint."),
        UiErrorKind::Conflict => Wrong::conflict(message),
        UiErrorKind::Unavailable => Wrong::down(message),
        _ => Wrong::asked(message),
    }
}
