//! Plans: what a workspace asks to be served at, and what has to be done before an environment opens to it.
//!
//! A workspace has the plan that was approved last, else the profile's default, else none.

pub mod policy;

pub mod store;
pub mod view;

pub mod ops;

pub mod page;
pub mod post;

#[cfg(test)]
mod tests;

pub use policy::{PlanState, ReadinessItem};
pub use view::{current, is_open, may_make_keys, readiness, state_of};
