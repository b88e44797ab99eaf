//! Usage: a row for every judged request of a known key, written in groups off the hot path, and what pages make of
//! them.

pub mod api;
#[cfg(feature = "ssr")]
pub mod buffer;
#[cfg(feature = "ssr")]
pub mod page;
#[cfg(feature = "ssr")]
pub mod store;
pub mod types;
#[cfg(feature = "ssr")]
pub mod view;
