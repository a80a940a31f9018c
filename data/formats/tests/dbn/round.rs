//! Import and export again: the bytes of each row are those of the file, but for the fields that no record keeps, which are listed here
//! one by one.

use crate::files::{DAY, File, START, decode, header, import, order, shared_data, trade};
use dbn::{
    Action, BidAskPair, FlagSet, MboMsg, Mbp1Msg, Mbp10Msg, OhlcvMsg, Schema, Side, UNDEF_PRICE,
    rtype,
};
use proptest::prelude::*;
use std::ffi::c_char;
use std::path::Path;
use tickloom_catalog::Table;

/// Bytes of a row that no record keeps, by its length and type; they are zero, or undefined, in what is exported.
fn lost(record: &[u8]) -> Vec<std::ops::Range<usize>> {
    match record[1] {
        // channel_id, ts_in_delta.
        rtype::MBO => vec![37..38, 48..52],
        // depth, ts_in_delta.
        rtype::MBP_0 => vec![31..32, 40..44],
        // depth, ts_in_delta, counts of orders; without a trade also price, size, action, side.
        rtype::MBP_1 if record[28] == b'T' => vec![31..32, 40..44, 72..80],
        rtype::MBP_1 => vec![16..30, 31..32, 40..44, 72..80],
        rtype::MBP_10 => {
            let mut all = vec![31..32, 40..44];
            if record[28] != b'T' {
                all.push(16..30);
            }
            all.extend((0..10).map(|level| 72 + level * 32..80 + level * 32));
            all
        }
        // The last trade: ts_event, price, size, side; counts of orders.
        rtype::BBO_1S | rtype::BBO_1M => vec![8..28, 29..30, 72..80],
        rtype::OHLCV_1S | rtype::OHLCV_1M | rtype::OHLCV_1H | rtype::OHLCV_1D => vec![],
        other => panic!("{other:#x} is not exported"),
    }
}

fn kept(record: &[u8]) -> Vec<u8> {
    let mut kept = record.to_vec();
    for range in lost(record) {
        kept[range].fill(0);
    }
    let flags = match record[1] {
        rtype::MBO => Some((36, 0xfe)),
        rtype::MBP_0 | rtype::MBP_1 => Some((30, 0xfe)),
        // Every level of a whole book is of a snapshot, and every look is at a time of the vendor's.
        rtype::MBP_10 => Some((30, 0xde)),
        rtype::BBO_1S | rtype::BBO_1M => Some((30, 0xf6)),
        _ => None,
    };
    if let Some((at, mask)) = flags {
        kept[at] &= mask;
    }
    kept
}

/// Imports a file, exports a table of it, and compares row by row; then imports what was exported, which makes the same records.
fn check(path: &Path, table: Table) -> usize {
    let dir = tempfile::tempdir().unwrap();
    let imported = import(path, &dir.path().join("catalog"));
    let name = path.display();
    assert_eq!(
        imported.report.refused, 0,
        "{name}: {:?}",
        imported.report.errors
    );
    let exported = dir.path().join("x.dbn");
    let report = imported.export(table, &exported);
    let (before, before_rows) = decode(path);
    let (after, after_rows) = decode(&exported);
    assert_eq!(after_rows.len(), before_rows.len(), "{name}");
    assert_eq!(report.rows, before_rows.len() as u64, "{name}");
    for (at, (before, after)) in before_rows.iter().zip(&after_rows).enumerate() {
        // An action that is not kept says here whether there was a trade.
        let before = kept(before);
        let mut after = kept(after);
        if before[1] == rtype::MBP_1 && before[28] == 0 {
            after = [&after[..16], &[0; 14], &after[30..]].concat();
        }
        assert!(
            before == after,
            "{name}, row {at}:\n{before:02x?}\n{after:02x?}"
        );
    }
    assert_eq!(
        (&after.dataset, after.schema),
        (&before.dataset, before.schema),
        "{name}"
    );
    // Of the symbols those that rows are of, with the same numbers on the same days.
    for mapping in &after.mappings {
        let mut known = before.mappings.iter();
        let known = known.find(|known| known.raw_symbol == mapping.raw_symbol);
        let known = known.unwrap_or_else(|| panic!("{name}: {mapping:?}"));
        let is_there = |interval| known.intervals.contains(interval);
        assert!(
            mapping.intervals.iter().all(is_there),
            "{name}: {mapping:?}"
        );
    }
    let again = import(&exported, &dir.path().join("again"));
    assert_eq!(again.names(), imported.names(), "{name}");
    let of_table = |records: &[tickloom_types::Record]| {
        let of_it = records
            .iter()
            .filter(|record| Table::of(record) == Some(table));
        of_it.copied().collect::<Vec<_>>()
    };
    assert!(
        of_table(&again.records) == of_table(&imported.records),
        "{name}"
    );
    before_rows.len()
}

#[test]
fn a_day_of_orders_comes_back_byte_for_byte() {
    for (day, rows) in [("20231224", 8_725), ("20231225", 68_792)] {
        let name = format!("dbn/es-mbo/esh4-glbx-mdp3-{day}.mbo.dbn.zst");
        let Some(path) = shared_data(&name) else {
            return;
        };
        assert_eq!(check(&path, Table::OrderUpdates), rows);
    }
}

#[test]
fn samples_of_every_schema_come_back_byte_for_byte() {
    let schemas = [
        ("mbo", Table::OrderUpdates),
        ("trades", Table::Trades),
        ("mbp-1", Table::Quotes),
        ("tbbo", Table::Quotes),
        ("bbo-1s", Table::Quotes),
        ("bbo-1m", Table::Quotes),
        ("mbp-10", Table::BookSnapshots),
        ("ohlcv-1s", Table::Bars),
        ("ohlcv-1m", Table::Bars),
        ("ohlcv-1h", Table::Bars),
    ];
    for (schema, table) in schemas {
        for version in ["v1", "v2", "v3"] {
            // They came with version 2.
            if schema.starts_with("bbo") && version == "v1" {
                continue;
            }
            let name = format!("dbn/format-samples/test_data.{schema}.{version}.dbn.zst");
            let Some(path) = shared_data(&name) else {
                continue;
            };
            assert!(check(&path, table) >= 2, "{name}");
        }
    }
}

const ONE: File<'_> = File {
    dataset: "GLBX.MDP3",
    schema: Some(Schema::Mbo),
    stype_in: Some(dbn::SType::RawSymbol),
    mappings: &[("A", &[(0, 1, 7), (1, 9, 8)]), ("B", &[(0, 9, 9)])],
    start: START,
};

fn write_and_check<R: dbn::encode::DbnEncodable>(schema: Schema, rows: &[R], table: Table) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.dbn");
    File {
        schema: Some(schema),
        ..ONE
    }
    .write_all(&path, rows);
    assert_eq!(check(&path, table), rows.len());
}

/// A number of A or B, and a time at which it stands for it.
fn when() -> impl Strategy<Value = (u32, u64)> {
    prop_oneof![
        (Just(7), START + 200..START + DAY),
        (Just(8), START + DAY..START + 3 * DAY),
        (Just(9), START + 200..START + 3 * DAY),
    ]
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Bid), Just(Side::Ask), Just(Side::None)]
}

fn any_order() -> impl Strategy<Value = MboMsg> {
    let numbers = (any::<u64>(), -9_000_000_000_i64..9_000_000_000, 1..u32::MAX);
    let letters = (
        prop::sample::select(vec!['A', 'M', 'C', 'F', 'T', 'R', 'N']),
        side(),
    );
    let flags = any::<u8>().prop_map(|flags| flags & 0xfe);
    (when(), numbers, letters, flags, any::<u32>()).prop_map(
        |((id, ts), (order_id, price, size), (action, side), flags, sequence)| {
            let has_none = matches!(action, 'R' | 'N');
            MboMsg {
                order_id,
                price: if has_none { UNDEF_PRICE } else { price },
                size: if has_none { 0 } else { size },
                flags: FlagSet::new(flags),
                side: side as c_char,
                sequence,
                ..order(id, ts, action)
            }
        },
    )
}

fn level() -> impl Strategy<Value = BidAskPair> {
    let side = || {
        prop_oneof![
            3 => (-9_000_000_000_i64..9_000_000_000, 1..u32::MAX),
            1 => Just((UNDEF_PRICE, 0)),
        ]
    };
    (side(), side()).prop_map(|(bid, ask)| BidAskPair {
        bid_px: bid.0,
        ask_px: ask.0,
        bid_sz: bid.1,
        ask_sz: ask.1,
        bid_ct: 0,
        ask_ct: 0,
    })
}

fn any_quote() -> impl Strategy<Value = Mbp1Msg> {
    let trade = prop::option::of((-9_000_000_000_i64..9_000_000_000, 1..u32::MAX, side()));
    let flags = any::<u8>().prop_map(|flags| flags & 0xfe);
    (when(), level(), trade, flags, any::<u32>()).prop_map(
        |((id, ts), level, trade, flags, sequence)| {
            let (price, size, side) = trade.unwrap_or((UNDEF_PRICE, 0, Side::None));
            let action = if trade.is_some() {
                Action::Trade
            } else {
                Action::Modify
            };
            Mbp1Msg {
                hd: header::<Mbp1Msg>(rtype::MBP_1, 1, id, ts - 50),
                price,
                size,
                action: action as c_char,
                side: side as c_char,
                flags: FlagSet::new(flags),
                depth: 0,
                ts_recv: ts,
                ts_in_delta: 0,
                sequence,
                levels: [level],
            }
        },
    )
}

fn any_book() -> impl Strategy<Value = Mbp10Msg> {
    let empty = || BidAskPair {
        bid_px: UNDEF_PRICE,
        ask_px: UNDEF_PRICE,
        bid_sz: 0,
        ask_sz: 0,
        bid_ct: 0,
        ask_ct: 0,
    };
    (any_quote(), 0..11_usize, 0..11_usize).prop_map(move |(top, bids, asks)| {
        let mut levels: [BidAskPair; 10] = std::array::from_fn(|_| empty());
        let (bids, asks) = (u32::try_from(bids).unwrap(), u32::try_from(asks).unwrap());
        for (at, level) in (0..).zip(levels.iter_mut()) {
            let from_top = i64::from(at) * 250_000_000;
            if at < bids {
                (level.bid_px, level.bid_sz) = (4_000_000_000_000 - from_top, 1 + at);
            }
            if at < asks {
                (level.ask_px, level.ask_sz) = (4_001_000_000_000 + from_top, 9 + at);
            }
        }
        Mbp10Msg {
            hd: header::<Mbp10Msg>(rtype::MBP_10, 1, top.hd.instrument_id, top.hd.ts_event),
            price: top.price,
            size: top.size,
            action: top.action,
            side: top.side,
            flags: FlagSet::new(top.flags.raw() & !0x20),
            depth: 0,
            ts_recv: top.ts_recv,
            ts_in_delta: 0,
            sequence: top.sequence,
            levels,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_orders_come_back(rows in prop::collection::vec(any_order(), 1..60)) {
        write_and_check(Schema::Mbo, &rows, Table::OrderUpdates);
    }

    #[test]
    fn any_quotes_come_back(rows in prop::collection::vec(any_quote(), 1..60)) {
        write_and_check(Schema::Mbp1, &rows, Table::Quotes);
    }

    #[test]
    fn any_books_come_back(rows in prop::collection::vec(any_book(), 1..40)) {
        write_and_check(Schema::Mbp10, &rows, Table::BookSnapshots);
    }

    #[test]
    fn any_trades_come_back(
        rows in prop::collection::vec((when(), 1..u32::MAX, any::<u8>(), any::<u32>()), 1..60)
    ) {
        let rows: Vec<_> = rows.into_iter().map(|((id, ts), size, flags, sequence)| {
            let mut row = trade(1, id, ts, 5);
            (row.size, row.flags, row.sequence) = (size, FlagSet::new(flags & 0xfe), sequence);
            row
        }).collect();
        write_and_check(Schema::Trades, &rows, Table::Trades);
    }
}

/// All venues of a dataset, each under its own publisher and number, and bars.
#[test]
fn publishers_and_numbers_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.dbn");
    let file = File {
        dataset: "DBEQ.BASIC",
        schema: Some(Schema::Ohlcv1M),
        ..ONE
    };
    let bar = |publisher, id, ts| OhlcvMsg {
        hd: header::<OhlcvMsg>(rtype::OHLCV_1M, publisher, id, ts),
        open: 1_000_000_000,
        high: 2_000_000_000,
        low: -1_000_000,
        close: 1_500_000_000,
        volume: 12,
    };
    let rows = [
        bar(39, 7, START),
        bar(41, 7, START),
        bar(39, 9, START),
        bar(39, 8, START + DAY),
    ];
    file.write_all(&path, &rows);
    assert_eq!(check(&path, Table::Bars), 4);
}
