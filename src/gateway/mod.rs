//! The data plane: a credential comes in, is judged, and is let through or told why not.
//!
//! No sessions and no pages here, and no database statement for a key that is known or known to be unknown.

mod answer;
pub mod cache;
pub mod credential;
pub mod door;
mod form;
pub mod judge;
pub mod limit;
pub mod loader;
mod origin;
#[cfg(test)]
mod rate_tests;
pub mod routes;
mod sandbox;
pub mod scope;
#[cfg(test)]
mod tests;
pub mod verify;
