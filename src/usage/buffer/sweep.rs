//! What the rows of a busy log tell of is written in sweeps over many of them, not with each group: keys come in no order, and
//! each that is touched costs a page of the database. What is still to be gone through is noted in the transaction of its
//! rows, so that it is made up for after a crash.
//!
//! A sweep is made in steps, each a short transaction, since SQLite has one writer. Only the last of them adds counts, and
//! notes in the same transaction that nothing is owed any more; the others can be done twice.

use tokio::time::{Duration, Instant};

use super::{
    RequestRow, store,
    tally::{Sorted, Tally},
};
use crate::db::{Db, DbError, Tx};

/// Rows after which a sweep begins: some for each of many keys, so that a page is changed for several of them.
const MANY: usize = 200_000;
/// Counts and the log by key are behind the log by no more than this and the time of a sweep.
const BEHIND: Duration = Duration::from_secs(10);
/// Rows of one step: some 20 ms, for which the writer's next group waits.
const STEP: usize = 4_000;

/// Writes rows and notes that what they tell of is owed, under the id that it gives.
pub async fn append(tx: &mut Tx, rows: &[RequestRow]) -> Result<String, DbError> {
    let first = rows.first();
    let id = first.map_or_else(String::new, |row| row.id.text(b"req").to_string());
    store::insert(tx, rows).await?;
    store::owe(tx, &id, rows).await?;
    Ok(id)
}

#[derive(Default)]
pub struct Sweep {
    gathered: Tally,
    /// The groups that were gathered, by the ids under which they are owed.
    owed: Vec<String>,
    since: Option<Instant>,
    going: Option<(Sorted, Vec<String>)>,
}

impl Sweep {
    /// What an earlier process owed.
    pub async fn recover(db: &Db) -> Result<Self, DbError> {
        let mut sweep = Self::default();
        if db.keeps_order_of_keys() {
            let mut reader = db.read().await?;
            for id in store::owed(&mut reader).await? {
                for row in store::owed_rows(&mut reader, &id).await? {
                    sweep.gathered.add_owed(row);
                }
                sweep.owed.push(id);
            }
        }
        Ok(sweep)
    }

    /// Writes a group and owes what it tells of.
    pub async fn append(&mut self, db: &Db, rows: &[RequestRow]) -> Result<(), DbError> {
        let mut tx = db.begin().await?;
        let id = append(&mut tx, rows).await?;
        tx.commit().await?;
        self.gather(id, rows);
        Ok(())
    }

    /// Will go through these rows, which are owed under this id.
    pub fn gather(&mut self, id: String, rows: &[RequestRow]) {
        for row in rows {
            self.gathered.add(row);
        }
        self.owed.push(id);
        self.since.get_or_insert_with(Instant::now);
    }

    /// When there is something to do, if there is.
    pub fn due(&self) -> Option<Instant> {
        let since = self.since.map(|since| since + BEHIND);
        match &self.going {
            Some(_) => Some(Instant::now()),
            None if self.gathered.keyed.len() >= MANY => Some(Instant::now()),
            None => since,
        }
    }

    /// Does the next step, if it is time for one.
    pub async fn step(&mut self, db: &Db) -> Result<(), DbError> {
        if self.due().is_some_and(|due| due <= Instant::now()) {
            self.go(db).await?;
        }
        Ok(())
    }

    /// Does all of it.
    pub async fn finish(&mut self, db: &Db) -> Result<(), DbError> {
        while self.going.is_some() || !self.owed.is_empty() {
            self.go(db).await?;
        }
        Ok(())
    }

    async fn go(&mut self, db: &Db) -> Result<(), DbError> {
        let (left, owed) = self.going.get_or_insert_with(|| {
            self.since = None;
            let gathered = std::mem::take(&mut self.gathered);
            (gathered.sorted(), std::mem::take(&mut self.owed))
        });
        let mut tx = db.begin().await?;
        let rest = left.keyed.len().saturating_sub(STEP);
        if !left.keyed.is_empty() {
            store::insert_by_key(&mut tx, &left.keyed[rest..]).await?;
            tx.commit().await?;
            left.keyed.truncate(rest);
            return Ok(());
        }
        let rest = left.last.len().saturating_sub(STEP);
        if !left.last.is_empty() {
            store::set_last_used(&mut tx, &left.last[rest..]).await?;
            tx.commit().await?;
            left.last.truncate(rest);
            return Ok(());
        }
        store::count(&mut tx, &left.hours).await?;
        let mut paid = true;
        for id in owed.iter() {
            paid &= store::pay(&mut tx, id).await?;
        }
        // Of what another process has made up for, it has added the counts as well.
        if paid {
            tx.commit().await?;
        }
        self.going = None;
        Ok(())
    }
}
