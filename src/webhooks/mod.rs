//! Webhooks: events for customers. Every change notes its event in its own transaction.

pub mod types;
pub mod policy;

pub mod catalogue;
pub mod outbox;

pub mod client;
pub mod deliver;
pub mod retry;
pub mod sign;
pub mod target;

pub mod store;
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
