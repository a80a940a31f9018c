//! Expressions compiled to a graph of O(1) operators.
//!
//! [`parse`] makes an [`Expr`] of a text, [`GraphBuilder`] a [`Graph`] of many, in which equal parts are computed once.
//! The graph is evaluated tick by tick or, over bars in memory, block by block; both give the same bits.
//!
//! ```
//! use std::collections::BTreeMap;
//! use tickloom_signals::{GraphBuilder, LeafId, Scope, parse};
//! use tickloom_types::{InstrumentDef, Instruments};
//!
//! let mut instruments = Instruments::new();
//! let id = instruments.add(InstrumentDef::new("GOOG", 2, 0, "USD"))?;
//! let scope = Scope {
//!     instruments: &instruments,
//!     default_instrument: Some(id),
//!     default_bar: Some("1d".parse()?),
//!     parameters: &BTreeMap::new(),
//! };
//! let mut builder = GraphBuilder::new();
//! let above = builder.add(&parse("close > sma(close, 2)")?, &scope)?;
//! let mut graph = builder.build();
//!
//! graph.set_mantissa(LeafId(0), 100_00); // close is the only leaf: 100.00
//! graph.step();
//! assert_eq!(graph.value(above), None); // not ready
//! graph.set_mantissa(LeafId(0), 101_00);
//! graph.step();
//! assert_eq!(graph.value(above), Some(1.0)); // true
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! No records, books, time or I/O here: the core sets leaves and reads outputs.

mod bar_columns;
mod bits;
mod builder;
mod compiler;
mod error;
mod expr;
mod field;
mod functions;
mod gate;
mod graph;
mod lexer;
pub mod limits;
mod ops;
mod parser;
mod state;
mod stretch;

pub use bar_columns::BarColumns;
pub use bits::{Bits, Mask, MaskWord};
pub use builder::{GraphBuilder, OutputId};
pub use error::{ExprError, Problem};
pub use expr::Expr;
pub use field::{BarClock, Clock, Field, Leaf, Scope};
pub use functions::{FunctionDoc, table};
pub use graph::{Graph, LeafId};
pub use ops::scalar::is_true;
pub use parser::parse;
pub use state::GraphState;
pub use stretch::Stretch;
