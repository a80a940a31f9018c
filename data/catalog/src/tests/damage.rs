//! One byte of any file of a catalog is another one: `verify` names that file, or reading it does.

use super::upkeep::{assert_clean, compact, verify};
use super::*;
use std::ops::ControlFlow;
use std::path::PathBuf;

/// Bytes of each file that are changed in turn.
const PLACES: usize = 24;

/// What people may edit by hand, and what nobody reads.
fn is_excepted(path: &Path, bytes: &[u8]) -> bool {
    path.ends_with("_instruments.toml") || bytes.is_empty()
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let store = Store::at(dir).unwrap();
    let mut paths = store.paths(Path::new("")).unwrap();
    paths.sort();
    paths
}

/// Imports of one clock, which a compaction writes together, but for those with something of DBN's beside them.
fn import(catalog: &Catalog, run: &str, origin: Option<serde_json::Value>, times: [i64; 2]) {
    let mut instruments = Instruments::new();
    instruments
        .add(InstrumentDef::new("A", 0, 0, "USD"))
        .unwrap();
    let file = SourceDef::new("file", SourceKind::File);
    instruments.add_source(file).unwrap();
    let meta = RunMeta::new(run, Ts(0), instruments).unwrap();
    let mut writer = catalog.writer(&meta, 0, "import:{}").unwrap();
    let records = times.map(|ts| {
        let header = Header::new(Kind::Trade, InstrumentId(0), SourceId(0), Ts(ts), Ts(ts));
        TradeBody::default().record(header)
    });
    for (seq, record) in (0..).zip(&records) {
        writer.push(seq, record).unwrap();
    }
    let mut left_out = crate::Refusals::default();
    left_out.add("close: expected a number", 2);
    writer.set_end(RunEnd {
        left_out,
        origin,
        ..RunEnd::default()
    });
    writer.finish().unwrap();
}

/// Entries of parts, a checkpoint, ends of imports, a bundle with its decision, and what people say.
fn catalog(dir: &Path) -> Catalog {
    let catalog = Catalog::create(dir).unwrap();
    for run in ["import-1", "import-2"] {
        let shift = i64::from(run.ends_with('2')) * 10;
        import(&catalog, run, None, [shift + 1, shift + 2]);
    }
    for part in 0..3 {
        let mut writer = catalog.writer(&meta("r"), part, "journal:1").unwrap();
        let ts = i64::from(part);
        writer.push(part.into(), &trade(1, ts, 10)).unwrap();
        writer.finish().unwrap();
    }
    compact(&catalog);
    let kept = serde_json::json!({"publishers": {"1": "glbx"}, "symbols": ["ESH4"]});
    import(&catalog, "import-3", Some(kept), [50, 51]);
    catalog
        .change_definitions(|all| {
            let fields = [("kind", "future")];
            all.add(crate::Definition::from_fields("X", fields.iter().copied())?)
        })
        .unwrap();
    catalog
}

#[test]
fn a_changed_byte_of_any_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(assert_clean(&catalog(dir.path())).entries_without_hash, 0);
    let all = files(dir.path());
    let names: Vec<String> = all.iter().map(|path| path.display().to_string()).collect();
    for kind in [
        "meta.json",
        "end.json",
        "part-",
        "checkpoint.idx",
        "_bundles/",
        ".parquet",
        "_instruments.toml",
    ] {
        assert!(
            names.iter().any(|name| name.contains(kind)),
            "{kind}: {names:?}"
        );
    }
    for path in all {
        let whole = dir.path().join(&path);
        let bytes = fs::read(&whole).unwrap();
        if is_excepted(&path, &bytes) {
            continue;
        }
        let step = bytes.len().div_ceil(PLACES);
        for at in (0..bytes.len()).step_by(step).chain([bytes.len() - 1]) {
            let mut other = bytes.clone();
            // Of a digit another digit: what parses still.
            other[at] ^= 1;
            fs::write(&whole, &other).unwrap();
            let name = path.file_name().unwrap().to_str().unwrap();
            // Nothing is known of what was read before.
            let damaged = Catalog::open(dir.path()).unwrap();
            let said = match damaged.verify(&mut |_| ControlFlow::Continue(())) {
                Ok(found) => {
                    let faults: Vec<String> =
                        found.faults.iter().map(ToString::to_string).collect();
                    faults.join("\n")
                }
                Err(error) => error.to_string(),
            };
            assert!(
                said.contains(name),
                "{} byte {at}: {said:?}",
                path.display()
            );
        }
        fs::write(&whole, &bytes).unwrap();
    }
    assert_clean(&Catalog::open(dir.path()).unwrap());
}

/// An import whose `meta.json` is gone is none that anybody reads: it is named.
#[test]
fn a_run_that_lost_what_it_is_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = catalog(dir.path());
    fs::remove_file(dir.path().join("_runs/import-3/meta.json")).unwrap();
    let [fault] = &verify(&catalog).faults[..] else {
        panic!("one fault");
    };
    assert_eq!(fault.file, Path::new("_runs/import-3/meta.json"));
    // As is one in another's place.
    fs::copy(
        dir.path().join("_runs/r/meta.json"),
        dir.path().join("_runs/import-3/meta.json"),
    )
    .unwrap();
    let faults = verify(&catalog).faults;
    assert!(
        faults.iter().any(|fault| fault.found == "what r is"),
        "{faults:?}"
    );
}

/// Entries of an earlier version are read, and said to be not covered.
#[test]
fn entries_without_a_hash_are_read_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = catalog(dir.path());
    let before = read(&catalog, &ScanQuery::default());
    let mut stripped = 0;
    for path in files(dir.path()) {
        let whole = dir.path().join(&path);
        if path.extension().is_some_and(|ending| ending == "json") {
            let text = fs::read_to_string(&whole).unwrap();
            let at = text.find(",\n  \"xxh3\"").unwrap();
            fs::write(&whole, format!("{}\n}}", &text[..at])).unwrap();
            stripped += 1;
        }
    }
    let catalog = Catalog::open(dir.path()).unwrap();
    assert_eq!(assert_clean(&catalog).entries_without_hash, stripped);
    assert_eq!(read(&catalog, &ScanQuery::default()), before);
}

/// What is in one run that cannot be read loses none of the others, and is named.
#[test]
fn an_entry_that_cannot_be_read_loses_no_other_run() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::create(dir.path()).unwrap();
    import(&catalog, "import-1", None, [1, 2]);
    import(&catalog, "import-2", None, [11, 12]);
    let path = dir.path().join("_runs/import-1/part-00000000.json");
    std::fs::write(&path, "{}").unwrap();
    let of = |run: &str| crate::Selection {
        runs: vec![run.to_owned()],
        ..crate::Selection::default()
    };
    for selection in [crate::Selection::default(), of("import-1")] {
        let error = catalog.list(&selection).unwrap_err().to_string();
        assert!(error.contains("import-1/part-00000000.json"), "{error}");
        let is_told = error.contains("the other runs are read by their names (--run)");
        assert_eq!(is_told, selection.runs.is_empty(), "{error}");
    }
    let listed = catalog.list(&of("import-2")).unwrap();
    assert_eq!(listed.tables[0].extent.rows, 2);
    let query = ScanQuery {
        runs: vec!["import-2".to_owned()],
        ..ScanQuery::default()
    };
    let rows = catalog.scan(&query).unwrap().map(Result::unwrap);
    assert_eq!(rows.count(), 2);
    let found = verify(&catalog);
    assert_eq!(found.faults.len(), 1, "{:?}", found.faults);
    assert!(
        found.faults[0].to_string().contains("import-1"),
        "{:?}",
        found.faults
    );
}
