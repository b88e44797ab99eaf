//! Webhooks: events for customers. Every change notes its event in its own transaction.

pub mod by_key;
pub mod cli;
pub mod docs;
pub mod outbox;
pub mod store;
pub mod types;
