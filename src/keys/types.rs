//! Keys as the browser knows them. No secret is among them.

use serde::{Deserialize, Serialize};

/// The state of a key at a moment. `life.rs` has the moves between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyState {
    /// Waits for a second person.
    Requested,
    /// Waits for its maker, who has its secret made.
    Approved,
    Active,
    Disabled,
    Revoked,
    Rejected,
    Withdrawn,
    Lapsed,
    Expired,
}

impl KeyState {
    pub const ALL: [Self; 9] = [
        Self::Requested,
        Self::Approved,
        Self::Active,
        Self::Disabled,
        Self::Revoked,
        Self::Rejected,
        Self::Withdrawn,
        Self::Lapsed,
        Self::Expired,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Approved => "approved",
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::Revoked => "revoked",
            Self::Rejected => "rejected",
            Self::Withdrawn => "withdrawn",
            Self::Lapsed => "lapsed",
            Self::Expired => "expired",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether it is kept for the record alone and never comes back.
    pub const fn has_ended(self) -> bool {
        matches!(
            self,
            Self::Revoked | Self::Rejected | Self::Withdrawn | Self::Lapsed | Self::Expired
        )
    }

    pub const fn tab(self) -> KeyTab {
        match self {
            Self::Active | Self::Disabled => KeyTab::Active,
            Self::Requested | Self::Approved => KeyTab::Pending,
            _ => KeyTab::Inactive,
        }
    }
}

/// The tabs of the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyTab {
    #[default]
    Active,
    /// Waiting for a checker or for its maker's reveal.
    Pending,
    Inactive,
}

impl KeyTab {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Pending => "pending",
            Self::Inactive => "inactive",
        }
    }

    /// Anything but the name of a tab means the first.
    pub fn parse(text: Option<&str>) -> Self {
        match text {
            Some("pending") => Self::Pending,
            Some("inactive") => Self::Inactive,
            _ => Self::Active,
        }
    }
}

/// What stands for a key wherever one is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyPlateInfo {
    pub id: String,
    pub label: String,
    /// `rk_live_`
    pub prefix: String,
    /// The four characters after the prefix.
    pub start: String,
    /// The last four characters.
    pub end: String,
    pub environment: String,
    pub environment_word: String,
    pub live: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeySummary {
    pub plate: KeyPlateInfo,
    pub scopes: Vec<String>,
    pub state: KeyState,
    pub owner: Option<String>,
    /// Unix milliseconds, here and below.
    pub created_at: i64,
    pub expires_at: Option<i64>,
    pub ended_at: Option<i64>,
    pub last_used_at: Option<i64>,
    pub last_used_ip: Option<String>,
    /// Requests in each of the last 24 hours, oldest first.
    pub hours: Vec<i64>,
    /// Whether the viewer may revoke it now.
    pub may_revoke: bool,
}

/// What revoking a key would break.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Consequences {
    pub plate: KeyPlateInfo,
    pub requests_last_hour: i64,
    pub addresses_last_hour: i64,
    pub last_used_at: Option<i64>,
    /// Live keys are revoked by typing their label.
    pub asks_for_label: bool,
    /// It is in use, and this person may stop it instead.
    pub may_disable: bool,
}

/// The first request that a new key made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FirstCall {
    pub request_id: String,
    pub summary: String,
}
