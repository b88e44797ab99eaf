//! Wiring: settings, shared state, routers, errors, start and stop.

pub mod address;
mod api;
pub mod assets;
pub mod clock;
pub mod config;
pub mod error;
mod headers;
pub mod page;
pub mod portal;
pub mod prefs;
pub mod request_id;
pub mod run;
pub mod secrets;
pub mod state;
#[cfg(test)]
pub mod testing;
