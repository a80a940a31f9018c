//! Records in the order of time, of a file that is in another: sorted some at a time, and each such part put by in a temporary
//! file, so that a file larger than memory can be sorted.

use crate::Result;
use crate::import::prepared::Push;
use crate::import::reader::FileOrder;
use crate::limits::SORTED_RECORDS_MAX;
use crate::spool::{Spool, Spooled};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use tickloom_types::Record;

/// Takes records row by row, to give them back in the order of time; those of one time in the order of the file, from its end if that is
/// newest first. The records of a row stay in their order.
pub(super) struct Sorted {
    is_newest_first: bool,
    by_arrival: bool,
    /// Records that are not sorted yet, with their row and their place in it.
    records: Vec<(u32, u32, Record)>,
    row: u32,
    /// Those before, part by part, each in order.
    parts: Vec<Spool>,
    count: usize,
    at_once: usize,
}

impl Sorted {
    /// Sorts so many records at a time.
    pub(super) fn new(order: FileOrder, by_arrival: bool, at_once: usize) -> Sorted {
        Sorted {
            is_newest_first: order.is_newest_first(),
            by_arrival,
            records: Vec::new(),
            row: 0,
            parts: Vec::new(),
            count: 0,
            at_once,
        }
    }

    /// Takes the records of a row; false if there are more than may be.
    pub(super) fn take(&mut self, records: &mut Vec<Record>) -> Result<bool> {
        self.count += records.len();
        let row = self.row;
        self.row += 1;
        let placed = (0..).zip(records.drain(..));
        self.records
            .extend(placed.map(|(place, record)| (row, place, record)));
        if self.records.len() >= self.at_once {
            self.put_by()?;
        }
        Ok(self.count <= SORTED_RECORDS_MAX)
    }

    fn time(&self, record: &Record) -> i64 {
        match self.by_arrival {
            true => record.header.ts_recv,
            false => record.header.ts_event,
        }
    }

    /// Takes out what is not put by, in order.
    fn sorted(&mut self) -> Vec<(u32, u32, Record)> {
        let mut records = std::mem::take(&mut self.records);
        // No two have one key, and sorting them where they are takes no memory besides.
        match self.is_newest_first {
            true => records.sort_unstable_by_key(|(row, place, record)| {
                (self.time(record), Reverse(*row), *place)
            }),
            false => records
                .sort_unstable_by_key(|(row, place, record)| (self.time(record), *row, *place)),
        }
        self.row = 0;
        records
    }

    /// Puts what is there by as a part.
    fn put_by(&mut self) -> Result<()> {
        let mut records = self.sorted();
        let mut part = Spool::new(0);
        for (.., record) in records.drain(..) {
            part.push(&record)?;
        }
        part.put_by()?;
        self.parts.push(part);
        self.records = records;
        Ok(())
    }

    /// Gives all records to `push`, in order.
    pub(super) fn drain(mut self, push: Push<'_>) -> Result<()> {
        if self.parts.is_empty() {
            let records = self.sorted();
            return (records.iter())
                .try_for_each(|(.., record)| push(std::slice::from_ref(record)));
        }
        self.put_by()?;
        self.records = Vec::new();
        let mut parts = Vec::new();
        for part in std::mem::take(&mut self.parts) {
            parts.push(part.read()?);
        }
        let mut heads: Vec<Option<Record>> = Vec::with_capacity(parts.len());
        let mut next = BinaryHeap::with_capacity(parts.len());
        let rank = |part: usize| match self.is_newest_first {
            true => usize::MAX - part,
            false => part,
        };
        for (at, part) in parts.iter_mut().enumerate() {
            let head = read(part)?;
            if let Some(record) = &head {
                next.push(Reverse((self.time(record), rank(at))));
            }
            heads.push(head);
        }
        while let Some(Reverse((_, ranked))) = next.pop() {
            // The same both ways.
            let at = rank(ranked);
            let (Some(part), Some(head)) = (parts.get_mut(at), heads.get_mut(at)) else {
                break;
            };
            if let Some(record) = head.take() {
                push(&[record])?;
            }
            *head = read(part)?;
            if let Some(record) = head {
                next.push(Reverse((self.time(record), ranked)));
            }
        }
        Ok(())
    }
}

fn read(part: &mut Spooled) -> Result<Option<Record>> {
    let next = part.next().transpose()?;
    Ok(next.map(|(_, record)| record))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tickloom_types::{Header, InstrumentId, Kind, QuoteBody, SourceId, Ts};

    /// As all at once, in memory.
    fn at_once(rows: &[Vec<Record>], is_newest_first: bool) -> Vec<Record> {
        let mut rows = rows.to_vec();
        if is_newest_first {
            rows.reverse();
        }
        let mut records = rows.concat();
        records.sort_by_key(|record| record.header.ts_event);
        records
    }

    proptest! {
        #[test]
        fn parts_are_as_the_whole(times in prop::collection::vec((0_i64..9, 1_usize..3), 0..60), at_once_max in 1_usize..80, is_newest_first: bool) {
            let mut rows = Vec::new();
            let mut id = 0;
            for (ts, count) in times {
                let mut row = Vec::new();
                for _ in 0..count {
                    id += 1;
                    let header = Header::new(Kind::Quote, InstrumentId(0), SourceId(0), Ts(ts), Ts(ts));
                    row.push(QuoteBody { update_id: id, ..QuoteBody::default() }.record(header));
                }
                rows.push(row);
            }
            let order = match is_newest_first {
                true => FileOrder::NewestFirst,
                false => FileOrder::Other(1),
            };
            let mut sorted = Sorted::new(order, false, at_once_max);
            for row in &rows {
                prop_assert!(sorted.take(&mut row.clone()).unwrap());
            }
            let mut found = Vec::new();
            sorted.drain(&mut |block| {
                found.extend_from_slice(block);
                Ok(())
            }).unwrap();
            prop_assert_eq!(found, at_once(&rows, is_newest_first));
        }
    }
}
