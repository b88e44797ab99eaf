//! How many tries go on at once, and to whom. Pure.
//!
//! A hanging endpoint holds what it was given for 15 seconds, so no endpoint is given much and slow ones share a pool of
//! their own: however many hang, whoever answers promptly finds a free place. An endpoint is taken for prompt until one of
//! its tries goes on for a second; from then on it counts as slow, that very try included.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// A try that goes on for longer is a slow one.
pub const QUICK: Duration = Duration::from_secs(1);
/// Prompt endpoints that are delivered to at once; each has up to [`WIDTH`] tries going on.
const PROMPT: usize = 48;
/// Endpoints of which nothing is known yet that are tried at once, each with one try.
const UNKNOWN: usize = 24;
/// Tries to slow endpoints that go on at once.
const SLOW: usize = 96;
/// Tries of one endpoint at once.
pub const WIDTH: usize = 4;
/// All tries at once; what bounds the memory that they take.
const ALL: usize = 512;
/// Deliveries that a prompt endpoint is given in one go, so that claiming and settling cost little each.
const BATCH: usize = 64;
/// Endpoints whose pace is remembered.
const REMEMBERED: usize = 20_000;

/// What an endpoint is given: so many deliveries, so many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    pub batch: usize,
    pub width: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// It has not answered yet, as far as this process knows.
    Unknown,
    Prompt,
    Slow,
}

struct Endpoint {
    pace: Pace,
    /// What it has in hand, if it has.
    running: Option<usize>,
    served: Instant,
}

/// Who has what in hand.
#[derive(Default)]
pub struct Slots {
    endpoints: HashMap<String, Endpoint>,
    prompt_runs: usize,
    unknown_runs: usize,
    slow_tries: usize,
    all_tries: usize,
}

impl Slots {
    /// Chooses among endpoints that something is due for: those that have nothing in hand, whoever was served longest ago
    /// first. Those that are given a share have it in hand from now on.
    pub fn choose<'a>(&mut self, due: &[&'a str], now: Instant) -> Vec<(&'a str, Share)> {
        let mut waiting: Vec<(Option<Instant>, &str)> = due
            .iter()
            .map(|id| (self.endpoints.get(*id), *id))
            .filter(|(endpoint, _)| endpoint.is_none_or(|endpoint| endpoint.running.is_none()))
            .map(|(endpoint, id)| (endpoint.map(|endpoint| endpoint.served), id))
            .collect();
        waiting.sort_unstable();
        let mut chosen = Vec::new();
        for (_, id) in waiting {
            let pace = self
                .endpoints
                .get(id)
                .map_or(Pace::Unknown, |endpoint| endpoint.pace);
            if let Some(share) = self.share(pace) {
                self.begin(id, pace, share.width, now);
                chosen.push((id, share));
            }
        }
        chosen
    }

    fn share(&self, pace: Pace) -> Option<Share> {
        let width = match pace {
            Pace::Unknown if self.unknown_runs < UNKNOWN => 1,
            Pace::Prompt if self.prompt_runs < PROMPT => WIDTH,
            Pace::Slow if self.slow_tries + WIDTH <= SLOW / 2 => WIDTH,
            Pace::Slow if self.slow_tries < SLOW => 1,
            _ => return None,
        };
        // Room for the prompt is left by the others.
        let (batch, room) = match pace {
            Pace::Prompt => (BATCH, ALL),
            Pace::Unknown | Pace::Slow => (width, ALL - PROMPT * WIDTH),
        };
        (self.all_tries + width <= room).then_some(Share { batch, width })
    }

    fn begin(&mut self, id: &str, pace: Pace, width: usize, now: Instant) {
        self.all_tries += width;
        match pace {
            Pace::Slow => self.slow_tries += width,
            Pace::Prompt => self.prompt_runs += 1,
            Pace::Unknown => self.unknown_runs += 1,
        }
        if self.endpoints.len() >= REMEMBERED {
            self.endpoints
                .retain(|_, endpoint| endpoint.running.is_some());
        }
        let endpoint = Endpoint {
            pace,
            running: Some(width),
            served: now,
        };
        self.endpoints.insert(id.to_owned(), endpoint);
    }

    /// One of its tries goes on for long: what it has in hand counts as slow from now on.
    pub fn turned_slow(&mut self, id: &str) {
        let Some(endpoint) = self.endpoints.get_mut(id) else {
            return;
        };
        let Some(width) = endpoint.running else {
            return;
        };
        match endpoint.pace {
            Pace::Slow => return,
            Pace::Prompt => self.prompt_runs -= 1,
            Pace::Unknown => self.unknown_runs -= 1,
        }
        endpoint.pace = Pace::Slow;
        self.slow_tries += width;
    }

    /// It has nothing in hand any more. `prompt`: it answered something, and all of it within [`QUICK`].
    pub fn end(&mut self, id: &str, prompt: bool) {
        let Some(endpoint) = self.endpoints.get_mut(id) else {
            return;
        };
        let Some(width) = endpoint.running.take() else {
            return;
        };
        self.all_tries -= width;
        match endpoint.pace {
            Pace::Slow => self.slow_tries -= width,
            Pace::Prompt => self.prompt_runs -= 1,
            Pace::Unknown => self.unknown_runs -= 1,
        }
        if prompt {
            endpoint.pace = Pace::Prompt;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(count: usize, kind: &str) -> Vec<String> {
        (0..count).map(|i| format!("{kind}{i}")).collect()
    }

    fn refs(names: &[String]) -> Vec<&str> {
        names.iter().map(String::as_str).collect()
    }

    #[test]
    fn however_many_hang_the_prompt_ones_are_served_at_every_moment() {
        let mut slots = Slots::default();
        let now = Instant::now();
        let (hanging, prompt) = (names(1000, "h"), names(20, "p"));
        for (id, _) in slots.choose(&refs(&prompt), now) {
            slots.end(id, true);
        }
        let due: Vec<&str> = refs(&hanging).into_iter().chain(refs(&prompt)).collect();
        // A second at a time, in which whoever hangs turns slow, and none of them ever ends.
        for second in 0..60 {
            let chosen = slots.choose(&due, now + Duration::from_secs(second));
            let mut served = 0;
            for (id, share) in chosen {
                if id.starts_with('h') {
                    slots.turned_slow(id);
                } else {
                    served += 1;
                    assert_eq!((share.batch, share.width), (BATCH, WIDTH));
                    slots.end(id, true);
                }
            }
            assert_eq!(served, prompt.len(), "second {second}");
        }
        assert!(slots.all_tries <= ALL);
    }

    #[test]
    fn nobody_has_two_shares_and_whoever_waited_longest_is_first() {
        let mut slots = Slots::default();
        let now = Instant::now();
        let all = names(UNKNOWN + 10, "e");
        let first = slots.choose(&refs(&all), now);
        assert_eq!(first.len(), UNKNOWN);
        assert!(slots.choose(&refs(&all), now).is_empty());
        let served: Vec<String> = first.iter().map(|(id, _)| (*id).to_owned()).collect();
        for id in &served {
            slots.end(id, true);
        }
        let second = slots.choose(&refs(&all), now + QUICK);
        for id in all.iter().filter(|id| !served.contains(id)) {
            assert!(second.iter().any(|(chosen, _)| chosen == id), "{id}");
        }
    }

    #[test]
    fn a_slow_endpoint_that_answers_promptly_is_prompt_again() {
        let mut slots = Slots::default();
        let now = Instant::now();
        assert_eq!(slots.choose(&["e"], now)[0].1, Share { batch: 1, width: 1 });
        slots.turned_slow("e");
        slots.end("e", false);
        assert_eq!(
            slots.choose(&["e"], now)[0].1,
            Share {
                batch: WIDTH,
                width: WIDTH
            }
        );
        slots.end("e", true);
        assert_eq!(slots.choose(&["e"], now)[0].1.batch, BATCH);
    }

    proptest! {
        #[test]
        fn counts_come_back_to_nothing(steps in proptest::collection::vec((0..3_u8, 0..200_usize, any::<bool>()), 0..400)) {
            let mut slots = Slots::default();
            let now = Instant::now();
            let all = names(200, "e");
            for (step, which, prompt) in steps {
                match step {
                    0 => drop(slots.choose(&refs(&all[which..]), now)),
                    1 => slots.turned_slow(&all[which]),
                    _ => slots.end(&all[which], prompt),
                }
                prop_assert!(slots.all_tries <= ALL && slots.prompt_runs <= PROMPT && slots.unknown_runs <= UNKNOWN);
            }
            for id in &all {
                slots.end(id, false);
            }
            let left = slots.prompt_runs + slots.unknown_runs + slots.slow_tries;
            prop_assert_eq!((slots.all_tries, left), (0, 0));
        }
    }
}
