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
use crate::{
    profiles::LimitCounts,
    server::clock::{Id, Millis},
};

/// What requests of keys are charged to that are alike in this: each to a bucket of its own, all to that of their account.
#[derive(Clone, Debug, Default)]
pub struct Rates {
    pub key: Option<Pace>,
    pub account: Option<(Pace, Arc<Bucket>)>,
    pub quota: Option<Monthly>,
}

#[derive(Clone, Copy)]
struct Metered<'a> {
    pace: Pace,
    bucket: &'a Bucket,
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
    /// Of keys and workspaces. Locked when a key is read from the database, not when one is judged.
    buckets: Mutex<HashMap<Id, Arc<Bucket>>>,
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

    /// That of the key or workspace with this id.
    pub fn bucket(&self, id: Id) -> Arc<Bucket> {
        locked(&self.0.buckets).entry(id).or_default().clone()
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
        subject.take(now)
    }

    /// What is left, without taking any.
    pub async fn left(&self, subject: Subject<'_>, now: Millis) -> Option<Left> {
        if let Some(shared) = &self.0.shared
            && !subject.rates.is_empty()
            && let Some(left) = Box::pin(shared.left(subject, now)).await
        {
            return left;
        }
        subject.left(now)
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
    pub key_id: Id,
    pub workspace_id: &'a str,
    /// The key's own, if it is charged to one.
    pub bucket: Option<&'a Bucket>,
    pub rates: &'a Rates,
}

impl Rates {
    fn is_empty(&self) -> bool {
        self.key.is_none() && self.account.is_none() && self.quota.is_none()
    }
}

impl<'a> Subject<'a> {
    fn key(&self) -> Option<Metered<'a>> {
        let (pace, bucket) = (self.rates.key?, self.bucket?);
        Some(Metered { pace, bucket })
    }

    fn account(&self) -> Option<Metered<'a>> {
        let (pace, bucket) = self.rates.account.as_ref()?;
        Some(Metered {
            pace: *pace,
            bucket,
        })
    }

    fn take(&self, now: Millis) -> Result<Option<Left>, Refused> {
        let take = |metered: Option<Metered<'_>>| {
            metered
                .map(|Metered { pace, bucket }| bucket.take(pace, now))
                .transpose()
        };
        let give_back = |metered: Option<Metered<'_>>| {
            if let Some(Metered { pace, bucket }) = metered {
                bucket.give_back(pace);
            }
        };
        let key = take(self.key()).map_err(too_fast)?;
        let account = take(self.account()).map_err(|refused| {
            give_back(self.key());
            too_fast(refused)
        })?;
        let left = stricter(key, account);
        if let Some(monthly) = &self.rates.quota
            && !monthly.used.take(monthly.limit, now)
        {
            give_back(self.key());
            give_back(self.account());
            return Err(used_up(self.left(now), now));
        }
        Ok(left)
    }

    fn left(&self, now: Millis) -> Option<Left> {
        let left = |metered: Option<Metered<'_>>| {
            metered.map(|Metered { pace, bucket }| bucket.left(pace, now))
        };
        stricter(left(self.key()), left(self.account()))
    }
}

impl LimitCounts {
    /// Which of the two an account's tier bounds: each of its keys, or all of them together.
    pub fn rates(
        self,
        limiter: &Limiter,
        workspace_id: Id,
        own: Option<Pace>,
        account: Option<Pace>,
    ) -> Rates {
        let (key, account) = match self {
            Self::Key => (own.or(account), None),
            Self::Account => (own, account),
        };
        Rates {
            key,
            account: account.map(|pace| (pace, limiter.bucket(workspace_id))),
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

    /// A key with what it is charged to.
    struct Key(Arc<Bucket>, Rates);

    impl Key {
        fn subject(&self) -> Subject<'_> {
            Subject {
                key_id: Id::default(),
                workspace_id: "wsp_1",
                bucket: Some(&self.0),
                rates: &self.1,
            }
        }
    }

    /// The key with this number, of one account.
    fn key(
        limiter: &Limiter,
        number: u128,
        counts: LimitCounts,
        own: Option<Pace>,
        account: Option<Pace>,
    ) -> Key {
        let rates = counts.rates(limiter, Id::from(0), own, account);
        Key(limiter.bucket(Id::from(number)), rates)
    }

    #[tokio::test]
    async fn keys_of_an_account_share_its_rate_where_the_account_counts() {
        let limiter = Limiter::default();
        let together = |number| key(&limiter, number, LimitCounts::Account, None, Some(SLOW));
        let (one, other) = (together(1), together(2));
        assert!(limiter.charge(one.subject(), NOW).await.is_ok());
        assert!(limiter.charge(other.subject(), NOW).await.is_ok());
        let refused = limiter.charge(one.subject(), NOW).await;
        assert_eq!(refused.expect_err("spent").code, Code::RateLimited);
        for number in [3, 4] {
            let apart = key(&limiter, number, LimitCounts::Key, None, Some(SLOW));
            for _ in 0..2 {
                assert!(limiter.charge(apart.subject(), NOW).await.is_ok());
            }
            assert!(limiter.charge(apart.subject(), NOW).await.is_err());
        }
    }

    #[tokio::test]
    async fn a_charge_that_one_part_refuses_takes_nothing_of_the_others() {
        let limiter = Limiter::default();
        let one = key(&limiter, 1, LimitCounts::Account, Some(FAST), Some(SLOW));
        for _ in 0..2 {
            limiter.charge(one.subject(), NOW).await.expect("free");
        }
        for _ in 0..5 {
            let refused = limiter.charge(one.subject(), NOW).await;
            refused.expect_err("the account's is spent");
        }
        assert_eq!(one.0.left(FAST, NOW).remaining, 1);

        let mut other = key(&limiter, 2, LimitCounts::Key, None, Some(SLOW));
        other.1.quota = Some(limiter.count_from("wsp_1", 10, 10, NOW));
        let refused = limiter.charge(other.subject(), NOW).await;
        let refused = refused.expect_err("used up");
        assert_eq!(refused.code, Code::UsageExceeded);
        assert_eq!(refused.left.expect("a rate").remaining, 2);
    }

    #[tokio::test]
    async fn the_stricter_of_the_two_is_what_the_holder_is_told() {
        let limiter = Limiter::default();
        let key = key(&limiter, 1, LimitCounts::Account, Some(FAST), Some(SLOW));
        let left = limiter.left(key.subject(), NOW).await.expect("limited");
        assert_eq!((left.limit, left.remaining), (60, 2));
    }

    #[test]
    fn rates_that_nobody_uses_are_forgotten_once_they_are_full() {
        let limiter = Limiter::default();
        let bucket = limiter.bucket(Id::from(1));
        bucket.take(SLOW, NOW).expect("free");
        limiter.tidy(NOW);
        drop(bucket);
        limiter.tidy(NOW);
        assert_eq!(locked(&limiter.0.buckets).len(), 1, "a burst is still owed");
        limiter.tidy(NOW + 60_000);
        assert_eq!(locked(&limiter.0.buckets).len(), 0);
    }
}
