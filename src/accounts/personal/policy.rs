//! What closing an account means for each workspace and its keys. Pure: values in, values out.

use serde::Serialize;

use crate::{
    keys::policy::is_invisible,
    server::clock::Millis,
    workspaces::{Grants, Role},
};

const MAX_NAME: usize = 100;

/// What becomes of the keys that a person owns where they leave others behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeysChoice {
    HandOver,
    Revoke,
}

impl KeysChoice {
    pub const ALL: [Self; 2] = [Self::HandOver, Self::Revoke];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HandOver => "hand_over",
            Self::Revoke => "revoke",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|choice| choice.as_str() == text)
    }
}

/// What happens to a workspace when one of its members closes their account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It goes on without them; their keys can go to this member.
    Left { heir: Option<String> },
    /// They were its only member: its keys are revoked and it is closed.
    Closed,
    /// They are its last owner and others are members: somebody has to own it first.
    Blocked,
}

/// Judges by the members, the one who joined first at the head.
pub fn fate(user_id: &str, members: &[(String, Grants)], now: Millis) -> Fate {
    let holds = |grants: &Grants, role| grants.at(now).include(role);
    let others: Vec<_> = members.iter().filter(|(id, _)| id != user_id).collect();
    if others.is_empty() {
        return Fate::Closed;
    }
    let first_with = |role| {
        others
            .iter()
            .find(|(_, grants)| holds(grants, role))
            .map(|(id, _)| id.clone())
    };
    let owner = first_with(Role::Owner);
    let owns = members
        .iter()
        .any(|(id, grants)| id == user_id && grants.get(Role::Owner).is_some());
    if owns && owner.is_none() {
        return Fate::Blocked;
    }
    Fate::Left {
        heir: owner.or_else(|| first_with(Role::Admin)),
    }
}

/// A person's name as it is kept, or why it cannot be.
pub fn name(text: &str) -> Result<String, String> {
    let name = text.trim();
    if name.is_empty() {
        return Err("Type the name that others see.".to_owned());
    }
    if name.chars().count() > MAX_NAME {
        return Err(format!("Use at most {MAX_NAME} characters."));
    }
    if name.chars().any(is_invisible) {
        return Err(
            "Use letters, digits and punctuation; a control or invisible character is in it."
                .to_owned(),
        );
    }
    Ok(name.to_owned())
}

/// The text with every mention of `name` replaced, where it stands as words of its own: "Al" is not in "Also".
pub fn without(text: &str, name: &str, replacement: &str) -> String {
    if name.is_empty() {
        return text.to_owned();
    }
    let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(name) {
        let (before, found) = rest.split_at(at);
        let after = &found[name.len()..];
        let stands_alone = !is_word(before.chars().next_back()) && !is_word(after.chars().next());
        kept.push_str(before);
        kept.push_str(if stands_alone { replacement } else { name });
        rest = after;
    }
    kept.push_str(rest);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(roles: &[(&str, &str)]) -> Vec<(String, Grants)> {
        roles
            .iter()
            .map(|(id, roles)| ((*id).to_owned(), roles.parse().expect("roles")))
            .collect()
    }

    #[test]
    fn the_last_owner_cannot_leave_others_behind() {
        let heir = |id: &str| Fate::Left {
            heir: Some(id.to_owned()),
        };
        let judged = |roles| fate("me", &members(roles), 100);
        assert_eq!(judged(&[("me", "owner")]), Fate::Closed);
        assert_eq!(judged(&[("me", "developer")]), Fate::Closed);
        assert_eq!(judged(&[("me", "owner"), ("you", "admin")]), Fate::Blocked);
        assert_eq!(
            judged(&[("me", "owner"), ("you", "owner@50")]),
            Fate::Blocked,
            "an ownership that ran out is none"
        );
        assert_eq!(
            judged(&[("me", "owner"), ("a", "admin"), ("b", "owner")]),
            heir("b")
        );
        assert_eq!(
            judged(&[("me", "developer"), ("a", "admin"), ("b", "owner")]),
            heir("b")
        );
        assert_eq!(judged(&[("me", "developer"), ("a", "admin")]), heir("a"));
        assert_eq!(
            judged(&[("me", "developer"), ("a", "checker")]),
            Fate::Left { heir: None }
        );
    }

    #[test]
    fn a_name_is_taken_out_where_it_stands_alone() {
        assert_eq!(
            without("Al asked. Also: Al.", "Al", "Former member"),
            "Former member asked. Also: Former member."
        );
        assert_eq!(
            without("\u{201c}Ada Ö\u{201d} left", "Ada Ö", "X"),
            "\u{201c}X\u{201d} left"
        );
        assert_eq!(without("ÖAda", "Ada", "X"), "ÖAda");
        assert_eq!(without("text", "", "X"), "text");
    }

    #[test]
    fn a_name_has_letters_that_can_be_seen() {
        assert_eq!(name("  Ada Lindqvist ").as_deref(), Ok("Ada Lindqvist"));
        for text in ["", "   ", "a\0b", "Ada\u{202e}", &"x".repeat(101)] {
            assert!(name(text).is_err(), "{text:?}");
        }
    }
}
