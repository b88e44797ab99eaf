//! The installation as its operator sees it from the machine: people, workspaces, keys and service tokens by command.
//!
//! A command works on the database beside a running server, which hears of what changed.

pub mod cli;
pub mod commands;
pub mod demo;
pub mod ops;
mod store;
#[cfg(test)]
mod tests;
pub mod tokens;
