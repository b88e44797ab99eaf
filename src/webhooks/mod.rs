//! Webhooks: events for customers.
//!
//! Every change notes its event in its own transaction ([`outbox`]), with a delivery to each endpoint that takes it;
//! [`deliver`] sends them, signed ([`sign`]), to public addresses alone ([`target`], [`client`]), again and again until
//! they arrive ([`retry`]). What the platform itself tells of comes in by [`events`]; the types of both stand in the
//! [`catalogue`].

pub mod policy;
pub mod types;

pub mod catalogue;
pub mod outbox;
pub mod store;

pub mod client;
#[cfg(test)]
mod client_tests;
pub mod deliver;
pub mod events;
#[cfg(test)]
mod events_tests;
pub mod retry;
pub mod sign;
pub mod target;

pub mod ops;
pub mod view;

pub mod log;
pub mod page;
pub mod post;
pub mod receiver;

pub mod by_key;
pub mod cli;
pub mod docs;

#[cfg(test)]
pub mod tests;
