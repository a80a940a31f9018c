//! What an exported file says of itself, so that it can be read back as it was: the runs that its rows are of, with their
//! instruments, sources, and the names of signals and strategies.

use crate::{FormatError, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;
use tickloom_catalog::SCHEMA_VERSION;
use tickloom_catalog::{ScanQuery, Table};
use tickloom_journal::RunMeta;
use tickloom_types::Instruments;

/// Version of exported files that this code writes and reads.
const EXPORT_VERSION: u32 = 1;
/// Schema version of the catalog whose exported files are the first that have the columns of today's.
const SCHEMA_SINCE: u32 = 5;
/// Runs whose rows one file may hold.
const RUNS_MAX: usize = 65_536;

/// The JSON under the key `tickloom` of an exported file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileHeader {
    export: u32,
    schema: u32,
    pub(crate) table: Table,
    /// By name; the rows name theirs.
    pub(crate) runs: Vec<RunMeta>,
    /// Rows in the file. Text says so, as nothing else tells that its end is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rows: Option<u64>,
}

impl FileHeader {
    /// The header of a file of what `query` selects of these runs. What a run was configured with stays at home.
    pub(crate) fn new(table: Table, runs: &[RunMeta], query: &ScanQuery) -> FileHeader {
        let run = |meta: &RunMeta| RunMeta {
            instruments: wanted(&meta.instruments, &query.instruments),
            config: String::new(),
            ..meta.clone()
        };
        FileHeader {
            export: EXPORT_VERSION,
            schema: SCHEMA_VERSION,
            table,
            runs: runs.iter().map(run).collect(),
            rows: None,
        }
    }

    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("plain fields are JSON")
    }

    /// Reads and checks the header of a file.
    pub(crate) fn from_json(path: &Path, text: &[u8]) -> Result<FileHeader> {
        let wrong = |found: String| FormatError::Schema {
            file: path.to_owned(),
            field: "metadata \"tickloom\"".to_owned(),
            found,
            expected: format!(
                "that of an exported file of version {EXPORT_VERSION}, schema version {SCHEMA_SINCE} to {SCHEMA_VERSION}"
            ),
        };
        let versions: Versions =
            serde_json::from_slice(text).map_err(|error| wrong(error.to_string()))?;
        let schemas = SCHEMA_SINCE..=SCHEMA_VERSION;
        if versions.export != EXPORT_VERSION || !schemas.contains(&versions.schema) {
            let Versions { export, schema } = versions;
            return Err(wrong(format!("version {export}, schema version {schema}")));
        }
        let mut header: FileHeader =
            serde_json::from_slice(text).map_err(|error| wrong(error.to_string()))?;
        let ascend = |pair: &[RunMeta]| pair[0].run < pair[1].run;
        if header.runs.len() > RUNS_MAX || !header.runs.windows(2).all(ascend) {
            let found = format!("a list of {} runs", header.runs.len());
            return Err(wrong(format!("{found}, too long or not by name")));
        }
        for run in &mut header.runs {
            run.check()?;
            run.instruments = checked(&run.instruments)?;
        }
        Ok(header)
    }
}

/// What every version begins with.
#[derive(Deserialize)]
struct Versions {
    export: u32,
    schema: u32,
}

/// The instruments with these names, or all, and all sources.
fn wanted(all: &Instruments, names: &[String]) -> Instruments {
    let mut wanted = Instruments::new();
    for def in all.defs() {
        if names.is_empty() || names.contains(&def.name) {
            wanted.add(def.clone()).expect("it was added before");
        }
    }
    for source in all.sources() {
        wanted
            .add_source(source.clone())
            .expect("it was added before");
    }
    wanted
}

/// The same, with every definition checked.
fn checked(found: &Instruments) -> Result<Instruments> {
    let mut all = Instruments::new();
    for def in found.defs() {
        all.add(def.clone())?;
    }
    for source in found.sources() {
        all.add_source(source.clone())?;
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Version 6 changed where files lie, not what an exported one has.
    #[test]
    fn exported_files_of_the_version_before_are_read() {
        let header = FileHeader::new(Table::Bars, &[], &ScanQuery::default());
        let text = |version: u32| {
            let now = format!("\"schema\":{SCHEMA_VERSION}");
            let text = header.to_json();
            assert!(text.contains(&now));
            text.replace(&now, &format!("\"schema\":{version}"))
        };
        let read = |version| FileHeader::from_json(Path::new("x"), text(version).as_bytes());
        assert_eq!(read(6).unwrap(), header);
        assert_eq!(read(5).unwrap().table, Table::Bars);
        for version in [4, 7] {
            let error = read(version).unwrap_err().to_string();
            assert!(error.contains("schema version 5 to 6"), "{error}");
        }
    }
}
