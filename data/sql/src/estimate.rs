//! How much memory a statement will take, from the index and its words alone: before anything is read.
//!
//! What the engine holds beside the rows was measured on ten million trades, and rounded up.

use crate::clauses::SAMPLE_MARK;
use crate::error::SqlError;
use crate::order::ORDER;
use crate::tables::width;
use sqlparser::tokenizer::{Token, TokenWithSpan};
use tickloom_catalog::{NoPrice, Table};

/// Times that a column is held, if nothing but reading and counting is done with it.
const READ: u64 = 2;
/// As much if rows are put into groups.
const GROUPED: u64 = 4;
/// As much if they are sorted, or others are put beside them.
const SORTED: u64 = 5;
/// Words of clauses that do so.
const CLAUSES: [(&str, u64); 6] = [
    ("GROUP", GROUPED),
    ("DISTINCT", GROUPED),
    ("UNION", GROUPED),
    ("OVER", SORTED),
    ("ORDER", SORTED),
    ("JOIN", SORTED),
];

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
                    estimate.times = estimate.times.max(times_for(&word.value));
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
            if self.takes_all || self.is_read(table, name) {
                named += width(kind);
                with_order += width(kind);
            } else if ORDER.contains(&name) {
                with_order += width(kind);
            }
        }
        let read = rows.saturating_mul(self.times * named);
        let sorted = rows.saturating_mul(self.times.max(SORTED) * with_order);
        let more = sorted.saturating_sub(read);
        self.sorting = self.sorting.saturating_add(more);
        self.take(read)?;
        Ok(more)
    }

    /// Whether a column is named, or tells whether a price that is named is one.
    fn is_read(&self, table: Table, name: &str) -> bool {
        self.named.iter().any(|word| {
            let no_price = table.no_price(word);
            let tells = |no_price: NoPrice| {
                let mut beside = no_price.beside().iter();
                beside.any(|beside| beside.column.name == name)
            };
            word == name || no_price.is_some_and(tells)
        })
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

/// How often a clause that begins with this word makes the engine hold a column.
fn times_for(word: &str) -> u64 {
    if word.starts_with(SAMPLE_MARK) {
        return GROUPED;
    }
    let found = CLAUSES
        .iter()
        .find(|(clause, _)| clause.eq_ignore_ascii_case(word));
    found.map_or(READ, |(_, times)| *times)
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
