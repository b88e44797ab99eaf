//! The only error that a browser ever sees: what happened and what to do, never what the log needs.

use leptos::{prelude::FromServerFnError, server_fn::codec::JsonEncoding};
use serde::{Deserialize, Serialize};
use server_fn::error::ServerFnErrorErr;

/// The kinds a page tells apart; each has one HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UiErrorKind {
    /// 400: the request itself could not be read.
    BadRequest,
    /// 401: nobody is signed in.
    SignedOut,
    /// 403: this person may not do that.
    NotAllowed,
    /// 404: there is nothing, or nothing that this person may know of.
    NotFound,
    /// 409: it was changed, decided or used up in the meantime.
    Conflict,
    /// 413: more than is accepted.
    TooLarge,
    /// 422: a field needs another value.
    Invalid,
    /// 429: too many tries.
    TooMany,
    /// 503: it cannot be done or checked now, so nothing was done.
    Unavailable,
}

impl UiErrorKind {
    pub const fn status(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::SignedOut => 401,
            Self::NotAllowed => 403,
            Self::NotFound => 404,
            Self::Conflict => 409,
            Self::TooLarge => 413,
            Self::Invalid => 422,
            Self::TooMany => 429,
            Self::Unavailable => 503,
        }
    }
}

/// What is wrong with one field, in a sentence that says how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    pub field: String,
    pub message: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UiError {
    pub kind: UiErrorKind,
    pub message: String,
    pub fields: Vec<FieldError>,
}

impl UiError {
    pub fn new(kind: UiErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            fields: Vec::new(),
        }
    }

    /// The message that stands beside `field`, if it is wrong.
    pub fn at(&self, field: &str) -> Option<String> {
        self.fields
            .iter()
            .find(|error| error.field == field)
            .map(|error| error.message.clone())
    }
}

impl std::fmt::Display for UiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for UiError {}

impl FromServerFnError for UiError {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        match error {
            ServerFnErrorErr::Args(_)
            | ServerFnErrorErr::MissingArg(_)
            | ServerFnErrorErr::Deserialization(_) => {
                Self::new(UiErrorKind::BadRequest, "The request could not be read.")
            }
            _ => Self::new(
                UiErrorKind::Unavailable,
                "The server could not be reached. Nothing was changed.",
            ),
        }
    }
}
