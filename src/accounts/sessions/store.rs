//! All SQL about a person's sessions as a list, and about the browsers that they signed in with.

use sqlx::FromRow;

use crate::{
    db::{DbError, Reader, SecretHash, Tx},
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

/// Whether this person has signed in with the browser of that cookie.
pub async fn device_known(
    reader: &mut Reader,
    user_id: &str,
    id_hash: SecretHash,
) -> Result<bool, DbError> {
    let row: Option<(String,)> = crate::fetch_optional!(
        reader,
        (String,),
        "select user_id from devices where user_id = $1 and id_hash = $2",
        user_id,
        id_hash.to_vec()
    )?;
    Ok(row.is_some())
}

/// Whether anybody has; it says nothing of whom.
pub async fn device_of_anyone(reader: &mut Reader, id_hash: SecretHash) -> Result<bool, DbError> {
    let row: Option<(String,)> = crate::fetch_optional!(
        reader,
        (String,),
        "select user_id from devices where id_hash = $1 limit 1",
        id_hash.to_vec()
    )?;
    Ok(row.is_some())
}

/// Whether the person has signed in with any browser.
pub async fn has_device(reader: &mut Reader, user_id: &str) -> Result<bool, DbError> {
    let row: Option<(String,)> = crate::fetch_optional!(
        reader,
        (String,),
        "select user_id from devices where user_id = $1 limit 1",
        user_id
    )?;
    Ok(row.is_some())
}

pub async fn see_device(
    tx: &mut Tx,
    user_id: &str,
    id_hash: SecretHash,
    words: &str,
    now: Millis,
) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "insert into devices (user_id, id_hash, words, created_at, last_seen_at) values ($1, $2, $3, $4, $4)
         on conflict (user_id, id_hash) do update
         set words = excluded.words, last_seen_at = excluded.last_seen_at",
        user_id,
        id_hash.to_vec(),
        words,
        now
    )?;
    Ok(())
}

pub async fn delete_devices_unseen_since(
    tx: &mut Tx,
    user_id: &str,
    since: Millis,
) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "delete from devices where user_id = $1 and last_seen_at < $2",
        user_id,
        since
    )?;
    Ok(())
}

/// The browsers of a person in words: when they were first and last signed in with.
pub async fn devices(
    reader: &mut Reader,
    user_id: &str,
) -> Result<Vec<(String, Millis, Millis)>, DbError> {
    crate::fetch_all!(
        reader,
        (String, Millis, Millis),
        "select words, created_at, last_seen_at from devices
         where user_id = $1 order by last_seen_at desc, id_hash",
        user_id
    )
}
