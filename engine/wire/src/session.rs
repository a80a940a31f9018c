//! The session: which run an epoch belongs to, where its numbers begin, what is on disk and what was taken back.
//!
//! It stands at the front of every message without a record, so that whoever comes late learns it. Bytes in, values out.

use crate::error::EnvelopeError;
use crate::limits::RETRACTIONS_MAX;
use crate::topic::is_name;
use serde::Serialize;
use std::ops::Range;
use tickloom_types::Seq;
use xxhash_rust::xxh3::xxh3_64;

/// Bytes of a session without its run's name and its retractions.
pub const SESSION_LEN: usize = 48;

/// A place in a run: so many inputs and outputs are before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RunPosition {
    /// Inputs before it: the sequence of the next one.
    pub inputs: Seq,
    /// Outputs before it: the number of the next one.
    pub outputs: u64,
}

/// Numbers that were given away and will never be in the journal: a crash took back what had them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retracted {
    /// Sequences of inputs.
    pub inputs: Range<Seq>,
    /// Numbers of outputs.
    pub outputs: Range<u64>,
}

/// One epoch's part of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Name of the run; `None`: it is not recorded, and its numbers are of this epoch alone.
    pub run: Option<String>,
    /// Every topic's first message in this epoch has the sequence after this one. It is above all that any topic has used
    /// before in the run.
    pub topic_base: u64,
    /// Where this session's numbers begin.
    pub first: RunPosition,
    /// What is before this is on disk.
    pub watermark: RunPosition,
    /// What was taken back so far, the oldest first; of many the newest [`RETRACTIONS_MAX`].
    pub retracted: Vec<Retracted>,
}

/// The run's identity in envelopes: XXH3-64 of its name.
#[must_use]
pub fn run_id(name: &str) -> u64 {
    xxh3_64(name.as_bytes())
}

impl Session {
    /// A session that nobody records: numbers begin at 0, nothing is ever on disk.
    #[must_use]
    pub fn unrecorded() -> Session {
        Session {
            run: None,
            topic_base: 0,
            first: RunPosition::default(),
            watermark: RunPosition::default(),
            retracted: Vec::new(),
        }
    }

    /// The run's identity in envelopes; 0 if it is not recorded.
    #[must_use]
    pub fn run_id(&self) -> u64 {
        self.run.as_deref().map_or(0, run_id)
    }

    /// The retractions that are told.
    pub(crate) fn newest_retracted(&self) -> &[Retracted] {
        let newest = self.retracted.len().saturating_sub(RETRACTIONS_MAX);
        self.retracted.get(newest..).unwrap_or_default()
    }

    /// Appends the bytes. A name that is none, and more than the newest retractions, are left out.
    pub fn encode(&self, bytes: &mut Vec<u8>) {
        let run = self.run.as_deref().filter(|run| is_name(run));
        let run = run.unwrap_or_default();
        let retracted = self.newest_retracted();
        let words = [
            self.topic_base,
            self.first.inputs,
            self.first.outputs,
            self.watermark.inputs,
            self.watermark.outputs,
        ];
        bytes.extend(words.into_iter().flat_map(u64::to_le_bytes));
        let lens = [run.len(), retracted.len()].map(|len| u8::try_from(len).unwrap_or(u8::MAX));
        bytes.extend(lens);
        bytes.extend([0; 6]);
        bytes.extend(run.as_bytes());
        for Retracted { inputs, outputs } in retracted {
            let words = [inputs.start, inputs.end, outputs.start, outputs.end];
            bytes.extend(words.into_iter().flat_map(u64::to_le_bytes));
        }
    }

    /// Reads a session from the front of `bytes`, and returns what follows it.
    ///
    /// # Errors
    /// [`EnvelopeError::Session`] where it ends early or has a bad name or range.
    pub fn decode(bytes: &[u8]) -> Result<(Session, &[u8]), EnvelopeError> {
        let mut rest = bytes;
        let at = |rest: &[u8]| EnvelopeError::Session {
            at: bytes.len() - rest.len(),
        };
        let mut words = [0; 5];
        for word in &mut words {
            *word = take_word(&mut rest).ok_or_else(|| at(rest))?;
        }
        let [topic_base, first_input, first_output, inputs, outputs] = words;
        let Some((&[run_len, retractions, ..], after)) = rest.split_first_chunk::<8>() else {
            return Err(at(rest));
        };
        let Some((run, mut rest)) = after.split_at_checked(usize::from(run_len)) else {
            return Err(at(after));
        };
        let run = match std::str::from_utf8(run) {
            Ok("") => None,
            Ok(run) if is_name(run) => Some(run.to_owned()),
            _ => return Err(at(after)),
        };
        if usize::from(retractions) > RETRACTIONS_MAX {
            return Err(at(rest));
        }
        let mut retracted = Vec::with_capacity(usize::from(retractions));
        for _ in 0..retractions {
            retracted.push(take_retracted(&mut rest).ok_or_else(|| at(rest))?);
        }
        let session = Session {
            run,
            topic_base,
            first: RunPosition {
                inputs: first_input,
                outputs: first_output,
            },
            watermark: RunPosition { inputs, outputs },
            retracted,
        };
        Ok((session, rest))
    }
}

fn take_word(rest: &mut &[u8]) -> Option<u64> {
    let (word, after) = rest.split_first_chunk::<8>()?;
    *rest = after;
    Some(u64::from_le_bytes(*word))
}

/// Two ranges; `rest` stays where it is if they are none.
fn take_retracted(rest: &mut &[u8]) -> Option<Retracted> {
    let mut after = *rest;
    let mut range = || {
        let (from, to) = (take_word(&mut after)?, take_word(&mut after)?);
        (from <= to).then_some(from..to)
    };
    let (inputs, outputs) = (range()?, range()?);
    *rest = after;
    Some(Retracted { inputs, outputs })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> Session {
        Session {
            run: Some("20240808T235413Z".to_owned()),
            topic_base: 3_000,
            first: RunPosition {
                inputs: 2_000,
                outputs: 1_000,
            },
            watermark: RunPosition {
                inputs: 1_500,
                outputs: 700,
            },
            retracted: vec![Retracted {
                inputs: 1_500..2_000,
                outputs: 700..1_000,
            }],
        }
    }

    fn encoded(session: &Session) -> Vec<u8> {
        let mut bytes = Vec::new();
        session.encode(&mut bytes);
        bytes
    }

    #[test]
    fn a_session_is_read_back_with_what_follows_it() {
        for session in [session(), Session::unrecorded()] {
            let mut bytes = encoded(&session);
            bytes.extend(b"more");
            let (read, rest) = Session::decode(&bytes).unwrap();
            assert_eq!((read, rest), (session, b"more".as_slice()));
        }
        assert_eq!(encoded(&Session::unrecorded()).len(), SESSION_LEN);
        assert_eq!(Session::unrecorded().run_id(), 0);
    }

    #[test]
    fn a_run_is_named_by_the_hash_of_its_name() {
        // Of the reference implementation: xxhsum -H3 of the same bytes.
        assert_eq!(run_id(""), 0x2d06_8005_38d3_94c2);
        assert_eq!(session().run_id(), run_id("20240808T235413Z"));
    }

    #[test]
    fn the_newest_retractions_are_told() {
        let mut many = session();
        many.retracted = (0..100)
            .map(|n| Retracted {
                inputs: n..n,
                outputs: n..n + 1,
            })
            .collect();
        let bytes = encoded(&many);
        let (read, _) = Session::decode(&bytes).unwrap();
        assert_eq!(read.retracted, many.retracted[36..]);
    }

    #[test]
    fn a_session_that_is_none_names_the_byte() {
        let whole = encoded(&session());
        for len in 0..whole.len() {
            let error = Session::decode(&whole[..len]).unwrap_err();
            let EnvelopeError::Session { at } = error else {
                panic!("{error}");
            };
            assert!(at <= len, "{at} of {len}");
        }
        let broken = |at: usize, byte: u8| {
            let mut bytes = whole.clone();
            bytes[at] = byte;
            Session::decode(&bytes).map(|_| ())
        };
        let name_at = SESSION_LEN;
        assert_eq!(
            broken(name_at, b'/'),
            Err(EnvelopeError::Session { at: 48 })
        );
        assert_eq!(broken(41, 65), Err(EnvelopeError::Session { at: 64 }));
        let inputs_end = name_at + 16 + 8;
        assert_eq!(
            broken(inputs_end + 1, 0),
            Err(EnvelopeError::Session { at: 64 })
        );
        assert_eq!(broken(42, 9), Ok(()), "reserved bytes are not looked at");
    }
}
