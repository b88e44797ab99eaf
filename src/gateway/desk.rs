//! Where amounts are decided on: together, so that many share the statements and the commit that one takes.
//!
//! What comes in while a batch is being written is the next one. Within it the calls have their turns in the order in which
//! they came, each after those before it: what one has taken the next does not find. A call whose charge is then refused
//! takes nothing. All is durable before any of them hears of it; if it cannot be made so, none of it was done.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use futures_util::future::join_all;
use tokio::sync::oneshot;

use super::{
    amount::Amount,
    door,
    entry::Entry,
    judge::{Code, KeyRecord, Verdict},
    limit::{self, Left},
    volume::{
        self, Held, LAPSE, REPEATED, Refused,
        store::{self, NewReservation, Repeat, Volume},
    },
};
use crate::{
    db::Tx,
    keys::{terms::Limits, upkeep::Reach},
    server::{
        clock::{IdText, Millis},
        error::AppError,
        request_id,
        state::AppState,
    },
    usage::buffer::{Buffer, Door, Owed},
};

/// Calls in one batch at most.
const BATCH: usize = 200;

/// A call that is to move an amount.
pub struct Ask {
    pub key: Arc<KeyRecord>,
    pub amount: Amount,
    pub door: Door,
    /// Under which it may be sent again.
    pub idempotency_key: Option<String>,
    /// [`volume::fingerprint`] of the call.
    pub asked: [u8; 32],
}

/// What becomes of it.
pub enum Answer {
    /// Reserved, and charged.
    Reserved(Reserved),
    /// The row of the call is written.
    Refused(Refused),
    TooFast(limit::Refused),
    /// The idempotency key stands for another call.
    Conflict,
}

pub struct Reserved {
    pub id: String,
    /// When it lapses, if it does.
    pub lapses_at: Option<Millis>,
    pub left: Option<Left>,
}

/// A call that waits for its answer.
pub struct Waiting {
    ask: Ask,
    /// Of the ask's key.
    key_id: IdText,
    entry: Entry,
    request_id: IdText,
    /// What had lapsed was written down since it was last asked.
    again: bool,
    told: oneshot::Sender<Told>,
}

enum Told {
    Answer(Answer, Entry),
    /// Something of the key's has lapsed and is not written down yet. That is done in transactions of its own, since one
    /// that holds volumes must not wait for reservations.
    LapsedFirst(Ask, Entry),
}

/// Reserves an amount and charges its call, or neither. The row of a call whose end is known with that is written as well.
pub async fn ask(state: &AppState, ask: Ask, entry: Entry) -> Result<(Answer, Entry), Code> {
    let (mut ask, mut entry, mut again) = (ask, entry, false);
    loop {
        let (told, answer) = oneshot::channel();
        let waiting = Waiting {
            key_id: ask.key.id(),
            ask,
            entry,
            request_id: request_id::text(),
            again,
            told,
        };
        state.desk.add(waiting, BATCH, state.clone(), serve);
        match answer.await.map_err(|_| Code::Unavailable)? {
            Told::Answer(answer, entry) => return Ok((answer, entry)),
            Told::LapsedFirst(asked, its) => {
                volume::lapse_due(state, Some(&asked.key.id()))
                    .await
                    .map_err(unavailable)?;
                (ask, entry, again) = (asked, its, true);
            }
        }
    }
}

fn unavailable(error: impl std::fmt::Display) -> Code {
    tracing::error!(%error, "an amount cannot be reserved");
    Code::Unavailable
}

/// Decides on a batch; on calls under one idempotency key one after another.
async fn serve(state: AppState, mut batch: Vec<Waiting>) {
    while !batch.is_empty() {
        let mut repeats = HashSet::new();
        let (now, later) = batch.into_iter().partition(|Waiting { ask, .. }| {
            let repeat = ask.idempotency_key.as_ref();
            repeat.is_none_or(|repeat| repeats.insert((ask.key.id, repeat.clone())))
        });
        serve_round(&state, now).await;
        batch = later;
    }
}

/// Says what came of each. Those who hear nothing are told that it is not known.
async fn serve_round(state: &AppState, batch: Vec<Waiting>) {
    let answers = match decide(state, &batch).await {
        Ok(answers) => answers,
        Err(error) => {
            unavailable(error);
            return;
        }
    };
    for (waiting, answer) in batch.into_iter().zip(answers) {
        let Waiting {
            ask,
            mut entry,
            told,
            ..
        } = waiting;
        let told = match answer {
            None => told.send(Told::LapsedFirst(ask, entry)),
            Some(answer) => {
                match &answer {
                    Answer::Reserved(reserved) if ask.door != Door::Verify => {
                        entry.holds(state, Held::of(&reserved.id), &ask.amount);
                    }
                    Answer::Reserved(_) | Answer::Refused(_) => entry.is_written(),
                    Answer::TooFast(_) | Answer::Conflict => {}
                }
                told.send(Told::Answer(answer, entry))
            }
        };
        // Who asked has gone, so that nothing will be sent.
        if let Err(Told::Answer(Answer::Reserved(_), entry)) = told {
            let _ = entry.gone().await;
        }
    }
}

/// The calls of one key in one currency, by their places in the batch.
struct Group {
    calls: Vec<usize>,
    /// What is counted of the day, and what these calls add to it.
    volume: Volume,
    added: i64,
    /// Those that go beyond what is left of the day.
    over: Vec<usize>,
}

impl Group {
    fn new(calls: Vec<usize>, volume: Volume) -> Self {
        Self {
            calls,
            volume,
            added: 0,
            over: Vec::new(),
        }
    }

    /// Gives each call its turn.
    async fn take(&mut self, sitting: &Sitting<'_>) -> Vec<(usize, Answer)> {
        let mut answers = Vec::with_capacity(self.calls.len());
        for &at in &self.calls {
            let ask = &sitting.batch[at].ask;
            let most = ask.key.limits().max_daily.unwrap_or(i64::MAX);
            let left = most.saturating_sub(self.volume.spent + self.added);
            if ask.amount.value > left {
                self.over.push(at);
                continue;
            }
            let charged = sitting.charge(ask).await;
            if charged.is_ok() {
                self.added += ask.amount.value;
            }
            let lapses_at = (ask.door == Door::Verify).then_some(sitting.now + LAPSE);
            let id = sitting.state.rng.id("rsv", sitting.now);
            answers.push((at, answer(charged, id, lapses_at)));
        }
        answers
    }

    /// Whether these calls bring the day to where a key's people are told.
    fn comes_near(&self, limits: &Limits) -> bool {
        let (before, after) = (self.volume.spent, self.volume.spent + self.added);
        limits.max_daily.is_some_and(|max| {
            self.volume.near_at.is_none()
                && !volume::is_near(before, max)
                && volume::is_near(after, max)
        })
    }
}

/// A batch while it is decided on.
struct Sitting<'a> {
    state: &'a AppState,
    batch: &'a [Waiting],
    tx: Tx,
    now: Millis,
    /// By place in the batch; none for those that are not decided on yet.
    answers: Vec<Option<Answer>>,
    /// Those that have to be asked again once what has lapsed is written down.
    later: HashSet<usize>,
    /// Those that get a reservation of their own.
    made: Vec<usize>,
}

/// Answers each call of a batch, durably; none for one that has to be asked again.
async fn decide(state: &AppState, batch: &[Waiting]) -> Result<Vec<Option<Answer>>, AppError> {
    let tx = state.db.begin().await?;
    let check = |Waiting { ask, .. }: &Waiting| {
        let checked = volume::check(ask.key.limits(), &state.profile, &ask.amount);
        checked.err().map(Answer::Refused)
    };
    let mut sitting = Sitting {
        state,
        batch,
        tx,
        now: state.clock.now(),
        answers: batch.iter().map(check).collect(),
        later: HashSet::new(),
        made: Vec::new(),
    };
    sitting.join_repeated().await?;
    sitting.take().await?;
    let owed = sitting.write().await?;
    sitting.tx.commit().await?;
    state.usage.owes(owed);
    Ok(sitting.answers)
}

impl<'a> Sitting<'a> {
    fn open(&self) -> impl Iterator<Item = (usize, &'a Waiting)> + use<'a, '_> {
        let all = self.batch.iter().enumerate();
        all.filter(|(at, _)| self.answers[*at].is_none() && !self.later.contains(at))
    }

    /// Those that repeat a call whose reservation still counts share it.
    async fn join_repeated(&mut self) -> Result<(), AppError> {
        let repeats: Vec<(usize, Repeat<'a>)> = self
            .open()
            .filter_map(|(at, Waiting { ask, key_id, .. })| {
                let repeat = Repeat {
                    key_id,
                    idempotency_key: ask.idempotency_key.as_deref()?,
                    door: ask.door,
                };
                Some((at, repeat))
            })
            .collect();
        if repeats.is_empty() {
            return Ok(());
        }
        let name =
            |(_, of): &(usize, Repeat<'_>)| format!("repeat:{}:{}", of.key_id, of.idempotency_key);
        let mut names: Vec<String> = repeats.iter().map(name).collect();
        names.sort_unstable();
        self.tx.serialise_all(&names).await?;
        let (places, repeats): (Vec<usize>, Vec<Repeat<'_>>) = repeats.into_iter().unzip();
        let since = self.now - REPEATED;
        let mut standing = store::find_repeated(&mut self.tx, &repeats).await?;
        standing.retain(|one| one.created_at > since);
        standing.sort_unstable_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        let mut latest = HashMap::new();
        for one in standing {
            if let Some(call) = repeats.iter().position(|repeat| one.is_of(repeat)) {
                latest.insert(places[call], one);
            }
        }
        // As rows are locked everywhere.
        let mut found: Vec<_> = latest.into_iter().collect();
        found.sort_unstable_by(|(_, a), (_, b)| a.id.cmp(&b.id));
        for (at, standing) in found {
            let (ask, id) = (&self.batch[at].ask, standing.id.clone());
            if standing.is_due(self.now) {
                self.later.insert(at);
            } else if standing.asked != ask.asked {
                self.answers[at] = Some(Answer::Conflict);
            // Unless it was settled between the two statements, which is as good for a repeat only if it was spent.
            } else if store::join(&mut self.tx, &id, 1).await? {
                let charged = self.charge(ask).await;
                if charged.is_err() {
                    store::join(&mut self.tx, &id, -1).await?;
                }
                self.answers[at] = Some(answer(charged, id, standing.lapses_at));
            }
        }
        Ok(())
    }

    /// Reserves for all that are still open.
    async fn take(&mut self) -> Result<(), AppError> {
        let day = volume::day_of(self.now);
        let mut calls: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
        for (at, Waiting { ask, key_id, .. }) in self.open() {
            let of = (&**key_id, ask.amount.currency.as_str());
            calls.entry(of).or_default().push(at);
        }
        let of: Vec<_> = calls.keys().copied().collect();
        let mut groups: Vec<Group> = store::hold(&mut self.tx, day, &of)
            .await?
            .into_iter()
            .filter_map(|volume| {
                let calls = calls.get(&(volume.key_id.as_str(), volume.currency.as_str()))?;
                Some(Group::new(calls.clone(), volume))
            })
            .collect();
        let taken = groups.iter_mut().map(|group| group.take(self));
        for (at, answer) in join_all(taken).await.into_iter().flatten() {
            if matches!(answer, Answer::Reserved(_)) {
                self.made.push(at);
            }
            self.answers[at] = Some(answer);
        }
        let mut added = BTreeMap::new();
        for group in &groups {
            self.refuse(group).await?;
            let Volume {
                key_id, currency, ..
            } = &group.volume;
            let first = group.calls.first().map(|at| &self.batch[*at].ask.key);
            if let Some(key) = first
                && group.comes_near(key.limits())
            {
                self.tell(key, currency, Reach::Near).await?;
            }
            if group.added > 0 {
                added.insert((key_id.as_str(), currency.as_str()), group.added);
            }
        }
        store::add(&mut self.tx, day, &added).await?;
        Ok(())
    }

    /// Those of a key that go beyond what is left of its day: refused, unless something of it may have lapsed.
    async fn refuse(&mut self, group: &Group) -> Result<(), AppError> {
        let Some(first) = group.over.first() else {
            return Ok(());
        };
        let key = &self.batch[*first].ask.key;
        let has_lapsed = volume::has_lapsed(&mut self.tx, &key.id(), self.now).await?;
        for &at in &group.over {
            if has_lapsed && !self.batch[at].again {
                self.later.insert(at);
            } else {
                self.answers[at] = Some(Answer::Refused(Refused::Daily));
            }
        }
        let is_reached = group.over.iter().any(|at| !self.later.contains(at));
        if is_reached && group.volume.reached_at.is_none() {
            self.tell(key, &group.volume.currency, Reach::Reached)
                .await?;
        }
        Ok(())
    }

    async fn tell(
        &mut self,
        key: &KeyRecord,
        currency: &str,
        reach: Reach,
    ) -> Result<(), AppError> {
        volume::tell(&mut self.tx, self.state, key, currency, reach, self.now).await
    }

    /// The reservations, and the rows of those calls whose end is known with them.
    async fn write(&mut self) -> Result<Option<Owed>, AppError> {
        let made = self.made.iter().filter_map(|&at| {
            let Waiting {
                ask, request_id, ..
            } = &self.batch[at];
            let Some(Answer::Reserved(reserved)) = &self.answers[at] else {
                return None;
            };
            Some(NewReservation {
                id: &reserved.id,
                key: &ask.key,
                amount: &ask.amount,
                idempotency_key: ask.idempotency_key.as_deref(),
                asked: &ask.asked,
                door: ask.door,
                request_id,
                lapses_at: reserved.lapses_at,
            })
        });
        let ended = self
            .batch
            .iter()
            .zip(&self.answers)
            .filter_map(|(waiting, answer)| {
                let Waiting { ask, entry, .. } = waiting;
                let (verdict, status, reservation_id) = match answer {
                    Some(Answer::Reserved(Reserved { id, .. })) if ask.door == Door::Verify => {
                        (Verdict::Allowed, 200, Some(id.as_str()))
                    }
                    Some(Answer::Refused(why)) => {
                        (Verdict::Denied(why.code()), why.code().status(), None)
                    }
                    _ => return None,
                };
                entry.ended(verdict, status, &ask.amount, reservation_id)
            });
        let (made, ended): (Vec<_>, Vec<_>) = (made.collect(), ended.collect());
        let day = volume::day_of(self.now);
        store::insert(&mut self.tx, &made, day, self.now).await?;
        Ok(Buffer::write(&mut self.tx, ended).await?)
    }

    async fn charge(&self, ask: &Ask) -> Result<Option<Left>, limit::Refused> {
        let subject = door::subject(&ask.key);
        self.state.limits.charge(subject, self.now).await
    }
}

fn answer(
    charged: Result<Option<Left>, limit::Refused>,
    id: String,
    lapses_at: Option<Millis>,
) -> Answer {
    match charged {
        Ok(left) => Answer::Reserved(Reserved {
            id,
            lapses_at,
            left,
        }),
        Err(refused) => Answer::TooFast(refused),
    }
}
