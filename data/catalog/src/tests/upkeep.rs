//! Compaction, retention, verification and migration: the same records after as before, whoever reads, writes or dies meanwhile.

use super::*;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

const DAY: i64 = 86_400_000_000_000;

pub(super) fn compact(catalog: &Catalog) -> RewriteReport {
    catalog
        .compact(&CompactOptions::default(), &mut |_| {
            ControlFlow::Continue(())
        })
        .unwrap()
}

pub(super) fn verify(catalog: &Catalog) -> VerifyReport {
    catalog.verify(&mut |_| ControlFlow::Continue(())).unwrap()
}

pub(super) fn assert_clean(catalog: &Catalog) -> VerifyReport {
    let found = verify(catalog);
    assert_eq!((&found.faults, &found.leftovers), (&vec![], &vec![]));
    found
}

fn retain(catalog: &Catalog, before: i64) -> RetainReport {
    catalog.retain(&dropping(before, false)).unwrap()
}

fn dropping(before: i64, dry_run: bool) -> RetainOptions {
    RetainOptions {
        before: Ts(before),
        tables: Vec::new(),
        instruments: Vec::new(),
        dry_run,
    }
}

/// Record number `seq` of the runs here: a new day after each ten.
fn nth(seq: Seq) -> Record {
    let n = i64::try_from(seq).unwrap();
    trade(u32::try_from(seq % 3).unwrap(), n / 10 * DAY + n, n)
}

/// Writes a part with the sequences from `first` on.
fn write_part(catalog: &Catalog, part: u32, first: Seq, rows: u64) -> Result<Written> {
    let mut writer = catalog.writer(&meta("r"), part, &format!("part {part}"))?;
    for seq in first..first + rows {
        writer.push(seq, &nth(seq))?;
    }
    writer.finish()
}

fn records(range: std::ops::Range<Seq>) -> Vec<(Seq, Record)> {
    range.map(|seq| (seq, nth(seq))).collect()
}

fn read_all(catalog: &Catalog) -> Vec<(Seq, Record)> {
    read(catalog, &ScanQuery::default())
}

/// All files below a directory with what is in them.
fn snapshot(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(snapshot(&path));
        } else {
            files.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    files
}

fn copy(from: &Path, to: &Path) {
    for (path, bytes) in snapshot(from) {
        let path = to.join(path.strip_prefix(from).unwrap());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

#[test]
fn many_small_files_become_one_of_each_partition() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::create(dir.path()).unwrap();
    for part in 0..6 {
        write_part(&catalog, part + 1, u64::from(part) * 4, 4).unwrap();
    }
    // 24 rows of three instruments on three days: six parts, of which some reach into the next day.
    let before = parquet_count(dir.path());
    let options = CompactOptions {
        dry_run: true,
        ..CompactOptions::default()
    };
    let untouched = snapshot(dir.path());
    let plan = catalog
        .compact(&options, &mut |_| ControlFlow::Continue(()))
        .unwrap();
    assert_eq!(snapshot(dir.path()), untouched);
    let done = compact(&catalog);
    assert_eq!(done, plan);
    assert_eq!(parquet_count(dir.path()), 9);
    assert_eq!(before as u64 - done.files_before + done.files_after, 9);
    assert_eq!(read_all(&catalog), records(0..24));
    assert_eq!(assert_clean(&catalog).rows, 24);

    // Again it is nothing, and nothing is written a second time.
    let settled = snapshot(dir.path());
    assert_eq!(compact(&catalog), RewriteReport::default());
    assert_eq!(snapshot(dir.path()), settled);
    for part in 1..=6 {
        let known = catalog
            .has_part("r", part, &format!("part {part}"))
            .unwrap();
        assert_eq!(known.unwrap().rows[&Table::Trades], 4);
        assert!(catalog.has_part("r", part, "other").unwrap().is_none());
    }
    // What comes later is merged with what was.
    write_part(&catalog, 7, 24, 2).unwrap();
    assert_eq!(read_all(&catalog), records(0..26));
    assert_eq!(compact(&catalog).files_after, 2);
    assert_eq!(parquet_count(dir.path()), 9);
    assert_eq!(read_all(&catalog), records(0..26));
    assert_eq!(assert_clean(&catalog).files, 9);
}

#[test]
fn merged_files_are_as_large_as_allowed_and_stay_so() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::create(dir.path()).unwrap();
    for part in 0..5 {
        let mut writer = catalog.writer(&meta("r"), part, "").unwrap();
        for seq in u64::from(part) * 10..u64::from(part + 1) * 10 {
            writer.push(seq, &trade(0, 0, 1)).unwrap();
        }
        writer.finish().unwrap();
    }
    let options = CompactOptions {
        rows_max: 25,
        ..CompactOptions::default()
    };
    let run = || {
        let report = catalog.compact(&options, &mut |_| ControlFlow::Continue(()));
        let report = report.unwrap();
        (report.files_before, report.files_after)
    };
    assert_eq!(run(), (4, 2));
    assert_eq!(run(), (0, 0));
    assert_eq!(parquet_count(dir.path()), 3);
    assert_eq!(assert_clean(&catalog).rows, 50);
}

#[test]
fn who_began_to_read_before_a_compaction_reads_on() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::create(dir.path()).unwrap();
    for part in 0..8 {
        write_part(&catalog, part + 1, u64::from(part) * 5, 5).unwrap();
    }
    let scan = || catalog.scan(&ScanQuery::default()).unwrap();
    let untouched = scan();
    let mut begun = scan();
    let first: Vec<_> = begun.by_ref().take(7).map(Result::unwrap).collect();
    let day = ScanQuery {
        from: Some(Ts(DAY)),
        to: Some(Ts(2 * DAY)),
        ..ScanQuery::default()
    };
    let of_day = catalog.scan(&day).unwrap();
    compact(&catalog);
    write_part(&catalog, 9, 40, 5).unwrap();
    compact(&catalog);
    let all: Vec<_> = untouched.map(Result::unwrap).collect();
    assert_eq!(all, records(0..40));
    let rest: Vec<_> = begun.map(Result::unwrap).collect();
    assert_eq!([first, rest].concat(), records(0..40));
    let all: Vec<_> = of_day.map(Result::unwrap).collect();
    assert_eq!(all, records(10..20));
}

#[test]
fn a_stopped_compaction_has_changed_nothing_or_all_of_a_step() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::create(dir.path()).unwrap();
    for part in 0..4 {
        write_part(&catalog, part + 1, u64::from(part) * 5, 5).unwrap();
    }
    let report = catalog
        .compact(&CompactOptions::default(), &mut |_| ControlFlow::Break(()))
        .unwrap();
    assert!(report.stopped);
    assert_eq!(read_all(&catalog), records(0..20));
    // The file that was being written is cleared away by whoever compacts next.
    assert_eq!(compact(&catalog).leftovers_removed, 1);
    assert_eq!(read_all(&catalog), records(0..20));
    assert_clean(&catalog);
}

#[test]
fn a_run_of_one_part_can_be_replaced_after_a_compaction_and_one_of_many_cannot() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::create(dir.path()).unwrap();
    // More days than files are kept open, the first four of which wait for long, and come again: these have two files each.
    let days = i64::try_from(OPEN_FILES_MAX).unwrap() + 4;
    let mut writer = catalog.writer(&meta("i"), 0, "first").unwrap();
    let busy = (0..i64::try_from(IDLE_ROWS).unwrap()).map(|_| days - 5);
    let all = (0..days - 4)
        .chain(busy)
        .chain(days - 4..days)
        .chain(0..days);
    for (seq, n) in (0..).zip(all) {
        writer.push(seq, &trade(0, n * DAY, 1)).unwrap();
    }
    assert_eq!(writer.finish().unwrap().files.len(), OPEN_FILES_MAX + 8);
    compact(&catalog);
    assert_eq!(parquet_count(dir.path()), OPEN_FILES_MAX + 4);
    let mut writer = catalog.writer(&meta("i"), 0, "second").unwrap();
    writer.push(0, &trade(0, 0, 5)).unwrap();
    let written = writer.finish().unwrap();
    assert_eq!(written.files.len(), 1);
    assert_eq!(read_all(&catalog), [(0, trade(0, 0, 5))]);
    assert_eq!(parquet_count(dir.path()), 1);
    assert!(catalog.has_part("i", 0, "first").unwrap().is_none());
    assert!(catalog.has_part("i", 0, "second").unwrap().is_some());
    assert_clean(&catalog);

    for part in 1..3 {
        write_part(&catalog, part, u64::from(part) * 3, 3).unwrap();
    }
    compact(&catalog);
    let error = catalog.writer(&meta("r"), 1, "other").err().unwrap();
    assert_eq!(
        error.to_string(),
        "part 1 of run r was compacted together with others, so it cannot be replaced; import it into another catalog"
    );
    assert_clean(&catalog);
}

#[test]
fn what_retention_drops_stays_away_and_is_remembered() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::create(dir.path()).unwrap();
    for part in 0..4 {
        write_part(&catalog, part + 1, u64::from(part) * 10, 10).unwrap();
    }
    let bars = [
        bar(2, "1970-01-02"),
        bar(2, "1970-01-03"),
        bar(1, "1970-01-02"),
    ];
    write(&catalog, &meta("bars"), &bars);
    let untouched = snapshot(dir.path());
    let plan = catalog.retain(&dropping(2 * DAY + 1, true)).unwrap();
    assert_eq!(snapshot(dir.path()), untouched);
    let done = retain(&catalog, 2 * DAY + 1);
    assert_eq!(done, plan);
    // Two days of trades; bars of a minute lie by month, and those of a day by decade.
    assert_eq!(done.rows, 20);
    let trades = ScanQuery {
        tables: vec![Table::Trades],
        ..ScanQuery::default()
    };
    assert_eq!(read(&catalog, &trades), records(20..40));
    let found = assert_clean(&catalog);
    assert_eq!((found.rows, found.rows_dropped), (23, 20));
    for part in 1..=4 {
        // It stays known, so that its segment does not come back; who writes it again writes all of it.
        assert!(catalog.holds_part("r", part).unwrap());
        let known = catalog.has_part("r", part, &format!("part {part}"));
        let rows = known.unwrap().map(|known| known.rows[&Table::Trades]);
        assert_eq!(rows, (part > 2).then_some(10));
    }
    let gone = ScanQuery {
        to: Some(Ts(DAY)),
        ..trades.clone()
    };
    assert_eq!(
        catalog.scan(&gone).err().unwrap().to_string(),
        "no data for trades of any instrument to 1970-01-02T00:00:00Z; retention dropped 10 rows of that, \
         from 1970-01-01T00:00:00Z to 1970-01-01T00:00:00.000000009Z; \
         the nearest are trades of test.BTC-USD from 1970-01-03T00:00:00.00000002Z to 1970-01-04T00:00:00.000000038Z"
    );
    assert_eq!(retain(&catalog, 2 * DAY + 1), RetainReport::default());
    compact(&catalog);
    assert_eq!(read(&catalog, &trades), records(20..40));
    assert_clean(&catalog);
}

/// Breaks a file of a catalog of two parts, and expects one fault.
fn check_fault(damage: impl FnOnce(&Path), expected: &str) {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::create(dir.path()).unwrap();
    for part in 1..3 {
        let mut writer = catalog.writer(&meta("r"), part, "").unwrap();
        writer.push(u64::from(part), &trade(0, 5, 1)).unwrap();
        writer.finish().unwrap();
    }
    damage(dir.path());
    let found = verify(&catalog);
    let faults: Vec<String> = found.faults.iter().map(ToString::to_string).collect();
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(
        faults[0].contains(expected),
        "{} lacks {expected}",
        faults[0]
    );
}

const IN_PARTITION: &str = "kind=trades/instrument=test.WHOLE/date=1970-01-01";

/// Changes the index entry of the first part.
fn edit_entry(root: &Path, from: &str, to: &str) {
    let path = root.join("_runs/r/part-00000001.json");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{text}");
    // As of an earlier version, which has no hash in it.
    let sealed = text.find(",\n  \"xxh3\"").unwrap();
    let text = format!("{}\n}}", &text[..sealed]);
    fs::write(&path, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn each_fault_is_named() {
    let file = |root: &Path| root.join(IN_PARTITION).join("r-00000001.parquet");
    check_fault(
        |root| fs::remove_file(file(root)).unwrap(),
        "r-00000001.parquet: no such file, expected a file that the index lists",
    );
    let flip = |root: &Path| {
        let mut bytes = fs::read(file(root)).unwrap();
        bytes[100] ^= 1;
        fs::write(file(root), bytes).unwrap();
    };
    check_fault(flip, "r-00000001.parquet: content with the hash ");
    let cut = |root: &Path| {
        let bytes = fs::read(file(root)).unwrap();
        fs::write(file(root), &bytes[..bytes.len() - 1]).unwrap();
    };
    check_fault(cut, "bytes, expected ");
    // An index without hashes, as of version 1: the footer and the rows still tell.
    let forget = |root: &Path| {
        let path = root.join("_runs/r/part-00000001.json");
        let mut entry: serde_json::Value =
            serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let listed = entry["files"][0].as_object_mut().unwrap();
        listed.remove("hash");
        listed.remove("bytes");
        entry.as_object_mut().unwrap().remove("xxh3");
        fs::write(&path, entry.to_string()).unwrap();
    };
    let cut = |root: &Path| {
        forget(root);
        let bytes = fs::read(file(root)).unwrap();
        fs::write(file(root), &bytes[..bytes.len() - 1]).unwrap();
    };
    check_fault(cut, "expected a file that can be read");
    check_fault(
        |root| edit_entry(root, "\"rows\": 1", "\"rows\": 2"),
        "rows 1 in the footer, expected 2",
    );
    let swap = |root: &Path| {
        forget(root);
        fs::copy(file(root).with_file_name("r-00000002.parquet"), file(root)).unwrap();
    };
    check_fault(swap, "first {");
    let twice = |root: &Path| {
        let other = root.join("_runs/r/part-00000002.json");
        fs::copy(&other, root.join("_runs/r/part-00000003.json")).unwrap();
    };
    check_fault(
        twice,
        "r-00000002.parquet: sequence 2 again, expected each row once in its run",
    );
    let elsewhere = |root: &Path| {
        let there = "kind=trades/instrument=test.WHOLE/date=1970-01-02/r-00000001.parquet";
        fs::create_dir_all(root.join(there).parent().unwrap()).unwrap();
        fs::rename(file(root), root.join(there)).unwrap();
        edit_entry(root, "date=1970-01-01", "date=1970-01-02");
    };
    check_fault(
        elsewhere,
        "row 0 of 1970-01-01T00:00:00.000000005Z, expected rows of its date",
    );
    check_fault(
        |root| edit_entry(root, "\"schema\": 6", "\"schema\": 7"),
        "schema is 7, expected at most 6",
    );
    check_fault(
        |root| fs::write(root.join("_runs/r/part-00000002.json"), "{").unwrap(),
        "expected an index of this version",
    );
}

#[test]
fn leftovers_are_no_faults_and_can_be_removed() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::create(dir.path()).unwrap();
    write_part(&catalog, 1, 0, 5).unwrap();
    let mut lost = catalog.writer(&meta("r"), 2, "lost").unwrap();
    let days = i64::try_from(OPEN_FILES_MAX).unwrap() + 2;
    let busy = (0..i64::try_from(IDLE_ROWS).unwrap()).map(|_| days - 3);
    for (seq, n) in (0..).zip((0..days - 2).chain(busy).chain(days - 2..days)) {
        lost.push(seq, &trade(0, n * DAY, 1)).unwrap();
    }
    drop(lost);
    let foreign = dir.path().join(IN_PARTITION).join("mine.parquet");
    fs::write(&foreign, "not ours").unwrap();
    let found = verify(&catalog);
    assert_eq!((found.faults.len(), found.rows), (0, 5));
    let count = |what| found.leftovers.iter().filter(|l| l.what == what).count();
    assert_eq!(count(LeftoverKind::BegunMark), 1);
    assert_eq!(count(LeftoverKind::Temporary), OPEN_FILES_MAX);
    // Two that were complete, and the stranger.
    assert_eq!(count(LeftoverKind::Unlisted), 3);
    assert_eq!(
        catalog.remove_leftovers().unwrap(),
        OPEN_FILES_MAX as u64 + 3
    );
    let found = verify(&catalog);
    assert_eq!(found.leftovers.len(), 1);
    assert_eq!(found.leftovers[0].run, None);
    assert!(foreign.exists());
}

/// The catalog that a version of the schema wrote, and the records that it was given.
pub(super) fn golden(version: u32) -> (tempfile::TempDir, Vec<String>) {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/v{version}"));
    let dir = tempfile::tempdir().unwrap();
    copy(&golden.join("catalog"), dir.path());
    let text = fs::read_to_string(golden.join("records.txt")).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    (dir, lines)
}

/// Everything in a catalog: run, sequence, number of the output plus one, bytes of the record.
pub(super) fn lines(catalog: &Catalog) -> Vec<String> {
    let mut lines = Vec::new();
    for meta in catalog.runs().unwrap() {
        let index = index::read_index(catalog.store(), &meta.run).unwrap();
        for file in index.files() {
            let mut rows = follow::open_rows(catalog, &meta, file).unwrap();
            while rows.fill().unwrap() {
                let key = rows.rows.key().unwrap();
                let record = rows.rows.take().placed.record;
                let hex: String = record
                    .as_bytes()
                    .iter()
                    .map(|b| format!("{b:02x}"))
                    .collect();
                lines.push(format!("{} {} {} {hex}", meta.run, key.seq, key.output));
            }
        }
    }
    lines.sort();
    lines
}

fn migrate(catalog: &Catalog, dry_run: bool) -> Result<MigrateReport> {
    catalog.migrate(dry_run, &mut |_| ControlFlow::Continue(()))
}

/// A catalog of an earlier version, of whose files so many have no hash.
fn check_migration(version: u32, without_hash: u64) {
    let (dir, expected) = golden(version);
    assert_eq!(expected.len(), 51);
    let catalog = Catalog::open(dir.path()).unwrap();
    assert_eq!(lines(&catalog), expected);
    let found = assert_clean(&catalog);
    assert_eq!((found.files, found.without_hash), (30, without_hash));
    // A run alone reads as before; the order of several is not known.
    let one = ScanQuery {
        runs: vec!["recorded".to_owned()],
        ..ScanQuery::default()
    };
    let before: Vec<_> = catalog.scan(&one).unwrap().map(Result::unwrap).collect();
    let several = catalog.scan(&ScanQuery::default());
    let error = several.err().unwrap().to_string();
    assert!(error.contains("tickloom catalog migrate"), "{error}");

    let untouched = snapshot(dir.path());
    let plan = migrate(&catalog, true).unwrap();
    assert_eq!(snapshot(dir.path()), untouched);
    let done = migrate(&catalog, false).unwrap();
    assert_eq!(done, plan);
    assert_eq!(done.versions, BTreeMap::from([(version, 30)]));
    assert_eq!((done.rewritten.files_after, done.rewritten.rows), (30, 51));
    assert_eq!(lines(&catalog), expected);
    let found = assert_clean(&catalog);
    assert_eq!((found.files, found.without_hash), (30, 0));
    let done = migrate(&catalog, false).unwrap();
    assert_eq!(done.rewritten, RewriteReport::default());
    assert_eq!(done.versions, BTreeMap::from([(6, 30)]));
    let source = "journal:00000000000000000000000000000002";
    assert!(catalog.has_part("recorded", 2, source).unwrap().is_some());
    let after: Vec<_> = catalog.scan(&one).unwrap().map(Result::unwrap).collect();
    assert_eq!(after, before);
    assert!(catalog.scan(&ScanQuery::default()).unwrap().count() > before.len());
}

#[test]
fn catalogs_of_versions_1_and_2_read_and_become_ones_of_version_6() {
    check_migration(1, 30);
    check_migration(2, 0);
}

#[test]
fn a_migration_that_died_can_be_done_again() {
    for changes in (0..).step_by(7) {
        let (dir, expected) = golden(1);
        let dying = Store::at(dir.path()).unwrap().dying_after(changes);
        let done = migrate(&Catalog::open_in(dying).unwrap(), false);
        let catalog = Catalog::open(dir.path()).unwrap();
        assert_eq!(lines(&catalog), expected, "after {changes} changes");
        assert!(verify(&catalog).faults.is_empty());
        migrate(&catalog, false).unwrap();
        assert_eq!(lines(&catalog), expected);
        assert_eq!(assert_clean(&catalog).without_hash, 0);
        if done.is_ok() {
            assert!(changes > 60, "it has to die many times before");
            return;
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Write(u64),
    Compact(u64),
    Retain(i64),
    /// The next step dies after so many changes, and is done again by a new process.
    Die(u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1_u64..25).prop_map(Step::Write),
        2 => prop_oneof![Just(7_u64), Just(1_000)].prop_map(Step::Compact),
        1 => (0_i64..8).prop_map(Step::Retain),
        3 => (0_u32..40).prop_map(Step::Die),
    ];
    proptest::collection::vec(step, 1..14)
}

/// Does one step; `part` and `next` are those of the next part.
fn take(catalog: &Catalog, step: &Step, part: u32, next: Seq) -> Result<()> {
    let mut go_on = |_| ControlFlow::Continue(());
    match step {
        Step::Write(rows) => {
            if catalog
                .has_part("r", part, &format!("part {part}"))?
                .is_none()
            {
                write_part(catalog, part, next, *rows)?;
            }
        }
        Step::Compact(rows_max) => {
            let options = CompactOptions {
                rows_max: *rows_max,
                ..CompactOptions::default()
            };
            catalog.compact(&options, &mut go_on)?;
        }
        Step::Retain(days) => {
            catalog.retain(&dropping(days * DAY, false))?;
        }
        Step::Die(_) => {}
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn whatever_is_done_and_dies_the_catalog_is_what_was_written_and_not_dropped(steps in steps()) {
        let dir = tempfile::tempdir().unwrap();
        let catalog = Catalog::create(dir.path()).unwrap();
        let (mut part, mut next) = (1, 0);
        let mut model: Vec<(Seq, Record)> = Vec::new();
        let mut changes = None;
        for step in steps {
            if let Step::Die(after) = step {
                changes = Some(after);
                continue;
            }
            let mut after = model.clone();
            match step {
                Step::Write(rows) => after.extend(records(next..next + rows)),
                Step::Retain(days) => after.retain(|(_, record)| record.header.ts_event >= days * DAY),
                _ => {}
            }
            if let Some(changes) = changes.take() {
                let dying = Store::at(dir.path()).unwrap().dying_after(changes);
                take(&Catalog::open_in(dying).unwrap(), &step, part, next).ok();
                let found = catalog.scan(&ScanQuery::default());
                let found: Vec<_> = found.map_or(Vec::new(), |scan| scan.map(Result::unwrap).collect());
                prop_assert!(found == model || found == after, "half of {step:?} after {changes} changes");
                let found = verify(&catalog);
                prop_assert_eq!(found.faults, vec![]);
            }
            take(&catalog, &step, part, next).unwrap();
            if let Step::Write(rows) = step {
                (part, next) = (part + 1, next + rows);
            }
            model = after;
            let found = catalog.scan(&ScanQuery::default());
            let found: Vec<_> = found.map_or(Vec::new(), |scan| scan.map(Result::unwrap).collect());
            prop_assert_eq!(&found, &model);
        }
        compact(&catalog);
        let found = assert_clean(&catalog);
        prop_assert_eq!((found.rows, found.rows + found.rows_dropped), (model.len() as u64, next));
    }
}

#[test]
fn readers_see_all_parts_so_far_while_others_write_and_compact() {
    const PARTS: u32 = 40;
    const ROWS: u64 = 7;
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::create(dir.path()).unwrap();
    let is_done = AtomicBool::new(false);
    let read_on = || {
        let mut before = 0;
        while !is_done.load(Ordering::Acquire) {
            let scan = match catalog.scan(&ScanQuery::default()) {
                Ok(scan) => scan,
                Err(CatalogError::Empty { .. }) => continue,
                Err(error) => panic!("{error}"),
            };
            let found: Vec<_> = scan.map(Result::unwrap).collect();
            let seen = found.len() as u64;
            assert_eq!(found, records(0..seen));
            assert!(
                seen >= before && seen.is_multiple_of(ROWS),
                "{seen} after {before}"
            );
            before = seen;
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(read_on);
        scope.spawn(read_on);
        scope.spawn(|| {
            while !is_done.load(Ordering::Acquire) {
                compact(&catalog);
            }
        });
        scope.spawn(|| {
            while !is_done.load(Ordering::Acquire) {
                assert_eq!(verify(&catalog).faults, vec![]);
            }
        });
        for part in 0..PARTS {
            write_part(&catalog, part + 1, u64::from(part) * ROWS, ROWS).unwrap();
        }
        is_done.store(true, Ordering::Release);
    });
    compact(&catalog);
    assert_eq!(read_all(&catalog), records(0..u64::from(PARTS) * ROWS));
    assert_clean(&catalog);
}

/// Bars of a minute lay by day up to version 4: a compaction puts the days of a month together.
#[test]
fn days_of_an_earlier_version_become_months() {
    let (dir, expected) = golden(4);
    let catalog = Catalog::open(dir.path()).unwrap();
    let bars = || {
        let files = catalog.files(Table::Bars).unwrap();
        let dirs = files
            .iter()
            .map(|file| file.path.parent().unwrap().display().to_string());
        dirs.collect::<Vec<_>>()
    };
    assert_eq!(
        bars(),
        [
            "kind=bars/instrument=A/date=2024-08-08",
            "kind=bars/instrument=B/date=2024-08-08"
        ]
    );
    migrate(&catalog, false).unwrap();
    assert_eq!(
        bars(),
        [
            "kind=bars/instrument=A/date=2024-08-01",
            "kind=bars/instrument=B/date=2024-08-01"
        ]
    );
    assert_eq!(lines(&catalog), expected);
    assert_clean(&catalog);
}

/// How many rows the files have that parts of a recording become, of a bar each.
fn rows_of_files(size: u16, days: &[&str]) -> Vec<u64> {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::create(dir.path()).unwrap();
    let meta = meta("r");
    for (part, day) in (1..).zip(days) {
        let mut writer = catalog
            .writer(&meta, part, &format!("part {part}"))
            .unwrap();
        writer.push(u64::from(part), &bar(size, day)).unwrap();
        writer.finish().unwrap();
    }
    let before = lines(&catalog);
    compact(&catalog);
    assert_eq!(lines(&catalog), before);
    assert_clean(&catalog);
    let files = catalog.files(Table::Bars).unwrap();
    files.iter().map(|file| file.rows).collect()
}

/// As earlier versions and parts of a recording leave them; a bar that closes as a decade ends is of that decade.
#[test]
fn files_of_a_month_or_a_decade_become_one() {
    let minutes = ["1970-01-02", "1970-01-20", "1970-02-03"];
    assert_eq!(rows_of_files(1, &minutes), [2, 1]);
    let days = ["1970-01-02", "1975-06-01", "1980-01-01", "1980-01-02"];
    assert_eq!(rows_of_files(2, &days), [3, 1]);
}

#[test]
fn a_run_that_was_begun_and_has_nothing_is_forgotten_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::create(dir.path()).unwrap();
    // As live runs are, whose parts have the numbers of their segments.
    write_part(&catalog, 1, 0, 4).unwrap();
    drop(catalog.writer(&meta("begun"), 0, "test").unwrap());
    let names = || -> Vec<String> {
        let runs = catalog.runs().unwrap().into_iter();
        runs.map(|run| run.run).collect()
    };
    assert_eq!(names(), ["begun", "r"]);
    catalog.forget_begun("r").unwrap();
    catalog.forget_begun("begun").unwrap();
    assert_eq!(names(), ["r"]);
    assert_eq!(read_all(&catalog), records(0..4));
}

/// What an import has looked at is there until it is done: retention waits for it.
#[test]
fn retention_waits_for_imports() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::create(dir.path()).unwrap();
    write_part(&catalog, 0, 0, 20).unwrap();
    let is_done = AtomicBool::new(false);
    let alone = catalog.importing(&[], ["binance.BTCUSDT"]).unwrap();
    std::thread::scope(|scope| {
        let retention = scope.spawn(|| {
            let dropped = retain(&catalog, DAY);
            (dropped.rows, is_done.load(Ordering::SeqCst))
        });
        assert_eq!(read_all(&catalog).len(), 20);
        is_done.store(true, Ordering::SeqCst);
        drop(alone);
        assert_eq!(retention.join().unwrap(), (10, true));
    });
    // An import that begins after it sees what it left.
    drop(catalog.importing(&[], ["binance.BTCUSDT"]).unwrap());
    assert_eq!(read_all(&catalog).len(), 10);
}
