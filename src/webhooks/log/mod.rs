//! What was delivered, and what was tried, as people look at it.

pub mod page;
pub mod store;
