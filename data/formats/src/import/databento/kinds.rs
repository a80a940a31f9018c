//! The types of records in DBN: the table of each, and what is not used.

use dbn::rtype;
use tickloom_catalog::Table;

/// The table that records of a row of this type are in first.
pub(super) fn table(kind: u8) -> Option<Table> {
    match kind {
        rtype::MBO => Some(Table::OrderUpdates),
        rtype::MBP_0 => Some(Table::Trades),
        rtype::MBP_10 => Some(Table::BookSnapshots),
        rtype::OHLCV_1S | rtype::OHLCV_1M | rtype::OHLCV_1H | rtype::OHLCV_1D => Some(Table::Bars),
        rtype::MBP_1
        | rtype::CMBP_1
        | rtype::TCBBO
        | rtype::BBO_1S
        | rtype::BBO_1M
        | rtype::CBBO_1S
        | rtype::CBBO_1M => Some(Table::Quotes),
        _ => None,
    }
}

/// What the report calls rows that are not used.
pub(super) fn not_kept(kind: u8) -> &'static str {
    match kind {
        rtype::INSTRUMENT_DEF => "definition",
        rtype::IMBALANCE => "imbalance",
        rtype::STATISTICS => "statistics",
        rtype::STATUS => "trading status",
        rtype::SYMBOL_MAPPING => "symbol mapping",
        rtype::ERROR => "error message of the service",
        rtype::SYSTEM => "message of the service",
        rtype::OHLCV_EOD => "end of day bar",
        rtype::OHLCV_DEPRECATED => "bar of no size",
        _ => "record of an unknown type",
    }
}
