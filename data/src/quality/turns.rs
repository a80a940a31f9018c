//! Records of many instruments that take turns, in another order: an instrument after the other, each with its records as they came.
//!
//! What is found in an instrument's records does not depend on those of others, but for statuses of a source as a whole, at which
//! an order ends. What is remembered of thousands of instruments is looked up once for several records then, and not for each.

use super::calm::{GROUP, alike};
use tickloom_types::{Kind, Record};

/// Records that are put in order at a time, at most.
const RECORDS_MAX: usize = 1 << 16;

/// Records in the order of their instruments.
#[derive(Debug, Default)]
pub(super) struct Turns {
    ordered: Vec<Record>,
    /// By instrument, with a last one for all that is of none: how many records, and then where its next one goes.
    places: Vec<u32>,
}

impl Turns {
    /// Puts the first of these records in order, for so many instruments: how many they are, at least one. They are better taken as they
    /// come if they do not take turns, or are too few.
    pub(super) fn put(&mut self, records: &[Record], instruments: usize) -> usize {
        self.ordered.clear();
        let is_few = records.len() / 2 < instruments;
        if instruments < 2 || is_few || alike(records) >= GROUP {
            return records.len();
        }
        let some = &records[..records.len().min(RECORDS_MAX)];
        let is_status = |record: &Record| record.header.kind == Kind::Status as u8;
        let count = some.iter().position(is_status).unwrap_or(some.len());
        if count / 2 < instruments {
            // With the status that ends them.
            return some.len().min(count + 1);
        }
        self.order(&some[..count], instruments);
        count
    }

    /// The records that were put in order; `None` if they are better taken as they come.
    pub(super) fn ordered(&self) -> Option<&[Record]> {
        Some(self.ordered.as_slice()).filter(|ordered| !ordered.is_empty())
    }

    fn order(&mut self, records: &[Record], instruments: usize) {
        let slot = |record: &Record| {
            let at = usize::try_from(record.header.instrument).unwrap_or(instruments);
            at.min(instruments)
        };
        self.places.clear();
        self.places.resize(instruments + 1, 0);
        for record in records {
            self.places[slot(record)] += 1;
        }
        let mut begin = 0;
        for place in &mut self.places {
            begin += std::mem::replace(place, begin);
        }
        self.ordered.clear();
        self.ordered.resize(records.len(), Record::default());
        for record in records {
            let place = &mut self.places[slot(record)];
            self.ordered[*place as usize] = *record;
            *place += 1;
        }
    }
}
