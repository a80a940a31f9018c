//! Crashes and damage: the journal is cut at every byte and flipped at every byte.

mod limits;
mod lossy;
mod lossy_disk;
mod sessions;

use super::*;
use crate::{JournalError, RunMeta};
use proptest::prelude::*;
use std::fs;
use std::path::Path;
use tickloom_types::{
    Header, InstrumentDef, InstrumentId, Instruments, Kind, Record, Seq, SourceId, TradeBody, Ts,
};

fn meta() -> RunMeta {
    let mut instruments = Instruments::new();
    instruments
        .add(InstrumentDef::new("test.A", 2, 3, "USD"))
        .unwrap();
    RunMeta::new("run-1", Ts(5), instruments).unwrap()
}

fn trade(n: i64) -> Record {
    let header = Header::new(Kind::Trade, InstrumentId(0), SourceId(0), Ts(n), Ts(n + 1));
    TradeBody {
        price: n,
        qty: 1,
        ..TradeBody::default()
    }
    .record(header)
}

fn trades(range: std::ops::Range<i64>) -> Vec<Record> {
    range.map(trade).collect()
}

/// All that a journal holds.
#[derive(Debug, Default, PartialEq)]
struct Content {
    inputs: Vec<Record>,
    outputs: Vec<(Seq, Record)>,
    closes: usize,
}

fn content(dir: &Path) -> (Content, Option<TornTail>) {
    let mut reader = JournalReader::open(dir).unwrap();
    let mut content = Content::default();
    while let Some(block) = reader.next_block().unwrap() {
        match block {
            Block::Inputs { records, .. } => content.inputs.extend(records),
            Block::Outputs { records, .. } => content.outputs.extend(records),
            Block::Close(_) => content.closes += 1,
            _ => {}
        }
    }
    (content, reader.torn_tail().cloned())
}

/// Three flushes with outputs; returns the length of the segment after each.
fn write_three(dir: &Path) -> Vec<u64> {
    let (mut writer, _) = JournalWriter::open(dir, &meta()).unwrap();
    let segment = dir.join("segment-00000001.tlj");
    let mut lengths = vec![fs::metadata(&segment).unwrap().len()];
    for n in 0..3_u64 {
        let first = i64::try_from(n * 2).unwrap();
        writer
            .append_inputs(n * 2, &trades(first..first + 2))
            .unwrap();
        writer
            .append_outputs(&[(n * 2 + 1, trade(-first))])
            .unwrap();
        writer.flush().unwrap();
        lengths.push(fs::metadata(&segment).unwrap().len());
    }
    lengths
}

#[test]
fn what_was_written_is_read() {
    let dir = tempfile::tempdir().unwrap();
    write_three(dir.path());
    let (content, torn) = content(dir.path());
    assert_eq!(content.inputs, trades(0..6));
    assert_eq!(
        content.outputs,
        vec![(1, trade(0)), (3, trade(-2)), (5, trade(-4))]
    );
    assert_eq!((content.closes, torn), (0, None));
    let inputs: Result<Vec<_>, _> = JournalReader::open(dir.path()).unwrap().inputs().collect();
    assert_eq!(inputs.unwrap()[5], (5, trade(5)));
}

/// By block of a segment: its kind, the records in it, and where it ends. Read by hand, as `docs/journal.md` says.
fn blocks(bytes: &[u8]) -> Vec<(u8, u64, usize)> {
    let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let (mut found, mut at) = (Vec::new(), 64);
    while at < bytes.len() {
        let end = at + 64 + usize::try_from(number(at + 8)).unwrap();
        found.push((bytes[at + 4], number(at + 12).into(), end));
        at = end;
    }
    found
}

#[test]
fn cut_at_every_byte_the_whole_blocks_remain() {
    let dir = tempfile::tempdir().unwrap();
    write_three(dir.path());
    let bytes = fs::read(dir.path().join("segment-00000001.tlj")).unwrap();
    let blocks = blocks(&bytes);
    let head = blocks[1].2;
    for len in 0..=bytes.len() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("segment-00000001.tlj"), &bytes[..len]).unwrap();
        if len < head {
            // A segment gets its name when its head is on the disk: no crash leaves less.
            let error = JournalWriter::open(dir.path(), &meta()).err().unwrap();
            assert!(
                matches!(error, JournalError::Damaged { .. }),
                "cut at {len}"
            );
            continue;
        }
        let (mut writer, recovered) = JournalWriter::open(dir.path(), &meta()).unwrap();
        let whole = blocks.iter().filter(|(.., end)| *end <= len);
        let records = |wanted: u8| -> u64 {
            let of_kind = whole.clone().filter(|(kind, ..)| *kind == wanted);
            of_kind.map(|(_, count, _)| count).sum()
        };
        assert_eq!(
            (recovered.next_seq, recovered.outputs),
            (records(2), records(3)),
            "cut at {len}"
        );
        let cut = recovered.cut.map_or(0, |torn| torn.bytes);
        let kept = whole.clone().next_back().map_or(0, |(.., end)| *end);
        assert_eq!(cut, (len - kept) as u64, "cut at {len}");
        let next = i64::try_from(recovered.next_seq).unwrap();
        writer
            .append_inputs(recovered.next_seq, &trades(next..8))
            .unwrap();
        writer.close("00").unwrap();
        let (content, torn) = content(dir.path());
        assert_eq!(content.inputs, trades(0..8));
        assert_eq!((content.closes, torn), (1, None));
    }
}

#[test]
fn a_flip_at_any_byte_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let lengths = write_three(dir.path());
    let file = dir.path().join("segment-00000001.tlj");
    let bytes = fs::read(&file).unwrap();
    // The last block says that all before it was on the disk: what is wrong there is damage.
    let last_block = lengths[3] - 80;
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        fs::write(&file, &flipped).unwrap();
        let result = JournalReader::open(dir.path()).and_then(|mut reader| {
            while reader.next_block()?.is_some() {}
            Ok(reader.torn_tail().cloned())
        });
        match result {
            Err(JournalError::Damaged { offset, .. }) => assert!(offset <= at as u64, "{at}"),
            // Damage to what nothing calls durable cannot be told from a torn write: it is reported as one.
            Ok(Some(torn)) => {
                assert!(at as u64 >= last_block, "{at}");
                assert_eq!(torn.offset, last_block);
            }
            other => panic!("flip at {at}: {other:?}"),
        }
    }
}

#[test]
fn segments_are_chained() {
    let options = JournalOptions {
        segment_bytes_max: 1,
        sync: SyncPolicy::OnSeal,
    };
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _) = JournalWriter::open_with(dir.path(), &meta(), options).unwrap();
    for n in 0..3 {
        writer
            .append_inputs(n, &[trade(i64::try_from(n).unwrap())])
            .unwrap();
        writer.flush().unwrap();
        assert_eq!(u64::from(writer.sealed()), n + 1);
    }
    writer.close("ab").unwrap();
    assert_eq!(content(dir.path()).0.inputs, trades(0..3));

    // A segment from another run in the middle breaks the chain.
    let other = tempfile::tempdir().unwrap();
    let (mut writer, _) = JournalWriter::open_with(other.path(), &meta(), options).unwrap();
    writer.append_inputs(0, &[trade(7)]).unwrap();
    writer.flush().unwrap();
    writer.append_inputs(1, &[trade(8)]).unwrap();
    writer.flush().unwrap();
    let second = "segment-00000002.tlj";
    fs::copy(other.path().join(second), dir.path().join(second)).unwrap();
    let error = JournalReader::open(dir.path())
        .unwrap()
        .find_map(Result::err)
        .unwrap();
    assert!(matches!(error, JournalError::Damaged { .. }), "{error}");

    fs::remove_file(dir.path().join(second)).unwrap();
    let error = JournalWriter::open(dir.path(), &meta()).err().unwrap();
    assert!(
        error.to_string().contains("no segment before the last one"),
        "{error}"
    );
}

#[test]
fn a_torn_tail_in_an_earlier_segment_is_damage() {
    let dir = tempfile::tempdir().unwrap();
    write_three(dir.path());
    drop(JournalWriter::open(dir.path(), &meta()).unwrap());
    let first = dir.path().join("segment-00000001.tlj");
    let bytes = fs::read(&first).unwrap();
    fs::write(&first, &bytes[..bytes.len() - 1]).unwrap();
    let error = JournalWriter::open(dir.path(), &meta()).err().unwrap();
    assert!(matches!(error, JournalError::Damaged { .. }), "{error}");
}

#[test]
fn one_writer_at_a_time_and_the_same_run() {
    let dir = tempfile::tempdir().unwrap();
    let (writer, _) = JournalWriter::open(dir.path(), &meta()).unwrap();
    assert!(matches!(
        JournalWriter::open(dir.path(), &meta()),
        Err(JournalError::Locked(_))
    ));
    writer.close("").unwrap();
    let mut other = meta();
    other.config = "{}".to_owned();
    let error = JournalWriter::open(dir.path(), &other).err().unwrap();
    assert_eq!(
        error.to_string(),
        "run run-1 was started with another configuration; give the new run another name"
    );
    other = meta();
    other.started = Ts(6);
    let (writer, recovered) = JournalWriter::open(dir.path(), &other).unwrap();
    assert_eq!(writer.meta().started, Ts(5));
    assert_eq!(recovered.close.unwrap().next_seq, 0);
}

#[test]
fn outputs_wait_for_their_inputs() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _) = JournalWriter::open(dir.path(), &meta()).unwrap();
    writer
        .append_outputs(&[(0, trade(10)), (1, trade(11))])
        .unwrap();
    writer.append_inputs(0, &[trade(0)]).unwrap();
    writer.flush().unwrap();
    assert_eq!(writer.pending(), 1);
    assert_eq!(content(dir.path()).0.outputs, vec![(0, trade(10))]);
    assert!(writer.append_outputs(&[(0, trade(12))]).is_err());
    assert!(writer.append_inputs(0, &[trade(1)]).is_err());
    let error = writer.close("").err().unwrap();
    assert_eq!(
        error.to_string(),
        "cause 1 does not follow: expected below 1"
    );
}

#[test]
fn a_segment_that_cannot_be_begun_ends_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let options = JournalOptions {
        segment_bytes_max: 1_600,
        sync: SyncPolicy::OnSeal,
    };
    let (mut writer, _) = JournalWriter::open_with(dir.path(), &meta(), options).unwrap();
    // A directory in its place, which no user can write over.
    let in_the_way = dir.path().join("segment-00000002.tmp");
    fs::create_dir(&in_the_way).unwrap();
    let mut next = 0;
    let mut flush_ten = |writer: &mut JournalWriter| {
        let records = trades(next..next + 10);
        writer.append_inputs(next.unsigned_abs(), &records).unwrap();
        writer.flush().unwrap();
        next += 10;
    };
    for _ in 0..5 {
        flush_ten(&mut writer);
    }
    let failure = writer.segment_failure().unwrap().to_string();
    assert!(failure.contains("segment-00000002.tmp"), "{failure}");
    assert_eq!(writer.sealed(), 0);

    fs::remove_dir(&in_the_way).unwrap();
    flush_ten(&mut writer);
    assert!(writer.segment_failure().is_none());
    assert_eq!(writer.sealed(), 1);
    flush_ten(&mut writer);
    writer.close("0").unwrap();
    let (read, torn) = content(dir.path());
    assert_eq!((read.inputs, read.closes, torn), (trades(0..70), 1, None));
}

#[test]
fn who_opens_a_journal_is_shown_what_is_there_and_may_stop() {
    let dir = tempfile::tempdir().unwrap();
    let options = JournalOptions {
        segment_bytes_max: 700,
        sync: SyncPolicy::OnSeal,
    };
    let (mut writer, _) = JournalWriter::open_with(dir.path(), &meta(), options).unwrap();
    for first in [0, 10, 20] {
        let records = trades(first..first + 10);
        writer
            .append_inputs(first.unsigned_abs(), &records)
            .unwrap();
        writer.flush().unwrap();
    }
    drop(writer);
    let before: Vec<_> = segment_files(dir.path()).unwrap();

    let stopped =
        JournalWriter::open_watched(dir.path(), &meta(), options, |_, so_far| {
            match so_far.next_seq {
                20 => Err(JournalError::Stopped),
                _ => Ok(()),
            }
        });
    assert!(matches!(stopped, Err(JournalError::Stopped)));
    assert_eq!(
        segment_files(dir.path()).unwrap(),
        before,
        "nothing was written"
    );

    let mut shown = Vec::new();
    let mut progress = Vec::new();
    let opened = JournalWriter::open_watched(dir.path(), &meta(), options, |block, so_far| {
        if let Block::Inputs { records, .. } = block {
            shown.extend(records);
        }
        progress.push((so_far.next_seq, so_far.bytes));
        assert!(so_far.bytes <= so_far.bytes_total);
        Ok(())
    });
    let (_writer, recovered) = opened.unwrap();
    assert_eq!((recovered.next_seq, shown), (30, trades(0..30)));
    assert!(progress.is_sorted() && progress.last().unwrap().0 == 30);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_mix_of_batches_and_segments_is_read_back(
        batches in proptest::collection::vec((0_usize..50, 0_usize..3, any::<bool>()), 0..20),
        segment_bytes_max in 1_u64..10_000,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let options = JournalOptions { segment_bytes_max, sync: SyncPolicy::OnSeal };
        let mut expected = Content::default();
        let (mut writer, _) = JournalWriter::open_with(dir.path(), &meta(), options).unwrap();
        for (inputs, outputs, reopen) in batches {
            let first = expected.inputs.len();
            let records = trades(i64::try_from(first).unwrap()..i64::try_from(first + inputs).unwrap());
            writer.append_inputs(first as u64, &records).unwrap();
            expected.inputs.extend(records);
            if let Some(last) = expected.inputs.len().checked_sub(1) {
                let made = vec![(last as u64, trade(-1)); outputs];
                writer.append_outputs(&made).unwrap();
                expected.outputs.extend(made);
            }
            writer.flush().unwrap();
            if reopen {
                drop(writer);
                let (again, recovered) = JournalWriter::open_with(dir.path(), &meta(), options).unwrap();
                prop_assert_eq!(recovered.next_seq, expected.inputs.len() as u64);
                prop_assert_eq!(recovered.outputs, expected.outputs.len() as u64);
                prop_assert_eq!(recovered.cut, None);
                writer = again;
            }
        }
        writer.close("0").unwrap();
        expected.closes = 1;
        prop_assert_eq!(content(dir.path()).0, expected);
    }
}
