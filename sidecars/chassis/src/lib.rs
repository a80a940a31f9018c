//! What every service of Tickloom stands on: a database with one set of statements for SQLite and PostgreSQL, a log of events
//! without gaps, an inbox that takes what the core did exactly once, and the HTTP around it.
//!
//! A service is an implementation of [`Service`]; [`serve()`] runs any number of them in one process. What they share is here, once.

mod clock;
mod core_inbox;
mod database;
mod error;
mod event;
mod http;
pub mod identity;
mod inbox;
mod migrations;
mod page;
mod problem;
pub mod rpc;
mod serve;
mod service;

pub use clock::Clock;
pub use core_inbox::{CoreInput, CoreState, Followed, Output, Outputs, follow_record};
pub use database::{Database, Engine, Place, Write};
pub use error::ChassisError;
pub use event::{NewEvent, StoredEvent, append, events_after, head};
pub use inbox::{inbox_position, move_inbox};
pub use migrations::{Migration, Migrations};
pub use page::{PAGE_DEFAULT, PAGE_MAX, Page, PageQuery};
pub use problem::{Problem, ProblemCode};
pub use serve::{RpcOptions, ServeOptions, Serving, serve};
pub use service::{Context, Health, Runner, Service, Stop};

/// Every statement that the chassis runs, by file, so that a test prepares each on both engines.
pub const STATEMENTS: &[&[&str]] = &[event::STATEMENTS, inbox::STATEMENTS, core_inbox::STATEMENTS];

/// What a fallible call of this crate returns.
pub type Result<T, E = ChassisError> = std::result::Result<T, E>;
