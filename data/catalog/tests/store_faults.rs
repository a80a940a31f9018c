//! A catalog in an object store that errs: whatever fails and whenever, what was done counts once, and who reads sees the catalog
//! before a step or after it.

#![cfg(test)]

mod common;

use common::faulty_server::{Fate, FaultyServer, Request};
use common::history::{DAY_NS, meta, trade};
use common::s3_server::{BUCKET, S3Server};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tickloom_catalog::{
    Catalog, CompactOptions, Result, RetainOptions, ScanQuery, Store, VerifyReport,
};
use tickloom_types::{Record, Seq, Ts};

fn catalog(options: &[(&'static str, String)], prefix: &str) -> Catalog {
    let options: Vec<(&str, &str)> = options.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let location = format!("s3://{BUCKET}/{prefix}");
    Catalog::create_in(Store::with_options(Path::new(&location), &options).unwrap()).unwrap()
}

/// One every half a day, each at this price.
fn trades(numbers: std::ops::Range<i64>, price: i64) -> Vec<(Seq, Record)> {
    let of = |n: i64| (n.cast_unsigned(), trade(0, n * DAY_NS / 2, price));
    numbers.map(of).collect()
}

fn write(
    catalog: &Catalog,
    run: &str,
    part: u32,
    source: &str,
    rows: &[(Seq, Record)],
) -> Result<()> {
    let mut writer = catalog.writer(&meta(run), part, source)?;
    for (seq, record) in rows {
        writer.push(*seq, record)?;
    }
    writer.finish().map(drop)
}

fn read(catalog: &Catalog) -> Vec<(Seq, Record)> {
    common::history::read(catalog, &ScanQuery::default())
}

fn verify(catalog: &Catalog) -> VerifyReport {
    catalog.verify(&mut |_| ControlFlow::Continue(())).unwrap()
}

fn compact(catalog: &Catalog) -> Result<()> {
    let mut go_on = |_| ControlFlow::Continue(());
    catalog
        .compact(&CompactOptions::default(), &mut go_on)
        .map(drop)
}

/// Two parts, the second written again from another source, a compaction and a retention: every step that there is.
fn work(catalog: &Catalog) -> Result<()> {
    write(catalog, "r", 1, "a", &trades(0..2, 1))?;
    write(catalog, "r", 2, "b", &trades(2..4, 1))?;
    write(catalog, "r", 2, "c", &trades(2..4, 2))?;
    write(catalog, "r", 3, "d", &trades(2..5, 3)[2..])?;
    compact(catalog)?;
    let options = RetainOptions {
        before: Ts(DAY_NS),
        tables: Vec::new(),
        instruments: Vec::new(),
        dry_run: false,
    };
    catalog.retain(&options).map(drop)
}

/// What is left after that.
fn left() -> Vec<(Seq, Record)> {
    let mut rows = trades(2..4, 2);
    rows.extend(trades(4..5, 3));
    rows
}

fn changes(request: &Request) -> bool {
    matches!(request.method.as_str(), "PUT" | "DELETE" | "POST")
}

/// Lets each request that changes something fail in its turn, in a catalog of its own.
fn fail_each(fate: &Fate, prefix: &str) {
    let Some(server) = S3Server::start() else {
        return;
    };
    let faulty = FaultyServer::before(&server);
    let options = faulty.options(&server);
    let mut failed = 0;
    loop {
        let turn = failed;
        let seen = Arc::new(AtomicUsize::new(0));
        let (count, fate) = (Arc::clone(&seen), fate.clone());
        faulty.decide(move |request| {
            let is_turn = changes(request) && count.fetch_add(1, Ordering::Relaxed) == turn;
            if is_turn { fate.clone() } else { Fate::Pass }
        });
        let catalog = catalog(&options, &format!("{prefix}-{turn}"));
        work(&catalog).unwrap();
        faulty.decide(|_| Fate::Pass);
        assert_eq!(read(&catalog), left(), "request {turn}");
        let found = verify(&catalog);
        assert_eq!((found.faults, found.rows), (vec![], 3), "request {turn}");
        if seen.load(Ordering::Relaxed) <= turn {
            break;
        }
        failed += 1;
    }
    assert!(failed > 10, "only {failed} requests change something");
}

#[test]
fn what_was_done_and_answered_with_an_error_counts_once() {
    fail_each(&Fate::FailAfter, "after");
}

#[test]
fn what_was_not_done_and_answered_with_an_error_is_done() {
    fail_each(&Fate::Fail, "before");
}

#[test]
fn a_part_that_is_replaced_during_a_compaction_is_as_the_replacing_says() {
    let Some(server) = S3Server::start() else {
        return;
    };
    let faulty = FaultyServer::before(&server);
    let through = catalog(&faulty.options(&server), "replace");
    let beside = catalog(&server.options(), "replace");
    write(&beside, "r", 1, "a", &trades(0..2, 1)).unwrap();
    write(&beside, "r", 2, "b", &trades(2..3, 1)).unwrap();
    write(&beside, "r", 3, "c", &trades(3..4, 1)).unwrap();
    let other = beside.clone();
    let mut is_done = false;
    faulty.decide(move |request| {
        // When the compaction is about to take effect.
        if !is_done && request.method == "PUT" && request.path.contains("checkpoint.idx") {
            is_done = true;
            write(&other, "r", 3, "d", &trades(3..4, 9)).unwrap();
        }
        Fate::Pass
    });
    compact(&through).unwrap();
    let mut expected = trades(0..3, 1);
    let rows = read(&beside);
    // The compaction was first, or the replacing: never both rows, never none.
    assert_eq!(rows.len(), 4, "{rows:?}");
    expected.extend(trades(3..4, 9));
    assert_eq!(rows, expected);
    assert_eq!(verify(&beside).faults, []);
}

#[test]
fn a_listing_that_comes_late_shows_the_catalog_as_it_was_or_is() {
    let Some(server) = S3Server::start() else {
        return;
    };
    let faulty = FaultyServer::before(&server);
    let late = catalog(&faulty.options(&server), "late");
    let beside = catalog(&server.options(), "late");
    write(&beside, "r", 1, "a", &trades(0..2, 1)).unwrap();
    write(&beside, "r", 2, "b", &trades(2..4, 1)).unwrap();
    let listing = Arc::new(Mutex::new(None));
    let kept = Arc::clone(&listing);
    faulty.show(move |request, answer| {
        if request.is_listing() && request.path.contains("_runs") {
            *kept.lock().unwrap() = Some(answer.to_vec());
        }
    });
    let before = trades(0..4, 1);
    assert_eq!(read(&late), before);
    // From now on it lists what was there then.
    let kept = listing
        .lock()
        .unwrap()
        .clone()
        .expect("the index was listed");
    faulty.decide(
        move |request| match request.is_listing() && request.path.contains("_runs") {
            true => Fate::Answer(kept.clone()),
            false => Fate::Pass,
        },
    );
    compact(&beside).unwrap();
    assert_eq!(read(&late), before);
    write(&beside, "r", 3, "c", &trades(4..6, 1)).unwrap();
    let rows = read(&late);
    assert!(rows == before || rows == trades(0..6, 1), "{rows:?}");
    write(&late, "r", 4, "d", &trades(6..7, 1)).unwrap();
    faulty.decide(|_| Fate::Pass);
    assert_eq!(read(&late), trades(0..7, 1));
    assert_eq!(verify(&late).faults, []);
}

fn import(nth: u32) -> String {
    format!("import-{nth:032x}")
}

/// Three imports, and a compaction that writes them together.
fn bundled(catalog: &Catalog) -> Result<()> {
    for nth in 0..3 {
        let first = i64::from(nth) * 2;
        write(catalog, &import(nth), 0, "a", &trades(first..first + 2, 1))?;
    }
    compact(catalog)
}

fn records(rows: Vec<(Seq, Record)>) -> Vec<Record> {
    rows.into_iter().map(|(_, record)| record).collect()
}

#[test]
fn imports_become_one_run_whichever_request_fails() {
    let Some(server) = S3Server::start() else {
        return;
    };
    let faulty = FaultyServer::before(&server);
    let options = faulty.options(&server);
    for turn in 0.. {
        // Done or not done, in turns: each try again is waited for.
        let fate = [Fate::Fail, Fate::FailAfter][turn % 2].clone();
        let seen = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&seen);
        faulty.decide(move |request| {
            let is_turn = changes(request) && count.fetch_add(1, Ordering::Relaxed) == turn;
            if is_turn { fate.clone() } else { Fate::Pass }
        });
        let catalog = catalog(&options, &format!("bundle-{turn}"));
        bundled(&catalog).unwrap();
        faulty.decide(|_| Fate::Pass);
        assert_eq!(records(read(&catalog)), records(trades(0..6, 1)), "{turn}");
        let found = verify(&catalog);
        assert_eq!((found.faults, found.runs), (vec![], 1), "{turn}");
        if seen.load(Ordering::Relaxed) <= turn {
            assert!(turn > 20, "only {turn} requests change something");
            return;
        }
    }
}

#[test]
fn an_import_that_is_replaced_as_a_bundle_is_about_to_count_is_as_the_replacing_says() {
    let Some(server) = S3Server::start() else {
        return;
    };
    let faulty = FaultyServer::before(&server);
    let through = catalog(&faulty.options(&server), "give-up");
    let beside = catalog(&server.options(), "give-up");
    let other = beside.clone();
    let mut is_done = false;
    faulty.decide(move |request| {
        if !is_done && request.method == "PUT" && request.path.contains("_bundles") {
            is_done = true;
            write(&other, &import(1), 0, "b", &trades(2..4, 9)).unwrap();
        }
        Fate::Pass
    });
    bundled(&through).unwrap();
    let expected = [trades(0..2, 1), trades(2..4, 9), trades(4..6, 1)].concat();
    assert_eq!(records(read(&beside)), records(expected.clone()));
    assert_eq!(verify(&beside).faults, []);
    // The next one takes in what is there now, and who had the catalog open all the time sees it.
    compact(&beside).unwrap();
    assert_eq!(records(read(&through)), records(expected));
    assert_eq!(verify(&through).runs, 1);
}
