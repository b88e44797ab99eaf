//! The lists of addresses and domains that a key can be bound to. Pure.
//!
//! A list that is empty lets everything in. What stands in one is canonical: written in the one way that the same net
//! or name always has, so that two entries are equal if their texts are.

mod address;
mod change;
mod domain;
mod guard;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

pub use change::{Wish, Wished};
pub use domain::shown as shown_domain;
pub use guard::{DomainRule, Guard, host_of_origin};

use super::policy::is_invisible;
use crate::server::clock::Millis;

/// Entries of one kind that a key may have; a judge looks through all of them.
pub const MAX_ENTRIES: usize = 100;
/// Entries read of one text; more than a key may have, so that duplicates in a paste do not stand in the way.
pub const MAX_LINES: usize = 500;
/// Characters of a note: who or what is at that address.
pub const MAX_NOTE: usize = 100;
/// Characters of a line that are shown again beside what is wrong with it.
const MAX_SHOWN: usize = 120;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListKind {
    Ip,
    Domain,
}

impl ListKind {
    pub const ALL: [Self; 2] = [Self::Ip, Self::Domain];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Domain => "domain",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// One entry, in words.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ip => "address",
            Self::Domain => "domain",
        }
    }

    pub const fn words(self) -> &'static str {
        match self {
            Self::Ip => "addresses",
            Self::Domain => "domains",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllowEntry {
    pub kind: ListKind,
    /// Canonical, as [`parse`] gives it.
    pub value: String,
    pub note: String,
    /// A person's id, or `console`.
    pub added_by: String,
    pub added_at: Millis,
}

impl AllowEntry {
    /// The entry as people read it: a name in its own script.
    pub fn shown(&self) -> String {
        match self.kind {
            ListKind::Ip => self.value.clone(),
            ListKind::Domain => domain::shown(&self.value),
        }
    }
}

/// Both lists of a key, in the order in which their entries were added.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllowList(pub Vec<AllowEntry>);

impl AllowList {
    pub fn of(&self, kind: ListKind) -> impl Iterator<Item = &AllowEntry> {
        self.0.iter().filter(move |entry| entry.kind == kind)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As it is stored.
    pub fn to_json(&self) -> String {
        serde_json::json!(self).to_string()
    }

    pub fn from_json(text: &str) -> serde_json::Result<Self> {
        serde_json::from_str(text)
    }
}

/// Reads one entry. Gives it in its canonical form, or a sentence that says how to mend it.
pub fn parse(kind: ListKind, text: &str) -> Result<String, String> {
    match kind {
        ListKind::Ip => address::parse(text).map(address::canonical),
        ListKind::Domain => domain::parse(text),
    }
}

/// One entry of a text, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The line of the text that it stands in, from 1.
    pub number: usize,
    /// What was written, fit to be shown.
    pub text: String,
    pub outcome: Result<Allowed, String>,
}

/// An entry that can be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    pub value: String,
    pub note: String,
}

/// Reads many entries: one per line or between commas, each line with a note behind `#` if it has one. `present` is what
/// the key has already. A text that is too long is refused as a whole.
pub fn parse_many(kind: ListKind, text: &str, present: &[AllowEntry]) -> Result<Vec<Line>, String> {
    let written: Vec<Written<'_>> = text
        .lines()
        .enumerate()
        .flat_map(|(i, line)| entries_of(i + 1, line))
        .take(MAX_LINES + 1)
        .collect();
    if written.len() > MAX_LINES {
        return Err(format!(
            "At most {MAX_LINES} {} are read at once; nothing of this text was taken.",
            kind.words()
        ));
    }
    let listed: Vec<&str> = present
        .iter()
        .filter(|entry| entry.kind == kind)
        .map(|entry| entry.value.as_str())
        .collect();
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut room = MAX_ENTRIES.saturating_sub(listed.len());
    let lines = written
        .into_iter()
        .map(|written| {
            let mut judge = || {
                let value = parse(kind, written.value)?;
                let note = note(written.note)?;
                if listed.contains(&value.as_str()) {
                    return Err(format!("{value} is in the list already."));
                }
                if let Some(line) = seen.get(&value) {
                    return Err(format!("{value} stands in line {line} already."));
                }
                seen.insert(value.clone(), written.number);
                room = room
                    .checked_sub(1)
                    .ok_or_else(|| format!("A key has at most {MAX_ENTRIES} {}.", kind.words()))?;
                Ok(Allowed { value, note })
            };
            Line {
                number: written.number,
                outcome: judge(),
                text: shown(written.value),
            }
        })
        .collect();
    Ok(lines)
}

struct Written<'a> {
    number: usize,
    value: &'a str,
    note: &'a str,
}

/// The entries of a line, which share its note. A line of nothing but a note has none.
fn entries_of(number: usize, line: &str) -> impl Iterator<Item = Written<'_>> {
    let (values, note) = line.split_once('#').unwrap_or((line, ""));
    values
        .split(',')
        .map(str::trim)
        .filter(|value| !value.is_empty())
        .map(move |value| Written {
            number,
            value,
            note,
        })
}

fn note(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.chars().count() > MAX_NOTE {
        Err(format!("Shorten the note to {MAX_NOTE} characters."))
    } else if text.chars().any(is_invisible) {
        Err("Write the note without control characters; an invisible one is in it.".to_owned())
    } else if text.contains('#') {
        Err("Give each entry that has a note a line of its own; a note has no # in it.".to_owned())
    } else {
        Ok(text.to_owned())
    }
}

/// Text from outside as it may stand in a message.
fn shown(text: &str) -> String {
    text.chars()
        .take(MAX_SHOWN)
        .map(|c| if is_invisible(c) { '\u{fffd}' } else { c })
        .collect()
}

/// Whether everything that the list `after` lets in, `before` let in too: such a change needs nobody's agreement.
pub fn covered(before: &[AllowEntry], after: &[AllowEntry], kind: ListKind) -> bool {
    Guard::from_entries(before).covers(&Guard::from_entries(after), kind)
}
