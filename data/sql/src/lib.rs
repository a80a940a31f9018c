//! SQL over the catalog: statements in, rows out. `docs/sql.md` says what a statement may be.
//!
//! Polars runs them. What its SQL lacks (`SAMPLE BY`, as-of joins) is done here on its frames; what it would read from elsewhere
//! or change is refused here. This is the only crate that knows Polars, and nothing of its shows outside.

mod answer;
mod asof;
mod bounds;
mod clauses;
mod error;
mod estimate;
mod expressions;
mod frames;
mod limits;
mod literals;
mod names;
mod order;
mod parse;
mod plan;
mod reading;
mod relation;
mod remote;
mod sample;
mod session;
mod sessions;
mod tables;

pub use answer::{Answer, Format};
pub use clauses::split;
pub use error::{Place, SqlError};
pub use reading::Reads;
pub use session::Session;
