//! GCRA, the generic cell rate algorithm: a rate with a burst in one number, the moment when the burst is full again.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use serde::Serialize;

use crate::{profiles::Tier, server::clock::Millis};

/// Nanoseconds since the Unix epoch; 64 bits last until 2262.
type Nanos = i64;

const MINUTE: Nanos = 60_000_000_000;
const MILLI: Nanos = 1_000_000;
const SECOND: Nanos = 1_000_000_000;

/// How fast: `rate` requests a minute, `burst` of them at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pace {
    pub rate: u32,
    pub burst: u32,
}

impl Pace {
    pub fn of(tier: &Tier) -> Self {
        Self {
            rate: tier.rate,
            burst: tier.burst,
        }
    }

    /// Nanoseconds after which one more is free.
    pub(super) fn interval(self) -> Nanos {
        MINUTE / i64::from(self.rate.max(1))
    }

    fn room(self) -> Nanos {
        self.interval() * i64::from(self.burst.max(1))
    }
}

/// What is left, as its holder is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Left {
    /// Requests a minute.
    pub limit: u32,
    /// Whole requests that are free now, up to the burst.
    pub remaining: u32,
    /// Unix second when the burst is full again.
    pub reset: i64,
}

impl Left {
    /// The one that ends first.
    #[must_use]
    pub fn stricter(self, other: Option<Self>) -> Self {
        match other {
            Some(other) if (other.remaining, other.limit) < (self.remaining, self.limit) => other,
            _ => self,
        }
    }
}

/// Too many: after this long one more is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooFast {
    pub left: Left,
    pub wait: Duration,
}

/// One atomic: when the burst is full again, at no time before now.
#[derive(Debug, Default)]
pub struct Bucket(AtomicI64);

impl Bucket {
    /// Takes one.
    pub fn take(&self, pace: Pace, now: Millis) -> Result<Left, TooFast> {
        let now = now * MILLI;
        let mut full = self.0.load(Ordering::Acquire);
        loop {
            let next = full.max(now) + pace.interval();
            if next - now > pace.room() {
                return Err(TooFast {
                    left: left(pace, full, now),
                    wait: Duration::from_nanos(
                        u64::try_from(next - now - pace.room()).unwrap_or_default(),
                    ),
                });
            }
            match self
                .0
                .compare_exchange_weak(full, next, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => return Ok(left(pace, next, now)),
                Err(current) => full = current,
            }
        }
    }

    /// Gives back one that was taken.
    pub fn give_back(&self, pace: Pace) {
        self.0.fetch_sub(pace.interval(), Ordering::AcqRel);
    }

    /// What is left, without taking any.
    pub fn left(&self, pace: Pace, now: Millis) -> Left {
        left(pace, self.0.load(Ordering::Acquire), now * MILLI)
    }

    /// Whether it holds more than a new one would.
    pub fn is_full(&self, now: Millis) -> bool {
        self.0.load(Ordering::Acquire) <= now * MILLI
    }
}

/// What is left where the burst is full again at `full`.
pub(super) fn left(pace: Pace, full: Nanos, now: Nanos) -> Left {
    let full = full.max(now);
    let free = (pace.room() - (full - now)).max(0) / pace.interval();
    Left {
        limit: pace.rate,
        remaining: u32::try_from(free).unwrap_or(u32::MAX),
        reset: full.div_euclid(SECOND) + i64::from(full.rem_euclid(SECOND) > 0),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Millis = 1_800_000_000_000;
    const STARTER: Pace = Pace {
        rate: 60,
        burst: 10,
    };

    #[test]
    fn the_burst_at_once_then_one_a_second() {
        let bucket = Bucket::default();
        for remaining in (0..10).rev() {
            let left = bucket.take(STARTER, NOW).expect("within the burst");
            assert_eq!((left.limit, left.remaining), (60, remaining));
        }
        let refused = bucket.take(STARTER, NOW).expect_err("the burst is spent");
        assert_eq!(refused.wait, Duration::from_secs(1));
        assert_eq!(refused.left.remaining, 0);
        assert_eq!(refused.left.reset, NOW / 1000 + 10);
        assert!(bucket.take(STARTER, NOW + 999).is_err());
        assert!(bucket.take(STARTER, NOW + 1000).is_ok());
        assert!(bucket.take(STARTER, NOW + 1000).is_err());
    }

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let bucket = Bucket::default();
        for _ in 0..10 {
            bucket.take(STARTER, NOW).expect("within the burst");
        }
        bucket.give_back(STARTER);
        assert!(bucket.take(STARTER, NOW).is_ok());
        assert!(bucket.take(STARTER, NOW).is_err());
    }

    #[test]
    fn a_full_burst_resets_now() {
        let left = Bucket::default().left(STARTER, NOW);
        assert_eq!((left.remaining, left.reset), (10, NOW / 1000));
    }

    #[test]
    fn racing_threads_never_get_more_than_the_burst() {
        let bucket = Bucket::default();
        let granted: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        (0..100)
                            .filter(|_| bucket.take(STARTER, NOW).is_ok())
                            .count()
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("joined"))
                .sum()
        });
        assert_eq!(granted, 10);
    }

    proptest! {
        /// In any stretch of time at most the burst and what the rate adds in it gets through, however requests come.
        #[test]
        fn never_more_than_burst_and_rate(
            rate in 1u32..100_000, burst in 1u32..500, gaps in prop::collection::vec(0i64..5_000, 1..300),
        ) {
            let pace = Pace { rate, burst };
            let bucket = Bucket::default();
            let (mut now, mut granted) = (NOW, Vec::new());
            for gap in gaps {
                now += gap;
                if bucket.take(pace, now).is_ok() {
                    granted.push(now);
                }
            }
            for (i, from) in granted.iter().enumerate() {
                for (j, to) in granted.iter().enumerate().skip(i) {
                    let allowed = i64::from(burst) + (to - from) * MILLI / pace.interval();
                    prop_assert!(i64::try_from(j - i).expect("small") < allowed.max(1) + 1);
                }
            }
        }
    }
}
