//! How much memory a statement will take, from the index and its words alone: before anything is read.
//!
//! What the engine holds beside the rows was measured on ten million trades, and rounded up.

use crate::clauses::SAMPLE_MARK;
use crate::error::SqlError;
use crate::order::ORDER;
use crate::tables::width;
use sqlparser::tokenizer::{Token, TokenWithSpan};
use tickloom_data::Table;

/// Words of clauses for which the engine holds numbers of rows, keys and copies of columns.
const GATHERING: [&str; 6] = ["GROUP", "DISTINCT", "ORDER", "JOIN", "OVER", "UNION"];
/// Times that a column is held, by what is done with it.
const READ: u64 = 2;
const GATHERED: u64 = 3;
const SORTED: u64 = 4;

/// The memory of one statement.
pub(crate) struct Estimate {
    allowed: Option<u64>,
    bytes: u64,
    /// What it would take to sort every relation so far.
    sorting: u64,
    /// Whether it names all columns.
    takes_all: bool,
    named: Vec<String>,
    times: u64,
}

impl Estimate {
    pub(crate) fn new(tokens: &[TokenWithSpan], allowed: Option<u64>) -> Estimate {
        let mut estimate = Estimate {
            allowed,
            bytes: 0,
            sorting: 0,
            takes_all: false,
            named: Vec::new(),
            times: READ,
        };
        let mut before: Option<&Token> = None;
        for token in tokens.iter().map(|token| &token.token) {
            match token {
                Token::Word(word) => {
                    let upper = word.value.to_uppercase();
                    if upper.starts_with(SAMPLE_MARK) || GATHERING.contains(&upper.as_str()) {
                        estimate.times = GATHERED;
                    }
                    estimate.named.push(word.value.clone());
                }
                Token::Mul => estimate.takes_all |= is_all_after(before),
                _ => {}
            }
            before = Some(token);
        }
        estimate
    }

    /// Adds the rows of a table. Gives the bytes more that sorting them would take.
    ///
    /// # Errors
    /// [`SqlError::Memory`].
    pub(crate) fn read(&mut self, table: Table, rows: u64) -> Result<u64, SqlError> {
        let (mut named, mut with_order) = (0, 0);
        for (name, kind) in table.outline() {
            if self.takes_all || self.named.iter().any(|word| word == name) {
                named += width(kind);
                with_order += width(kind);
            } else if ORDER.contains(&name) {
                with_order += width(kind);
            }
        }
        let read = rows.saturating_mul(self.times * named);
        let sorted = rows.saturating_mul(SORTED * with_order);
        let more = sorted.saturating_sub(read);
        self.sorting = self.sorting.saturating_add(more);
        self.take(read)?;
        Ok(more)
    }

    /// What sorting every relation so far would take.
    pub(crate) fn sorting(&self) -> u64 {
        self.sorting
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// [`SqlError::Memory`] if these are more than are allowed.
    pub(crate) fn take(&mut self, bytes: u64) -> Result<(), SqlError> {
        self.bytes = self.bytes.saturating_add(bytes);
        match self.allowed.filter(|allowed| self.bytes > *allowed) {
            Some(allowed) => Err(SqlError::Memory {
                needed: self.bytes,
                allowed,
            }),
            None => Ok(()),
        }
    }
}

/// Whether a star stands for all columns, and not for a product or for rows that are counted.
fn is_all_after(before: Option<&Token>) -> bool {
    match before {
        Some(Token::Comma | Token::Period) => true,
        Some(Token::Word(word)) => {
            ["SELECT", "DISTINCT", "ALL"].contains(&word.value.to_uppercase().as_str())
        }
        _ => false,
    }
}
