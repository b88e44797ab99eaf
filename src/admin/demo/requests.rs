//! A month of requests, busier by day than by night. The same for the same key label, so that screenshots are alike.

use sha2::{Digest, Sha256};

use super::{
    samples::Sample,
    story::{SUSPENDED, suspension},
};
use crate::{
    gateway::judge::{Code, VALID},
    keys::{
        store::{KeyRow, SecretRow},
        types::KeyState,
    },
    profiles::Profile,
    server::{
        clock::{DAY, HOUR, Id, MINUTE, Millis},
        state::AppState,
    },
    usage::buffer::{Door, RequestRow},
};

/// Days of requests.
const DAYS: i64 = 30;
/// While two secrets work, one of them is used so often.
const BESIDE: Millis = 7 * MINUTE;

/// What called with a key, and how that came out.
pub struct Traffic<'a> {
    pub state: &'a AppState,
    pub sample: &'a Sample,
    pub key: &'a KeyRow,
    /// The newest first.
    pub secrets: &'a [SecretRow],
    pub disabled_at: Option<Millis>,
    pub now: Millis,
}

impl Traffic<'_> {
    pub fn rows(&self) -> Vec<RequestRow> {
        let (now, sample) = (self.now, self.sample);
        let Some(from) = self.key.revealed_at else {
            return Vec::new();
        };
        let mut rows = Vec::new();
        for day in (0..DAYS.min((now - from) / DAY)).rev() {
            for number in 0..sample.daily {
                let dice = Sha256::digest(format!("{}/{day}/{number}", sample.label));
                let hour = [9, 10, 10, 11, 12, 13, 14, 14, 15, 16, 17, 19, 22, 3]
                    [usize::from(dice[0]) % 14];
                let at = (now - day * DAY) / DAY * DAY
                    + hour * HOUR
                    + i64::from(dice[1]) * 14_000
                    + i64::from(dice[2]) * 37;
                if (from..now - MINUTE).contains(&at) {
                    rows.extend(self.row(at, &dice));
                }
            }
        }
        rows.extend(self.beside());
        rows.sort_by_key(|row| row.at);
        rows
    }

    /// Calls since the key has a new secret, by some that have taken it over and some that have not.
    fn beside(&self) -> impl Iterator<Item = RequestRow> {
        let replaced = self
            .secrets
            .iter()
            .filter(|secret| secret.ends_at.is_some_and(|at| at > self.now))
            .find_map(|secret| secret.replaced_at);
        let first = replaced.map_or(self.now, |at| at + MINUTE);
        std::iter::successors(Some(first), |at| Some(at + BESIDE))
            .take_while(|at| *at < self.now - MINUTE)
            .filter_map(move |at| {
                let dice = Sha256::digest(format!("{}/{}", self.sample.label, at - first));
                self.row(at, &dice)
            })
    }

    fn row(&self, at: Millis, dice: &[u8]) -> Option<RequestRow> {
        let (key, profile) = (self.key, &self.state.profile);
        let over = |end: Option<Millis>| end.is_some_and(|end| at > end);
        let revoked = key.stored_state() == KeyState::Revoked && over(key.ended_at);
        let (expired, disabled) = (over(key.expires_at), over(self.disabled_at));
        // Few go on calling with a dead key.
        if (revoked || expired || disabled) && dice[3] > 90 {
            return None;
        }
        let verify = dice[4] > 215;
        let bound = !key.allow().is_empty();
        let suspended = suspension(self.now);
        let denied = match () {
            () if disabled => Some(Code::Disabled),
            () if revoked => Some(Code::Revoked),
            () if expired => Some(Code::Expired),
            () if (suspended..suspended + SUSPENDED).contains(&at) => {
                Some(Code::WorkspaceSuspended)
            }
            () if verify && dice[5] > 240 => Some(Code::EnvironmentMismatch),
            () if bound && dice[9] < 9 => Some(Code::IpNotAllowed),
            () if bound && profile.allow.domains && dice[9] < 15 => Some(Code::OriginRequired),
            () if bound && profile.allow.domains && dice[9] < 21 => Some(Code::OriginNotAllowed),
            () if bound && verify && dice[9] < 60 => Some(Code::ResourceMismatch),
            () if dice[5] < 9 => Some(Code::InsufficientScope),
            () => None,
        };
        let held = key.terms().scopes;
        let scope = if denied == Some(Code::InsufficientScope) {
            self.sample.lacking(profile, &held)
        } else {
            held.get(usize::from(dice[6]) % held.len().max(1))
                .map(String::as_str)
        };
        let (method, path) = call(profile, scope, &key.workspace_id);
        // Addresses that are reserved for documentation (RFC 5737).
        let ip = match denied {
            Some(Code::IpNotAllowed) => "192.0.2.44".to_owned(),
            _ => format!("203.0.113.{}", 7 + dice[7] % 2),
        };
        Some(RequestRow {
            id: self.state.rng.short_id(at),
            workspace_id: key.workspace_id.as_str().into(),
            environment: key.environment.as_str().into(),
            key_id: Id::parse(&key.id, b"key")?,
            secret_id: self
                .secret(at, dice)
                .and_then(|secret| Id::parse(&secret.id, b"sec")),
            at,
            door: if verify { Door::Verify } else { Door::Gateway },
            code: denied.map_or(VALID, Code::as_str),
            status: denied.map_or(200, Code::status),
            method: (!verify).then(|| method.into()),
            path: (!verify).then(|| path.into()),
            scope: scope.map(Into::into),
            ip: Some(ip.into()),
            agent: Some("harbor-pos/4.2".into()),
            latency_us: 180 + i64::from(dice[8]) * 3,
            moved: None,
        })
    }

    /// The secret that a call carried: the newest there was, or for half of the callers the one before while it works.
    fn secret(&self, at: Millis, dice: &[u8]) -> Option<&SecretRow> {
        let mut there = self
            .secrets
            .iter()
            .filter(|secret| secret.created_at <= at && secret.ends_at.is_none_or(|end| at < end));
        let newest = there.next();
        match there.next() {
            Some(before) if dice[10].is_multiple_of(2) => Some(before),
            _ => newest,
        }
    }
}

/// A call that needs this scope: one that the profile's rules name, or one beside them.
fn call(profile: &Profile, scope: Option<&str>, workspace_id: &str) -> (String, String) {
    let rule = profile
        .rules
        .iter()
        .find(|rule| scope == Some(rule.scope.as_str()));
    let named = rule.unwrap_or(&profile.first_call);
    let path = named
        .path
        .replace("{workspace}", workspace_id)
        .replace("{id}", "4f1c9a02b7d35e68");
    let scope = scope.and_then(|id| profile.scope(id));
    match (rule, scope) {
        (None, Some(scope)) => {
            let resource = scope.id.split(':').next().unwrap_or_default();
            let start = path.rsplit_once('/').map_or("", |(start, _)| start);
            let method = if scope.verb == "read" { "GET" } else { "POST" };
            (method.to_owned(), format!("{start}/{resource}"))
        }
        _ => (named.method.to_string(), path),
    }
}
