//! Who somebody is, and what they may do: accounts of people and programs, sessions, tokens, keys, grants, for all services of a
//! process.

mod authority;
mod change;
pub mod credential;
mod error;
mod events;
mod flows;
mod mails;
mod model;
mod projections;
mod rest;
mod seal;
mod service;
mod signing;
mod store;
mod wishes;

pub(crate) use error::AuthError;
pub use flows::grants::Explained;
pub use service::{Auth, AuthConfig};
