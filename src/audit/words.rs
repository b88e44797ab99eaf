//! What an entry says, in words that a person reads.

use serde_json::Value;

use super::{
    chain::{CONSOLE, Kept},
    types::AuditRow,
};

/// The entry for a list. `names` are of the workspace's people, by id.
pub fn row(entry: &Kept, names: &[(String, String)]) -> AuditRow {
    let actor = if entry.actor == CONSOLE {
        "Operator at the console".to_owned()
    } else {
        names
            .iter()
            .find(|(id, _)| *id == entry.actor)
            .map_or_else(|| entry.actor.clone(), |(_, name)| name.clone())
    };
    AuditRow {
        seq: entry.seq,
        at: entry.at,
        actor,
        action: entry.action.clone(),
        summary: summary(&entry.action, &entry.detail),
        target: entry.target.clone(),
        hash: hex::encode(&entry.hash[..4.min(entry.hash.len())]),
    }
}

fn summary(action: &str, detail: &str) -> String {
    let detail: Value = serde_json::from_str(detail).unwrap_or_default();
    let text = |name: &str| detail[name].as_str().unwrap_or("?").to_owned();
    let scopes = detail["scopes"].as_array().map_or(0, Vec::len);
    match action {
        "key.created" => format!(
            "Created the {} key \u{201c}{}\u{201d} with {scopes} {}",
            text("environment_word"),
            text("label"),
            if scopes == 1 { "scope" } else { "scopes" },
        ),
        "key.revoked" => format!("Revoked the key \u{201c}{}\u{201d}", text("label")),
        "session.started" => match detail["with"].as_str() {
            Some("passkey") => "Signed in with a passkey".to_owned(),
            Some("totp") => "Signed in with password and code".to_owned(),
            Some("recovery_code") => "Signed in with password and a recovery code".to_owned(),
            _ => "Signed in".to_owned(),
        },
        "password.changed" => "Changed their password".to_owned(),
        "password.reset" => "Chose a new password by mail".to_owned(),
        "address.change_asked" => "Asked to change their address".to_owned(),
        "address.change_confirmed" => "Confirmed a change of address from one mailbox".to_owned(),
        "address.changed" => "Changed their address".to_owned(),
        "totp.added" => "Set up an authenticator".to_owned(),
        "totp.replaced" => "Replaced their authenticator".to_owned(),
        "totp.removed" => "Removed their authenticator".to_owned(),
        "recovery_codes.renewed" => "Made new recovery codes".to_owned(),
        "second_factor.failed" => "Wrong code after the right password".to_owned(),
        "session.ended" => "Signed out".to_owned(),
        "pin.set" => "Set a new PIN".to_owned(),
        "step_up.failed" => format!("Wrong {} when asked to confirm", text("factor")),
        "notices.chosen" => "Chose where to be told what".to_owned(),
        "member.added" => format!("Added a member as {}", text("roles").replace(',', ", ")),
        "workspace.created" => format!("Created the workspace \u{201c}{}\u{201d}", text("name")),
        "session.revoked" => match detail["count"].as_u64() {
            Some(1) | None => "Ended one of their sessions".to_owned(),
            Some(count) => format!("Ended {count} of their sessions"),
        },
        "account.renamed" => "Changed their name".to_owned(),
        "account.closed" => "Closed their account".to_owned(),
        "data.exported" => "Downloaded their personal data".to_owned(),
        "key.handed_over" => format!("Handed over the key \u{201c}{}\u{201d}", text("label")),
        "member.left" => "Left the workspace".to_owned(),
        "workspace.closed" => "Closed the workspace".to_owned(),
        other => other.replace(['.', '_'], " "),
    }
}
