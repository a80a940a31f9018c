//! Looking at a journal, checking it, dropping its front, and rescuing what is whole of it.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tickloom_journal::{
    Block, JournalError, JournalOptions, JournalPlace, JournalReader, JournalTail, JournalWriter,
    Lost, Numbers, Salvaged, Tailed, prunable, prune_journal, prune_limits, salvage_journal,
    segment_files, segment_name, survey_journal, verify_journal,
};
use tickloom_types::Record;

/// A copy of a golden journal: four appends of two inputs and an output, with 100 and 50 numbers reserved, then a crash, one append
/// in the session after it, and a close.
fn golden(version: &str) -> tempfile::TempDir {
    let from = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(version);
    let dir = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, dir.path().join(path.file_name().unwrap())).unwrap();
    }
    dir
}

fn numbers(inputs: u64, outputs: u64) -> Numbers {
    Numbers { inputs, outputs }
}

#[test]
fn a_journal_is_listed() {
    let dir = golden("v2");
    let mut tail = JournalTail::named(dir.path(), "half").unwrap();
    while tail.place().segment < 3 {
        tail.poll().unwrap();
    }
    tail.commit().unwrap();
    let survey = survey_journal(dir.path()).unwrap();
    assert_eq!(survey.run.as_deref(), Some("golden"));
    assert_eq!(survey.segments.len(), 7);
    let first = &survey.segments[0];
    assert_eq!((first.number, first.format), (1, 2));
    assert_eq!((first.inputs, first.outputs), (Some((0, 1)), Some((0, 0))));
    assert!(survey.segments.iter().all(|s| s.bytes == s.whole_bytes));
    let sessions: Vec<_> = survey.segments.iter().flat_map(|s| &s.sessions).collect();
    assert_eq!(sessions.len(), 2);
    assert_eq!(
        (sessions[1].kept, sessions[1].start),
        (numbers(8, 4), numbers(100, 50))
    );
    assert!(survey.segments[6].closed || survey.segments[5].closed);
    assert_eq!(survey.durable, numbers(102, 51));
    let cursor = &survey.cursors[0];
    assert_eq!(
        (&*cursor.name, cursor.segment, cursor.behind),
        ("half", 3, 9)
    );

    let survey = survey_journal(golden("v1").path()).unwrap();
    assert_eq!(survey.segments[0].format, 1);
    assert_eq!(survey.durable, numbers(10, 5));
    let nothing = survey_journal(tempfile::tempdir().unwrap().path());
    assert!(matches!(nothing, Err(JournalError::Missing { .. })));
}

#[test]
fn a_journal_is_checked() {
    for (version, next, sessions) in [("v1", numbers(10, 5), 0), ("v2", numbers(102, 51), 2)] {
        let dir = golden(version);
        let checked = verify_journal(dir.path(), |_| Ok(())).unwrap();
        assert!(checked.faults.is_empty(), "{:?}", checked.faults);
        assert_eq!((checked.next, checked.sessions), (next, sessions));
        assert!(checked.is_closed && checked.torn.is_none());
        let files = segment_files(dir.path()).unwrap();
        let bytes: u64 = files.iter().map(|f| fs::metadata(f).unwrap().len()).sum();
        assert_eq!(checked.bytes, bytes, "{version}");
    }
    let stopped = verify_journal(golden("v2").path(), |_| Err(JournalError::Stopped));
    assert!(matches!(stopped, Err(JournalError::Stopped)));
}

/// The faults of a golden journal that was changed like this.
fn faults(change: impl FnOnce(&Path)) -> Vec<String> {
    let dir = golden("v2");
    let mut tail = JournalTail::named(dir.path(), "end").unwrap();
    while let Tailed::Block(_) = tail.poll().unwrap() {}
    tail.commit().unwrap();
    change(dir.path());
    let checked = verify_journal(dir.path(), |_| Ok(())).unwrap();
    let text = |fault: &JournalError| {
        fault
            .to_string()
            .replace(&dir.path().display().to_string(), "")
    };
    checked.faults.iter().map(text).collect()
}

#[test]
fn each_damage_is_named() {
    let last = |dir: &Path| segment_files(dir).unwrap().pop().unwrap();
    let found = faults(|dir| fs::write(last(dir), "").unwrap());
    assert!(
        found[0].contains("segment-00000007.tlj is damaged at byte 0"),
        "{found:?}"
    );
    assert_eq!(found.len(), 2, "and the cursor: {found:?}");
    let found = faults(|dir| fs::remove_file(last(dir)).unwrap());
    assert!(
        found[0].contains("in which the run was closed"),
        "{found:?}"
    );
    let found = faults(|dir| {
        let bytes = fs::read(last(dir)).unwrap();
        fs::write(last(dir), &bytes[..bytes.len() - 80]).unwrap();
    });
    assert!(found[0].contains("as when the run was closed"), "{found:?}");
    let found = faults(|dir| fs::remove_file(dir.join(segment_name(3))).unwrap());
    assert!(found[0].contains("segment-00000003.tlj"), "{found:?}");
    let found = faults(|dir| fs::write(dir.join("cursor-end.json"), "x").unwrap());
    assert!(found[0].contains("cursor-end.json is damaged"), "{found:?}");
    let found = faults(|dir| {
        let path = dir.join("cursor-end.json");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(path, text.replace("\"segment\": 7", "\"segment\": 8")).unwrap();
    });
    assert!(found[0].contains("cut back"), "{found:?}");
}

#[test]
fn the_front_goes_when_nobody_needs_it() {
    let dir = golden("v2");
    let mut tail = JournalTail::named(dir.path(), "slow").unwrap();
    while tail.place().segment < 4 {
        tail.poll().unwrap();
    }
    tail.commit().unwrap();
    let limits = prune_limits(dir.path(), |_| true).unwrap();
    let below: Vec<u32> = limits.iter().map(|limit| limit.below).collect();
    assert_eq!(
        below,
        [1, 4, 7],
        "no snapshot, the cursor, the last segment: {limits:?}"
    );
    assert!(prunable(dir.path(), 1).unwrap().is_empty());
    let going = prunable(dir.path(), 4).unwrap();
    assert_eq!(going, [1, 2, 3]);
    prune_journal(dir.path(), &going).unwrap();

    assert!(
        JournalReader::open(dir.path()).is_err(),
        "not without being asked"
    );
    let reader = JournalReader::open_from(dir.path(), 4).unwrap();
    assert_eq!(reader.begins().next, numbers(6, 3));
    let checked = verify_journal(dir.path(), |_| Ok(())).unwrap();
    assert!(checked.faults.is_empty(), "{:?}", checked.faults);
    assert_eq!((checked.segments, checked.next), ((4, 7), numbers(102, 51)));
    // The program whose cursor stands there goes on; another is told.
    while let Tailed::Block(_) = tail.poll().unwrap() {}
    let mut late = JournalTail::new(dir.path(), JournalPlace::START);
    assert_eq!(late.poll().unwrap(), Tailed::Missing { first: 1, next: 4 });
    // And the run goes on.
    let meta = reader.meta().clone();
    let options = JournalOptions::default();
    assert!(JournalWriter::open(dir.path(), &meta).is_err());
    let (mut inputs, mut bytes) = (0, (0, 0));
    let opened = JournalWriter::open_from(dir.path(), &meta, options, 4, |block, so_far| {
        if let Block::Inputs { records, .. } = block {
            inputs += records.len();
        }
        bytes = (so_far.bytes, so_far.bytes_total);
        Ok(())
    });
    let (writer, recovered) = opened.unwrap();
    assert_eq!((inputs, recovered.segments, writer.sealed()), (4, 7, 7));
    assert!(bytes.0 <= bytes.1 && bytes.0 > bytes.1 / 2, "{bytes:?}");
    assert_eq!(recovered.session.start, numbers(102, 51));
    writer.close("00").unwrap();
    let checked = verify_journal(dir.path(), |_| Ok(())).unwrap();
    assert!(checked.faults.is_empty() && checked.is_closed);
    // Segments of version 1 do not say where they begin.
    let old = golden("v1");
    assert!(prunable(old.path(), 4).unwrap().is_empty());
}

/// Everything in a journal, by number.
type Content = (BTreeMap<u64, Record>, BTreeMap<u64, (u64, Record)>);

/// From the first segment that is there; and where it begins.
fn content(dir: &Path) -> (Content, Numbers) {
    let (mut inputs, mut outputs) = Content::default();
    let first = survey_journal(dir).unwrap().segments[0].number;
    let reader = JournalReader::open_from(dir, first).unwrap();
    let begins = reader.begins().next;
    for block in reader {
        match block.unwrap() {
            Block::Inputs { first_seq, records } => inputs.extend((first_seq..).zip(records)),
            Block::Outputs {
                first_output,
                records,
            } => outputs.extend((first_output..).zip(records)),
            _ => {}
        }
    }
    ((inputs, outputs), begins)
}

/// Salvages a journal, and checks that the new one is whole and has what the old one had or what is said to be lost.
fn salvage(dir: &Path, whole: &Content) -> Salvaged {
    let out = tempfile::tempdir().unwrap();
    let salvaged = salvage_journal(dir, out.path()).unwrap();
    let checked = verify_journal(out.path(), |_| Ok(())).unwrap();
    assert!(checked.faults.is_empty(), "{:?}", checked.faults);
    assert!(checked.torn.is_none());
    assert_eq!(checked.next, salvaged.next);
    let ((inputs, outputs), begins) = content(out.path());
    assert_eq!(salvaged.inputs, inputs.len() as u64);
    assert_eq!(salvaged.outputs, outputs.len() as u64);
    let is_lost = |number: u64, next: u64, range: fn(&Lost) -> &Option<std::ops::Range<u64>>| {
        let lost = &salvaged.lost;
        lost.iter().any(|lost| match range(lost) {
            Some(range) => range.contains(&number),
            None => number >= next,
        })
    };
    for (number, record) in &whole.0 {
        let is_lost =
            *number < begins.inputs || is_lost(*number, salvaged.next.inputs, |lost| &lost.inputs);
        let expected = (!is_lost).then_some(record);
        assert_eq!(
            inputs.get(number),
            expected,
            "input {number} of {salvaged:?}"
        );
    }
    for (number, record) in &whole.1 {
        let is_lost = *number < begins.outputs
            || is_lost(*number, salvaged.next.outputs, |lost| &lost.outputs);
        let expected = (!is_lost).then_some(record);
        assert_eq!(
            outputs.get(number),
            expected,
            "output {number} of {salvaged:?}"
        );
    }
    salvaged
}

#[test]
fn nothing_is_lost_of_a_whole_journal() {
    for version in ["v1", "v2"] {
        let dir = golden(version);
        let (whole, _) = content(dir.path());
        let salvaged = salvage(dir.path(), &whole);
        assert!(salvaged.lost.is_empty(), "{:?}", salvaged.lost);
        assert_eq!((salvaged.inputs, salvaged.outputs), (10, 5));
    }
}

#[test]
fn what_is_whole_around_a_wrong_byte_is_rescued() {
    for version in ["v1", "v2"] {
        let dir = golden(version);
        let (whole, _) = content(dir.path());
        let mut turn = 0;
        for path in segment_files(dir.path()).unwrap() {
            let bytes = fs::read(&path).unwrap();
            // A prime step: every field is hit in some segment.
            for at in (turn % 61..bytes.len()).step_by(61) {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1;
                fs::write(&path, flipped).unwrap();
                let salvaged = salvage(dir.path(), &whole);
                let lost = salvaged.lost.iter().find(|lost| lost.file == path).unwrap();
                assert!(lost.bytes.contains(&(at as u64)), "{at}: {lost:?}");
                // At most one block: two inputs, or one output.
                assert!(salvaged.inputs >= 8 && salvaged.outputs >= 4);
                assert!(salvaged.inputs + salvaged.outputs >= 13, "{salvaged:?}");
            }
            turn += 17;
            fs::write(&path, bytes).unwrap();
        }
    }
}

#[test]
fn what_is_whole_around_a_missing_or_short_segment_is_rescued() {
    for version in ["v1", "v2"] {
        let count = segment_files(golden(version).path()).unwrap().len();
        for number in 1..=u32::try_from(count).unwrap() {
            let dir = golden(version);
            let (whole, _) = content(dir.path());
            let path = dir.path().join(segment_name(number));
            let bytes = fs::read(&path).unwrap();
            for len in [0, 50, bytes.len() / 2, bytes.len() - 1] {
                fs::write(&path, &bytes[..len]).unwrap();
                salvage(dir.path(), &whole);
            }
            // Journals of version 1 do not say where they ended.
            if version == "v2" || number < u32::try_from(count).unwrap() {
                fs::remove_file(&path).unwrap();
                salvage(dir.path(), &whole);
            }
        }
    }
}

#[test]
fn what_was_retracted_is_not_called_lost() {
    let dir = golden("v2");
    let path = dir.path().join(segment_name(3));
    let mut bytes = fs::read(&path).unwrap();
    bytes[600] ^= 1;
    fs::write(&path, bytes).unwrap();
    let out = tempfile::tempdir().unwrap();
    salvage_journal(dir.path(), out.path()).unwrap();
    let survey = survey_journal(out.path()).unwrap();
    let sessions: Vec<_> = survey.segments.iter().flat_map(|s| &s.sessions).collect();
    let found: Vec<_> = sessions
        .iter()
        .map(|s| (s.session, s.lost, s.kept.inputs, s.start.inputs))
        .collect();
    assert_eq!(
        found,
        [(1, false, 0, 0), (1, true, 4, 6), (2, false, 8, 100)]
    );
}

#[test]
fn salvage_touches_nothing_that_is_there() {
    let dir = golden("v2");
    let out = tempfile::tempdir().unwrap();
    fs::write(out.path().join("x"), "").unwrap();
    let refused = salvage_journal(dir.path(), out.path());
    assert!(matches!(refused, Err(JournalError::NotEmpty(_))));
    let nothing: PathBuf = out.path().join("no");
    let refused = salvage_journal(out.path(), &nothing);
    assert!(matches!(refused, Err(JournalError::Missing { .. })));
    assert!(!nothing.exists());
    let meta = JournalReader::open(dir.path()).unwrap().meta().clone();
    let _writer = JournalWriter::open(dir.path(), &meta).unwrap();
    let refused = salvage_journal(dir.path(), &nothing);
    assert!(matches!(refused, Err(JournalError::Locked(_))));
}
