//! What a key may be and who may end one. Pure: values in, values out.

use super::types::KeyState;
use crate::{
    accounts::Viewer,
    error::{FieldError, UiError, UiErrorKind},
    profiles::Profile,
    server::clock::Millis,
    workspaces::Role,
};

/// Who may look at keys, requests and counts.
pub const READERS: &[Role] = &[Role::Developer, Role::Checker, Role::Auditor, Role::Admin];

pub const MAX_LABEL: usize = 60;

/// A key that is asked for, every part of it checked.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct NewKey {
    pub environment: String,
    pub label: String,
    /// In the order of the catalogue, each once.
    pub scopes: Vec<String>,
    pub expires_at: Option<Millis>,
}

/// Checks what was asked for against the profile; says about each field what is wrong with it.
pub fn new_key(
    profile: &Profile,
    environment: &str,
    label: &str,
    scopes: &[String],
    expires_at: Option<Millis>,
) -> Result<NewKey, Vec<FieldError>> {
    let mut errors = Vec::new();
    let mut wrong = |field: &str, message: String| {
        errors.push(FieldError {
            field: field.to_owned(),
            message,
        });
    };
    if profile.environment(environment).is_none() {
        let words: Vec<&str> = profile.environments.iter().map(|e| e.id.as_str()).collect();
        wrong(
            "environment",
            format!("Choose an environment: {}.", words.join(" or ")),
        );
    }
    let label = label.trim();
    if label.is_empty() {
        wrong(
            "label",
            "Give the key a label, so that you know it again.".to_owned(),
        );
    } else if label.chars().count() > MAX_LABEL {
        wrong("label", format!("Use at most {MAX_LABEL} characters."));
    } else if label.chars().any(is_invisible) {
        wrong(
            "label",
            "Use letters, digits and punctuation; a control or invisible character is in it."
                .to_owned(),
        );
    }
    let unknown: Vec<&str> = scopes
        .iter()
        .map(String::as_str)
        .filter(|id| profile.scope(id).is_none())
        .collect();
    if scopes.is_empty() {
        wrong(
            "scopes",
            "Choose at least one scope; a key without any can do nothing.".to_owned(),
        );
    } else if let Some(first) = unknown.first() {
        wrong(
            "scopes",
            format!(
                "There is no scope \u{201c}{}\u{201d} here.",
                printable(first)
            ),
        );
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    Ok(NewKey {
        environment: environment.to_owned(),
        label: label.to_owned(),
        scopes: profile
            .scopes()
            .filter(|scope| scopes.contains(&scope.id))
            .map(|scope| scope.id.clone())
            .collect(),
        expires_at,
    })
}

/// Two labels that differ only in case or spacing would be taken for each other.
pub fn folded_label(label: &str) -> String {
    label
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .to_lowercase()
}

/// Characters that could make one label pass for another: controls, and marks that turn or hide text.
pub fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

fn printable(text: &str) -> String {
    text.chars()
        .take(40)
        .map(|c| if is_invisible(c) { '\u{fffd}' } else { c })
        .collect()
}

/// A key's state at a moment. What was revoked stays revoked, whatever its expiry.
pub fn state(revoked: bool, expires_at: Option<Millis>, now: Millis) -> KeyState {
    if revoked {
        KeyState::Revoked
    } else if expires_at.is_some_and(|at| at <= now) {
        KeyState::Expired
    } else {
        KeyState::Active
    }
}

/// Developers end their own keys; checkers and admins any of the workspace. An operator who acts in it is an admin and
/// no developer, and ends none.
pub fn may_revoke(viewer: &Viewer, owner_id: Option<&str>) -> bool {
    viewer.has(Role::Checker)
        || (viewer.has(Role::Developer)
            && (viewer.has(Role::Admin) || owner_id == Some(&viewer.user_id)))
}

/// What somebody is told who may not end this key.
pub fn not_yours() -> UiError {
    UiError::new(
        UiErrorKind::NotAllowed,
        "You can revoke keys of your own. Its owner, a checker or an admin can revoke this one.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(label: &str, scopes: &[&str]) -> Result<NewKey, Vec<FieldError>> {
        let profile = Profile::load("revkeen").expect("it loads");
        let scopes: Vec<String> = scopes.iter().map(|s| (*s).to_owned()).collect();
        new_key(&profile, "sandbox", label, &scopes, None)
    }

    #[test]
    fn scopes_are_kept_once_and_in_the_catalogues_order() {
        let key = check(
            " POS ",
            &["products:read", "customers:read", "products:read"],
        )
        .expect("sound");
        assert_eq!(key.label, "POS");
        assert_eq!(key.scopes, ["customers:read", "products:read"]);
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let profile = Profile::load("revkeen").expect("it loads");
        let errors = new_key(&profile, "mars", "", &[], None).expect_err("refused");
        let fields: Vec<&str> = errors.iter().map(|e| e.field.as_str()).collect();
        assert_eq!(fields, ["environment", "label", "scopes"]);
    }

    #[test]
    fn labels_that_deceive_are_refused() {
        for label in ["a\0b", "a\u{202e}b", "a\u{200b}b", "a\nb", &"x".repeat(61)] {
            assert!(check(label, &["customers:read"]).is_err(), "{label:?}");
        }
        assert!(check("Käse & Söhne – 東京 🗝", &["customers:read"]).is_ok());
    }

    #[test]
    fn a_revoked_key_never_reads_as_merely_expired() {
        assert_eq!(state(true, Some(1), 2), KeyState::Revoked);
        assert_eq!(state(false, Some(2), 2), KeyState::Expired);
        assert_eq!(state(false, Some(3), 2), KeyState::Active);
    }
}
