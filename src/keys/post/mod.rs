//! The forms of this feature. The answers to `create` are the one place where a secret stands in the clear.

pub mod create;
pub mod list;
pub mod manage;
pub mod security;
