//! When the next try is made. Pure.

use crate::server::clock::{DAY, HOUR, MINUTE, Millis, SECOND};

/// How long after a failed try the next one is made: after the first, the second, and so on; after the tenth, none. The
/// first is made at once.
pub const DELAYS: [Millis; 9] = [
    5 * SECOND,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    14 * HOUR,
    20 * HOUR,
    24 * HOUR,
];
/// How far a delay is stretched or shortened, in percent, so that what failed together does not come back together.
const JITTER: i64 = 20;
/// Longest wait that a receiver can ask for; it is also the longest of ours.
const MAX_RETRY_AFTER: Millis = DAY;

/// When to try again after so many tries of this schedule, all of them failed; none after the last. `chance` is any
/// number, drawn evenly. A receiver that names a later time than ours (`Retry-After`) is not troubled before.
pub fn next(tries: i64, now: Millis, chance: u64, retry_after: Option<Millis>) -> Option<Millis> {
    let made = usize::try_from(tries).ok()?;
    let delay = *DELAYS.get(made.checked_sub(1)?)?;
    let spread = delay * JITTER / 100;
    let width = u64::try_from(2 * spread + 1).unwrap_or(1);
    let offset = i64::try_from(chance % width).unwrap_or(0) - spread;
    let asked = retry_after.unwrap_or(0).clamp(0, MAX_RETRY_AFTER);
    Some(now + (delay + offset).max(asked))
}

/// How long a `Retry-After` asks to wait (RFC 9110 §10.2.3): seconds, or a date.
pub fn retry_after(value: &str, now: Millis) -> Option<Millis> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More than fits is more than we wait anyway.
        let seconds: i64 = value.parse().unwrap_or(i64::MAX);
        return Some(seconds.saturating_mul(SECOND).min(MAX_RETRY_AFTER));
    }
    let at = jiff::fmt::rfc2822::parse(value).ok()?;
    let wait = at.timestamp().as_millisecond().saturating_sub(now);
    (wait > 0).then(|| wait.min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tries_are_made_at_the_stated_times() {
        // A chance in the middle shifts nothing.
        let middle = |delay: Millis| u64::try_from(delay * JITTER / 100).expect("positive");
        let delays: Vec<Millis> = (1..=9)
            .map(|tries| {
                let delay = DELAYS[usize::try_from(tries - 1).expect("small")];
                next(tries, 1_000, middle(delay), None).expect("another") - 1_000
            })
            .collect();
        assert_eq!(delays, DELAYS);
        assert_eq!(delays[0], 5_000);
        for tries in [0, -1, 10, 11, i64::MAX] {
            assert_eq!(next(tries, 0, 0, None), None, "{tries}");
        }
    }

    #[test]
    fn a_later_time_that_the_receiver_names_is_honoured_up_to_a_day() {
        let after = |retry_after| next(1, 0, 1_000, retry_after).expect("another");
        assert_eq!(after(Some(2 * MINUTE)), 2 * MINUTE);
        assert_eq!(after(Some(1)), 5 * SECOND);
        assert_eq!(after(Some(-5)), 5 * SECOND);
        assert_eq!(after(Some(i64::MAX)), DAY);
        assert_eq!(next(10, 0, 0, Some(MINUTE)), None);
    }

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let now = 784_111_777_000; // Sun, 06 Nov 1994 08:49:37 GMT
        for (value, wait) in [
            ("120", Some(120 * SECOND)),
            (" 0 ", Some(0)),
            ("99999999999999999999999", Some(DAY)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(MINUTE)),
            ("Sun, 06 Nov 1994 08:48:37 GMT", None),
            ("Sun, 06 Nov 2044 08:48:37 GMT", Some(DAY)),
            ("soon", None),
            ("-5", None),
            ("1.5", None),
            ("", None),
        ] {
            assert_eq!(retry_after(value, now), wait, "{value:?}");
        }
    }

    proptest! {
        #[test]
        fn a_delay_is_within_a_fifth_of_its_own(tries in 1_i64..=9, chance: u64, now in 0..4_000_000_000_000_i64) {
            let delay = DELAYS[usize::try_from(tries - 1).expect("small")];
            let wait = next(tries, now, chance, None).expect("another") - now;
            prop_assert!(wait >= delay * 8 / 10 && wait <= delay * 12 / 10);
        }

        #[test]
        fn whatever_a_receiver_sends_the_wait_is_bounded(value in "\\PC{0,40}", now in 0..4_000_000_000_000_i64) {
            let wait = retry_after(&value, now);
            prop_assert!(wait.is_none_or(|wait| (0..=DAY).contains(&wait)));
        }
    }
}
