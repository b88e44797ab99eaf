//! The chain of hashes.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::store;
use crate::{
    db::{DbError, Reader, Tx},
    server::clock::Millis,
};

/// The chain of the installation itself: operators, service tokens.
pub const PLATFORM: &str = "platform";
/// Who acts when a command is given on the machine.
pub const CONSOLE: &str = "console";
/// Who acts when time alone does.
pub const ITSELF: &str = "latchkey";

/// Something that was done.
#[derive(Clone, Debug)]
pub struct Entry {
    /// A workspace's id, or [`PLATFORM`].
    pub chain: String,
    /// A person's id, or [`CONSOLE`].
    pub actor: String,
    pub action: &'static str,
    /// The id of what it was done to.
    pub target: String,
    pub detail: Value,
}

/// An entry as it is kept. Exported, one stands in a line of JSON, hashes in hex.
#[derive(Clone, Debug, Serialize, Deserialize, sqlx::FromRow)]
pub struct Kept {
    pub chain_id: String,
    pub seq: i64,
    pub at: Millis,
    pub actor: String,
    pub action: String,
    pub target: String,
    /// JSON text, hashed as it stands.
    pub detail: String,
    #[serde(with = "hex")]
    pub prev_hash: Vec<u8>,
    #[serde(with = "hex")]
    pub hash: Vec<u8>,
}

/// What [`verify`] found.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Verification {
    pub entries: i64,
    pub ok: bool,
    /// The first entry at which a chain does not hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broken: Option<Broken>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Broken {
    pub chain: String,
    pub entry: i64,
    pub reason: &'static str,
}

const GENESIS: [u8; 32] = [0; 32];

/// Appends an entry, in the caller's transaction.
pub async fn record(tx: &mut Tx, entry: &Entry, now: Millis) -> Result<(), DbError> {
    tx.serialise(&format!("audit:{}", entry.chain)).await?;
    let (seq, prev_hash) = store::head(tx, &entry.chain)
        .await?
        .unwrap_or((0, GENESIS.to_vec()));
    let mut kept = Kept {
        chain_id: entry.chain.clone(),
        seq: seq + 1,
        at: now,
        actor: entry.actor.clone(),
        action: entry.action.to_owned(),
        target: entry.target.clone(),
        detail: entry.detail.to_string(),
        prev_hash,
        hash: Vec::new(),
    };
    kept.hash = kept.expected_hash().to_vec();
    store::append(tx, &kept).await
}

impl Kept {
    /// SHA-256 over every field, each led by its length so that no two entries read alike.
    fn expected_hash(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        let numbers = [self.seq.to_be_bytes(), self.at.to_be_bytes()];
        let fields: [&[u8]; 8] = [
            &self.prev_hash,
            self.chain_id.as_bytes(),
            &numbers[0],
            &numbers[1],
            self.actor.as_bytes(),
            self.action.as_bytes(),
            self.target.as_bytes(),
            self.detail.as_bytes(),
        ];
        for field in fields {
            digest.update((field.len() as u64).to_be_bytes());
            digest.update(field);
        }
        digest.finalize().into()
    }
}

/// Follows one chain, entry by entry.
struct Walk {
    seq: i64,
    hash: Vec<u8>,
}

impl Walk {
    fn start() -> Self {
        Self {
            seq: 0,
            hash: GENESIS.to_vec(),
        }
    }

    fn step(&mut self, entry: &Kept) -> Result<(), Broken> {
        let reason = if entry.seq != self.seq + 1 {
            Some("an entry before it is missing")
        } else if entry.prev_hash != self.hash {
            Some("it does not follow the entry before it")
        } else if entry.hash != entry.expected_hash() {
            Some("its content was changed")
        } else {
            None
        };
        if let Some(reason) = reason {
            return Err(Broken {
                chain: entry.chain_id.clone(),
                entry: entry.seq,
                reason,
            });
        }
        self.seq = entry.seq;
        self.hash.clone_from(&entry.hash);
        Ok(())
    }
}

/// Checks every chain in the database against its hashes and its head.
pub async fn verify(reader: &mut Reader) -> Result<Verification, DbError> {
    let mut entries = 0;
    for (chain, head_seq, head) in store::chains(reader).await? {
        let mut walk = Walk::start();
        // Up to the head that was read: what is written meanwhile is the next check's.
        loop {
            let page = store::after(reader, &chain, walk.seq, head_seq).await?;
            if page.is_empty() {
                break;
            }
            for entry in &page {
                if let Err(broken) = walk.step(entry) {
                    return Ok(failed(entries, broken));
                }
                entries += 1;
            }
        }
        if walk.seq != head_seq || walk.hash != head {
            let broken = Broken {
                chain,
                entry: walk.seq + 1,
                reason: "the end of the chain is missing",
            };
            return Ok(failed(entries, broken));
        }
    }
    Ok(Verification {
        entries,
        ok: true,
        broken: None,
    })
}

/// Checks an export: a [`Kept`] a line, each chain in order and from its beginning.
pub fn verify_export(lines: impl Iterator<Item = String>) -> Result<Verification, String> {
    let mut walks: std::collections::HashMap<String, Walk> = std::collections::HashMap::new();
    let mut entries = 0;
    for (number, line) in lines.enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let entry: Kept = serde_json::from_str(&line)
            .map_err(|error| format!("line {}: not an audit entry: {error}", number + 1))?;
        let walk = walks
            .entry(entry.chain_id.clone())
            .or_insert_with(Walk::start);
        if let Err(broken) = walk.step(&entry) {
            return Ok(failed(entries, broken));
        }
        entries += 1;
    }
    Ok(Verification {
        entries,
        ok: true,
        broken: None,
    })
}

fn failed(entries: i64, broken: Broken) -> Verification {
    Verification {
        entries,
        ok: false,
        broken: Some(broken),
    }
}
