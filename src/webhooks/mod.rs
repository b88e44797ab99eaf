//! Webhooks: events for customers. Every change notes its event in its own transaction.

pub mod policy;
pub mod types;

pub mod ops;
pub mod outbox;
pub mod store;
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
