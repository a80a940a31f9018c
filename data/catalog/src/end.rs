//! What is known at the end of an import, beside what its run is: `end.json` in the run's directory of the index.

use super::Catalog;
use super::index::run_names;
use super::part::{from_json, run_dir, run_of, runs_dir, to_json};
use super::store::Store;
use crate::{CatalogError, Refusals, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use tickloom_types::BookEnd;

const NAME: &str = "end.json";

/// What an import knew at its end. Runs that were recorded live have none, and imports of earlier versions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunEnd {
    /// Lines of its files that were left out.
    pub left_out: Refusals,
    /// Where the books stood that were whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub books: Vec<BookEnd>,
    /// What the format of its files keeps beside their records, to write them again as they were. One does, after which it is named in
    /// the file.
    #[serde(default, rename = "dbn", skip_serializing_if = "Option::is_none")]
    pub origin: Option<Value>,
    /// Of a run that a compaction made of many imports, what each of them left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<MemberEnd>,
}

/// What imports of some instruments left out that are one run now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberEnd {
    /// Their instruments, by name.
    pub instruments: BTreeSet<String>,
    /// Lines that were left out.
    pub left_out: Refusals,
}

impl RunEnd {
    /// Lines that were left out by imports that have one of these instruments; by all if none is named. Of runs that earlier versions made of
    /// many, all of it.
    #[must_use]
    pub fn left_out_of(&self, instruments: &BTreeSet<&str>) -> Refusals {
        if self.members.is_empty() || instruments.is_empty() {
            return self.left_out.clone();
        }
        let mut left_out = Refusals::default();
        let has = |member: &&MemberEnd| {
            let mut names = member.instruments.iter();
            names.any(|name| instruments.contains(name.as_str()))
        };
        for member in self.members.iter().filter(has) {
            left_out.join(&member.left_out);
        }
        left_out
    }

    /// Adds what a run of these instruments left out, which becomes part of this one.
    pub(crate) fn join<'a>(&mut self, other: &RunEnd, of: impl IntoIterator<Item = &'a str>) {
        self.left_out.join(&other.left_out);
        let own = MemberEnd {
            instruments: of.into_iter().map(str::to_owned).collect(),
            left_out: other.left_out.clone(),
        };
        let all = match other.members.is_empty() {
            true => std::slice::from_ref(&own),
            false => &other.members,
        };
        for member in all {
            let mut known = self.members.iter_mut();
            match known.find(|known| known.instruments == member.instruments) {
                Some(known) => known.left_out.join(&member.left_out),
                None => self.members.push(member.clone()),
            }
        }
    }
}

impl Catalog {
    /// What is known of the ends of these runs, by name.
    ///
    /// # Errors
    /// As [`Catalog::runs`].
    pub fn run_ends_of(&self, runs: &[String]) -> Result<BTreeMap<String, RunEnd>> {
        let ends = runs.iter().map(|run| {
            let end = read_end(self.store(), run)?;
            Ok(end.map(|end| (run.clone(), end)))
        });
        ends.filter_map(Result::transpose).collect()
    }

    /// What is known of the ends of all runs, by name.
    ///
    /// # Errors
    /// As [`Catalog::runs`].
    pub fn run_ends(&self) -> Result<BTreeMap<String, RunEnd>> {
        let store = self.store();
        let runs: BTreeSet<String> = run_names(store)?.into_iter().collect();
        let files = store.paths(&runs_dir())?.into_iter();
        let is_end = |path: &PathBuf| {
            path.file_name().is_some_and(|name| name == NAME)
                && run_of(path).is_some_and(|run| runs.contains(run))
        };
        let paths: Vec<PathBuf> = files.filter(is_end).collect();
        let all = store.read_all(&paths)?;
        let ends = paths.iter().zip(all);
        ends.map(|(path, bytes)| {
            let run = run_of(path).unwrap_or_default().to_owned();
            Ok((run, from_json(store, path, &bytes)?))
        })
        .collect()
    }

    /// What the format of a run's files keeps beside their records, as [`RunEnd::origin`] has it; `None` if it keeps nothing.
    ///
    /// # Errors
    /// As [`Catalog::runs`], also if it is nothing that the format keeps.
    pub fn origin_of<T: DeserializeOwned>(&self, run: &str) -> Result<Option<T>> {
        let store = self.store();
        let origin = read_end(store, run)?.and_then(|end| end.origin);
        let origin = origin.map(|origin| {
            serde_json::from_value(origin).map_err(|error| CatalogError::Schema {
                file: store.url(&end_path(run)),
                field: "dbn".to_owned(),
                found: error.to_string(),
                expected: "what this version keeps of a file".to_owned(),
            })
        });
        origin.transpose()
    }
}

/// Reads what is known of a run's end; `None` if it has none.
pub(crate) fn read_end(store: &Store, run: &str) -> Result<Option<RunEnd>> {
    let path = end_path(run);
    if !store.exists(&path)? {
        return Ok(None);
    }
    from_json(store, &path, &store.read(&path)?).map(Some)
}

/// Where it is kept.
pub(super) fn end_path(run: &str) -> PathBuf {
    run_dir(run).join(NAME)
}

/// Keeps what is known. Written and settled before the part is listed, so that whoever sees the part sees it.
pub(super) fn write_end(store: &Store, run: &str, end: &RunEnd) -> Result<()> {
    store.put_unsettled(&end_path(run), &to_json(end))
}

#[cfg(test)]
mod tests {
    use super::super::part::RUNS_DIR;
    use super::*;
    use std::ops::ControlFlow;
    use tickloom_journal::RunMeta;
    use tickloom_types::{
        BookEnd, Header, InstrumentId, Instruments, Kind, SourceDef, SourceId, SourceKind,
        TimerBody, Ts,
    };

    /// Its text is a contract: catalogs outlive versions.
    const TEXT: &str = r#"{
  "left_out": {
    "lines": 9,
    "refused": 2,
    "reasons": {
      "close: expected a number": 2
    },
    "places": [
      "x.csv, line 3"
    ]
  },
  "books": [
    {
      "source": "binance",
      "instrument": "binance.BTCUSDT",
      "first_id": 4,
      "last_id": 7,
      "is_joined": true,
      "venue_time": 12
    }
  ],
  "xxh3": "f4add5420552e9e61d6d87c96257cda4"
}"#;

    fn end() -> RunEnd {
        let mut left_out = Refusals::new(9);
        left_out.add("close: expected a number", 2);
        left_out.at("x.csv, line 3");
        let book = BookEnd {
            source: "binance".to_owned(),
            instrument: "binance.BTCUSDT".to_owned(),
            first_id: 4,
            last_id: 7,
            is_joined: true,
            venue_time: Some(Ts(12)),
        };
        RunEnd {
            left_out,
            books: vec![book],
            ..RunEnd::default()
        }
    }

    #[test]
    fn what_members_of_a_bundle_left_out_is_asked_by_instrument() {
        let left_out = |lines, refused| {
            let mut left_out = Refusals::new(lines);
            left_out.add("close: expected a number", refused);
            RunEnd {
                left_out,
                ..RunEnd::default()
            }
        };
        let mut first = RunEnd::default();
        first.join(&left_out(300, 1), ["EE"]);
        first.join(&left_out(40, 0), ["A2", "B"]);
        let mut bundle = RunEnd::default();
        bundle.join(&first, ["A2", "B", "EE"]);
        bundle.join(&left_out(7, 2), ["A2", "B"]);
        let of = |names: &[&str]| {
            let found = bundle.left_out_of(&names.iter().copied().collect());
            (found.lines, found.refused)
        };
        assert_eq!(bundle.members.len(), 2);
        assert_eq!(
            [of(&["EE"]), of(&["B"]), of(&["C"])],
            [(300, 1), (47, 2), (0, 0)]
        );
        assert_eq!([of(&["A2", "EE"]), of(&[])], [(347, 3); 2]);
    }

    #[test]
    fn what_an_import_knew_is_kept_with_its_run_and_replaced_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let catalog = Catalog::create(dir.path()).unwrap();
        let mut instruments = Instruments::new();
        let source = SourceDef::new("binance", SourceKind::Feed);
        instruments.add_source(source).unwrap();
        let meta = RunMeta::new("import-1", Ts(0), instruments).unwrap();
        let header = Header::new(Kind::Timer, InstrumentId::NONE, SourceId(0), Ts(1), Ts(1));
        let write = |source: &str, end: Option<RunEnd>| {
            let mut writer = catalog.writer(&meta, 0, source).unwrap();
            writer
                .push(0, &TimerBody::default().record(header))
                .unwrap();
            if let Some(end) = end {
                writer.set_end(end);
            }
            writer.finish().unwrap();
            catalog.run_ends().unwrap()
        };
        assert!(write("a", None).is_empty());
        assert_eq!(write("b", Some(end()))["import-1"], end());
        let file = dir.path().join(RUNS_DIR).join("import-1").join(NAME);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), TEXT);
        let faults = || {
            let report = catalog.verify(&mut |_| ControlFlow::Continue(()));
            report.unwrap().faults
        };
        assert_eq!(faults(), []);
        std::fs::write(&file, "{").unwrap();
        assert_eq!(faults()[0].file, end_path("import-1"));
        let other = write("c", Some(RunEnd::default()));
        assert_eq!(other["import-1"], RunEnd::default());
    }
}
