//! What can go wrong with a statement: said in its own words, with the place in it where that is known.

use std::fmt;
use strsim::levenshtein;
use tickloom_catalog::CatalogError;
use tickloom_data::DataError;

/// A place in a statement: line and column, both from 1. Columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// An error of a statement or of its run.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    /// The statement is wrong at a place. Shown with that line and a caret under the place.
    #[error("line {}, column {}: {what}\n{}", place.line, place.column, Pointer { line, column: place.column })]
    At {
        /// What is wrong.
        what: String,
        /// Where.
        place: Place,
        /// The line's text.
        line: String,
    },
    /// The statement is wrong as a whole.
    #[error("{0}")]
    Statement(String),
    /// It would take more memory than was allowed.
    #[error(
        "the statement reads about {} MiB of rows, and {} MiB may be; allow more, or narrow it by instrument, time or columns", mebibytes(*needed), mebibytes(*allowed)
    )]
    Memory {
        /// What it would read, decoded.
        needed: u64,
        /// What is allowed.
        allowed: u64,
    },
    /// The catalog could not be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The calendars could not be read.
    #[error(transparent)]
    Calendar(#[from] DataError),
    /// The engine failed while it ran the statement.
    #[error("the statement failed: {0}")]
    Engine(String),
    /// The result could not be written.
    #[error("cannot write the result: {0}")]
    Write(#[from] std::io::Error),
}

fn mebibytes(bytes: u64) -> u64 {
    bytes.div_ceil(1 << 20)
}

impl SqlError {
    /// Whether the statement is at fault, rather than the catalog or the machine.
    #[must_use]
    pub fn is_input(&self) -> bool {
        matches!(
            self,
            SqlError::At { .. } | SqlError::Statement(_) | SqlError::Memory { .. }
        )
    }

    /// An error at a place of `text`; without a place it is about the whole.
    pub(crate) fn at(text: &str, place: Option<Place>, what: impl Into<String>) -> SqlError {
        let what = what.into();
        let line = place.and_then(|p| text.lines().nth(p.line.checked_sub(1)?));
        match (place, line) {
            (Some(place), Some(line)) => SqlError::At {
                what,
                place,
                line: line.to_owned(),
            },
            _ => SqlError::Statement(what),
        }
    }
}

/// A line and below it a caret. Long lines are cut around the place.
struct Pointer<'a> {
    line: &'a str,
    column: usize,
}

/// Characters shown before and after the place.
const AROUND: usize = 60;

impl fmt::Display for Pointer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.column.saturating_sub(1);
        let start = at.saturating_sub(AROUND);
        let plain = |c: char| if c.is_control() { ' ' } else { c };
        let shown = self.line.chars().skip(start).take(2 * AROUND).map(plain);
        writeln!(f, "  {}", shown.collect::<String>())?;
        write!(f, "  {}^", " ".repeat(at - start))
    }
}

/// The known name that is most like a wrong one, if any is much like it.
pub(crate) fn nearest<'a>(
    wrong: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let wrong = wrong.to_lowercase();
    known
        .into_iter()
        .map(|name| (levenshtein(&wrong, &name.to_lowercase()), name))
        .filter(|(far, name)| *far <= 1 + name.len().min(wrong.len()) / 3)
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_points_at_its_place() {
        let error = SqlError::at(
            "select *\nfrom tradez",
            Some(Place { line: 2, column: 6 }),
            "no table tradez",
        );
        assert_eq!(
            error.to_string(),
            "line 2, column 6: no table tradez\n  from tradez\n       ^"
        );
    }

    #[test]
    fn the_nearest_name_is_near() {
        let tables = ["trades", "quotes", "bars"];
        assert_eq!(nearest("tradez", tables), Some("trades"));
        assert_eq!(nearest("TRADE", tables), Some("trades"));
        assert_eq!(nearest("customers", tables), None);
    }
}
