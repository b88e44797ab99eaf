//! Webhooks: events for customers. Every change notes its event in its own transaction.

pub mod catalogue;
pub mod client;
pub mod deliver;
pub mod outbox;
pub mod retry;
pub mod sign;
pub mod store;
pub mod target;
pub mod types;
