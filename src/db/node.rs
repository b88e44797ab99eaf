//! Whether another process serves from the same database.

use sqlx::{Connection, PgConnection};

use super::{Db, DbError, Pools};

/// Any number that nothing else locks by.
const KEY: i64 = 0x6c61_7463_686b_6579;

/// Held for as long as this process serves alone. The lock ends with its connection, so a crash leaves none behind.
pub struct OnlyNode {
    _connection: PgConnection,
}

impl Db {
    /// Claims to be the only one that serves from this database; none if another process does. A SQLite file is one
    /// node's anyway.
    pub async fn claim_only_node(&self) -> Result<Option<OnlyNode>, DbError> {
        let Pools::Postgres(pool) = &self.pools else {
            return Ok(None);
        };
        let mut connection = PgConnection::connect_with(&pool.connect_options()).await?;
        let claimed: bool = sqlx::query_scalar("select pg_try_advisory_lock($1)")
            .bind(KEY)
            .fetch_one(&mut connection)
            .await?;
        Ok(claimed.then_some(OnlyNode {
            _connection: connection,
        }))
    }

    /// Whether several processes can serve from this database.
    pub fn takes_several_nodes(&self) -> bool {
        matches!(self.pools, Pools::Postgres(_))
    }
}
