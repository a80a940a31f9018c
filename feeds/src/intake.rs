//! A decoder and the books behind it: the part that a live session and a capture file have in common.

use crate::binance::{Decoded, Decoder, Reply, Symbol, Untimed, Venue};
use crate::book_sync::{BookSync, SyncCounts};
use crate::decode_error::DecodeError;
use tickloom_types::{
    BookState, Flags, Header, InstrumentId, Kind, Sink, SourceId, StatusBody, StatusCode, Ts,
};

/// What a frame was, for counting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// A trade.
    Trade,
    /// A best bid and ask.
    Quote,
    /// A diff with so many levels.
    Diff(usize),
    /// A snapshot with so many levels.
    Snapshot(usize),
    /// An answer to a request of ours.
    Reply(Reply),
}

/// Decoder and books of one source.
#[derive(Debug)]
pub(crate) struct Intake {
    pub(crate) decoder: Decoder,
    pub(crate) books: Vec<(InstrumentId, BookSync)>,
}

impl Intake {
    pub(crate) fn new(
        venue: Venue,
        source: SourceId,
        symbols: Vec<Symbol>,
        untimed: Untimed,
    ) -> Intake {
        let book = |symbol: &Symbol| (symbol.instrument, BookSync::new(venue.sequence_rule()));
        Intake {
            books: symbols.iter().map(book).collect(),
            decoder: Decoder::new(venue, source, symbols, untimed),
        }
    }

    /// Takes a frame: its records go into the sink, in step with what came before. Also says when the venue sent it, if it said so.
    pub(crate) fn frame(
        &mut self,
        ts_recv: Ts,
        frame: &[u8],
        sink: &mut impl Sink,
    ) -> Result<(Taken, Option<Ts>), DecodeError> {
        let decoded = self.decoder.decode(ts_recv, frame)?;
        Ok(take(decoded, &mut self.books, sink))
    }

    /// Takes the answer of the REST depth service.
    pub(crate) fn snapshot(
        &mut self,
        ts_recv: Ts,
        instrument: InstrumentId,
        body: &[u8],
        sink: &mut impl Sink,
    ) -> Result<(), DecodeError> {
        let decoded = self
            .decoder
            .decode_snapshot(ts_recv, Some(instrument), body)?;
        take(decoded, &mut self.books, sink);
        Ok(())
    }

    /// Reports frame number `number`, which could not be decoded.
    pub(crate) fn report_bad(
        &self,
        source: SourceId,
        ts_recv: Ts,
        number: u64,
        error: &DecodeError,
        sink: &mut impl Sink,
    ) {
        let body = StatusBody {
            code: StatusCode::BadFrame as u16,
            count: 1,
            from: number,
            to: number,
            detail: error.reason() as u64,
            ..StatusBody::default()
        };
        sink.push(body.record(self.status_header(InstrumentId::NONE, source, ts_recv)));
    }

    /// The state and the counts of one instrument's book.
    pub(crate) fn book(&self, instrument: InstrumentId) -> Option<&BookSync> {
        let found = self.books.iter().find(|(id, _)| *id == instrument);
        found.map(|(_, book)| book)
    }

    /// The counts of all books together.
    pub(crate) fn counts(&self) -> SyncCounts {
        let mut sum = SyncCounts::default();
        for (_, book) in &self.books {
            sum.add(book.counts());
        }
        sum
    }

    /// How many books are live.
    pub(crate) fn live(&self) -> usize {
        let is_live = |(_, book): &&(InstrumentId, BookSync)| book.state() == BookState::Live;
        self.books.iter().filter(is_live).count()
    }

    /// Header of a status record: the venue's latest time, or the time of arrival flagged as such.
    pub(crate) fn status_header(
        &self,
        instrument: InstrumentId,
        source: SourceId,
        ts_recv: Ts,
    ) -> Header {
        match self.decoder.venue_time() {
            Some(ts_event) => Header::new(Kind::Status, instrument, source, ts_event, ts_recv),
            None => Header::new(Kind::Status, instrument, source, ts_recv, ts_recv)
                .with_flags(Flags::BAD_TIME),
        }
    }
}

fn take(
    decoded: Decoded<'_>,
    books: &mut [(InstrumentId, BookSync)],
    sink: &mut impl Sink,
) -> (Taken, Option<Ts>) {
    let (taken, header) = match decoded {
        Decoded::Record(record) => {
            sink.push(record);
            let taken = match record.kind() {
                Some(Kind::Trade) => Taken::Trade,
                _ => Taken::Quote,
            };
            (taken, record.header)
        }
        Decoded::Diff(diff) => {
            find(books, diff.header).diff(&diff, sink);
            (Taken::Diff(diff.levels.len()), diff.header)
        }
        Decoded::Snapshot(snapshot) => {
            find(books, snapshot.header).snapshot(&snapshot, sink);
            (Taken::Snapshot(snapshot.levels.len()), snapshot.header)
        }
        Decoded::Reply(reply) => return (Taken::Reply(reply), None),
    };
    let told = (header.flags & Flags::BAD_TIME == 0).then_some(Ts(header.ts_event));
    (taken, told)
}

fn find(books: &mut [(InstrumentId, BookSync)], header: Header) -> &mut BookSync {
    let found = books.iter_mut().find(|(id, _)| id.0 == header.instrument);
    let (_, book) = found.expect("the decoder knows only symbols that have a book");
    book
}
