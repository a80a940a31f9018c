//! A snapshot: all that a core remembers at the end of a moment, as bytes that any number of workers write and load.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `TLSTATE` and a zero |
//! | 4 | version of the bytes, [`FORMAT_VERSION`] |
//! | 4 | version of what a core makes of its input, [`SEMANTICS_VERSION`] |
//! | 16 | fingerprint of the configuration |
//! | 8 | sequence of the first input that is not in it |
//! | 24, and 64 each | the output hash: outputs so far, the newest link, the records after it |
//! | the rest | market, strategies and account, expressions |
//! | 16 | XXH3-128 of all before |
//!
//! Numbers are little-endian. What follows from the configuration is not in it: state is loaded onto a core that was made from
//! the same one. Where the bytes are kept is not known here.

use crate::config::CoreConfig;
use crate::error::CoreError;
use crate::output_hash::OutputHash;
use thiserror::Error;
use tickloom_types::{
    Kind, Record, Seq, StateError, StateReader, StateWriter, StatusBody, StatusCode,
};
use xxhash_rust::xxh3::xxh3_128;

/// Version of a snapshot's bytes.
pub const FORMAT_VERSION: u32 = 3;

/// Version of what a core makes of its input. It is raised when the same configuration and input give other outputs than before,
/// so that no run goes on from what an older core remembered.
pub const SEMANTICS_VERSION: u32 = 5;

/// Whether a record asks for a snapshot. All parts of a core can save at it, and nothing else comes of it: outputs are those
/// without it.
#[must_use]
#[inline]
pub fn is_snapshot(record: &Record) -> bool {
    record.header.kind == Kind::Status as u8
        && StatusBody::of(record).code == StatusCode::Snapshot as u16
}

const MAGIC: &[u8; 8] = b"TLSTATE\0";
const CHECKSUM_BYTES: usize = 16;

/// Why the state of a core cannot be saved.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum CannotSave {
    /// Not at the end of a moment.
    #[error("the moment of the last record goes on, and state is saved at its end")]
    InMoment,
    /// A strategy in code does not say what it remembers.
    #[error("strategy {name} does not save its state, so that the run goes on by replay alone")]
    Strategy {
        /// Its name.
        name: String,
    },
    /// What workers saved is not of one core at one record.
    #[error("what the workers saved is not of all expressions at input {next_seq}")]
    Parts {
        /// The sequence of the first input that is not in it.
        next_seq: Seq,
    },
}

/// Why bytes are no snapshot that can be loaded.
#[derive(Debug, Error, Clone, PartialEq)]
pub enum SnapshotError {
    /// They begin as something else.
    #[error("this is no snapshot")]
    Foreign,
    /// They are written in another way.
    #[error("the snapshot is in format {found}, and this version reads format {FORMAT_VERSION}")]
    Format {
        /// Its version.
        found: u32,
    },
    /// Its checksum is another one than that of its bytes.
    #[error("the snapshot is damaged: its checksum is not that of its {bytes} bytes")]
    Damaged {
        /// How many there are.
        bytes: usize,
    },
    /// A core of another version would have gone on otherwise.
    #[error(
        "the snapshot is of a core with semantics {found}, and this version has {SEMANTICS_VERSION}"
    )]
    Semantics {
        /// Its version.
        found: u32,
    },
    /// It is of a core that was made from something else.
    #[error(
        "the snapshot is of another configuration: its fingerprint is {found:032x}, that of this run {expected:032x}"
    )]
    Configuration {
        /// The fingerprint of its configuration.
        found: u128,
        /// The fingerprint of the configuration that it is to be loaded with.
        expected: u128,
    },
    /// Something in it cannot be, though its checksum is right.
    #[error("the snapshot cannot be: {0}")]
    State(#[from] StateError),
    /// The configuration is wrong.
    #[error(transparent)]
    Core(#[from] CoreError),
}

/// A snapshot whose bytes are whole; what its core remembers is looked at when it is loaded.
///
/// ```
/// use tickloom_core::{Core, CoreConfig, OutputHash, Outputs, Snapshot};
/// use tickloom_types::Record;
///
/// let config = CoreConfig::default();
/// let mut core = Core::new(&config)?;
/// let (mut out, mut hash) = (Outputs::new(), OutputHash::new());
/// core.step(0, &Record::default(), &mut out);
/// hash.update_all(out.records());
/// let bytes = core.save(1, &hash)?;
///
/// let snapshot = Snapshot::open(&bytes)?;
/// let mut again = Core::load(&config, &snapshot)?;
/// let mut hash = snapshot.outputs().clone();
/// again.step(snapshot.next_seq(), &Record::default(), &mut out);
/// hash.update_all(out.records());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Snapshot<'a> {
    fingerprint: u128,
    next_seq: Seq,
    outputs: OutputHash,
    body: &'a [u8],
}

impl<'a> Snapshot<'a> {
    /// Looks at the bytes: whether they are whole, and of this version.
    ///
    /// # Errors
    /// [`SnapshotError`] by name.
    pub fn open(bytes: &'a [u8]) -> Result<Snapshot<'a>, SnapshotError> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(SnapshotError::Foreign)?;
        let damaged = SnapshotError::Damaged { bytes: bytes.len() };
        let mut from = StateReader::new(rest, "its head");
        let found = from.u32().map_err(|_| damaged.clone())?;
        if found != FORMAT_VERSION {
            return Err(SnapshotError::Format { found });
        }
        let Some((content, checksum)) = bytes.split_last_chunk::<CHECKSUM_BYTES>() else {
            return Err(damaged);
        };
        if xxh3_128(content).to_le_bytes() != *checksum {
            return Err(damaged);
        }
        let content = content.get(MAGIC.len() + size_of::<u32>()..);
        let mut from = StateReader::new(content.ok_or(damaged)?, "its head");
        let found = from.u32()?;
        if found != SEMANTICS_VERSION {
            return Err(SnapshotError::Semantics { found });
        }
        Ok(Snapshot {
            fingerprint: from.u128()?,
            next_seq: from.tally()?,
            outputs: OutputHash::load(&mut from)?,
            body: from.rest(),
        })
    }

    /// The sequence of the first input that is not in it: where the run goes on.
    #[must_use]
    pub fn next_seq(&self) -> Seq {
        self.next_seq
    }

    /// The hash over all outputs up to it, which goes on with those that come next.
    #[must_use]
    pub fn outputs(&self) -> &OutputHash {
        &self.outputs
    }

    /// The fingerprint of the configuration that its core was made from.
    #[must_use]
    pub fn fingerprint(&self) -> u128 {
        self.fingerprint
    }

    /// What a core with this fingerprint remembers.
    pub(crate) fn body(&self, expected: u128) -> Result<StateReader<'a>, SnapshotError> {
        if self.fingerprint == expected {
            return Ok(StateReader::new(self.body, "the state"));
        }
        Err(SnapshotError::Configuration {
            found: self.fingerprint,
            expected,
        })
    }
}

/// A snapshot in the making: its head is written.
pub(crate) fn begin(fingerprint: u128, next_seq: Seq, outputs: &OutputHash) -> StateWriter {
    let mut to = StateWriter::new();
    MAGIC.iter().for_each(|byte| to.u8(*byte));
    to.u32(FORMAT_VERSION);
    to.u32(SEMANTICS_VERSION);
    to.u128(fingerprint);
    to.u64(next_seq);
    outputs.save(&mut to);
    to
}

/// The whole snapshot.
pub(crate) fn end(mut to: StateWriter) -> Vec<u8> {
    to.u128(xxh3_128(to.bytes()));
    to.into_bytes()
}

/// A hash of all that a core is made from: every setting counts, as any may change what the core does.
pub(crate) fn fingerprint(config: &CoreConfig) -> u128 {
    let text = serde_json::to_vec(config).expect("settings are plain values with names");
    xxh3_128(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_snapshot_is_named() {
        let whole = end(begin(7, 5, &OutputHash::new()));
        let opened = Snapshot::open(&whole).unwrap();
        assert_eq!((opened.next_seq(), opened.fingerprint()), (5, 7));
        assert!(opened.body(7).unwrap().end().is_ok());
        assert_eq!(
            opened.body(8).unwrap_err(),
            SnapshotError::Configuration {
                found: 7,
                expected: 8
            }
        );
        assert_eq!(Snapshot::open(b"").unwrap_err(), SnapshotError::Foreign);
        assert_eq!(
            Snapshot::open(&whole[1..]).unwrap_err(),
            SnapshotError::Foreign
        );
        for at in MAGIC.len()..whole.len() {
            let short = Snapshot::open(&whole[..at]).unwrap_err();
            assert_eq!(short, SnapshotError::Damaged { bytes: at });
            let mut flipped = whole.clone();
            flipped[at] ^= 16;
            let error = Snapshot::open(&flipped).unwrap_err();
            let is_format = matches!(error, SnapshotError::Format { .. });
            assert_eq!(is_format, at < 12, "{error}");
            assert!(is_format || error == SnapshotError::Damaged { bytes: whole.len() });
        }
    }

    #[test]
    fn other_versions_are_named() {
        let mut to = StateWriter::new();
        MAGIC.iter().for_each(|byte| to.u8(*byte));
        to.u32(FORMAT_VERSION);
        to.u32(SEMANTICS_VERSION + 1);
        let error = Snapshot::open(&end(to)).unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "the snapshot is of a core with semantics {}, and this version has {SEMANTICS_VERSION}",
                SEMANTICS_VERSION + 1
            )
        );
    }
}
