//! What an entry says, in words that a person reads.

use serde_json::Value;

use super::{
    chain::{CONSOLE, ITSELF, Kept},
    types::AuditRow,
};
use crate::{
    ui::time::count,
    workspaces::{Grants, policy},
};

/// The entry for a list. `names` are of the workspace's people, by id.
pub fn row(entry: &Kept, names: &[(String, String)]) -> AuditRow {
    let actor = if entry.actor == CONSOLE {
        "Operator at the console".to_owned()
    } else if entry.actor == ITSELF {
        "Latchkey".to_owned()
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
        "key.requested" => format!(
            "Asked for the {} key \u{201c}{}\u{201d} with {scopes} {}",
            text("environment_word"),
            text("label"),
            if scopes == 1 { "scope" } else { "scopes" },
        ),
        "key.revealed" => format!("Had the secret of \u{201c}{}\u{201d} made", text("label")),
        "key.rotated" => match detail["overlap_hours"].as_u64() {
            Some(hours) if hours > 0 => format!(
                "Gave the key \u{201c}{}\u{201d} a new secret; the old one works for {hours} h more",
                text("label")
            ),
            _ => format!(
                "Gave the key \u{201c}{}\u{201d} a new secret; the old one stopped at once",
                text("label")
            ),
        },
        "key.old_secret_stopped" => {
            format!(
                "Stopped the old secret of \u{201c}{}\u{201d}",
                text("label")
            )
        }
        "key.updated" => match detail["widened"].as_array() {
            Some(widened) if !widened.is_empty() => format!(
                "Changed the key \u{201c}{}\u{201d}: {}",
                text("label"),
                widened
                    .iter()
                    .filter_map(Value::as_str)
                    .collect::<Vec<_>>()
                    .join(", ")
                    .to_lowercase()
            ),
            Some(_) => format!("Narrowed the key \u{201c}{}\u{201d}", text("label")),
            None => format!(
                "Changed the label or purpose of \u{201c}{}\u{201d}",
                text("label")
            ),
        },
        "key.meta_changed" => format!("Changed the metadata of \u{201c}{}\u{201d}", text("label")),
        "key.disabled" if detail["by"] == "operator" => {
            format!(
                "Stopped the key \u{201c}{}\u{201d} as operator",
                text("label")
            )
        }
        "key.disabled" => format!("Stopped the key \u{201c}{}\u{201d}", text("label")),
        "key.enabled" => format!("Turned the key \u{201c}{}\u{201d} on again", text("label")),
        "key.withdrawn" => format!("Withdrew the key \u{201c}{}\u{201d}", text("label")),
        "key.hidden" => format!(
            "Deleted the ended key \u{201c}{}\u{201d} from the lists",
            text("label")
        ),
        "key.lapsed" => format!(
            "\u{201c}{}\u{201d} lapsed: nobody acted in time",
            text("label")
        ),
        "key.expired" => format!("The key \u{201c}{}\u{201d} expired", text("label")),
        "key.expiring" => format!(
            "Reminded of the end of \u{201c}{}\u{201d}, {} ahead",
            text("label"),
            count(detail["days"].as_u64().unwrap_or(0), "day", "days")
        ),
        "keys.all_revoked" => format!("Revoked every key of the workspace: {}", detail["keys"]),
        "approval.asked" => format!("Asked for agreement: {}", asked(&detail)),
        "approval.approved" if detail["own"] == true => format!(
            "Approved their own request, being alone: {}; \u{201c}{}\u{201d}",
            asked(&detail),
            text("reason")
        ),
        "approval.approved" => format!("Approved: {}", asked(&detail)),
        "approval.rejected" => format!(
            "Rejected: {}; \u{201c}{}\u{201d}",
            asked(&detail),
            text("reason")
        ),
        "approval.withdrawn" => format!("Withdrew the request: {}", asked(&detail)),
        "approval.taken_back" => format!("Took the approval back: {}", asked(&detail)),
        "approval.reminded" => format!("Reminded of the request: {}", asked(&detail)),
        "approval.lapsed" => format!("The request lapsed: {}", asked(&detail)),
        "approval.void" => format!("The request became void: {}", asked(&detail)),
        "workspace.approval_changed" => "Changed the rules for approval".to_owned(),
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
        "passkey.added" => "Added a passkey".to_owned(),
        "passkey.removed" => "Removed a passkey".to_owned(),
        "pin.set" => "Set a new PIN".to_owned(),
        "step_up.failed" => format!("Wrong {} when asked to confirm", text("factor")),
        "notices.chosen" => "Chose where to be told what".to_owned(),
        "member.added" if detail["invitation"].is_string() => {
            format!("Joined by invitation, as {}", roles(&text("roles")))
        }
        "member.added" => format!("Added a member as {}", roles(&text("roles"))),
        "member.invited" => format!("Invited somebody as {}", roles(&text("roles"))),
        "invitation.renewed" => "Sent an invitation again, with a new link".to_owned(),
        "invitation.withdrawn" => "Withdrew an invitation".to_owned(),
        "member.roles_changed" => format!(
            "Changed the roles of a member from {} to {}",
            roles(&text("before")),
            roles(&text("after"))
        ),
        "member.removed" => format!("Removed a member, {}", with_keys(&detail)),
        "member.left" if detail["keys"].is_u64() => {
            format!("Left the workspace, {}", with_keys(&detail))
        }
        "member.left" => "Left the workspace".to_owned(),
        "workspace.renamed" => format!(
            "Renamed the workspace from \u{201c}{}\u{201d} to \u{201c}{}\u{201d}",
            text("before"),
            text("after")
        ),
        "workspace.second_factor" if detail["required"] == true => {
            "Made a second factor a condition for members".to_owned()
        }
        "workspace.second_factor" => "No longer requires a second factor of members".to_owned(),
        "ownership.offered" => "Offered the ownership of the workspace to a member".to_owned(),
        "ownership.accepted" => "Accepted the ownership of the workspace".to_owned(),
        "ownership.declined" => "Declined the ownership of the workspace".to_owned(),
        "ownership.withdrawn" => "Withdrew the offer of ownership".to_owned(),
        "workspace.created" => format!("Created the workspace \u{201c}{}\u{201d}", text("name")),
        "session.revoked" => match detail["count"].as_u64() {
            Some(1) | None => "Ended one of their sessions".to_owned(),
            Some(count) => format!("Ended {count} of their sessions"),
        },
        "account.renamed" => "Changed their name".to_owned(),
        "account.closed" => "Closed their account".to_owned(),
        "data.exported" => "Downloaded their personal data".to_owned(),
        "key.handed_over" => format!("Handed over the key \u{201c}{}\u{201d}", text("label")),
        "workspace.closed" => "Closed the workspace".to_owned(),
        "operator.acting_started" => format!(
            "Began to act here as operator: \u{201c}{}\u{201d}",
            text("reason")
        ),
        "operator.acting_ended" => "Stopped acting here as operator".to_owned(),
        "factors.reset" => "Reset a member\u{2019}s second factors".to_owned(),
        "workspace.suspended" => {
            format!(
                "Suspended the workspace: \u{201c}{}\u{201d}",
                text("reason")
            )
        }
        "workspace.restored" => {
            format!("Lifted the suspension: \u{201c}{}\u{201d}", text("reason"))
        }
        "cli_token.created" => {
            format!(
                "Made the command line token \u{201c}{}\u{201d}",
                text("name")
            )
        }
        "cli_token.revoked" => format!(
            "Revoked the command line token \u{201c}{}\u{201d}",
            text("name")
        ),
        "webhook.triggered" => format!("Sent a test event {}", text("type")),
        "webhook.created" => format!("Set up the endpoint {}", text("origin")),
        "webhook.updated" if text("before") != text("origin") => {
            format!(
                "Moved an endpoint from {} to {}",
                text("before"),
                text("origin")
            )
        }
        "webhook.updated" => format!(
            "Changed the endpoint {}: {}",
            text("origin"),
            list(&detail["changed"])
        ),
        "webhook.secret_rotated" => format!(
            "Gave the endpoint {} a new secret; the old one signs for a day more",
            text("origin")
        ),
        "webhook.enabled" => format!("Turned the endpoint {} on", text("origin")),
        "webhook.disabled" => format!("Turned the endpoint {} off", text("origin")),
        "webhook.removed" => format!("Removed the endpoint {}", text("origin")),
        "webhook.tested" => format!("Sent {} as a test to {}", text("type"), text("origin")),
        "webhook.replayed" => format!("Sent {} to {} again", text("type"), text("origin")),
        "webhook.replay_started" => format!(
            "Began to send {} to {} again",
            count(
                detail["deliveries"].as_u64().unwrap_or(0),
                "missed event",
                "missed events"
            ),
            text("origin")
        ),
        "webhook.replay_stopped" => format!("Stopped sending again to {}", text("origin")),
        "webhook.switched_off" if detail["reason"] == "gone" => {
            format!(
                "Switched off the webhook to {}: it answered 410",
                text("origin")
            )
        }
        "webhook.switched_off" => {
            format!(
                "Switched off the webhook to {}: it failed for five days",
                text("origin")
            )
        }
        "plan.requested" => format!("Requested the plan {}", text("name")),
        "plan.withdrawn" => format!("Withdrew the request for the plan {}", text("name")),
        "plan.approved" => format!("Approved the plan {}", text("name")),
        "plan.declined" => format!(
            "Declined the plan {}: \u{201c}{}\u{201d}",
            text("name"),
            text("reason")
        ),
        other => other.replace(['.', '_'], " "),
    }
}

/// Words with commas between.
fn list(words: &Value) -> String {
    let words: Vec<&str> = words
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    if words.is_empty() {
        "nothing".to_owned()
    } else {
        words.join(", ")
    }
}

/// What a request is about.
fn asked(detail: &Value) -> String {
    let title = detail["title"].as_str().unwrap_or("?");
    match detail["kind"].as_str() {
        Some("new_key") => format!("new key \u{201c}{title}\u{201d}"),
        Some("change_key") => format!("more for \u{201c}{title}\u{201d}"),
        Some("enable_key") => format!("turning \u{201c}{title}\u{201d} on again"),
        Some("give_role") => "the role of checker for a member".to_owned(),
        Some("invite") => "inviting a checker".to_owned(),
        Some("loosen_policy") => "looser rules for approval".to_owned(),
        _ => title.to_owned(),
    }
}

/// Stored roles as a person reads them.
fn roles(stored: &str) -> String {
    stored
        .parse::<Grants>()
        .map_or_else(|_| stored.to_owned(), |grants| policy::in_words(&grants))
}

fn with_keys(detail: &Value) -> String {
    match detail["keys"].as_u64().unwrap_or(0) {
        0 => "who had no key".to_owned(),
        1 => "handing over 1 key".to_owned(),
        keys => format!("handing over {keys} keys"),
    }
}
