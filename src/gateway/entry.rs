//! The row of a request in the log: begun before anything is decided, written once it is known how the request ended.

use std::{sync::Arc, time::Instant};

use tokio::task::JoinError;

use super::{
    amount::Amount,
    door::Call,
    judge::{Code, Verdict},
    volume::{Held, Outcome},
};
use crate::{
    db::DbError,
    server::{request_id, state::AppState},
    usage::buffer::{Moved, Place, RequestRow},
};

/// Longest value from outside that is written down; the rest says nothing that a log needs.
const MAX_KEPT: usize = 512;
/// The status that is logged where whoever asked went away before there was an answer. nginx's word for it.
const GONE: u16 = 499;

/// Written at the latest when whoever asked has gone. Until it is decided on, the request is one that could not be judged:
/// that is what its sender is told if nothing else comes of it.
#[must_use]
pub struct Entry {
    place: Option<Place>,
    /// Boxed, since an entry goes from hand to hand.
    row: Option<Box<RequestRow>>,
    /// The amount that is to be settled with it.
    held: Option<(AppState, Held)>,
    started: Instant,
}

impl Entry {
    /// Takes a place in the log. What could not be logged is not decided.
    pub async fn begin(state: &AppState, call: &Call<'_>) -> Result<Self, Code> {
        let place = state.usage.place().await;
        Ok(Self {
            place: Some(place.map_err(|_| Code::Unavailable)?),
            row: Some(Box::new(row(call))),
            held: None,
            started: call.started,
        })
    }

    /// Notes what was decided.
    pub fn decided(&mut self, verdict: Verdict) {
        if let Some(row) = &mut self.row {
            row.code = verdict.code();
            row.status = match verdict {
                Verdict::Allowed => GONE,
                Verdict::Denied(code) => code.status(),
            };
        }
    }

    /// The row as it is if the request, which named this amount, ends so.
    pub fn ended(
        &self,
        verdict: Verdict,
        status: u16,
        amount: &Amount,
        reservation_id: Option<&str>,
    ) -> Option<RequestRow> {
        let row = self.row.as_deref()?;
        Some(RequestRow {
            code: verdict.code(),
            status,
            latency_us: self.latency_us(),
            moved: Some(moved(amount, reservation_id)),
            ..row.clone()
        })
    }

    /// It was, with what it moved.
    pub fn is_written(&mut self) {
        self.row = None;
        self.place = None;
    }

    /// Has the reservation of its amount settled with it.
    pub fn holds(&mut self, state: &AppState, held: Held, amount: &Amount) {
        if let Some(row) = &mut self.row {
            row.moved = Some(moved(amount, Some(held.id())));
        }
        self.held = Some((state.clone(), held));
    }

    /// Whoever asked has gone before anything was sent.
    pub async fn gone(mut self) -> Result<(), Code> {
        self.decided(Verdict::Allowed);
        self.settle(Outcome::NotSent, GONE).await
    }

    fn latency_us(&self) -> i64 {
        i64::try_from(self.started.elapsed().as_micros()).unwrap_or(i64::MAX)
    }

    fn take_row(&mut self) -> Option<RequestRow> {
        let latency_us = self.latency_us();
        let row = *self.row.take()?;
        Some(RequestRow { latency_us, ..row })
    }

    /// Hands over the row of a request that moves nothing.
    pub fn write(&mut self, status: u16) {
        if let Some(row) = &mut self.row {
            row.status = status;
        }
        if let Some(row) = self.take_row()
            && let Some(place) = self.place.take()
        {
            place.fill(row);
        }
    }

    /// Notes how the request ended and what status its sender is told. Of one that moves an amount both are durable
    /// before this returns; if they cannot be, it must not be answered as if they were.
    pub async fn settle(mut self, outcome: Outcome, status: u16) -> Result<(), Code> {
        if self.held.is_none() {
            self.write(status);
            return Ok(());
        }
        Box::pin(self.settle_held(outcome, status)).await
    }

    async fn settle_held(mut self, outcome: Outcome, status: u16) -> Result<(), Code> {
        let Some((state, held)) = self.held.take() else {
            return Ok(());
        };
        let place = self.place.take();
        let Some(row) = self.take_row() else {
            return Ok(());
        };
        let row = RequestRow { status, ..row };
        let settled = to_its_end(settle(state, held, outcome, row, place));
        settled.await.map_err(|_| Code::Unavailable)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let place = self.place.take();
        match (self.held.take(), self.take_row()) {
            (Some((state, held)), Some(row)) => {
                // Whoever asked has gone, and with them this task.
                tokio::spawn(settle(state, held, Outcome::Lost, row, place));
            }
            (None, Some(row)) => {
                if let Some(place) = place {
                    place.fill(row);
                }
            }
            (_, None) => {}
        }
    }
}

/// Runs it even if whoever asked goes away, and with them their request.
fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, DbError>> + Send + 'static,
) -> impl Future<Output = Result<T, DbError>> {
    let done = tokio::spawn(work);
    let broken = |error: JoinError| DbError::Other(sqlx::Error::Protocol(error.to_string()));
    async move { done.await.unwrap_or_else(|error| Err(broken(error))) }
}

/// Settles an amount with its row. Where that fails its sender is told so, and the row says what they are told as soon as
/// rows can be written.
async fn settle(
    state: AppState,
    held: Held,
    outcome: Outcome,
    row: RequestRow,
    place: Option<Place>,
) -> Result<(), DbError> {
    let settled = held.settle(&state, outcome, row.clone()).await;
    if let Err(error) = &settled {
        tracing::error!(%error, "an amount cannot be settled; it stays counted");
        if let Some(place) = place {
            place.fill(RequestRow {
                code: Code::Unavailable.as_str(),
                status: Code::Unavailable.status(),
                ..row
            });
        }
    }
    settled
}

fn row(call: &Call<'_>) -> RequestRow {
    let (key, seen) = (call.key, &call.seen);
    RequestRow {
        id: request_id::current(),
        workspace_id: key.workspace_id.clone(),
        environment: key.environment.clone(),
        key_id: key.id,
        secret_id: Some(key.secret_id),
        at: call.now,
        door: call.door,
        code: Code::Unavailable.as_str(),
        status: Code::Unavailable.status(),
        method: seen.method.map(kept),
        path: seen.path.map(kept),
        scope: seen.scope.map(kept),
        ip: seen.ip.map(|ip| ip.to_string().into()),
        agent: seen.agent.as_deref().map(kept),
        latency_us: 0,
        moved: None,
    }
}

fn moved(amount: &Amount, reservation_id: Option<&str>) -> Moved {
    Moved {
        amount: amount.value,
        // It may be no currency at all.
        currency: kept(&amount.currency),
        reservation_id: reservation_id.map(str::to_owned),
    }
}

/// Text from outside as it is kept: bounded, and without NUL, which Postgres cannot hold.
fn kept(text: &str) -> Arc<str> {
    if text.len() <= MAX_KEPT && !text.contains('\0') {
        return text.into();
    }
    let kept = text.chars().filter(|c| *c != '\0').take(MAX_KEPT);
    kept.collect::<String>().into()
}
