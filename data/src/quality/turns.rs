//! Records of many instruments that take turns, in another order: an instrument after the other, each with its records as they came.
//!
//! What is found in an instrument's records does not depend on those of others, but for statuses of a source as a whole, at which
//! an order ends. What is remembered of thousands of instruments is looked up once for several records then, and not for each.

use super::calm::{GROUP, alike};
use tickloom_types::{Kind, Record};

/// Records that are put in order at a time, at most: as many as a scan gathers of files that take turns.
const RECORDS_MAX: usize = 1 << 17;

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

#[cfg(test)]
mod tests {
    use super::*;

    /// Records of these instruments, numbered; of `u32::MAX` a status.
    fn records(instruments: &[u32]) -> Vec<Record> {
        let record = |(ts, instrument): (i64, &u32)| {
            let mut record = Record::default();
            record.header.ts_event = ts;
            record.header.instrument = *instrument;
            record.header.kind = match *instrument {
                u32::MAX => Kind::Status as u8,
                _ => Kind::Bar as u8,
            };
            record
        };
        (0..).zip(instruments).map(record).collect()
    }

    fn put(instruments: &[u32]) -> (usize, Option<Vec<i64>>) {
        let mut turns = Turns::default();
        let count = turns.put(&records(instruments), 3);
        let times = |all: &[Record]| all.iter().map(|record| record.header.ts_event).collect();
        (count, turns.ordered().map(times))
    }

    #[test]
    fn an_instrument_comes_after_the_other_up_to_a_status() {
        let ordered = vec![1, 4, 2, 5, 0, 6, 3];
        let (of_three, status) = ([2, 0, 1, 9, 0, 1, 2], u32::MAX);
        assert_eq!(put(&of_three), (7, Some(ordered.clone())));
        let then = [&of_three[..], &[status, 1, 0, 1]].concat();
        assert_eq!(put(&then), (7, Some(ordered)));
        // With the status if there are too few before it.
        let soon = [&[2, 0, 1, status][..], &of_three].concat();
        assert_eq!(put(&soon), (4, None));
        assert_eq!(put(&[status, 0, 1, 2, 0, 1]), (1, None));
    }

    #[test]
    fn what_takes_no_turns_or_is_little_stays_as_it_is() {
        assert_eq!(put(&[0, 1, 2, 0, 1]), (5, None));
        let long = [[0; GROUP].as_slice(), &[1, 0, 1, 0]].concat();
        assert_eq!(put(&long), (long.len(), None));
        let mut turns = Turns::default();
        assert_eq!(turns.put(&records(&[0; 40]), 1), 40);
        let many: Vec<u32> = (0..3).cycle().take(RECORDS_MAX + 9).collect();
        assert_eq!(turns.put(&records(&many), 3), RECORDS_MAX);
        assert_eq!(turns.ordered().map(<[Record]>::len), Some(RECORDS_MAX));
        assert_eq!(turns.put(&records(&[0; 40]), 3), 40);
        assert_eq!(turns.ordered(), None);
    }
}
