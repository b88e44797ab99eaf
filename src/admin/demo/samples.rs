//! The demo's keys, and what they come to under a profile. Pure.
//!
//! No platform is named: which environment and which scopes a sample has follows from what the profile says of them.

use crate::{
    keys::policy::{self, Wanted, moves_money},
    profiles::{ApprovalLevel, CurrencyKind, Environment, Profile, Scope, ScopeFlag},
};

/// Where a sample is at home.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Home {
    /// Where real things happen; made at the console while that is locked to people.
    Live,
    /// Where nothing real happens, if there is such a place.
    Test,
    /// Where people can make keys now: live, unless that is locked.
    Work,
}

/// What a sample may do where its scopes by name are not the platform's.
#[derive(Clone, Copy)]
pub enum Reach {
    /// So many of the scopes that read.
    Reads(usize),
    /// One that reads and one that moves money.
    Till,
    /// All that move money.
    Money,
}

#[derive(Clone, Copy)]
pub enum Ends {
    /// As the profile proposes.
    Proposed,
    /// Not at all, if the profile lets it.
    Never,
    /// In so many days from now; before now if negative.
    In(i64),
}

/// What became of a sample.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    InUse,
    /// Stopped so many days ago.
    Disabled(i64),
    Revoked(i64),
    Requested,
    Approved,
    Rejected,
    Withdrawn,
    /// Nobody decided in time.
    Lapsed,
}

pub struct Sample {
    pub label: &'static str,
    pub purpose: &'static str,
    pub home: Home,
    /// Taken if the platform has all of them.
    pub scopes: &'static [&'static str],
    pub reach: Reach,
    /// In days.
    pub age: i64,
    pub ends: Ends,
    pub fate: Fate,
    /// Requests on a busy day.
    pub daily: i64,
    /// What it asks for now and then, and is refused; if the platform has no such scope, one that it lacks.
    pub lacks: &'static str,
    /// It is bound to addresses and domains, and gets a new secret and metadata.
    pub bound: bool,
    /// Left out where a workspace may have few keys.
    pub spare: bool,
}

const BLANK: Sample = Sample {
    label: "",
    purpose: "",
    home: Home::Work,
    scopes: &[],
    reach: Reach::Till,
    age: 0,
    ends: Ends::Proposed,
    fate: Fate::InUse,
    daily: 0,
    lacks: "",
    bound: false,
    spare: false,
};

/// The key that shows all that can be done with one.
pub const SHOP: &str = "Web shop";
/// The key that an admin wants turned on again.
pub const LOYALTY: &str = "Loyalty app";

const ALL: &[Sample] = &[
    Sample {
        label: "Production POS",
        home: Home::Live,
        scopes: &[
            "customers:read",
            "customers:write",
            "checkout:write",
            "payments:read",
        ],
        age: 61,
        ends: Ends::Never,
        daily: 46,
        lacks: "payments:write",
        ..BLANK
    },
    Sample {
        label: "Nightly reporting",
        home: Home::Live,
        scopes: &["invoices:read", "payments:read", "finance:read"],
        reach: Reach::Reads(3),
        age: 84,
        ends: Ends::In(6),
        daily: 9,
        lacks: "customers:read",
        ..BLANK
    },
    Sample {
        label: "Trade fair kiosk",
        home: Home::Live,
        scopes: &["customers:read", "checkout:write"],
        age: 20,
        ends: Ends::In(-4),
        daily: 7,
        lacks: "customers:write",
        ..BLANK
    },
    Sample {
        label: "Old importer",
        home: Home::Live,
        scopes: &["customers:read", "customers:write", "products:write"],
        reach: Reach::Reads(2),
        age: 58,
        fate: Fate::Revoked(9),
        daily: 5,
        lacks: "settings:write",
        ..BLANK
    },
    Sample {
        label: "Storefront staging",
        home: Home::Test,
        scopes: &["customers:read", "products:read", "checkout:write"],
        reach: Reach::Reads(2),
        age: 45,
        daily: 31,
        lacks: "settings:read",
        spare: true,
        ..BLANK
    },
    Sample {
        label: "Ada\u{2019}s laptop",
        home: Home::Test,
        scopes: &[
            "customers:read",
            "customers:write",
            "subscriptions:read",
            "subscriptions:write",
            "invoices:read",
        ],
        reach: Reach::Reads(3),
        age: 12,
        daily: 14,
        lacks: "finance:read",
        spare: true,
        ..BLANK
    },
    Sample {
        label: "Support console",
        home: Home::Test,
        scopes: &["customers:read"],
        reach: Reach::Reads(1),
        age: 3,
        spare: true,
        ..BLANK
    },
    Sample {
        label: SHOP,
        purpose: "Orders from the shop window on the web",
        reach: Reach::Reads(2),
        age: 38,
        ends: Ends::In(40),
        daily: 24,
        bound: true,
        ..BLANK
    },
    Sample {
        label: LOYALTY,
        purpose: "Stamps and rewards of regular customers",
        age: 33,
        fate: Fate::Disabled(2),
        daily: 8,
        ..BLANK
    },
    Sample {
        label: "Partner sync",
        purpose: "Shares orders with the roastery",
        age: 15,
        fate: Fate::Rejected,
        ..BLANK
    },
    Sample {
        label: "Warehouse scanner",
        age: 13,
        fate: Fate::Lapsed,
        ..BLANK
    },
    Sample {
        label: "Invoice robot",
        purpose: "Sends what is due on the first of the month",
        age: 11,
        fate: Fate::Withdrawn,
        ..BLANK
    },
    Sample {
        label: "Refund desk",
        purpose: "Refunds at the counter of Market Street",
        age: 2,
        fate: Fate::Approved,
        ..BLANK
    },
    Sample {
        label: "Payout runner",
        purpose: "Pays suppliers every evening",
        reach: Reach::Money,
        age: 1,
        fate: Fate::Requested,
        ..BLANK
    },
];

/// Keys that a visitor shall still be able to make.
const ROOM: u32 = 4;
/// Of a key that is in use, days that are left at least where keys live for less than the samples are old.
const LEFT: i64 = 7;

/// The samples that a workspace has room for.
pub fn of(profile: &Profile) -> Vec<&'static Sample> {
    let alive = ALL.iter().filter(|sample| sample.stays()).count();
    let tight = profile
        .max_active_keys
        .is_some_and(|max| usize::try_from(max).is_ok_and(|max| alive + ROOM as usize > max));
    ALL.iter()
        .filter(|sample| !(tight && sample.spare))
        .collect()
}

impl Sample {
    /// Whether it counts among the keys that a workspace has.
    fn stays(&self) -> bool {
        let over = matches!(self.ends, Ends::In(days) if days < 0);
        let ended = matches!(
            self.fate,
            Fate::Revoked(_) | Fate::Rejected | Fate::Withdrawn | Fate::Lapsed
        );
        !over && !ended
    }

    pub fn environment<'a>(&self, places: &Places<'a>) -> &'a Environment {
        match self.home {
            Home::Live => places.live,
            Home::Test => places.test,
            Home::Work => places.work,
        }
    }

    /// Days since it was made: less than the demo's own where keys live shorter.
    pub fn days_old(&self, profile: &Profile) -> i64 {
        let longest = profile.expiry.default_days.or(profile.expiry.max_days);
        match longest {
            Some(days) if matches!(self.ends, Ends::Proposed | Ends::Never) => {
                self.age.min((i64::from(days) - LEFT).max(0))
            }
            _ => self.age,
        }
    }

    pub fn chosen(&self, profile: &Profile) -> Vec<String> {
        if !self.scopes.is_empty() && self.scopes.iter().all(|id| profile.scope(id).is_some()) {
            return self.scopes.iter().map(|id| (*id).to_owned()).collect();
        }
        let reads = profile
            .scopes()
            .filter(|scope| !moves(scope) && scope.verb == "read");
        let mut money = profile.scopes().filter(|scope| moves(scope));
        let mut chosen: Vec<&Scope> = match self.reach {
            Reach::Reads(most) => reads.take(most).collect(),
            Reach::Till => reads.take(1).chain(money.next()).collect(),
            Reach::Money => money.collect(),
        };
        if chosen.is_empty() {
            chosen.extend(profile.scopes().next());
        }
        chosen.into_iter().map(|scope| scope.id.clone()).collect()
    }

    /// A scope that a key with these does not have, if there is one.
    pub fn lacking<'a>(&'a self, profile: &'a Profile, held: &[String]) -> Option<&'a str> {
        if profile.scope(self.lacks).is_some() {
            return Some(self.lacks);
        }
        profile
            .scopes()
            .map(|scope| scope.id.as_str())
            .find(|id| !held.iter().any(|scope| scope == id))
    }

    /// The form as its maker would have filled it in.
    pub fn wanted(&self, profile: &Profile, places: &Places<'_>) -> Wanted {
        let scopes = self.chosen(profile);
        let mut wanted = Wanted {
            environment: self.environment(places).id.clone(),
            label: self.label.to_owned(),
            purpose: self.purpose.to_owned(),
            ..Wanted::default()
        };
        let fiat = |kind| kind == CurrencyKind::Fiat;
        let currency = profile
            .currencies
            .iter()
            .find(|currency| fiat(currency.kind))
            .or(profile.currencies.first());
        if let Some(currency) = currency {
            if profile.create.currency {
                currency.kind.as_str().clone_into(&mut wanted.currency_kind);
            }
            // A key that has waited for its answer shows what it is like without a limit.
            if profile.create.limits && self.fate == Fate::InUse && moves_money(profile, &scopes) {
                wanted.currency.clone_from(&currency.id);
                "500".clone_into(&mut wanted.max_amount);
                "20000".clone_into(&mut wanted.max_daily);
            }
        }
        if matches!(self.ends, Ends::Never) && profile.expiry.never {
            "never".clone_into(&mut wanted.expiry);
        }
        if self.bound {
            if profile.allow.addresses {
                "203.0.113.0/28 # Tills on Market Street\n198.51.100.20 # Office"
                    .clone_into(&mut wanted.addresses);
            }
            if profile.allow.domains {
                "shop.harbor.example # The shop\n*.preview.harbor.example # Previews of it"
                    .clone_into(&mut wanted.domains);
            }
        }
        wanted.scopes = scopes;
        wanted
    }
}

fn moves(scope: &Scope) -> bool {
    scope.flags.contains(&ScopeFlag::MovesMoney)
}

/// The environments that samples are made in.
pub struct Places<'a> {
    pub live: &'a Environment,
    pub test: &'a Environment,
    pub work: &'a Environment,
}

impl<'a> Places<'a> {
    /// None for a profile without environments, which is none.
    pub fn of(profile: &'a Profile) -> Option<Self> {
        let first = profile.environments.first()?;
        let find = |live: bool| profile.environments.iter().find(|e| e.live == live);
        let live = find(true).unwrap_or(first);
        let test = find(false).unwrap_or(live);
        let work = if live.needs.is_empty() { live } else { test };
        Some(Self { live, test, work })
    }

    /// Whether nobody can make a key there by the form.
    pub fn is_locked(environment: &Environment) -> bool {
        !environment.needs.is_empty()
    }
}

/// What the workspace asks four eyes for: while its samples are made, so that some of them wait, and at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Levels {
    pub asking: ApprovalLevel,
    pub resting: ApprovalLevel,
}

impl Levels {
    pub fn of(profile: &Profile, places: &Places<'_>) -> Self {
        let own = profile.approval.default.max(profile.approval.least);
        // A rule about money would hold up every key where each scope moves some; visitors shall meet what the profile
        // says then.
        let resting = if profile.scopes().all(moves) {
            own
        } else {
            own.max(ApprovalLevel::LiveMoney)
        };
        let money: Vec<String> = profile
            .scopes()
            .filter(|scope| moves(scope))
            .map(|scope| scope.id.clone())
            .collect();
        let asking = if policy::needs_checker(profile, resting, &places.work.id, &money) {
            resting
        } else {
            ApprovalLevel::Everything
        };
        Self { asking, resting }
    }
}
