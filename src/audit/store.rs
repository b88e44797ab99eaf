//! All SQL about the audit record. Nothing here changes or deletes an entry, and triggers see to it that nothing else does.

use super::chain::Kept;
use crate::db::{DbError, Reader, Tx};

/// Entries read at a time when a whole chain is checked.
const PAGE: i64 = 1000;

/// The number and hash of a chain's last entry.
pub async fn head(reader: &mut Reader, chain: &str) -> Result<Option<(i64, Vec<u8>)>, DbError> {
    crate::fetch_optional!(
        reader,
        (i64, Vec<u8>),
        "select seq, head from audit_chains where id = $1",
        chain
    )
}

pub async fn append(tx: &mut Tx, entry: &Kept) -> Result<(), DbError> {
    crate::execute!(
        tx,
        "insert into audit_chains (id, seq, head) values ($1, $2, $3)
         on conflict (id) do update set seq = excluded.seq, head = excluded.head",
        &entry.chain_id,
        entry.seq,
        &entry.hash
    )?;
    crate::execute!(
        tx,
        "insert into audit_entries (chain_id, seq, at, actor, action, target, detail, prev_hash, hash)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        &entry.chain_id,
        entry.seq,
        entry.at,
        &entry.actor,
        &entry.action,
        &entry.target,
        &entry.detail,
        &entry.prev_hash,
        &entry.hash
    )?;
    Ok(())
}

/// Every chain with the number and hash of its last entry.
pub async fn chains(reader: &mut Reader) -> Result<Vec<(String, i64, Vec<u8>)>, DbError> {
    crate::fetch_all!(
        reader,
        (String, i64, Vec<u8>),
        "select id, seq, head from audit_chains order by id"
    )
}

/// The entries that follow number `seq`, up to number `last`, oldest first.
pub async fn after(
    reader: &mut Reader,
    chain: &str,
    seq: i64,
    last: i64,
) -> Result<Vec<Kept>, DbError> {
    crate::fetch_all!(
        reader,
        Kept,
        "select chain_id, seq, at, actor, action, target, detail, prev_hash, hash
         from audit_entries where chain_id = $1 and seq > $2 and seq <= $3 order by seq limit $4",
        chain,
        seq,
        last,
        PAGE
    )
}

/// What one person did, in any chain, newest first. It crosses workspaces, since it is about the person.
pub async fn by_actor(reader: &mut Reader, actor: &str, limit: i64) -> Result<Vec<Kept>, DbError> {
    crate::fetch_all!(
        reader,
        Kept,
        "select chain_id, seq, at, actor, action, target, detail, prev_hash, hash
         from audit_entries where actor = $1 order by at desc, chain_id, seq desc limit $2",
        actor,
        limit
    )
}

/// The entries before number `before`, newest first; of one target if given.
pub async fn before(
    reader: &mut Reader,
    chain: &str,
    before: i64,
    target: Option<&str>,
    limit: i64,
) -> Result<Vec<Kept>, DbError> {
    crate::fetch_all!(
        reader,
        Kept,
        "select chain_id, seq, at, actor, action, target, detail, prev_hash, hash
         from audit_entries
         where chain_id = $1 and seq < $2 and (cast($3 as text) is null or target = $3)
         order by seq desc limit $4",
        chain,
        before,
        target,
        limit
    )
}
