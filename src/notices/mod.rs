//! Notices: what a person is told, in the portal and by mail, when something happened that they should know of.

mod store;

use crate::{
    accounts,
    db::Tx,
    mail::{self, Letter},
    server::{error::AppError, state::AppState},
};

/// What a notice is about; people choose per kind where they want it, save what protects their account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Their account: a new device, another password or factor. Always told by both ways.
    Security,
    /// Their place in a workspace: invited, other roles, removed.
    Membership,
    /// An operator acted in a workspace of theirs.
    Operator,
}

impl Kind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Security => "security",
            Self::Membership => "membership",
            Self::Operator => "operator",
        }
    }
}

/// One thing to tell one person.
#[derive(Clone, Debug)]
pub struct Notice<'a> {
    pub kind: Kind,
    pub workspace_id: Option<&'a str>,
    /// A whole sentence; the mail's subject too.
    pub subject: String,
    /// What happened, and what to do if that was not to be.
    pub text: String,
    /// Words of the link: "See your sessions".
    pub action: &'a str,
    /// Path of the page that it leads to.
    pub path: String,
}

/// Tells the person, in the caller's transaction.
pub async fn tell(
    tx: &mut Tx,
    state: &AppState,
    user_id: &str,
    notice: &Notice<'_>,
) -> Result<(), AppError> {
    let now = state.clock.now();
    let Some(user) = accounts::store::by_id(tx, user_id).await? else {
        return Ok(());
    };
    let id = state.rng.id("ntc", now);
    store::insert(tx, &id, user_id, notice, now).await?;
    let letter = Letter {
        to: user.email,
        user_id: Some(user.id),
        subject: notice.subject.clone(),
        text: vec![notice.text.clone()],
        button: Some((
            notice.action.to_owned(),
            format!("{}{}", state.config.public_url, notice.path),
        )),
        after: Vec::new(),
    };
    mail::post(tx, state, &letter).await
}
