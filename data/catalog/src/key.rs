//! The place of a row in its run.

use serde::{Deserialize, Serialize};
use tickloom_types::Seq;

/// Place of a row in its run: inputs by sequence; outputs after the input that caused them, by number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key {
    /// The input, or that which caused the output.
    pub seq: Seq,
    /// Number of the output plus one; 0 for inputs.
    pub output: u64,
}

impl Key {
    /// The least.
    pub const MIN: Key = Key { seq: 0, output: 0 };
    /// The greatest.
    pub const MAX: Key = Key {
        seq: Seq::MAX,
        output: u64::MAX,
    };

    /// The greatest key below this one, if there is one.
    pub(crate) fn before(self) -> Option<Key> {
        match self.output.checked_sub(1) {
            Some(output) => Some(Key { output, ..self }),
            None => Some(Key {
                seq: self.seq.checked_sub(1)?,
                output: u64::MAX,
            }),
        }
    }

    /// The least key above this one.
    #[must_use]
    pub fn next(self) -> Key {
        match self.output.checked_add(1) {
            Some(output) => Key { output, ..self },
            None => Key {
                seq: self.seq.saturating_add(1),
                output: 0,
            },
        }
    }
}
