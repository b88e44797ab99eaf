//! Mail: a letter is kept in the transaction of what it tells of, and sent from the table afterwards.
//!
//! A letter is kept sealed, since it may hold a link that stands for its reader; once it is sent or given up its text
//! is gone. Without a mail server letters are kept and go nowhere; the demo shows them.

pub mod deliver;
pub mod page;
pub mod preview;
pub mod render;
pub mod store;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::{
    db::Tx,
    server::{
        clock::{Millis, is_id},
        error::AppError,
        state::AppState,
    },
};

/// One letter: what it says, from which text and HTML are made alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// The address that it goes to.
    pub to: String,
    /// The reader's account, if they have one.
    pub user_id: Option<String>,
    pub subject: String,
    /// Paragraphs above the button.
    pub text: Vec<String>,
    /// The one button: its words and the whole address of the page that it opens. It never acts by itself.
    pub button: Option<(String, String)>,
    /// Paragraphs below the button: until when it works, what to do if the reader did not ask for it.
    pub after: Vec<String>,
}

/// Keeps the letter for sending, in the caller's transaction.
pub async fn post(tx: &mut Tx, state: &AppState, letter: &Letter) -> Result<(), AppError> {
    let now = state.clock.now();
    let id = state.rng.id("eml", now);
    let text = serde_json::to_vec(letter)
        .map_err(|error| AppError::Internal(format!("a letter: {error}")))?;
    let sealed = state.sealer.seal(&state.rng, &place(&id), &text);
    store::insert(tx, &id, letter.user_id.as_deref(), &sealed, now).await?;
    Ok(())
}

/// A letter as the table has it, opened again.
#[derive(Clone, Debug)]
pub struct Kept {
    pub id: String,
    /// None once its text is gone.
    pub letter: Option<Letter>,
    pub created_at: Millis,
    pub standing: Standing,
    /// What the mail server, or the way to it, said last.
    pub last_error: Option<String>,
}

/// What has become of a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// There is no mail server to send it to.
    Kept,
    Waiting,
    /// Tried so many times, and again at that time.
    Again {
        attempts: i64,
        at: Millis,
    },
    Sent(Millis),
    GivenUp,
}

/// How many letters are listed.
const RECENT: i64 = 50;

/// The last letters, newest first.
pub async fn recent(state: &AppState) -> Result<Vec<Kept>, AppError> {
    let mut reader = state.db.read().await?;
    let rows = store::recent(&mut reader, RECENT).await?;
    Ok(rows.into_iter().map(|row| kept(state, row)).collect())
}

/// One letter by its id.
pub async fn find(state: &AppState, id: &str) -> Result<Kept, AppError> {
    if !is_id(id, "eml") {
        return Err(AppError::not_found());
    }
    let mut reader = state.db.read().await?;
    let row = store::by_id(&mut reader, id)
        .await?
        .ok_or_else(AppError::not_found)?;
    Ok(kept(state, row))
}

fn kept(state: &AppState, row: store::MailRow) -> Kept {
    let standing = match (row.sent_at, row.next_at) {
        (Some(at), _) => Standing::Sent(at),
        (None, None) => Standing::GivenUp,
        (None, Some(_)) if state.config.smtp_url.is_none() => Standing::Kept,
        (None, Some(_)) if row.attempts == 0 => Standing::Waiting,
        (None, Some(at)) => Standing::Again {
            attempts: row.attempts,
            at,
        },
    };
    Kept {
        letter: row
            .sealed
            .as_deref()
            .and_then(|sealed| open(state, &row.id, sealed)),
        id: row.id,
        created_at: row.created_at,
        standing,
        last_error: row.last_error,
    }
}

fn open(state: &AppState, id: &str, sealed: &[u8]) -> Option<Letter> {
    let text = state.sealer.open(&place(id), sealed)?;
    serde_json::from_slice(&text).ok()
}

fn place(id: &str) -> String {
    format!("mail:{id}")
}
