//! One recorded run, made once, and copies of it to be spoilt.

use crate::cli::{Ran, workspace};
use crate::common::{Running, read_journal, settings, until};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tempfile::TempDir;
use tickloom_data::{Catalog, ScanQuery};
use tickloom_feeds::local_venue::{LocalVenue, LocalVenueConfig, Speed};
use tickloom_feeds::samples::samples;
use tickloom_journal::{segment_name, segment_numbers, snapshot_files};
use tickloom_types::{Record, Seq};

/// A run of three sessions, the first of which was killed: its record directory, after the second and after the third session.
pub(crate) struct Recorded {
    venue: LocalVenue,
    run: String,
    /// As it was one session before.
    older: TempDir,
    newer: TempDir,
    inputs: Vec<(Seq, Record)>,
}

/// A copy of the newer one.
pub(crate) struct Copy {
    dir: TempDir,
    config: PathBuf,
    pub(crate) run: String,
    /// The record directory as it was one session before.
    pub(crate) older: PathBuf,
}

static RECORDED: Mutex<Option<Arc<Recorded>>> = Mutex::new(None);

/// Made by the first that asks.
pub(crate) fn recorded() -> Arc<Recorded> {
    let mut made = RECORDED.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(made.get_or_insert_with(|| Arc::new(Recorded::new())))
}

fn venue() -> LocalVenue {
    let [_, perpetual] = samples();
    LocalVenue::start(LocalVenueConfig {
        speed: Speed::Times(16.0),
        ..LocalVenueConfig::new(vec![perpetual.capture])
    })
    .unwrap()
}

fn write_config(venue: &LocalVenue, record: &Path) -> PathBuf {
    let config = record.parent().unwrap().join("live.toml");
    fs::write(&config, settings(venue, record, "")).unwrap();
    config
}

impl Recorded {
    fn new() -> Recorded {
        let venue = venue();
        let (newer, older) = (workspace(), workspace());
        let record = newer.path().join("recorded");
        let config = write_config(&venue, &record);
        let words = ["run", "--config", config.to_str().unwrap()];
        let grown = |journal: &Path, by: usize| {
            let before = segment_numbers(journal).unwrap().len();
            until("more segments", || {
                let now = segment_numbers(journal).unwrap().len();
                (now >= before + by).then_some(())
            });
        };
        let mut run = Running::start(&words);
        let journal = PathBuf::from(run.announced("journal"));
        grown(&journal, 2);
        run.kill();
        for session in 0..2 {
            let mut run = Running::start(&words);
            run.announced("publishing");
            grown(&journal, 1);
            let ran = run.stop();
            assert_eq!(ran.code, 0, "{ran:?}");
            if session == 0 {
                copy(&record, &older.path().join("recorded"));
            }
        }
        let whole = read_journal(&journal);
        Recorded {
            venue,
            run: journal.file_name().unwrap().to_str().unwrap().to_owned(),
            older,
            newer,
            inputs: whole.seqs.into_iter().zip(whole.inputs).collect(),
        }
    }

    pub(crate) fn copy(&self) -> Copy {
        let dir = workspace();
        let record = dir.path().join("recorded");
        copy(&self.newer.path().join("recorded"), &record);
        Copy {
            config: write_config(&self.venue, &record),
            dir,
            run: self.run.clone(),
            older: self.older.path().join("recorded"),
        }
    }

    /// The catalog of a copy that went on has all that the run had, and then more.
    pub(crate) fn assert_holds_beginning(&self, copy: &Copy) {
        let catalog = Catalog::open(&copy.catalog()).unwrap();
        let query = ScanQuery {
            runs: vec![self.run.clone()],
            ..ScanQuery::default()
        };
        let scan = catalog.scan(&query).unwrap();
        let found: Vec<_> = scan.take(self.inputs.len()).map(Result::unwrap).collect();
        assert!(found == self.inputs, "other inputs");
    }
}

impl Copy {
    pub(crate) fn record(&self) -> PathBuf {
        self.dir.path().join("recorded")
    }

    pub(crate) fn catalog(&self) -> PathBuf {
        self.record().join("catalog")
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.record().join("journal").join(&self.run)
    }

    /// The run's directory in the catalog's index.
    pub(crate) fn index(&self) -> PathBuf {
        self.catalog().join("_runs").join(&self.run)
    }

    pub(crate) fn part(&self, number: u32) -> PathBuf {
        self.index().join(format!("part-{number:08}.json"))
    }

    pub(crate) fn segment(&self, number: u32) -> PathBuf {
        self.journal().join(segment_name(number))
    }

    pub(crate) fn last_segment(&self) -> PathBuf {
        let last = *segment_numbers(&self.journal()).unwrap().last().unwrap();
        self.segment(last)
    }

    pub(crate) fn last_part(&self) -> u32 {
        *segment_numbers(&self.journal()).unwrap().last().unwrap()
    }

    /// The Parquet files of a part, of a table.
    pub(crate) fn part_files(&self, number: u32, table: &str) -> Vec<PathBuf> {
        let text = fs::read_to_string(self.part(number)).unwrap();
        let part: serde_json::Value = serde_json::from_str(&text).unwrap();
        let files = part["files"].as_array().unwrap().iter();
        let files = files.filter(|file| file["meta"]["table"] == table);
        files
            .map(|file| self.catalog().join(file["path"].as_str().unwrap()))
            .collect()
    }

    /// Removes all of a part, as if it had never been written.
    pub(crate) fn remove_part(&self, number: u32) {
        let text = fs::read_to_string(self.part(number)).unwrap();
        let part: serde_json::Value = serde_json::from_str(&text).unwrap();
        for file in part["files"].as_array().unwrap() {
            let path = self.catalog().join(file["path"].as_str().unwrap());
            fs::remove_file(path).unwrap();
        }
        fs::remove_file(self.part(number)).unwrap();
    }

    /// Changes the JSON of a file.
    pub(crate) fn edit(path: &Path, edit: impl FnOnce(&mut serde_json::Value)) {
        let mut value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        edit(&mut value);
        // As of an earlier version, which has no hash in it.
        value.as_object_mut().unwrap().remove("xxh3");
        fs::write(path, serde_json::to_vec_pretty(&value).unwrap()).unwrap();
    }

    /// Puts a part of the record directory, as it was one session before, in the place of the present one.
    pub(crate) fn restore_older(&self, name: &str) {
        fs::remove_dir_all(self.record().join(name)).unwrap();
        copy(&self.older.join(name), &self.record().join(name));
    }

    pub(crate) fn remove_snapshots(&self) {
        for path in snapshot_files(&self.journal()).unwrap() {
            fs::remove_file(path).unwrap();
        }
    }

    pub(crate) fn words(&self) -> [&str; 3] {
        ["run", "--config", self.config.to_str().unwrap()]
    }

    /// Starts the run, lets it publish, and stops it in good order.
    pub(crate) fn run(&self) -> Ran {
        self.run_with(&[])
    }

    pub(crate) fn run_with(&self, more: &[&str]) -> Ran {
        let mut run = Running::start(&[&self.words()[..], more].concat());
        run.announced("publishing");
        run.stop()
    }

    /// All files with their lengths, but locks.
    pub(crate) fn files(&self) -> BTreeMap<PathBuf, u64> {
        let mut found = BTreeMap::new();
        walk(&self.record(), &mut |path, bytes| {
            if !path.ends_with("lock") {
                found.insert(path.to_owned(), bytes);
            }
        });
        found
    }
}

fn walk(dir: &Path, visit: &mut impl FnMut(&Path, u64)) {
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        let meta = entry.metadata().unwrap();
        match meta.is_dir() {
            true => walk(&entry.path(), visit),
            false => visit(&entry.path(), meta.len()),
        }
    }
}

/// Copies a directory with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).unwrap()),
        }
    }
}
