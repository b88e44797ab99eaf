//! Sessions in our own table. The cookie holds 128 random bits; the table holds their hash, so that whoever reads
//! the table cannot sign in with it.

use std::{collections::HashMap, net::IpAddr};

use async_trait::async_trait;
use serde_json::Value;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use tower_sessions::{
    Expiry, Session, SessionManagerLayer, SessionStore,
    cookie::SameSite,
    session::{Id, Record},
    session_store::{Error, Result},
};

use super::{sessions::device, store};
use crate::{
    db::{Db, DbError},
    server::{
        clock::{Clock, DAY, HOUR, MINUTE, Millis},
        error::AppError,
        state::AppState,
    },
};

/// A session not used for this long is over.
pub const IDLE: Millis = HOUR;
/// How long a second factor may take.
const HELD_FOR: Millis = 10 * MINUTE;
/// And so is any, this long after signing in.
pub const ABSOLUTE: Millis = DAY;
/// How often being used is written down; each page would be a write otherwise.
const TOUCH_EVERY: Millis = MINUTE;

/// What working with a session may come to.
type Kept<T> = std::result::Result<T, tower_sessions::session::Error>;

const USER: &str = "user";
const SIGNED_IN_AT: &str = "signed_in_at";
const WORKSPACE: &str = "workspace";
/// The act of an operator that goes on in this session.
const ACT: &str = "act";
/// Who has given their password and has yet to give their second factor.
const HELD: &str = "held";
const HELD_AT: &str = "held_at";
const EPOCH: &str = "epoch";
const ADDRESS: &str = "address";
const DEVICE: &str = "device";

#[derive(Clone)]
pub struct Sessions {
    db: Db,
    clock: Clock,
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sessions")
    }
}

/// The layer that gives each request its session. Over plain http on loopback the cookie cannot carry `Secure`,
/// nor therefore the `__Host-` prefix.
pub fn layer(state: &AppState) -> SessionManagerLayer<Sessions> {
    let https = state.config.https();
    SessionManagerLayer::new(Sessions {
        db: state.db.clone(),
        clock: state.clock.clone(),
    })
    .with_name(if https { "__Host-latchkey" } else { "latchkey" })
    .with_secure(https)
    .with_http_only(true)
    .with_same_site(SameSite::Lax)
    .with_path("/")
    // The cookie may outlive the session; the table decides when that is over.
    .with_expiry(Expiry::OnInactivity(time::Duration::milliseconds(ABSOLUTE)))
}

/// Who signs in, from where.
pub struct Start<'a> {
    pub user_id: &'a str,
    /// The person's, when what they gave was judged.
    pub epoch: i64,
    pub address: Option<IpAddr>,
    /// What the browser says of itself. Only what we read out of it is kept.
    pub agent: &'a str,
}

/// What a session's record says of its beginning.
pub struct Begun {
    pub signed_in_at: Millis,
    pub address: Option<String>,
    pub device: String,
}

/// Makes the session this person's, under a new id: one planted before signing in is worth nothing after.
pub async fn begin(session: &Session, start: &Start<'_>, now: Millis) -> Kept<()> {
    session.clear().await;
    // Also where there seems to be no session: one that was just ended keeps its id in memory.
    session.cycle_id().await?;
    session.insert(USER, start.user_id).await?;
    session.insert(EPOCH, start.epoch).await?;
    session.insert(ADDRESS, start.address).await?;
    session.insert(DEVICE, device::words(start.agent)).await?;
    session.insert(SIGNED_IN_AT, now).await
}

/// Notes that this person's password was given; they are not signed in before their second factor is.
pub async fn hold(session: &Session, user_id: &str, epoch: i64, now: Millis) -> Kept<()> {
    session.clear().await;
    session.cycle_id().await?;
    session.insert(HELD, user_id).await?;
    session.insert(EPOCH, epoch).await?;
    session.insert(HELD_AT, now).await
}

/// Who has given their password, in which epoch of theirs, not long ago, and has yet to give their second factor.
pub async fn held(session: &Session, now: Millis) -> Kept<Option<(String, i64)>> {
    let since: Option<Millis> = session.get(HELD_AT).await?;
    match since {
        Some(since) if now - since < HELD_FOR => whose(session, HELD).await,
        _ => Ok(None),
    }
}

async fn whose(session: &Session, name: &str) -> Kept<Option<(String, i64)>> {
    let person: Option<String> = session.get(name).await?;
    let epoch: Option<i64> = session.get(EPOCH).await?;
    Ok(person.zip(epoch))
}

/// Reads a stored record; nothing if it is nobody's.
pub fn begun(record: &str) -> Option<Begun> {
    let data: HashMap<String, Value> = serde_json::from_str(record).ok()?;
    let text = |name: &str| data.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(Begun {
        signed_in_at: data.get(SIGNED_IN_AT)?.as_i64()?,
        address: text(ADDRESS),
        device: text(DEVICE).unwrap_or_else(|| device::UNKNOWN.to_owned()),
    })
}

/// Whose session this is and of which epoch of theirs, if it is anyone's and not over.
pub async fn user(session: &Session, now: Millis) -> Kept<Option<(String, i64)>> {
    let signed_in_at: Option<Millis> = session.get(SIGNED_IN_AT).await?;
    let Some(signed_in_at) = signed_in_at else {
        return Ok(None);
    };
    if now - signed_in_at >= ABSOLUTE {
        session.flush().await?;
        return Ok(None);
    }
    whose(session, USER).await
}

/// The workspace that the person chose to act in.
pub async fn workspace(session: &Session) -> Kept<Option<String>> {
    session.get(WORKSPACE).await
}

pub async fn choose_workspace(session: &Session, workspace_id: &str) -> Kept<()> {
    session.insert(WORKSPACE, workspace_id).await
}

/// The operator's act that was begun in this session; whether it still goes on, its row says.
pub async fn act(session: &Session) -> Kept<Option<String>> {
    session.get(ACT).await
}

/// Remembers the act, under a new id of the session, since it may do more from here on.
pub async fn begin_act(session: &Session, act_id: &str) -> Kept<()> {
    session.cycle_id().await?;
    session.insert(ACT, act_id).await
}

/// Forgets the act, if there is one, and the id of the session that could go on with it.
pub async fn end_act(session: &Session) -> Kept<()> {
    if session.remove::<String>(ACT).await?.is_some() {
        session.cycle_id().await?;
    }
    Ok(())
}

pub fn failed(error: tower_sessions::session::Error) -> AppError {
    AppError::Internal(format!("session: {error}"))
}

impl Sessions {
    /// When the session ends if it is not used again; by our clock, which is the one it is read by.
    fn expiry(&self) -> Millis {
        self.clock.now() + IDLE
    }
}

#[async_trait]
impl SessionStore for Sessions {
    async fn create(&self, record: &mut Record) -> Result<()> {
        let mut tx = self.db.begin().await.map_err(backend)?;
        // 128 random bits do not collide; if they ever did, the primary key refuses and the sign-in fails.
        store::insert_session(
            &mut tx,
            hash(&record.id),
            owner(&record.data),
            &encode(&record.data)?,
            self.expiry(),
        )
        .await
        .map_err(backend)?;
        tx.commit().await.map_err(backend)
    }

    async fn save(&self, record: &Record) -> Result<()> {
        let mut tx = self.db.begin().await.map_err(backend)?;
        store::update_session(
            &mut tx,
            hash(&record.id),
            owner(&record.data),
            &encode(&record.data)?,
            self.expiry(),
        )
        .await
        .map_err(backend)?;
        tx.commit().await.map_err(backend)
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let now = self.clock.now();
        let mut reader = self.db.read().await.map_err(backend)?;
        let stored = store::session(&mut reader, hash(id), now)
            .await
            .map_err(backend)?;
        drop(reader);
        let Some((text, expires_at)) = stored else {
            return Ok(None);
        };
        // In a statement of its own, so that what else a request changes in the session is not overwritten.
        if self.expiry() - expires_at >= TOUCH_EVERY {
            let mut tx = self.db.begin().await.map_err(backend)?;
            store::touch_session(&mut tx, hash(id), self.expiry())
                .await
                .map_err(backend)?;
            tx.commit().await.map_err(backend)?;
        }
        let data: HashMap<String, Value> =
            serde_json::from_str(&text).map_err(|error| Error::Decode(error.to_string()))?;
        Ok(Some(Record {
            id: *id,
            data,
            expiry_date: date(now + ABSOLUTE),
        }))
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        let mut tx = self.db.begin().await.map_err(backend)?;
        store::delete_session(&mut tx, hash(id))
            .await
            .map_err(backend)?;
        tx.commit().await.map_err(backend)
    }
}

/// What the table has in place of this session's id, once it has one.
pub fn hash_of(session: &Session) -> Option<[u8; 32]> {
    session.id().map(|id| hash(&id))
}

fn hash(id: &Id) -> [u8; 32] {
    Sha256::digest(id.0.to_be_bytes()).into()
}

fn owner(data: &HashMap<String, Value>) -> Option<&str> {
    // A person's half-open sessions are theirs too, so that a new password ends them with the others.
    data.get(USER).or(data.get(HELD)).and_then(Value::as_str)
}

fn encode(data: &HashMap<String, Value>) -> Result<String> {
    serde_json::to_string(data).map_err(|error| Error::Encode(error.to_string()))
}

fn date(at: Millis) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(at / 1000).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

fn backend(error: DbError) -> Error {
    Error::Backend(error.to_string())
}
