//! Expressions compiled to a graph of O(1) operators.
//!
//! [`parse`] makes an [`Expr`] of a text, [`GraphBuilder`] a [`Graph`] of many, in which equal parts are computed once.
//! The graph is evaluated tick by tick or, over bars in memory, block by block; both give the same bits.
//! No records, books, time or I/O here: the core sets leaves and reads outputs.

mod builder;
mod compiler;
mod error;
mod expr;
mod field;
mod functions;
mod graph;
mod lexer;
pub mod limits;
mod ops;
mod parser;

pub use builder::{GraphBuilder, OutputId};
pub use error::{ExprError, Problem};
pub use expr::Expr;
pub use field::{Clock, Field, Leaf, Scope};
pub use functions::{FunctionDoc, table};
pub use graph::{BarColumns, Graph, LeafId};
pub use ops::scalar::is_true;
pub use parser::parse;
