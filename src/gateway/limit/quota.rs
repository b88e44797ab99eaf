//! A tier's quota: requests let through in a calendar month (UTC).

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::server::clock::Millis;

/// How much of its quota an account has used. Counted from what the log says when it is first asked for.
#[derive(Debug)]
pub struct Quota(Mutex<Used>);

#[derive(Clone, Copy, Debug)]
struct Used {
    /// When the month is over.
    ends: Millis,
    requests: u64,
}

impl Quota {
    /// `used` requests were let through in the month that `now` is in.
    pub fn new(used: u64, now: Millis) -> Self {
        Self(Mutex::new(Used {
            ends: month_of(now).1,
            requests: used,
        }))
    }

    /// Takes one of `monthly`, if one is left.
    pub fn take(&self, monthly: u64, now: Millis) -> bool {
        let mut used = self.used_at(now);
        let free = used.requests < monthly;
        used.requests += u64::from(free);
        free
    }

    fn used_at(&self, now: Millis) -> MutexGuard<'_, Used> {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that is set back opens no month again.
        if now >= used.ends {
            *used = Used {
                ends: month_of(now).1,
                requests: 0,
            };
        }
        used
    }

    /// Whether one of `monthly` is left.
    pub fn has_left(&self, monthly: u64, now: Millis) -> bool {
        self.used_at(now).requests < monthly
    }

    /// What was let through in this month, for a count that several nodes share.
    pub fn used(&self, now: Millis) -> u64 {
        self.used_at(now).requests
    }
}

/// When the month of this moment began, and when the next one does.
pub fn month_of(now: Millis) -> (Millis, Millis) {
    let date = jiff::Timestamp::from_millisecond(now)
        .unwrap_or_default()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date()
        .first_of_month();
    let begins = |date: jiff::civil::Date| {
        date.to_zoned(jiff::tz::TimeZone::UTC)
            .map_or(i64::MAX, |zoned| zoned.timestamp().as_millisecond())
    };
    let next = date.saturating_add(jiff::Span::new().months(1));
    (begins(date), begins(next))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::clock::DAY;

    /// 30 November 2026, noon.
    const NOW: Millis = 1_796_040_000_000;

    #[test]
    fn a_quota_is_spent_and_full_again_with_the_next_month() {
        let quota = Quota::new(3, NOW);
        assert!(quota.take(5, NOW) && quota.take(5, NOW));
        assert!(!quota.take(5, NOW));
        assert!(quota.take(5, NOW + DAY), "it is December");
        assert_eq!(quota.used(NOW + DAY), 1);
        assert!(
            quota.take(5, NOW),
            "a clock that is set back opens no month again"
        );
        assert_eq!(quota.used(NOW), 2);
    }

    #[test]
    fn months_begin_on_their_first_day() {
        let (begins, ends) = month_of(NOW);
        assert_eq!(begins, 1_793_491_200_000);
        assert_eq!(ends - begins, 30 * DAY);
    }
}
