//! The judge: a key, a request and a moment go in, a verdict comes out. Pure.
//!
//! The checks stand in one table, in the order in which they are made; the first that fails decides. What comes
//! before (is there a credential, is it known) and after (what is charged) needs the world and stands elsewhere.

use std::{net::IpAddr, ops::Deref, sync::Arc};

use serde::Serialize;

use super::{
    limit::{Bucket, Rates},
    scope::{self, Asked},
    verifier::Verifier,
};
use crate::{
    keys::{
        allow::{Guard, ListKind},
        terms::Limits,
    },
    server::clock::{Id, IdText, Millis},
};

/// A key as the cache keeps it: decoded, nothing to be parsed while judging. What many keys have alike they share.
#[derive(Clone, Debug)]
pub struct KeyRecord {
    pub id: Id,
    /// Which of the key's secrets this is, and when it stops working if another has replaced it.
    pub secret_id: Id,
    /// [`NEVER`] if none has.
    pub secret_ends_at: Millis,
    /// [`NEVER`] if it does not.
    pub expires_at: Millis,
    /// It waits for a second person's agreement.
    pub requested: bool,
    pub disabled: bool,
    pub revoked: bool,
    pub label: Box<str>,
    pub alike: Arc<Alike>,
    /// What its requests are charged to beside what those of others are.
    pub bucket: Option<Arc<Bucket>>,
    pub rare: Option<Box<Rare>>,
}

/// What a key has in common with others of its account.
#[derive(Clone, Debug)]
pub struct Alike {
    pub workspace_id: Arc<str>,
    pub workspace_suspended: bool,
    pub environment: Arc<str>,
    pub scopes: Arc<[String]>,
    /// From where it may be used; none if from anywhere.
    pub guard: Option<Arc<Guard>>,
    pub rates: Rates,
}

/// What few keys have.
#[derive(Clone, Debug, Default)]
pub struct Rare {
    pub meta: Vec<(String, String)>,
    /// What amounts it may move.
    pub limits: Limits,
    /// What the signatures of a pair are held against.
    pub verifier: Option<Verifier>,
}

/// Beyond all time.
pub const NEVER: Millis = Millis::MAX;

impl Deref for KeyRecord {
    type Target = Alike;
    fn deref(&self) -> &Alike {
        &self.alike
    }
}

/// Those of a key that has none.
static NO_LIMITS: Limits = Limits {
    kind: None,
    currency: None,
    max_amount: None,
    max_daily: None,
};

impl KeyRecord {
    pub fn id(&self) -> IdText {
        self.id.text(b"key")
    }

    pub fn expires_at(&self) -> Option<Millis> {
        Some(self.expires_at).filter(|at| *at != NEVER)
    }

    pub fn limits(&self) -> &Limits {
        self.rare.as_ref().map_or(&NO_LIMITS, |rare| &rare.limits)
    }

    pub fn meta(&self) -> &[(String, String)] {
        self.rare.as_ref().map_or(&[], |rare| &rare.meta)
    }

    pub fn verifier(&self) -> Option<&Verifier> {
        self.rare.as_ref()?.verifier.as_ref()
    }

    /// Whether it matters from where a request comes.
    pub fn binds(&self, kind: ListKind) -> bool {
        self.guard.as_ref().is_some_and(|guard| guard.binds(kind))
    }

    fn allows_ip(&self, ip: IpAddr) -> bool {
        self.guard.as_ref().is_none_or(|guard| guard.allows_ip(ip))
    }

    fn allows_host(&self, host: &str) -> bool {
        self.guard
            .as_ref()
            .is_none_or(|guard| guard.allows_host(host))
    }
}

/// What is known of the request. A fact that is absent cannot satisfy a restriction.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// The environment that the caller means to be in, if it says so.
    pub environment: Option<&'a str>,
    pub ip: Option<IpAddr>,
    /// The host that the request was made from, as [`crate::keys::allow::host_of_origin`] gives it.
    pub origin: Option<&'a str>,
    pub resource: Resource<'a>,
    pub needs: Needs<'a>,
}

/// Whose things the request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource<'a> {
    /// The key's own workspace's: the call has no place to name another.
    Own,
    /// Those of the workspace with this id.
    Of(&'a str),
    /// The call is about one workspace, and which is not known.
    Unknown,
}

/// What the request asks the key to be allowed.
#[derive(Clone, Debug)]
pub enum Needs<'a> {
    /// No scope: that the key is good is all that is asked.
    Nothing,
    Scope(&'a Asked),
    /// This one scope.
    One(&'a str),
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
    SignatureRequired,
    SignatureInvalid,
    TimestampSkew,
    NonceReplayed,
    PendingApproval,
    Disabled,
    Revoked,
    Expired,
    EnvironmentMismatch,
    WorkspaceSuspended,
    IpNotAllowed,
    OriginRequired,
    OriginNotAllowed,
    ResourceMismatch,
    InsufficientScope,
    CurrencyNotAllowed,
    TransactionLimitExceeded,
    DailyVolumeExceeded,
    RateLimited,
    UsageExceeded,
    BadRequest,
    AmbiguousCredential,
    Unavailable,
}

/// The name of success, where one is logged or answered.
pub const VALID: &str = "VALID";

impl Code {
    /// Every code, each at the place of its discriminant.
    pub const ALL: [Self; 26] = [
        Self::MissingCredential,
        Self::Malformed,
        Self::NotFound,
        Self::SignatureRequired,
        Self::SignatureInvalid,
        Self::TimestampSkew,
        Self::NonceReplayed,
        Self::PendingApproval,
        Self::Disabled,
        Self::Revoked,
        Self::Expired,
        Self::EnvironmentMismatch,
        Self::WorkspaceSuspended,
        Self::IpNotAllowed,
        Self::OriginRequired,
        Self::OriginNotAllowed,
        Self::ResourceMismatch,
        Self::InsufficientScope,
        Self::CurrencyNotAllowed,
        Self::TransactionLimitExceeded,
        Self::DailyVolumeExceeded,
        Self::RateLimited,
        Self::UsageExceeded,
        Self::BadRequest,
        Self::AmbiguousCredential,
        Self::Unavailable,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MissingCredential => "MISSING_CREDENTIAL",
            Self::Malformed => "MALFORMED",
            Self::NotFound => "NOT_FOUND",
            Self::SignatureRequired => "SIGNATURE_REQUIRED",
            Self::SignatureInvalid => "SIGNATURE_INVALID",
            Self::TimestampSkew => "TIMESTAMP_SKEW",
            Self::NonceReplayed => "NONCE_REPLAYED",
            Self::PendingApproval => "PENDING_APPROVAL",
            Self::Disabled => "DISABLED",
            Self::Revoked => "REVOKED",
            Self::Expired => "EXPIRED",
            Self::EnvironmentMismatch => "ENVIRONMENT_MISMATCH",
            Self::WorkspaceSuspended => "WORKSPACE_SUSPENDED",
            Self::IpNotAllowed => "IP_NOT_ALLOWED",
            Self::OriginRequired => "ORIGIN_REQUIRED",
            Self::OriginNotAllowed => "ORIGIN_NOT_ALLOWED",
            Self::ResourceMismatch => "RESOURCE_MISMATCH",
            Self::InsufficientScope => "INSUFFICIENT_SCOPE",
            Self::CurrencyNotAllowed => "CURRENCY_NOT_ALLOWED",
            Self::TransactionLimitExceeded => "TRANSACTION_LIMIT_EXCEEDED",
            Self::DailyVolumeExceeded => "DAILY_VOLUME_EXCEEDED",
            Self::RateLimited => "RATE_LIMITED",
            Self::UsageExceeded => "USAGE_EXCEEDED",
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
            | Self::SignatureRequired
            | Self::SignatureInvalid
            | Self::TimestampSkew
            | Self::NonceReplayed
            | Self::PendingApproval
            | Self::Disabled
            | Self::Revoked
            | Self::Expired => 401,
            Self::EnvironmentMismatch
            | Self::WorkspaceSuspended
            | Self::IpNotAllowed
            | Self::OriginRequired
            | Self::OriginNotAllowed
            | Self::ResourceMismatch
            | Self::InsufficientScope
            | Self::CurrencyNotAllowed
            | Self::TransactionLimitExceeded
            | Self::DailyVolumeExceeded => 403,
            Self::RateLimited | Self::UsageExceeded => 429,
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
            429 => "rate_limit_error",
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
        code: Code::PendingApproval,
        fails: |key, _, _| key.requested,
    },
    Check {
        code: Code::Disabled,
        fails: |key, _, _| key.disabled,
    },
    Check {
        code: Code::Revoked,
        fails: |key, _, now| key.revoked || key.secret_ends_at <= now,
    },
    Check {
        code: Code::Expired,
        fails: |key, _, now| key.expires_at <= now,
    },
    Check {
        code: Code::EnvironmentMismatch,
        fails: |key, facts, _| {
            facts
                .environment
                .is_some_and(|environment| environment != &*key.environment)
        },
    },
    Check {
        code: Code::WorkspaceSuspended,
        fails: |key, _, _| key.workspace_suspended,
    },
    Check {
        code: Code::IpNotAllowed,
        fails: |key, facts, _| {
            key.binds(ListKind::Ip) && !facts.ip.is_some_and(|ip| key.allows_ip(ip))
        },
    },
    Check {
        code: Code::OriginRequired,
        fails: |key, facts, _| key.binds(ListKind::Domain) && facts.origin.is_none(),
    },
    Check {
        code: Code::OriginNotAllowed,
        fails: |key, facts, _| {
            key.binds(ListKind::Domain) && !facts.origin.is_some_and(|host| key.allows_host(host))
        },
    },
    Check {
        code: Code::ResourceMismatch,
        fails: |key, facts, _| match facts.resource {
            Resource::Own => false,
            Resource::Of(workspace) => workspace != &*key.workspace_id,
            Resource::Unknown => true,
        },
    },
    Check {
        code: Code::InsufficientScope,
        fails: |key, facts, _| match facts.needs {
            Needs::Nothing => false,
            Needs::Scope(asked) => !asked.covered_by(&key.scopes),
            Needs::One(scope) => !scope::covered(scope, &key.scopes),
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

impl Step {
    pub const fn passed(check: Code) -> Self {
        Self { check, ok: true }
    }

    pub const fn failed(check: Code) -> Self {
        Self { check, ok: false }
    }
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

/// What is asked before a key's own state: whether there is a signature where one is needed, whether it holds, and its time.
pub const BEFORE: [Code; 3] = [
    Code::SignatureRequired,
    Code::SignatureInvalid,
    Code::TimestampSkew,
];
/// What is asked after the last check, since it takes something: a nonce, an amount, a request.
pub const AFTER: [Code; 6] = [
    Code::NonceReplayed,
    Code::CurrencyNotAllowed,
    Code::TransactionLimitExceeded,
    Code::DailyVolumeExceeded,
    Code::RateLimited,
    Code::UsageExceeded,
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::keys::allow::AllowEntry;

    fn key() -> KeyRecord {
        KeyRecord {
            id: Id::default(),
            secret_id: Id::default(),
            secret_ends_at: NEVER,
            expires_at: 100,
            requested: false,
            disabled: false,
            revoked: false,
            label: "POS".into(),
            alike: Arc::new(alike()),
            bucket: None,
            rare: None,
        }
    }

    fn alike() -> Alike {
        Alike {
            workspace_id: "wsp_1".into(),
            workspace_suspended: false,
            environment: "live".into(),
            scopes: ["customers:read".to_owned()].into(),
            guard: None,
            rates: Rates::default(),
        }
    }

    fn with(change: impl FnOnce(&mut Alike)) -> KeyRecord {
        let mut alike = alike();
        change(&mut alike);
        KeyRecord {
            alike: Arc::new(alike),
            ..key()
        }
    }

    fn bound(lists: &[(ListKind, &str)]) -> KeyRecord {
        let entries: Vec<AllowEntry> = lists
            .iter()
            .map(|(kind, value)| AllowEntry {
                kind: *kind,
                value: (*value).to_owned(),
                note: String::new(),
                added_by: "console".to_owned(),
                added_at: 0,
            })
            .collect();
        with(|alike| alike.guard = Some(Arc::new(Guard::from_entries(&entries))))
    }

    const NOTHING: Facts<'_> = Facts {
        environment: None,
        ip: None,
        origin: None,
        resource: Resource::Own,
        needs: Needs::Nothing,
    };

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_good_key_is_allowed_until_the_millisecond_of_its_expiry() {
        assert_eq!(judge(&key(), &NOTHING, 99), Verdict::Allowed);
        assert_eq!(judge(&key(), &NOTHING, 100), Verdict::Denied(Code::Expired));
    }

    #[test]
    fn a_call_that_no_rule_names_is_denied() {
        let facts = Facts {
            needs: Needs::Unruled,
            ..NOTHING
        };
        assert_eq!(
            judge(&key(), &facts, 0),
            Verdict::Denied(Code::InsufficientScope)
        );
    }

    #[test]
    fn a_bound_key_is_used_from_its_addresses_alone() {
        let key = bound(&[
            (ListKind::Ip, "203.0.113.0/24"),
            (ListKind::Ip, "2001:db8::1"),
        ]);
        let from = |ip| judge(&key, &Facts { ip, ..NOTHING }, 0);
        for good in ["203.0.113.9", "::ffff:203.0.113.9", "2001:db8::1"] {
            assert_eq!(from(Some(address(good))), Verdict::Allowed, "{good}");
        }
        assert_eq!(
            from(Some(address("203.0.114.9"))),
            Verdict::Denied(Code::IpNotAllowed)
        );
        assert_eq!(from(None), Verdict::Denied(Code::IpNotAllowed));
    }

    #[test]
    fn a_bound_key_needs_an_origin_and_the_right_one() {
        let key = bound(&[(ListKind::Domain, "*.example.com")]);
        let from = |origin| judge(&key, &Facts { origin, ..NOTHING }, 0);
        assert_eq!(from(Some("shop.example.com")), Verdict::Allowed);
        assert_eq!(
            from(Some("evil.example")),
            Verdict::Denied(Code::OriginNotAllowed)
        );
        assert_eq!(from(None), Verdict::Denied(Code::OriginRequired));
    }

    #[test]
    fn where_both_lists_are_set_both_must_pass() {
        let key = bound(&[
            (ListKind::Ip, "203.0.113.9"),
            (ListKind::Domain, "example.com"),
        ]);
        let from = |ip: &str, origin| {
            let facts = Facts {
                ip: Some(address(ip)),
                origin: Some(origin),
                ..NOTHING
            };
            judge(&key, &facts, 0)
        };
        assert_eq!(from("203.0.113.9", "example.com"), Verdict::Allowed);
        assert_eq!(
            from("203.0.113.8", "example.com"),
            Verdict::Denied(Code::IpNotAllowed)
        );
        assert_eq!(
            from("203.0.113.9", "evil.example"),
            Verdict::Denied(Code::OriginNotAllowed)
        );
        assert_eq!(
            from("203.0.113.8", "evil.example"),
            Verdict::Denied(Code::IpNotAllowed)
        );
    }

    #[test]
    fn a_key_acts_on_the_things_of_its_own_workspace() {
        for (resource, verdict) in [
            (Resource::Own, Verdict::Allowed),
            (Resource::Of("wsp_1"), Verdict::Allowed),
            (
                Resource::Of("wsp_2"),
                Verdict::Denied(Code::ResourceMismatch),
            ),
            (Resource::Of(""), Verdict::Denied(Code::ResourceMismatch)),
            (Resource::Unknown, Verdict::Denied(Code::ResourceMismatch)),
        ] {
            assert_eq!(
                judge(
                    &key(),
                    &Facts {
                        resource,
                        ..NOTHING
                    },
                    0
                ),
                verdict,
                "{resource:?}"
            );
        }
    }

    #[test]
    fn the_order_is_that_of_the_contract() {
        let codes: Vec<&str> = order().map(Code::as_str).collect();
        assert_eq!(
            codes,
            [
                "PENDING_APPROVAL",
                "DISABLED",
                "REVOKED",
                "EXPIRED",
                "ENVIRONMENT_MISMATCH",
                "WORKSPACE_SUSPENDED",
                "IP_NOT_ALLOWED",
                "ORIGIN_REQUIRED",
                "ORIGIN_NOT_ALLOWED",
                "RESOURCE_MISMATCH",
                "INSUFFICIENT_SCOPE"
            ]
        );
    }

    proptest! {
        /// Whatever else holds, each single reason to refuse suffices, and the earliest in the table is the one given.
        #[test]
        fn no_reason_to_refuse_is_ever_outweighed(fails in prop::array::uniform11(any::<bool>())) {
            let [requested, disabled, revoked, expired, elsewhere, suspended, far, silent, foreign, others, lacking] = fails;
            let mut key = bound(&[(ListKind::Ip, "203.0.113.9"), (ListKind::Domain, "example.com")]);
            key.requested = requested;
            key.disabled = disabled;
            key.revoked = revoked;
            key.expires_at = if expired { 0 } else { NEVER };
            Arc::make_mut(&mut key.alike).workspace_suspended = suspended;
            let asked = Asked::Scope(if lacking { "payments:write" } else { "customers:read" }.to_owned());
            let host = if foreign { "evil.example" } else { "example.com" };
            let facts = Facts {
                environment: Some(if elsewhere { "sandbox" } else { "live" }),
                ip: Some(address(if far { "203.0.113.8" } else { "203.0.113.9" })),
                origin: (!silent).then_some(host),
                resource: Resource::Of(if others { "wsp_2" } else { "wsp_1" }),
                needs: Needs::Scope(&asked),
            };
            let expected = fails
                .iter()
                .position(|fails| *fails)
                .map_or(Verdict::Allowed, |i| Verdict::Denied(CHECKS[i].code));
            prop_assert_eq!(judge(&key, &facts, 50), expected);
            let trace = trace(&key, &facts, 50);
            prop_assert_eq!(trace.iter().all(|step| step.ok), expected == Verdict::Allowed);
        }
    }
}
