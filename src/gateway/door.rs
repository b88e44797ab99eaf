//! What the gateway, verify and forward-auth share: from the text of a key to its record, and from there to a decision.

use std::{
    borrow::Cow,
    net::IpAddr,
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use metrics::Counter;

use super::{
    amount::{Amount, Unread},
    desk::{self, Answer, Ask},
    entry::Entry,
    judge::{Code, Facts, KeyRecord, VALID, Verdict, judge},
    limit::{self, Left, Subject},
    nonce::Use,
    volume,
};
use crate::{
    keys::secret::PlainKey,
    server::{clock::Millis, state::AppState},
    usage::buffer::Door,
};

/// Finds the key that this text is. Fails closed: what cannot be looked up or could not be logged is unavailable.
pub async fn recognise(state: &AppState, text: &str, now: Millis) -> Result<Arc<KeyRecord>, Code> {
    if !state.usage.accepts(now) {
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
    pub key: &'a Arc<KeyRecord>,
    pub facts: &'a Facts<'a>,
    /// What the call says cannot be understood, once all else is in order.
    pub malformed: bool,
    pub moves: Moves<'a>,
    /// What came of the request's signature, where it was looked at: the nonce that it uses up, or why it proves nothing.
    pub proof: Option<Result<Use, Code>>,
    pub seen: Seen<'a>,
    pub started: Instant,
    /// When it is judged.
    pub now: Millis,
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
pub struct Seen<'a> {
    pub method: Option<&'a str>,
    pub path: Option<&'a str>,
    pub scope: Option<&'a str>,
    pub ip: Option<IpAddr>,
    pub agent: Option<Cow<'a, str>>,
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
    fn allowed(left: Option<Left>, entry: Entry) -> Self {
        Self::of(Verdict::Allowed, left, entry)
    }

    fn denied(code: Code, left: Option<Left>, entry: Entry) -> Self {
        Self::of(Verdict::Denied(code), left, entry)
    }

    fn too_fast(refused: &limit::Refused, entry: Entry) -> Self {
        Self {
            wait: Some(refused.wait),
            ..Self::denied(refused.code, refused.left, entry)
        }
    }

    /// The row says so as well.
    fn of(verdict: Verdict, left: Option<Left>, mut entry: Entry) -> Self {
        entry.decided(verdict);
        Self {
            verdict,
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
pub async fn decide(state: &AppState, call: &Call<'_>) -> Result<Decision, Code> {
    let now = call.now;
    let entry = Entry::begin(state, call).await?;
    let mut decision = match weigh(state, call) {
        Err((code, wrong)) => {
            let left = state.limits.left(subject(call.key), now).await;
            Decision {
                wrong,
                ..Decision::denied(code, left, entry)
            }
        }
        Ok(None) => take(state, call, entry).await?,
        Ok(Some(once)) => match Box::pin(state.nonces.take(&state.db, once, now)).await {
            Ok(()) => {
                let decision = take(state, call, entry).await?;
                if decision.verdict != Verdict::Allowed {
                    Box::pin(state.nonces.give_back(&state.db, once, now)).await;
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
fn weigh(state: &AppState, call: &Call<'_>) -> Result<Option<Use>, (Code, Option<String>)> {
    let once = proved(state, call.proof).map_err(|code| (code, None))?;
    if let Verdict::Denied(code) = judge(call.key, call.facts, call.now) {
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

/// Charges the request, and reserves the amount that it moves, if it moves one.
async fn take(state: &AppState, call: &Call<'_>, entry: Entry) -> Result<Decision, Code> {
    if let Ok(Some(amount)) = &call.moves.amount {
        // Boxed, as are the rare and large steps elsewhere: every request would carry the room that they take.
        return Box::pin(reserve(state, call, amount, entry)).await;
    }
    Ok(
        match state.limits.charge(subject(call.key), call.now).await {
            Ok(left) => Decision::allowed(left, entry),
            Err(refused) => Decision::too_fast(&refused, entry),
        },
    )
}

async fn reserve(
    state: &AppState,
    call: &Call<'_>,
    amount: &Amount,
    entry: Entry,
) -> Result<Decision, Code> {
    let ask = Ask {
        key: call.key.clone(),
        amount: amount.clone(),
        door: call.door,
        idempotency_key: call.moves.idempotency_key.map(str::to_owned),
        asked: call.moves.asked,
    };
    let (answer, entry) = desk::ask(state, ask, entry).await?;
    let left = state.limits.left(subject(call.key), call.now);
    Ok(match answer {
        Answer::Reserved(reserved) => Decision {
            reservation: Some((reserved.id, reserved.lapses_at)),
            ..Decision::allowed(reserved.left, entry)
        },
        Answer::Refused(why) => Decision::denied(why.code(), left.await, entry),
        Answer::TooFast(refused) => Decision::too_fast(&refused, entry),
        Answer::Conflict => Decision {
            wrong: Some(
                "This idempotency key was used for another call. Use a new one for each call."
                    .to_owned(),
            ),
            conflict: true,
            ..Decision::denied(Code::BadRequest, left.await, entry)
        },
    })
}

/// Whether the call would be let through, but for what would then be reserved and charged.
pub fn would_pass(state: &AppState, call: &Call<'_>) -> bool {
    weigh(state, call).is_ok()
}

/// Logs a request whose end its sender asked for (see [`super::lab`]). Nothing is reserved or charged.
pub async fn stage(
    state: &AppState,
    call: &Call<'_>,
    verdict: Verdict,
    status: u16,
) -> Result<(), Code> {
    let mut entry = Entry::begin(state, call).await?;
    count(call.door, verdict);
    entry.decided(verdict);
    entry.write(status);
    Ok(())
}

/// What a request of this key is charged to.
pub fn subject(key: &KeyRecord) -> Subject<'_> {
    Subject {
        key_id: key.id,
        workspace_id: &key.workspace_id,
        bucket: key.bucket.as_deref(),
        rates: &key.rates,
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
