//! A profile makes Latchkey one platform: its words, prefixes, scopes, error bodies and rules, as data.
//!
//! Nothing about a platform stands in code. A profile is read and checked once, at start.

use std::collections::{HashMap, HashSet};

use axum::http::{HeaderName, Method};
use serde::{Deserialize, Deserializer, de};

use crate::accounts::{Factor, step_up::Action};

const BUILT_IN: &[(&str, &str)] = &[("revkeen", include_str!("revkeen.toml"))];

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    pub id: String,
    /// The platform's name, as its customers know it.
    pub name: String,
    pub error_body: ErrorBody,
    pub credential: CredentialPlaces,
    pub environments: Vec<Environment>,
    pub step_up: StepUpFactors,
    pub groups: Vec<ScopeGroup>,
    #[serde(default)]
    pub presets: Vec<Preset>,
    pub rules: Vec<Rule>,
    pub first_call: Rule,
}

/// The shape of the gateway's error bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorBody {
    /// `{"error":{"type","code","message","request_id"}}`
    Typed,
}

/// Where a key may stand in a request.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialPlaces {
    #[serde(deserialize_with = "header_names")]
    pub headers: Vec<HeaderName>,
    /// `Authorization: Bearer <key>` (RFC 6750 §2.1).
    pub bearer: bool,
}

impl CredentialPlaces {
    /// The places in words, for a message.
    pub fn in_words(&self) -> String {
        let mut places: Vec<String> = self
            .headers
            .iter()
            .map(|name| format!("the {name} header"))
            .collect();
        if self.bearer {
            places.push("Authorization: Bearer".to_owned());
        }
        places.join(" or ")
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    pub id: String,
    /// What the portal calls it.
    pub word: String,
    /// What its keys begin with.
    pub prefix: String,
    /// Whether real things happen in it.
    pub live: bool,
    pub about: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepUpFactors {
    /// For every action that is not named below.
    otherwise: Vec<Factor>,
    #[serde(default)]
    actions: HashMap<Action, Vec<Factor>>,
}

impl StepUpFactors {
    pub fn factors(&self, action: Action) -> &[Factor] {
        self.actions.get(&action).unwrap_or(&self.otherwise)
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScopeGroup {
    pub name: String,
    pub scopes: Vec<Scope>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    pub id: String,
    /// One line: what it allows.
    pub about: String,
    /// For the sentence "May *read customers*".
    pub verb: String,
    pub noun: String,
    #[serde(default)]
    pub flags: Vec<ScopeFlag>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScopeFlag {
    MovesMoney,
    PersonalData,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    pub name: String,
    pub scopes: Vec<String>,
}

/// The scope that a method on a path needs.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    #[serde(deserialize_with = "method")]
    pub method: Method,
    pub path: String,
    pub scope: String,
}

impl Profile {
    /// Reads the built-in profile of that name. The error says what is wrong and, in a file, in which line.
    pub fn load(name: &str) -> Result<Self, String> {
        let (_, text) = BUILT_IN
            .iter()
            .find(|(built_in, _)| *built_in == name)
            .ok_or_else(|| {
                let names: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
                format!(
                    "LATCHKEY_PROFILE={name}: not available in this version; it has {}",
                    names.join(", ")
                )
            })?;
        Self::parse(text).map_err(|error| format!("profile {name}: {error}"))
    }

    /// Reads a profile's text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let profile: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        profile.check()?;
        Ok(profile)
    }

    fn check(&self) -> Result<(), String> {
        let mut seen = HashSet::new();
        for scope in self.scopes() {
            if !seen.insert(scope.id.as_str()) {
                return Err(format!("scope {} stands in it twice", scope.id));
            }
        }
        if self.environments.is_empty() {
            return Err("it needs at least one environment".to_owned());
        }
        for (i, environment) in self.environments.iter().enumerate() {
            for other in &self.environments[i + 1..] {
                if environment.id == other.id || environment.prefix == other.prefix {
                    return Err(format!(
                        "environments {} and {} share an id or a prefix",
                        environment.id, other.id
                    ));
                }
            }
        }
        let named = self
            .presets
            .iter()
            .flat_map(|preset| &preset.scopes)
            .chain(self.rules.iter().map(|rule| &rule.scope))
            .chain([&self.first_call.scope]);
        for scope in named {
            if !seen.contains(scope.as_str()) {
                return Err(format!("scope {scope} is used but not in the catalogue"));
            }
        }
        if self.step_up.otherwise.is_empty() || self.step_up.otherwise == [Factor::Pin] {
            return Err("step_up.otherwise needs a factor that is more than a PIN".to_owned());
        }
        if self.step_up.actions.values().any(Vec::is_empty) {
            return Err("an action of step_up.actions names no factor".to_owned());
        }
        Ok(())
    }

    pub fn scopes(&self) -> impl Iterator<Item = &Scope> {
        self.groups.iter().flat_map(|group| &group.scopes)
    }

    pub fn scope(&self, id: &str) -> Option<&Scope> {
        self.scopes().find(|scope| scope.id == id)
    }

    pub fn environment(&self, id: &str) -> Option<&Environment> {
        self.environments
            .iter()
            .find(|environment| environment.id == id)
    }

    /// The scope that a request needs; none if no rule names it.
    pub fn scope_for(&self, method: &Method, path: &str) -> Option<&str> {
        self.rules
            .iter()
            .find(|rule| rule.method == *method && rule.path == path)
            .map(|rule| rule.scope.as_str())
    }
}

fn method<'de, D: Deserializer<'de>>(from: D) -> Result<Method, D::Error> {
    String::deserialize(from)?
        .parse()
        .map_err(de::Error::custom)
}

fn header_names<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<HeaderName>, D::Error> {
    Vec::<String>::deserialize(from)?
        .into_iter()
        .map(|name| name.parse().map_err(de::Error::custom))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_profile_is_sound() {
        for (name, _) in BUILT_IN {
            let profile = Profile::load(name).expect("it loads");
            assert_eq!(profile.id, *name);
        }
    }

    #[test]
    fn revkeen_has_the_sixteen_scopes_of_its_page() {
        let profile = Profile::load("revkeen").expect("it loads");
        let mut ids: Vec<&str> = profile.scopes().map(|scope| scope.id.as_str()).collect();
        ids.sort_unstable();
        let mut page = [
            "customers:read",
            "customers:write",
            "products:read",
            "products:write",
            "subscriptions:read",
            "subscriptions:write",
            "invoices:read",
            "invoices:write",
            "webhooks:read",
            "webhooks:write",
            "checkout:write",
            "payments:read",
            "payments:write",
            "finance:read",
            "settings:read",
            "settings:write",
        ];
        page.sort_unstable();
        assert_eq!(ids, page);
    }

    #[test]
    fn an_unknown_scope_in_a_rule_is_refused_by_name() {
        let text = BUILT_IN[0]
            .1
            .replace("scope = \"customers:read\"", "scope = \"customers:raed\"");
        let error = Profile::parse(&text).expect_err("refused");
        assert!(error.contains("customers:raed"), "{error}");
    }

    #[test]
    fn factors_of_step_up_are_checked() {
        let with = |line: &str| {
            BUILT_IN[0]
                .1
                .replace("otherwise = [\"password\", \"totp\", \"passkey\"]", line)
        };
        assert!(Profile::parse(&with("otherwise = [\"password\"]")).is_ok());
        for line in [
            "otherwise = []",
            "otherwise = [\"pin\"]",
            "otherwise = [\"fax\"]",
            "",
        ] {
            assert!(Profile::parse(&with(line)).is_err(), "{line}");
        }
        let text = BUILT_IN[0].1.replace("create_key =", "create_kay =");
        assert!(
            Profile::parse(&text)
                .expect_err("refused")
                .contains("create_kay")
        );
    }

    #[test]
    fn an_unknown_field_is_refused_with_its_line() {
        let text = format!("colour = \"red\"\n{}", BUILT_IN[0].1);
        let error = Profile::parse(&text).expect_err("refused");
        assert!(
            error.contains("line 1") && error.contains("colour"),
            "{error}"
        );
    }
}
