//! A book as its level records leave it, in words.

use std::collections::BTreeMap;
use tickloom_types::{InstrumentDef, Kind, LevelBody, Record, Side, format_decimal};

/// The levels that are left (`bid 100 x 6`), sorted as text; records of other kinds are passed over.
pub(crate) fn levels_left<'a>(
    def: &InstrumentDef,
    records: impl IntoIterator<Item = &'a Record>,
) -> Vec<String> {
    let mut levels: BTreeMap<(u8, i64), i64> = BTreeMap::new();
    let of_books = |record: &&Record| record.kind() == Some(Kind::Level);
    for level in records.into_iter().filter(of_books).map(LevelBody::of) {
        if level.clear != 0 {
            levels.clear();
        }
        levels.insert((level.side, level.price), level.qty);
    }
    let text = |((side, price), qty): (&(u8, i64), &i64)| {
        let side = match *side == Side::Buy as u8 {
            true => "bid",
            false => "ask",
        };
        let price = format_decimal(i128::from(*price), def.price_decimals);
        let qty = format_decimal(i128::from(*qty), def.qty_decimals);
        format!("{side} {price} x {qty}")
    };
    let left = levels.iter().filter(|(_, qty)| **qty > 0).map(text);
    let mut left: Vec<String> = left.collect();
    left.sort_unstable();
    left
}
