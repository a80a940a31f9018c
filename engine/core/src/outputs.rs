//! What a step says: records in order, and the hash over all of them.

use crate::limits::OUTPUTS_EXPECTED;
use tickloom_types::Record;
use xxhash_rust::xxh3::Xxh3;

/// The output records of one step, reused from step to step.
#[derive(Clone, Debug)]
pub struct Outputs {
    records: Vec<Record>,
}

impl Outputs {
    /// Empty, with room for a step.
    #[must_use]
    pub fn new() -> Outputs {
        Outputs {
            records: Vec::with_capacity(OUTPUTS_EXPECTED),
        }
    }

    /// The records in the order in which they were made.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Forgets them; the core does this at the start of each step.
    pub fn clear(&mut self) {
        self.records.clear();
    }

    pub(crate) fn push(&mut self, record: Record) {
        self.records.push(record);
    }
}

impl Default for Outputs {
    fn default() -> Self {
        Outputs::new()
    }
}

/// XXH3-128 over the 64 bytes of every output record in order: two runs are the same if their hashes are.
#[derive(Clone)]
pub struct OutputHash {
    state: Xxh3,
}

impl OutputHash {
    /// Over nothing yet.
    #[must_use]
    pub fn new() -> OutputHash {
        OutputHash { state: Xxh3::new() }
    }

    /// Takes the next output record.
    pub fn update(&mut self, record: &Record) {
        self.state.update(record.as_bytes());
    }

    /// Takes the next output records; the same as one after the other, at once.
    pub fn update_all(&mut self, records: &[Record]) {
        self.state.update(Record::bytes_of(records));
    }

    /// The hash so far as 32 hexadecimal digits.
    #[must_use]
    pub fn hex(&self) -> String {
        format!("{:032x}", self.state.digest128())
    }
}

impl Default for OutputHash {
    fn default() -> Self {
        OutputHash::new()
    }
}

impl std::fmt::Debug for OutputHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OutputHash({})", self.hex())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_all_bytes_in_order() {
        let mut first = Record::default();
        first.body[0] = 7;
        let second = Record::default();
        let mut hash = OutputHash::new();
        hash.update(&first);
        hash.update(&second);
        let mut at_once = OutputHash::new();
        at_once.update_all(&[first, second]);
        assert_eq!(at_once.hex(), hash.hex());
        let bytes = [*first.as_bytes(), *second.as_bytes()].concat();
        let whole = xxhash_rust::xxh3::xxh3_128(&bytes);
        assert_eq!(hash.hex(), format!("{whole:032x}"));
        assert_eq!(OutputHash::new().hex(), "99aa06d3014798d86001c324468d497f");
    }
}
