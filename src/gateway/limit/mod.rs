//! What is charged last: the rate of a key and of its account, and the account's monthly quota.
//!
//! On one node each rate is one atomic. Several nodes share them in Redis (`shared.rs`), one round trip a request.
//! A restart of a node without Redis gives back at most one burst per key.

mod bucket;
pub mod quota;
mod shared;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

pub use bucket::{Bucket, Left, Pace};
pub use shared::Shared;

use self::{
    bucket::TooFast,
    quota::{Quota, month_of},
};
use super::judge::Code;
use crate::{profiles::LimitCounts, server::clock::Millis};

/// What requests of a key are charged to.
#[derive(Clone, Debug, Default)]
pub struct Rates {
    pub key: Option<Metered>,
    pub account: Option<Metered>,
    pub quota: Option<Monthly>,
}

#[derive(Clone, Debug)]
pub struct Metered {
    pub pace: Pace,
    bucket: Arc<Bucket>,
}

/// Requests a calendar month, and how many of them were made.
#[derive(Clone, Debug)]
pub struct Monthly {
    pub limit: u64,
    used: Arc<Quota>,
}

/// A charge that was refused; nothing was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    pub code: Code,
    /// After this long it may be tried again.
    pub wait: Duration,
    pub left: Option<Left>,
}

#[derive(Clone, Default)]
pub struct Limiter(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// By the id of a key or a workspace. Locked when a key is read from the database, not when one is judged.
    buckets: Mutex<HashMap<Arc<str>, Arc<Bucket>>>,
    quotas: Mutex<HashMap<Box<str>, Arc<Quota>>>,
    shared: Option<Shared>,
}

impl Limiter {
    /// Charges in Redis.
    pub fn shared(shared: Shared) -> Self {
        Self(Arc::new(Inner {
            shared: Some(shared),
            ..Inner::default()
        }))
    }

    /// The rate of the key or workspace with this id.
    pub fn metered(&self, id: &Arc<str>, pace: Pace) -> Metered {
        let mut buckets = locked(&self.0.buckets);
        let bucket = match buckets.get(id) {
            Some(bucket) => bucket.clone(),
            None => buckets.entry(id.clone()).or_default().clone(),
        };
        Metered { pace, bucket }
    }

    /// The count of this workspace's requests, if it is known.
    pub fn monthly(&self, workspace_id: &str, limit: u64) -> Option<Monthly> {
        let used = locked(&self.0.quotas).get(workspace_id)?.clone();
        Some(Monthly { limit, used })
    }

    /// Begins the count of this workspace's requests where the log says it stands, unless somebody else was quicker.
    pub fn count_from(&self, workspace_id: &str, limit: u64, used: u64, now: Millis) -> Monthly {
        let used = locked(&self.0.quotas)
            .entry(workspace_id.into())
            .or_insert_with(|| Arc::new(Quota::new(used, now)))
            .clone();
        Monthly { limit, used }
    }

    /// Takes one request of all that the key is charged to, or of nothing.
    pub async fn charge(&self, subject: Subject<'_>, now: Millis) -> Result<Option<Left>, Refused> {
        if let Some(shared) = &self.0.shared
            && !subject.rates.is_empty()
            && let Some(outcome) = Box::pin(shared.charge(subject, now)).await
        {
            return outcome;
        }
        subject.rates.take(now)
    }

    /// What is left, without taking any.
    pub async fn left(&self, subject: Subject<'_>, now: Millis) -> Option<Left> {
        if let Some(shared) = &self.0.shared
            && !subject.rates.is_empty()
            && let Some(left) = Box::pin(shared.left(subject, now)).await
        {
            return left;
        }
        subject.rates.left(now)
    }

    /// What a charge would say.
    pub async fn would(&self, subject: Subject<'_>, now: Millis) -> Result<Option<Left>, Refused> {
        let left = self.left(subject, now).await;
        if let Some(monthly) = &subject.rates.quota
            && !monthly.used.has_left(monthly.limit, now)
        {
            return Err(used_up(left, now));
        }
        match left {
            Some(left) if left.remaining == 0 => Err(Refused {
                code: Code::RateLimited,
                wait: Duration::from_secs(1),
                left: Some(left),
            }),
            left => Ok(left),
        }
    }

    /// Forgets the rates that nobody has used for so long that they are as good as new.
    pub fn tidy(&self, now: Millis) {
        locked(&self.0.buckets)
            .retain(|_, bucket| Arc::strong_count(bucket) > 1 || !bucket.is_full(now));
    }
}

/// Whose request is charged, and to what.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    pub key_id: &'a str,
    pub workspace_id: &'a str,
    pub rates: &'a Rates,
}

impl Rates {
    fn is_empty(&self) -> bool {
        self.key.is_none() && self.account.is_none() && self.quota.is_none()
    }

    fn take(&self, now: Millis) -> Result<Option<Left>, Refused> {
        let take = |metered: &Option<Metered>| {
            metered
                .as_ref()
                .map(|metered| metered.bucket.take(metered.pace, now))
                .transpose()
        };
        let give_back = |metered: &Option<Metered>| {
            if let Some(metered) = metered {
                metered.bucket.give_back(metered.pace);
            }
        };
        let key = take(&self.key).map_err(too_fast)?;
        let account = take(&self.account).map_err(|refused| {
            give_back(&self.key);
            too_fast(refused)
        })?;
        let left = stricter(key, account);
        if let Some(monthly) = &self.quota
            && !monthly.used.take(monthly.limit, now)
        {
            give_back(&self.key);
            give_back(&self.account);
            return Err(used_up(self.left(now), now));
        }
        Ok(left)
    }

    fn left(&self, now: Millis) -> Option<Left> {
        let left = |metered: &Option<Metered>| {
            metered
                .as_ref()
                .map(|metered| metered.bucket.left(metered.pace, now))
        };
        stricter(left(&self.key), left(&self.account))
    }
}

impl LimitCounts {
    /// Which of the two an account's tier bounds: each of its keys, or all of them together.
    pub fn rates(
        self,
        limiter: &Limiter,
        ids: (&Arc<str>, &str),
        own: Option<Pace>,
        account: Option<Pace>,
    ) -> Rates {
        let (key_id, workspace_id) = ids;
        let (key, account) = match self {
            Self::Key => (own.or(account), None),
            Self::Account => (own, account),
        };
        Rates {
            key: key.map(|pace| limiter.metered(key_id, pace)),
            account: account.map(|pace| limiter.metered(&workspace_id.into(), pace)),
            quota: None,
        }
    }
}

fn stricter(one: Option<Left>, other: Option<Left>) -> Option<Left> {
    match one {
        Some(one) => Some(one.stricter(other)),
        None => other,
    }
}

fn too_fast(refused: TooFast) -> Refused {
    Refused {
        code: Code::RateLimited,
        wait: refused.wait,
        left: Some(refused.left),
    }
}

fn used_up(left: Option<Left>, now: Millis) -> Refused {
    let wait = u64::try_from(month_of(now).1 - now).unwrap_or_default();
    Refused {
        code: Code::UsageExceeded,
        wait: Duration::from_millis(wait),
        left,
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = 1_796_040_000_000;
    const SLOW: Pace = Pace { rate: 60, burst: 2 };
    const FAST: Pace = Pace {
        rate: 600,
        burst: 3,
    };

    fn subject<'a>(key_id: &'a str, rates: &'a Rates) -> Subject<'a> {
        Subject {
            key_id,
            workspace_id: "wsp_1",
            rates,
        }
    }

    #[tokio::test]
    async fn keys_of_an_account_share_its_rate_where_the_account_counts() {
        let limiter = Limiter::default();
        let rates = |key: &str| {
            LimitCounts::Account.rates(&limiter, (&key.into(), "wsp_1"), None, Some(SLOW))
        };
        let (one, other) = (rates("key_1"), rates("key_2"));
        assert!(limiter.charge(subject("key_1", &one), NOW).await.is_ok());
        assert!(limiter.charge(subject("key_2", &other), NOW).await.is_ok());
        let refused = limiter
            .charge(subject("key_1", &one), NOW)
            .await
            .expect_err("spent");
        assert_eq!(refused.code, Code::RateLimited);
        let apart =
            |key: &str| LimitCounts::Key.rates(&limiter, (&key.into(), "wsp_1"), None, Some(SLOW));
        for key in ["key_3", "key_4"] {
            let rates = apart(key);
            for _ in 0..2 {
                assert!(limiter.charge(subject(key, &rates), NOW).await.is_ok());
            }
            assert!(limiter.charge(subject(key, &rates), NOW).await.is_err());
        }
    }

    #[tokio::test]
    async fn a_charge_that_one_part_refuses_takes_nothing_of_the_others() {
        let limiter = Limiter::default();
        let rates = LimitCounts::Account.rates(
            &limiter,
            (&"key_1".into(), "wsp_1"),
            Some(FAST),
            Some(SLOW),
        );
        for _ in 0..2 {
            limiter
                .charge(subject("key_1", &rates), NOW)
                .await
                .expect("free");
        }
        for _ in 0..5 {
            limiter
                .charge(subject("key_1", &rates), NOW)
                .await
                .expect_err("the account's is spent");
        }
        let key = rates.key.as_ref().expect("an own rate");
        assert_eq!(key.bucket.left(FAST, NOW).remaining, 1);

        let quota = Rates {
            quota: Some(limiter.count_from("wsp_1", 10, 10, NOW)),
            ..LimitCounts::Key.rates(&limiter, (&"key_2".into(), "wsp_1"), None, Some(SLOW))
        };
        let refused = limiter
            .charge(subject("key_2", &quota), NOW)
            .await
            .expect_err("used up");
        assert_eq!(refused.code, Code::UsageExceeded);
        assert_eq!(refused.left.expect("a rate").remaining, 2);
    }

    #[tokio::test]
    async fn the_stricter_of_the_two_is_what_the_holder_is_told() {
        let limiter = Limiter::default();
        let rates = LimitCounts::Account.rates(
            &limiter,
            (&"key_1".into(), "wsp_1"),
            Some(FAST),
            Some(SLOW),
        );
        let left = limiter
            .left(subject("key_1", &rates), NOW)
            .await
            .expect("limited");
        assert_eq!((left.limit, left.remaining), (60, 2));
    }

    #[test]
    fn rates_that_nobody_uses_are_forgotten_once_they_are_full() {
        let limiter = Limiter::default();
        let metered = limiter.metered(&"key_1".into(), SLOW);
        metered.bucket.take(SLOW, NOW).expect("free");
        limiter.tidy(NOW);
        drop(metered);
        limiter.tidy(NOW);
        assert_eq!(locked(&limiter.0.buckets).len(), 1, "a burst is still owed");
        limiter.tidy(NOW + 60_000);
        assert_eq!(locked(&limiter.0.buckets).len(), 0);
    }
}
