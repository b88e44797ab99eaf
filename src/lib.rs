//! Latchkey is a self-hosted developer portal: the place where a company's API customers create named, scoped keys,
//! where what is delicate is approved, where every request of a key is judged and logged, and where nothing is done
//! without a record of it.
//!
//! One binary serves three listeners over one database: the *portal* for people, the *api* for resource servers that
//! ask about a key, the *gateway* that stands before the real API.
//!
//! What always holds:
//! - A change, its audit entry and its event are one transaction.
//! - A secret is shown in one answer and kept as a keyed hash.
//! - What cannot be checked is refused.
//! - A route that is not in the access matrix does not exist.
//! - Another workspace's id is answered like one that does not exist.
//!
//! Two halves are compiled from it: the server (`ssr`) and, for the islands of its pages, the browser (`hydrate`).

#![recursion_limit = "256"]

#[cfg(feature = "ssr")]
pub mod app;
#[cfg(feature = "ssr")]
mod frame;

#[cfg(feature = "ssr")]
pub mod accounts;
#[cfg(feature = "ssr")]
pub mod workspaces;

#[cfg(feature = "ssr")]
pub mod approvals;
pub mod keys;
#[cfg(feature = "ssr")]
pub mod plans;
#[cfg(feature = "ssr")]
pub mod profiles;

#[cfg(feature = "ssr")]
pub mod gateway;
pub mod usage;

pub mod audit;
#[cfg(feature = "ssr")]
pub mod webhooks;

#[cfg(feature = "ssr")]
pub mod mail;
#[cfg(feature = "ssr")]
pub mod notices;

#[cfg(feature = "ssr")]
pub mod admin;

#[cfg(feature = "ssr")]
pub mod db;
pub mod error;
#[cfg(feature = "ssr")]
pub mod server;
pub mod ui;

#[cfg(all(test, feature = "ssr"))]
mod invariants;

/// Wakes the islands of the page.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    leptos::mount::hydrate_islands();
}
