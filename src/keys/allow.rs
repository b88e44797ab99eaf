//! The lists of addresses and domains that a key can be bound to.

use serde::{Deserialize, Serialize};

use crate::server::clock::Millis;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListKind {
    Ip,
    Domain,
}

/// One entry of a list, in its canonical form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllowEntry {
    pub kind: ListKind,
    pub value: String,
    pub note: String,
    /// Id of a person, or the console.
    pub added_by: String,
    pub added_at: Millis,
}

/// Whether everything that `after` lets in, `before` let in too. An empty list lets everything in.
pub fn covered(before: &[AllowEntry], after: &[AllowEntry], kind: ListKind) -> bool {
    let of = |list: &[AllowEntry]| -> Vec<String> {
        list.iter()
            .filter(|entry| entry.kind == kind)
            .map(|entry| entry.value.clone())
            .collect()
    };
    let (before, after) = (of(before), of(after));
    before.is_empty() || (!after.is_empty() && after.iter().all(|value| before.contains(value)))
}

/// One line of what was pasted: the value and its note, or what is wrong with it.
pub struct Line {
    pub number: usize,
    pub text: String,
    pub outcome: Result<(String, String), String>,
}

pub fn parse_many(_kind: ListKind, _text: &str, _present: &[AllowEntry]) -> Vec<Line> {
    Vec::new()
}
