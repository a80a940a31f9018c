//! Why a configuration was refused. A core that was made does not fail.

use crate::limits::{BARS_MAX, EXPRESSIONS_MAX};
use thiserror::Error;
use tickloom_signals::ExprError;
use tickloom_types::{BarSpec, InstrumentError, Untradable};

/// Why a core could not be made.
#[derive(Debug, Error, Clone, PartialEq)]
pub enum CoreError {
    /// An instrument or source is wrong.
    #[error(transparent)]
    Instrument(#[from] InstrumentError),
    /// Two signals or strategies have the same name.
    #[error("{kind} {name:?} is there twice")]
    Twice {
        /// `signal` or `strategy`.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// A setting out of its range.
    #[error("{owner}: {field} is {value:?}, expected {expected}")]
    Setting {
        /// What it belongs to, such as `strategy cross`.
        owner: String,
        /// The setting.
        field: &'static str,
        /// Its value.
        value: String,
        /// What was expected.
        expected: &'static str,
    },
    /// An expression is wrong.
    #[error("{owner}: {field}: {source}")]
    Expression {
        /// What it belongs to, such as `signal trend`.
        owner: String,
        /// The setting that holds it.
        field: &'static str,
        /// What is wrong, and where.
        source: Box<ExprError>,
    },
    /// An instrument that the run does not have.
    #[error("{owner}: there is no instrument {name:?} in this run")]
    UnknownInstrument {
        /// What asked for it.
        owner: String,
        /// The name.
        name: String,
    },
    /// An instrument whose trades would be worth something else than is computed here.
    #[error(
        "{owner}: {instrument} cannot be traded here yet, as it is {why}; signals on it can be had"
    )]
    Untradable {
        /// What would trade it.
        owner: String,
        /// The instrument's name.
        instrument: String,
        /// Why not.
        why: Untradable,
    },
    /// A parameter that stands in no expression: most likely a slip of the pen.
    #[error("parameter {name}: no expression uses ${name}, {}", used_parameters(.used))]
    UnusedParameter {
        /// Its name.
        name: String,
        /// The names that expressions use.
        used: Vec<String>,
    },
    /// A field that nothing in the data can feed.
    #[error(transparent)]
    NoData(Box<NoData>),
    /// More expressions than a run can have.
    #[error("{0} expressions, at most {EXPRESSIONS_MAX} are allowed")]
    TooManyExpressions(usize),
    /// More bars than a run can make.
    #[error("{0} bar sizes over all instruments, at most {BARS_MAX} are allowed")]
    TooManyBars(usize),
    /// A bar size that cannot be made for this instrument.
    #[error("bars of {spec} do not fit the size of {instrument} in 64 bits")]
    BarSize {
        /// The size.
        spec: BarSpec,
        /// The instrument's name.
        instrument: String,
    },
}

/// A field that nothing in the data can feed.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("{owner}: {field}: {leaf} of {instrument} needs {needs}, and there is {given}")]
pub struct NoData {
    /// What the expression belongs to, such as `strategy cross`.
    pub owner: String,
    /// The setting that holds it.
    pub field: &'static str,
    /// The field, with its bar size.
    pub leaf: String,
    /// The instrument.
    pub instrument: String,
    /// What it could be fed from.
    pub needs: String,
    /// What there is of the instrument.
    pub given: String,
}

fn used_parameters(used: &[String]) -> String {
    if used.is_empty() {
        return "none uses a parameter".to_owned();
    }
    let used: Vec<String> = used.iter().map(|name| format!("${name}")).collect();
    format!("those used are {}", used.join(", "))
}
