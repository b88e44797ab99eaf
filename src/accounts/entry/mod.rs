//! The ways in: signing up, the second step of signing in, a new password, another address.
//!
//! Whether an address has an account shows neither in what is answered nor in how long it takes: each form does the
//! same work and sends one letter either way, and only the letter differs.

pub mod ops;
pub mod page;
pub mod post;
mod store;
#[cfg(test)]
mod tests;
