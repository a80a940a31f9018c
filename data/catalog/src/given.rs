//! Makes records of the columns of a block.

use super::column::Column;
use super::direct::Given;
use std::ops::Range;
use tickloom_types::{Header, Record};

/// Rows whose records the nearest cache holds.
const ROWS_NEAR: usize = 128;

/// Columns of rows that are to be records.
pub(crate) struct GivenRows<'a> {
    /// Event and arrival.
    pub(crate) times: [Given<'a>; 2],
    /// Source and flags.
    pub(crate) origin: [Given<'a>; 2],
    /// Those of the table.
    pub(crate) own: Vec<(&'a Column, Given<'a>)>,
}

impl GivenRows<'_> {
    /// Appends so many records; what no column says is as in `header`.
    pub(crate) fn append(&self, header: Header, count: usize, to: &mut Vec<Record>) {
        let mut record = Record {
            header,
            ..Record::default()
        };
        let begin = to.len();
        self.put(None, std::slice::from_mut(&mut record));
        to.resize(begin + count, record);
        // Some rows at a time, so that their records stay near while one column after the other is put into them.
        for (number, records) in to[begin..].chunks_mut(ROWS_NEAR).enumerate() {
            let from = number * ROWS_NEAR;
            self.put(Some(from..from + records.len()), records);
        }
    }

    /// Puts what these rows have; without rows, what all of them have.
    fn put(&self, rows: Option<Range<usize>>, records: &mut [Record]) {
        let ([event, arrival], [source, flags]) = (self.times, self.origin);
        put(event, &rows, records, |to, value| {
            to.header.ts_event = value
        });
        put(arrival, &rows, records, |to, value| {
            to.header.ts_recv = value
        });
        put(source, &rows, records, |to, value| {
            to.header.source = low16(value);
        });
        put(flags, &rows, records, |to, value| {
            to.header.flags = low8(value);
        });
        for (column, given) in &self.own {
            match (given, &rows) {
                (Given::Each(values), Some(rows)) => {
                    column.put_numbers(&values[rows.clone()], records);
                }
                (Given::Same(value), None) => column.put_numbers(&[*value], records),
                _ => {}
            }
        }
    }
}

fn put(
    given: Given<'_>,
    rows: &Option<Range<usize>>,
    records: &mut [Record],
    put: impl Fn(&mut Record, i64),
) {
    match (given, rows) {
        (Given::Each(values), Some(rows)) => {
            for (record, value) in records.iter_mut().zip(&values[rows.clone()]) {
                put(record, *value);
            }
        }
        (Given::Same(value), None) => records.iter_mut().for_each(|record| put(record, value)),
        _ => {}
    }
}

/// The low bits of a number that has no others.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the column has no more bits"
)]
fn low8(value: i64) -> u8 {
    value as u8
}

/// The same of 16 bits.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an identifier has no more bits"
)]
fn low16(value: i64) -> u16 {
    value as u16
}
