//! `tickloom journal` as a user runs it, over the golden journals in `data/journal/tests/golden`.

#![cfg(test)]

mod cli;

use cli::{Ran, tickloom, workspace};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use tickloom_core::{Core, CoreConfig, OutputHash};
use tickloom_data::{Catalog, sync_journal};
use tickloom_journal::{
    JournalOptions, JournalPlace, JournalReader, JournalTail, JournalWriter, RunMeta, SnapshotHead,
    SyncPolicy, Tailed, hex, segment_files, write_snapshot,
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

/// What `verify` says is wrong, where it finds something.
fn faults(recorded: &Recorded) -> Vec<String> {
    let ran = recorded.ran("verify", &["--json"]);
    let checked: Value = serde_json::from_str(&ran.stdout).unwrap();
    let faults = checked["faults"].as_array().unwrap().iter();
    let faults: Vec<_> = faults
        .map(|fault| fault.as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ran.code == 0, faults.is_empty(), "{ran:?}");
    faults
}

/// Whether that is one thing, in these words.
fn is_one(recorded: &Recorded, words: &str) {
    let found = faults(recorded);
    assert!(
        found.len() == 1 && found[0].contains(words),
        "{found:?}, expected {words:?}"
    );
}

#[test]
fn what_questdb_has_confirmed_is_verified() {
    let recorded = Recorded::new();
    let file = recorded.journal().join("questdb.json");
    let mut tail = JournalTail::new(&recorded.journal(), JournalPlace::START);
    while tail.place().segment < 3 {
        assert!(matches!(tail.poll().unwrap(), Tailed::Block(_)));
    }
    let place = tail.place().clone();
    let cursor = |run: &str, segment: u32, offset: u64, previous: Option<[u8; 16]>| {
        let hash = previous.map(|hash| format!("{:032x}", u128::from_le_bytes(hash)));
        let text = json!({
            "address": "http://db:9000", "run": run, "segment": segment, "offset": offset,
            "previous": hash, "records": 6, "released": 1,
        });
        fs::write(&file, text.to_string()).unwrap();
    };
    cursor("golden", 3, place.offset, place.previous);
    assert_eq!(faults(&recorded), [""; 0]);
    // Between two segments, and before the first block of a new one.
    cursor("golden", 8, 0, None);
    assert_eq!(faults(&recorded), [""; 0]);

    // Ahead of what is on the disk, within a block, in another journal, in another run, and nothing that can be read.
    let who = "QuestDB at http://db:9000: ";
    cursor("golden", 7, 1 << 20, place.previous);
    is_one(&recorded, who);
    cursor("golden", 9, 0, None);
    is_one(&recorded, who);
    cursor("golden", 3, place.offset + 1, None);
    is_one(&recorded, who);
    cursor("golden", 3, place.offset, Some([7; 16]));
    is_one(&recorded, who);
    cursor("golden", 3, 0, Some([7; 16]));
    is_one(&recorded, who);
    cursor("other", 3, place.offset, place.previous);
    is_one(&recorded, "run other, expected run golden");
    for text in ["", "{}", "{\"segment\": 5}"] {
        fs::write(&file, text).unwrap();
        is_one(&recorded, "questdb.json");
    }
}

#[test]
fn each_file_beside_the_segments_is_verified() {
    let recorded = Recorded::new();
    let dir = recorded.journal();
    for name in ["billing", "alerts"] {
        recorded.cursor(name, 3);
    }
    assert_eq!(faults(&recorded), [""; 0]);

    // Cursors are named, each for itself.
    let billing = dir.join("cursor-billing.json");
    let text = fs::read_to_string(&billing).unwrap();
    let mut ahead: Value = serde_json::from_str(&text).unwrap();
    ahead["segment"] = json!(7);
    ahead["offset"] = json!(1 << 20);
    fs::write(&billing, ahead.to_string()).unwrap();
    is_one(&recorded, "cursor billing: ");
    fs::write(dir.join("cursor-alerts.json"), "{").unwrap();
    let found = faults(&recorded);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].contains("cursor-alerts.json is damaged"),
        "{found:?}"
    );
    assert!(found[1].contains("cursor billing: "), "{found:?}");
    for name in ["alerts", "billing"] {
        fs::remove_file(dir.join(format!("cursor-{name}.json"))).unwrap();
    }

    // A place at which the run was not closed, before the end and behind it, and no place at all.
    let closed = dir.join("closed.json");
    let text = fs::read_to_string(&closed).unwrap();
    let mark: Value = serde_json::from_str(&text).unwrap();
    let last = segment_files(&dir).unwrap().pop().unwrap();
    let bytes = fs::metadata(last).unwrap().len();
    assert_eq!(mark, json!({ "segment": 7, "bytes": bytes }));
    for (segment, bytes) in [
        (7, bytes - 1),
        (7, 0),
        (7, bytes + 1),
        (6, 700),
        (8, 1),
        (0, 1),
    ] {
        let mark = json!({ "segment": segment, "bytes": bytes });
        fs::write(&closed, mark.to_string()).unwrap();
        assert!(!faults(&recorded).is_empty(), "{mark}");
    }
    fs::write(&closed, "{").unwrap();
    is_one(&recorded, "closed.json is damaged");
    fs::write(&closed, text).unwrap();
    assert_eq!(faults(&recorded), [""; 0]);
}

/// A snapshot that fits the golden journal, and the core that it is of.
fn snapshot_before_input_5(dir: &Path) -> (SnapshotHead, Core) {
    let reader = JournalReader::open_from(dir, 3).unwrap();
    assert_eq!(reader.begins().next.inputs, 4);
    let head = SnapshotHead {
        run: "golden".to_owned(),
        next_seq: 5,
        inputs: 5,
        segment: 3,
        before: hex(reader.before()),
        retracted: Vec::new(),
    };
    (head, Core::new(&CoreConfig::default()).unwrap())
}

#[test]
fn snapshots_are_verified() {
    let recorded = Recorded::new();
    let dir = recorded.journal();
    let (head, core) = snapshot_before_input_5(&dir);
    let state = core.save(5, &OutputHash::new()).unwrap();
    let check = |head: &SnapshotHead, state: &[u8], words: Option<&str>| {
        let file = write_snapshot(&dir, head, state).unwrap();
        match words {
            None => assert_eq!(faults(&recorded), [""; 0]),
            Some(words) => is_one(&recorded, words),
        }
        fs::remove_file(file).unwrap();
    };
    check(&head, &state, None);
    check(&head, &[1, 2, 3], Some("this is no snapshot"));
    let with = |change: fn(&mut SnapshotHead)| {
        let mut other = head.clone();
        change(&mut other);
        other
    };
    let other = with(|head| head.run = "other".to_owned());
    check(&other, &state, Some("run other, expected run golden"));
    let other = with(|head| head.before = hex([7; 16]));
    check(&other, &state, Some("segment 3 of another journal"));
    let other = with(|head| head.segment = 9);
    check(
        &other,
        &state,
        Some("from segment 9, expected a segment from 1 to 7"),
    );
    let other = with(|head| head.segment = 0);
    check(
        &other,
        &state,
        Some("from segment 0, expected a segment from 1 to 7"),
    );
    // Before the segment from which it is read on, behind the end, and not where what it remembers ends.
    for (next_seq, words) in [
        (3, "expected an input from 4 to 102"),
        (103, "expected an input from 4 to 102"),
        (6, "it remembers what came before input 5, expected 6"),
    ] {
        let state = if next_seq == 6 {
            state.clone()
        } else {
            core.save(next_seq, &OutputHash::new()).unwrap()
        };
        let other = SnapshotHead {
            next_seq,
            ..head.clone()
        };
        check(&other, &state, Some(words));
    }
}

#[test]
fn a_snapshot_that_is_damaged_or_under_another_name_is_named() {
    let recorded = Recorded::new();
    let dir = recorded.journal();
    let (head, core) = snapshot_before_input_5(&dir);
    let state = core.save(5, &OutputHash::new()).unwrap();
    let file = write_snapshot(&dir, &head, &state).unwrap();
    let bytes = fs::read(&file).unwrap();
    let mut wrong = bytes.clone();
    wrong[40] ^= 1;
    fs::write(&file, wrong).unwrap();
    is_one(&recorded, "snapshot-00000000000000000005.tls is damaged");
    fs::remove_file(&file).unwrap();
    fs::write(dir.join("snapshot-00000000000000000006.tls"), bytes).unwrap();
    is_one(&recorded, "expected snapshot-00000000000000000005.tls");
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
