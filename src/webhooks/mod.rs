//! Webhooks: events for customers. Every change notes its event in its own transaction.

pub mod outbox;
pub mod store;
pub mod types;
