//! Notices: what a person is told, in the portal and by mail, when something happened that they should know of.

pub mod ops;
pub mod page;
pub mod post;
pub mod reading;
pub mod store;
#[cfg(test)]
mod tests;

use crate::{
    accounts,
    db::{Reader, Tx},
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
    /// What somebody asks their agreement to, and what became of what they asked.
    Approvals,
    /// Keys of theirs: about to expire, expired, handed over.
    Keys,
    /// An operator acted in a workspace of theirs.
    Operator,
    /// A plan that a workspace asked for was decided.
    Plans,
    /// An endpoint of theirs was switched off.
    Webhooks,
}

impl Kind {
    pub const ALL: [Self; 7] = [
        Self::Security,
        Self::Membership,
        Self::Approvals,
        Self::Keys,
        Self::Webhooks,
        Self::Plans,
        Self::Operator,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Security => "security",
            Self::Membership => "membership",
            Self::Approvals => "approvals",
            Self::Keys => "keys",
            Self::Operator => "operator",
            Self::Plans => "plans",
            Self::Webhooks => "webhooks",
        }
    }

    /// Whether people choose where they are told.
    pub const fn is_chosen(self) -> bool {
        !matches!(self, Self::Security)
    }
}

/// Where a person is told of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ways {
    pub portal: bool,
    pub mail: bool,
}

impl Ways {
    pub const BOTH: Self = Self {
        portal: true,
        mail: true,
    };
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

/// Tells the person, in the caller's transaction, where they want to be told.
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
    let ways = ways(tx, user_id, notice.kind).await?;
    if ways.portal {
        let id = state.rng.id("ntc", now);
        store::insert(tx, &id, user_id, notice, now).await?;
    }
    if !ways.mail {
        return Ok(());
    }
    let home = &state.config.public_url;
    let after = if notice.kind.is_chosen() {
        vec![format!(
            "Choose what you are mailed about at {home}/settings/notices"
        )]
    } else {
        Vec::new()
    };
    let letter = Letter {
        to: user.email,
        user_id: Some(user.id),
        subject: notice.subject.clone(),
        text: vec![notice.text.clone()],
        button: Some((notice.action.to_owned(), format!("{home}{}", notice.path))),
        after,
    };
    mail::post(tx, state, &letter).await
}

/// Where the person is told of this kind: by both ways, unless they chose otherwise.
pub async fn ways(reader: &mut Reader, user_id: &str, kind: Kind) -> Result<Ways, AppError> {
    if !kind.is_chosen() {
        return Ok(Ways::BOTH);
    }
    let chosen = store::ways(reader, user_id, kind).await?;
    Ok(chosen.unwrap_or(Ways::BOTH))
}
