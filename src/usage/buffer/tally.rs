//! What rows of requests add up to: the log in the order of keys, counts by hour, and when each key was last used.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use super::{RequestRow, store};
use crate::{
    db::{DbError, Tx},
    server::clock::{HOUR, Millis},
};

/// A place in the log in the order of keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Keyed {
    pub workspace_id: Arc<str>,
    pub key_id: Arc<str>,
    pub id: Arc<str>,
}

/// What requests are counted by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Counted {
    pub workspace_id: Arc<str>,
    pub environment: Arc<str>,
    pub key_id: Arc<str>,
    /// Hours since the Unix epoch.
    pub hour: i64,
    pub code: Cow<'static, str>,
}

#[derive(Clone, Debug)]
pub struct LastUse {
    pub key_id: Arc<str>,
    pub at: Millis,
    pub ip: Option<Arc<str>>,
}

#[derive(Default)]
pub struct Tally {
    pub keyed: Vec<Keyed>,
    hours: HashMap<Counted, i64>,
    last: HashMap<Arc<str>, (Millis, Option<Arc<str>>)>,
}

/// A tally in one order everywhere, so that two nodes never wait for each other's rows.
pub struct Sorted {
    pub keyed: Vec<Keyed>,
    pub hours: Vec<(Counted, i64)>,
    pub last: Vec<LastUse>,
}

impl Tally {
    pub fn of(rows: &[RequestRow]) -> Self {
        let mut tally = Self::default();
        for row in rows {
            tally.add(row);
        }
        tally
    }

    pub fn add(&mut self, row: &RequestRow) {
        self.keyed.push(Keyed {
            workspace_id: row.workspace_id.clone(),
            key_id: row.key_id.clone(),
            id: row.id.clone(),
        });
        let hour = Counted {
            workspace_id: row.workspace_id.clone(),
            environment: row.environment.clone(),
            key_id: row.key_id.clone(),
            hour: row.at / HOUR,
            code: Cow::Borrowed(row.code),
        };
        self.count(hour, row.at, row.ip.as_ref());
    }

    /// Adds a row that was read again.
    pub fn add_owed(&mut self, row: store::OwedRow) {
        let hour = Counted {
            workspace_id: row.workspace_id.into(),
            environment: row.environment.into(),
            key_id: row.key_id.into(),
            hour: row.at / HOUR,
            code: Cow::Owned(row.code),
        };
        self.keyed.push(Keyed {
            workspace_id: hour.workspace_id.clone(),
            key_id: hour.key_id.clone(),
            id: row.id.into(),
        });
        self.count(hour, row.at, row.ip.map(Arc::from).as_ref());
    }

    fn count(&mut self, hour: Counted, at: Millis, ip: Option<&Arc<str>>) {
        match self.last.get_mut(&hour.key_id) {
            Some((latest, from)) if *latest <= at => {
                *latest = at;
                if from.as_ref() != ip {
                    *from = ip.cloned();
                }
            }
            Some(_) => {}
            None => {
                let first = (at, ip.cloned());
                self.last.insert(hour.key_id.clone(), first);
            }
        }
        *self.hours.entry(hour).or_default() += 1;
    }

    pub fn sorted(self) -> Sorted {
        let mut keyed = self.keyed;
        keyed.sort_unstable();
        let mut hours: Vec<_> = self.hours.into_iter().collect();
        hours.sort_unstable();
        let mut last: Vec<_> = self
            .last
            .into_iter()
            .map(|(key_id, (at, ip))| LastUse { key_id, at, ip })
            .collect();
        last.sort_unstable_by(|a, b| a.key_id.cmp(&b.key_id));
        Sorted { keyed, hours, last }
    }
}

impl Sorted {
    pub async fn write(&self, tx: &mut Tx) -> Result<(), DbError> {
        store::insert_by_key(tx, &self.keyed).await?;
        store::count(tx, &self.hours).await?;
        store::set_last_used(tx, &self.last).await
    }
}
