//! Imports into a bucket that die between two changes, or are so slow that others go on in their place.

#[path = "../../tests/common/faulty_server.rs"]
mod faulty_server;
#[path = "../../tests/common/s3_server.rs"]
mod s3_server;

use super::*;
use crate::commit::{Applied, apply, commits_dir, read_commit, read_head};
use crate::index::run_names;
use faulty_server::{Fate, FaultyServer};
use s3_server::{BUCKET, S3Server};
use std::collections::BTreeSet;
use std::ops::{ControlFlow, Range};
use std::sync::{Arc, Mutex};

/// What somebody imports: its run and its source, the seconds at which it has trades, and their price.
type File = (&'static str, &'static str, Range<i64>, i64);

const FIRST: File = ("import-1", "a", 0..4, 1);
const OTHERWISE: File = ("import-1", "b", 4..8, 9);
const SECOND: File = ("import-2", "a", 2..6, 1);
const NAME: &str = "test.BTC-USD";
const SECOND_NS: i64 = 1_000_000_000;

fn store(options: &[(&'static str, String)], prefix: &str) -> Store {
    let options: Vec<(&str, &str)> = options.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let location = format!("s3://{BUCKET}/{prefix}");
    Store::with_options(Path::new(&location), &options).unwrap()
}

fn open(store: Store) -> Catalog {
    Catalog::open_in(store).unwrap()
}

/// Imports what no other import has a trade at the time of.
fn import(catalog: &Catalog, file: &File) -> Result<()> {
    loop {
        let alone = catalog.importing(&[file.0], [NAME])?;
        match import_alone(catalog, &alone, file) {
            Err(_) if alone.is_overtaken()? => {}
            done => return done,
        }
    }
}

fn import_alone(catalog: &Catalog, alone: &Importing, file: &File) -> Result<()> {
    let (run, source, seconds, price) = file.clone();
    if catalog.has_part(run, 0, source)?.is_some() {
        return Ok(());
    }
    let runs = catalog.other_imports(run, [NAME])?;
    let mut there = BTreeSet::new();
    if !runs.is_empty() {
        let query = ScanQuery {
            runs,
            ..ScanQuery::default()
        };
        for row in catalog.scan(&query)? {
            there.insert(row?.1.ts_event());
        }
    }
    let mut writer = alone.writer(&meta(run), 0, source)?;
    for n in seconds.filter(|n| !there.contains(&Ts(n * SECOND_NS))) {
        writer.push(n.cast_unsigned(), &trade(2, n * SECOND_NS, price))?;
    }
    writer.finish().map(drop)
}

/// Seconds and prices of all trades.
fn rows(catalog: &Catalog) -> Vec<(i64, i64)> {
    let all = match catalog.scan(&ScanQuery::default()) {
        Ok(scan) => scan.map(Result::unwrap),
        Err(CatalogError::Empty { .. }) => return Vec::new(),
        Err(error) => panic!("{error}"),
    };
    let row = |(_, record): (Seq, Record)| {
        (
            record.ts_event().0 / SECOND_NS,
            TradeBody::of(&record).price,
        )
    };
    let mut rows: Vec<_> = all.map(row).collect();
    rows.sort_unstable();
    rows
}

/// What there is after these imports, one after the other, in a directory.
fn one_after_the_other(files: &[File]) -> Vec<(i64, i64)> {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::create(dir.path()).unwrap();
    for file in files {
        import(&catalog, file).unwrap();
    }
    rows(&catalog)
}

fn verify(catalog: &Catalog) -> VerifyReport {
    catalog.verify(&mut |_| ControlFlow::Continue(())).unwrap()
}

/// Lets the last of these die after each of its changes; then others import, and it is imported again.
fn die_anywhere(name: &str, before: &[File], dying: &File, others: &[File]) {
    let Some(server) = S3Server::start() else {
        return;
    };
    let dying_alone = std::slice::from_ref(dying);
    let alone = one_after_the_other(&[before, dying_alone].concat());
    let expected = [
        one_after_the_other(&[before, dying_alone, others].concat()),
        one_after_the_other(&[before, others, dying_alone].concat()),
    ];
    for changes in 0.. {
        let at = || store(&server.options(), &format!("{name}-{changes}"));
        let catalog = Catalog::create_in(at()).unwrap();
        for file in before {
            import(&catalog, file).unwrap();
        }
        let died = import(&open(at().dying_after(changes)), dying);
        // Until somebody imports again all is as before, or as after.
        let seen = rows(&catalog);
        assert!(
            seen == one_after_the_other(before) || seen == alone,
            "{name} {changes}: {seen:?}"
        );
        assert_eq!(verify(&catalog).faults, [], "{name} {changes}");
        for file in others.iter().chain([dying]) {
            import(&catalog, file).unwrap();
        }
        let found = rows(&catalog);
        assert!(expected.contains(&found), "{name} {changes}: {found:?}");
        // What the dead one has left is removed, and nothing else.
        catalog.remove_leftovers().unwrap();
        let whole = verify(&catalog);
        assert_eq!(
            (whole.faults, whole.leftovers),
            (vec![], vec![]),
            "{changes}"
        );
        assert_eq!(rows(&catalog), found, "{name} {changes}");
        if died.is_ok() {
            assert!(changes > 5, "only {changes} changes");
            return;
        }
    }
}

#[test]
fn an_import_that_dies_anywhere_counts_once() {
    die_anywhere("new", &[], &FIRST, &[SECOND]);
}

#[test]
fn an_import_that_dies_while_it_replaces_counts_once() {
    die_anywhere(
        "again",
        &[FIRST, SECOND],
        &OTHERWISE,
        &[("import-3", "a", 5..9, 1)],
    );
}

#[test]
fn who_removes_what_is_left_lets_what_is_decided_take_effect_first() {
    let Some(server) = S3Server::start() else {
        return;
    };
    let mut decided = 0;
    for changes in 0.. {
        let at = || store(&server.options(), &format!("left-{changes}"));
        let catalog = Catalog::create_in(at()).unwrap();
        let died = import(&open(at().dying_after(changes)), &FIRST);
        let is_decided = read_head(&at()).unwrap().0.number() == 1;
        decided += usize::from(is_decided);
        catalog.remove_leftovers().unwrap();
        assert_eq!(verify(&catalog).leftovers, [], "{changes}");
        assert!(at().paths(&commits_dir()).unwrap().len() <= 1);
        match is_decided {
            true => assert_eq!(rows(&catalog), one_after_the_other(&[FIRST])),
            false => assert!(run_names(&at()).unwrap().is_empty(), "{changes}"),
        }
        if died.is_ok() {
            break;
        }
    }
    assert!(decided > 2, "it died {decided} times after that");
}

/// One that has decided and then sleeps does not undo what others have put in its place meanwhile.
#[test]
fn a_commit_that_comes_late_changes_nothing_that_came_after_it() {
    let Some(server) = S3Server::start() else {
        return;
    };
    let faulty = FaultyServer::before(&server);
    for turn in 0.. {
        let prefix = format!("slow-{turn}");
        let beside = Catalog::create_in(store(&server.options(), &prefix)).unwrap();
        import(&beside, &FIRST).unwrap();
        let through = open(store(&faulty.options(&server), &prefix));
        let (count, other) = (Mutex::new(0), beside.clone());
        let is_reached = Arc::new(Mutex::new(false));
        let reached = Arc::clone(&is_reached);
        faulty.decide(move |request| {
            let is_decided = read_head(other.store()).unwrap().0.number() == 2;
            let mut count = count.lock().unwrap();
            if is_decided && !*reached.lock().unwrap() && !request.path.contains("head.json") {
                if *count == turn {
                    *reached.lock().unwrap() = true;
                    // It takes effect by these, and then the file is as before, by the same source.
                    import(&other, &SECOND).unwrap();
                    import(&other, &FIRST).unwrap();
                    let mut go_on = |_| ControlFlow::Continue(());
                    let only = CompactOptions {
                        bundle: false,
                        ..CompactOptions::default()
                    };
                    other.compact(&only, &mut go_on).unwrap();
                }
                *count += 1;
            }
            Fate::Pass
        });
        import(&through, &OTHERWISE).unwrap();
        faulty.decide(|_| Fate::Pass);
        let is_reached = *is_reached.lock().unwrap();
        let expected = match is_reached {
            true => one_after_the_other(&[FIRST, OTHERWISE, SECOND, FIRST]),
            false => one_after_the_other(&[FIRST, OTHERWISE]),
        };
        assert_eq!(rows(&beside), expected, "{turn}");
        assert_eq!(verify(&beside).faults, [], "{turn}");
        if !is_reached {
            assert!(turn > 4, "only {turn} requests after the head");
            return;
        }
    }
}

#[test]
fn a_commit_of_a_run_that_somebody_else_has_written_is_refused() {
    let Some(server) = S3Server::start() else {
        return;
    };
    let at = || store(&server.options(), "unaware");
    let catalog = Catalog::create_in(at()).unwrap();
    let alone = catalog.importing(&["import-1"], [NAME]).unwrap();
    let mut writer = alone.writer(&meta("import-1"), 0, "a").unwrap();
    writer.push(0, &trade(2, 0, 1)).unwrap();
    // As an earlier version writes it, which knows of no head.
    let mut other = catalog.writer(&meta("import-1"), 0, "b").unwrap();
    other.push(0, &trade(2, 0, 5)).unwrap();
    other.finish().unwrap();
    let error = writer.finish().unwrap_err();
    assert!(
        matches!(error, CatalogError::Outrun { part: 0, .. }),
        "{error}"
    );
    assert_eq!(rows(&catalog), [(0, 5)]);
    let whole = verify(&catalog);
    assert_eq!((whole.faults, whole.leftovers), (vec![], vec![]));
    // Its commit is remembered and long done.
    let id = read_head(&at()).unwrap().0.newest().unwrap().id.clone();
    assert_eq!(read_commit(&at(), &id).unwrap(), None);
    assert_eq!(apply(&at(), &id).unwrap(), Applied::Done);
}

#[test]
fn the_entries_of_commits_are_covered() {
    let Some(server) = S3Server::start() else {
        return;
    };
    let at = || store(&server.options(), "covered");
    let catalog = Catalog::create_in(at()).unwrap();
    import(&catalog, &FIRST).unwrap();
    let path = commits_dir().join("head.json");
    let (bytes, version) = at().read_version(&path).unwrap().unwrap();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let damaged = text.replace("import-1", "import-7");
    assert!(
        at().swap(&path, damaged.as_bytes(), Some(&version))
            .unwrap()
    );
    let found = verify(&catalog);
    let files: Vec<_> = found
        .faults
        .iter()
        .map(|fault| fault.file.clone())
        .collect();
    assert_eq!(files, [path]);
    let error = import(&catalog, &SECOND).unwrap_err().to_string();
    assert!(error.contains("_commits/head.json"), "{error}");
    assert_eq!(rows(&catalog), one_after_the_other(&[FIRST]));
}

/// Two that would make one run: who comes second is refused, wherever the catalog is, and changes nothing.
#[test]
fn a_run_that_is_to_be_new_is_written_by_one() {
    let begin = |catalog: &Catalog, price: i64| {
        let alone = catalog.importing(&["kept"], [])?;
        let what = RunMeta {
            config: price.to_string(),
            ..meta("kept")
        };
        let mut writer = alone.writer(&what, 0, "same")?.only_if_new()?;
        writer.push(0, &trade(2, 0, price))?;
        Ok(writer)
    };
    let is_outrun = |error: &CatalogError| matches!(error, CatalogError::Outrun { part: 0, .. });
    let check = |catalog: &Catalog| {
        assert_eq!(rows(catalog), [(0, 1)]);
        assert_eq!(catalog.runs().unwrap()[0].config, "1");
        let whole = verify(catalog);
        assert_eq!((whole.faults, whole.leftovers), (vec![], vec![]));
    };
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::create(dir.path()).unwrap();
    begin(&catalog, 1).unwrap().finish().unwrap();
    assert!(is_outrun(&begin(&catalog, 5).err().unwrap()));
    check(&catalog);

    let Some(server) = S3Server::start() else {
        return;
    };
    let catalog = Catalog::create_in(store(&server.options(), "kept")).unwrap();
    let (first, second) = (begin(&catalog, 1).unwrap(), begin(&catalog, 5).unwrap());
    first.finish().unwrap();
    let error = second.finish().unwrap_err();
    assert!(is_outrun(&error), "{error}");
    assert!(is_outrun(&begin(&catalog, 5).err().unwrap()));
    check(&catalog);
}
