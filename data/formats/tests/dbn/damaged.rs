//! Files with wrong bytes: an error, or rows of which the report says what became of each; and an event whose last row is refused.

use crate::files::{DAY, File, START, input, order, trade};
use dbn::encode::EncodeRecord;
use dbn::{FlagSet, Schema, UNDEF_ORDER_SIZE};
use proptest::prelude::*;
use std::path::Path;
use tickloom_formats::{Format, ImportOptions, Input, RefusedMax};
use tickloom_types::{Flags, Kind, Record};

fn lenient() -> ImportOptions {
    ImportOptions {
        format: Some(Format::Dbn),
        refused_max: Some(RefusedMax::Any),
        ..ImportOptions::default()
    }
}

fn sample() -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.dbn");
    let file = File {
        schema: None,
        mappings: &[("A", &[(0, 1, 7), (1, 2, 8)])],
        ..File::default()
    };
    file.write(&path, |encoder| {
        for (id, ts) in [(7, START + 500), (8, START + DAY), (7, START + 2 * DAY)] {
            encoder.encode_record(&trade(1, id, ts, 5)).unwrap();
            encoder.encode_record(&order(id, ts, 'A')).unwrap();
            encoder.encode_record(&order(id, ts, 'T')).unwrap();
        }
    });
    std::fs::read(path).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn wrong_bytes_are_an_error_or_counted(
        wrong in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = sample();
        for (at, byte) in wrong {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        match Input::bytes(Path::new("x.dbn"), bytes).read(&lenient()) {
            Err(error) => prop_assert!(!error.to_string().is_empty()),
            Ok(file) => {
                let report = &file.report;
                prop_assert_eq!(report.written, file.records.len() as u64);
                let not_kept: u64 = report.not_kept.values().sum();
                let kept: u64 = report.kinds.values().map(|kind| kind.read).sum();
                prop_assert!(report.read >= report.refused + not_kept);
                prop_assert!(kept + not_kept >= report.read);
                for record in &file.records {
                    prop_assert!(file.instruments.get(record.instrument()).is_some());
                    prop_assert!(file.instruments.source(record.source()).is_some());
                }
            }
        }
    }
}

/// The row that ended the first event is refused: the next event is not of the same moment.
#[test]
fn an_event_whose_last_row_is_refused_ends_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.dbn");
    let row = |ts, flags| {
        let mut row = order(7, START + ts, 'A');
        row.flags = FlagSet::new(flags);
        row
    };
    let mut refused = row(300, 0x80);
    refused.size = UNDEF_ORDER_SIZE;
    let rows = [
        row(200, 0),
        row(300, 0),
        refused,
        row(400, 0),
        row(400, 0x80),
    ];
    let file = File {
        schema: Some(Schema::Mbo),
        ..File::default()
    };
    file.write_all(&path, &rows);
    let file = input(&path).read(&lenient()).unwrap();
    let more = |record: &Record| record.has(Flags::MORE);
    assert!(
        file.records
            .iter()
            .all(|r| r.kind() == Some(Kind::OrderUpdate))
    );
    let marks: Vec<bool> = file.records.iter().map(more).collect();
    assert_eq!(marks, [true, false, true, false]);
}
