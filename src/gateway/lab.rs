//! The failure lab: what a program has to cope with, on demand, before it is in earnest.
//!
//! A call with `X-Latchkey-Lab: <name>` that would have been let through is answered with that failure, to the letter as
//! the real one, and logged by its code; only the answer's own `X-Latchkey-Lab` tells them apart. It takes nothing: no
//! rate, no quota, no amount. Where real things happen the header means nothing.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName};

use super::judge::Code;
use crate::profiles::Profile;

pub const HEADER: HeaderName = HeaderName::from_static("x-latchkey-lab");
/// How much later a slow answer comes: longer than most programs wait by themselves, shorter than proxies do.
pub const SLOW: Duration = Duration::from_secs(8);

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lab {
    /// A refusal by this code.
    Refused(Code),
    /// The usual answer, late. It is a call like any other and counts.
    Slow,
    /// What stands behind the gateway fails with 500.
    UpstreamFails,
    /// There is nothing of this name.
    Unknown,
}

/// What can be asked for beside the codes, each of which goes by its own name in lower case: `rate-limited`.
const NAMES: &[(&str, Lab)] = &[
    ("slow", Lab::Slow),
    ("upstream-500", Lab::UpstreamFails),
    ("ip-refused", Lab::Refused(Code::IpNotAllowed)),
    ("over-limit", Lab::Refused(Code::TransactionLimitExceeded)),
];

/// What a call of a key of this environment asks of the lab, if that is open there.
pub fn asked(headers: &HeaderMap, profile: &Profile, environment: &str, demo: bool) -> Option<Lab> {
    let mut values = headers.get_all(HEADER).iter();
    let value = values.next()?;
    if !is_open(profile, environment, demo) {
        return None;
    }
    let name = value.to_str().ok().filter(|_| values.next().is_none());
    Some(name.map_or(Lab::Unknown, by_name))
}

/// Whether calls in this environment may ask for failures: where nothing real happens. Of platforms that have nothing but
/// a live environment that is the demo, which moves nothing either.
pub fn is_open(profile: &Profile, environment: &str, demo: bool) -> bool {
    let live = profile
        .environment(environment)
        .is_none_or(|environment| environment.live);
    !live || (demo && profile.environments.iter().all(|one| one.live))
}

fn by_name(name: &str) -> Lab {
    let name = name.trim().to_ascii_lowercase();
    let code = name.replace('-', "_").to_ascii_uppercase();
    let codes = || Code::ALL.into_iter().find(|one| one.as_str() == code);
    NAMES
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, lab)| *lab)
        .or_else(|| codes().map(Lab::Refused))
        .unwrap_or(Lab::Unknown)
}

/// Every name, for whoever asked for another.
pub fn names() -> String {
    let codes = Code::ALL.map(|code| code.as_str().to_ascii_lowercase().replace('_', "-"));
    let others = NAMES.iter().map(|(name, _)| (*name).to_owned());
    others.chain(codes).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn ask(profile: &str, environment: &str, demo: bool, names: &[&'static str]) -> Option<Lab> {
        let profile = Profile::load(profile).expect("it loads");
        let mut headers = HeaderMap::new();
        for name in names {
            headers.append(HEADER, HeaderValue::from_static(name));
        }
        asked(&headers, &profile, environment, demo)
    }

    #[test]
    fn every_code_can_be_asked_for_by_its_name_and_some_by_another() {
        let sandbox = |name| ask("revkeen", "sandbox", false, &[name]);
        for (name, lab) in [
            ("expired", Lab::Refused(Code::Expired)),
            ("Rate-Limited", Lab::Refused(Code::RateLimited)),
            ("RATE_LIMITED", Lab::Refused(Code::RateLimited)),
            ("ip-refused", Lab::Refused(Code::IpNotAllowed)),
            ("over-limit", Lab::Refused(Code::TransactionLimitExceeded)),
            ("slow", Lab::Slow),
            ("upstream-500", Lab::UpstreamFails),
            ("", Lab::Unknown),
            ("valid", Lab::Unknown),
        ] {
            assert_eq!(sandbox(name), Some(lab), "{name}");
        }
        for name in names().split(", ") {
            assert_ne!(by_name(name), Lab::Unknown, "{name}");
        }
        assert_eq!(
            ask("revkeen", "sandbox", false, &["slow", "slow"]),
            Some(Lab::Unknown)
        );
        assert_eq!(ask("revkeen", "sandbox", false, &[]), None);
    }

    #[test]
    fn it_is_never_open_where_real_things_happen() {
        for demo in [true, false] {
            assert_eq!(ask("revkeen", "live", demo, &["expired"]), None);
            assert_eq!(ask("dual-mode", "production", demo, &["expired"]), None);
            assert_eq!(ask("revkeen", "unheard-of", demo, &["expired"]), None);
            assert!(ask("dual-mode", "test", demo, &["expired"]).is_some());
        }
        for profile in ["rukkyhub", "reseller-v2", "universal-wallet"] {
            assert_eq!(ask(profile, "live", false, &["expired"]), None);
            assert!(ask(profile, "live", true, &["expired"]).is_some());
        }
    }
}
