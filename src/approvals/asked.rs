//! What can be asked for, as it is frozen.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::settings::Settings;
use crate::{
    keys::{policy::NewKey, terms::Terms},
    server::error::AppError,
};

/// What a request asks for. Its JSON is what is kept and hashed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Asked {
    NewKey {
        key: NewKey,
    },
    ChangeKey {
        label: String,
        environment: String,
        before: Terms,
        after: Terms,
    },
    EnableKey {
        label: String,
        environment: String,
        terms: Terms,
    },
    /// Roles for a member, given as they are stored.
    GiveRole {
        was: String,
        roles: String,
    },
    /// An invitation, to an address as it is compared.
    Invite {
        email: String,
        roles: String,
    },
    LoosenPolicy {
        before: Settings,
        after: Settings,
    },
}

impl Asked {
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::NewKey { .. } => "new_key",
            Self::ChangeKey { .. } => "change_key",
            Self::EnableKey { .. } => "enable_key",
            Self::GiveRole { .. } => "give_role",
            Self::Invite { .. } => "invite",
            Self::LoosenPolicy { .. } => "loosen_policy",
        }
    }

    pub fn environment(&self) -> Option<&str> {
        match self {
            Self::NewKey { key } => Some(&key.environment),
            Self::ChangeKey { environment, .. } | Self::EnableKey { environment, .. } => {
                Some(environment)
            }
            _ => None,
        }
    }

    /// A line for lists: the key's label, or whom or what it is about.
    pub fn title(&self) -> String {
        match self {
            Self::NewKey { key } => key.label.clone(),
            Self::ChangeKey { label, .. } | Self::EnableKey { label, .. } => label.clone(),
            // By no name: it would have to be erased with its person.
            Self::GiveRole { .. } => "A member\u{2019}s roles".to_owned(),
            Self::Invite { .. } => "An invitation".to_owned(),
            Self::LoosenPolicy { .. } => "The rules for approval".to_owned(),
        }
    }

    pub fn to_json(&self) -> Result<String, AppError> {
        serde_json::to_string(self)
            .map_err(|error| AppError::Internal(format!("what is asked: {error}")))
    }

    pub fn parse(json: &str) -> Result<Self, AppError> {
        serde_json::from_str(json)
            .map_err(|error| AppError::Internal(format!("stored request: {error}")))
    }
}

/// What a decision is about: SHA-256 over the request's id, what it is about, and its JSON.
pub fn content_hash(id: &str, subject_id: &str, asked: &str) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in [id, subject_id, asked] {
        digest.update(part.len().to_be_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}
