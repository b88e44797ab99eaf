//! Requests and counts as pages show them.

use serde::{Deserialize, Serialize};

use crate::keys::types::KeyPlateInfo;

/// What the overview says about one environment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Overview {
    pub active_keys: i64,
    pub requests_24h: i64,
    pub denied_24h: i64,
    pub requests_before: i64,
    /// Requests allowed and denied in each of the last 24 hours, oldest first.
    pub hours: Vec<HourCount>,
    /// Most frequent reasons to deny in the last 24 hours.
    pub denials: Vec<(String, i64)>,
    pub recent: Vec<RequestSummary>,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct HourCount {
    /// Unix milliseconds at which the hour begins.
    pub at: i64,
    pub allowed: i64,
    pub denied: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RequestSummary {
    pub id: String,
    pub at: i64,
    pub code: String,
    pub allowed: bool,
    pub status: i64,
    /// `GET /v2/customers`, or what verify was asked.
    pub what: String,
    pub key: KeyPlateInfo,
    pub ip: Option<String>,
    pub latency_us: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RequestPage {
    pub rows: Vec<RequestSummary>,
    pub older: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RequestDetail {
    pub summary: RequestSummary,
    pub door: String,
    pub scope: Option<String>,
    pub agent: Option<String>,
    /// The amount that it named, in words, and under which reservation it was moved.
    pub amount: Option<String>,
    pub reservation: Option<String>,
    /// Scopes of the key, for saying what it lacked.
    pub granted: Vec<String>,
    /// Every check of the judge in its order: code, and whether it passed, if it was made.
    pub trace: Vec<(String, Option<bool>)>,
    /// The same code for the same key in the last 24 hours.
    pub alike_24h: i64,
}

/// What a list of requests is narrowed to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestFilter {
    pub key: Option<String>,
    pub code: Option<String>,
    /// `allowed` or `denied`.
    pub outcome: Option<String>,
    pub ip: Option<String>,
}

impl RequestFilter {
    /// Without what cannot match anything: empty values, and such with NUL, which no stored text holds.
    #[must_use]
    pub fn clean(self) -> Self {
        let clean = |value: Option<String>| {
            value.filter(|text| !text.trim().is_empty() && !text.contains('\0'))
        };
        Self {
            key: clean(self.key),
            code: clean(self.code),
            outcome: clean(self.outcome),
            ip: clean(self.ip),
        }
    }
}
