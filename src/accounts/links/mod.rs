//! Links that are mailed: each stands for its reader once, for a while, and is kept as a keyed hash.

pub mod store;

use zeroize::Zeroizing;

use crate::{
    db::{SecretHash, Tx},
    server::{
        clock::{DAY, MINUTE, Millis},
        error::AppError,
        state::AppState,
    },
};

/// What a link is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Makes the account that was asked for with this address.
    SignUp,
    /// Sets a new password.
    Reset,
    /// Agrees to a change of address, from the mailbox that it leaves.
    OldAddress,
    /// Agrees to a change of address, from the mailbox that it goes to.
    NewAddress,
}

impl Purpose {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignUp => "sign_up",
            Self::Reset => "reset",
            Self::OldAddress => "old_address",
            Self::NewAddress => "new_address",
        }
    }

    /// How long it works. Whoever resets a password sits before the mailbox; others may read it tomorrow.
    pub const fn lasts(self) -> Millis {
        match self {
            Self::Reset => 30 * MINUTE,
            Self::SignUp | Self::OldAddress | Self::NewAddress => DAY,
        }
    }
}

/// A link that was made and not used.
pub struct Open {
    pub user_id: Option<String>,
    /// What it was made with, as its purpose has it.
    pub data: String,
}

/// A new token of 256 random bits for an address, and the hash to keep of it.
pub fn new_token(state: &AppState) -> (Zeroizing<String>, SecretHash) {
    let token = Zeroizing::new(hex::encode(state.rng.bytes::<32>()));
    let hash = hash(state, &token);
    (token, hash)
}

pub fn hash(state: &AppState, token: &str) -> SecretHash {
    state.peppers.hash(format!("link:{token}").as_bytes())
}

/// Makes a link, in the caller's transaction. Gives its token.
pub async fn make(
    tx: &mut Tx,
    state: &AppState,
    purpose: Purpose,
    user_id: Option<&str>,
    data: &str,
) -> Result<Zeroizing<String>, AppError> {
    let (token, hash) = new_token(state);
    let now = state.clock.now();
    store::insert(tx, hash, purpose, user_id, data, now).await?;
    Ok(token)
}

/// What the token is good for now, without using it.
pub async fn look(
    state: &AppState,
    purpose: Purpose,
    token: &str,
) -> Result<Option<Open>, AppError> {
    let mut reader = state.db.read().await?;
    Ok(store::open(&mut reader, hash(state, token), purpose, state.clock.now()).await?)
}

/// Uses the token up, in the caller's transaction; of many at once one gets it.
pub async fn take(
    tx: &mut Tx,
    state: &AppState,
    purpose: Purpose,
    token: &str,
) -> Result<Option<Open>, AppError> {
    let now = state.clock.now();
    let hash = hash(state, token);
    let open = store::open(tx, hash, purpose, now).await?;
    let won = open.is_some() && store::take(tx, hash, now).await?;
    Ok(open.filter(|_| won))
}
