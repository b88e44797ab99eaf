//! The server's error, and the one place that turns it into HTTP.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::{
    db::DbError,
    error::{FieldError, UiError, UiErrorKind},
};

use super::request_id;

#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// An outcome that the person or program may know in these words.
    #[error("{0}")]
    Told(UiError),
    /// Too many tries; the number says after how many seconds another makes sense.
    #[error("too many tries, again in {0} s")]
    TooMany(i64),
    #[error("database: {0}")]
    Db(#[from] DbError),
    #[error("{0}")]
    Internal(String),
}

impl AppError {
    pub fn told(kind: UiErrorKind, message: impl Into<String>) -> Self {
        Self::Told(UiError::new(kind, message))
    }

    /// The same answer for what does not exist and for what belongs to somebody else.
    pub fn not_found() -> Self {
        Self::told(UiErrorKind::NotFound, "Nothing here that you can see.")
    }

    pub fn field(field: &str, message: impl Into<String>) -> Self {
        Self::fields(vec![FieldError {
            field: field.to_owned(),
            message: message.into(),
        }])
    }

    pub fn fields(fields: Vec<FieldError>) -> Self {
        Self::Told(UiError {
            kind: UiErrorKind::Invalid,
            message: "Nothing was changed yet: a field needs another value.".to_owned(),
            fields,
        })
    }

    /// What the person sees. What the log needs is written here, once.
    pub fn into_ui(self) -> UiError {
        match self {
            Self::Told(error) => error,
            Self::TooMany(seconds) => UiError::new(
                UiErrorKind::TooMany,
                format!("Too many tries; again in {}.", wait(seconds)),
            ),
            Self::Db(error) => {
                tracing::error!(%error, "the database failed");
                unavailable()
            }
            Self::Internal(reason) => {
                tracing::error!(reason, "an operation failed");
                unavailable()
            }
        }
    }
}

/// Seconds in the unit that a person waits in.
fn wait(seconds: i64) -> String {
    match seconds {
        ..90 => format!("{seconds} s"),
        _ => format!("{} min", (seconds + 59) / 60),
    }
}

fn unavailable() -> UiError {
    UiError::new(
        UiErrorKind::Unavailable,
        "We can't do this now, so nothing was done. Try again in a moment.",
    )
}

/// JSON, for programs. Pages render the same [`UiError`] themselves.
impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        let retry_after = match &self {
            Self::TooMany(seconds) => Some(*seconds),
            _ => None,
        };
        let error = self.into_ui();
        let (kind, code) = match error.kind {
            UiErrorKind::BadRequest | UiErrorKind::Invalid => {
                ("invalid_request_error", "BAD_REQUEST")
            }
            UiErrorKind::SignedOut => ("authentication_error", "UNAUTHENTICATED"),
            UiErrorKind::NotAllowed => ("permission_error", "NOT_ALLOWED"),
            UiErrorKind::NotFound => ("invalid_request_error", "NOT_FOUND"),
            UiErrorKind::Conflict => ("invalid_request_error", "CONFLICT"),
            UiErrorKind::TooLarge => ("invalid_request_error", "TOO_LARGE"),
            UiErrorKind::TooMany => ("rate_limit_error", "RATE_LIMITED"),
            UiErrorKind::Unavailable => ("api_error", "UNAVAILABLE"),
        };
        let message = match error.fields.first() {
            Some(field) => format!("{}: {}", field.field, field.message),
            None => error.message,
        };
        let body = json!({ "error": {
            "type": kind, "code": code, "message": message, "request_id": &*request_id::text(),
        }});
        let status =
            StatusCode::from_u16(error.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(body)).into_response();
        if let Some(seconds) = retry_after {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        response
    }
}
