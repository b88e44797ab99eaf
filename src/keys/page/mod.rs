//! The pages of keys: the list and what is done to several at once, the form and the secret's one moment, a key's own page
//! and what is done to one key, its lists of addresses and domains.

mod bulk;
mod create;
mod detail;
mod edit;
mod emergency;
mod list;
mod one;
pub mod pair;
mod reveal;
mod revoke;
mod rotate;
mod secret;
mod security;

pub use bulk::BulkPage;
pub use create::NewKeyPage;
pub use detail::KeyDetailPage;
pub use edit::EditKeyPage;
pub use emergency::RevokeAllPage;
pub use list::KeysPage;
pub use one::{
    CutPage, DisableKeyPage, EnableKeyPage, HideKeyPage, MetaPage, OwnerPage, WithdrawKeyPage,
};
pub use reveal::RevealPage;
pub use revoke::RevokePage;
pub use rotate::RotatePage;
pub use security::KeySecurityPage;

use crate::keys::types::{KeyPlateInfo, KeyState, KeySummary};
use crate::ui::{badge::Status, key_plate::Plate, time::relative};

/// Days before its end from which a key's expiry is shown as a warning.
const SOON: i64 = 14 * 24 * 60 * 60 * 1000;

pub fn plate(info: &KeyPlateInfo) -> Plate {
    Plate {
        id: info.id.clone(),
        label: info.label.clone(),
        prefix: info.prefix.clone(),
        first: info.start.clone(),
        last: info.end.clone(),
        live: info.live,
    }
}

fn status(key: &KeySummary, now: i64) -> Status {
    state_badge(key.state, key.expires_at, now)
}

fn state_badge(state: KeyState, expires_at: Option<i64>, now: i64) -> Status {
    match (state, expires_at) {
        (KeyState::Requested, _) => Status::Waiting,
        (KeyState::Approved, _) => Status::Ready,
        (KeyState::Disabled, _) => Status::Disabled,
        (KeyState::Revoked, _) => Status::Revoked,
        (KeyState::Rejected, _) => Status::Rejected,
        (KeyState::Withdrawn, _) => Status::Withdrawn,
        (KeyState::Lapsed, _) => Status::Lapsed,
        (KeyState::Expired, _) => Status::Expired,
        (KeyState::Active, Some(at)) if at - now < SOON => {
            Status::Expiring(format!("Expires {}", relative(at, now, "UTC")))
        }
        (KeyState::Active, _) => Status::Active,
    }
}
