//! The judge: a key, a request and a moment go in, a verdict comes out. Pure.
//!
//! The checks stand in one table, in the order in which they are made; the first that fails decides. What comes
//! before (is there a credential, is it known) and after (what is charged) needs the world and stands elsewhere.

use serde::Serialize;

use super::scope::Asked;
use crate::server::clock::Millis;

/// A key as the cache keeps it: decoded, nothing to be parsed while judging.
#[derive(Clone, Debug)]
pub struct KeyRecord {
    pub id: String,
    pub workspace_id: String,
    pub environment: String,
    pub label: String,
    pub scopes: Vec<String>,
    pub revoked: bool,
    pub expires_at: Option<Millis>,
    pub workspace_suspended: bool,
}

/// What is known of the request. A fact that is absent cannot satisfy a restriction.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// The environment that the caller means to be in, if it says so.
    pub environment: Option<&'a str>,
    pub needs: Needs<'a>,
}

/// What the request asks the key to be allowed.
#[derive(Clone, Debug)]
pub enum Needs<'a> {
    /// No scope: that the key is good is all that is asked.
    Nothing,
    Scope(&'a Asked),
    /// A call that no rule of the profile names; nothing covers it.
    Unruled,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Allowed,
    Denied(Code),
}

/// Every outcome but success, by its name towards the outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Code {
    MissingCredential,
    Malformed,
    NotFound,
    Revoked,
    Expired,
    EnvironmentMismatch,
    WorkspaceSuspended,
    InsufficientScope,
    BadRequest,
    AmbiguousCredential,
    Unavailable,
}

/// The name of success, where one is logged or answered.
pub const VALID: &str = "VALID";

impl Code {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MissingCredential => "MISSING_CREDENTIAL",
            Self::Malformed => "MALFORMED",
            Self::NotFound => "NOT_FOUND",
            Self::Revoked => "REVOKED",
            Self::Expired => "EXPIRED",
            Self::EnvironmentMismatch => "ENVIRONMENT_MISMATCH",
            Self::WorkspaceSuspended => "WORKSPACE_SUSPENDED",
            Self::InsufficientScope => "INSUFFICIENT_SCOPE",
            Self::BadRequest => "BAD_REQUEST",
            Self::AmbiguousCredential => "AMBIGUOUS_CREDENTIAL",
            Self::Unavailable => "UNAVAILABLE",
        }
    }

    pub const fn status(self) -> u16 {
        match self {
            Self::MissingCredential
            | Self::Malformed
            | Self::NotFound
            | Self::Revoked
            | Self::Expired => 401,
            Self::EnvironmentMismatch | Self::WorkspaceSuspended | Self::InsufficientScope => 403,
            Self::BadRequest | Self::AmbiguousCredential => 400,
            Self::Unavailable => 503,
        }
    }

    /// The `type` of typed error bodies.
    pub const fn error_type(self) -> &'static str {
        match self.status() {
            401 => "authentication_error",
            403 => "permission_error",
            400 => "invalid_request_error",
            _ => "api_error",
        }
    }
}

impl Verdict {
    pub const fn code(self) -> &'static str {
        match self {
            Self::Allowed => VALID,
            Self::Denied(code) => code.as_str(),
        }
    }
}

/// One check: its code if it fails, and whether it does.
struct Check {
    code: Code,
    fails: fn(&KeyRecord, &Facts<'_>, Millis) -> bool,
}

const CHECKS: &[Check] = &[
    Check {
        code: Code::Revoked,
        fails: |key, _, _| key.revoked,
    },
    Check {
        code: Code::Expired,
        fails: |key, _, now| key.expires_at.is_some_and(|at| at <= now),
    },
    Check {
        code: Code::EnvironmentMismatch,
        fails: |key, facts, _| {
            facts
                .environment
                .is_some_and(|environment| environment != key.environment)
        },
    },
    Check {
        code: Code::WorkspaceSuspended,
        fails: |key, _, _| key.workspace_suspended,
    },
    Check {
        code: Code::InsufficientScope,
        fails: |key, facts, _| match facts.needs {
            Needs::Nothing => false,
            Needs::Scope(asked) => !asked.covered_by(&key.scopes),
            Needs::Unruled => true,
        },
    },
];

pub fn judge(key: &KeyRecord, facts: &Facts<'_>, now: Millis) -> Verdict {
    CHECKS
        .iter()
        .find(|check| (check.fails)(key, facts, now))
        .map_or(Verdict::Allowed, |check| Verdict::Denied(check.code))
}

/// One line of the way to a verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    pub check: Code,
    pub ok: bool,
}

/// The checks that were made, in order; the last is the one that decided, if any failed.
pub fn trace(key: &KeyRecord, facts: &Facts<'_>, now: Millis) -> Vec<Step> {
    let mut steps = Vec::with_capacity(CHECKS.len());
    for check in CHECKS {
        let ok = !(check.fails)(key, facts, now);
        steps.push(Step {
            check: check.code,
            ok,
        });
        if !ok {
            break;
        }
    }
    steps
}

/// Every check's code in the judge's order, for a page that shows which were passed and which not reached.
pub fn order() -> impl Iterator<Item = Code> {
    CHECKS.iter().map(|check| check.code)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> KeyRecord {
        KeyRecord {
            id: "key_1".to_owned(),
            workspace_id: "wsp_1".to_owned(),
            environment: "live".to_owned(),
            label: "POS".to_owned(),
            scopes: vec!["customers:read".to_owned()],
            revoked: false,
            expires_at: Some(100),
            workspace_suspended: false,
        }
    }

    const NOTHING: Facts<'_> = Facts {
        environment: None,
        needs: Needs::Nothing,
    };

    #[test]
    fn a_good_key_is_allowed_until_the_millisecond_of_its_expiry() {
        assert_eq!(judge(&key(), &NOTHING, 99), Verdict::Allowed);
        assert_eq!(judge(&key(), &NOTHING, 100), Verdict::Denied(Code::Expired));
    }

    #[test]
    fn a_call_that_no_rule_names_is_denied() {
        let facts = Facts {
            environment: None,
            needs: Needs::Unruled,
        };
        assert_eq!(
            judge(&key(), &facts, 0),
            Verdict::Denied(Code::InsufficientScope)
        );
    }

    #[test]
    fn the_order_is_that_of_the_contract() {
        let codes: Vec<&str> = order().map(Code::as_str).collect();
        assert_eq!(
            codes,
            [
                "REVOKED",
                "EXPIRED",
                "ENVIRONMENT_MISMATCH",
                "WORKSPACE_SUSPENDED",
                "INSUFFICIENT_SCOPE"
            ]
        );
    }

    proptest! {
        /// Whatever else holds, each single reason to refuse suffices, and the earliest in the table is the one given.
        #[test]
        fn no_reason_to_refuse_is_ever_outweighed(revoked: bool, expired: bool, elsewhere: bool, suspended: bool, lacking: bool) {
            let mut key = key();
            key.revoked = revoked;
            key.expires_at = expired.then_some(0);
            key.workspace_suspended = suspended;
            let asked = Asked::Scope(if lacking { "payments:write" } else { "customers:read" }.to_owned());
            let facts = Facts {
                environment: Some(if elsewhere { "sandbox" } else { "live" }),
                needs: Needs::Scope(&asked),
            };
            let expected = [revoked, expired, elsewhere, suspended, lacking]
                .iter()
                .position(|fails| *fails)
                .map_or(Verdict::Allowed, |i| Verdict::Denied(CHECKS[i].code));
            prop_assert_eq!(judge(&key, &facts, 50), expected);
            let trace = trace(&key, &facts, 50);
            prop_assert_eq!(trace.iter().all(|step| step.ok), expected == Verdict::Allowed);
        }
    }
}
