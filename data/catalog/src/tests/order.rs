//! The one order over several runs, against a plain model: all records in memory, sorted by the rule.

use super::upkeep::{golden, lines};
use super::*;
use std::ops::ControlFlow;
use tickloom_types::Clock;

/// A record to be: its kind (a bar, or a trade of the feed or the file), instrument, the venue's time, latency, and whether more
/// of its moment follow.
type Plain = (u8, u32, i64, i64, bool);

/// Sources in the order of their names, as those of several runs are numbered.
const BARS: u16 = 0;
const FEED: u16 = 1;
const FILE: u16 = 2;

fn meta_of(run: &str) -> RunMeta {
    let mut instruments = Instruments::new();
    for name in ["A", "B"] {
        let def = InstrumentDef::new(name, 0, 0, "USD");
        instruments.add(def).unwrap();
    }
    instruments.bar_source("1m".parse().unwrap()).unwrap();
    let feed = SourceDef::new("feed", SourceKind::Feed);
    instruments.add_source(feed).unwrap();
    let file = SourceDef::new("file", SourceKind::File).with_feed_latency(3);
    instruments.add_source(file).unwrap();
    RunMeta::new(run, Ts(0), instruments).unwrap()
}

/// The records of a run; the last of them ends its moment.
fn records(plain: &[Plain]) -> Vec<Record> {
    let mut records: Vec<Record> = plain
        .iter()
        .enumerate()
        .map(|(at, (kind, instrument, ts, latency, more))| {
            let (kind, source) = match kind {
                0 => (Kind::Bar, BARS),
                1 => (Kind::Trade, FILE),
                _ => (Kind::Trade, FEED),
            };
            let (id, source) = (InstrumentId(*instrument), SourceId(source));
            let header = Header::new(kind, id, source, Ts(*ts), Ts(ts + latency));
            let header = header.with_flags(if *more { Flags::MORE } else { 0 });
            let number = i64::try_from(at).unwrap();
            match kind {
                Kind::Bar => BarBody {
                    open: number,
                    ..BarBody::default()
                }
                .record(header),
                _ => TradeBody {
                    price: number,
                    qty: 1,
                    ..TradeBody::default()
                }
                .record(header),
            }
        })
        .collect();
    if let Some(last) = records.last_mut() {
        last.header.flags &= !Flags::MORE;
    }
    records
}

/// The rule for one record, written down once more. At import a latency of 3 was declared for the file, none for bars.
fn own_release(record: &Record, declared: Option<i64>) -> i64 {
    let (event, recv) = (record.header.ts_event, record.header.ts_recv);
    match record.header.source {
        FEED => recv,
        FILE => event + declared.unwrap_or(3),
        _ => event + declared.unwrap_or(0),
    }
}

/// What comes out of runs of which some records are wanted, in the order of their names.
fn model(
    runs: &[Vec<Record>],
    wanted: impl Fn(&Record) -> bool,
    declared: Option<i64>,
) -> Vec<Record> {
    let mut moments: Vec<(i64, usize, Vec<Record>)> = Vec::new();
    for (run, records) in runs.iter().enumerate() {
        let mut released = i64::MIN;
        let mut moment = Vec::new();
        for record in records {
            released = released.max(own_release(record, declared));
            moment.push(*record);
            if !record.has(Flags::MORE) {
                moments.push((released, run, std::mem::take(&mut moment)));
            }
        }
    }
    for (_, _, records) in &mut moments {
        records.retain(&wanted);
        let last = records.len().saturating_sub(1);
        for (at, record) in records.iter_mut().enumerate() {
            record.header.flags &= !Flags::MORE;
            record.header.flags |= if at < last { Flags::MORE } else { 0 };
        }
    }
    // A stable sort: within a run moments stay in the order of their sequence.
    moments.sort_by_key(|(released, run, _)| (*released, *run));
    let mut all: Vec<(i64, Record)> = Vec::new();
    for (released, _, records) in moments {
        all.extend(records.into_iter().map(|record| (released, record)));
    }
    let is_bar = |record: &Record| record.kind() == Some(Kind::Bar);
    for at in 1..all.len() {
        let (before, after) = (all[at - 1], all[at]);
        if before.0 == after.0 && is_bar(&before.1) && is_bar(&after.1) {
            all[at - 1].1.header.flags |= Flags::MORE;
        }
    }
    all.into_iter().map(|(_, record)| record).collect()
}

/// Writes runs into a catalog, each in two parts that no moment is cut between.
fn written(root: &Path, runs: &[Vec<Record>]) -> Catalog {
    let catalog = Catalog::create(root).unwrap();
    for (at, records) in runs.iter().enumerate() {
        let meta = meta_of(&format!("run-{at}"));
        let half = records.len() / 2;
        let ends = |at: &usize| *at == 0 || !records[at - 1].has(Flags::MORE);
        let cut = (0..=half).rev().find(ends).unwrap_or(0);
        let mut seq = 100;
        for (part, records) in [(1, &records[..cut]), (2, &records[cut..])] {
            let mut writer = catalog.writer(&meta, part, "test").unwrap();
            for record in records {
                writer.push(seq, record).unwrap();
                seq += 1;
            }
            writer.finish().unwrap();
        }
    }
    catalog
}

/// What a scan gives, with the identifiers of the runs; of several runs only instruments with data have one.
fn read(catalog: &Catalog, query: &ScanQuery) -> Vec<Record> {
    match catalog.scan(query) {
        Ok(scan) => {
            let instruments = scan.instruments().clone();
            let is_b = |record: &Record| instruments.get(record.instrument()).unwrap().name == "B";
            let read = scan.map(|next| next.unwrap().1);
            let named = read.map(|mut record| {
                record.header.instrument = u32::from(is_b(&record));
                record
            });
            named.collect()
        }
        Err(CatalogError::Empty { .. }) => Vec::new(),
        Err(error) => panic!("{error}"),
    }
}

fn plain_runs() -> impl Strategy<Value = Vec<Vec<Record>>> {
    let record = (
        0_u8..3,
        0_u32..2,
        0_i64..30,
        -4_i64..5,
        proptest::bool::weighted(0.3),
    );
    let run = proptest::collection::vec(record, 1..25);
    let runs = proptest::collection::vec(run, 1..4);
    runs.prop_map(|runs| runs.iter().map(|plain| records(plain)).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_read_is_what_a_plain_sort_gives(
        runs in plain_runs(),
        from in 0_i64..30,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let catalog = written(dir.path(), &runs);
        let all = ScanQuery::default();
        prop_assert_eq!(read(&catalog, &all), model(&runs, |_| true, None));
        let of_a = ScanQuery { instruments: vec!["A".to_owned()], ..ScanQuery::default() };
        let is_a = |record: &Record| record.header.instrument == 0;
        prop_assert_eq!(read(&catalog, &of_a), model(&runs, is_a, None));
        let trades = ScanQuery { tables: vec![Table::Trades], ..ScanQuery::default() };
        let is_trade = |record: &Record| record.kind() == Some(Kind::Trade);
        prop_assert_eq!(read(&catalog, &trades), model(&runs, is_trade, None));
        let since = ScanQuery { from: Some(Ts(from)), ..ScanQuery::default() };
        let is_since = |record: &Record| match record.kind() {
            Some(Kind::Bar) => record.header.ts_event > from,
            _ => record.header.ts_event >= from,
        };
        prop_assert_eq!(read(&catalog, &since), model(&runs, is_since, None));
        prop_assert_eq!(&catalog.verify(&mut |_| ControlFlow::Continue(())).unwrap().faults, &[]);

        catalog.compact(
            &CompactOptions { rows_max: 1_000, ..CompactOptions::default() },
            &mut |_| ControlFlow::Continue(()),
        ).unwrap();
        prop_assert_eq!(read(&catalog, &all), model(&runs, |_| true, None));
        prop_assert_eq!(read(&catalog, &of_a), model(&runs, is_a, None));
        prop_assert_eq!(&catalog.verify(&mut |_| ControlFlow::Continue(())).unwrap().faults, &[]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Each run of one source, as imports are.
    #[test]
    fn a_latency_that_is_declared_later_counts_instead_of_the_one_at_import(
        runs in plain_runs(),
        latency in 0_i64..9,
    ) {
        let mut runs = runs;
        for records in &mut runs {
            let (kind, source) = (records[0].header.kind, records[0].header.source);
            for record in records {
                (record.header.kind, record.header.source) = (kind, source);
                record.body = [1, 1, 0, 0, 0];
            }
        }
        let dir = tempfile::tempdir().unwrap();
        let catalog = written(dir.path(), &runs);
        let late = ScanQuery { feed_latency: Some(latency), ..ScanQuery::default() };
        prop_assert_eq!(read(&catalog, &late), model(&runs, |_| true, Some(latency)));
        let of_a = ScanQuery { instruments: vec!["A".to_owned()], ..late };
        let is_a = |record: &Record| record.header.instrument == 0;
        prop_assert_eq!(read(&catalog, &of_a), model(&runs, is_a, Some(latency)));
    }
}

#[test]
fn a_declared_latency_moves_a_file_behind_a_feed() {
    let feed = records(&[(2, 0, 100, 5, false), (2, 0, 200, 5, false)]);
    let file = records(&[(1, 1, 101, 0, false), (1, 1, 201, 0, false)]);
    let dir = tempfile::tempdir().unwrap();
    let catalog = written(dir.path(), &[feed, file]);
    let times = |latency: Option<i64>| {
        let query = ScanQuery {
            feed_latency: latency,
            ..ScanQuery::default()
        };
        let read = read(&catalog, &query);
        read.iter().map(|r| r.header.ts_event).collect::<Vec<_>>()
    };
    // At import 3 were declared: 104 comes before 105.
    assert_eq!(times(None), [101, 100, 201, 200]);
    assert_eq!(times(Some(0)), [101, 100, 201, 200]);
    assert_eq!(times(Some(4)), [100, 101, 200, 201]);
    assert_eq!(times(Some(100)), [100, 101, 200, 201]);
    assert_eq!(times(Some(200)), [100, 200, 101, 201]);
}

#[test]
fn sources_are_numbered_by_name_and_may_have_other_clocks_in_other_runs() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::create(dir.path()).unwrap();
    for (run, sources) in [("a", ["zeta", "bars"]), ("b", ["alpha", "bars"])] {
        let mut instruments = Instruments::new();
        let def = InstrumentDef::new(run, 0, 0, "USD");
        instruments.add(def).unwrap();
        let clock = if run == "a" {
            Clock::Recv
        } else {
            Clock::Venue
        };
        for name in sources {
            let source = SourceDef::new(name, SourceKind::File).with_clock(clock);
            instruments.add_source(source).unwrap();
        }
        let meta = RunMeta::new(run, Ts(0), instruments).unwrap();
        let mut writer = catalog.writer(&meta, 0, "test").unwrap();
        // Released at 9 by its arrival, or at 5 by the venue's time.
        let header = Header::new(Kind::Trade, InstrumentId(0), SourceId(1), Ts(5), Ts(9));
        let trade = TradeBody::default().record(header);
        writer.push(0, &trade).unwrap();
        writer.finish().unwrap();
    }
    let scan = catalog.scan(&ScanQuery::default()).unwrap();
    let names: Vec<&str> = scan
        .instruments()
        .sources()
        .iter()
        .map(|source| source.name.as_str())
        .collect();
    assert_eq!(names, ["alpha", "bars", "zeta"]);
    let found: Vec<(u32, u16)> = scan
        .map(|next| next.unwrap().1.header)
        .map(|header| (header.instrument, header.source))
        .collect();
    assert_eq!(found, [(1, 1), (0, 1)]);
}

/// The records of the golden catalog of this version: a moment, a record that others hold back, a moment that was cut, bars.
fn golden_records() -> Vec<Record> {
    let mut records = records(&[
        (2, 0, 1_723_161_255_000_000_100, 4, true),
        (2, 1, 1_723_161_255_000_000_101, 9, false),
        (2, 0, 1_723_161_255_000_000_102, 1, false),
        (0, 0, 1_723_161_300_000_000_000, 0, false),
        (0, 1, 1_723_161_300_000_000_000, 0, false),
        (1, 1, 1_723_161_300_000_000_001, 0, true),
        (2, 1, 1_723_161_300_000_000_009, 0, false),
    ]);
    records[5].header.flags |= Flags::MORE;
    let header = Header::new(
        Kind::Status,
        InstrumentId::NONE,
        SourceId(FEED),
        Ts(0),
        Ts(1_723_161_301_000_000_000),
    );
    let body = StatusBody {
        code: StatusCode::Started as u16,
        ..StatusBody::default()
    };
    records.insert(6, body.record(header));
    records
}

fn write_golden(root: &Path) {
    let catalog = Catalog::create(root).unwrap();
    let mut writer = catalog.writer(&meta_of("golden"), 1, "golden").unwrap();
    for (seq, record) in (40..).zip(golden_records()) {
        writer.push(seq, &record).unwrap();
    }
    writer.finish().unwrap();
}

/// Held and more of each row, by sequence.
fn places(catalog: &Catalog) -> Vec<(Seq, u64, i32)> {
    let mut places = Vec::new();
    for meta in catalog.runs().unwrap() {
        let index = index::read_index(catalog.store(), &meta.run).unwrap();
        for file in index.files() {
            let mut rows = follow::open_rows(catalog, &meta, file).unwrap();
            while rows.fill().unwrap() {
                let placed = rows.rows.take().placed;
                places.push((placed.key.seq, placed.held, placed.more));
            }
        }
    }
    places.sort_unstable();
    places
}

/// Sequence, held and more of each of the golden records.
const PLACES: [(Seq, u64, i32); 8] = [
    (40, 6, 1),
    (41, 0, 0),
    (42, 7, 0),
    (43, 0, 0),
    (44, 0, 0),
    (45, 0, -1),
    (46, 0, 0),
    (47, 999_999_991, 0),
];

#[test]
fn a_catalog_of_version_3_reads_as_it_is_and_after_its_migration() {
    let (dir, expected) = golden(3);
    let catalog = Catalog::open(dir.path()).unwrap();
    for _ in 0..2 {
        assert_eq!(lines(&catalog), expected);
        assert_eq!(places(&catalog), PLACES);
        catalog
            .migrate(false, &mut |_| ControlFlow::Continue(()))
            .unwrap();
    }
    for version in 4..=6 {
        let (other, _) = golden(version);
        let other = Catalog::open(other.path()).unwrap();
        assert_eq!(lines(&other), expected);
    }
}

/// `UPDATE_GOLDEN=1` writes the golden catalog anew.
#[test]
fn the_golden_catalog_of_version_6_reads_and_is_written_the_same() {
    let at = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v6");
    let fresh = tempfile::tempdir().unwrap();
    write_golden(fresh.path());
    let now = Catalog::open(fresh.path()).unwrap();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(&at).unwrap();
        write_golden(&at.join("catalog"));
        fs::remove_file(at.join("catalog/_runs/golden/lock")).unwrap();
        fs::write(at.join("records.txt"), lines(&now).join("\n") + "\n").unwrap();
    }
    let (dir, expected) = golden(6);
    let catalog = Catalog::open(dir.path()).unwrap();
    assert_eq!(lines(&catalog), expected);
    assert_eq!(lines(&now), expected);
    assert_eq!(places(&catalog), PLACES);
    let read: Vec<(Seq, bool)> = catalog
        .scan(&ScanQuery::default())
        .unwrap()
        .map(|next| {
            next.map(|(seq, record)| (seq, record.has(Flags::MORE)))
                .unwrap()
        })
        .collect();
    let marks = [true, false, false, true, false, true, false, false];
    assert_eq!(read, (40..).zip(marks).collect::<Vec<_>>());
    let report = catalog.verify(&mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!((report.faults, report.rows), (Vec::new(), 8));
}

#[test]
fn a_row_that_is_released_before_the_one_before_it_is_a_fault() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::create(dir.path()).unwrap();
    let meta = meta_of("r");
    let rows = records(&[(2, 0, 10, 0, false), (2, 0, 5, 0, false)]);
    let mut writer = catalog.writer(&meta, 1, "test").unwrap();
    for (seq, record) in (0..).zip(&rows) {
        writer.push(seq, record).unwrap();
    }
    writer.finish().unwrap();
    let verify = || catalog.verify(&mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(verify().faults, []);
    // The same file as somebody else would write it, who does not know that the second is held back by the first.
    let store = catalog.store();
    let (mut part, version) = part::Part::read_version(store, "r", 1).unwrap().unwrap();
    let partition = partition::Partition::of(Table::Trades, &rows[0], &meta);
    let name = part.files[0].path.file_name().unwrap().to_str().unwrap();
    let mut file = file::FileWriter::create(store, &partition, &meta, name).unwrap();
    for (seq, record) in (0..).zip(&rows) {
        let placed = crate::order::Placed::unplaced(Key { seq, output: 0 }, *record);
        file.push(&placed, &meta).unwrap();
    }
    part.files[0] = file.finish(store, &meta).unwrap();
    assert!(part.write(store, "r", 1, Some(&version)).unwrap());
    let faults = verify().faults;
    assert_eq!(faults.len(), 1);
    assert_eq!(faults[0].expected, "releases that go up, moments that end");
    assert!(
        faults[0]
            .found
            .starts_with("sequence 1 released 1970-01-01T00:00:00.000000005Z"),
        "{}",
        faults[0]
    );
}
