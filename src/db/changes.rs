//! How a change to a key reaches every cache that may hold it.
//!
//! A transaction notes the secrets it touches. On commit the process that made the change hears of it at once;
//! others hear it by LISTEN/NOTIFY (Postgres) or find it by polling `PRAGMA data_version` (SQLite, for the command
//! line beside the server) and reading the rows that are new.

use std::{
    sync::{Arc, RwLock},
    time::Duration,
};

use sqlx::postgres::PgListener;
use tokio_util::sync::CancellationToken;

use super::{Arm, Db, DbError, Pools, Tx};

/// The fingerprint under which a secret is stored and cached: HMAC-SHA256.
pub type SecretHash = [u8; 32];

type Listener = Box<dyn Fn(&[SecretHash]) + Send + Sync>;

/// Name of the Postgres channel; its payload is a fingerprint in hex.
const CHANNEL: &str = "latchkey_key_changes";
/// A change made by another process on the same SQLite file is seen after this long at most.
const POLL: Duration = Duration::from_millis(150);
/// How often this process sends itself a sign that it still hears (Postgres).
const BEAT: Duration = Duration::from_millis(300);
/// Without any sign for this long the line counts as cut: a change may have been missed.
const SILENCE: Duration = Duration::from_millis(800);
/// Between two tries to listen again after the line was cut.
const RECONNECT: Duration = Duration::from_millis(200);
/// Rows older than this have been read by every process that is alive.
const KEPT_MS: i64 = 60 * 60 * 1000;

#[derive(Clone, Default)]
pub(super) struct Changes(Arc<RwLock<Vec<Listener>>>);

impl Changes {
    pub(super) fn subscribe(&self, listener: Listener) {
        self.0
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .push(listener);
    }

    pub(super) fn publish(&self, secrets: &[SecretHash]) {
        for listener in self
            .0
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .iter()
        {
            listener(secrets);
        }
    }
}

impl Tx {
    /// Notes that the judgement of the key with this secret may differ once the transaction is committed.
    pub async fn key_changed(&mut self, secret: SecretHash, now: i64) -> Result<(), DbError> {
        crate::execute!(
            self,
            "insert into key_changes (secret_hash, changed_at) values ($1, $2)",
            secret.to_vec(),
            now
        )?;
        if let Arm::Postgres(connection) = self.arm() {
            sqlx::query("select pg_notify($1, $2)")
                .bind(CHANNEL)
                .bind(hex::encode(secret))
                .execute(connection)
                .await?;
        }
        self.changed.push(secret);
        Ok(())
    }
}

impl Db {
    /// Removes changes that every process has read.
    pub async fn prune_changes(&self, now: i64) -> Result<(), DbError> {
        let mut tx = self.begin().await?;
        crate::execute!(
            tx,
            "delete from key_changes where changed_at < $1",
            now - KEPT_MS
        )?;
        tx.commit().await
    }
}

/// Follows the changes of other processes until `stop`. `trust` is called with false whenever some may have been
/// missed, and whoever caches must then forget all and keep nothing; with true once they are followed again.
pub async fn follow_changes(db: Db, trust: impl Fn(bool) + Send + Sync, stop: CancellationToken) {
    let follow = async {
        loop {
            trust(false);
            let end = match &db.pools {
                Pools::Sqlite { .. } => poll(&db, &trust).await,
                Pools::Postgres(_) => listen(&db, &trust).await,
            };
            trust(false);
            if let Err(error) = end {
                tracing::warn!(%error, "changes to keys are not followed; nothing is cached until they are");
            }
            tokio::time::sleep(RECONNECT).await;
        }
    };
    tokio::select! {
        () = follow => {}
        () = stop.cancelled() => {}
    }
}

async fn poll(db: &Db, trust: &(impl Fn(bool) + Send + Sync)) -> Result<(), DbError> {
    // data_version is per connection and moves only when another connection commits.
    let mut reader = db.read().await?;
    let mut seq = last_seq(&mut reader).await?;
    let mut seen = 0;
    trust(true);
    loop {
        let (version,): (i64,) = crate::fetch_one!(&mut reader, (i64,), "pragma data_version")?;
        if version != seen {
            seen = version;
            let rows: Vec<(i64, Vec<u8>)> = crate::fetch_all!(
                &mut reader,
                (i64, Vec<u8>),
                "select seq, secret_hash from key_changes where seq > $1 order by seq",
                seq
            )?;
            let secrets: Vec<SecretHash> = rows
                .iter()
                .filter_map(|(_, hash)| hash.as_slice().try_into().ok())
                .collect();
            if let Some((last, _)) = rows.last() {
                seq = *last;
                db.changes.publish(&secrets);
            }
        }
        tokio::time::sleep(POLL).await;
    }
}

async fn last_seq(reader: &mut super::Reader) -> Result<i64, DbError> {
    let (seq,): (i64,) = crate::fetch_one!(
        reader,
        (i64,),
        "select coalesce(max(seq), 0) from key_changes"
    )?;
    Ok(seq)
}

async fn listen(db: &Db, trust: &(impl Fn(bool) + Send + Sync)) -> Result<(), DbError> {
    let Pools::Postgres(pool) = &db.pools else {
        return Ok(());
    };
    let mut listener = PgListener::connect_with(pool).await?;
    // A line that was cut is opened anew here, after the caches were told, not behind our back.
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    trust(true);
    // A connection may be cut without either end being told. What this process sends to itself must come back.
    let beat = async {
        loop {
            tokio::time::sleep(BEAT).await;
            sqlx::query("select pg_notify($1, '')")
                .bind(CHANNEL)
                .execute(pool)
                .await?;
        }
    };
    let hear = async {
        // `try_recv` gives None when the connection is lost; after silence the listener is dropped with what it may hold.
        while let Ok(heard) = tokio::time::timeout(SILENCE, listener.try_recv()).await {
            let Some(notice) = heard? else { break };
            let mut secret: SecretHash = [0; 32];
            if hex::decode_to_slice(notice.payload(), &mut secret).is_ok() {
                db.changes.publish(&[secret]);
            }
        }
        Ok(())
    };
    tokio::select! {
        end = beat => end,
        end = hear => end,
    }
}
