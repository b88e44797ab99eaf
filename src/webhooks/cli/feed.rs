//! The events of a workspace as they come, for one program that listens: server-sent events over one long answer.
//!
//! It asks the database twice a second. That is cheap, needs no memory per event, finds what other processes noted, and
//! looks at the token each time.

use std::{
    collections::{BTreeSet, HashMap},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::body::Bytes;
use hyper::body::Frame;
use tokio::{sync::mpsc, time::Instant};

use super::{open, store, token::CliToken};
use crate::{
    db::DbError,
    server::{
        clock::{DAY, Millis, SECOND, first_id, is_id, time_of_id},
        state::AppState,
    },
    webhooks::outbox,
};

/// How often it is looked for new events.
const LOOK: Duration = Duration::from_millis(500);
/// How often it is said that the connection is alive: proxies close silent ones, most after a minute.
const BEAT: Duration = Duration::from_secs(15);
/// Events read at a time.
const PAGE: i64 = 20;
/// Events that may wait for the program to take them.
const WAITING: usize = 20;
/// An event's id tells when it was made, which is some time before its transaction is there to be read.
const LATE: Millis = 10 * SECOND;
/// How far back a program can take up what it missed.
const BACK: Millis = DAY;
/// How many may listen by one token at a time, on one node.
const PER_TOKEN: usize = 4;

/// Who listens here, by token.
#[derive(Clone, Default)]
pub struct Listeners(Arc<Mutex<HashMap<String, usize>>>);

/// One that listens, until it is dropped.
pub struct Place {
    listeners: Listeners,
    token: String,
}

impl Listeners {
    /// A place for one more by this token, if there is one.
    pub fn enter(&self, token: &str) -> Option<Place> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let here = all.entry(token.to_owned()).or_default();
        if *here >= PER_TOKEN {
            return None;
        }
        *here += 1;
        Some(Place {
            listeners: self.clone(),
            token: token.to_owned(),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = self
            .listeners
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(here) = all.get_mut(&self.token) {
            *here -= 1;
            if *here == 0 {
                all.remove(&self.token);
            }
        }
    }
}

/// How far a program has heard.
pub struct Heard {
    /// Nothing up to this id is told.
    start: String,
    /// When all that was there had been told.
    told_at: Millis,
    /// What was told of the time in which more may turn up.
    recent: BTreeSet<String>,
}

impl Heard {
    /// All that is there by now.
    pub async fn up_to_now(state: &AppState, token: &CliToken) -> Result<Self, DbError> {
        let now = state.clock.now();
        let start = first_id("evt", now - LATE);
        let mut recent = BTreeSet::new();
        let mut after = start.clone();
        let mut reader = state.db.read().await?;
        loop {
            let page = store::events_after(&mut reader, &token.workspace_id, &after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.id);
            recent.extend(page.into_iter().map(|event| event.id));
        }
        Ok(Self {
            start,
            told_at: now,
            recent,
        })
    }

    /// All up to the event of this id, or to a day ago; nothing if that is no event's.
    pub fn up_to(id: &str, now: Millis) -> Option<Self> {
        let at = is_id(id, "evt").then(|| time_of_id(id, "evt")).flatten()?;
        let oldest = first_id("evt", now - BACK);
        Some(Self {
            start: oldest.max(id.to_owned()),
            told_at: at.min(now),
            recent: BTreeSet::new(),
        })
    }

    /// What to take up after should nothing be told any more.
    fn here(&self) -> String {
        first_id("evt", self.told_at).max(self.start.clone())
    }

    /// From where more may turn up.
    fn floor(&self) -> String {
        first_id("evt", self.told_at - LATE).max(self.start.clone())
    }
}

/// Why a round ended early.
enum Ended {
    /// The token is not good any more.
    Over,
    /// Nobody hears it.
    Gone,
    Failed(DbError),
}

impl From<DbError> for Ended {
    fn from(error: DbError) -> Self {
        Self::Failed(error)
    }
}

/// Tells the program of every event until it goes away or its token ends.
pub async fn tell(
    state: AppState,
    token: CliToken,
    mut heard: Heard,
    to: mpsc::Sender<Bytes>,
    _place: Place,
) {
    let mut beaten = Instant::now();
    // Said at once, so that the program knows that it is heard; and how soon to come back, and after what, should the
    // connection end before the first event.
    let hello = format!(": listening\nretry: 1000\nid: {}\n\n", heard.here());
    if to.send(Bytes::from(hello)).await.is_err() {
        return;
    }
    loop {
        match round(&state, &token, &mut heard, &to).await {
            Ok(()) => {}
            Err(Ended::Gone) => return,
            Err(Ended::Over) => {
                let _gone = to.send(Bytes::from_static(OVER)).await;
                return;
            }
            // It is looked again; what was not told is still there.
            Err(Ended::Failed(error)) => tracing::warn!(%error, "events for a listener"),
        }
        if beaten.elapsed() >= BEAT {
            beaten = Instant::now();
            if to.send(Bytes::from_static(b": alive\n\n")).await.is_err() {
                return;
            }
        }
        tokio::select! {
            () = to.closed() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// The last thing that is told: there is no use in coming back.
const OVER: &[u8] = b"event: end\ndata: {\"reason\":\"The token was revoked or has expired.\"}\n\n";

/// Tells what is new.
async fn round(
    state: &AppState,
    token: &CliToken,
    heard: &mut Heard,
    to: &mpsc::Sender<Bytes>,
) -> Result<(), Ended> {
    let now = state.clock.now();
    let mut after = heard.floor();
    loop {
        // Not held while the program takes its time.
        let page = {
            let mut reader = state.db.read().await?;
            if !token.is_still_good(&mut reader, state.clock.now()).await? {
                return Err(Ended::Over);
            }
            store::events_after(&mut reader, &token.workspace_id, &after, PAGE).await?
        };
        let Some(last) = page.last() else { break };
        after.clone_from(&last.id);
        for event in page {
            let told = event
                .environment
                .as_ref()
                .is_none_or(|here| open(state).any(|open| open.id == *here));
            if !heard.recent.insert(event.id.clone()) || !told {
                continue;
            }
            let body = outbox::body(&event.event_type, event.created_at, &event.data);
            to.send(Bytes::from(format!("id: {}\ndata: {body}\n\n", event.id)))
                .await
                .map_err(|_| Ended::Gone)?;
        }
    }
    heard.told_at = now;
    heard.recent = heard.recent.split_off(&heard.floor());
    Ok(())
}

/// The answer's body: what is told, as it is told.
pub struct Telling(mpsc::Receiver<Bytes>);

impl Telling {
    pub fn new() -> (mpsc::Sender<Bytes>, Self) {
        let (to, from) = mpsc::channel(WAITING);
        (to, Self(from))
    }
}

impl hyper::body::Body for Telling {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0
            .poll_recv(cx)
            .map(|told| told.map(|bytes| Ok(Frame::data(bytes))))
    }
}
