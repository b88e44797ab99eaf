//! Wiring: settings, shared state, routers, errors, start and stop.

pub mod address;
mod api;
pub mod assets;
pub mod batches;
pub mod clock;
pub mod config;
pub mod error;
pub mod headers;
pub mod listen;
pub mod metrics;
pub mod page;
pub mod portal;
pub mod prefs;
pub mod request_id;
pub mod run;
pub mod secrets;
pub mod state;
#[cfg(test)]
pub mod testing;

use std::time::Duration;

/// How long a request may take to be read and answered, a form that trickles in included.
pub const PATIENCE: Duration = Duration::from_secs(30);
