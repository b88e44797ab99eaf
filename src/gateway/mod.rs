//! The data plane: a credential comes in, is judged, and is let through or told why not.
//!
//! No sessions and no pages here, and no database statement for a key that is known or known to be unknown.

pub mod amount;
mod answer;
pub mod cache;
pub mod credential;
pub mod desk;
pub mod door;
mod entry;
mod form;
pub mod forward_auth;
pub mod judge;
pub mod lab;
#[cfg(test)]
mod lab_tests;
pub mod limit;
pub mod loader;
pub mod nonce;
mod origin;
mod original;
#[cfg(test)]
mod outage_tests;
#[cfg(test)]
mod pages_tests;
pub mod proxy;
#[cfg(test)]
mod rate_tests;
pub mod reservations;
pub mod routes;
pub mod sandbox;
pub mod scope;
mod sender;
pub mod signature;
#[cfg(test)]
mod signed_tests;
pub mod store;
mod target;
#[cfg(test)]
mod tests;
pub mod upstream;
pub mod verifier;
pub mod verify;
pub mod volume;
#[cfg(test)]
mod volume_tests;
