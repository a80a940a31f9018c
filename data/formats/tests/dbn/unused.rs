//! Records that are no events of a market, and rows that cannot be kept as they are: each is named with its count, none is passed over
//! in silence.

use crate::files::{File, START, header, input, order, shared_data, trade};
use dbn::{FlagSet, Mbp10Msg, Schema, TradeMsg, UNDEF_ORDER_SIZE, UNDEF_PRICE, rtype};
use std::ffi::c_char;
use tickloom_formats::{FormatError, ImportOptions, RefusedMax};
use tickloom_types::{BookAction, Flags, Kind, OrderUpdateBody, Record};

#[test]
fn a_file_of_nothing_that_is_used_is_refused_and_says_what_it_has() {
    let cases = [
        ("statistics.v3", "2 of statistics"),
        ("imbalance.v3", "2 of imbalance"),
        ("status.v3", "4 of trading status"),
        ("definition.v3", "2 of definition"),
    ];
    for (name, what) in cases {
        let name = format!("dbn/format-samples/test_data.{name}.dbn.zst");
        let Some(path) = shared_data(&name) else {
            return;
        };
        let error = input(&path).check(&ImportOptions::default()).unwrap_err();
        assert!(matches!(error, FormatError::Unrecognised { .. }), "{error}");
        assert!(error.to_string().contains(what), "{error}");
    }
}

fn read(schema: Schema, rows: &[impl dbn::encode::DbnEncodable]) -> tickloom_formats::FileRecords {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.dbn");
    let file = File {
        schema: Some(schema),
        ..File::default()
    };
    file.write_all(&path, rows);
    let options = ImportOptions {
        refused_max: Some(RefusedMax::Any),
        ..ImportOptions::default()
    };
    input(&path).read(&options).unwrap()
}

#[test]
fn what_is_undefined_is_refused_by_name() {
    let right = || trade(1, 7, START + 200, 1);
    let rows = [
        right(),
        TradeMsg {
            price: UNDEF_PRICE,
            ..right()
        },
        TradeMsg {
            size: UNDEF_ORDER_SIZE,
            ..right()
        },
        TradeMsg {
            side: 'X' as c_char,
            ..right()
        },
        {
            let mut row = right();
            row.hd.ts_event = u64::MAX;
            row
        },
    ];
    let report = read(Schema::Trades, &rows).report;
    let values: Vec<(&str, &str)> = report
        .errors
        .iter()
        .map(|error| (error.field.as_str(), error.value.as_str()))
        .collect();
    let expected = [
        ("price", "undefined"),
        ("size", "undefined"),
        ("side", "X"),
        ("ts_event", "undefined"),
    ];
    assert_eq!(values, expected);
    assert_eq!((report.read, report.written), (5, 1));
}

/// An order has a price; what empties a book, tells flags alone or says that the top of a side is empty has none.
#[test]
fn a_price_that_is_none_is_kept_where_there_may_be_none() {
    let none = |action, flags, size| {
        let mut row = order(7, START + 200, action);
        (row.price, row.size, row.flags) = (UNDEF_PRICE, size, FlagSet::new(flags));
        row
    };
    let rows = [
        none('R', 0x20, 0),
        none('N', 0x80, 0),
        none('A', 0x40, 0),
        none('A', 0, 0),
        none('C', 0, 2),
        none('F', 0x80, 2),
        none('A', 0x40, 3),
    ];
    let file = read(Schema::Mbo, &rows);
    assert_eq!((file.report.written, file.report.refused), (3, 4));
    let actions: Vec<u8> = file
        .records
        .iter()
        .map(|r| OrderUpdateBody::of(r).action)
        .collect();
    assert_eq!(
        actions,
        [BookAction::Clear, BookAction::None, BookAction::Add].map(|a| a as u8)
    );
    assert!(file.records[2].has(Flags::TOP_OF_BOOK));
    assert!(
        file.report
            .errors
            .iter()
            .all(|error| error.field == "price")
    );
}

/// It is at the venue's time then, and marked.
#[test]
fn a_row_that_does_not_say_when_it_arrived_is_counted() {
    let row = TradeMsg {
        ts_recv: u64::MAX,
        ..trade(1, 7, START + 200, 1)
    };
    let file = read(Schema::Trades, &[row]);
    let header = file.records[0].header;
    assert_eq!(
        (header.ts_recv, header.ts_event),
        (header.ts_event, (START + 100) as i64)
    );
    assert!(file.records[0].has(Flags::BAD_TIME));
    let note = "1 rows do not say when they arrived";
    assert!(file.report.notes.iter().any(|told| told.starts_with(note)));
}

/// A row without any level empties the book that was there.
#[test]
fn an_empty_book_is_one() {
    let row = Mbp10Msg {
        hd: header::<Mbp10Msg>(rtype::MBP_10, 1, 7, START),
        action: 'R' as c_char,
        side: 'N' as c_char,
        ts_recv: START,
        ..Mbp10Msg::default()
    };
    let file = read(Schema::Mbp10, &[row]);
    let levels: Vec<&Record> = file.records.iter().collect();
    let [level] = levels.as_slice() else {
        panic!("{levels:?}")
    };
    let body = tickloom_types::LevelBody::of(level);
    assert_eq!(level.kind(), Some(Kind::Level));
    assert_eq!((body.clear, body.qty, body.price), (1, 0, 0));
}
