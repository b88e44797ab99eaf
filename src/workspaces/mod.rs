//! Tenants: a workspace owns keys, logs and an audit chain; its members act in it by their roles.

mod roles;

pub mod policy;

pub mod store;
pub mod view;

pub mod ops;

pub mod page;
pub mod post;

#[cfg(test)]
mod tests;

pub use roles::{Grant, Grants, Role, Roles};
