//! Blocks are the records one by one, and what is decoded without the library is what the library decodes.

use super::*;
use crate::chunks::Chunks;
use crate::file_meta::FileMeta;
use crate::key::Key;
use crate::pages::{Layouts, read_footer};
use crate::{FileRange, InTurn, RecordBlocks};
use tickloom_types::{LevelBody, QuoteBody};

const BARS: u16 = 0;
const FILE: u16 = 1;
const FEED: u16 = 2;

/// Records that follow each other: kind, instrument (0 takes turns), how many, nanoseconds between two, and whether a moment of the feed
/// has two of them.
type Stretch = (u8, u32, usize, i64, bool);

fn stretches() -> impl Strategy<Value = Vec<Stretch>> {
    let count = prop_oneof![1_usize..8, 20_usize..60, 100_usize..700];
    let stretch = (0_u8..5, 0_u32..4, count, 0_i64..3, any::<bool>());
    proptest::collection::vec(stretch, 1..12)
}

fn meta_of(run: &str) -> RunMeta {
    let mut instruments = Instruments::new();
    for name in ["A", "B", "C"] {
        let def = InstrumentDef::new(name, 2, 3, "USD");
        instruments.add(def).unwrap();
    }
    instruments.bar_source("1m".parse().unwrap()).unwrap();
    let file = SourceDef::new("file", SourceKind::File).with_feed_latency(3);
    instruments.add_source(file).unwrap();
    let feed = SourceDef::new("feed", SourceKind::Feed);
    instruments.add_source(feed).unwrap();
    RunMeta::new(run, Ts(0), instruments).unwrap()
}

fn records(stretches: &[Stretch]) -> Vec<Record> {
    let (mut ts, mut records) = (1_000_i64, Vec::new());
    for (kind, instrument, count, step, has_pairs) in stretches {
        for at in 0..*count {
            let place = u32::try_from(at % 3).unwrap();
            let id = InstrumentId(instrument.checked_sub(1).unwrap_or(place));
            ts += step;
            let number = i64::try_from(records.len()).unwrap();
            let header =
                |kind, source, late| Header::new(kind, id, SourceId(source), Ts(ts), Ts(ts + late));
            records.push(match kind {
                0 => BarBody {
                    open: number,
                    high: number * 7_919 % 100_003,
                    low: -number,
                    close: number % 50,
                    volume: number * number,
                }
                .record(header(Kind::Bar, BARS, 0)),
                1 => TradeBody {
                    price: number,
                    qty: 5,
                    trade_id: number.unsigned_abs(),
                    side: u8::try_from(at % 3).unwrap(),
                    ..TradeBody::default()
                }
                .record(header(Kind::Trade, FILE, 0)),
                2 => QuoteBody {
                    bid: number,
                    ask: number + 1,
                    bid_qty: number % 9,
                    ..QuoteBody::default()
                }
                .record(header(Kind::Quote, FEED, 7)),
                3 => StatusBody {
                    code: StatusCode::ALL[at % StatusCode::ALL.len()] as u16,
                    count: 1,
                    ..StatusBody::default()
                }
                .record(header(Kind::Status, FEED, 1)),
                _ => LevelBody {
                    price: number,
                    qty: 1,
                    side: 1 + u8::from(at % 2 == 0),
                    clear: u8::from(at == 0),
                    ..LevelBody::default()
                }
                .record(header(Kind::Level, FEED, number % 4).with_flags(
                    if *has_pairs && at % 2 == 0 {
                        Flags::MORE
                    } else {
                        0
                    },
                )),
            });
        }
    }
    if let Some(last) = records.last_mut() {
        last.header.flags &= !Flags::MORE;
    }
    records
}

fn written(root: &Path, runs: &[Vec<Record>]) -> Catalog {
    let catalog = Catalog::create(root).unwrap();
    for (number, records) in runs.iter().enumerate() {
        let meta = meta_of(&format!("run-{number}"));
        let mut writer = catalog.writer(&meta, 0, "test").unwrap();
        for (seq, record) in (0..).zip(records) {
            writer.push(seq, record).unwrap();
        }
        writer.finish().unwrap();
    }
    catalog
}

type Rows = Vec<(Seq, Record)>;

fn one_by_one(catalog: &Catalog, query: &ScanQuery) -> Option<Rows> {
    let scan = catalog.scan(query).ok()?;
    Some(scan.collect::<Result<_, _>>().unwrap())
}

fn in_blocks(catalog: &Catalog, query: &ScanQuery) -> Option<Rows> {
    let mut scan = catalog.scan(query).ok()?;
    let mut rows = Vec::new();
    while let Some(block) = scan.next_block().unwrap() {
        assert!(!block.records.is_empty() && block.seqs.len() == block.records.len());
        rows.extend(
            block
                .seqs
                .iter()
                .copied()
                .zip(block.records.iter().copied()),
        );
    }
    Some(rows)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn blocks_are_the_records_one_by_one(
        runs in proptest::collection::vec(stretches(), 1..3),
        range in (0_usize..120, 0_usize..120),
        instruments in 0_usize..3,
        is_short in any::<bool>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let runs: Vec<Vec<Record>> = runs.iter().map(|run| records(run)).collect();
        let catalog = written(folder.path(), &runs);
        let last = runs.iter().flatten().map(|record| record.header.ts_event).max().unwrap();
        let at = |percent: usize| Ts(1_000 + (last - 1_000) * i64::try_from(percent).unwrap() / 100);
        let query = ScanQuery {
            instruments: ["A".to_owned(), "B".to_owned()][..instruments].to_vec(),
            from: Some(at(range.0)).filter(|_| range.0 < 100),
            to: Some(at(range.1)).filter(|_| range.1 < 100),
            memory_max: is_short.then_some(24 << 20),
            ..ScanQuery::default()
        };
        let expected = one_by_one(&catalog, &query);
        prop_assert_eq!(&in_blocks(&catalog, &query), &expected);
        // A cache is filled by the library.
        let cached = Catalog::open(folder.path()).unwrap().with_cache(64 << 20);
        let plain = ScanQuery { memory_max: None, ..query.clone() };
        prop_assert_eq!(&one_by_one(&cached, &plain), &expected);
        if let Ok(scan) = catalog.scan(&query) {
            let in_turn: Rows = InTurn::new(scan).collect::<Result<_, _>>().unwrap();
            prop_assert_eq!(Some(in_turn), expected.clone());
        }
        if runs.len() == 1 && range.0 >= 100 && range.1 >= 100 && instruments == 0 {
            let rows = expected.unwrap();
            prop_assert_eq!(rows.len(), runs[0].len());
            for ((seq, row), (expected, record)) in rows.iter().zip((0..).zip(&runs[0])) {
                let flags = |record: &Record| record.header.flags & !Flags::MORE;
                prop_assert_eq!(*seq, expected);
                prop_assert_eq!(row.body, record.body);
                prop_assert_eq!(flags(row), flags(record));
            }
        }
    }
}

/// Several row groups, pages and dictionaries that are given up for values as they are.
#[test]
fn large_files_are_decoded_as_the_library_does() {
    let folder = tempfile::tempdir().unwrap();
    let count: i64 = 300_000;
    let mut all = Vec::new();
    for number in 0..count {
        let header = Header::new(
            Kind::Trade,
            InstrumentId(0),
            SourceId(FILE),
            Ts(1_000 + number * number % 7 + number * 10),
            Ts(1_000 + number * 10),
        );
        let body = TradeBody {
            price: number * 7_919 % 1_000_003 - 500_000,
            qty: if number < 200_000 {
                number % 100
            } else {
                number
            },
            trade_id: (u64::MAX / 3).wrapping_mul(number.unsigned_abs()) % 1_000_000_007,
            side: u8::try_from(number / 50_000 % 3).unwrap(),
            ..TradeBody::default()
        };
        all.push(body.record(header));
    }
    let catalog = written(folder.path(), &[all.clone()]);
    let cached = Catalog::open(folder.path()).unwrap().with_cache(64 << 20);
    for (from, to) in [
        (None, None),
        (Some(1_234_567), Some(2_345_678)),
        (Some(2_900_000), None),
    ] {
        let query = ScanQuery {
            from: from.map(Ts),
            to: to.map(Ts),
            ..ScanQuery::default()
        };
        let expected = one_by_one(&cached, &query).unwrap();
        let found = in_blocks(&catalog, &query).unwrap();
        assert_eq!(found.len(), expected.len());
        assert!(found == expected, "from {from:?} to {to:?}");
        if from.is_none() {
            assert!(
                found
                    .iter()
                    .zip(&all)
                    .all(|(found, record)| found.1 == *record)
            );
        }
    }
}

/// What a file says of itself is the same whether the library reads its columns or they are known from a file before.
#[test]
fn columns_that_were_seen_are_not_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let bars: Stretch = (0, 0, 90, 1, false);
    let trades: Stretch = (1, 0, 30, 1, false);
    let catalog = written(folder.path(), &[records(&[bars, trades])]);
    let held = |file: &FileRange| {
        let bytes = fs::read(folder.path().join(&file.path)).unwrap();
        Chunks::Held(bytes.into())
    };
    let footer = |layouts: &Layouts, table: Table, file: &FileRange| {
        let about = FileMeta {
            schema: file.schema,
            table,
            run: file.run.clone(),
            instrument: None,
            bar: file.bar,
            rows: file.rows,
            first: Key::MIN,
            last: Key::MAX,
            ts_min: file.from,
            ts_max: file.to,
            released: None,
        };
        let layout = layouts.get(table, file.schema).unwrap();
        let footer = read_footer(&held(file), &about, &layout, &(i64::MIN..=i64::MAX));
        (footer.unwrap(), layout.has_seen())
    };
    let seen = Layouts::default();
    let of_bars = catalog.files(Table::Bars).unwrap();
    let of_trades = catalog.files(Table::Trades).unwrap();
    assert_eq!((of_bars.len(), of_trades.len()), (3, 3));
    for file in &of_bars {
        let (expected, _) = footer(&Layouts::default(), Table::Bars, file);
        let (found, has_seen) = footer(&seen, Table::Bars, file);
        assert!(has_seen && expected.is_some());
        assert_eq!(found, expected);
    }
    // Columns of another table are none of these, before and after.
    for layouts in [&Layouts::default(), &seen] {
        assert_eq!(footer(layouts, Table::Bars, &of_trades[0]).0, None);
    }
}
