//! A token of the command line, and what it still has to hold each time that it is used.

use axum::{
    Extension,
    extract::Request,
    http::header,
    middleware::Next,
    response::{IntoResponse, Response},
};
use zeroize::Zeroizing;

use super::store;
use crate::{
    db::{DbError, Reader, SecretHash},
    error::UiErrorKind,
    gateway::credential::bearer_token,
    server::{
        clock::{Millis, Rng},
        error::AppError,
        state::AppState,
    },
    workspaces::{self, Grants, Role},
};

pub const PREFIX: &str = "lk_cli_";
/// `PREFIX` and 64 hex digits.
const LENGTH: usize = PREFIX.len() + 64;

/// A token that was good when it was looked at.
#[derive(Clone)]
pub struct CliToken {
    pub id: String,
    pub workspace_id: String,
    /// Who made it.
    pub user_id: String,
    hash: SecretHash,
}

/// A new token: 256 random bits in hex.
pub fn generate(rng: &Rng) -> Zeroizing<String> {
    Zeroizing::new(format!("{PREFIX}{}", hex::encode(rng.bytes::<32>())))
}

impl CliToken {
    /// The token, if it is one of ours and good.
    async fn recognise(state: &AppState, token: &[u8]) -> Result<Option<Self>, DbError> {
        if token.len() != LENGTH || !token.starts_with(PREFIX.as_bytes()) {
            return Ok(None);
        }
        let now = state.clock.now();
        let mut reader = state.db.read().await?;
        for hash in state.peppers.hashes(token) {
            if let Some(found) = Self::find(&mut reader, hash, now).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    async fn find(
        reader: &mut Reader,
        hash: SecretHash,
        now: Millis,
    ) -> Result<Option<Self>, DbError> {
        let Some((id, workspace_id, user_id)) = store::by_hash(reader, hash, now).await? else {
            return Ok(None);
        };
        let memberships = workspaces::store::of_user(reader, &user_id).await?;
        // Roles that cannot be read are none.
        let may = memberships.iter().any(|membership| {
            membership.workspace_id == workspace_id
                && membership.suspended_at.is_none()
                && membership
                    .roles
                    .parse::<Grants>()
                    .is_ok_and(|grants| grants.at(now).include(Role::Developer))
        });
        Ok(may.then_some(Self {
            id,
            workspace_id,
            user_id,
            hash,
        }))
    }

    /// Whether it is as good as when it was recognised.
    pub async fn is_still_good(&self, reader: &mut Reader, now: Millis) -> Result<bool, DbError> {
        Ok(Self::find(reader, self.hash, now).await?.is_some())
    }

    /// Says in the portal that it was used.
    pub async fn note_use(&self, state: &AppState) -> Result<(), DbError> {
        let now = state.clock.now();
        let mut tx = state.db.begin().await?;
        store::note_use(&mut tx, &self.workspace_id, &self.id, now).await?;
        tx.commit().await
    }
}

/// Stands before the routes of programs: lets those with a good token pass, and gives it to them.
pub async fn guard(
    Extension(state): Extension<AppState>,
    mut request: Request,
    next: Next,
) -> Response {
    let found = match request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(bearer_token)
    {
        Some(token) => CliToken::recognise(&state, token).await,
        None => Ok(None),
    };
    match found {
        Ok(Some(token)) => {
            request.extensions_mut().insert(token);
            next.run(request).await
        }
        Ok(None) => AppError::told(
            UiErrorKind::SignedOut,
            "Send a token of the command line that is neither revoked nor expired: Authorization: Bearer lk_cli_\u{2026} \
             (the portal makes one under Settings, Command line).",
        )
        .into_response(),
        Err(error) => AppError::from(error).into_response(),
    }
}
