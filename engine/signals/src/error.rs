//! What can be wrong with an expression, and where: each error points at a column of the text.

use crate::limits::{CELLS_MAX, DEPTH_MAX, NODES_MAX, TEXT_BYTES_MAX, WINDOW_MAX};
use std::fmt;
use strsim::levenshtein;
use thiserror::Error;
use tickloom_types::BarSpecError;

/// Characters shown on each side of the caret.
const CONTEXT: usize = 60;

/// An error in an expression. Printed, it shows the text with a caret below the column.
#[derive(Debug, Clone, PartialEq)]
pub struct ExprError {
    /// The character of the text that the caret points at, counted from 1.
    pub column: usize,
    /// What is wrong there.
    pub problem: Problem,
    /// The text around the column.
    shown: String,
    /// Character of `shown` that the caret points at, counted from 0.
    caret: usize,
}

/// What is wrong with an expression.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum Problem {
    /// The text is too long.
    #[error("the expression has {bytes} bytes, at most {TEXT_BYTES_MAX} are allowed")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// The tree is too deep.
    #[error("nested deeper than {DEPTH_MAX} levels: give a part of it a name of its own")]
    TooDeep,
    /// Something else was expected.
    #[error("expected {expected}, found {found}")]
    Expected {
        /// What could stand here.
        expected: String,
        /// What stands here.
        found: String,
    },
    /// A name that does not exist.
    #[error("unknown {what} {name:?}{}", nearest_text(nearest.as_deref()))]
    Unknown {
        /// What kind of name: field, function, output, parameter or instrument.
        what: &'static str,
        /// The name.
        name: String,
        /// The name that was probably meant.
        nearest: Option<String>,
    },
    /// A name that several instruments share.
    #[error("{name:?} may be any of {candidates}: write the full name in single quotes")]
    Ambiguous {
        /// The name.
        name: String,
        /// The full names that match, with commas between them.
        candidates: String,
    },
    /// Wrong number of arguments.
    #[error("{usage} expected, found {found} argument{}", if *found == 1 { "" } else { "s" })]
    Arguments {
        /// How to call the function.
        usage: String,
        /// How many arguments were given.
        found: usize,
    },
    /// Not a size of bars.
    #[error(transparent)]
    BarSize(#[from] BarSpecError),
    /// A bar field without a bar size, and the scope has no default.
    #[error("{field} needs a bar size, e.g. {field}@1m: there is no default here")]
    NoBarSize {
        /// The field.
        field: &'static str,
    },
    /// A tick field with a bar size.
    #[error("{field} changes with every tick and takes no bar size")]
    TickField {
        /// The field.
        field: &'static str,
    },
    /// A tick field where bars are waited for.
    #[error("{field} changes with every tick and has no close: together() is of bars")]
    NoClose {
        /// The field.
        field: &'static str,
    },
    /// A field without an instrument, and the scope has no default.
    #[error("{field} needs an instrument, e.g. BTCUSDT.{field}: there is no default here")]
    NoInstrument {
        /// The field.
        field: &'static str,
    },
    /// A window that is no whole number in range.
    #[error("a window must be a whole number from 1 to {WINDOW_MAX}, found {found}")]
    Window {
        /// Its value.
        found: f64,
    },
    /// Windows of which the first must be the shorter one.
    #[error("the fast window ({fast}) must be shorter than the slow one ({slow})")]
    FastNotShorter {
        /// The fast window.
        fast: u32,
        /// The slow window.
        slow: u32,
    },
    /// A series where a constant must stand.
    #[error("expected a number, a $parameter or arithmetic of these, found something that changes")]
    NotConstant,
    /// A constant where a series must stand.
    #[error("expected something that changes, such as close, found the constant {found}")]
    Constant {
        /// Its value.
        found: f64,
    },
    /// Too many nodes in one graph.
    #[error("more than {NODES_MAX} operators in one graph")]
    TooManyNodes,
    /// Too much memory in all windows of one graph.
    #[error("all windows together exceed {CELLS_MAX} values")]
    TooManyCells,
}

/// A problem at a place: what lexer, parser and builder return before the text is attached.
#[derive(Debug)]
pub(crate) struct Fault {
    /// Character of the text, counted from 0.
    pub(crate) at: usize,
    pub(crate) problem: Problem,
}

impl Fault {
    pub(crate) fn new(at: usize, problem: Problem) -> Fault {
        Fault { at, problem }
    }

    pub(crate) fn expected(
        at: usize,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Fault {
        let problem = Problem::Expected {
            expected: expected.into(),
            found: found.into(),
        };
        Fault { at, problem }
    }

    pub(crate) fn unknown<'a>(
        at: usize,
        what: &'static str,
        name: &str,
        known: impl Iterator<Item = &'a str>,
    ) -> Fault {
        let problem = Problem::Unknown {
            what,
            name: name.to_owned(),
            nearest: nearest(name, known),
        };
        Fault { at, problem }
    }

    pub(crate) fn within(self, text: &str) -> ExprError {
        let first = self.at.saturating_sub(CONTEXT);
        let shown = text.chars().skip(first).take(2 * CONTEXT);
        ExprError {
            column: self.at + 1,
            problem: self.problem,
            shown: shown
                .map(|c| if c.is_control() { ' ' } else { c })
                .collect(),
            caret: self.at - first,
        }
    }
}

impl fmt::Display for ExprError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "column {}: {}", self.column, self.problem)?;
        writeln!(f, "  {}", self.shown)?;
        write!(f, "  {:>1$}", "^", self.caret + 1)
    }
}

impl std::error::Error for ExprError {}

fn nearest_text(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!(", did you mean {name:?}?"))
}

/// The known name with the fewest changes of letters, if it is near.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    const LENGTH_MAX: usize = 64;
    if name.len() > LENGTH_MAX {
        return None;
    }
    let lower = name.to_lowercase();
    let allowed = if lower.chars().count() <= 3 { 1 } else { 2 };
    known
        .filter(|candidate| candidate.len() <= LENGTH_MAX)
        .map(|candidate| (levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(changes, _)| *changes <= allowed)
        .min_by_key(|(changes, _)| *changes)
        .map(|(_, candidate)| candidate.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_ignores_case_and_gives_up_when_far() {
        let known = || ["open", "close", "volume"].into_iter();
        assert_eq!(nearest("Close", known()), Some("close".to_owned()));
        assert_eq!(nearest("clos", known()), Some("close".to_owned()));
        assert_eq!(nearest("price", known()), None);
    }

    #[test]
    fn a_long_text_is_cut_around_the_caret() {
        let text = format!("{}?{}", "1 + ".repeat(100), " + 1".repeat(100));
        let error = Fault::expected(400, "a value", "\"?\"").within(&text);
        let printed = error.to_string();
        let lines: Vec<&str> = printed.lines().collect();
        assert_eq!(lines[0], "column 401: expected a value, found \"?\"");
        assert_eq!(lines[1].chars().count(), 2 + 2 * CONTEXT);
        assert_eq!(lines[1].find('?'), lines[2].find('^'));
    }
}
