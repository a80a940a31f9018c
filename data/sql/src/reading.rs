//! What one statement reads of a catalog, and that it may.

use crate::bounds::Bounds;
use crate::clauses::SAMPLE_MARK;
use crate::error::SqlError;
use crate::order::ORDER;
use crate::relation::Relation;
use crate::tables::{scan, width};
use sqlparser::tokenizer::{Token, TokenWithSpan};
use std::collections::BTreeSet;
use std::path::PathBuf;
use tickloom_data::{Catalog, FileRange, Table};

/// What a statement reads of the catalog.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// Files that it reads, and of how many.
    pub files: usize,
    /// Files of the tables it names.
    pub files_of: usize,
    /// Rows in the files that it reads.
    pub rows: u64,
}

/// A catalog that a statement reads, and what it has read of it.
pub(crate) struct Reading<'a> {
    pub(crate) catalog: &'a Catalog,
    /// The statement.
    tokens: &'a [TokenWithSpan],
    /// Bytes of rows that may be read, decoded.
    memory_max: Option<u64>,
    /// Those that are read.
    bytes: u64,
    reads: Vec<(Table, Reads)>,
    files: Vec<(Table, PathBuf)>,
}

impl<'a> Reading<'a> {
    pub(crate) fn new(
        catalog: &'a Catalog,
        tokens: &'a [TokenWithSpan],
        memory_max: Option<u64>,
    ) -> Reading<'a> {
        Reading {
            catalog,
            tokens,
            memory_max,
            bytes: 0,
            reads: Vec::new(),
            files: Vec::new(),
        }
    }

    /// A table's rows that the bounds admit, if they fit into the memory that is allowed.
    ///
    /// # Errors
    /// [`SqlError::Memory`]; [`SqlError::Data`]; [`SqlError::Engine`].
    pub(crate) fn scan(&mut self, table: Table, bounds: Bounds) -> Result<Relation, SqlError> {
        let all = self.catalog.files(table)?;
        let files_of = all.len();
        let files: Vec<FileRange> = all.into_iter().filter(|file| bounds.admit(file)).collect();
        let rows = files.iter().map(|file| file.rows).sum();
        let reads = Reads {
            files: files.len(),
            files_of,
            rows,
        };
        self.reads.push((table, reads));
        let named = files.iter().map(|file| (table, file.path.clone()));
        self.files.extend(named);
        let row_bytes = bytes_of_a_row(table, self.tokens);
        self.bytes = self.bytes.saturating_add(rows.saturating_mul(row_bytes));
        if let Some(allowed) = self.memory_max.filter(|allowed| self.bytes > *allowed) {
            let needed = self.bytes;
            return Err(SqlError::Memory { needed, allowed });
        }
        let frame = scan(self.catalog, table, &files, &bounds)?;
        Ok(Relation::of_table(frame, table, files, bounds))
    }

    /// How often tables are named.
    pub(crate) fn relations(&self) -> usize {
        self.reads.len()
    }

    /// The tables, each time that one is named, and what is read of it.
    pub(crate) fn tables(&self) -> impl Iterator<Item = (Table, &Reads)> {
        self.reads.iter().map(|(table, reads)| (*table, reads))
    }

    /// What all of it comes to.
    pub(crate) fn in_all(&self) -> Reads {
        let mut all = Reads::default();
        for (_, reads) in &self.reads {
            all.files += reads.files;
            all.files_of += reads.files_of;
            all.rows += reads.rows;
        }
        all
    }

    /// Whether a file that was to be read is not listed any more: it was compacted or dropped since.
    ///
    /// # Errors
    /// [`SqlError::Data`] if the index cannot be read.
    pub(crate) fn is_overtaken(&self) -> Result<bool, SqlError> {
        let tables: BTreeSet<Table> = self.files.iter().map(|(table, _)| *table).collect();
        let mut listed = BTreeSet::new();
        for table in tables {
            listed.extend(self.catalog.files(table)?.into_iter().map(|file| file.path));
        }
        Ok(self.files.iter().any(|(_, path)| !listed.contains(path)))
    }
}

/// Bytes of a row in memory: of the columns that the statement names, or of all. Where rows are sorted, with those that give them
/// their order, and twice.
fn bytes_of_a_row(table: Table, tokens: &[TokenWithSpan]) -> u64 {
    let mut before: Option<&Token> = None;
    let mut takes_all = false;
    let mut named = Vec::new();
    for token in tokens.iter().map(|token| &token.token) {
        match token {
            Token::Word(word) => named.push(word.value.as_str()),
            Token::Mul => {
                takes_all |= match before {
                    Some(Token::Comma | Token::Period) => true,
                    Some(Token::Word(word)) => {
                        ["SELECT", "DISTINCT"].contains(&word.value.to_uppercase().as_str())
                    }
                    _ => false,
                };
            }
            _ => {}
        }
        before = Some(token);
    }
    let is_sorted = named
        .iter()
        .any(|word| word.starts_with(SAMPLE_MARK) || word.eq_ignore_ascii_case("ASOF"));
    let orders = |name: &str| is_sorted && ORDER.contains(&name);
    let bytes: u64 = table
        .outline()
        .into_iter()
        .filter(|(name, _)| takes_all || named.contains(name) || orders(name))
        .map(|(_, kind)| width(kind))
        .sum();
    if is_sorted { 2 * bytes } else { bytes }
}
