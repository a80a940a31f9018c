//! The state: what the run knows at one place, as records that a client takes in as it takes those that come.
//!
//! Bytes in, values out. What the records are and mean is in `docs/wire.md`; here is only how they lie in messages.

use crate::error::EnvelopeError;
use crate::limits::STATE_RECORDS_MAX;
use crate::session::RunPosition;
use tickloom_types::{RECORD_LEN, Record};

/// Bytes of a message's payload before its records.
pub const STATE_HEAD_LEN: usize = 24;

/// A message's part of a state.
#[derive(Clone, Debug, PartialEq)]
pub struct StatePart {
    /// The place: what is before it is in the state, what comes from it on is not.
    pub next: RunPosition,
    /// Records of the state in the parts before this one.
    pub from: u32,
    /// Records of the whole state.
    pub total: u32,
    /// This part's records, at most [`STATE_RECORDS_MAX`].
    pub records: Vec<Record>,
}

impl StatePart {
    /// The parts of a state, in the order in which they are sent; of one without records one.
    pub(crate) fn split(
        next: RunPosition,
        records: &[Record],
    ) -> impl Iterator<Item = StatePart> + '_ {
        let total = u32::try_from(records.len()).unwrap_or(u32::MAX);
        let nothing = records.is_empty().then_some(&[][..]);
        let parts = records.chunks(STATE_RECORDS_MAX).chain(nothing);
        let begins = (0..=total).step_by(STATE_RECORDS_MAX);
        parts.zip(begins).map(move |(records, from)| StatePart {
            next,
            from,
            total,
            records: records.to_vec(),
        })
    }

    /// Whether no part follows.
    #[must_use]
    pub fn is_last(&self) -> bool {
        usize::try_from(self.total - self.from) == Ok(self.records.len())
    }

    /// `inputs u64 | outputs u64 | from u32 | total u32 | records`.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(STATE_HEAD_LEN + self.records.len() * RECORD_LEN);
        bytes.extend_from_slice(&self.next.inputs.to_le_bytes());
        bytes.extend_from_slice(&self.next.outputs.to_le_bytes());
        bytes.extend_from_slice(&self.from.to_le_bytes());
        bytes.extend_from_slice(&self.total.to_le_bytes());
        for record in &self.records {
            bytes.extend_from_slice(record.as_bytes());
        }
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<StatePart, EnvelopeError> {
        let short = EnvelopeError::State { at: bytes.len() };
        let (head, rest) = bytes
            .split_first_chunk::<STATE_HEAD_LEN>()
            .ok_or(short.clone())?;
        let (words, rest_of_head) = head.as_chunks::<8>();
        let [inputs, outputs, counts] = words else {
            return Err(short);
        };
        debug_assert!(rest_of_head.is_empty());
        let [a, b, c, d, e, f, g, h] = *counts;
        let from = u32::from_le_bytes([a, b, c, d]);
        let total = u32::from_le_bytes([e, f, g, h]);
        let (records, torn) = rest.as_chunks::<RECORD_LEN>();
        if !torn.is_empty() {
            return Err(short);
        }
        let end = usize::try_from(from).map(|from| from.saturating_add(records.len()));
        let fits = end.is_ok_and(|end| usize::try_from(total).is_ok_and(|total| end <= total));
        let is_one_of_all = !records.is_empty() || total == 0;
        if !fits || !is_one_of_all || records.len() > STATE_RECORDS_MAX {
            return Err(EnvelopeError::State { at: 16 });
        }
        let records = records.iter().map(|bytes| Record::from_bytes(*bytes));
        let records: Vec<Record> = records.collect();
        if let Some(at) = records.iter().position(|record| record.kind().is_none()) {
            let at = STATE_HEAD_LEN + at * RECORD_LEN;
            return Err(EnvelopeError::State { at });
        }
        Ok(StatePart {
            next: RunPosition {
                inputs: u64::from_le_bytes(*inputs),
                outputs: u64::from_le_bytes(*outputs),
            },
            from,
            total,
            records,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickloom_types::{Header, InstrumentId, Kind, SignalBody, SourceId, Ts};

    const NEXT: RunPosition = RunPosition {
        inputs: 7,
        outputs: 3,
    };

    fn records(count: u32) -> Vec<Record> {
        let header = Header::new(Kind::Signal, InstrumentId::NONE, SourceId(0), Ts(0), Ts(0));
        let signal = |signal| {
            let body = SignalBody {
                signal,
                ..SignalBody::default()
            };
            body.record(header)
        };
        (0..count).map(signal).collect()
    }

    #[test]
    fn a_state_is_its_head_and_its_records() {
        let all = records(2);
        let parts: Vec<_> = StatePart::split(NEXT, &all).collect();
        let [part] = parts.as_slice() else {
            panic!("{parts:?}");
        };
        assert!(part.is_last());
        let mut expected = vec![7, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0];
        expected.extend([0, 0, 0, 0, 2, 0, 0, 0]);
        for record in &all {
            expected.extend(record.as_bytes());
        }
        assert_eq!(part.encode(), expected);
        assert_eq!(StatePart::decode(&expected).as_ref(), Ok(part));
    }

    #[test]
    fn a_large_state_comes_in_parts_and_an_empty_one_in_one() {
        let max = u32::try_from(STATE_RECORDS_MAX).unwrap();
        for (count, expected) in [
            (0, vec![(0, 0, true)]),
            (max, vec![(0, max, true)]),
            (max + 1, vec![(0, max, false), (max, 1, true)]),
            (2 * max, vec![(0, max, false), (max, max, true)]),
        ] {
            let all = records(count);
            let parts: Vec<_> = StatePart::split(NEXT, &all).collect();
            let len = |part: &StatePart| u32::try_from(part.records.len()).unwrap();
            let found: Vec<_> = parts
                .iter()
                .map(|p| (p.from, len(p), p.is_last()))
                .collect();
            assert_eq!(found, expected);
            for part in &parts {
                assert_eq!((part.next, part.total), (NEXT, count));
                assert_eq!(StatePart::decode(&part.encode()).as_ref(), Ok(part));
            }
        }
    }

    #[test]
    fn other_bytes_are_refused() {
        let all = records(2);
        let whole = StatePart::split(NEXT, &all).next().unwrap().encode();
        let refused = |bytes: &[u8]| StatePart::decode(bytes).unwrap_err();
        for len in (0..whole.len()).filter(|len| len % 64 != STATE_HEAD_LEN % 64) {
            assert_eq!(refused(&whole[..len]), EnvelopeError::State { at: len });
        }
        // None of two.
        assert_eq!(
            refused(&whole[..STATE_HEAD_LEN]),
            EnvelopeError::State { at: 16 }
        );
        let changed = |at: usize, byte: u8| {
            let mut bytes = whole.clone();
            bytes[at] = byte;
            bytes
        };
        // More than there are, and one of no kind.
        assert_eq!(refused(&changed(16, 1)), EnvelopeError::State { at: 16 });
        assert_eq!(refused(&changed(19, 255)), EnvelopeError::State { at: 16 });
        let kind = STATE_HEAD_LEN + RECORD_LEN + 22;
        let at = STATE_HEAD_LEN + RECORD_LEN;
        assert_eq!(refused(&changed(kind, 0)), EnvelopeError::State { at });
    }
}
