//! Hands the records of one frame, timer or reply over as one moment.
//!
//! A reply can bring more than a ring has room for: a snapshot and all the diffs that waited for it. It is cut after whole
//! messages then, each piece a moment of its own, so that a book is never looked at inside a message.

use crate::limits::MOMENT_RECORDS_MAX;
use tickloom_types::{Flags, Kind, MomentSink, Record, mark_moment};

/// Marks the records as one moment, or as few as have room for them, and hands them over.
pub fn push_moments(records: &mut [Record], sink: &mut impl MomentSink) {
    push_pieces(records, MOMENT_RECORDS_MAX, sink);
}

fn push_pieces(records: &mut [Record], most: usize, sink: &mut impl MomentSink) {
    let mut rest = records;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at_mut(end_of_piece(rest, most));
        mark_moment(piece);
        sink.push_moment(piece);
        rest = after;
    }
}

/// So many records make the next piece: all, or the messages that have room.
fn end_of_piece(records: &[Record], most: usize) -> usize {
    if records.len() <= most {
        return records.len();
    }
    let ends = |record: &Record| record.kind() != Some(Kind::Level) || record.has(Flags::LAST);
    let last = records[..most].iter().rposition(ends);
    // No message has more levels than there is room for, so that one ends here.
    last.map_or(most, |last| last + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickloom_types::{Header, InstrumentId, LevelBody, SourceId, StatusBody, Ts};

    /// `l` is a level, `L` the last of its message, `s` a status.
    fn records(text: &str) -> Vec<Record> {
        let header = |kind| Header::new(kind, InstrumentId(0), SourceId(0), Ts(1), Ts(2));
        let record = |word| match word {
            's' => StatusBody::default().record(header(Kind::Status)),
            'L' => LevelBody::default().record(header(Kind::Level).with_flags(Flags::LAST)),
            _ => LevelBody::default().record(header(Kind::Level)),
        };
        text.chars().map(record).collect()
    }

    /// The sizes of the moments that a sink was given; each is marked as one.
    #[derive(Default)]
    struct Sizes(Vec<usize>);

    impl MomentSink for Sizes {
        fn push_moment(&mut self, records: &[Record]) {
            let (last, before) = records.split_last().unwrap();
            assert!(!last.has(Flags::MORE) && before.iter().all(|record| record.has(Flags::MORE)));
            self.0.push(records.len());
        }
    }

    fn check(text: &str, most: usize, expected: &[usize]) {
        let mut sizes = Sizes::default();
        push_pieces(&mut records(text), most, &mut sizes);
        assert_eq!(sizes.0, expected, "{text}");
    }

    #[test]
    fn what_fits_is_one_moment_and_more_is_cut_between_messages() {
        check("", 4, &[]);
        check("s", 4, &[1]);
        check("llLs", 4, &[4]);
        check("llLlLs", 4, &[3, 3]);
        check("lLlLlLs", 4, &[4, 3]);
        check("lllLs", 4, &[4, 1]);
        check("sllllL", 5, &[1, 5]);
    }
}
