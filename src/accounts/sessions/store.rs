//! All SQL about a person's sessions as a list, and about the browsers that they signed in with.

use sqlx::FromRow;

use crate::{
    db::{DbError, Reader, Tx},
    server::clock::Millis,
};

/// A session as it is stored.
#[derive(FromRow)]
pub struct SessionRow {
    pub id_hash: Vec<u8>,
    pub record: String,
    pub expires_at: Millis,
}

/// A person's sessions that are not over, the one used last at the head.
pub async fn of_user(
    reader: &mut Reader,
    user_id: &str,
    now: Millis,
) -> Result<Vec<SessionRow>, DbError> {
    crate::fetch_all!(
        reader,
        SessionRow,
        "select id_hash, record, expires_at from sessions
         where user_id = $1 and expires_at > $2 order by expires_at desc, id_hash",
        user_id,
        now
    )
}

/// Ends one session of this person. False if they have no such session.
pub async fn end_session(tx: &mut Tx, user_id: &str, id_hash: &[u8]) -> Result<bool, DbError> {
    let touched = crate::execute!(
        tx,
        "delete from sessions where user_id = $1 and id_hash = $2",
        user_id,
        id_hash
    )?;
    Ok(touched == 1)
}

/// Ends all sessions of a person but the one to keep, if one is named. Gives how many.
pub async fn end_sessions(
    tx: &mut Tx,
    user_id: &str,
    except: Option<[u8; 32]>,
) -> Result<u64, DbError> {
    // No hash is empty, so nothing is kept if nothing is named.
    let kept = except.map_or_else(Vec::new, |hash| hash.to_vec());
    crate::execute!(
        tx,
        "delete from sessions where user_id = $1 and id_hash <> $2",
        user_id,
        kept
    )
}
