//! `POST /v1/reservations/{id}/commit` and `/release`: a resource server says what became of the amount that verify
//! reserved for it.

use axum::{
    Json,
    extract::{Path, State},
    http::header,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::volume::{self, Reservation, Settle, Settled};
use crate::{
    error::UiErrorKind,
    server::{clock::is_id, error::AppError, state::AppState},
};

pub async fn commit(
    State(state): State<AppState>,
    Path(id): Path<String>,
) -> Result<Response, AppError> {
    settle(&state, &id, Settle::Commit).await
}

pub async fn release(
    State(state): State<AppState>,
    Path(id): Path<String>,
) -> Result<Response, AppError> {
    settle(&state, &id, Settle::Release).await
}

async fn settle(state: &AppState, id: &str, how: Settle) -> Result<Response, AppError> {
    let settled = if is_id(id, "rsv") {
        volume::settle(state, id, how).await?
    } else {
        Settled::Unknown
    };
    match settled {
        Settled::Done(reservation) => {
            let body = Json(in_json(&reservation));
            Ok(([(header::CACHE_CONTROL, "no-store")], body).into_response())
        }
        Settled::Otherwise(reservation) => Err(AppError::told(
            UiErrorKind::Conflict,
            otherwise(&reservation, how),
        )),
        Settled::Unknown => Err(AppError::told(
            UiErrorKind::NotFound,
            "There is no such reservation.",
        )),
    }
}

fn in_json(reservation: &Reservation) -> Value {
    json!({
        "id": reservation.id,
        "state": reservation.state,
        "amount": { "value": reservation.amount, "currency": reservation.currency },
    })
}

fn otherwise(reservation: &Reservation, how: Settle) -> String {
    match (reservation.state.as_str(), how) {
        ("committed", _) => {
            "This reservation was committed; it can't be released any more.".to_owned()
        }
        ("released", _) => {
            "This reservation was released; reserve anew before the money moves.".to_owned()
        }
        _ => "This reservation has lapsed; reserve anew before the money moves.".to_owned(),
    }
}
