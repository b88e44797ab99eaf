//! The database: one type over SQLite and Postgres.
//!
//! SQL is written once, in the subset that both engines share, and stands in `store.rs` files. A store function
//! takes a [`Reader`] if it only looks and a [`Tx`] if it changes something; a `Tx` lends itself as a `Reader`,
//! never the other way round, so that a change outside a transaction does not compile.
//!
//! The few true differences between the engines live here behind named functions.

mod changes;
mod error;
pub mod installation;
mod node;
#[cfg(test)]
pub mod testing;
mod writer;

use std::{
    ops::{Deref, DerefMut},
    path::Path,
    str::FromStr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use sqlx::{
    PgConnection, PgPool, Postgres, Sqlite, SqliteConnection, SqlitePool, Transaction,
    migrate::Migrator,
    pool::PoolConnection,
    postgres::PgPoolOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use tokio::sync::Notify;

pub use changes::{SecretHash, follow_changes};
pub use error::{Constraint, DbError};
pub use node::OnlyNode;

use changes::Changes;
use writer::{Writer, WriterTx};

static SQLITE_MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES_MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// Statements that a connection keeps prepared: those of a process, each [`Bulk`] in all its sizes among them.
const STATEMENTS: usize = 400;
/// Readers on SQLite; they never wait for the writer, so a few serve many pages.
const SQLITE_READERS: u32 = 8;
/// Connections to Postgres a process keeps at most; the server's default allows a hundred over all.
const POSTGRES_CONNECTIONS: u32 = 16;
/// How long a request waits for a connection before it is told that the database is busy.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// A handle on the database, cheap to clone.
#[derive(Clone)]
pub struct Db {
    pools: Pools,
    changes: Changes,
    deliveries: Arc<Notify>,
}

#[derive(Clone)]
enum Pools {
    /// SQLite has one writer at a time; taking turns is fair and keeps `SQLITE_BUSY` away.
    Sqlite {
        readers: SqlitePool,
        writer: Writer,
    },
    Postgres(PgPool),
}

/// A connection that store functions read through.
pub struct Reader(Held);

enum Held {
    SqliteRead(PoolConnection<Sqlite>),
    SqliteWrite(WriterTx),
    PostgresRead(PoolConnection<Postgres>),
    PostgresWrite(Transaction<'static, Postgres>),
}

/// A write transaction: what it did is rolled back unless [`Tx::commit`] is called.
pub struct Tx {
    reader: Reader,
    changes: Changes,
    changed: Vec<SecretHash>,
    deliveries: Arc<Notify>,
    delivers: bool,
}

/// The connection as its engine's own type; the query macros below match on it.
pub enum Arm<'a> {
    Sqlite(&'a mut SqliteConnection),
    Postgres(&'a mut PgConnection),
}

impl Db {
    /// Opens `sqlite://path` (created if missing) or `postgres://…`. No migration runs; see [`Db::migrate`].
    pub async fn connect(url: &str) -> Result<Self, DbError> {
        Self::open(url, true).await
    }

    /// Opens a database that must be there.
    pub async fn connect_existing(url: &str) -> Result<Self, DbError> {
        Self::open(url, false).await
    }

    async fn open(url: &str, create: bool) -> Result<Self, DbError> {
        let pools = if url.starts_with("sqlite:") {
            let options = SqliteConnectOptions::from_str(url)?
                .create_if_missing(create)
                .journal_mode(SqliteJournalMode::Wal)
                // An acknowledged key, approval or audit entry survives power loss.
                .synchronous(SqliteSynchronous::Full)
                .foreign_keys(true)
                .statement_cache_capacity(STATEMENTS)
                .busy_timeout(ACQUIRE_TIMEOUT);
            if create
                && let Some(folder) = options.get_filename().parent()
                && folder != Path::new("")
            {
                std::fs::create_dir_all(folder)
                    .map_err(|error| DbError::Other(sqlx::Error::Io(error)))?;
            }
            let writer = SqlitePoolOptions::new()
                .max_connections(1)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .connect_with(options.clone())
                .await?;
            let readers = SqlitePoolOptions::new()
                .max_connections(SQLITE_READERS)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .connect_with(options.pragma("query_only", "on"))
                .await?;
            let writer = Writer::new(writer, ACQUIRE_TIMEOUT);
            Pools::Sqlite { readers, writer }
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            let pool = PgPoolOptions::new()
                .max_connections(POSTGRES_CONNECTIONS)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .connect(url)
                .await?;
            Pools::Postgres(pool)
        } else {
            return Err(DbError::Url);
        };
        Ok(Self {
            pools,
            changes: Changes::default(),
            deliveries: Arc::default(),
        })
    }

    /// Brings the schema up to date. Safe to run from several processes at once: Postgres takes turns; on SQLite the
    /// one that came second finds it done.
    pub async fn migrate(&self) -> Result<(), DbError> {
        match &self.pools {
            Pools::Sqlite { writer, .. } => {
                let done = SQLITE_MIGRATIONS.run(&writer.pool).await;
                if done.is_err() && self.pending_migrations().await? == 0 {
                    return Ok(());
                }
                done?;
            }
            Pools::Postgres(pool) => POSTGRES_MIGRATIONS.run(pool).await?,
        }
        Ok(())
    }

    /// Whether no migration has ever run here.
    pub async fn is_empty(&self) -> Result<bool, DbError> {
        let mut reader = self.read().await?;
        let tables: Option<(String,)> = match reader.arm() {
            Arm::Sqlite(connection) => {
                sqlx::query_as("select name from sqlite_master where name = '_sqlx_migrations'")
                    .fetch_optional(connection)
                    .await?
            }
            Arm::Postgres(connection) => sqlx::query_as(
                "select relname::text from pg_class where oid = to_regclass('_sqlx_migrations')",
            )
            .fetch_optional(connection)
            .await?,
        };
        Ok(tables.is_none())
    }

    /// How many migrations this binary knows that the database has not had.
    pub async fn pending_migrations(&self) -> Result<usize, DbError> {
        let known = match &self.pools {
            Pools::Sqlite { .. } => SQLITE_MIGRATIONS.iter().count(),
            Pools::Postgres(_) => POSTGRES_MIGRATIONS.iter().count(),
        };
        if self.is_empty().await? {
            return Ok(known);
        }
        let mut reader = self.read().await?;
        let (applied,): (i64,) = crate::fetch_one!(
            &mut reader,
            (i64,),
            "select count(*) from _sqlx_migrations where success"
        )?;
        Ok(known.saturating_sub(usize::try_from(applied).unwrap_or(0)))
    }

    /// A connection for looking.
    pub async fn read(&self) -> Result<Reader, DbError> {
        Ok(Reader(match &self.pools {
            Pools::Sqlite { readers, writer } => {
                writer.settled().await;
                Held::SqliteRead(readers.acquire().await?)
            }
            Pools::Postgres(pool) => Held::PostgresRead(pool.acquire().await?),
        }))
    }

    /// A transaction for changing. On SQLite it holds the one write lock from the start.
    pub async fn begin(&self) -> Result<Tx, DbError> {
        let held = match &self.pools {
            Pools::Sqlite { writer, .. } => Held::SqliteWrite(writer.begin().await?),
            Pools::Postgres(pool) => Held::PostgresWrite(pool.begin().await?),
        };
        Ok(Tx {
            reader: Reader(held),
            changes: self.changes.clone(),
            changed: Vec::new(),
            deliveries: self.deliveries.clone(),
            delivers: false,
        })
    }

    /// Calls `listener` with the secrets whose judgement may have changed: after every commit of this process.
    pub fn on_key_change(&self, listener: impl Fn(&[SecretHash]) + Send + Sync + 'static) {
        self.changes.subscribe(Box::new(listener));
    }

    /// Whether the log in the order of keys is a table of its own, and no index that the engine keeps.
    pub fn keeps_order_of_keys(&self) -> bool {
        matches!(self.pools, Pools::Sqlite { .. })
    }

    /// Ends once a commit of this process has left something to deliver since it ended last.
    pub async fn delivery_waits(&self) {
        self.deliveries.notified().await;
    }

    /// Closes the pools once what they lent has come back.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Sqlite { readers, writer } => {
                readers.close().await;
                writer.pool.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }
}

impl Reader {
    pub fn arm(&mut self) -> Arm<'_> {
        match &mut self.0 {
            Held::SqliteRead(connection) => Arm::Sqlite(connection),
            Held::SqliteWrite(tx) => Arm::Sqlite(tx.connection()),
            Held::PostgresRead(connection) => Arm::Postgres(connection),
            Held::PostgresWrite(tx) => Arm::Postgres(tx),
        }
    }
}

impl Deref for Tx {
    type Target = Reader;
    fn deref(&self) -> &Reader {
        &self.reader
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Reader {
        &mut self.reader
    }
}

impl Tx {
    /// As [`Db::keeps_order_of_keys`].
    pub fn keeps_order_of_keys(&self) -> bool {
        matches!(self.reader.0, Held::SqliteWrite(_))
    }

    /// Makes it all durable, then tells this process's caches what changed.
    pub async fn commit(self) -> Result<(), DbError> {
        match self.reader.0 {
            Held::SqliteWrite(tx) => tx.commit().await?,
            Held::PostgresWrite(tx) => tx.commit().await?,
            Held::SqliteRead(_) | Held::PostgresRead(_) => {
                unreachable!("a Tx is made of a transaction")
            }
        }
        if !self.changed.is_empty() {
            self.changes.publish(&self.changed);
        }
        if self.delivers {
            self.deliveries.notify_one();
        }
        Ok(())
    }

    /// Has the commit wake who delivers webhooks in this process.
    pub fn wake_deliveries(&mut self) {
        self.delivers = true;
    }

    /// Whether other transactions go on beside this one, so that a row to be worked on has to be locked against them.
    pub fn has_rivals(&self) -> bool {
        matches!(self.reader.0, Held::PostgresWrite(_))
    }

    /// Holds back every other transaction that asks for the same `name` until this one ends.
    ///
    /// What must be serial per workspace (its audit chain, a maximum of keys) takes this lock. SQLite's single
    /// writer gives it for free.
    pub async fn serialise(&mut self, name: &str) -> Result<(), DbError> {
        self.serialise_all(&[name.to_owned()]).await
    }

    /// The same for several, which come in one order everywhere.
    pub async fn serialise_all(&mut self, names: &[String]) -> Result<(), DbError> {
        if let Arm::Postgres(connection) = self.arm() {
            sqlx::query(
                "select pg_advisory_xact_lock(hashtextextended(name, 0)) from unnest($1::text[]) as name",
            )
            .bind(names)
            .execute(connection)
            .await?;
        }
        Ok(())
    }
}

/// A statement for many rows at once: its text before their values, how many values a row has, and its text behind them.
pub struct Bulk {
    head: &'static str,
    pub width: usize,
    tail: &'static str,
    texts: OnceLock<[BulkText; Self::SIZES.len()]>,
}

/// A statement for so many rows, as each engine is quick with it.
pub struct BulkText {
    /// SQLite counts `$1` among names, and whoever binds by names looks each of them up in a list.
    pub nameless: String,
    pub numbered: String,
}

impl Bulk {
    /// Rows of one execution. Few sizes, since each is prepared once on a connection, but so many that two or three make up
    /// any number; with the widest row the largest stays below the parameters that SQLite takes (32 766).
    const SIZES: [usize; 8] = [100, 50, 25, 12, 6, 3, 2, 1];

    pub const fn new(head: &'static str, width: usize, tail: &'static str) -> Self {
        Self {
            head,
            width,
            tail,
            texts: OnceLock::new(),
        }
    }

    /// The statement for as many of so many rows as one takes, and how many that are.
    pub fn fitting(&'static self, rows: usize) -> (&'static BulkText, usize) {
        let texts = self.texts.get_or_init(|| {
            Self::SIZES.map(|rows| BulkText {
                nameless: self.text(rows, |_| "?".to_owned()),
                numbered: self.text(rows, |number| format!("${number}")),
            })
        });
        let at = Self::SIZES.iter().position(|size| *size <= rows);
        let at = at.unwrap_or(Self::SIZES.len() - 1);
        (&texts[at], Self::SIZES[at])
    }

    fn text(&self, rows: usize, place: impl Fn(usize) -> String) -> String {
        let values: Vec<String> = (0..rows)
            .map(|row| {
                let numbers = row * self.width + 1..=(row + 1) * self.width;
                let values: Vec<String> = numbers.map(&place).collect();
                format!("({})", values.join(","))
            })
            .collect();
        format!("{}{}{}", self.head, values.join(","), self.tail)
    }
}

/// Runs a [`Bulk`] for all of `$rows`; returns early from where it stands if it fails.
#[macro_export]
macro_rules! execute_bulk {
    ($on:expr, $bulk:expr, $rows:expr, |$row:ident| $($bind:expr),+ $(,)?) => {
        $crate::bulk!(
            $on, $bulk, $rows, |$row| [$($bind),+],
            (sqlx::query_with), |query, c| query.execute(c).await.map(drop)
        )
    };
}

/// What a [`Bulk`] gives back for all of `$rows`, as `$found`, in no order; returns early if it fails.
#[macro_export]
macro_rules! fetch_bulk {
    ($on:expr, $found:ty, $bulk:expr, $rows:expr, |$row:ident| $($bind:expr),+ $(,)?) => {{
        let mut found: Vec<$found> = Vec::with_capacity($rows.len());
        $crate::bulk!(
            $on, $bulk, $rows, |$row| [$($bind),+],
            (sqlx::query_as_with::<_, $found, _>), |query, c| query.fetch_all(c).await.map(|more| found.extend(more))
        );
        found
    }};
}

/// What [`execute_bulk!`] and [`fetch_bulk!`] share.
#[macro_export]
macro_rules! bulk {
    (
        $on:expr, $bulk:expr, $rows:expr, |$row:ident| [$($bind:expr),+],
        ($make:expr), |$query:ident, $c:ident| $run:expr
    ) => {{
        let mut rest = $rows;
        while !rest.is_empty() {
            let (text, size) = $bulk.fitting(rest.len());
            let (now, later) = rest.split_at(size);
            rest = later;
            match ($on).arm() {
                $crate::db::Arm::Sqlite($c) => {
                    let values = $crate::values!(sqlx::sqlite::SqliteArguments, $bulk, now, |$row| [$($bind),+]);
                    let $query = $make(text.nameless.as_str(), values);
                    $run
                }
                $crate::db::Arm::Postgres($c) => {
                    let values = $crate::values!(sqlx::postgres::PgArguments, $bulk, now, |$row| [$($bind),+]);
                    let $query = $make(text.numbered.as_str(), values);
                    $run
                }
            }
            .map_err($crate::db::DbError::from)?;
        }
    }};
}

/// What is bound for rows, put together before the query is made: one that is bound to value by value is copied as often.
#[macro_export]
macro_rules! values {
    ($values:ty, $bulk:expr, $rows:ident, |$row:ident| [$($bind:expr),+]) => {{
        let mut values = <$values>::default();
        sqlx::Arguments::reserve(&mut values, $rows.len() * $bulk.width, 0);
        for $row in $rows {
            $(
                sqlx::Arguments::add(&mut values, $bind)
                    .map_err(|error| $crate::db::DbError::from(sqlx::Error::Encode(error)))?;
            )+
        }
        values
    }};
}

/// All rows of a query, as `$row`.
#[macro_export]
macro_rules! fetch_all {
    ($on:expr, $row:ty, $sql:expr $(, $bind:expr)* $(,)?) => {
        match ($on).arm() {
            $crate::db::Arm::Sqlite(c) => sqlx::query_as::<_, $row>($sql)$(.bind($bind))*.fetch_all(c).await,
            $crate::db::Arm::Postgres(c) => sqlx::query_as::<_, $row>($sql)$(.bind($bind))*.fetch_all(c).await,
        }
        .map_err($crate::db::DbError::from)
    };
}

/// The first row of a query, as `$row`, if there is one.
#[macro_export]
macro_rules! fetch_optional {
    ($on:expr, $row:ty, $sql:expr $(, $bind:expr)* $(,)?) => {
        match ($on).arm() {
            $crate::db::Arm::Sqlite(c) => sqlx::query_as::<_, $row>($sql)$(.bind($bind))*.fetch_optional(c).await,
            $crate::db::Arm::Postgres(c) => sqlx::query_as::<_, $row>($sql)$(.bind($bind))*.fetch_optional(c).await,
        }
        .map_err($crate::db::DbError::from)
    };
}

/// The one row that a query always has (a count, a sum, `returning`), as `$row`.
#[macro_export]
macro_rules! fetch_one {
    ($on:expr, $row:ty, $sql:expr $(, $bind:expr)* $(,)?) => {
        match ($on).arm() {
            $crate::db::Arm::Sqlite(c) => sqlx::query_as::<_, $row>($sql)$(.bind($bind))*.fetch_one(c).await,
            $crate::db::Arm::Postgres(c) => sqlx::query_as::<_, $row>($sql)$(.bind($bind))*.fetch_one(c).await,
        }
        .map_err($crate::db::DbError::from)
    };
}

/// Runs a statement; gives how many rows it touched.
#[macro_export]
macro_rules! execute {
    ($on:expr, $sql:expr $(, $bind:expr)* $(,)?) => {
        match ($on).arm() {
            $crate::db::Arm::Sqlite(c) => sqlx::query($sql)$(.bind($bind))*.execute(c).await.map(|done| done.rows_affected()),
            $crate::db::Arm::Postgres(c) => sqlx::query($sql)$(.bind($bind))*.execute(c).await.map(|done| done.rows_affected()),
        }
        .map_err($crate::db::DbError::from)
    };
}
