//! Where a person is signed in: the list of their sessions, ending them, and the browsers that they are known by.

pub mod store;
