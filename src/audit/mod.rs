//! The audit record: what was done, by whom, in an order and wording that cannot be changed quietly.
//!
//! Each workspace has a chain, and the installation has one. An entry's hash covers all of the entry and the hash before
//! it; the head stands beside the workspace. An entry is written in the transaction of the change that it tells of: if
//! it cannot be written, the change does not happen. People stand in it by their id alone, so that a name can be erased
//! and the chain still holds.
//!
//! What this shows is a change to part of the record. Whoever may write the whole database could write a whole new
//! chain; a head that was noted elsewhere tells the two apart.

pub mod api;
#[cfg(feature = "ssr")]
mod chain;
#[cfg(feature = "ssr")]
pub mod page;
#[cfg(feature = "ssr")]
pub mod store;
#[cfg(all(test, feature = "ssr"))]
mod tests;
pub mod types;
#[cfg(feature = "ssr")]
mod words;

#[cfg(feature = "ssr")]
pub use words::row;

#[cfg(feature = "ssr")]
pub use chain::{CONSOLE, Entry, ITSELF, PLATFORM, Verification, record, verify, verify_export};
