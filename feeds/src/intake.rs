//! A decoder and the books behind it: the part that a live session and a capture file have in common.

use crate::binance::{Channel, Decoded, Decoder, Reply, Symbol, Untimed, Venue};
use crate::book_sync::{BookSync, SyncCounts};
use crate::decode_error::DecodeError;
use crate::latest::{LatestQuotes, LatestTrades};
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
    /// A trade or a quote that came before.
    Repeated,
    /// A trade over another channel than the one over which trades of its instrument are kept.
    OtherTrade {
        /// Of this instrument.
        instrument: InstrumentId,
        /// The channel that is kept.
        kept: Channel,
    },
}

/// What has come of one instrument over the present connections.
#[derive(Debug, Default)]
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
    /// The channel of its trades: over another the same ones come.
    trades_of: Option<Channel>,
    latest: LatestTrades,
    latest_quotes: LatestQuotes,
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
    /// Trades and quotes that were dropped because they had come before.
    repeated: u64,
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
            heard: books.iter().map(|_| Heard::default()).collect(),
            books,
            overlaps: 0,
            repeated: 0,
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
                let taken = places.take(decoded, sink)?;
                self.repeated += u64::from(taken.0 == Taken::Repeated);
                Ok(taken)
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

    /// Trades of an instrument are those over this channel.
    pub(crate) fn keep_trades(&mut self, instrument: InstrumentId, channel: Channel) {
        if let Some(at) = self.place(instrument) {
            self.heard[at].trades_of = Some(channel);
        }
    }

    /// Trades and quotes that were dropped because they had come before.
    pub(crate) fn repeated(&self) -> u64 {
        self.repeated
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
        places.take(decoded, sink)?;
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
    fn take(
        &mut self,
        decoded: Decoded<'_>,
        sink: &mut impl Sink,
    ) -> Result<(Taken, Option<Ts>), DecodeError> {
        let (taken, header) = match decoded {
            Decoded::Trade(record, channel) => (self.trade(&record, channel, sink)?, record.header),
            Decoded::Quote(record) => (self.quote(&record, sink), record.header),
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
            Decoded::Reply(reply) => return Ok((Taken::Reply(reply), None)),
        };
        let told = (header.flags & Flags::BAD_TIME == 0).then_some(Ts(header.ts_event));
        Ok((taken, told))
    }

    fn trade(
        &mut self,
        record: &Record,
        channel: Channel,
        sink: &mut impl Sink,
    ) -> Result<Taken, DecodeError> {
        let at = self.find(record.header);
        let heard = &mut self.heard[at];
        let kept = *heard.trades_of.get_or_insert(channel);
        if kept != channel {
            let instrument = record.instrument();
            return Ok(Taken::OtherTrade { instrument, kept });
        }
        heard.trades += 1;
        *self.has_news |= heard.trades == 1;
        let id = TradeBody::of(record).trade_id;
        heard.is_trade_overlapping &= id <= heard.newest_trade;
        if heard.is_trade_overlapping {
            *self.overlaps += 1;
            return Ok(Taken::Trade);
        }
        if !heard.latest.is_new(record)? {
            return Ok(Taken::Repeated);
        }
        heard.newest_trade = id;
        sink.push(*record);
        Ok(Taken::Trade)
    }

    fn quote(&mut self, record: &Record, sink: &mut impl Sink) -> Taken {
        let at = self.find(record.header);
        let heard = &mut self.heard[at];
        heard.quotes += 1;
        *self.has_news |= heard.quotes == 1;
        let quote = QuoteBody::of(record);
        let id = quote.update_id;
        heard.is_quote_overlapping &= id <= heard.newest_quote;
        if heard.is_quote_overlapping {
            *self.overlaps += 1;
            return Taken::Quote;
        }
        if !heard.latest_quotes.is_new(&quote) {
            return Taken::Repeated;
        }
        heard.newest_quote = id;
        sink.push(*record);
        Taken::Quote
    }

    fn find(&self, header: Header) -> usize {
        self.books
            .binary_search_by_key(&header.instrument, |(id, _)| id.0)
            .expect("the decoder knows only symbols that have a book")
    }
}
