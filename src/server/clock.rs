//! Time and randomness, handed in from above so that a test can hold them still.

use std::{
    fmt,
    ops::Deref,
    str,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::SystemTime,
};

use rand::{Rng as _, RngCore, TryRngCore, rngs::OsRng};
use serde::{Serialize, Serializer};
use sqlx::{
    Database, Encode, Postgres, Sqlite, Type, encode::IsNull, error::BoxDynError,
    postgres::PgArgumentBuffer, sqlite::SqliteArgumentsBuffer,
};
use ulid::{ULID_LEN, Ulid};

/// Milliseconds since the Unix epoch, the one shape of time in the database.
pub type Millis = i64;

pub const SECOND: Millis = 1000;
pub const MINUTE: Millis = 60 * SECOND;
pub const HOUR: Millis = 60 * MINUTE;
pub const DAY: Millis = 24 * HOUR;

/// As time is written everywhere outside the database (RFC 3339).
pub fn rfc3339(at: Millis) -> Option<String> {
    let at = jiff::Timestamp::from_millisecond(at).ok()?;
    Some(at.to_string())
}

#[derive(Clone, Default)]
pub struct Clock(Option<Arc<AtomicI64>>);

impl Clock {
    pub fn system() -> Self {
        Self(None)
    }

    /// A clock that stands still until [`Clock::advance`].
    pub fn fixed(now: Millis) -> Self {
        Self(Some(Arc::new(AtomicI64::new(now))))
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place where time comes from"
    )]
    pub fn now(&self) -> Millis {
        match &self.0 {
            Some(fixed) => fixed.load(Ordering::SeqCst),
            None => SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .map_or(0, |since| {
                    Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
                }),
        }
    }

    pub fn advance(&self, by: Millis) {
        if let Some(fixed) = &self.0 {
            fixed.fetch_add(by, Ordering::SeqCst);
        }
    }
}

/// The operating system's randomness, or a seeded one in tests.
#[derive(Clone)]
pub struct Rng(Source);

#[derive(Clone)]
enum Source {
    System,
    #[cfg(test)]
    Seeded(Arc<std::sync::Mutex<rand_chacha::ChaCha20Rng>>),
}

impl Rng {
    pub fn system() -> Self {
        Self(Source::System)
    }

    #[cfg(test)]
    pub fn seeded(seed: u64) -> Self {
        use rand::SeedableRng;
        Self(Source::Seeded(Arc::new(std::sync::Mutex::new(
            rand_chacha::ChaCha20Rng::seed_from_u64(seed),
        ))))
    }

    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        match &self.0 {
            // Without randomness no secret can be made; there is nothing safer to do than to stop.
            Source::System => OsRng.unwrap_err().fill_bytes(&mut bytes),
            #[cfg(test)]
            Source::Seeded(rng) => rng.lock().expect("not poisoned").fill_bytes(&mut bytes),
        }
        bytes
    }

    /// Bytes for what is no secret: from a generator of this thread that the operating system seeds, now and again.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the Rng that is passed in"
    )]
    fn passing_bytes<const N: usize>(&self) -> [u8; N] {
        match &self.0 {
            Source::System => rand::rng().random(),
            #[cfg(test)]
            Source::Seeded(_) => self.bytes(),
        }
    }

    /// An identifier that sorts by time: `prefix_` and a ULID in lower case.
    pub fn id(&self, prefix: &str, now: Millis) -> String {
        let mut digits = [0; ULID_LEN];
        let mut id = String::with_capacity(prefix.len() + 1 + ULID_LEN);
        id.push_str(prefix);
        id.push('_');
        id.push_str(self.short_id(now).0.array_to_str(&mut digits));
        id.make_ascii_lowercase();
        id
    }

    /// One where it is known what it is of.
    pub fn short_id(&self, now: Millis) -> Id {
        let random = u128::from_be_bytes(self.passing_bytes());
        let milliseconds = u64::try_from(now).unwrap_or(0);
        Id(Ulid::from_parts(milliseconds, random))
    }
}

/// An id in 16 bytes, without the prefix that says what it is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(Ulid);

impl Id {
    /// None if it is no id with this prefix.
    pub fn parse(text: &str, prefix: &[u8; 3]) -> Option<Self> {
        let id = Self(Ulid::from_string(text.get(4..)?).ok()?);
        (*id.text(prefix) == *text).then_some(id)
    }

    /// As it is written.
    pub fn text(self, prefix: &[u8; 3]) -> IdText {
        let mut text = [b'_'; 4 + ULID_LEN];
        let mut digits = [0; ULID_LEN];
        text[..3].copy_from_slice(prefix);
        text[4..].copy_from_slice(self.0.array_to_str(&mut digits).as_bytes());
        text[4..].make_ascii_lowercase();
        IdText(text)
    }
}

#[cfg(test)]
impl From<u128> for Id {
    fn from(number: u128) -> Self {
        Self(Ulid(number))
    }
}

/// An id's text, without an allocation.
#[derive(Clone, Copy, Debug)]
pub struct IdText([u8; 4 + ULID_LEN]);

impl Serialize for IdText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl fmt::Display for IdText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl Deref for IdText {
    type Target = str;
    fn deref(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl<DB: Database> Type<DB> for IdText
where
    str: Type<DB>,
{
    fn type_info() -> DB::TypeInfo {
        <str as Type<DB>>::type_info()
    }
}

/// What is bound on SQLite goes to another thread: an `Arc` takes one allocation for that, a `&str` two.
impl Encode<'_, Sqlite> for IdText {
    fn encode_by_ref(&self, values: &mut SqliteArgumentsBuffer) -> Result<IsNull, BoxDynError> {
        <Arc<str> as Encode<'_, Sqlite>>::encode(Arc::from(&**self), values)
    }
}

impl Encode<'_, Postgres> for IdText {
    fn encode_by_ref(&self, values: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        <&str as Encode<'_, Postgres>>::encode(self, values)
    }
}

/// The least id that [`Rng::id`] makes at that moment.
pub fn first_id(prefix: &str, at: Millis) -> String {
    let ulid = Ulid::from_parts(u64::try_from(at).unwrap_or(0), 0);
    format!("{prefix}_{}", ulid.to_string().to_lowercase())
}

/// When [`Rng::id`] made the id.
pub fn time_of_id(id: &str, prefix: &str) -> Option<Millis> {
    let rest = id.strip_prefix(prefix)?.strip_prefix('_')?;
    let ulid = Ulid::from_string(&rest.to_uppercase()).ok()?;
    Millis::try_from(ulid.timestamp_ms()).ok()
}

/// Whether `text` has the shape of an id that [`Rng::id`] makes with this prefix. What has not is no id of ours,
/// and is answered like an id that does not exist before any query is made of it.
pub fn is_id(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('_'))
        .is_some_and(|rest| {
            rest.len() == 26
                && rest
                    .bytes()
                    .all(|b| b.is_ascii_digit() || b.is_ascii_lowercase())
        })
}
