//! A nonce counts once under its key, over restarts and nodes.
//!
//! Nothing is remembered for longer than a signature could be sent again. What is refused afterwards is given back: what
//! is denied consumes nothing.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use sha2::{Digest, Sha256};

use super::{
    judge::{Code, KeyRecord},
    signature::{Fault, Message, SKEW, Signed},
    store,
};
use crate::{
    db::{Db, DbError},
    server::clock::{MINUTE, Millis, SECOND},
};

/// Most nonces that a process keeps, about 200 MB. Beyond, signed requests are answered as unavailable: to forget one would let
/// it through twice.
const MAX_KEPT: usize = 1 << 22;
/// What the clocks of two nodes may differ by.
const CLOCKS: Millis = MINUTE;

/// One use of a nonce: what is remembered of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use {
    mark: Mark,
    created: Millis,
}

/// A hash of key and nonce.
pub type Mark = [u8; 16];

impl Use {
    /// The use that a request makes of its nonce, if the key's holder signed it.
    pub fn proven(
        signed: &Signed,
        message: &Message<'_>,
        key: &KeyRecord,
        now: Millis,
    ) -> Result<Self, Fault> {
        signed.check(message, key.verifier(), now)?;
        Ok(Self::new(signed.key_id(), signed.nonce(), signed.created()))
    }

    fn new(key_id: &str, nonce: &str, created: Millis) -> Self {
        // The length stands between the two, so that no other key and nonce make the same text.
        let digest = Sha256::new()
            .chain_update(key_id.len().to_be_bytes())
            .chain_update(key_id)
            .chain_update(nonce)
            .finalize();
        let (mark, _) = digest
            .split_first_chunk::<16>()
            .expect("SHA-256 has 32 bytes");
        Self {
            mark: *mark,
            created,
        }
    }

    /// From when on the signature is too old to be sent again.
    const fn over(self) -> Millis {
        self.created + (SKEW + 1) * SECOND + CLOCKS
    }
}

/// Where the nonces of this installation are remembered.
pub enum Nonces {
    /// One node: in its memory.
    Here(Memory),
    /// Several nodes: in the database that they share.
    Shared,
}

impl Nonces {
    /// The place that serves this database.
    pub async fn open(db: &Db, now: Millis) -> Result<Self, DbError> {
        if db.takes_several_nodes() {
            return Ok(Self::Shared);
        }
        let mut reader = db.read().await?;
        let ahead = store::nonces_after(&mut reader, now).await?;
        Ok(Self::Here(Memory::new(now, ahead)))
    }

    /// When requests can first be signed for this process; until then nobody should be told that it is ready.
    pub const fn ready_at(&self) -> Millis {
        match self {
            Self::Here(memory) => memory.since,
            Self::Shared => Millis::MIN,
        }
    }

    /// Uses the nonce, if it was not used before.
    pub async fn take(&self, db: &Db, once: Use, now: Millis) -> Result<(), Code> {
        match self {
            Self::Here(memory) => {
                memory.take(once, now)?;
                // It could be sent again after a restart that it seems to be younger than.
                if once.created > now
                    && let Err(code) = kept(db, once).await
                {
                    memory.give_back(once);
                    return Err(code);
                }
                Ok(())
            }
            Self::Shared => kept(db, once).await,
        }
    }

    /// Whether the nonce could be used now.
    pub async fn would(&self, db: &Db, once: Use) -> Result<(), Code> {
        let used = match self {
            Self::Here(memory) => Ok(once.created < memory.since || memory.knows(once)),
            Self::Shared => {
                async {
                    let mut reader = db.read().await?;
                    store::has_nonce(&mut reader, &once.mark).await
                }
                .await
            }
        };
        match used {
            Ok(false) => Ok(()),
            Ok(true) => Err(Code::NonceReplayed),
            Err(error) => {
                tracing::error!(%error, "a nonce cannot be looked up");
                Err(Code::Unavailable)
            }
        }
    }

    /// Takes back a use whose request was refused after all.
    pub async fn give_back(&self, db: &Db, once: Use, now: Millis) {
        if let Self::Here(memory) = self {
            memory.give_back(once);
            if once.created <= now {
                return;
            }
        }
        let forgotten = async {
            let mut tx = db.begin().await?;
            store::delete_nonce(&mut tx, &once.mark).await?;
            tx.commit().await
        };
        if let Err(error) = forgotten.await {
            // Its sender has to sign anew, as after any other answer.
            tracing::warn!(%error, "the nonce of a refused request stays used");
        }
    }
}

/// Writes the use down; the first to do so has it.
async fn kept(db: &Db, once: Use) -> Result<(), Code> {
    let written = async {
        let mut tx = db.begin().await?;
        let first = store::insert_nonce(&mut tx, &once.mark, once.over()).await?;
        tx.commit().await?;
        Ok::<_, DbError>(first)
    };
    match written.await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Code::NonceReplayed),
        Err(error) => {
            tracing::error!(%error, "a nonce cannot be written down");
            Err(Code::Unavailable)
        }
    }
}

/// Nonces by the minute in which they are forgotten.
pub struct Memory {
    /// What was signed before has perhaps been used with the process before this one. A whole second, as signatures know no
    /// parts of it.
    since: Millis,
    most: usize,
    used: Mutex<BTreeMap<i64, HashSet<Mark>>>,
}

impl Memory {
    /// `ahead`: uses of signatures that were dated ahead of an earlier process, with the moment when each is over.
    fn new(now: Millis, ahead: Vec<(Mark, Millis)>) -> Self {
        let mut used: BTreeMap<i64, HashSet<Mark>> = BTreeMap::new();
        for (mark, over) in ahead {
            used.entry(minute(over)).or_default().insert(mark);
        }
        Self {
            since: (now + SECOND - 1).div_euclid(SECOND) * SECOND,
            most: MAX_KEPT,
            used: Mutex::new(used),
        }
    }

    fn take(&self, once: Use, now: Millis) -> Result<(), Code> {
        if once.created < self.since {
            return Err(Code::NonceReplayed);
        }
        let mut used = self.used();
        while let Some(oldest) = used.first_entry()
            && *oldest.key() < minute(now)
        {
            oldest.remove();
        }
        if used.values().any(|marks| marks.contains(&once.mark)) {
            return Err(Code::NonceReplayed);
        }
        if used.values().map(HashSet::len).sum::<usize>() >= self.most {
            tracing::error!("too many signed requests are remembered to take another");
            return Err(Code::Unavailable);
        }
        used.entry(minute(once.over()))
            .or_default()
            .insert(once.mark);
        Ok(())
    }

    fn knows(&self, once: Use) -> bool {
        self.used().values().any(|marks| marks.contains(&once.mark))
    }

    fn give_back(&self, once: Use) {
        if let Some(marks) = self.used().get_mut(&minute(once.over())) {
            marks.remove(&once.mark);
        }
    }

    fn used(&self) -> MutexGuard<'_, BTreeMap<i64, HashSet<Mark>>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const fn minute(at: Millis) -> i64 {
    at.div_euclid(MINUTE)
}

#[cfg(test)]
mod tests;
