//! Four eyes: what needs the agreement of a second person, from the asking to the decision.
//!
//! A request is frozen: who decides, decides about the hash of exactly what was asked, and if what it stands on changes
//! meanwhile, the request is void. Nobody decides about what they asked for themselves, whatever their roles; the one
//! exception is a person who is alone in a workspace. Of several who decide at once, one does.
//!
//! What needs it is policy: the profile says the least, the workspace may ask for more.

pub mod asked;
#[cfg(test)]
mod key_tests;
pub mod ops;
pub mod page;
#[cfg(test)]
mod people_tests;
pub mod policy;
pub mod post;
pub mod request;
pub mod risk;
pub mod settings;
pub mod store;
#[cfg(test)]
mod tests;
