//! People: signing in and out, their sessions, their PIN, and the fresh proof that a delicate action asks for.

mod access;
pub mod confirm;
pub mod entry;
pub mod factors;
pub mod links;
#[cfg(test)]
mod matrix_tests;
pub mod ops;
pub mod page;
pub mod password;
pub mod personal;
pub mod policy;
pub mod post;
pub mod session;
pub mod sessions;
pub mod settings;
pub mod step_up;
pub mod store;
#[cfg(test)]
mod tests;
pub mod tries;
pub mod viewer;

pub use access::{API_ROUTES, Access, ROUTES, Route, guard};
pub use step_up::Factor;
pub use viewer::Viewer;
