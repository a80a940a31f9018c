//! What a step says: records in order.

use crate::limits::OUTPUTS_EXPECTED;
use tickloom_types::Record;

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
