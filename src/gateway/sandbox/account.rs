//! What the sandbox remembers of one workspace in one environment.

use std::collections::HashMap;

use serde_json::Value;

use super::{Call, bills::Purchase, panel::Order};
use crate::profiles::Sample;

/// Things of a kind that are kept; with a new one the oldest goes.
pub const KEPT: usize = 60;

#[derive(Default)]
pub struct Account {
    /// Objects with an `id`, the newest first. A kind is filled with its samples when it is first asked for.
    shelves: HashMap<Sample, Vec<Value>>,
    /// Placed orders, the newest first.
    pub orders: Vec<Order>,
    pub purchases: Vec<Purchase>,
    /// What went out of the balance less what came in, in units of [`super::panel::UNIT`].
    pub spent: i64,
    /// What came into the wallet less what went out, by currency, in minor units.
    pub moved: HashMap<String, i64>,
    /// Answers to calls that may be repeated, by what stands for the call; the newest first.
    answers: Vec<(String, Value)>,
    /// Things made so far; each gets a number, and by it an id.
    made: i64,
}

impl Account {
    /// The things of this kind.
    pub fn shelf(&mut self, kind: Sample, samples: impl FnOnce() -> Vec<Value>) -> &mut Vec<Value> {
        self.shelves.entry(kind).or_insert_with(samples)
    }

    /// What this call was answered before.
    pub fn answered(&self, call: &str) -> Option<Value> {
        let answer = self.answers.iter().find(|(known, _)| known == call);
        answer.map(|(_, answer)| answer.clone())
    }

    pub fn keep_answer(&mut self, call: String, answer: &Value) {
        put(&mut self.answers, (call, answer.clone()));
    }

    /// The number of the next thing that is made, from 1.
    pub fn number(&mut self) -> i64 {
        self.made += 1;
        self.made
    }

    /// An id for the next thing that is made: another one than before a restart, when numbers begin anew.
    pub fn id(&mut self, call: &Call<'_>, prefix: &str) -> String {
        let number = self.number();
        call.seed(&format!("made/{prefix}/{number}/{}", call.now))
            .id(prefix)
    }
}

/// Puts the newest first, and lets go of what is beyond what is kept.
pub fn put<T>(list: &mut Vec<T>, thing: T) {
    list.insert(0, thing);
    list.truncate(KEPT);
}
