//! Every type of event: Latchkey's own, and the platform's as its profile lists them.

use std::sync::{LazyLock, OnceLock};

use jsonschema::Validator;
use serde::{Deserialize, Deserializer, de};
use serde_json::{Value, json};

use super::outbox::EventType;
use crate::profiles::Profile;

/// A type of event, with the shape of its `data`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventKind {
    /// `thing.happened`
    pub id: String,
    /// One line: when it is sent.
    pub about: String,
    /// What it is listed under.
    pub group: String,
    /// JSON Schema of `data`; written as JSON in the profile.
    #[serde(deserialize_with = "json")]
    pub schema: Value,
    /// A `data` as it could be.
    #[serde(deserialize_with = "json")]
    pub example: Value,
    /// Whether the platform sends it, by `POST /v1/events`.
    #[serde(skip, default = "yes")]
    pub of_platform: bool,
    #[serde(skip)]
    compiled: OnceLock<Validator>,
}

fn yes() -> bool {
    true
}

fn json<'de, D: Deserializer<'de>>(from: D) -> Result<Value, D::Error> {
    let text = String::deserialize(from)?;
    serde_json::from_str(&text).map_err(|error| de::Error::custom(format!("no JSON: {error}")))
}

impl EventKind {
    /// What is wrong with the schema itself.
    pub fn check_schema(&self) -> Result<(), String> {
        self.validator().map(|_| ())
    }

    /// What is wrong with `data`, and where in it.
    pub fn check(&self, data: &Value) -> Result<(), String> {
        self.validator()?.validate(data).map_err(|error| {
            let at = error.instance_path().to_string();
            // The message quotes what it refuses, which may be long.
            let what: String = error.to_string().chars().take(200).collect();
            if at.is_empty() {
                what
            } else {
                format!("{at}: {what}")
            }
        })
    }

    fn validator(&self) -> Result<&Validator, String> {
        if let Some(compiled) = self.compiled.get() {
            return Ok(compiled);
        }
        let compiled = jsonschema::validator_for(&self.schema).map_err(|e| e.to_string())?;
        Ok(self.compiled.get_or_init(|| compiled))
    }
}

/// All types: the platform's, then Latchkey's own.
pub fn all(profile: &Profile) -> impl Iterator<Item = &EventKind> {
    profile.events.iter().chain(OWN.iter())
}

pub fn find<'a>(profile: &'a Profile, id: &str) -> Option<&'a EventKind> {
    all(profile).find(|kind| kind.id == id)
}

/// Whether Latchkey itself sends events of this type; no platform may.
pub fn is_own(id: &str) -> bool {
    OWN.iter().any(|kind| kind.id == id)
}

/// What a type is called: words of lower-case letters, digits, - and _, with points between.
pub fn is_name(id: &str) -> bool {
    id.len() <= 64
        && id.contains('.')
        && id.split('.').all(|word| {
            !word.is_empty()
                && word.bytes().all(|byte| {
                    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte)
                })
        })
}

static OWN: LazyLock<Vec<EventKind>> =
    LazyLock::new(|| EventType::ALL.into_iter().map(own).collect());

/// The kind, with its properties as (name, schema, example); the others of its group come first. All are required but those
/// whose name ends in `?`.
fn own(event: EventType) -> EventKind {
    let text = || json!({ "type": "string" });
    let maybe_time = || json!({ "type": ["string", "null"], "format": "date-time" });
    let key = || {
        vec![
            ("key_id", text(), json!("key_01jd3v7k2m8q5x9wz4r6t0c1ba")),
            ("label", text(), json!("Order import")),
            ("environment", text(), json!("live")),
        ]
    };
    let asked = || {
        let kinds = json!({ "enum": ["new_key", "change_key", "enable_key"] });
        let mut fields = vec![(
            "approval_id",
            text(),
            json!("apr_01jd3v7k2m8q5x9wz4r6t0c1bc"),
        )];
        fields.extend(key());
        fields.push(("kind", kinds, json!("new_key")));
        fields
    };
    let with = |mut fields: Vec<_>, more: Vec<_>| {
        fields.extend(more);
        fields
    };
    let scopes = || json!({ "type": "array", "items": { "type": "string" } });
    let (group, about, fields) = match event {
        EventType::KeyRequested => (
            "Keys",
            "Somebody asked for a key, or for more for one",
            asked(),
        ),
        EventType::KeyApproved => ("Keys", "A second person agreed to what was asked", asked()),
        EventType::KeyRejected => ("Keys", "A second person refused what was asked", asked()),
        EventType::KeyCreated => (
            "Keys",
            "A key was made and can be used",
            with(
                key(),
                vec![
                    ("scopes", scopes(), json!(["balance:read"])),
                    ("expires_at", maybe_time(), json!("2027-01-31T00:00:00Z")),
                ],
            ),
        ),
        EventType::KeyUpdated => (
            "Keys",
            "A key was changed; what is new of scopes and metadata is named",
            with(
                key(),
                vec![
                    ("scopes?", scopes(), json!(["balance:read"])),
                    (
                        "meta?",
                        json!({ "type": "object" }),
                        json!({ "team": "billing" }),
                    ),
                ],
            ),
        ),
        EventType::KeyRotated => (
            "Keys",
            "A key was given a new secret",
            with(
                key(),
                vec![(
                    "old_secret_ends_at",
                    maybe_time(),
                    json!("2026-11-30T12:00:00Z"),
                )],
            ),
        ),
        EventType::KeyDisabled => (
            "Keys",
            "A key was stopped; it can be turned on again",
            key(),
        ),
        EventType::KeyRevoked => ("Keys", "A key was ended for good", key()),
        EventType::KeyExpiring => (
            "Keys",
            "A key expires soon",
            with(
                key(),
                vec![
                    (
                        "expires_at",
                        json!({ "type": "string", "format": "date-time" }),
                        json!("2026-12-07T00:00:00Z"),
                    ),
                    ("days", json!({ "type": "integer" }), json!(7)),
                ],
            ),
        ),
        EventType::KeyExpired => ("Keys", "A key expired", key()),
        EventType::KeyLimitReached => (
            "Keys",
            "A call was refused since the key has moved as much as it may on a day; sent once a day",
            with(
                key(),
                vec![
                    (
                        "limit",
                        json!({ "const": "daily_volume" }),
                        json!("daily_volume"),
                    ),
                    ("currency", text(), json!("USD")),
                    (
                        "max_daily_volume",
                        json!({ "type": "integer" }),
                        json!(500_000),
                    ),
                    ("resets_at", maybe_time(), json!("2026-11-30T00:00:00Z")),
                ],
            ),
        ),
        EventType::WebhookDisabled => (
            "Webhooks",
            "An endpoint was switched off: it failed for five days, or answered 410 Gone",
            vec![
                (
                    "endpoint_id",
                    text(),
                    json!("whe_01jd3v7k2m8q5x9wz4r6t0c1bd"),
                ),
                ("environment", text(), json!("live")),
                ("origin", text(), json!("https://example.com")),
                (
                    "reason",
                    json!({ "enum": ["failed", "gone"] }),
                    json!("failed"),
                ),
            ],
        ),
        EventType::WebhookTest => (
            "Webhooks",
            "Sent by hand, to see whether an endpoint works",
            vec![
                (
                    "endpoint_id",
                    text(),
                    json!("whe_01jd3v7k2m8q5x9wz4r6t0c1bd"),
                ),
                ("message", text(), json!("This is a test.")),
            ],
        ),
        EventType::MemberAdded => (
            "Workspace",
            "Somebody joined the workspace",
            vec![
                ("user_id", text(), json!("usr_01jd3v7k2m8q5x9wz4r6t0c1be")),
                ("roles", text(), json!("developer")),
            ],
        ),
        EventType::PlanApproved => (
            "Workspace",
            "A plan that was asked for is in force",
            vec![
                (
                    "request_id",
                    text(),
                    json!("plr_01jd3v7k2m8q5x9wz4r6t0c1bf"),
                ),
                ("tier", text(), json!("business")),
            ],
        ),
    };
    let required: Vec<&str> = fields
        .iter()
        .map(|(name, _, _)| *name)
        .filter(|name| !name.ends_with('?'))
        .collect();
    let named = |field: fn(&(&str, Value, Value)) -> Value| -> serde_json::Map<String, Value> {
        fields
            .iter()
            .map(|all| (all.0.trim_end_matches('?').to_owned(), field(all)))
            .collect()
    };
    EventKind {
        id: event.as_str().to_owned(),
        about: about.to_owned(),
        group: group.to_owned(),
        schema: json!({
            "type": "object",
            "required": required,
            "properties": named(|(_, schema, _)| schema.clone()),
        }),
        example: named(|(_, _, example)| example.clone()).into(),
        of_platform: false,
        compiled: OnceLock::new(),
    }
}

/// Holds what operations really send against what is said of it.
#[cfg(test)]
pub fn assert_fits(event: EventType, data: &Value) {
    let kind = OWN
        .iter()
        .find(|kind| kind.id == event.as_str())
        .expect("every own type is in the catalogue");
    if let Err(wrong) = kind.check(data) {
        panic!("{}: {wrong}: {data}", kind.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_own_type_has_a_name_and_an_example_that_fits() {
        for kind in OWN.iter() {
            assert!(is_name(&kind.id) && !kind.of_platform, "{}", kind.id);
            assert_eq!(kind.check(&kind.example), Ok(()), "{}", kind.id);
        }
        assert!(OWN[0].check(&json!({})).is_err());
    }

    #[test]
    fn what_is_wrong_with_data_is_said_with_its_place() {
        let profile = Profile::load("revkeen").expect("it loads");
        let kind = find(&profile, "balance.changed").expect("every profile has it");
        let mut data = kind.example.clone();
        data["balance"] = json!("12.50");
        let wrong = kind.check(&data).expect_err("no number");
        assert!(wrong.starts_with("/balance: "), "{wrong}");
    }

    #[test]
    fn names_of_types_are_words_with_points() {
        for good in ["a.b", "transaction.completed", "vtu.cable_paid.v2"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", ".", "a", "a.", ".b", "a..b", "A.b", "a b.c", "a.*", "*"] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
