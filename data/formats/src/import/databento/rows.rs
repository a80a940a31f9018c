//! The rows of a file one after the other: the records that each becomes, and what became of it.

use super::convert::{Converter, Row};
use super::decoder::Decoder;
use super::fields::Wrong;
use super::kinds;
use super::listing::Listing;
use super::moments::Moments;
use super::quick::{self, Passed};
use super::raw::Head;
use super::seen::SeenAll;
use super::slots::Slots;
use super::symbols::Symbols;
use crate::import::input::Input;
use crate::import::report::{Found, reason};
use crate::import::report::{KindCount, LineError};
use crate::limits::DBN_SYMBOLS_MAX;
use crate::{FormatError, Result};
use std::path::PathBuf;
use tickloom_catalog::Table;
use tickloom_types::{InstrumentId, Record};

/// Reads rows.
pub(super) struct Rows {
    path: PathBuf,
    errors_max: usize,
    decoder: Decoder,
    pub(super) converter: Converter,
    slots: Slots,
    /// What the row that was read last begins with.
    head: Option<Head>,
    /// Those of the row that was read last; none if it is not used or wrong.
    pub(super) records: Vec<Record>,
    found: Found,
    /// Rows read and refused, by the place of their tables among all.
    counts: [(u64, u64); Table::ALL.len()],
}

/// What a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is an event of a market; whether the last of its venue's, if rows of its kind say so.
    Kept(Option<bool>),
    /// It is no event of a market, but this.
    NotKept(&'static str),
    Refused,
}

impl Rows {
    /// For the rows of a decoder at its beginning, where numbers stand for these symbols.
    pub(super) fn new(
        input: &Input,
        decoder: Decoder,
        symbols: Symbols,
        listing: Listing,
        errors_max: usize,
    ) -> Rows {
        let converter = Converter::new(symbols, listing, decoder.schema);
        Rows {
            path: input.path().to_owned(),
            errors_max,
            decoder,
            converter,
            slots: Slots::new(),
            head: None,
            records: Vec::new(),
            found: Found::default(),
            counts: [(0, 0); Table::ALL.len()],
        }
    }

    /// Reads the next row; `None` at the end.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<Outcome>> {
        self.records.clear();
        self.head = None;
        let Some(record) = self.decoder.peek()? else {
            return Ok(None);
        };
        self.found.read += 1;
        if record.head.rtype == dbn::rtype::SYMBOL_MAPPING {
            return self.learn_symbol().map(Some);
        }
        let (head, length) = (record.head, record.bytes().len());
        let row = self.converter.convert(&record, &mut self.records);
        self.decoder.pass(length);
        Ok(Some(match row {
            Ok(Row::Kept(is_last)) => {
                self.head = Some(head);
                self.count();
                Outcome::Kept(is_last)
            }
            Ok(Row::NotKept(what)) => {
                *self.found.not_kept.entry(what.to_owned()).or_default() += 1;
                Outcome::NotKept(what)
            }
            Err(wrong) => {
                self.records.clear();
                self.refuse(kinds::table(head.rtype), wrong);
                Outcome::Refused
            }
        }))
    }

    /// Takes what a stream says of its symbols.
    fn learn_symbol(&mut self) -> Result<Outcome> {
        if let Some(record) = self.decoder.next()? {
            self.converter.symbols.take(&record);
        }
        self.converter.listing.forget();
        self.slots.forget();
        if self.converter.symbols.are_too_many() {
            let found = format!("more than {DBN_SYMBOLS_MAX} symbols");
            return Err(self.damaged(found, "fewer"));
        }
        let what = kinds::not_kept(dbn::rtype::SYMBOL_MAPPING);
        *self.found.not_kept.entry(what.to_owned()).or_default() += 1;
        Ok(Outcome::NotKept(what))
    }

    /// Remembers of which instrument the last row is, whose prices need so many decimals, for those that are read quickly.
    #[inline]
    pub(super) fn learn(&mut self, decimals: impl Fn(InstrumentId) -> u8) {
        if let Some(head) = self.head.filter(quick::is_read)
            && let Some(newest) = self.converter.listing.newest()
        {
            self.slots.learn(&head, newest, decimals(newest.0));
        }
    }

    /// Looks at the rows that follow, as far as they are such as are read quickly.
    pub(super) fn survey(&mut self, seen: &mut SeenAll) {
        let passed = quick::survey(self.decoder.data(), &self.slots, seen);
        self.pass(passed);
    }

    /// Makes their records; false if there are none.
    pub(super) fn fill(&mut self, has_events: bool, moments: &mut Moments) -> bool {
        let passed = quick::fill(self.decoder.data(), &self.slots, has_events, moments);
        self.pass(passed)
    }

    fn pass(&mut self, passed: Option<Passed>) -> bool {
        let Some(passed) = passed else { return false };
        self.decoder.pass(passed.bytes);
        self.found.read += passed.rows as u64;
        for (table, rows) in [(passed.table, passed.rows), (Table::Trades, passed.trades)] {
            if let Some((read, _)) = self.counts.get_mut(table as usize) {
                *read += rows as u64;
            }
        }
        true
    }

    /// What was learnt, and what was read.
    pub(super) fn into_parts(self) -> (Converter, Decoder) {
        (self.converter, self.decoder)
    }

    /// Adds the row that made the records: one for each of their tables.
    fn count(&mut self) {
        let mut before = None;
        for record in &self.records {
            // Records of one kind follow each other, and a row has a trade and something else at most.
            let table = Table::of(record);
            if table != before
                && let Some(table) = table
                && let Some((read, _)) = self.counts.get_mut(table as usize)
            {
                *read += 1;
            }
            before = table;
        }
    }

    fn refuse(&mut self, table: Option<Table>, (field, value, expected): Wrong) {
        self.found.refused += 1;
        let count = table.and_then(|table| self.counts.get_mut(table as usize));
        if let Some((read, refused)) = count {
            *read += 1;
            *refused += 1;
        }
        self.found.reasons.add(&reason(field, expected), 1);
        if self.found.errors.len() < self.errors_max {
            self.found.errors.push(LineError {
                file: self.path.clone(),
                line: self.found.read,
                is_row: false,
                field: field.to_owned(),
                value,
                expected: expected.to_owned(),
            });
        }
    }

    /// The error for a file that is not as it should be at this place.
    pub(super) fn damaged(&self, found: String, expected: &str) -> FormatError {
        self.decoder.damaged(self.decoder.offset(), found, expected)
    }

    /// The error for a file of nothing that is used.
    pub(super) fn no_market(&self) -> FormatError {
        self.decoder.no_market(&self.found.not_kept)
    }

    /// What became of all rows; called once, at the end.
    pub(super) fn found(&mut self) -> Found {
        let mut found = std::mem::take(&mut self.found);
        for (table, (read, refused)) in Table::ALL.iter().zip(self.counts) {
            if read > 0 {
                let count = KindCount {
                    read,
                    written: 0,
                    refused,
                };
                found.rows.insert(*table, count);
            }
        }
        if self.converter.without_arrival > 0 {
            found.notes.push(format!(
                "{} rows do not say when they arrived (ts_recv): at the venue's time, and marked as not exact",
                self.converter.without_arrival
            ));
        }
        found.bar = match self.converter.bars() {
            [bar] => Some(*bar),
            _ => None,
        };
        found.stamp = found.bar.map(|_| "open".to_owned());
        found
    }
}
