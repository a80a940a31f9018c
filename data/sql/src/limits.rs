//! Maxima of this crate.

/// Longest text of statements, in bytes.
pub(crate) const STATEMENT_BYTES_MAX: usize = 1 << 20;
/// Deepest nesting of queries in queries.
pub(crate) const QUERY_DEPTH_MAX: usize = 16;
/// Relations in one statement.
pub(crate) const RELATIONS_MAX: usize = 64;
/// Bytes of rows, decoded, whose columns are fetched from an object store at a time; of a larger file all that is wanted of it.
pub(crate) const FETCHED_BYTES: u64 = 32 << 20;
/// Columns that the aligned table shows of one cell, in characters.
pub(crate) const CELL_CHARS_MAX: usize = 80;
/// How often a statement is planned whose files are compacted before it has read them. Each time costs a compaction, so that only
/// a catalog that does nothing else comes to it.
pub(crate) const ATTEMPTS_MAX: usize = 100;
/// Different decimals in a query after IN.
pub(crate) const DECIMALS_MAX: usize = 1_000;
/// Tokens of a statement, beside literals and commas.
pub(crate) const TOKENS_MAX: usize = 20_000;
/// Deepest nesting of expressions, in which each operator of a chain is one more.
pub(crate) const EXPRESSION_DEPTH_MAX: usize = 400;
/// Stack of the thread that runs a statement. Only what is used of it takes memory.
pub(crate) const STACK_BYTES: usize = 256 << 20;
