//! Mail: a letter is kept in the transaction of what it tells of, and sent from the table afterwards.
//!
//! A letter is kept sealed, since it may hold a link that stands for its reader.

mod store;

use serde::{Deserialize, Serialize};

use crate::{
    db::Tx,
    server::{error::AppError, state::AppState},
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

/// Every letter that was posted, oldest first.
#[cfg(test)]
pub async fn posted(state: &AppState) -> Vec<Letter> {
    let mut reader = state.db.read().await.expect("a connection");
    let rows = store::all(&mut reader).await.expect("read");
    rows.iter()
        .map(|(id, sealed)| {
            let text = state.sealer.open(&place(id), sealed).expect("it opens");
            serde_json::from_slice(&text).expect("a letter")
        })
        .collect()
}

fn place(id: &str) -> String {
    format!("mail:{id}")
}
