//! Books that cannot be trusted for now: after a line that cannot be read, a gap in the numbers of a connection, or a new one.

use super::{Concern, Desk, Kept};
use crate::decode_error::DecodeError;
use crate::venues::batch::SymbolId;
use tickloom_types::{
    BookState, Flags, Header, InstrumentId, Kind, Sink, StatusBody, StatusCode, Ts,
};

impl Desk {
    /// Reports line number `number`, which could not be decoded. Where no time is known at all there is no record of it.
    pub(crate) fn report_bad(
        &self,
        number: u64,
        error: &DecodeError,
        ts_recv: Option<Ts>,
        sink: &mut impl Sink,
    ) {
        let Some(header) = self.status_header(ts_recv) else {
            return;
        };
        let body = StatusBody {
            code: StatusCode::BadFrame as u16,
            count: 1,
            from: number,
            to: number,
            detail: error.reason() as u64,
            ..StatusBody::default()
        };
        sink.push(body.record(header));
    }

    /// Header of a status record of the whole source: the venue's latest time, or that of arrival.
    pub(super) fn status_header(&self, ts_recv: Option<Ts>) -> Option<Header> {
        let known = self.venue_time.or(ts_recv)?;
        let (none, feed) = (InstrumentId::NONE, self.sources.feed);
        let header = Header::new(Kind::Status, none, feed, known, ts_recv.unwrap_or(known));
        Some(match self.venue_time {
            Some(_) => header,
            None => header.with_flags(Flags::BAD_TIME),
        })
    }

    /// A message of a file could not be read. Books that it may have told of wait for their next snapshots, unless they notice
    /// themselves that a change is missing.
    pub(crate) fn lost(
        &mut self,
        file: usize,
        concern: Concern<'_>,
        ts_recv: Option<Ts>,
        sink: &mut impl Sink,
    ) {
        let Some(header) = self.status_header(ts_recv) else {
            return;
        };
        let is_one = |at: usize, book: &Kept| {
            let is_named = match concern {
                Concern::Any => true,
                Concern::Of(symbols) => symbols.contains(&SymbolId(at)),
            };
            is_named && book.file == file && !book.is_checked
        };
        self.doubted += self.wait(header, is_one, sink);
    }

    /// Makes live books wait for their next snapshots. Says how many.
    pub(super) fn wait(
        &mut self,
        mut header: Header,
        is_one: impl Fn(usize, &Kept) -> bool,
        sink: &mut impl Sink,
    ) -> u64 {
        header.kind = Kind::Status as u8;
        let mut count = 0;
        for (at, (book, scale)) in self.books.iter_mut().zip(&self.scales).enumerate() {
            if let (Some(book), Some(scale)) = (book, scale)
                && book.sync.state() == BookState::Live
                && is_one(at, book)
            {
                header.instrument = scale.instrument.0;
                count += 1;
                book.sync.stale(header, sink);
                if self.is_asked {
                    // Changes wait for the snapshot that they join.
                    book.sync.restart(header, sink);
                }
            }
        }
        count
    }

    /// A file begins with a connection.
    pub(crate) fn connected(&mut self, file: usize) {
        self.connected.insert(file);
    }

    /// The connection of a file was made anew: what came meanwhile is not there, so its books wait for their next snapshots.
    pub(crate) fn reconnected(&mut self, file: usize, ts: Ts, sink: &mut impl Sink) {
        if let Some(header) = self.status_header(Some(ts)) {
            self.restart_books(header, |book| book.file == file, sink);
        }
    }

    /// Messages of the connection are missing: no book of it can be trusted any more.
    pub(super) fn lose_all(
        &mut self,
        file: usize,
        (from, to): (u64, u64),
        ts_recv: Option<Ts>,
        sink: &mut impl Sink,
    ) {
        self.counts.gaps += 1;
        let Some(header) = self.status_header(ts_recv) else {
            return;
        };
        let body = StatusBody {
            code: StatusCode::Gap as u16,
            count: 1,
            from,
            to,
            ..StatusBody::default()
        };
        sink.push(body.record(header));
        self.restart_books(header, |book| book.file == file, sink);
    }

    pub(super) fn restart_books(
        &mut self,
        mut header: Header,
        is_one: impl Fn(&Kept) -> bool,
        sink: &mut impl Sink,
    ) {
        for (book, scale) in self.books.iter_mut().zip(&self.scales) {
            if let (Some(book), Some(scale)) = (book, scale)
                && book.sync.state() == BookState::Live
                && is_one(book)
            {
                header.instrument = scale.instrument.0;
                book.sync.restart(header, sink);
            }
        }
    }

    /// Times that books were made to wait, as a message that may have told of them could not be read.
    pub(crate) fn doubted(&self) -> u64 {
        self.doubted
    }
}
