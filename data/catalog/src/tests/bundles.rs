//! Imports that a compaction writes together: the same records after as before, whoever changes one or dies meanwhile.

use super::upkeep::{assert_clean, compact, verify};
use super::*;
use crate::limits::BATCH_ROWS;
use std::cell::Cell;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use tickloom_types::BookEnd;

/// A record to be: whether it is a bar, its instrument, time, and whether more of its moment follow.
type Plain = (bool, u32, i64, bool);

/// Sources in the order of their names.
const BARS: u16 = 0;
const FILE: u16 = 1;

fn meta_of(run: &str, started: i64) -> RunMeta {
    let mut instruments = Instruments::new();
    for name in ["A", "B", "C"] {
        let def = InstrumentDef::new(name, 0, 0, "USD");
        instruments.add(def).unwrap();
    }
    instruments.bar_source("1m".parse().unwrap()).unwrap();
    let file = SourceDef::new("file", SourceKind::File);
    instruments.add_source(file).unwrap();
    RunMeta::new(run, Ts(started), instruments).unwrap()
}

fn record(at: usize, (is_bar, instrument, ts, more): Plain) -> Record {
    let (kind, source) = if is_bar {
        (Kind::Bar, BARS)
    } else {
        (Kind::Trade, FILE)
    };
    let header = Header::new(
        kind,
        InstrumentId(instrument),
        SourceId(source),
        Ts(ts),
        Ts(ts),
    );
    let header = header.with_flags(if more { Flags::MORE } else { 0 });
    let number = i64::try_from(at).unwrap();
    match is_bar {
        true => BarBody {
            open: number,
            ..BarBody::default()
        }
        .record(header),
        false => TradeBody {
            price: number,
            qty: 1,
            ..TradeBody::default()
        }
        .record(header),
    }
}

fn write(catalog: &Catalog, meta: &RunMeta, source: &str, plain: &[Plain]) -> Result<Written> {
    let mut writer = catalog.writer(meta, 0, source)?;
    let mut records: Vec<Record> = plain
        .iter()
        .enumerate()
        .map(|(at, one)| record(at, *one))
        .collect();
    if let Some(last) = records.last_mut() {
        last.header.flags &= !Flags::MORE;
    }
    for (seq, record) in (0..).zip(&records) {
        writer.push(seq, record)?;
    }
    writer.finish()
}

/// What a scan gives, with instruments by name.
fn read(catalog: &Catalog, query: &ScanQuery) -> Vec<(String, Record)> {
    let scan = match catalog.scan(query) {
        Ok(scan) => scan,
        Err(CatalogError::Empty { .. }) => return Vec::new(),
        Err(error) => panic!("{error}"),
    };
    let instruments = scan.instruments().clone();
    scan.map(|next| {
        let mut record = next.unwrap().1;
        let def = instruments.get(record.instrument()).unwrap();
        record.header.instrument = 0;
        (def.name.clone(), record)
    })
    .collect()
}

/// Names as those of contents are: in no order.
fn import(at: usize) -> String {
    let number = (at as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    format!("{IMPORT_RUN}{number:032x}")
}

fn queries() -> Vec<ScanQuery> {
    let all = ScanQuery::default;
    vec![
        all(),
        ScanQuery {
            tables: vec![Table::Trades],
            ..all()
        },
        ScanQuery {
            instruments: vec!["B".to_owned()],
            ..all()
        },
        ScanQuery {
            from: Some(Ts(15)),
            ..all()
        },
        ScanQuery {
            feed_latency: Some(4),
            ..all()
        },
    ]
}

fn read_all(catalog: &Catalog) -> Vec<Vec<(String, Record)>> {
    queries().iter().map(|query| read(catalog, query)).collect()
}

/// Runs of some records each, with when they began.
fn plain_runs() -> impl Strategy<Value = Vec<(i64, Vec<Plain>)>> {
    let record = (
        any::<bool>(),
        0_u32..3,
        0_i64..30,
        proptest::bool::weighted(0.3),
    );
    let run = (0_i64..4, proptest::collection::vec(record, 1..12));
    proptest::collection::vec(run, 2..9)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn imports_are_read_alike_before_and_after_they_are_one_run(
        runs in plain_runs(),
        live in proptest::option::of(0_usize..8),
        later in plain_runs(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let catalog = Catalog::create(dir.path()).unwrap();
        let mut names = Vec::new();
        for (at, (started, plain)) in runs.iter().enumerate() {
            // One that is no import stays, in its place.
            let name = if live == Some(at) { "live".to_owned() } else { import(at) };
            write(&catalog, &meta_of(&name, *started), "test", plain).unwrap();
            names.push(name);
        }
        let before = read_all(&catalog);
        let report = compact(&catalog);
        prop_assert_eq!(read_all(&catalog), before);
        assert_clean(&catalog);
        let members: usize = report.bundles.iter().map(|one| one.members.len()).sum();
        let left = catalog.runs().unwrap().len();
        prop_assert_eq!(left, runs.len() - members + report.bundles.len());
        if live.is_none_or(|live| live >= runs.len()) {
            prop_assert_eq!(left, 1);
        }
        prop_assert_eq!(compact(&catalog).bundles, vec![]);
        for (name, (_, plain)) in names.iter().zip(&runs) {
            let known = catalog.has_part(name, 0, "test").unwrap();
            let rows: u64 = known.unwrap().rows.values().sum();
            prop_assert_eq!(rows, plain.len() as u64);
            prop_assert!(catalog.has_part(name, 0, "other").unwrap().is_none());
        }

        // What is imported later, and began later, joins them.
        for (at, (_, plain)) in later.iter().enumerate() {
            let started = 10 + i64::try_from(at).unwrap();
            write(&catalog, &meta_of(&import(100 + at), started), "test", plain).unwrap();
        }
        let before = read_all(&catalog);
        compact(&catalog);
        prop_assert_eq!(read_all(&catalog), before);
        assert_clean(&catalog);
        if live.is_none_or(|live| live >= runs.len()) {
            let listing = catalog.list(&Selection::default()).unwrap();
            prop_assert_eq!(listing.runs.len(), 1);
            prop_assert_eq!(listing.runs[0].bundled.len(), runs.len() + later.len());
        }
        for (name, _) in names.iter().zip(&runs).filter(|(name, _)| *name != "live") {
            prop_assert!(catalog.holds_part(name, 0).unwrap());
        }
    }
}

/// Three imports of a few rows each.
fn three(dir: &Path) -> Catalog {
    let catalog = Catalog::create(dir).unwrap();
    for at in 0..3 {
        let plain: Vec<Plain> = (0..7)
            .map(|n| (n % 2 == 0, n % 3, i64::from(n * 3 % 20), false))
            .collect();
        let meta = meta_of(&import(at), i64::try_from(at).unwrap());
        write(&catalog, &meta, "test", &plain).unwrap();
    }
    catalog
}

#[test]
fn a_compaction_that_dies_at_any_change_loses_and_doubles_nothing() {
    for changes in 0.. {
        let dir = tempfile::tempdir().unwrap();
        let expected = read_all(&three(dir.path()));
        let dying = Store::at(dir.path()).unwrap().dying_after(changes);
        let done = Catalog::open_in(dying)
            .unwrap()
            .compact(&CompactOptions::default(), &mut |_| {
                ControlFlow::Continue(())
            });
        let catalog = Catalog::open(dir.path()).unwrap();
        assert_eq!(read_all(&catalog), expected, "after {changes} changes");
        assert_eq!(verify(&catalog).faults, [], "after {changes} changes");
        // Whether or not it counts by now, each import is known, and none is written a second time.
        for at in 0..3 {
            assert!(catalog.has_part(&import(at), 0, "test").unwrap().is_some());
        }
        compact(&catalog);
        assert_eq!(read_all(&catalog), expected, "after {changes} changes");
        assert_eq!(assert_clean(&catalog).runs, 1, "after {changes} changes");
        if done.is_ok() {
            assert!(changes > 30, "it has to die many times before");
            return;
        }
    }
}

#[test]
fn an_import_that_is_in_a_bundle_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = three(dir.path());
    let report = compact(&catalog);
    let [bundle] = &report.bundles[..] else {
        panic!("one bundle");
    };
    assert_eq!((bundle.members.len(), bundle.rows), (3, 21));
    let refused = |found: Result<()>| match found {
        Err(CatalogError::Bundled { run, bundle: found }) => {
            assert_eq!((run, &found), (import(1), &bundle.run));
        }
        other => panic!("{other:?}"),
    };
    let meta = meta_of(&import(1), 1);
    refused(catalog.writer(&meta, 0, "other").map(|_| ()));
    // Another process knows it as well.
    let other = Catalog::open(dir.path()).unwrap();
    refused(other.writer(&meta, 0, "other").map(|_| ()));
    let query = ScanQuery {
        runs: vec![import(1)],
        ..ScanQuery::default()
    };
    refused(other.scan(&query).map(|_| ()));
    assert_eq!(assert_clean(&catalog).rows, 21);
}

/// What a writer does while the rows of the bundle are written counts.
#[test]
fn an_import_that_is_replaced_meanwhile_is_not_bundled_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::create(dir.path()).unwrap();
    let rows = i64::try_from(BATCH_ROWS).unwrap();
    let many =
        |first: i64| -> Vec<Plain> { (0..rows).map(|n| (false, 0, first + n, false)).collect() };
    for at in 0..2 {
        write(&catalog, &meta_of(&import(at), 0), "test", &many(0)).unwrap();
    }
    let replaced = Cell::new(false);
    let report = catalog
        .compact(&CompactOptions::default(), &mut |_| {
            if !replaced.replace(true) {
                let other = Catalog::open(dir.path()).unwrap();
                write(
                    &other,
                    &meta_of(&import(1), 0),
                    "again",
                    &[(false, 1, 5, false)],
                )
                .unwrap();
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(report.bundles, []);
    let found = read(&catalog, &ScanQuery::default());
    assert_eq!(found.len(), BATCH_ROWS + 1);
    assert_eq!(found.iter().filter(|(name, _)| name == "B").count(), 1);
    assert_clean(&catalog);
    assert_eq!(compact(&catalog).bundles.len(), 1);
    assert_eq!(read(&catalog, &ScanQuery::default()), found);
}

#[test]
fn one_that_is_replaced_between_the_seal_and_the_decision_gives_the_bundle_up() {
    let dir = tempfile::tempdir().unwrap();
    let expected = read_all(&three(dir.path()));
    // The last change before the decision was made is that of the last member's checkpoint.
    let sealed = |catalog: &Catalog| {
        let checkpoint = |at| crate::index::read_checkpoint(catalog.store(), &import(at)).unwrap();
        (0..3).all(|at| checkpoint(at).is_some_and(|(one, _)| one.bundle.is_some()))
    };
    for changes in 0.. {
        let dir = tempfile::tempdir().unwrap();
        three(dir.path());
        let dying = Store::at(dir.path()).unwrap().dying_after(changes);
        Catalog::open_in(dying)
            .unwrap()
            .compact(&CompactOptions::default(), &mut |_| {
                ControlFlow::Continue(())
            })
            .unwrap_err();
        let catalog = Catalog::open(dir.path()).unwrap();
        if !sealed(&catalog) {
            continue;
        }
        write(
            &catalog,
            &meta_of(&import(1), 1),
            "again",
            &[(false, 1, 5, false)],
        )
        .unwrap();
        let decided = crate::bundles::Bundles::read(catalog.store()).unwrap();
        let names: Vec<String> = crate::index::all_names(catalog.store())
            .unwrap()
            .into_keys()
            .collect();
        let given_up = names
            .iter()
            .filter(|name| decided.is_given_up(name))
            .count();
        assert_eq!(given_up, 1);
        assert_eq!(read(&catalog, &ScanQuery::default()).len(), 15);
        compact(&catalog);
        assert_eq!(assert_clean(&catalog).rows, 15);
        assert_ne!(read_all(&catalog), expected);
        return;
    }
}

#[test]
fn what_belongs_to_its_file_stays_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = three(dir.path());
    let meta = meta_of(&import(7), 1);
    let mut writer = catalog.writer(&meta, 0, "test").unwrap();
    writer.push(0, &record(0, (false, 0, 1, false))).unwrap();
    let book = BookEnd {
        source: "file".to_owned(),
        instrument: "A".to_owned(),
        first_id: 1,
        last_id: 2,
        is_joined: true,
        venue_time: None,
    };
    writer.set_end(RunEnd {
        books: vec![book],
        ..RunEnd::default()
    });
    writer.finish().unwrap();
    let before = read_all(&catalog);
    let report = compact(&catalog);
    // It is between those that begin before it and those that do so after it.
    assert!(
        report
            .bundles
            .iter()
            .all(|one| !one.members.contains(&import(7)))
    );
    assert!(
        catalog
            .runs()
            .unwrap()
            .iter()
            .any(|run| run.run == import(7))
    );
    assert_eq!(read_all(&catalog), before);
    let options = CompactOptions {
        bundle: false,
        ..CompactOptions::default()
    };
    let again = catalog
        .compact(&options, &mut |_| ControlFlow::Continue(()))
        .unwrap();
    assert_eq!(again, RewriteReport::default());
}

#[test]
fn readers_see_all_imports_so_far_while_these_go_into_bundles() {
    const IMPORTS: usize = 36;
    const ROWS: usize = 7;
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::create(dir.path()).unwrap();
    let is_done = AtomicBool::new(false);
    let read_on = || {
        // As another process does, which knows no decision yet.
        let catalog = Catalog::open(dir.path()).unwrap();
        let mut before = 0;
        while !is_done.load(Ordering::Acquire) {
            let rows = catalog
                .scan(&ScanQuery::default())
                .and_then(|scan| scan.collect::<Result<Vec<_>>>());
            let seen = match rows {
                Ok(rows) => rows.len(),
                Err(CatalogError::Empty { .. }) => 0,
                // Told by name is what a reader may be that has begun before.
                Err(CatalogError::Bundled { .. }) => continue,
                Err(error) => panic!("{error}"),
            };
            assert!(
                seen >= before && seen.is_multiple_of(ROWS),
                "{seen} after {before}"
            );
            before = seen;
            let listed = catalog.list(&Selection::default()).unwrap();
            let listed: u64 = listed.tables.iter().map(|table| table.extent.rows).sum();
            assert!(listed >= before as u64, "{listed} after {before}");
            assert_eq!(verify(&catalog).faults, []);
        }
    };
    std::thread::scope(|scope| {
        let readers = [scope.spawn(read_on), scope.spawn(read_on)];
        for at in 0..IMPORTS {
            let plain: Vec<Plain> = (0..ROWS as i64)
                .map(|n| (n % 2 == 0, 0, n, false))
                .collect();
            let meta = meta_of(&import(at), i64::try_from(at).unwrap());
            write(&catalog, &meta, "test", &plain).unwrap();
            if at % 3 == 2 {
                compact(&catalog);
            }
        }
        is_done.store(true, Ordering::Release);
        readers
            .into_iter()
            .for_each(|reader| reader.join().unwrap());
    });
    assert_eq!(assert_clean(&catalog).rows, (IMPORTS * ROWS) as u64);
    assert_eq!(catalog.runs().unwrap().len(), 1);
}
