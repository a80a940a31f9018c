//! Files that are imported into one bucket at the same time: each row counts once, and what contradicts is refused, whoever comes first.

#![cfg(test)]

#[path = "../../catalog/tests/common/faulty_server.rs"]
mod faulty_server;
#[path = "../../catalog/tests/common/s3_server.rs"]
mod s3_server;

use faulty_server::{Fate, FaultyServer};
use s3_server::{BUCKET, S3Server};
use std::fmt::Write as _;
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use tickloom_catalog::{Catalog, ScanQuery, Store};
use tickloom_formats::{FormatError, ImportOptions, ImportReport, inputs};
use tickloom_types::BarBody;

fn catalog(options: &[(&'static str, String)], prefix: &str) -> Catalog {
    let options: Vec<(&str, &str)> = options.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let location = format!("s3://{BUCKET}/{prefix}");
    Catalog::create_in(Store::with_options(Path::new(&location), &options).unwrap()).unwrap()
}

/// Daily bars of X in August 2024, each with this close.
fn file(dir: &Path, name: &str, days: Range<u32>, close: u32) -> PathBuf {
    let mut text = "date,open,high,low,close\n".to_owned();
    for day in days {
        writeln!(text, "2024-08-{day:02},1,9,1,{close}").unwrap();
    }
    let folder = dir.join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("X.csv");
    std::fs::write(&file, text).unwrap();
    file
}

fn import(file: &Path, catalog: &Catalog) -> Result<ImportReport, FormatError> {
    inputs(file)?[0].import(&ImportOptions::default(), catalog)
}

/// Day of August at whose end each bar closes, and its close.
fn bars(catalog: &Catalog) -> Vec<(i64, i64)> {
    let scan = catalog.scan(&ScanQuery::default()).unwrap();
    let mut bars: Vec<_> = scan
        .map(|row| {
            let record = row.unwrap().1;
            let day = record.ts_event().0 / 86_400_000_000_000 - DAYS_TO_AUGUST;
            (day, BarBody::of(&record).close)
        })
        .collect();
    bars.sort_unstable();
    bars
}

/// From 1970 to the first of August 2024.
const DAYS_TO_AUGUST: i64 = 19_936;

fn check_whole(catalog: &Catalog) {
    let found = catalog.verify(&mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!((found.faults, found.leftovers), (vec![], vec![]));
}

/// Imports a file, and another one as a whole before each of its changes and before its look at the last commit, each time in a catalog of
/// its own that `check` is given with what came of both.
fn between(
    (one, other): (&Path, &Path),
    check: impl Fn(&Catalog, [Result<ImportReport, FormatError>; 2]),
) {
    let Some(server) = S3Server::start() else {
        return;
    };
    let faulty = FaultyServer::before(&server);
    for turn in 0.. {
        let prefix = format!("turn-{turn}");
        let beside = catalog(&server.options(), &prefix);
        let through = catalog(&faulty.options(&server), &prefix);
        let seen = Arc::new(AtomicUsize::new(0));
        let (tell, told) = std::sync::mpsc::channel();
        let (count, other, behind) = (Arc::clone(&seen), other.to_owned(), beside.clone());
        faulty.decide(move |request| {
            let counts = request.method == "PUT" || request.path.contains("head.json");
            if counts && count.fetch_add(1, Ordering::Relaxed) == turn {
                tell.send(import(&other, &behind)).unwrap();
            }
            Fate::Pass
        });
        let first = import(one, &through);
        faulty.decide(|_| Fate::Pass);
        if seen.load(Ordering::Relaxed) <= turn {
            assert!(turn > 3, "only {turn} requests");
            return;
        }
        check(&beside, [first, told.recv().unwrap()]);
        check_whole(&beside);
    }
}

fn expected(days: Range<i64>, close: i64) -> Vec<(i64, i64)> {
    days.map(|day| (day, close)).collect()
}

#[test]
fn pages_that_overlap_have_each_bar_once() {
    let dir = tempfile::tempdir().unwrap();
    let one = file(dir.path(), "one", 1..6, 5);
    let other = file(dir.path(), "other", 3..9, 5);
    between((&one, &other), |catalog, reports| {
        let reports = reports.map(Result::unwrap);
        assert_eq!(bars(catalog), expected(1..9, 5));
        // Whoever came second was told which were there.
        let written: Vec<u64> = reports.iter().map(|report| report.written).collect();
        let repeated: Vec<u64> = reports.iter().map(|report| report.repeated).collect();
        assert!(
            (written == [2, 6] && repeated == [3, 0]) || (written == [5, 3] && repeated == [0, 3]),
            "{written:?} {repeated:?}"
        );
    });
}

#[test]
fn one_file_is_there_once_and_the_second_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let one = file(dir.path(), "one", 1..6, 5);
    between((&one, &one), |catalog, reports| {
        let unchanged = reports.map(|report| report.unwrap().unchanged);
        assert_eq!(unchanged.iter().filter(|unchanged| **unchanged).count(), 1);
        assert_eq!(bars(catalog), expected(1..6, 5));
    });
}

#[test]
fn of_two_files_that_contradict_each_other_the_second_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let one = file(dir.path(), "one", 1..6, 5);
    let other = file(dir.path(), "other", 3..9, 7);
    between((&one, &other), |catalog, reports| {
        let [first, second] = reports.map(|report| report.err());
        let (error, there) = match (first, second) {
            (Some(error), None) => (error, expected(3..9, 7)),
            (None, Some(error)) => (error, expected(1..6, 5)),
            both => panic!("{both:?}"),
        };
        assert!(error.to_string().contains("with other numbers"), "{error}");
        assert_eq!(bars(catalog), there);
    });
}

#[test]
fn as_many_as_want_to_import_at_once() {
    let Some(server) = S3Server::start() else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let together = Barrier::new(4);
    std::thread::scope(|scope| {
        for nth in 0..4_u32 {
            let (dir, together, server) = (dir.path(), &together, &server);
            scope.spawn(move || {
                let first = 1 + nth * 2;
                let file = file(dir, &nth.to_string(), first..first + 6, 5);
                let catalog = catalog(&server.options(), "all");
                together.wait();
                import(&file, &catalog).unwrap();
            });
        }
    });
    let catalog = catalog(&server.options(), "all");
    assert_eq!(bars(&catalog), expected(1..13, 5));
    check_whole(&catalog);
}
