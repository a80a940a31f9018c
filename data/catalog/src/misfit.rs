//! Why a value has no place.

/// Why a value has no place in a column, or a column's value none in a record.
#[derive(Debug, PartialEq, Eq)]
pub struct Misfit {
    /// Index of its row.
    pub row: usize,
    /// The value.
    pub value: String,
    /// What was expected.
    pub expected: &'static str,
}

/// A value that has no place.
pub fn misfit(row: usize, value: impl ToString, expected: &'static str) -> Misfit {
    Misfit {
        row,
        value: value.to_string(),
        expected,
    }
}
