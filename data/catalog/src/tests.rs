//! What is written comes back the same, in the same order; a crash half-way changes nothing.

mod blocks;
mod bundles;
mod commits;
mod damage;
mod folded;
mod order;
mod records;
mod upkeep;

use super::*;
use crate::limits::{IDLE_ROWS, OPEN_FILES_MAX};
use proptest::prelude::*;
use records::{any_record, header};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use tickloom_journal::{JournalOptions, JournalWriter, RunMeta, SyncPolicy};
use tickloom_types::{
    BarBody, Flags, Header, InstrumentDef, InstrumentId, Instruments, Kind, Record, Seq, SourceDef,
    SourceId, SourceKind, StatusBody, StatusCode, TradeBody, Ts,
};

fn meta(run: &str) -> RunMeta {
    let mut instruments = Instruments::new();
    for def in [
        InstrumentDef::new("test.WHOLE", 0, 0, "USD"),
        InstrumentDef::new("test/FINE", 9, 9, "USD"),
        InstrumentDef::new("test.BTC-USD", 2, 8, "USD"),
    ] {
        instruments.add(def).unwrap();
    }
    instruments
        .add_source(SourceDef::new("feed", SourceKind::Feed))
        .unwrap();
    instruments.bar_source("1m".parse().unwrap()).unwrap();
    instruments.bar_source("1d".parse().unwrap()).unwrap();
    let mut meta = RunMeta::new(run, Ts(7), instruments).unwrap();
    meta.signals = vec!["fast".to_owned()];
    meta.strategies = vec!["cross".to_owned()];
    meta
}

const INPUTS: &[Kind] = &[
    Kind::Trade,
    Kind::Quote,
    Kind::Level,
    Kind::Bar,
    Kind::Timer,
    Kind::Status,
];
const OUTPUTS: &[Kind] = &[
    Kind::Signal,
    Kind::Order,
    Kind::Verdict,
    Kind::Fill,
    Kind::Position,
    Kind::Account,
    Kind::BarClosed,
    Kind::BookStatus,
    Kind::RiskStatus,
];

fn read(catalog: &Catalog, query: &ScanQuery) -> Vec<(Seq, Record)> {
    let scan = catalog.scan(query).unwrap();
    scan.collect::<Result<_>>().unwrap()
}

fn number(records: &[Record]) -> Vec<(Seq, Record)> {
    (0..).zip(records.iter().copied()).collect()
}

fn trade(instrument: u32, ts: i64, price: i64) -> Record {
    TradeBody {
        price,
        qty: 1,
        side: 1,
        ..TradeBody::default()
    }
    .record(header(Kind::Trade, instrument, 0, ts))
}

fn bar(source: u16, close: &str) -> Record {
    let body = BarBody {
        open: 1,
        high: 2,
        low: 1,
        close: 2,
        volume: 9,
    };
    body.record(header(Kind::Bar, 0, source, Ts::parse(close).unwrap().0))
}

fn write(catalog: &Catalog, meta: &RunMeta, records: &[Record]) -> Written {
    let mut writer = catalog.writer(meta, 0, "test").unwrap();
    for (seq, record) in number(records) {
        writer.push(seq, &record).unwrap();
    }
    writer.finish().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn records_come_back_the_same(
        inputs in proptest::collection::vec(any_record(INPUTS), 1..40),
        outputs in proptest::collection::vec((0_usize..3, any_record(OUTPUTS)), 1..40),
        segment_bytes_max in 1_500_u64..6_000,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let meta = meta("run-1");
        let journal = dir.path().join("journal");
        let options = JournalOptions { segment_bytes_max, sync: SyncPolicy::OnSeal };
        let (mut writer, _) = JournalWriter::open_with(&journal, &meta, options).unwrap();
        let mut cause = 0;
        let last = inputs.len() as u64 - 1;
        let outputs: Vec<(Seq, Record)> = outputs
            .into_iter()
            .map(|(step, record)| {
                cause = last.min(cause + step as u64);
                (cause, record)
            })
            .collect();
        for (at, records) in inputs.chunks(7).enumerate() {
            writer.append_inputs(at as u64 * 7, records).unwrap();
            writer.flush().unwrap();
        }
        writer.append_outputs(&outputs).unwrap();
        writer.close("0").unwrap();

        let catalog = Catalog::create(&dir.path().join("catalog")).unwrap();
        sync_journal(&journal, &catalog).unwrap();
        let scan = catalog.scan(&ScanQuery::default()).unwrap();
        prop_assert_eq!(scan.instruments(), &meta.instruments);
        prop_assert_eq!(scan.rows_max(), inputs.len() as u64);
        let found: Vec<_> = scan.collect::<Result<_>>().unwrap();
        // NaN is not equal to itself: bytes are compared.
        let bytes = |list: &[(Seq, Record)]| -> Vec<_> {
            list.iter().map(|(seq, record)| (*seq, *record.as_bytes())).collect()
        };
        // Bars of equal release are joined on their way out, which has tests of its own.
        let mut expected = inputs.clone();
        crate::mark_bars(&mut expected, &meta.instruments);
        prop_assert_eq!(bytes(&found), bytes(&number(&expected)));
        let tables = Table::ALL.iter().copied().filter(|t| t.is_output()).collect();
        let found = read(&catalog, &ScanQuery { tables, ..ScanQuery::default() });
        prop_assert_eq!(bytes(&found), bytes(&outputs));
    }
}

#[test]
fn syncing_twice_or_after_a_crash_is_the_same_files() {
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("journal");
    let options = JournalOptions {
        segment_bytes_max: 1,
        sync: SyncPolicy::OnSeal,
    };
    let (mut writer, _) = JournalWriter::open_with(&journal, &meta("r"), options).unwrap();
    for seq in 0..3_u64 {
        let n = i64::try_from(seq).unwrap();
        writer.append_inputs(seq, &[trade(2, n, n)]).unwrap();
        writer.flush().unwrap();
    }
    let catalog = Catalog::create(&dir.path().join("catalog")).unwrap();
    let report = sync_journal(&journal, &catalog).unwrap();
    assert_eq!((report.known, report.written), (0, 3));
    assert_eq!(report.rows[&Table::Trades], 3);

    let dir_of = "kind=trades/instrument=test.BTC-USD/date=1970-01-01";
    let path = catalog.root().join(dir_of).join("r-00000002.parquet");
    let bytes = fs::read(&path).unwrap();
    assert_eq!(sync_journal(&journal, &catalog).unwrap().known, 3);
    // As if the power had failed after some of the second segment's files were in place.
    fs::remove_file(catalog.root().join("_runs/r/part-00000002.json")).unwrap();
    fs::write(path.with_file_name(".r-00000002.parquet.tmp"), "half").unwrap();
    assert_eq!(read(&catalog, &ScanQuery::default()).len(), 2);
    let report = sync_journal(&journal, &catalog).unwrap();
    assert_eq!((report.known, report.written), (2, 1));
    assert_eq!(fs::read(&path).unwrap(), bytes);
    let found: Vec<Seq> = read(&catalog, &ScanQuery::default())
        .iter()
        .map(|(seq, _)| *seq)
        .collect();
    assert_eq!(found, [0, 1, 2]);
    assert_eq!(parquet_count(catalog.root()), 3);

    // The last segment follows once nobody writes it.
    writer.append_inputs(3, &[trade(2, 3, 3)]).unwrap();
    writer.close("").unwrap();
    assert_eq!(sync_journal(&journal, &catalog).unwrap().written, 1);
    assert_eq!(read(&catalog, &ScanQuery::default()).len(), 4);
}

fn parquet_count(root: &Path) -> usize {
    let Ok(entries) = fs::read_dir(root) else {
        return usize::from(root.extension().is_some_and(|e| e == "parquet"));
    };
    entries.map(|e| parquet_count(&e.unwrap().path())).sum()
}

#[test]
fn a_part_written_anew_leaves_nothing_of_the_old() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::create(dir.path()).unwrap();
    let day = 86_400_000_000_000;
    write(&catalog, &meta("a"), &[trade(0, 0, 1), trade(0, day, 2)]);
    write(&catalog, &meta("a-00000000"), &[trade(0, day, 3)]);
    assert_eq!(parquet_count(dir.path()), 3);
    let mut writer = catalog.writer(&meta("a"), 0, "other").unwrap();
    writer.push(0, &trade(0, 0, 5)).unwrap();
    assert_eq!(read(&catalog, &ScanQuery::default()).len(), 3);
    writer.finish().unwrap();
    assert_eq!(parquet_count(dir.path()), 2);
    assert!(catalog.has_part("a", 0, "test").unwrap().is_none());
    assert!(catalog.has_part("a", 0, "other").unwrap().is_some());
}

#[test]
fn what_a_crash_left_of_a_part_is_gone_when_it_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::create(dir.path()).unwrap();
    let begun = dir.path().join("_runs/a/begun-00000000");
    let day = 86_400_000_000_000;
    let mut writer = catalog.writer(&meta("a"), 0, "first").unwrap();
    // One day a file, two more than are kept open, after the others waited for long: the first two are complete when the writer is lost.
    let days = i64::try_from(OPEN_FILES_MAX).unwrap() + 2;
    let busy = (0..i64::try_from(IDLE_ROWS).unwrap()).map(|_| days - 3);
    for (seq, n) in (0..).zip((0..days - 2).chain(busy).chain(days - 2..days)) {
        writer.push(seq, &trade(0, n * day, 1)).unwrap();
    }
    drop(writer);
    assert_eq!(parquet_count(dir.path()), 2);
    assert!(begun.exists());
    let mut writer = catalog.writer(&meta("a"), 0, "second").unwrap();
    writer.push(0, &trade(0, day, 1)).unwrap();
    let written = writer.finish().unwrap();
    assert_eq!((written.files.len(), parquet_count(dir.path())), (1, 1));
    assert!(!begun.exists());
}

#[test]
fn a_sealed_segment_is_converted_without_those_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("journal");
    let options = JournalOptions {
        segment_bytes_max: 1,
        sync: SyncPolicy::OnSeal,
    };
    let (mut writer, _) = JournalWriter::open_with(&journal, &meta("r"), options).unwrap();
    let catalog = Catalog::create(&dir.path().join("catalog")).unwrap();
    for seq in 0..3_u32 {
        let n = i64::from(seq);
        writer.append_inputs(seq.into(), &[trade(2, n, n)]).unwrap();
        writer.flush().unwrap();
        let report = sync_sealed(&journal, &catalog, seq + 1..=writer.sealed()).unwrap();
        assert_eq!((report.known, report.written), (0, 1));
        // Whoever opened it again would fail.
        fs::remove_file(journal.join(format!("segment-{:08}.tlj", seq + 1))).unwrap();
    }
    assert_eq!(read(&catalog, &ScanQuery::default()).len(), 3);
}

#[test]
fn long_bars_lie_by_decade_and_a_day_ends_at_its_midnight() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::create(dir.path()).unwrap();
    let bars = [
        bar(2, "2004-08-20"),
        bar(2, "2010-01-01"),
        bar(1, "2010-01-01"),
        bar(2, "2010-01-02"),
    ];
    let written = write(&catalog, &meta("x"), &bars);
    let names: Vec<String> = written
        .files
        .iter()
        .map(|path| path.strip_prefix(dir.path()).unwrap().display().to_string())
        .collect();
    let at = "kind=bars/instrument=test.WHOLE";
    assert_eq!(
        names,
        [
            format!("{at}/date=2000-01-01/x-00000000-1d.parquet"),
            format!("{at}/date=2009-12-01/x-00000000-1m.parquet"),
            format!("{at}/date=2010-01-01/x-00000000-1d.parquet"),
        ]
    );
    let select = |from: &str, to: &str, size: &str| {
        let query = ScanQuery {
            from: Some(Ts::parse(from).unwrap()),
            to: Some(Ts::parse(to).unwrap()),
            bars: vec![size.parse().unwrap()],
            ..ScanQuery::default()
        };
        catalog.scan(&query).map(|scan| scan.count())
    };
    // The bar of a day closes at its end: from a day to the next selects that one bar.
    assert_eq!(select("2009-12-31", "2010-01-01", "1d").unwrap(), 1);
    assert_eq!(select("2004-08-19", "2010-01-02", "1d").unwrap(), 3);
    assert_eq!(
        select("2004-08-21", "2004-08-22", "1m")
            .err()
            .unwrap()
            .to_string(),
        "no data for records of size 1m of any instrument from 2004-08-21T00:00:00Z to 2004-08-22T00:00:00Z; \
         the nearest are bars of size 1d of test.WHOLE from 2004-08-20T00:00:00Z to 2010-01-02T00:00:00Z"
    );
}

#[test]
fn several_runs_are_merged_by_time_and_united() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::create(dir.path()).unwrap();
    write(&catalog, &meta("b"), &[trade(2, 10, 123), trade(0, 30, 7)]);
    let mut instruments = Instruments::new();
    let def = InstrumentDef::new("test.BTC-USD", 3, 0, "USD");
    instruments.add(def).unwrap();
    let source = SourceDef::new("file", SourceKind::File);
    instruments.add_source(source).unwrap();
    let other = RunMeta::new("a", Ts(0), instruments).unwrap();
    write(
        &catalog,
        &other,
        &[trade(0, 10, 1_001), trade(0, 20, 1_002)],
    );

    let scan = catalog.scan(&ScanQuery::default()).unwrap();
    let all = scan.instruments().clone();
    let names: Vec<&str> = all.defs().iter().map(|def| def.name.as_str()).collect();
    assert_eq!(names, ["test.BTC-USD", "test.WHOLE"]);
    let btc = all.get(InstrumentId(0)).unwrap();
    assert_eq!((btc.price_decimals, btc.qty_decimals), (3, 8));
    let found: Vec<_> = scan.map(|next| next.unwrap()).collect();
    let simple: Vec<_> = found
        .iter()
        .map(|(seq, r)| {
            let trade = TradeBody::of(r);
            (*seq, r.header.instrument, trade.price, trade.qty)
        })
        .collect();
    assert_eq!(
        simple,
        [
            (0, 0, 1_001, 100_000_000),
            (1, 0, 1_230, 1),
            (2, 0, 1_002, 100_000_000),
            (3, 1, 7, 1)
        ]
    );
    let of = |record: &Record| all.source(record.source()).unwrap().name.clone();
    assert_eq!(
        (of(&found[0].1), of(&found[1].1)),
        ("file".into(), "feed".into())
    );
    let one = ScanQuery {
        runs: vec!["b".to_owned()],
        instruments: vec!["test.WHOLE".to_owned()],
        ..ScanQuery::default()
    };
    assert_eq!(read(&catalog, &one), [(1, trade(0, 30, 7))]);
}

#[test]
fn what_is_not_well_formed_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::create(dir.path()).unwrap();
    let check = |record: Record, expected: &str| {
        let mut writer = catalog.writer(&meta("x"), 0, "").unwrap();
        let error = writer.push(4, &record).and_then(|()| writer.finish());
        assert_eq!(error.unwrap_err().to_string(), expected);
    };
    let mut record = trade(0, 1, 1);
    record.header.kind = 99;
    check(record, "record 4: kind is 99, expected an input kind");
    let mut record = trade(0, 1, 1);
    record.header.source = 9;
    check(
        record,
        "record 4: source is 9, expected a source of the run",
    );
    record = trade(3, 1, 1);
    check(
        record,
        "record 4: instrument is 3, expected an instrument of the run, or 4294967295 for none",
    );
    record = trade(0, 1, 1);
    record.body[3] = 7;
    check(record, "record 4: side is 7, expected a side");
    record.body[4] = 7;
    check(
        record,
        "record 4: body is not zero where it is reserved, expected zeros",
    );
    let mut writer = catalog.writer(&meta("x"), 0, "").unwrap();
    writer.push(4, &trade(0, 1, 1)).unwrap();
    let error = writer.push(4, &trade(0, 1, 1)).unwrap_err();
    assert_eq!(error.to_string(), "row 4 does not follow: expected above 4");
}

#[test]
fn an_empty_query_names_what_there_is() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(
        Catalog::open(dir.path()),
        Err(CatalogError::Missing { .. })
    ));
    let catalog = Catalog::create(dir.path()).unwrap();
    let error = |query: &ScanQuery| catalog.scan(query).err().unwrap().to_string();
    assert_eq!(
        error(&ScanQuery::default()),
        "no data for records of any instrument; the catalog is empty"
    );
    write(&catalog, &meta("x"), &[trade(0, 1, 1)]);
    let query = ScanQuery {
        instruments: vec!["GOOG".to_owned()],
        ..ScanQuery::default()
    };
    assert_eq!(
        error(&query),
        "no data for records of GOOG; the catalog has test.WHOLE"
    );
    let ranges = catalog.ranges().unwrap();
    assert_eq!((ranges.len(), ranges[0].rows), (1, 1));
    assert_eq!(catalog.instruments().unwrap().len(), 1);
}

#[test]
fn the_page_on_the_catalog_names_every_table_and_column() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/catalog.md");
    let page = fs::read_to_string(page).unwrap();
    for table in Table::ALL {
        assert!(page.contains(&format!("`{table}`")), "{table}");
        let schema = table.stored(SCHEMA_VERSION);
        let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
        let (names, place) = names.split_at(names.len() - 2);
        let (common, own) = names.split_at(7 + usize::from(table.is_output()));
        let common = common.iter().chain(place);
        for name in common {
            assert!(page.contains(&format!("| `{name}` |")), "{table}: {name}");
        }
        assert!(
            page.contains(&format!("`{}`", own.join(" "))),
            "{table}: {own:?}"
        );
    }
}
