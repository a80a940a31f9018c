//! What earlier imports have of the instruments of a capture: a bar, trade or quote that is there already counts once, and of one instrument
//! there can be one book at a time.

use std::collections::HashMap;
use tickloom_data::{Catalog, CatalogError, Known};
use tickloom_types::{Instruments, Kind, Record, Ts};

/// What earlier imports have, and from when to when the capture has books.
pub(super) struct KnownOfCapture<'a> {
    catalog: &'a Catalog,
    pub(super) records: Known<'a>,
    instruments: Instruments,
    /// Of each instrument the first and the last time of its book.
    books: HashMap<u32, (Ts, Ts)>,
}

impl<'a> KnownOfCapture<'a> {
    /// Looks for imports other than `run` that have one of the instruments, with so many bytes of memory for the import.
    pub(super) fn of(
        catalog: &'a Catalog,
        run: &str,
        instruments: &Instruments,
        memory: u64,
    ) -> Result<KnownOfCapture<'a>, CatalogError> {
        Ok(KnownOfCapture {
            catalog,
            records: Known::within(catalog, run, instruments, memory)?,
            instruments: instruments.clone(),
            books: HashMap::new(),
        })
    }

    /// Whether a record is to be kept.
    pub(super) fn is_new(&mut self, record: &Record) -> Result<bool, CatalogError> {
        if record.kind() == Some(Kind::Level) {
            let ts = record.ts_event();
            let span = self.books.entry(record.header.instrument);
            let span = span.or_insert((ts, ts));
            *span = (span.0.min(ts), span.1.max(ts));
            return Ok(true);
        }
        self.records.is_new(record)
    }

    /// An instrument whose book another import has at the same time, in words. What begins where another ends may go on there.
    pub(super) fn other_book(&self) -> Result<Option<String>, CatalogError> {
        // None is named if there are none, which would mean all.
        if self.books.is_empty() || self.records.runs().is_empty() {
            return Ok(None);
        }
        for span in self.catalog.book_spans(self.records.runs())? {
            let found = self.instruments.find(&span.instrument);
            let own = found.and_then(|(id, _)| self.books.get(&id.0));
            if let Some((from, to)) = own
                && *from < span.to
                && span.from < *to
            {
                return Ok(Some(format!(
                    "{}: an earlier import ({}) has its book from {} to {}, this one from {from} to {to}, and two recordings of one \
                     book cannot be kept as one: import this one into a catalog of its own",
                    span.instrument, span.run, span.from, span.to
                )));
            }
        }
        Ok(None)
    }
}
