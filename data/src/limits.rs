//! The maxima of this crate, in one place.

/// Rows that one query to QuestDB asks for: some 3 MB as records.
pub(crate) const PAGE_ROWS: u64 = 32_768;

/// Rows of a day of one run in one of QuestDB's tables above which its minutes are read one by one: each query on a span looks
/// at all of it.
pub(crate) const PAGE_SPAN_ROWS_MAX: u64 = 500_000;
