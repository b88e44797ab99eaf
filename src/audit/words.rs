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
        "session.started" if detail["with"] == "passkey" => "Signed in with a passkey".to_owned(),
        "session.started" => "Signed in".to_owned(),
        "session.ended" => "Signed out".to_owned(),
        "passkey.added" => "Added a passkey".to_owned(),
        "passkey.removed" => "Removed a passkey".to_owned(),
        "pin.set" => "Set a new PIN".to_owned(),
        "step_up.failed" => format!("Wrong {} when asked to confirm", text("factor")),
        "member.added" => format!("Added a member as {}", text("roles").replace(',', ", ")),
        "workspace.created" => format!("Created the workspace \u{201c}{}\u{201d}", text("name")),
        other => other.replace(['.', '_'], " "),
    }
}
