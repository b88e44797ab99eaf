//! What rows of requests add up to: the log in the order of keys, counts by hour, and when each key was last used.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use super::{RequestRow, store};
use crate::{
    db::{DbError, Tx},
    server::clock::{HOUR, Id, Millis},
};

/// A place in the log in the order of keys.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Keyed {
    pub workspace_id: Arc<str>,
    pub key_id: Id,
    pub id: Id,
}

/// Requests of a key in an hour that ended alike.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Counted {
    pub workspace_id: Arc<str>,
    pub environment: Arc<str>,
    pub key_id: Id,
    /// Hours since the Unix epoch.
    pub hour: i64,
    pub code: Cow<'static, str>,
    pub requests: i64,
}

#[derive(Debug)]
pub struct LastUse {
    pub key_id: Id,
    pub at: Millis,
    pub ip: Option<Arc<str>>,
}

#[derive(Default)]
pub struct Tally {
    pub keyed: Vec<Keyed>,
    keys: HashMap<Id, Told>,
}

/// What the rows of a key tell of.
struct Told {
    workspace_id: Arc<str>,
    environment: Arc<str>,
    /// Requests by hour and code. Few, since rows come as they happen.
    hours: Vec<(i64, Cow<'static, str>, i64)>,
    last: (Millis, Option<Arc<str>>),
}

/// A tally in one order everywhere, so that two nodes never wait for each other's rows.
pub struct Sorted {
    pub keyed: Vec<Keyed>,
    pub hours: Vec<Counted>,
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
        let keyed = Keyed {
            workspace_id: row.workspace_id.clone(),
            key_id: row.key_id,
            id: row.id,
        };
        let code = Cow::Borrowed(row.code);
        self.count(keyed, &row.environment, row.at, code, row.ip.as_ref());
    }

    /// Adds a row that was read again.
    pub fn add_owed(&mut self, row: store::OwedRow) {
        let (Some(id), Some(key_id)) = (Id::parse(&row.id, b"req"), Id::parse(&row.key_id, b"key"))
        else {
            tracing::error!(row.id, row.key_id, "a request is left out of the counts");
            return;
        };
        let keyed = Keyed {
            workspace_id: row.workspace_id.into(),
            key_id,
            id,
        };
        let (code, ip) = (Cow::Owned(row.code), row.ip.map(Arc::from));
        self.count(keyed, &row.environment.into(), row.at, code, ip.as_ref());
    }

    fn count(
        &mut self,
        keyed: Keyed,
        environment: &Arc<str>,
        at: Millis,
        code: Cow<'static, str>,
        ip: Option<&Arc<str>>,
    ) {
        let told = self.keys.entry(keyed.key_id).or_insert_with(|| Told {
            workspace_id: keyed.workspace_id.clone(),
            environment: environment.clone(),
            // Most keys have one; what is pushed to none makes room for four.
            hours: Vec::with_capacity(1),
            last: (at, ip.cloned()),
        });
        self.keyed.push(keyed);
        if told.last.0 <= at {
            told.last.0 = at;
            if told.last.1.as_ref() != ip {
                told.last.1 = ip.cloned();
            }
        }
        let hour = at / HOUR;
        let mut counted = told.hours.iter_mut();
        match counted.find(|(its, of, _)| *its == hour && *of == code) {
            Some((_, _, requests)) => *requests += 1,
            None => told.hours.push((hour, code, 1)),
        }
    }

    pub fn sorted(self) -> Sorted {
        let mut keyed = self.keyed;
        keyed.sort_unstable();
        let mut hours = Vec::with_capacity(self.keys.len());
        let mut last = Vec::with_capacity(self.keys.len());
        for (key_id, told) in self.keys {
            for (hour, code, requests) in told.hours {
                hours.push(Counted {
                    workspace_id: told.workspace_id.clone(),
                    environment: told.environment.clone(),
                    key_id,
                    hour,
                    code,
                    requests,
                });
            }
            let (at, ip) = told.last;
            last.push(LastUse { key_id, at, ip });
        }
        hours.sort_unstable();
        last.sort_unstable_by_key(|one| one.key_id);
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
