//! The secrets file: the pepper that keys are hashed under and the master key that other secrets are sealed with.
//!
//! Each is a list: the first is current, the rest are accepted. The file is made only beside an empty database,
//! which keeps a fingerprint of it: with another file no key could be found, so the start is refused instead.

use std::{
    fs,
    io::Write,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

use aes_gcm::{
    Aes256Gcm,
    aead::{Aead, Payload},
};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::db::{Db, DbError, installation};

use super::clock::Rng;

/// What keyed hashes are made under; never printed. Each is kept as HMAC begins with it, which is half of the work.
#[derive(Clone)]
pub struct Peppers(Vec<Hmac<Sha256>>);

impl Peppers {
    fn new<'a>(peppers: impl IntoIterator<Item = &'a [u8; 32]>) -> Self {
        let begun = |pepper: &[u8; 32]| {
            <Hmac<Sha256> as KeyInit>::new_from_slice(pepper)
                .expect("HMAC takes a key of any length")
        };
        Self(peppers.into_iter().map(begun).collect())
    }

    /// HMAC-SHA256 under the current pepper.
    pub fn hash(&self, bytes: &[u8]) -> [u8; 32] {
        hmac(&self.0[0], bytes)
    }

    /// The hash under every accepted pepper, the current one first.
    pub fn hashes(&self, bytes: &[u8]) -> impl Iterator<Item = [u8; 32]> {
        self.0.iter().map(move |pepper| hmac(pepper, bytes))
    }

    #[cfg(test)]
    pub fn fixed(peppers: &[[u8; 32]]) -> Self {
        Self::new(peppers)
    }
}

fn hmac(pepper: &Hmac<Sha256>, bytes: &[u8]) -> [u8; 32] {
    let mut mac = pepper.clone();
    mac.update(bytes);
    mac.finalize().into_bytes().into()
}

/// Seals what must be read again, such as a TOTP secret, with AES-256-GCM under the master key; never printed.
///
/// A sealed text is the first 4 bytes of the key's fingerprint, a nonce of 12 bytes, and the ciphertext with its tag.
/// It is bound to its place, such as `totp:usr_…`: copied to another row it does not open.
#[derive(Clone)]
pub struct Sealer(Vec<(KeyTag, Aes256Gcm)>);

type KeyTag = [u8; 4];

const NONCE: usize = 12;

impl Sealer {
    fn new(keys: &[Zeroizing<[u8; 32]>]) -> Self {
        let tag = |key: &[u8; 32]| -> KeyTag {
            let digest = Sha256::new()
                .chain_update(b"latchkey master key")
                .chain_update(key)
                .finalize();
            [digest[0], digest[1], digest[2], digest[3]]
        };
        Self(
            keys.iter()
                .map(|key| (tag(key), Aes256Gcm::new((&**key).into())))
                .collect(),
        )
    }

    /// Seals under the current key.
    pub fn seal(&self, rng: &Rng, place: &str, text: &[u8]) -> Vec<u8> {
        let (tag, cipher) = &self.0[0];
        let nonce = rng.bytes::<NONCE>();
        let payload = Payload {
            msg: text,
            aad: place.as_bytes(),
        };
        let sealed = cipher
            .encrypt(&nonce.into(), payload)
            .expect("what is sealed here is far below the cipher's 64 GiB");
        [tag.as_slice(), &nonce, &sealed].concat()
    }

    /// Opens what was sealed for that place under any accepted key; nothing if it was not, or was tampered with.
    pub fn open(&self, place: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (tag, rest) = sealed.split_first_chunk::<4>()?;
        let (nonce, text) = rest.split_first_chunk::<NONCE>()?;
        let payload = || Payload {
            msg: text,
            aad: place.as_bytes(),
        };
        self.0
            .iter()
            .filter(|(known, _)| known == tag)
            .find_map(|(_, cipher)| cipher.decrypt(&(*nonce).into(), payload()).ok())
            .map(Zeroizing::new)
    }

    #[cfg(test)]
    pub fn fixed(keys: &[[u8; 32]]) -> Self {
        Self::new(
            &keys
                .iter()
                .map(|key| Zeroizing::new(*key))
                .collect::<Vec<_>>(),
        )
    }
}

#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    #[error("{path}: {error}")]
    File { path: String, error: std::io::Error },
    #[error("{path}: {reason}")]
    Content { path: String, reason: String },
    #[error(
        "{0} may be read by others; give it to its owner alone (chmod 600) and consider it known"
    )]
    Permissions(String),
    #[error(
        "{0} is missing, but the database already holds secrets made with it; restore it from your backup"
    )]
    Missing(String),
    #[error("{0} does not belong to this database; no key in it would be found")]
    Mismatch(String),
    #[error(transparent)]
    Db(#[from] DbError),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    pepper: Vec<String>,
    master_key: Vec<String>,
}

/// Reads the file, or makes it if the database has never seen one.
pub async fn load(db: &Db, path: &Path, rng: &Rng) -> Result<(Peppers, Sealer), SecretsError> {
    let name = path.display().to_string();
    let mut tx = db.begin().await?;
    tx.serialise("installation").await?;
    let mut known = Vec::new();
    for what in ["pepper", "master_key"] {
        if let Some(kept) = installation::value(&mut tx, what).await? {
            known.push((what, kept));
        }
    }
    let content = match fs::read_to_string(path) {
        Ok(text) => {
            let mode = fs::metadata(path).map(|m| m.permissions().mode());
            if mode.is_ok_and(|mode| mode & 0o077 != 0) {
                return Err(SecretsError::Permissions(name));
            }
            toml::from_str(&text).map_err(|error| SecretsError::Content {
                path: name.clone(),
                reason: error.message().to_owned(),
            })?
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            if !known.is_empty() {
                return Err(SecretsError::Missing(name));
            }
            create(path, rng).map_err(|error| SecretsError::File {
                path: name.clone(),
                error,
            })?
        }
        Err(error) => return Err(SecretsError::File { path: name, error }),
    };
    let peppers = decode(&content.pepper, "pepper", &name)?;
    let masters = decode(&content.master_key, "master_key", &name)?;
    for (what, keys) in [("pepper", &peppers), ("master_key", &masters)] {
        match known.iter().find(|(name, _)| *name == what) {
            Some((_, kept)) if !keys.iter().any(|key| fingerprint(key) == *kept) => {
                return Err(SecretsError::Mismatch(name));
            }
            Some(_) => {}
            None => {
                installation::set(&mut tx, what, &fingerprint(&keys[0])).await?;
            }
        }
    }
    tx.commit().await?;
    Ok((
        Peppers::new(peppers.iter().map(|pepper| &**pepper)),
        Sealer::new(&masters),
    ))
}

fn create(path: &Path, rng: &Rng) -> std::io::Result<Content> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let content = Content {
        pepper: vec![hex::encode(rng.bytes::<32>())],
        master_key: vec![hex::encode(rng.bytes::<32>())],
    };
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    let text = toml::to_string(&content).map_err(std::io::Error::other)?;
    writeln!(
        file,
        "# Keep a copy apart from the database's: with one and without the other nothing can be read.\n{text}"
    )?;
    file.sync_all()?;
    Ok(content)
}

fn decode(
    keys: &[String],
    what: &str,
    path: &str,
) -> Result<Vec<Zeroizing<[u8; 32]>>, SecretsError> {
    let decoded: Result<Vec<_>, _> = keys
        .iter()
        .map(|key| {
            let mut bytes = Zeroizing::new([0; 32]);
            hex::decode_to_slice(key, bytes.as_mut_slice()).map(|()| bytes)
        })
        .collect();
    match decoded {
        Ok(keys) if !keys.is_empty() => Ok(keys),
        _ => Err(SecretsError::Content {
            path: path.to_owned(),
            reason: format!("{what} must be a list of at least one 32-byte key in hex"),
        }),
    }
}

fn fingerprint(key: &[u8; 32]) -> String {
    let mut digest = Sha256::new();
    digest.update(b"latchkey secrets fingerprint");
    digest.update(key);
    hex::encode(digest.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_text_opens_in_its_place_alone_and_under_any_accepted_key() {
        let rng = Rng::seeded(7);
        let old = Sealer::fixed(&[[1; 32]]);
        let sealed = old.seal(&rng, "totp:usr_1", b"secret");
        assert!(!sealed.windows(6).any(|part| part == b"secret"));
        assert_ne!(sealed, old.seal(&rng, "totp:usr_1", b"secret"));
        let rotated = Sealer::fixed(&[[2; 32], [1; 32]]);
        assert_eq!(
            rotated
                .open("totp:usr_1", &sealed)
                .expect("it opens")
                .as_slice(),
            b"secret"
        );
        assert!(rotated.open("totp:usr_2", &sealed).is_none());
        assert!(
            Sealer::fixed(&[[2; 32]])
                .open("totp:usr_1", &sealed)
                .is_none()
        );
        for place in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[place] ^= 1;
            assert!(old.open("totp:usr_1", &damaged).is_none(), "{place}");
        }
        assert!(old.open("totp:usr_1", &sealed[..10]).is_none());
    }
}
