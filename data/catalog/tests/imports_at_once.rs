//! Imports into one bucket at the same time: whatever one of them does between two requests of another, the catalog has what it would have if
//! they had come one after the other.

#![cfg(test)]

mod common;

use common::faulty_server::{Fate, FaultyServer, Request};
use common::history::{meta, trade};
use common::s3_server::{BUCKET, S3Server};
use std::collections::BTreeSet;
use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tickloom_catalog::{
    Catalog, CatalogError, CompactOptions, Importing, LeftoverKind, Result, ScanQuery, Store,
};
use tickloom_types::Record;

const MINUTE_NS: i64 = 60_000_000_000;
const NAMES: [&str; 2] = ["test/A-1", "test.B"];

/// What somebody imports: trades of an instrument at whole minutes, each at this price.
#[derive(Clone)]
struct Page {
    run: String,
    source: &'static str,
    instrument: u32,
    minutes: Range<i64>,
    price: i64,
}

fn page(nth: u32, minutes: Range<i64>) -> Page {
    Page {
        run: format!("import-{nth:032x}"),
        source: "a",
        instrument: 0,
        minutes,
        price: 1,
    }
}

/// The same file as other options have it.
fn otherwise(page: &Page, minutes: Range<i64>, price: i64) -> Page {
    Page {
        source: "b",
        minutes,
        price,
        ..page.clone()
    }
}

impl Page {
    fn records(&self) -> Vec<Record> {
        let minutes = self.minutes.clone();
        minutes
            .map(|n| trade(self.instrument, n * MINUTE_NS, self.price))
            .collect()
    }

    /// Imports what no other import has a trade at the time of, as an import of a file does.
    fn import(&self, catalog: &Catalog) -> Result<()> {
        loop {
            let name = NAMES[self.instrument as usize];
            let alone = catalog.importing(&[&self.run], [name])?;
            match self.import_alone(catalog, &alone, name) {
                // What it has looked at has gone into a bundle.
                Err(CatalogError::Bundled { run, .. }) if run != self.run => {}
                Err(_) if alone.is_overtaken()? => {}
                done => return done,
            }
        }
    }

    fn import_alone(&self, catalog: &Catalog, alone: &Importing, name: &str) -> Result<()> {
        if catalog.has_part(&self.run, 0, self.source)?.is_some() {
            return Ok(());
        }
        let others = catalog.other_imports(&self.run, [name])?;
        let mut there = BTreeSet::new();
        if !others.is_empty() {
            let query = ScanQuery {
                runs: others,
                instruments: vec![name.to_owned()],
                ..ScanQuery::default()
            };
            match catalog.scan(&query) {
                Ok(scan) => {
                    for row in scan {
                        there.insert(row?.1.ts_event());
                    }
                }
                // They have none of this instrument.
                Err(CatalogError::Empty { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let mut writer = alone.writer(&meta(&self.run), 0, self.source)?;
        let new = self.records().into_iter();
        for (seq, record) in new.filter(|r| !there.contains(&r.ts_event())).enumerate() {
            writer.push(seq as u64, &record)?;
        }
        writer.finish().map(drop)
    }
}

fn catalog(options: &[(&'static str, String)], prefix: &str) -> Catalog {
    let options: Vec<(&str, &str)> = options.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let location = format!("s3://{BUCKET}/{prefix}");
    Catalog::create_in(Store::with_options(Path::new(&location), &options).unwrap()).unwrap()
}

/// All trades, with the instrument of each.
fn rows(catalog: &Catalog) -> Vec<(String, i64, i64)> {
    let scan = catalog.scan(&ScanQuery::default()).unwrap();
    let instruments = scan.instruments().clone();
    let mut rows: Vec<_> = scan
        .map(|row| {
            let record = row.unwrap().1;
            let def = instruments.get(record.instrument()).unwrap();
            let minute = record.ts_event().0 / MINUTE_NS;
            (def.name.clone(), minute, record.body[0].cast_signed())
        })
        .collect();
    rows.sort();
    rows
}

/// That it is whole, and that nobody has left anything but what a reader may have listed.
fn check_whole(catalog: &Catalog, when: &str) {
    let found = catalog.verify(&mut |_| ControlFlow::Continue(())).unwrap();
    let mut left = found.leftovers;
    left.retain(|one| one.what != LeftoverKind::CoveredEntry);
    assert_eq!((found.faults, left), (vec![], vec![]), "{when}");
}

type Step = Arc<dyn Fn(&Catalog) + Send + Sync>;

fn import(page: &Page) -> Step {
    let page = page.clone();
    Arc::new(move |catalog| page.import(catalog).unwrap())
}

/// What there is after these steps, one after the other, in a directory.
fn one_after_the_other(steps: &[&Step]) -> Vec<(String, i64, i64)> {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::create(dir.path()).unwrap();
    steps.iter().for_each(|step| step(&catalog));
    rows(&catalog)
}

/// Whether something may change by a request.
fn changes(request: &Request) -> bool {
    request.method != "GET" && request.method != "HEAD"
}

/// Lets `other` happen before each of these requests of `one` in its turn, each time in a catalog of its own in which `before` has happened.
fn check(name: &str, at: fn(&Request) -> bool, before: &[Step], (one, other): (&Step, &Step)) {
    let Some(server) = S3Server::start() else {
        return;
    };
    let faulty = FaultyServer::before(&server);
    let steps = |last: [&Step; 2]| {
        let all: Vec<&Step> = before.iter().chain(last).collect();
        one_after_the_other(&all)
    };
    let expected = [steps([one, other]), steps([other, one])];
    for turn in 0.. {
        let when = format!("{name}: before request {turn}");
        let prefix = format!("{name}-{turn}");
        let beside = catalog(&server.options(), &prefix);
        before.iter().for_each(|step| step(&beside));
        let through = catalog(&faulty.options(&server), &prefix);
        let seen = Arc::new(AtomicUsize::new(0));
        let (count, other) = (Arc::clone(&seen), Arc::clone(other));
        faulty.decide(move |request| {
            if at(request) && count.fetch_add(1, Ordering::Relaxed) == turn {
                other(&beside);
            }
            Fate::Pass
        });
        one(&through);
        faulty.decide(|_| Fate::Pass);
        if seen.load(Ordering::Relaxed) <= turn {
            assert!(turn > 1, "only {turn} requests");
            return;
        }
        let found = rows(&through);
        assert!(expected.contains(&found), "{when}: {found:?}");
        check_whole(&through, &when);
    }
}

#[test]
fn one_file_that_two_import_is_there_once() {
    let file = page(1, 0..4);
    check("same", changes, &[], (&import(&file), &import(&file)));
}

#[test]
fn of_one_file_with_different_options_the_last_counts() {
    let file = page(1, 0..4);
    let other = otherwise(&file, 2..6, 9);
    check("options", changes, &[], (&import(&file), &import(&other)));
}

#[test]
fn pages_that_overlap_have_each_row_once() {
    let earlier = import(&page(3, 20..22));
    let (one, other) = (import(&page(1, 0..4)), import(&page(2, 2..6)));
    // Also while it looks at what is there.
    let at = |request: &Request| changes(request) || request.is_listing() || is_head(request);
    check("pages", at, &[earlier], (&one, &other));
}

#[test]
fn imports_of_different_instruments_both_come_in() {
    let other = Page {
        instrument: 1,
        ..page(2, 2..6)
    };
    let (one, other) = (import(&page(1, 0..4)), import(&other));
    check("instruments", changes, &[], (&one, &other));
}

#[test]
fn an_import_while_what_it_has_looked_at_is_replaced_is_before_or_after_that() {
    let file = page(1, 0..4);
    let before = [import(&file)];
    let other = import(&otherwise(&file, 4..8, 9));
    let one = import(&page(2, 2..6));
    check("replaced", changes, &before, (&one, &other));
    check("replacing", changes, &before, (&other, &one));
}

#[test]
fn an_import_during_a_compaction_and_a_compaction_during_an_import_change_no_row() {
    let before = [import(&page(1, 0..4)), import(&page(2, 3..7))];
    let compact: Step = Arc::new(|catalog| {
        let mut go_on = |_| ControlFlow::Continue(());
        let options = CompactOptions::default();
        catalog.compact(&options, &mut go_on).unwrap();
    });
    let one = import(&page(3, 5..9));
    check("compacted", is_head, &before, (&one, &compact));
    let takes_effect = |request: &Request| {
        changes(request)
            && (request.path.contains("checkpoint.idx") || request.path.contains("_bundles"))
    };
    check("compacting", takes_effect, &before, (&compact, &one));
}

fn is_head(request: &Request) -> bool {
    request.path.contains("_commits/head.json")
}

#[test]
fn a_commit_whose_answer_was_lost_is_known_again_after_others() {
    let Some(server) = S3Server::start() else {
        return;
    };
    let faulty = FaultyServer::before(&server);
    let through = catalog(&faulty.options(&server), "lost");
    let beside = catalog(&server.options(), "lost");
    let puts = Arc::new(AtomicUsize::new(0));
    let (count, other) = (Arc::clone(&puts), beside.clone());
    faulty.decide(move |request| {
        let nth = match is_head(request) && request.method == "PUT" {
            true => count.fetch_add(1, Ordering::Relaxed),
            false => usize::MAX,
        };
        match nth {
            // Done, and answered with an error; before it is tried again somebody else has gone on from it.
            0 => Fate::FailAfter,
            1 => {
                page(2, 2..6).import(&other).unwrap();
                Fate::Pass
            }
            _ => Fate::Pass,
        }
    });
    page(1, 0..4).import(&through).unwrap();
    assert_eq!(puts.load(Ordering::Relaxed), 2, "it was not made again");
    let expected: Vec<_> = (0..6).map(|n| (NAMES[0].to_owned(), n, 1)).collect();
    assert_eq!(rows(&beside), expected);
    check_whole(&beside, "lost");
}

#[test]
fn an_import_knows_what_was_committed_though_its_listings_come_late() {
    let Some(server) = S3Server::start() else {
        return;
    };
    let faulty = FaultyServer::before(&server);
    let beside = catalog(&server.options(), "late");
    let late = catalog(&faulty.options(&server), "late");
    // What is listed while there is nothing.
    let listed = Arc::new(Mutex::new(std::collections::BTreeMap::new()));
    let kept = Arc::clone(&listed);
    faulty.show(move |request, answer| {
        if request.is_listing() {
            kept.lock()
                .unwrap()
                .entry(request.path.clone())
                .or_insert_with(|| answer.to_vec());
        }
    });
    let run = page(1, 0..4).run;
    late.runs().unwrap();
    late.scan(&ScanQuery {
        runs: vec![run],
        ..ScanQuery::default()
    })
    .err()
    .expect("there is nothing yet");
    page(1, 0..4).import(&beside).unwrap();
    faulty.decide(move |request| {
        let listed = listed.lock().unwrap();
        match listed.get(&request.path) {
            Some(answer) if request.is_listing() => Fate::Answer(answer.clone()),
            _ => Fate::Pass,
        }
    });
    page(2, 2..6).import(&late).unwrap();
    faulty.decide(|_| Fate::Pass);
    let expected: Vec<_> = (0..6).map(|n| (NAMES[0].to_owned(), n, 1)).collect();
    assert_eq!(rows(&beside), expected);
    check_whole(&beside, "late");
}
