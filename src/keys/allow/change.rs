//! What one form asks of a key's lists. Pure.

use super::{AllowEntry, Line, ListKind, parse_many};
use crate::server::clock::Millis;

/// One wish: entries to be added, or one to be taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// As it was typed.
    Add {
        kind: ListKind,
        text: String,
    },
    Remove {
        kind: ListKind,
        value: String,
    },
}

/// What comes of a wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wished {
    pub allow: Vec<AllowEntry>,
    /// Of what was typed, line by line.
    pub lines: Vec<Line>,
}

impl Wish {
    /// Reads the fields of a form.
    pub fn read(what: &str, kind: &str, text: &str) -> Option<Self> {
        let (kind, text) = (ListKind::parse(kind)?, text.to_owned());
        match what {
            "add" => Some(Self::Add { kind, text }),
            "remove" => Some(Self::Remove { kind, value: text }),
            _ => None,
        }
    }

    pub const fn kind(&self) -> ListKind {
        match self {
            Self::Add { kind, .. } | Self::Remove { kind, .. } => *kind,
        }
    }

    /// The lists as they would be: with every line that can be added, whatever stands in the others. A sentence if
    /// nothing comes of it.
    pub fn on(&self, entries: &[AllowEntry], by: &str, now: Millis) -> Result<Wished, String> {
        let mut allow = entries.to_vec();
        match self {
            Self::Add { kind, text } => {
                let lines = parse_many(*kind, text, entries)?;
                if lines.is_empty() {
                    return Err(format!("Write one {} to a line.", kind.word()));
                }
                let added = lines.iter().filter_map(|line| line.outcome.as_ref().ok());
                allow.extend(added.map(|entry| AllowEntry {
                    kind: *kind,
                    value: entry.value.clone(),
                    note: entry.note.clone(),
                    added_by: by.to_owned(),
                    added_at: now,
                }));
                Ok(Wished { allow, lines })
            }
            Self::Remove { kind, value } => {
                allow.retain(|entry| entry.kind != *kind || entry.value != *value);
                if allow.len() == entries.len() {
                    return Err(format!("That {} is not in the list any more.", kind.word()));
                }
                Ok(Wished {
                    allow,
                    lines: Vec::new(),
                })
            }
        }
    }
}
