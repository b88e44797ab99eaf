//! Keys and service tokens in memory, decoded, by the fingerprint of their secret.
//!
//! Misses are single-flight. Unknown fingerprints are remembered in a small cache of their own, since strangers can
//! make as many well-formed keys as they like. A fill that began before a change is not kept, so that a read that
//! started before a revocation cannot bring the key back.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use quick_cache::sync::Cache;
use tokio::sync::oneshot;

use crate::{
    db::{Db, DbError, Reader, SecretHash},
    server::batches::Batches,
};

/// Keys kept at most; beyond, the least used are read again when they come. A million, and what its shards differ by.
const KNOWN: usize = 1_200_000;
/// Unknown fingerprints remembered; enough to absorb a storm, small enough not to matter.
const UNKNOWN: usize = 1 << 16;

/// Read in one statement at most.
const BATCH: usize = 100;

/// What can be found by the fingerprint of a secret.
pub trait Cached: Sized + Send + Sync + 'static {
    /// What is needed beside the database to make one from its row.
    type Source: Send + Sync + 'static;

    /// Those that there are.
    fn load(
        source: &Self::Source,
        reader: &mut Reader,
        secrets: &[SecretHash],
    ) -> impl Future<Output = Result<Vec<(SecretHash, Self)>, DbError>> + Send;
}

pub struct SecretCache<T: Cached>(Arc<Inner<T>>);

impl<T: Cached> Clone for SecretCache<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// Whoever misses something, and how they hear of it.
type Miss<T> = (SecretHash, oneshot::Sender<Option<Arc<T>>>);

struct Inner<T: Cached> {
    source: T::Source,
    known: Cache<SecretHash, Arc<T>>,
    unknown: Cache<SecretHash, ()>,
    /// Moves with every change; a fill carries the value that it began with.
    epoch: AtomicU64,
    /// Whether changes of other processes are being heard of; nothing is kept while they are not.
    trusted: AtomicBool,
    /// What is to be read. Strangers make as many keys up as they like, and share what it costs to look.
    misses: Batches<Miss<T>>,
    /// Held while a fill is kept and while a change evicts, so that neither slips between the other's steps.
    filling: Mutex<()>,
}

async fn read<T: Cached>((inner, db): (Arc<Inner<T>>, Db), misses: Vec<Miss<T>>) {
    let secrets: Vec<SecretHash> = misses.iter().map(|(secret, _)| *secret).collect();
    let found = async { T::load(&inner.source, &mut db.read().await?, &secrets).await };
    let found: HashMap<SecretHash, Arc<T>> = match found.await {
        Ok(found) => found
            .into_iter()
            .map(|(secret, record)| (secret, Arc::new(record)))
            .collect(),
        // Whoever waits hears nothing, and is told that it is not known.
        Err(error) => return tracing::error!(%error, "keys cannot be read"),
    };
    for (secret, told) in misses {
        // One that is missed by several is there for each of them.
        let _ = told.send(found.get(&secret).cloned());
    }
}

impl<T: Cached> SecretCache<T> {
    /// A cache that follows the changes this process makes. Those of others come through
    /// [`crate::db::follow_changes`].
    pub fn new(db: &Db, source: T::Source) -> Self {
        let cache = Self(Arc::new(Inner {
            source,
            known: Cache::new(KNOWN),
            unknown: Cache::new(UNKNOWN),
            epoch: AtomicU64::new(0),
            trusted: AtomicBool::new(true),
            misses: Batches::default(),
            filling: Mutex::new(()),
        }));
        let evicting = cache.clone();
        db.on_key_change(move |secrets| evicting.evict(secrets));
        cache
    }

    /// What has this fingerprint, if anything does.
    pub async fn find(&self, db: &Db, secret: SecretHash) -> Result<Option<Arc<T>>, DbError> {
        if let Some(record) = self.0.known.get(&secret) {
            return Ok(Some(record));
        }
        if self.0.unknown.get(&secret).is_some() {
            return Ok(None);
        }
        // Rare, and large: every request would carry the room that it takes.
        Box::pin(self.fill(db, secret)).await
    }

    async fn fill(&self, db: &Db, secret: SecretHash) -> Result<Option<Arc<T>>, DbError> {
        let guard = match self.0.known.get_value_or_guard_async(&secret).await {
            Ok(record) => return Ok(Some(record)),
            Err(guard) => guard,
        };
        // Those who waited for the same fill come through here one by one; the first has found the answer.
        if self.0.unknown.get(&secret).is_some() {
            return Ok(None);
        }
        let epoch = self.0.epoch.load(Ordering::Acquire);
        let record = self.read(db, secret).await?;
        let _filling = self.filling();
        let unchanged = self.0.epoch.load(Ordering::Acquire) == epoch;
        if unchanged && self.0.trusted.load(Ordering::Acquire) {
            match &record {
                // Refused only if the place was taken away by an eviction, which then stands.
                Some(record) => drop(guard.insert(record.clone())),
                None => self.0.unknown.insert(secret, ()),
            }
        }
        Ok(record)
    }

    /// Reads it, with what else is missing.
    async fn read(&self, db: &Db, secret: SecretHash) -> Result<Option<Arc<T>>, DbError> {
        let (told, found) = oneshot::channel();
        let tools = (self.0.clone(), db.clone());
        self.0.misses.add((secret, told), BATCH, tools, read);
        let unread = || sqlx::Error::Protocol("the keys cannot be read".to_owned());
        found.await.map_err(|_| DbError::Other(unread()))
    }

    /// Forgets these keys, and whatever is being read at this moment.
    pub fn evict(&self, secrets: &[SecretHash]) {
        let _filling = self.filling();
        self.0.epoch.fetch_add(1, Ordering::AcqRel);
        for secret in secrets {
            self.0.known.remove(secret);
            self.0.unknown.remove(secret);
        }
    }

    /// Forgets everything, and keeps nothing while it is not trusted: some change may have been missed.
    pub fn trust(&self, trusted: bool) {
        let _filling = self.filling();
        self.0.epoch.fetch_add(1, Ordering::AcqRel);
        self.0.trusted.store(trusted, Ordering::Release);
        self.0.known.clear();
        self.0.unknown.clear();
    }

    fn filling(&self) -> MutexGuard<'_, ()> {
        self.0
            .filling
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
