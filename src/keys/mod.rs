//! An API key: a secret with a name, an environment and scopes, that a program sends and the gateway judges.
//!
//! A key is asked for by its maker and, where the rules of its workspace say so, waits for a second person
//! (`crate::approvals`). Its secret does not exist before its maker reveals it, behind a fresh factor; it is shown in that
//! one answer, and stored is its keyed hash. The key is then used, narrowed, widened, stopped and turned on again, given
//! a new secret, and ends: revoked by a person or expired by time. What has ended stays on record and never comes back.
//! `life.rs` is the table of all that.

#[cfg(feature = "ssr")]
pub mod allow;
pub mod api;
#[cfg(all(test, feature = "ssr"))]
mod create_tests;
#[cfg(feature = "ssr")]
pub mod differences;
#[cfg(feature = "ssr")]
pub mod draft;
#[cfg(feature = "ssr")]
pub mod four_eyes;
#[cfg(feature = "ssr")]
pub mod life;
#[cfg(all(test, feature = "ssr"))]
mod list_tests;
#[cfg(all(test, feature = "ssr"))]
mod manage_tests;
#[cfg(feature = "ssr")]
pub mod money;
#[cfg(feature = "ssr")]
pub mod ops;
#[cfg(feature = "ssr")]
pub mod page;
#[cfg(feature = "ssr")]
pub mod pair;
#[cfg(all(test, feature = "ssr"))]
mod pair_tests;
#[cfg(feature = "ssr")]
pub mod policy;
#[cfg(feature = "ssr")]
pub mod post;
#[cfg(feature = "ssr")]
pub mod samples;
#[cfg(feature = "ssr")]
pub mod secret;
#[cfg(all(test, feature = "ssr"))]
mod security_tests;
#[cfg(feature = "ssr")]
pub mod statement;
#[cfg(feature = "ssr")]
pub mod store;
#[cfg(feature = "ssr")]
pub mod terms;
#[cfg(all(test, feature = "ssr"))]
mod tests;
pub mod types;
#[cfg(feature = "ssr")]
pub mod upkeep;
#[cfg(feature = "ssr")]
pub mod view;
pub mod waiting;
