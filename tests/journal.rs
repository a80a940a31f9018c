//! `tickloom journal` as a user runs it, over the golden journals in `data/journal/tests/golden`.

#![cfg(test)]

mod cli;

use cli::{Ran, tickloom, workspace};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use tickloom_data::{Catalog, sync_journal};
use tickloom_journal::{
    JournalOptions, JournalTail, JournalWriter, RunMeta, SyncPolicy, Tailed, segment_files,
};
use tickloom_types::{
    Header, InstrumentDef, InstrumentId, Instruments, Kind, SourceDef, SourceId, SourceKind,
    TradeBody, Ts,
};

/// A record directory with one run: a golden journal of version 2.
struct Recorded {
    dir: tempfile::TempDir,
}

impl Recorded {
    fn new() -> Recorded {
        let recorded = Recorded { dir: workspace() };
        recorded.add("run");
        recorded
    }

    /// One of seven segments, each with a trade.
    fn of_trades() -> Recorded {
        let recorded = Recorded { dir: workspace() };
        let mut instruments = Instruments::new();
        instruments
            .add(InstrumentDef::new("test.A", 2, 3, "USD"))
            .unwrap();
        instruments
            .add_source(SourceDef::new("test", SourceKind::Feed))
            .unwrap();
        let meta = RunMeta::new("run", Ts(5), instruments).unwrap();
        let options = JournalOptions {
            segment_bytes_max: 1,
            sync: SyncPolicy::OnFlush,
        };
        let opened = JournalWriter::open_with(&recorded.journal(), &meta, options);
        let mut writer = opened.unwrap().0;
        for n in 0..6_u32 {
            let at = Ts(n.into());
            let header = Header::new(Kind::Trade, InstrumentId(0), SourceId(0), at, at);
            let trade = TradeBody {
                price: 1,
                qty: 1,
                ..TradeBody::default()
            };
            let records = [trade.record(header)];
            writer.append_inputs(n.into(), &records).unwrap();
            writer.flush().unwrap();
        }
        writer.close("00").unwrap();
        recorded
    }

    fn add(&self, run: &str) {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/journal/tests/golden/v2");
        let journal = self.dir.path().join("journal").join(run);
        fs::create_dir_all(&journal).unwrap();
        for entry in fs::read_dir(golden).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, journal.join(path.file_name().unwrap())).unwrap();
        }
    }

    fn journal(&self) -> PathBuf {
        self.dir.path().join("journal/run")
    }

    /// `tickloom journal COMMAND DIR …`.
    fn ran(&self, command: &str, more: &[&str]) -> Ran {
        let mut words = vec!["journal", command, self.dir.path().to_str().unwrap()];
        words.extend(more);
        tickloom(&words)
    }

    fn json(&self, command: &str, more: &[&str]) -> Value {
        let ran = self.ran(command, &[more, &["--json"]].concat());
        assert_eq!(ran.code, 0, "{ran:?}");
        serde_json::from_str(&ran.stdout).unwrap()
    }

    /// A cursor behind the first block of this segment.
    fn cursor(&self, name: &str, segment: u32) {
        let mut tail = JournalTail::named(&self.journal(), name).unwrap();
        while tail.place().segment < segment {
            assert!(matches!(tail.poll().unwrap(), Tailed::Block(_)));
        }
        tail.commit().unwrap();
    }
}

#[test]
fn a_journal_is_listed() {
    let recorded = Recorded::new();
    recorded.cursor("billing", 3);
    let listed = recorded.json("ls", &[]);
    let survey = &listed["survey"];
    assert_eq!(survey["run"], "golden");
    assert_eq!(survey["segments"].as_array().unwrap().len(), 7);
    assert_eq!(survey["segments"][0]["inputs"], json!([0, 1]));
    assert_eq!(survey["durable"], json!({ "inputs": 102, "outputs": 51 }));
    assert_eq!(survey["cursors"][0]["behind"], 9);
    let ran = recorded.ran("ls", &[]);
    for line in [
        "session 2: from input 100 and output 50; retracted: inputs 8 to 99, outputs 4 to 49",
        "cursor billing: in segment 3, 9 records behind",
        "on the disk: inputs below 102, outputs below 51",
    ] {
        assert!(ran.stdout.contains(line), "{line}: {}", ran.stdout);
    }

    // The journal itself may be named, and must be where there are several.
    let journal = recorded.journal();
    assert_eq!(
        tickloom(&["journal", "ls", journal.to_str().unwrap()]).code,
        0
    );
    recorded.add("other");
    let ran = recorded.ran("ls", &[]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr.contains("has several runs: name one of"),
        "{ran:?}"
    );
    let nothing = workspace();
    let ran = tickloom(&["journal", "ls", nothing.path().to_str().unwrap()]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("no journal segment in"), "{ran:?}");
}

#[test]
fn a_journal_is_verified() {
    let recorded = Recorded::new();
    recorded.cursor("billing", 3);
    let checked = recorded.json("verify", &[]);
    assert_eq!(checked["faults"], json!([]));
    assert_eq!(checked["closed"], true);
    assert_eq!(checked["durable"], json!({ "inputs": 102, "outputs": 51 }));

    // A wrong byte in the middle.
    let files = segment_files(&recorded.journal()).unwrap();
    let bytes = fs::read(&files[2]).unwrap();
    let mut wrong = bytes.clone();
    wrong[700] ^= 1;
    fs::write(&files[2], wrong).unwrap();
    let ran = recorded.ran("verify", &[]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr
            .contains("segment-00000003.tlj is damaged at byte"),
        "{ran:?}"
    );
    fs::write(&files[2], bytes).unwrap();
    assert_eq!(recorded.ran("verify", &[]).code, 0);

    // The end of a closed run, emptied, cut behind a whole block, and removed.
    let last = files.last().unwrap();
    let bytes = fs::read(last).unwrap();
    for (len, said) in [
        (0, "is damaged at byte 0: 0 bytes, expected a header"),
        (bytes.len() - 80, "as when the run was closed"),
    ] {
        fs::write(last, &bytes[..len]).unwrap();
        let ran = recorded.ran("verify", &[]);
        assert_eq!(ran.code, 1);
        assert!(ran.stderr.contains(said), "{ran:?}");
    }
    fs::remove_file(last).unwrap();
    let ran = recorded.ran("verify", &["--json"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.stdout
            .contains("no segment in which the run was closed"),
        "{ran:?}"
    );
}

#[test]
fn prune_says_who_needs_what_stays() {
    let recorded = Recorded::of_trades();
    recorded.cursor("billing", 3);
    fs::write(recorded.journal().join("questdb.json"), "{\"segment\": 5}").unwrap();
    let catalog = Catalog::create(&recorded.dir.path().join("catalog")).unwrap();
    let needed = |pruned: &Value| -> Vec<u64> {
        let needed = pruned["needed"].as_array().unwrap();
        needed.iter().map(|n| n["from"].as_u64().unwrap()).collect()
    };
    // No snapshot, the cursor, the last segment, QuestDB, the catalog.
    let pruned = recorded.json("prune", &["--dry-run"]);
    assert_eq!(needed(&pruned), [1, 3, 7, 5, 1]);
    sync_journal(&recorded.journal(), &catalog).unwrap();
    let pruned = recorded.json("prune", &[]);
    assert_eq!(needed(&pruned), [1, 3, 7, 5, 7]);
    assert_eq!(pruned["removed"], json!([]));
    assert_eq!(segment_files(&recorded.journal()).unwrap().len(), 7);
    let ran = recorded.ran("prune", &[]);
    assert_eq!(ran.code, 0);
    for line in [
        "no segment can go",
        "segments from 1 on are needed by every restart, as there is no snapshot",
        "segments from 3 on are needed by cursor billing",
    ] {
        assert!(ran.stdout.contains(line), "{line}: {}", ran.stdout);
    }
}

#[test]
fn what_is_whole_is_salvaged() {
    let recorded = Recorded::new();
    let files = segment_files(&recorded.journal()).unwrap();
    let mut bytes = fs::read(&files[2]).unwrap();
    // In the records of its inputs.
    let at = bytes.len() - 400;
    bytes[at] ^= 1;
    fs::write(&files[2], bytes).unwrap();
    let out = recorded.dir.path().join("rescued");
    let out = out.to_str().unwrap();
    let salvaged = recorded.json("salvage", &[out]);
    assert_eq!(salvaged["next"], json!({ "inputs": 102, "outputs": 51 }));
    let lost = salvaged["lost"].as_array().unwrap();
    assert_eq!(lost.len(), 1, "{salvaged}");
    assert_eq!(
        (&lost[0]["inputs"], &lost[0]["outputs"]),
        (&json!([4, 6]), &json!([2, 2]))
    );
    assert_eq!(tickloom(&["journal", "verify", out]).code, 0);
    let ran = tickloom(&["journal", "ls", out]);
    assert!(
        ran.stdout.contains("lost: inputs 4 to 5, no output"),
        "{ran:?}"
    );

    let ran = recorded.ran("salvage", &[out]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("is not empty"), "{ran:?}");
    let again = format!("{out}-2");
    let ran = recorded.ran("salvage", &[&again]);
    assert!(
        ran.stdout.contains("8 inputs and 5 outputs in 7 segments"),
        "{ran:?}"
    );
    assert!(
        ran.stdout.contains("lost: inputs 4 to 5, no output:"),
        "{ran:?}"
    );
}
