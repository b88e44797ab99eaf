//! The installation as its operators see it: people, workspaces, keys and service tokens by command, and the pages below
//! `/admin`.
//!
//! A command works on the database beside a running server, which hears of what changed.

pub mod cli;
pub mod commands;
pub mod demo;
#[cfg(test)]
mod operator_tests;
pub mod ops;
pub mod page;
pub mod post;
pub mod store;
#[cfg(test)]
mod tests;
pub mod tokens;
