//! All SQL about mail.

use crate::{
    db::{DbError, Tx},
    server::clock::Millis,
};

pub async fn insert(
    tx: &mut Tx,
    id: &str,
    user_id: Option<&str>,
    sealed: &[u8],
    now: Millis,
) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "insert into mails (id, user_id, sealed, created_at, next_at) values ($1, $2, $3, $4, $4)",
        id,
        user_id,
        sealed.to_vec(),
        now
    )?;
    Ok(())
}

#[cfg(test)]
pub async fn all(reader: &mut crate::db::Reader) -> Result<Vec<(String, Vec<u8>)>, DbError> {
    crate::fetch_all!(
        reader,
        (String, Vec<u8>),
        "select id, sealed from mails where sealed is not null order by id"
    )
}
