//! Journals as they were written by versions 1 and 2 of the format: read to the last record, followed, checked, and continued.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::fs;
use std::path::{Path, PathBuf};
use tickloom_journal::{
    Block, JournalOptions, JournalPlace, JournalReader, JournalTail, JournalWriter, Numbers,
    OrdersAhead, RunMeta, Session, SyncPolicy, Tailed,
};
use tickloom_types::{
    Header, InstrumentDef, InstrumentId, Instruments, Kind, Record, SourceId, TradeBody, Ts,
};

const HASH: &str = "00112233445566778899aabbccddeeff";
const OPTIONS: JournalOptions = JournalOptions {
    segment_bytes_max: 900,
    sync: SyncPolicy::OnFlush,
};

fn trade(n: i64) -> Record {
    let header = Header::new(Kind::Trade, InstrumentId(0), SourceId(0), Ts(n), Ts(n + 1));
    TradeBody {
        price: n,
        qty: 1,
        ..TradeBody::default()
    }
    .record(header)
}

fn meta() -> RunMeta {
    let mut instruments = Instruments::new();
    instruments
        .add(InstrumentDef::new("test.A", 2, 3, "USD"))
        .unwrap();
    let mut meta = RunMeta::new("golden", Ts(5), instruments).unwrap();
    meta.signals = vec!["s".into()];
    meta.config = "{}".into();
    meta
}

/// Two inputs and an output, `n` from zero.
fn append(writer: &mut JournalWriter, n: i64) {
    writer.begin_session().unwrap();
    let next = writer.next().inputs;
    let inputs = [trade(n * 2), trade(n * 2 + 1)];
    writer.append_inputs(next, &inputs).unwrap();
    writer.append_outputs(&[(next + 1, trade(-n))]).unwrap();
    writer.flush().unwrap();
}

/// What the golden journals hold: four appends and a crash, one append and a close. In version 2 numbers were reserved, in
/// `v2-orders` those of orders too.
fn write(dir: &Path) {
    let (mut writer, _) = JournalWriter::open_with(dir, &meta(), OPTIONS).unwrap();
    let ahead = Numbers {
        inputs: 100,
        outputs: 50,
    };
    let orders = OrdersAhead { last: 3, ahead: 20 };
    writer.reserve(ahead, orders).unwrap();
    for n in 0..4 {
        append(&mut writer, n);
    }
    drop(writer);
    let (mut writer, _) = JournalWriter::open_with(dir, &meta(), OPTIONS).unwrap();
    append(&mut writer, 4);
    writer.close(HASH).unwrap();
}

fn golden(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(version)
}

/// A copy that may be written to.
fn copy(version: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(golden(version)).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, dir.path().join(path.file_name().unwrap())).unwrap();
    }
    dir
}

fn read(dir: &Path) -> Vec<Block> {
    let reader = JournalReader::open(dir).unwrap();
    assert_eq!(*reader.meta(), meta());
    reader.map(Result::unwrap).collect()
}

fn followed(dir: &Path) -> Vec<Block> {
    let mut tail = JournalTail::new(dir, JournalPlace::START);
    let mut blocks = Vec::new();
    while let Tailed::Block(block) = tail.poll().unwrap() {
        if !matches!(block, Block::Meta(_)) {
            blocks.push(block);
        }
    }
    blocks
}

/// Numbers and records of inputs, and of outputs with their causes.
type Records = (Vec<(u64, Record)>, Vec<(u64, u64, Record)>);

fn records(blocks: &[Block]) -> Records {
    let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
    for block in blocks {
        match block {
            Block::Inputs { first_seq, records } => {
                inputs.extend((*first_seq..).zip(records.iter().copied()));
            }
            Block::Outputs {
                first_output,
                records,
            } => {
                let numbered = (*first_output..).zip(records);
                outputs.extend(numbered.map(|(n, (cause, record))| (n, *cause, *record)));
            }
            _ => {}
        }
    }
    (inputs, outputs)
}

/// What was written, where the last append has these numbers.
fn expected(last: Numbers) -> Records {
    let at = |n: i64, numbers: Numbers| {
        let next = numbers.inputs;
        let inputs = [(next, trade(n * 2)), (next + 1, trade(n * 2 + 1))];
        (inputs, (numbers.outputs, next + 1, trade(-n)))
    };
    let mut appended: Vec<_> = (0..4_u32)
        .map(|n| {
            let numbers = Numbers {
                inputs: u64::from(n) * 2,
                outputs: n.into(),
            };
            at(n.into(), numbers)
        })
        .collect();
    appended.push(at(4, last));
    let inputs = appended.iter().flat_map(|(inputs, _)| *inputs).collect();
    (inputs, appended.iter().map(|(_, output)| *output).collect())
}

fn numbers(inputs: u64, outputs: u64) -> Numbers {
    Numbers { inputs, outputs }
}

#[test]
fn journals_of_both_versions_are_read_and_followed() {
    let (whole, gap) = (numbers(8, 4), numbers(100, 50));
    for (version, last) in [("v1", whole), ("v2", gap), ("v2-orders", gap)] {
        let blocks = read(&golden(version));
        assert_eq!(records(&blocks), expected(last), "{version}");
        assert_eq!(followed(&golden(version)), blocks, "{version}");
        let Some(Block::Close(close)) = blocks.last() else {
            panic!("{version} was closed");
        };
        let next = numbers(last.inputs + 2, last.outputs + 1);
        assert_eq!(numbers(close.next_seq, close.outputs), next, "{version}");
        assert_eq!(close.output_hash, HASH);
    }
}

#[test]
fn what_is_written_is_the_same_bytes_as_ever() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path());
    let names = |dir: &Path| {
        let mut names: Vec<_> = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .filter(|name| name != "lock")
            .collect();
        names.sort();
        names
    };
    assert_eq!(names(dir.path()), names(&golden("v2-orders")));
    for name in names(&golden("v2-orders")) {
        let bytes = |dir: &Path| fs::read(dir.join(&name)).unwrap();
        assert!(bytes(dir.path()) == bytes(&golden("v2-orders")), "{name:?}");
    }
}

#[test]
fn a_journal_of_version_1_goes_on_in_version_2() {
    for version in ["v1", "v2", "v2-orders"] {
        let dir = copy(version);
        let before = read(dir.path());
        let (mut writer, recovered) =
            JournalWriter::open_with(dir.path(), &meta(), OPTIONS).unwrap();
        assert!(!recovered.session.has_retracted());
        writer.reserve(numbers(7, 7), OrdersAhead::NONE).unwrap();
        append(&mut writer, 5);
        drop(writer);
        let (mut writer, _) = JournalWriter::open_with(dir.path(), &meta(), OPTIONS).unwrap();
        writer.begin_session().unwrap();
        let Session { kept, start, .. } = writer.session();
        assert_eq!(
            (start.inputs - kept.inputs, start.outputs - kept.outputs),
            (5, 6)
        );
        append(&mut writer, 6);
        writer.close(HASH).unwrap();

        let after = read(dir.path());
        assert_eq!(after[..before.len()], before, "{version}");
        assert_eq!(followed(dir.path()), after, "{version}");
        assert_eq!(records(&after).0.len(), 14, "{version}");
    }
}

#[test]
fn a_flip_at_any_byte_of_either_version_is_noticed() {
    for version in ["v1", "v2", "v2-orders"] {
        let dir = copy(version);
        for entry in fs::read_dir(golden(version)).unwrap() {
            let name = entry.unwrap().file_name();
            let path = dir.path().join(&name);
            let bytes = fs::read(&path).unwrap();
            for at in 0..bytes.len() {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << (at % 8);
                fs::write(&path, &flipped).unwrap();
                let read = JournalReader::open(dir.path()).and_then(|mut reader| {
                    while reader.next_block()?.is_some() {}
                    Ok(reader.torn_tail().is_none())
                });
                // A number of bytes in `closed.json` that became smaller promises less.
                let is_noticed = !matches!(read, Ok(true)) || name == "closed.json";
                assert!(is_noticed, "{version} {name:?} at {at}");
            }
            fs::write(&path, bytes).unwrap();
        }
    }
}
