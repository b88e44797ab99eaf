//! What the demo answers about its letters beside the pages: the HTML of one as a mail program gets it, and the list
//! for programs.

use axum::{
    Extension, Json,
    extract::Path,
    http::{HeaderValue, header},
    response::{Html, IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{Kept, find, recent, render::render};
use crate::server::{error::AppError, state::AppState};

/// A letter's styles stand beside its text, which pages of ours may not do. It is shown in a frame of its own, which
/// may do nothing else.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'",
);

/// The letter's HTML; its link opens in the window around the frame.
pub async fn html(Extension(state): Extension<AppState>, Path(id): Path<String>) -> Response {
    match shown(&state, &id).await {
        Ok(html) => ([(header::CONTENT_SECURITY_POLICY, POLICY)], Html(html)).into_response(),
        Err(error) => error.into_response(),
    }
}

async fn shown(state: &AppState, id: &str) -> Result<String, AppError> {
    let letter = find(state, id)
        .await?
        .letter
        .ok_or_else(AppError::not_found)?;
    let rendered = render(&letter, &state.profile.name, &state.config.public_url);
    Ok(rendered
        .html
        .replacen("<head>", "<head>\n<base target=\"_top\">", 1))
}

/// The last letters, newest first, for programs.
pub async fn list(Extension(state): Extension<AppState>) -> Response {
    match recent(&state).await {
        Ok(letters) => {
            let letters: Vec<Value> = letters.iter().map(|kept| entry(&state, kept)).collect();
            Json(letters).into_response()
        }
        Err(error) => error.into_response(),
    }
}

fn entry(state: &AppState, kept: &Kept) -> Value {
    let rendered = kept
        .letter
        .as_ref()
        .map(|letter| render(letter, &state.profile.name, &state.config.public_url));
    let links: Vec<&str> = kept
        .letter
        .iter()
        .filter_map(|letter| letter.button.as_ref())
        .map(|(_, link)| link.as_str())
        .collect();
    json!({
        "id": kept.id,
        "to": kept.letter.as_ref().map(|letter| &letter.to),
        "subject": rendered.as_ref().map(|rendered| &rendered.subject),
        "text": rendered.as_ref().map(|rendered| &rendered.text),
        "links": links,
        "at": kept.created_at,
    })
}
