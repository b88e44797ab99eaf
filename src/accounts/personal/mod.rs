//! A person's own account: their name, a copy of their data, and its closing, which erases them.

pub mod ops;
pub mod page;
pub mod policy;
pub mod post;
mod store;
#[cfg(test)]
mod tests;
