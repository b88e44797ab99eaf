//! Where a person is signed in: the list of their sessions, ending them, and the browsers that they are known by.

pub mod device;
pub mod ops;
pub mod page;
pub mod post;
pub mod store;
#[cfg(test)]
mod tests;

use super::session::{self, ABSOLUTE, IDLE};
use crate::{
    db::{DbError, Reader},
    server::clock::Millis,
};

/// A session as its person sees it.
pub struct Listed {
    /// What names it in a form. It is no part of the cookie.
    pub id: String,
    pub device: String,
    pub address: Option<String>,
    pub signed_in_at: Millis,
    /// To within a minute.
    pub last_seen_at: Millis,
    /// It is the one that asks.
    pub current: bool,
}

/// A person's sessions that are not over, the one used last at the head. `current` is the hash of the one that asks.
pub async fn listed(
    reader: &mut Reader,
    user_id: &str,
    current: Option<[u8; 32]>,
    now: Millis,
) -> Result<Vec<Listed>, DbError> {
    let rows = store::of_user(reader, user_id, now).await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            let begun = session::begun(&row.record)?;
            (now - begun.signed_in_at < ABSOLUTE).then(|| Listed {
                id: id_of(&row.id_hash),
                device: begun.device,
                address: begun.address,
                signed_in_at: begun.signed_in_at,
                last_seen_at: row.expires_at - IDLE,
                current: current.is_some_and(|hash| hash[..] == row.id_hash[..]),
            })
        })
        .collect())
}

/// The first 16 hex digits of the hash: enough to tell one person's sessions apart.
pub fn id_of(id_hash: &[u8]) -> String {
    hex::encode(&id_hash[..8.min(id_hash.len())])
}
