//! Tenants: a workspace owns keys, logs and an audit chain; its members act in it by their roles.

mod roles;
pub mod store;

pub use roles::{Grant, Grants, Role, Roles};
