//! What a changed profile means for keys that are there already.
//!
//! A key keeps the environment, the scopes and the end that it was made with: it never gains anything by another profile,
//! but it can lose the use of a scope, or be what could not be made today. That is said before anything is served.

use std::collections::BTreeMap;

use super::Profile;
use crate::server::clock::{DAY, Millis};

/// Lines of a refusal; whoever has more concerned keys than this looks for the cause, not for each key.
const SHOWN: usize = 20;

/// A key that can be used, as it was made.
#[derive(Clone, Debug)]
pub struct StandingKey {
    pub id: String,
    pub label: String,
    pub workspace_id: String,
    pub environment: String,
    pub scopes: Vec<String>,
    pub expires_at: Option<Millis>,
    pub created_at: Millis,
}

/// A line for each key that the profile would not allow as it is, and for each workspace with too many.
pub fn concerned(profile: &Profile, keys: &[StandingKey]) -> Vec<String> {
    let mut lines: Vec<String> = keys
        .iter()
        .filter_map(|key| {
            let reasons: Vec<String> = [gone_environment, gone_scopes, long_life]
                .into_iter()
                .filter_map(|reason| reason(profile, key))
                .collect();
            let StandingKey {
                id,
                label,
                workspace_id,
                ..
            } = key;
            (!reasons.is_empty())
                .then(|| format!("{id} {label:?} in {workspace_id}: {}", reasons.join("; ")))
        })
        .collect();
    lines.extend(crowded(profile, keys));
    lines
}

/// The whole refusal, with the first of the lines.
pub fn refusal(profile: &Profile, concerned: &[String]) -> String {
    let mut lines = vec![format!(
        "the profile {} is not the one that these keys were made under:",
        profile.id
    )];
    lines.extend(concerned.iter().take(SHOWN).map(|line| format!("  {line}")));
    if concerned.len() > SHOWN {
        lines.push(format!("  and {} more", concerned.len() - SHOWN));
    }
    lines.push(
        "They stay as they are. Start with --accept-profile-changes to go on, or put the profile back."
            .to_owned(),
    );
    lines.join("\n")
}

fn gone_environment(profile: &Profile, key: &StandingKey) -> Option<String> {
    let gone = profile.environment(&key.environment).is_none();
    gone.then(|| format!("there is no environment {} any more", key.environment))
}

fn gone_scopes(profile: &Profile, key: &StandingKey) -> Option<String> {
    let gone: Vec<&str> = key
        .scopes
        .iter()
        .filter(|id| profile.scope(id).is_none())
        .map(String::as_str)
        .collect();
    let word = if gone.len() == 1 { "scope" } else { "scopes" };
    (!gone.is_empty()).then(|| format!("no more {word} {}", gone.join(", ")))
}

fn long_life(profile: &Profile, key: &StandingKey) -> Option<String> {
    let rule = profile.expiry;
    match (key.expires_at, rule.max_days) {
        (None, _) if rule.never => None,
        (None, _) => Some("it never expires, and every key has to".to_owned()),
        (Some(at), Some(max)) if at - key.created_at > i64::from(max) * DAY => {
            let days = (at - key.created_at) / DAY;
            Some(format!(
                "it was made for {days} days, and {max} are the most"
            ))
        }
        (Some(_), _) => None,
    }
}

fn crowded(profile: &Profile, keys: &[StandingKey]) -> Vec<String> {
    let Some(max) = profile.max_active_keys else {
        return Vec::new();
    };
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for key in keys {
        *counts.entry(&key.workspace_id).or_default() += 1;
    }
    counts
        .into_iter()
        .filter(|(_, count)| u32::try_from(*count).map_or(true, |count| count > max))
        .map(|(workspace, count)| {
            format!("{workspace} has {count} keys, and {max} are the most; it can make no other")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(scopes: &[&str], days: Option<i64>) -> StandingKey {
        StandingKey {
            id: "key_1".to_owned(),
            label: "POS".to_owned(),
            workspace_id: "wsp_1".to_owned(),
            environment: "live".to_owned(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            expires_at: days.map(|days| 7 + days * DAY),
            created_at: 7,
        }
    }

    fn profile(name: &str) -> Profile {
        Profile::load(name).expect("it loads")
    }

    #[test]
    fn keys_that_could_be_made_today_are_not_concerned() {
        let wallet = profile("universal-wallet");
        let keys = [
            key(&["balance:read"], Some(365)),
            key(&["operations:write"], Some(730)),
        ];
        assert_eq!(concerned(&wallet, &keys), Vec::<String>::new());
        assert!(concerned(&profile("revkeen"), &[key(&["customers:read"], None)]).is_empty());
    }

    #[test]
    fn each_concerned_key_is_named_with_all_that_is_wrong() {
        let mut strange = key(&["balance:read", "a:x", "b:x"], Some(731));
        strange.environment = "sandbox".to_owned();
        let keys = [strange, key(&["balance:read"], None)];
        assert_eq!(
            concerned(&profile("universal-wallet"), &keys),
            [
                "key_1 \"POS\" in wsp_1: there is no environment sandbox any more; no more scopes a:x, b:x; \
                 it was made for 731 days, and 730 are the most",
                "key_1 \"POS\" in wsp_1: it never expires, and every key has to",
            ]
        );
    }

    #[test]
    fn a_workspace_with_too_many_keys_is_named_once() {
        let reseller = profile("reseller-v2");
        let mut keys = vec![key(&["*"], None); 10];
        assert!(concerned(&reseller, &keys).is_empty());
        keys.push(key(&["*"], None));
        let lines = concerned(&reseller, &keys);
        assert_eq!(
            lines,
            ["wsp_1 has 11 keys, and 10 are the most; it can make no other"]
        );
    }

    #[test]
    fn a_refusal_shows_twenty_and_counts_the_rest() {
        let lines: Vec<String> = (1..=23).map(|n| format!("key_{n}")).collect();
        let text = refusal(&profile("revkeen"), &lines);
        assert!(text.contains("\n  key_20\n  and 3 more\n"), "{text}");
        assert!(text.contains("--accept-profile-changes"), "{text}");
        assert!(!refusal(&profile("revkeen"), &lines[..20]).contains("more\n"));
    }
}
