//! What the gateway, verify and forward-auth share: from the text of a key to its record, from there to a decision, and
//! the usage row of what became of it.

use std::{
    net::IpAddr,
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use metrics::Counter;

use super::{
    amount::{Amount, Unread},
    judge::{Code, Facts, KeyRecord, VALID, Verdict, judge},
    limit::{Left, Subject},
    nonce::Use,
    volume::{self, Answer, Ask, Held, Outcome, Reserving},
};
use crate::{
    keys::secret::PlainKey,
    server::{clock::Millis, error::AppError, request_id, state::AppState},
    usage::buffer::{Door, Moved, Place, RequestRow},
};

/// Longest value from outside that is written down; the rest says nothing that a log needs.
const MAX_KEPT: usize = 512;
/// The status that is logged where whoever asked went away before there was an answer. nginx's word for it.
const GONE: u16 = 499;

/// Finds the key that this text is. Fails closed: what cannot be looked up or could not be logged is unavailable.
pub async fn recognise(state: &AppState, text: &str) -> Result<Arc<KeyRecord>, Code> {
    if !state.usage.accepts(state.clock.now()) {
        return Err(Code::Unavailable);
    }
    let key = PlainKey::parse(text, &state.profile).map_err(|_| Code::Malformed)?;
    for hash in key.hashes(&state.peppers) {
        match state.keys.find(&state.db, hash).await {
            Ok(Some(record)) => return Ok(record),
            Ok(None) => {}
            Err(error) => {
                tracing::error!(%error, "a key cannot be looked up");
                return Err(Code::Unavailable);
            }
        }
    }
    Err(Code::NotFound)
}

/// A request of a known key, as one of the doors asks about it.
pub struct Call<'a> {
    pub door: Door,
    pub key: &'a KeyRecord,
    pub facts: &'a Facts<'a>,
    /// What the call says cannot be understood, once all else is in order.
    pub malformed: bool,
    pub moves: Moves<'a>,
    /// What came of the request's signature, where it was looked at: the nonce that it uses up, or why it proves nothing.
    pub proof: Option<Result<Use, Code>>,
    pub seen: Seen,
    pub started: Instant,
}

/// What the call moves.
pub struct Moves<'a> {
    /// As it was read, if the call names one.
    pub amount: Result<Option<Amount>, Unread>,
    /// A call of this kind moves money: with a key that is limited it has to say how much.
    pub must_say: bool,
    /// Under which it may be sent again.
    pub idempotency_key: Option<&'a str>,
    /// [`volume::fingerprint`] of the call.
    pub asked: [u8; 32],
}

impl Moves<'_> {
    /// Money stays where it is.
    pub const NOTHING: Self = Self {
        amount: Ok(None),
        must_say: false,
        idempotency_key: None,
        asked: [0; 32],
    };
}

/// What is logged of a request beside its verdict.
#[derive(Default)]
pub struct Seen {
    pub method: Option<String>,
    pub path: Option<String>,
    pub scope: Option<String>,
    pub ip: Option<IpAddr>,
    pub agent: Option<String>,
}

/// What becomes of a request.
pub struct Decision {
    pub verdict: Verdict,
    /// Why its amount cannot be taken, if that is the reason.
    pub wrong: Option<String>,
    /// Its idempotency key stands for another call.
    pub conflict: bool,
    /// What is left of the rate that bounds the key, if one does.
    pub left: Option<Left>,
    /// After this long a refused charge may be tried again.
    pub wait: Option<Duration>,
    /// The id of the amount's reservation, and when it lapses.
    pub reservation: Option<(String, Option<Millis>)>,
    /// The row of a request that was let through; of one that was not it is written already.
    pub entry: Entry,
}

impl Decision {
    /// The row says so as well.
    fn denied(code: Code, left: Option<Left>, mut entry: Entry) -> Self {
        if let Some(row) = &mut entry.row {
            row.code = code.as_str();
        }
        Self {
            verdict: Verdict::Denied(code),
            wrong: None,
            conflict: false,
            left,
            wait: None,
            reservation: None,
            entry,
        }
    }
}

/// What a signature comes to. Where a pair names itself by its public key, everybody may know that: it proves nothing alone.
pub fn proved(state: &AppState, proof: Option<Result<Use, Code>>) -> Result<Option<Use>, Code> {
    match proof {
        None if state.profile.credential.signature => Err(Code::SignatureRequired),
        proof => proof.transpose(),
    }
}

/// Judges, takes the nonce, reserves the amount and charges what is let through, in this order. Nothing is taken of a
/// request that is denied. What could not be logged is not decided.
pub async fn decide(state: &AppState, mut call: Call<'_>) -> Result<Decision, Code> {
    let now = state.clock.now();
    let place = state.usage.place().await.map_err(|_| Code::Unavailable)?;
    let entry = Entry {
        door: call.door,
        place: Some(place),
        held: None,
        started: call.started,
        row: Some(row(
            call.door,
            call.key,
            Verdict::Allowed,
            std::mem::take(&mut call.seen),
            now,
        )),
    };
    let mut decision = match weigh(state, &call, now) {
        Err((code, wrong)) => {
            let left = state.limits.left(subject(call.key), now).await;
            Decision {
                wrong,
                ..Decision::denied(code, left, entry)
            }
        }
        Ok(None) => take(state, &call, entry, now).await?,
        Ok(Some(once)) => match state.nonces.take(&state.db, once, now).await {
            Ok(()) => {
                let decision = take(state, &call, entry, now).await?;
                if decision.verdict != Verdict::Allowed {
                    state.nonces.give_back(&state.db, once, now).await;
                }
                decision
            }
            Err(Code::Unavailable) => return Err(Code::Unavailable),
            Err(code) => {
                let left = state.limits.left(subject(call.key), now).await;
                Decision::denied(code, left, entry)
            }
        },
    };
    count(call.door, decision.verdict);
    if let Verdict::Denied(code) = decision.verdict {
        decision.entry.write(code.status());
    }
    Ok(decision)
}

/// All that can be said of a call without taking anything: the nonce that it uses up, if it is signed, or why it is denied.
fn weigh(
    state: &AppState,
    call: &Call<'_>,
    now: Millis,
) -> Result<Option<Use>, (Code, Option<String>)> {
    let once = proved(state, call.proof).map_err(|code| (code, None))?;
    if let Verdict::Denied(code) = judge(call.key, call.facts, now) {
        return Err((code, None));
    }
    if call.malformed {
        return Err((Code::BadRequest, None));
    }
    match &call.moves.amount {
        Err(Unread::Malformed(message)) => Err((Code::BadRequest, Some(message.clone()))),
        Err(Unread::UnknownCurrency(_)) => Err((Code::CurrencyNotAllowed, None)),
        Ok(None) if call.moves.must_say && volume::bounds(call.key.limits()) => Err((
            Code::BadRequest,
            Some("Say the amount: this API key is limited in what it may move.".to_owned()),
        )),
        Ok(_) => Ok(once),
    }
}

/// Reserves the amount, if the call moves one, and charges the request.
async fn take(
    state: &AppState,
    call: &Call<'_>,
    entry: Entry,
    now: Millis,
) -> Result<Decision, Code> {
    let unavailable = |error: AppError| {
        tracing::error!(%error, "an amount cannot be reserved");
        Code::Unavailable
    };
    let amount = call.moves.amount.as_ref().ok().and_then(Option::as_ref);
    let reserved = match amount {
        Some(amount) => reserve(state, call, amount, entry, now)
            .await
            .map_err(unavailable)?,
        None => Ok((None, entry)),
    };
    let (reserving, mut entry) = match reserved {
        Ok(reserved) => reserved,
        Err(denied) => return Ok(denied),
    };
    let left = match state.limits.charge(subject(call.key), now).await {
        Ok(left) => left,
        // What was to be reserved is dropped, and never was.
        Err(refused) => {
            return Ok(Decision {
                wait: Some(refused.wait),
                ..Decision::denied(refused.code, refused.left, entry)
            });
        }
    };
    let reservation = match (reserving, amount) {
        (Some(reserving), Some(amount)) => Some(
            entry
                .reserve(state, reserving, amount)
                .await
                .map_err(unavailable)?,
        ),
        _ => None,
    };
    Ok(Decision {
        verdict: Verdict::Allowed,
        wrong: None,
        conflict: false,
        left,
        wait: None,
        reservation,
        entry,
    })
}

/// What is to be reserved, or the decision that it is not.
async fn reserve(
    state: &AppState,
    call: &Call<'_>,
    amount: &Amount,
    mut entry: Entry,
    now: Millis,
) -> Result<Result<(Option<Reserving>, Entry), Decision>, AppError> {
    let key = call.key;
    let request_id = request_id::current();
    let ask = Ask {
        workspace_id: &key.workspace_id,
        key_id: &key.id,
        environment: &key.environment,
        limits: key.limits(),
        amount,
        door: call.door,
        request_id: &request_id,
        idempotency_key: call.moves.idempotency_key,
        asked: call.moves.asked,
    };
    let left = state.limits.left(subject(key), now);
    Ok(match volume::reserve(state, &ask).await? {
        Answer::Reserved(reserving) => Ok((Some(reserving), entry)),
        Answer::Refused(why) => {
            // Its row is written here, with the word that a limit is reached.
            if let Some(mut row) = entry.take_row(why.code().status()) {
                row.code = why.code().as_str();
                row.moved = Some(moved(amount, None));
                volume::refused(state, &ask, why, row).await?;
            }
            Err(Decision::denied(why.code(), left.await, entry))
        }
        Answer::Conflict => Err(Decision {
            wrong: Some(
                "This idempotency key was used for another call. Use a new one for each call."
                    .to_owned(),
            ),
            conflict: true,
            ..Decision::denied(Code::BadRequest, left.await, entry)
        }),
    })
}

/// Whether the call would be let through, but for what would then be reserved and charged.
pub fn would_pass(state: &AppState, call: &Call<'_>, now: Millis) -> bool {
    weigh(state, call, now).is_ok()
}

/// Logs a request whose end its sender asked for (see [`super::lab`]). Nothing is reserved or charged.
pub async fn stage(
    state: &AppState,
    call: Call<'_>,
    verdict: Verdict,
    status: u16,
) -> Result<(), Code> {
    let place = state.usage.place().await.map_err(|_| Code::Unavailable)?;
    count(call.door, verdict);
    let mut entry = Entry {
        door: call.door,
        place: Some(place),
        held: None,
        started: call.started,
        row: Some(row(
            call.door,
            call.key,
            verdict,
            call.seen,
            state.clock.now(),
        )),
    };
    entry.write(status);
    Ok(())
}

fn moved(amount: &Amount, reservation_id: Option<String>) -> Moved {
    Moved {
        amount: amount.value,
        // It may be no currency at all.
        currency: kept(amount.currency.clone()),
        reservation_id,
    }
}

/// What a request of this key is charged to.
pub fn subject(key: &KeyRecord) -> Subject<'_> {
    Subject {
        key_id: &key.id,
        workspace_id: &key.workspace_id,
        rates: &key.rates,
    }
}

/// The row of a request, which is written once it is known how the request was answered; at the latest when whoever asked
/// has gone.
#[must_use]
pub struct Entry {
    door: Door,
    place: Option<Place>,
    row: Option<RequestRow>,
    /// The amount that is to be settled with it.
    held: Option<(AppState, Held)>,
    started: Instant,
}

impl Entry {
    /// Makes the reservation durable. What verify reserves its asker settles, so that the row is written at once.
    async fn reserve(
        &mut self,
        state: &AppState,
        reserving: Reserving,
        amount: &Amount,
    ) -> Result<(String, Option<Millis>), AppError> {
        let reservation = (reserving.id().to_owned(), reserving.lapses_at);
        let moved = moved(amount, Some(reservation.0.clone()));
        if self.door == Door::Verify {
            let row = self.take_row(200).map(|row| RequestRow {
                moved: Some(moved),
                ..row
            });
            let _ = reserving.keep(row).await?;
        } else {
            if let Some(row) = &mut self.row {
                row.moved = Some(moved);
            }
            self.held = Some((state.clone(), reserving.keep(None).await?));
        }
        Ok(reservation)
    }

    fn take_row(&mut self, status: u16) -> Option<RequestRow> {
        let mut row = self.row.take()?;
        row.status = status;
        row.latency_us = i64::try_from(self.started.elapsed().as_micros()).unwrap_or(i64::MAX);
        Some(row)
    }

    /// Hands over the row of a request that moves nothing.
    fn write(&mut self, status: u16) {
        if let Some(row) = self.take_row(status)
            && let Some(place) = self.place.take()
        {
            place.fill(row);
        }
    }

    /// Notes how the request ended and what status its sender is told. Of one that moves an amount both are durable
    /// before this returns; if they cannot be, it must not be answered as if they were.
    pub async fn settle(mut self, outcome: Outcome, status: u16) -> Result<(), Code> {
        if let Some((state, held)) = self.held.take()
            && let Some(row) = self.take_row(status)
        {
            return held.settle(&state, outcome, row).await.map_err(|error| {
                tracing::error!(%error, "an amount cannot be settled; it stays counted");
                Code::Unavailable
            });
        }
        self.write(status);
        Ok(())
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        match (self.held.take(), self.take_row(GONE)) {
            (Some((state, held)), Some(row)) => {
                // Whoever asked has gone, and with them this task.
                tokio::spawn(async move {
                    if let Err(error) = held.settle(&state, Outcome::Lost, row).await {
                        tracing::error!(%error, "an amount cannot be settled; it stays counted");
                    }
                });
            }
            (None, Some(row)) => {
                if let Some(place) = self.place.take() {
                    place.fill(row);
                }
            }
            (_, None) => {}
        }
    }
}

fn row(door: Door, key: &KeyRecord, verdict: Verdict, seen: Seen, now: i64) -> RequestRow {
    RequestRow {
        id: request_id::current(),
        workspace_id: key.workspace_id.clone(),
        environment: key.environment.clone(),
        key_id: key.id.clone(),
        secret_id: Some(key.secret_id.clone()),
        at: now,
        door,
        code: verdict.code(),
        status: GONE,
        method: seen.method.map(kept),
        path: seen.path.map(kept),
        scope: seen.scope.map(kept),
        ip: seen.ip.map(|ip| ip.to_string()),
        agent: seen.agent.map(kept),
        latency_us: 0,
        moved: None,
    }
}

/// Counts a verdict, for metrics. Verdicts on unknown keys are only counted: strangers must not fill the log.
pub fn count(door: Door, verdict: Verdict) {
    /// A counter each, by door and the place of the code in [`Code::ALL`]; the last is that of success. They are looked up
    /// once, not with every request.
    static COUNTERS: LazyLock<Vec<Vec<Counter>>> = LazyLock::new(|| {
        crate::server::metrics::handle();
        let codes = || Code::ALL.iter().map(|code| code.as_str()).chain([VALID]);
        Door::ALL
            .iter()
            .map(|door| {
                codes()
                    .map(|code| metrics::counter!("latchkey_judged_total", "door" => door.as_str(), "code" => code))
                    .collect()
            })
            .collect()
    });
    let of_door = &COUNTERS[door as usize];
    let counter = match verdict {
        Verdict::Allowed => of_door.last(),
        Verdict::Denied(code) => of_door.get(code as usize),
    };
    if let Some(counter) = counter {
        counter.increment(1);
    }
}

/// Text from outside as it is kept: bounded, and without NUL, which Postgres cannot hold.
fn kept(text: String) -> String {
    if text.len() <= MAX_KEPT && !text.contains('\0') {
        return text;
    }
    text.chars().filter(|c| *c != '\0').take(MAX_KEPT).collect()
}
