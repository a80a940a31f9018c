//! Files and texts that are imported, and what is in the catalog then.

use crate::cli::{Ran, tickloom, workspace};
use serde_json::Value;
use std::path::Path;
use tickloom_data::{Catalog, ScanQuery};
use tickloom_types::{
    BarBody, InstrumentDef, Instruments, Kind, LevelBody, Record, Ts, format_decimal,
};

pub(crate) fn case(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    folder.join(name).display().to_string()
}

/// What an import came to: its report and the records in the catalog.
pub(crate) struct Imported {
    pub(crate) report: Value,
    pub(crate) instruments: Instruments,
    pub(crate) records: Vec<Record>,
}

pub(crate) fn import_all(files: &[&str], more: &[&str]) -> Imported {
    let dir = workspace();
    let catalog = dir.path().join("catalog").display().to_string();
    let words = [&["import"], files, &["--catalog", &catalog, "--json"], more].concat();
    let ran = tickloom(&words);
    assert_eq!(ran.code, 0, "{files:?}: {}", ran.stderr);
    let scan = Catalog::open(Path::new(&catalog))
        .unwrap()
        .scan(&ScanQuery::default())
        .unwrap();
    Imported {
        report: serde_json::from_str(&ran.stdout).unwrap(),
        instruments: scan.instruments().clone(),
        records: scan.map(|next| next.unwrap().1).collect(),
    }
}

pub(crate) fn import(file: &str, more: &[&str]) -> Imported {
    import_all(&[file], more)
}

/// A text as a file of this name, imported.
pub(crate) fn import_text(name: &str, text: &str, more: &[&str]) -> Imported {
    let dir = workspace();
    let file = dir.path().join(name);
    std::fs::write(&file, text).unwrap();
    import(&file.display().to_string(), more)
}

pub(crate) fn check_text(name: &str, text: &str, more: &[&str]) -> Ran {
    let dir = workspace();
    let file = dir.path().join(name).display().to_string();
    std::fs::write(&file, text).unwrap();
    let catalog = dir.path().join("catalog").display().to_string();
    tickloom(&[&["import", &file, "--catalog", &catalog, "--dry-run"], more].concat())
}

/// Refused as a whole, with these words.
pub(crate) fn refused(name: &str, text: &str, more: &[&str], expected: &[&str]) {
    let ran = check_text(name, text, more);
    assert_eq!(ran.code, 2, "{text}: {}", ran.stdout);
    for words in expected {
        assert!(ran.stderr.contains(words), "{words:?} in {}", ran.stderr);
    }
}

impl Imported {
    pub(crate) fn def(&self, record: &Record) -> &InstrumentDef {
        self.instruments.get(record.instrument()).unwrap()
    }

    /// Times of the records.
    pub(crate) fn times(&self) -> Vec<String> {
        self.records
            .iter()
            .map(|record| record.ts_event().to_string())
            .collect()
    }

    /// Closes and volumes of bars.
    pub(crate) fn bars(&self) -> Vec<(String, String)> {
        let bars = self.records.iter().map(|record| {
            let (bar, def) = (BarBody::of(record), self.def(record));
            let text = |mantissa: i64, decimals| {
                let text = format_decimal(i128::from(mantissa), decimals);
                match text.contains('.') {
                    true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
                    false => text,
                }
            };
            (
                text(bar.close, def.price_decimals),
                text(bar.volume, def.qty_decimals),
            )
        });
        bars.collect()
    }

    pub(crate) fn closes(&self) -> Vec<String> {
        self.bars().into_iter().map(|(close, _)| close).collect()
    }

    pub(crate) fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self
            .instruments
            .defs()
            .iter()
            .map(|def| def.name.as_str())
            .collect();
        names.sort_unstable();
        names
    }

    pub(crate) fn levels(&self) -> Vec<(&Record, LevelBody)> {
        self.records
            .iter()
            .filter(|record| record.kind() == Some(Kind::Level))
            .map(|record| (record, LevelBody::of(record)))
            .collect()
    }
}

pub(crate) fn ts(text: &str) -> Ts {
    Ts::parse(text).unwrap()
}
