//! Rows that follow each other in common forms are read many at a time, and any others one by one. A row that bears when it was sent besides
//! (`ts_out`) is never one of a common form, so that a file and the same file with that time at each row hold the two ways to each other.

use crate::files::{DAY, File, START, header, order, shared_data, trade};
use dbn::decode::{DbnMetadata, DecodeRecordRef, DynReader, dbn::Decoder};
use dbn::{
    BidAskPair, FlagSet, Mbp1Msg, Metadata, OhlcvMsg, UNDEF_ORDER_SIZE, UNDEF_PRICE,
    UNDEF_TIMESTAMP, VersionUpgradePolicy, rtype,
};
use proptest::prelude::*;
use std::ffi::c_char;
use std::path::Path;
use tickloom_formats::{FileRecords, Format, ImportOptions, Input, RefusedMax};
use tickloom_types::{Flags, Kind};

/// Of a number that changes its symbol, of one that is known for a day, and of one that has none.
const MAPPINGS: crate::files::Mappings<'_> = &[
    ("A", &[(0, 1, 7)]),
    ("B", &[(1, 3, 7), (0, 1, 8)]),
    ("C", &[(0, 3, 9)]),
];

/// A file's bytes with these rows.
fn bytes(metadata: &Metadata, rows: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    dbn::encode::dbn::MetadataEncoder::new(&mut bytes)
        .encode(metadata)
        .unwrap();
    rows.iter().for_each(|row| bytes.extend_from_slice(row));
    bytes
}

/// The rows with a time at the end of each.
fn sent(rows: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let sent = |row: &Vec<u8>| {
        let mut row = row.clone();
        row[0] += 2;
        row.extend_from_slice(&START.to_le_bytes());
        row
    };
    rows.iter().map(sent).collect()
}

fn read(name: &str, bytes: Vec<u8>) -> FileRecords {
    let options = ImportOptions {
        format: Some(Format::Dbn),
        refused_max: Some(RefusedMax::Any),
        errors_max: 1_000,
        ..ImportOptions::default()
    };
    Input::bytes(Path::new(name), bytes).read(&options).unwrap()
}

fn assert_alike(one: &FileRecords, other: &FileRecords) {
    let mut pairs = one.records.iter().zip(&other.records);
    let different = pairs.find(|(one, other)| one != other);
    assert_eq!(different, None);
    assert_eq!(one.records.len(), other.records.len());
    assert_eq!(one.instruments.defs(), other.instruments.defs());
    assert_eq!(one.instruments.sources(), other.instruments.sources());
    assert_eq!(one.report, other.report);
}

/// Both ways, and packed, when it is read in pieces.
fn check(metadata: &Metadata, rows: &[Vec<u8>]) -> FileRecords {
    let plain = bytes(metadata, rows);
    let many = read("x.dbn", plain.clone());
    assert_alike(&many, &read("x.dbn", bytes(metadata, &sent(rows))));
    let packed = zstd::encode_all(plain.as_slice(), 1).unwrap();
    assert_alike(&many, &read("x.dbn", packed));
    many
}

fn times() -> impl Strategy<Value = (u64, u64)> {
    let sound = (0..3_u64, 0..5_u64).prop_map(|(day, ns)| (START + day * DAY + 500 + ns, 100));
    let event = prop_oneof![
        50 => Just(100_u64),
        1 => Just(u64::MAX),
    ];
    (sound, event).prop_map(|((recv, before), event)| match event {
        u64::MAX => (recv, u64::MAX),
        _ => (recv, recv - before),
    })
}

fn recv(ts: u64) -> impl Strategy<Value = u64> {
    prop_oneof![30 => Just(ts), 1 => Just(UNDEF_TIMESTAMP), 1 => Just(1 << 63)]
}

fn price() -> impl Strategy<Value = i64> {
    prop_oneof![
        20 => (-40..40_i64).prop_map(|quarters| quarters * 250_000_000),
        2 => -9_000_000_000_i64..9_000_000_000,
        1 => Just(UNDEF_PRICE),
    ]
}

fn size() -> impl Strategy<Value = u32> {
    prop_oneof![30 => 1..9_u32, 1 => Just(0), 1 => Just(UNDEF_ORDER_SIZE)]
}

fn flags() -> impl Strategy<Value = u8> {
    prop_oneof![4 => Just(0_u8), 4 => Just(0x80), 1 => any::<u8>()]
}

fn letter(common: Vec<u8>, rare: Vec<u8>) -> impl Strategy<Value = c_char> {
    let letter = prop_oneof![30 => prop::sample::select(common), 2 => prop::sample::select(rare)];
    letter.prop_map(|letter| letter as c_char)
}

/// A row of any type, most of one instrument, as its bytes.
fn any_row() -> impl Strategy<Value = Vec<u8>> {
    let who = (
        prop_oneof![20 => Just(1_u16), 1 => Just(2)],
        prop_oneof![12 => Just(7_u32), 4 => Just(9), 2 => Just(8), 1 => Just(5)],
    );
    let when = times().prop_flat_map(|(ts, event)| (recv(ts), Just(event)));
    let letters = (
        letter(b"AMCF".to_vec(), b"TRNX".to_vec()),
        letter(b"BAN".to_vec(), b"X".to_vec()),
    );
    let numbers = (price(), price(), size(), size(), flags(), any::<u32>());
    let kind = prop_oneof![12 => Just(0_u8), 4 => Just(1), 4 => Just(2), 1 => Just(3)];
    (who, when, letters, numbers, kind).prop_map(
        |((publisher, id), (ts_recv, ts_event), (action, side), numbers, kind)| {
            let (price, other, size, other_size, flags, sequence) = numbers;
            let flags = FlagSet::new(flags);
            match kind {
                0 => {
                    let mut row = order(id, START + 500, 'A');
                    (row.hd.publisher_id, row.hd.ts_event) = (publisher, ts_event);
                    (row.price, row.size, row.flags) = (price, size, flags);
                    (row.action, row.side, row.ts_recv) = (action, side, ts_recv);
                    (row.order_id, row.sequence) = (u64::from(sequence) << 20, sequence);
                    row.as_ref().to_vec()
                }
                1 => {
                    let mut row = trade(publisher, id, START + 500, 1);
                    row.hd.ts_event = ts_event;
                    (row.price, row.size, row.flags) = (price, size, flags);
                    (row.action, row.side, row.ts_recv) = (action, side, ts_recv);
                    row.sequence = sequence;
                    row.as_ref().to_vec()
                }
                2 => Mbp1Msg {
                    hd: header::<Mbp1Msg>(rtype::MBP_1, publisher, id, ts_event),
                    price: other,
                    size: other_size,
                    action,
                    side,
                    flags,
                    depth: 0,
                    ts_recv,
                    ts_in_delta: 0,
                    sequence,
                    levels: [BidAskPair {
                        bid_px: price,
                        ask_px: other,
                        bid_sz: size,
                        ask_sz: other_size,
                        bid_ct: 1,
                        ask_ct: 1,
                    }],
                }
                .as_ref()
                .to_vec(),
                _ => OhlcvMsg {
                    hd: header::<OhlcvMsg>(rtype::OHLCV_1M, publisher, id, ts_event),
                    open: price,
                    high: price.max(other),
                    low: price.min(other),
                    close: other,
                    volume: u64::from(size),
                }
                .as_ref()
                .to_vec(),
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_are_the_same_many_at_a_time_and_one_by_one(
        rows in prop::collection::vec((any_row(), 1..6_usize), 1..60),
        has_schema in any::<bool>(),
    ) {
        // Each of them several times, as rows of one form follow each other.
        let rows: Vec<Vec<u8>> = rows
            .into_iter()
            .flat_map(|(row, times)| std::iter::repeat_n(row, times))
            .collect();
        let file = File {
            schema: has_schema.then_some(dbn::Schema::Mbo),
            mappings: MAPPINGS,
            ..File::default()
        };
        let all_are_refused = {
            let options = ImportOptions {
                format: Some(Format::Dbn),
                refused_max: Some(RefusedMax::Any),
                ..ImportOptions::default()
            };
            let input = Input::bytes(Path::new("x.dbn"), bytes(&file.metadata(), &rows));
            input.read(&options).is_err()
        };
        if !all_are_refused {
            check(&file.metadata(), &rows);
        }
    }
}

/// Rows of several events are handed on in blocks that end within an event.
#[test]
fn a_day_of_orders_is_the_same_both_ways() {
    let Some(path) = shared_data("dbn/es-mbo/esh4-glbx-mdp3-20231225.mbo.dbn.zst") else {
        return;
    };
    let reader = DynReader::from_file(path).unwrap();
    let mut decoder = Decoder::with_upgrade_policy(reader, VersionUpgradePolicy::AsIs).unwrap();
    let metadata = decoder.metadata().clone();
    let mut rows = Vec::new();
    while let Some(row) = decoder.decode_record_ref().unwrap() {
        rows.push(row.as_ref().to_vec());
    }
    let file = check(&metadata, &rows);
    let updates = file.records.iter();
    let updates = updates.filter(|record| record.kind() == Some(Kind::OrderUpdate));
    assert_eq!(updates.count(), rows.len());
    let is_last = |row: &&Vec<u8>| row[36] & 0x80 != 0;
    let events = rows.iter().filter(is_last).count();
    let ends = file.records.iter().filter(|r| !r.has(Flags::MORE)).count();
    assert_eq!(ends, events);
}

/// An event of more rows than one moment may have ends where it is full, both ways.
#[test]
fn an_event_that_never_ends_is_cut_where_a_moment_is_full() {
    let file = File {
        mappings: &[("A", &[(0, 1, 7)])],
        ..File::default()
    };
    let row = |flags| {
        let mut row = order(7, START + 500, 'A');
        row.flags = FlagSet::new(flags);
        row.as_ref().to_vec()
    };
    let mut rows = vec![row(0); tickloom_catalog::MOMENT_ROWS_MAX + 1_500];
    rows.push(row(0x80));
    let file = check(&file.metadata(), &rows);
    let ends: Vec<usize> = (0..file.records.len())
        .filter(|at| !file.records[*at].has(Flags::MORE))
        .collect();
    let full = tickloom_catalog::MOMENT_ROWS_MAX;
    assert_eq!(ends, [full - 1, full + 1_500]);
}
