//! The audit record as a page shows it.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuditRow {
    pub seq: i64,
    /// Unix milliseconds.
    pub at: i64,
    /// The person's name while it may be known, else their id.
    pub actor: String,
    pub action: String,
    /// What was done, in words.
    pub summary: String,
    /// The id of what it was done to.
    pub target: String,
    /// The first bytes of the entry's hash, in hex.
    pub hash: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuditPage {
    pub rows: Vec<AuditRow>,
    /// Where the older entries begin, if there are any.
    pub older: Option<i64>,
    /// Number and hash of the chain's last entry.
    pub head: Option<(i64, String)>,
}
