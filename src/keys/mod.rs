//! An API key: a secret with a name, an environment and scopes, that a program sends and the gateway judges.
//!
//! A key is made active by its maker behind a fresh factor, is used, and ends: revoked by a person or expired by time.
//! What has ended stays on record and never comes back. The secret is shown in one answer, at creation; stored is its
//! keyed hash.

#[cfg(feature = "ssr")]
pub mod allow;
pub mod api;
#[cfg(feature = "ssr")]
pub mod ops;
#[cfg(feature = "ssr")]
pub mod page;
#[cfg(feature = "ssr")]
pub mod policy;
#[cfg(feature = "ssr")]
pub mod post;
#[cfg(feature = "ssr")]
mod samples;
#[cfg(feature = "ssr")]
pub mod secret;
#[cfg(feature = "ssr")]
pub mod store;
#[cfg(all(test, feature = "ssr"))]
mod tests;
pub mod types;
#[cfg(feature = "ssr")]
pub mod view;
pub mod waiting;
