//! A decoder and the books behind it: the part that a live session and a capture file have in common.

use crate::binance::{Channel, Decoded, Decoder, Reply, Symbol, Untimed, Venue};
use crate::book_sync::{BookSync, SyncCounts};
use crate::decode_error::DecodeError;
use tickloom_types::{
    BookState, Flags, Header, InstrumentId, Kind, QuoteBody, Record, Sink, SourceId, StatusBody,
    StatusCode, TradeBody, Ts,
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

/// What has come of one instrument over the present connections.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Heard {
    /// Changes of the book.
    pub(crate) diffs: u64,
    pub(crate) quotes: u64,
    pub(crate) trades: u64,
    newest_trade: u64,
    newest_quote: u64,
    /// Whether a new connection may bring what the one before has brought: until it brings something newer.
    is_trade_overlapping: bool,
    is_quote_overlapping: bool,
}

/// Decoder and books of one source.
#[derive(Debug)]
pub(crate) struct Intake {
    pub(crate) decoder: Decoder,
    /// By instrument.
    pub(crate) books: Vec<(InstrumentId, BookSync)>,
    /// In the order of the books.
    pub(crate) heard: Vec<Heard>,
    /// Trades and quotes that were dropped because the connection before had brought them.
    overlaps: u64,
    /// Whether something came of a stream for the first time, or the state of a book changed.
    has_news: bool,
}

impl Intake {
    pub(crate) fn new(
        venue: Venue,
        source: SourceId,
        symbols: Vec<Symbol>,
        untimed: Untimed,
    ) -> Intake {
        let book = |symbol: &Symbol| (symbol.instrument, BookSync::new(venue.sequence_rule()));
        let mut books: Vec<_> = symbols.iter().map(book).collect();
        books.sort_by_key(|(instrument, _)| *instrument);
        Intake {
            heard: vec![Heard::default(); books.len()],
            books,
            overlaps: 0,
            has_news: false,
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
        match self.decoder.decode(ts_recv, frame) {
            Ok(decoded) => {
                let mut places = Places {
                    books: &mut self.books,
                    heard: &mut self.heard,
                    overlaps: &mut self.overlaps,
                    has_news: &mut self.has_news,
                };
                Ok(places.take(decoded, sink))
            }
            Err(error) => {
                self.lose_refused(ts_recv, sink);
                Err(error)
            }
        }
    }

    /// Takes the top of a book, which is the book of its symbol: whatever was before, it is this now. Gives the levels.
    pub(crate) fn top(
        &mut self,
        ts_recv: Ts,
        (symbol, body): (&str, &[u8]),
        sink: &mut impl Sink,
    ) -> Result<usize, DecodeError> {
        let top = self.decoder.decode_top(ts_recv, symbol, body)?;
        let instrument = InstrumentId(top.header.instrument);
        let at = self.books.binary_search_by_key(&instrument, |(id, _)| *id);
        if let Ok(at) = at {
            self.books[at].1.replace(&top, sink);
        }
        Ok(top.levels.len())
    }

    /// A book whose message was refused lacks what that said.
    fn lose_refused(&mut self, ts_recv: Ts, sink: &mut impl Sink) {
        if let Some(instrument) = self.decoder.take_refused()
            && let Some(at) = self.place(instrument)
        {
            let header = self.status_header(instrument, self.decoder.source(), ts_recv);
            self.books[at].1.lost(header, sink);
            self.has_news = true;
        }
    }

    /// Whether what the feed is at may have changed, once.
    pub(crate) fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.has_news)
    }

    /// A new connection brings this, and may bring again what the one before has brought: that is dropped.
    pub(crate) fn begin_overlap(&mut self, instrument: InstrumentId, channel: Channel) {
        let Some(at) = self.place(instrument) else {
            return;
        };
        self.heard[at].forget(channel);
        match channel {
            Channel::Depth => self.books[at].1.begin_overlap(),
            Channel::BookTicker => self.heard[at].is_quote_overlapping = true,
            Channel::Trade | Channel::AggTrade => self.heard[at].is_trade_overlapping = true,
        }
    }

    /// Everything that a new connection brings again has come: what is old from now on is a fault.
    pub(crate) fn end_overlap(&mut self) {
        for ((_, book), heard) in self.books.iter_mut().zip(&mut self.heard) {
            book.end_overlap();
            heard.is_quote_overlapping = false;
            heard.is_trade_overlapping = false;
        }
    }

    /// What was dropped because another connection had brought it.
    pub(crate) fn overlaps(&self) -> u64 {
        self.overlaps + self.counts().overlaps
    }

    /// The place of an instrument in `books` and `heard`.
    pub(crate) fn place(&self, instrument: InstrumentId) -> Option<usize> {
        self.books
            .binary_search_by_key(&instrument, |(id, _)| *id)
            .ok()
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
        let mut places = Places {
            books: &mut self.books,
            heard: &mut self.heard,
            overlaps: &mut self.overlaps,
            has_news: &mut self.has_news,
        };
        places.take(decoded, sink);
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
        self.place(instrument).map(|at| &self.books[at].1)
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

/// Where what was decoded goes.
struct Places<'a> {
    books: &'a mut [(InstrumentId, BookSync)],
    heard: &'a mut [Heard],
    overlaps: &'a mut u64,
    has_news: &'a mut bool,
}

impl Heard {
    /// How much has come of a channel.
    pub(crate) fn of(&self, channel: Channel) -> u64 {
        match channel {
            Channel::Depth => self.diffs,
            Channel::BookTicker => self.quotes,
            Channel::Trade | Channel::AggTrade => self.trades,
        }
    }

    /// A channel's connection was made anew.
    pub(crate) fn forget(&mut self, channel: Channel) {
        match channel {
            Channel::Depth => self.diffs = 0,
            Channel::BookTicker => self.quotes = 0,
            Channel::Trade | Channel::AggTrade => self.trades = 0,
        }
    }
}

impl Places<'_> {
    fn take(&mut self, decoded: Decoded<'_>, sink: &mut impl Sink) -> (Taken, Option<Ts>) {
        let (taken, header) = match decoded {
            Decoded::Record(record) => (self.record(&record, sink), record.header),
            Decoded::Diff(diff) => {
                let at = self.find(diff.header);
                self.heard[at].diffs += 1;
                let book = &mut self.books[at].1;
                let before = book.state();
                book.diff(&diff, sink);
                *self.has_news |= self.heard[at].diffs == 1 || book.state() != before;
                (Taken::Diff(diff.levels.len()), diff.header)
            }
            Decoded::Snapshot(snapshot) => {
                let at = self.find(snapshot.header);
                self.books[at].1.snapshot(&snapshot, sink);
                *self.has_news = true;
                (Taken::Snapshot(snapshot.levels.len()), snapshot.header)
            }
            Decoded::Reply(reply) => return (Taken::Reply(reply), None),
        };
        let told = (header.flags & Flags::BAD_TIME == 0).then_some(Ts(header.ts_event));
        (taken, told)
    }

    fn record(&mut self, record: &Record, sink: &mut impl Sink) -> Taken {
        let at = self.find(record.header);
        let heard = &mut self.heard[at];
        let (count, newest, is_overlapping, id, taken);
        if record.kind() == Some(Kind::Trade) {
            (count, newest) = (&mut heard.trades, &mut heard.newest_trade);
            is_overlapping = &mut heard.is_trade_overlapping;
            (id, taken) = (TradeBody::of(record).trade_id, Taken::Trade);
        } else {
            (count, newest) = (&mut heard.quotes, &mut heard.newest_quote);
            is_overlapping = &mut heard.is_quote_overlapping;
            (id, taken) = (QuoteBody::of(record).update_id, Taken::Quote);
        }
        *count += 1;
        *self.has_news |= *count == 1;
        *is_overlapping &= id <= *newest;
        if *is_overlapping {
            *self.overlaps += 1;
            return taken;
        }
        *newest = id;
        sink.push(*record);
        taken
    }

    fn find(&self, header: Header) -> usize {
        self.books
            .binary_search_by_key(&header.instrument, |(id, _)| id.0)
            .expect("the decoder knows only symbols that have a book")
    }
}
