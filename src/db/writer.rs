//! SQLite's one writer. Transactions take turns on its connection, and those that waited for one another become durable by
//! one commit: what a commit takes is the disk's time, which they then have in common.
//!
//! Who is the first of a group to be done lines up for another turn. All that waited before have had theirs by then, and it
//! commits for them. Each begins with a savepoint inside the one before, so that it can be rolled back without the others;
//! then the group is committed at once, and readers wait for that: what was seen in such a transaction is there afterwards.
//! What is being committed is committed, whether or not somebody still waits to hear of it.

use std::{sync::Arc, time::Duration};

use sqlx::{Sqlite, SqliteConnection, SqlitePool, pool::PoolConnection};
use tokio::{
    runtime::Handle,
    sync::{Mutex, OwnedMutexGuard, oneshot, watch},
};

#[derive(Clone)]
pub struct Writer {
    /// Of one connection.
    pub pool: SqlitePool,
    /// How long a transaction waits for its turn.
    patience: Duration,
    turns: Arc<Mutex<Turn>>,
    /// One that saw what others had not committed yet was rolled back, and they are being committed.
    undoing: Arc<watch::Sender<bool>>,
}

/// The transaction that is open in the engine, if one is.
#[derive(Default)]
struct Turn(Option<Group>);

struct Group {
    connection: PoolConnection<Sqlite>,
    /// Those who are done and wait to hear that it is durable.
    waiting: Vec<oneshot::Sender<Result<(), sqlx::Error>>>,
}

/// A transaction that has its turn. Dropped, it is rolled back.
pub struct WriterTx {
    writer: Writer,
    /// There until it ends.
    turn: Option<OwnedMutexGuard<Turn>>,
}

/// The savepoint `whole` is there unless the engine has rolled everything back of its own accord, as it does when a disk fails.
const BEGIN: &str = "begin immediate; savepoint whole; savepoint one";
const BEGIN_ANOTHER: &str = "savepoint one";
const UNDO: &str = "rollback to one; release whole; commit";
const COMMIT: &str = "release whole; commit";

impl Writer {
    pub fn new(pool: SqlitePool, patience: Duration) -> Self {
        Self {
            pool,
            patience,
            turns: Arc::default(),
            undoing: Arc::default(),
        }
    }

    /// Returns once a reader sees all that transactions saw which were rolled back.
    pub async fn settled(&self) {
        // The sender is here, so that it cannot be closed.
        let _ = self.undoing.subscribe().wait_for(|undoing| !undoing).await;
    }

    pub async fn begin(&self) -> Result<WriterTx, sqlx::Error> {
        let turn = tokio::time::timeout(self.patience, self.turns.clone().lock_owned());
        let turn = turn.await.map_err(|_| sqlx::Error::PoolTimedOut)?;
        // To its end, whether or not somebody still waits: what has no savepoint of its own would be rolled back to another's.
        let begun = tokio::spawn(begin(turn, self.clone()));
        begun
            .await
            .unwrap_or_else(|_| Err(lost("the process is stopping")))
    }
}

/// Gives a transaction with its savepoint, or leaves everything as it was.
async fn begin(mut turn: OwnedMutexGuard<Turn>, writer: Writer) -> Result<WriterTx, sqlx::Error> {
    if let Some(group) = &mut turn.0 {
        group.run(BEGIN_ANOTHER).await?;
    } else {
        let group = turn.0.insert(Group {
            connection: writer.pool.acquire().await?,
            waiting: Vec::new(),
        });
        if let Err(error) = group.run(BEGIN).await {
            turn.end(Err(lost("it was never begun"))).await;
            return Err(error);
        }
    }
    Ok(WriterTx {
        writer,
        turn: Some(turn),
    })
}

impl WriterTx {
    pub fn connection(&mut self) -> &mut SqliteConnection {
        let group = self.turn.as_mut().and_then(|turn| turn.0.as_mut());
        &mut group
            .expect("a transaction is in a group until it ends")
            .connection
    }

    /// Returns once it is durable. If that fails so does every transaction of its group.
    pub async fn commit(mut self) -> Result<(), sqlx::Error> {
        let (told, heard) = oneshot::channel();
        if let Some(turn) = self.turn.take() {
            done(turn, self.writer.turns.clone(), told);
        }
        heard
            .await
            .unwrap_or_else(|_| Err(lost("the process is stopping")))
    }
}

impl Drop for WriterTx {
    fn drop(&mut self) {
        let Some(mut turn) = self.turn.take() else {
            return;
        };
        if let Ok(runtime) = Handle::try_current() {
            let undoing = Undoing::begin(&self.writer, &turn);
            runtime.spawn(async move {
                turn.undo().await;
                drop(undoing);
            });
        } else if let Some(mut group) = turn.0.take() {
            // No one is left to wait for the engine: it rolls back what its connection leaves behind.
            group.connection.close_on_drop();
        }
    }
}

/// While it is there readers wait. Nobody else has a turn meanwhile, so that none of them keeps it waiting.
struct Undoing(Arc<watch::Sender<bool>>);

impl Undoing {
    fn begin(writer: &Writer, turn: &Turn) -> Self {
        let has_others = turn
            .0
            .as_ref()
            .is_some_and(|group| !group.waiting.is_empty());
        writer.undoing.send_replace(has_others);
        Self(writer.undoing.clone())
    }
}

impl Drop for Undoing {
    fn drop(&mut self) {
        self.0.send_replace(false);
    }
}

/// Ends the turn of a transaction that is to stay, and its group after all that have waited for theirs.
fn done(
    mut turn: OwnedMutexGuard<Turn>,
    turns: Arc<Mutex<Turn>>,
    told: oneshot::Sender<Result<(), sqlx::Error>>,
) {
    let Some(group) = &mut turn.0 else { return };
    let is_first = group.waiting.is_empty();
    group.waiting.push(told);
    if is_first {
        tokio::spawn(async move {
            let mut turn = turns.lock_owned().await;
            if let Some(group) = &mut turn.0 {
                let committed = group.run(COMMIT).await;
                turn.end(committed).await;
            }
        });
    }
}

impl Turn {
    /// Undoes what was done in this turn, and commits for those who wait for the group.
    async fn undo(&mut self) {
        let Some(group) = &mut self.0 else { return };
        let ended = if group.waiting.is_empty() {
            Err(lost("it was rolled back"))
        } else {
            group.run(UNDO).await
        };
        self.end(ended).await;
    }

    /// Ends the group, and tells those who wait for it how.
    async fn end(&mut self, outcome: Result<(), sqlx::Error>) {
        let Some(mut group) = self.0.take() else {
            return;
        };
        if outcome.is_err() && group.run("rollback").await.is_err() {
            // The engine has done so already, or the connection is of no more use.
            group.connection.close_on_drop();
        }
        for told in group.waiting {
            let outcome = match &outcome {
                Ok(()) => Ok(()),
                Err(error) => Err(lost(&error.to_string())),
            };
            // Who does not listen has gone.
            let _ = told.send(outcome);
        }
    }
}

impl Group {
    async fn run(&mut self, statements: &'static str) -> Result<(), sqlx::Error> {
        let run = sqlx::query(statements).execute(&mut *self.connection);
        run.await.map(drop)
    }
}

fn lost(why: &str) -> sqlx::Error {
    sqlx::Error::Protocol(format!("the transaction is not committed: {why}"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::db::{
        Db, installation,
        testing::{self, Engine},
    };

    async fn is_there(db: &Db, name: &str) -> bool {
        let mut reader = db.read().await.expect("a connection");
        let value = installation::value(&mut reader, name).await.expect("read");
        value.is_some()
    }

    #[tokio::test]
    async fn of_many_at_once_those_stay_that_are_committed() {
        let test = testing::database(Engine::Sqlite).await;
        let db = Db::connect(&test.url).await.expect("it opens");
        let tasks: Vec<_> = (0..48)
            .map(|i| {
                let db = db.clone();
                tokio::spawn(async move {
                    let mut tx = db.begin().await.expect("a turn");
                    let name = format!("number {i}");
                    installation::set(&mut tx, &name, "1")
                        .await
                        .expect("written");
                    if i % 3 == 0 {
                        return drop(tx);
                    }
                    tx.commit().await.expect("committed");
                    assert!(is_there(&db, &name).await);
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("joined");
        }
        for i in 0..48 {
            assert_eq!(
                is_there(&db, &format!("number {i}")).await,
                i % 3 > 0,
                "{i}"
            );
        }
    }

    #[tokio::test]
    async fn what_is_given_up_while_it_begins_takes_nothing_of_others_with_it() {
        let test = testing::database(Engine::Sqlite).await;
        let db = Db::connect(&test.url).await.expect("it opens");
        let (stays, given_up): (Vec<_>, Vec<_>) = (0..60u64)
            .map(|i| {
                let (db, other) = (db.clone(), db.clone());
                let stays = tokio::spawn(async move {
                    let mut tx = db.begin().await.expect("a turn");
                    let name = format!("number {i}");
                    installation::set(&mut tx, &name, "1")
                        .await
                        .expect("written");
                    tx.commit().await.expect("committed");
                });
                let given_up = tokio::spawn(async move {
                    let patience = Duration::from_micros(i * 200);
                    tokio::time::timeout(patience, other.begin()).await.is_ok()
                });
                (stays, given_up)
            })
            .unzip();
        for task in stays {
            task.await.expect("joined");
        }
        let mut begun = 0;
        for task in given_up {
            begun += usize::from(task.await.expect("joined"));
        }
        assert!(begun < 60, "none was given up");
        for i in 0..60 {
            assert!(is_there(&db, &format!("number {i}")).await, "{i}");
        }
    }

    #[tokio::test]
    async fn what_one_has_seen_that_is_rolled_back_it_sees_again() {
        let test = testing::database(Engine::Sqlite).await;
        let db = Db::connect(&test.url).await.expect("it opens");
        let mut first = db.begin().await.expect("a turn");
        let second = tokio::spawn({
            let db = db.clone();
            async move {
                let mut tx = db.begin().await.expect("a turn");
                let seen = installation::value(&mut tx, "first").await.expect("read");
                drop(tx);
                (seen.is_some(), is_there(&db, "first").await)
            }
        });
        tokio::task::yield_now().await;
        installation::set(&mut first, "first", "1")
            .await
            .expect("written");
        let (first, second) = tokio::join!(first.commit(), second);
        first.expect("committed");
        assert_eq!(second.expect("joined"), (true, true));
    }

    #[tokio::test]
    async fn where_the_engine_has_rolled_back_nobody_is_told_that_it_stays() {
        let test = testing::database(Engine::Sqlite).await;
        let db = Db::connect(&test.url).await.expect("it opens");
        let mut first = db.begin().await.expect("a turn");
        let second = tokio::spawn({
            let db = db.clone();
            async move {
                let mut tx = db.begin().await.expect("a turn");
                // As it does of its own accord where the disk is full.
                crate::execute!(&mut tx, "rollback").expect("rolled back");
                installation::set(&mut tx, "second", "1")
                    .await
                    .expect("written");
                tx.commit().await
            }
        });
        tokio::task::yield_now().await;
        installation::set(&mut first, "first", "1")
            .await
            .expect("written");
        let (first, second) = tokio::join!(first.commit(), second);
        assert!(first.is_err() && second.expect("joined").is_err());
        assert!(!is_there(&db, "first").await);
        let mut tx = db.begin().await.expect("a turn");
        installation::set(&mut tx, "third", "1")
            .await
            .expect("written");
        tx.commit().await.expect("committed");
        assert!(is_there(&db, "third").await);
    }
}
