//! The states of a key and who moves it between them: one table.

use super::types::KeyState::{
    self, Active, Approved, Disabled, Expired, Lapsed, Rejected, Requested, Revoked, Withdrawn,
};
use crate::server::clock::{DAY, Millis};

/// How long a request waits for a decision, and an approved key for its reveal.
pub const WAITS: Millis = 7 * DAY;

/// What can happen to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Approve,
    Reject,
    /// Its maker no longer wants it.
    Withdraw,
    /// Nobody decided, or nobody revealed it, in time.
    Lapse,
    /// The approval is taken back before the reveal.
    TakeBack,
    Reveal,
    Disable,
    Enable,
    Revoke,
    Expire,
}

impl Step {
    pub const ALL: [Self; 10] = [
        Self::Approve,
        Self::Reject,
        Self::Withdraw,
        Self::Lapse,
        Self::TakeBack,
        Self::Reveal,
        Self::Disable,
        Self::Enable,
        Self::Revoke,
        Self::Expire,
    ];
}

/// Every move that there is. What does not stand here does not happen.
pub const MOVES: &[(KeyState, Step, KeyState)] = &[
    (Requested, Step::Approve, Approved),
    (Requested, Step::Reject, Rejected),
    (Requested, Step::Withdraw, Withdrawn),
    (Requested, Step::Lapse, Lapsed),
    (Approved, Step::TakeBack, Requested),
    (Approved, Step::Withdraw, Withdrawn),
    (Approved, Step::Lapse, Lapsed),
    (Approved, Step::Reveal, Active),
    (Active, Step::Disable, Disabled),
    (Disabled, Step::Enable, Active),
    (Active, Step::Revoke, Revoked),
    (Disabled, Step::Revoke, Revoked),
    (Active, Step::Expire, Expired),
    (Disabled, Step::Expire, Expired),
];

/// Where the step leads from this state; nowhere if it cannot be taken.
pub fn after(state: KeyState, step: Step) -> Option<KeyState> {
    MOVES
        .iter()
        .find(|(from, by, _)| *from == state && *by == step)
        .map(|(.., to)| *to)
}

/// The state at a moment: what has run out has ended then, whether or not that was written down yet.
pub fn at(
    stored: KeyState,
    expires_at: Option<Millis>,
    waits_until: Option<Millis>,
    now: Millis,
) -> KeyState {
    let over = |end: Option<Millis>| end.is_some_and(|end| end <= now);
    let step = match stored {
        Active | Disabled if over(expires_at) => Step::Expire,
        Requested | Approved if over(waits_until) => Step::Lapse,
        _ => return stored,
    };
    after(stored, step).unwrap_or(stored)
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::select};

    use super::*;

    const ALL: [KeyState; 9] = KeyState::ALL;

    #[test]
    fn nothing_leaves_a_state_that_ends_a_key() {
        for state in ALL.into_iter().filter(|state| state.has_ended()) {
            for step in Step::ALL {
                assert_eq!(after(state, step), None, "{state:?} {step:?}");
            }
        }
    }

    #[test]
    fn a_step_leads_from_a_state_to_one_place() {
        for (at, (from, step, _)) in MOVES.iter().enumerate() {
            assert!(
                !MOVES[at + 1..]
                    .iter()
                    .any(|(other, by, _)| other == from && by == step),
                "{from:?} {step:?} stands twice"
            );
        }
    }

    proptest! {
        /// Whatever is done in whatever order: a key is active only after a reveal, is revealed only once approved, and what has
        /// ended stays so.
        #[test]
        fn no_way_leads_around_the_reveal_or_back_from_the_end(steps in prop::collection::vec(select(&Step::ALL[..]), 0..30)) {
            let mut state = Requested;
            let (mut approved, mut revealed, mut ended) = (false, false, false);
            for step in steps {
                let Some(next) = after(state, step) else { continue };
                prop_assert!(!ended, "{state:?} was the end");
                approved |= step == Step::Approve;
                approved &= step != Step::TakeBack;
                if step == Step::Reveal {
                    prop_assert!(approved && !revealed);
                    revealed = true;
                }
                prop_assert!(revealed || !matches!(next, Active | Disabled | Revoked | Expired));
                state = next;
                ended = state.has_ended();
            }
        }

        #[test]
        fn time_only_ends(stored in select(&ALL[..]), expires in proptest::option::of(0_i64..10), waits in proptest::option::of(0_i64..10), now in 0_i64..10) {
            let seen = at(stored, expires, waits, now);
            prop_assert!(seen == stored || seen.has_ended());
            prop_assert_eq!(at(seen, expires, waits, now), seen);
        }
    }
}
