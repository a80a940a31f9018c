//! What is known of each instrument after the records so far: trades, quotes, book, bars, and whether they can be trusted.
//!
//! A record is taken in two steps, as it is two things: time that has passed, which may close bars ([`Market::pass`]),
//! and what it says itself ([`Market::take`]). Between the two the market is as it was before the record.

use crate::bars::{Added, Bars, Closed};
use crate::log::{Sides, Tick, Top};
use crate::world::{FEEDS, World, size_of, unit};
use std::collections::BTreeMap;
use tickloom_types::{
    BarBody, BarSpec, BookState, Flags, Header, InstrumentId, Kind, LevelBody, QuoteBody, Record,
    Side, StatusBody, StatusCode, TradeBody,
};

const DAY: i64 = 86_400_000_000_000;

/// A bar that closed, of an instrument.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClosedBar {
    pub(crate) instrument: usize,
    pub(crate) bar: Closed,
    /// It came as input, and nobody has to be told.
    pub(crate) is_input: bool,
    /// Some expression asks for bars of its series.
    pub(crate) is_asked_for: bool,
}

impl ClosedBar {
    pub(crate) fn tick(&self) -> Tick {
        Tick::Bar(self.instrument, self.bar.spec, self.bar.body, self.bar.ts)
    }
}

/// What a record said.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// Nobody may see the record: no market can have it, or it is a bar that came before.
    pub(crate) is_dropped: bool,
    pub(crate) bars: Vec<ClosedBar>,
    pub(crate) ticks: Vec<Tick>,
    /// Status records about books, bad and late records.
    pub(crate) notes: Vec<Record>,
    /// It gave its instrument a price.
    pub(crate) has_price: bool,
    /// It stated bid and ask that orders look at, even if they are no price: one-sided or crossed.
    pub(crate) has_sides: bool,
}

/// Best bid and ask as a venue states them, or as they stand in a book.
#[derive(Clone, Copy, Debug, Default)]
struct Best {
    sides: Sides,
    is_crossed: bool,
}

impl Best {
    /// `None` while one-sided or crossed.
    fn top(&self) -> Option<Top> {
        self.sides.top().filter(|_| !self.is_crossed)
    }
}

#[derive(Clone, Debug, Default)]
struct Book {
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
    /// A snapshot has begun since the last resync.
    is_synced: bool,
    is_in_snapshot: bool,
    /// At the end of the last whole message since the last resync.
    best: Option<Best>,
    /// That message may be wrong.
    is_doubtful: bool,
}

/// One instrument.
#[derive(Clone, Debug, Default)]
pub(crate) struct Instrument {
    /// The newest price to value at.
    mark: Option<i64>,
    /// The newest price that was traded, or closed a bar.
    last: Option<i64>,
    /// The last price is that of a trade.
    last_is_traded: bool,
    /// Something but bars came since the newest bar that was newer than all of that.
    pub(crate) is_ticking: bool,
    /// The newest quote since the last resync.
    quote: Option<Best>,
    book: Book,
    pub(crate) state: Option<BookState>,
    /// Stale because nothing came, and not because anybody said so.
    is_silent: bool,
    feed: Option<u16>,
    /// Newest time of anything, and of a quote or level.
    heard: Option<i64>,
    heard_book: Option<i64>,
    /// Since when nothing was missed.
    whole_since: Option<i64>,
    bars: Vec<Bars>,
    newest_input: Vec<(BarSpec, i64)>,
}

/// All instruments.
pub(crate) struct Market {
    pub(crate) all: Vec<Instrument>,
    stale_after: Option<i64>,
}

impl Instrument {
    /// Best bid and ask that can be trusted: of the quotes once there was one since the last resync, else of the book.
    pub(crate) fn top(&self) -> Option<Top> {
        self.best()?.top()
    }

    /// What orders can trade against, where bid and ask are known; nothing while they are crossed.
    pub(crate) fn sides(&self) -> Option<Sides> {
        let best = self.best()?;
        Some(match best.is_crossed {
            true => Sides::default(),
            false => best.sides,
        })
    }

    pub(crate) fn is_crossed(&self) -> bool {
        self.best().is_some_and(|best| best.is_crossed)
    }

    fn best(&self) -> Option<Best> {
        let is_live = self.state == Some(BookState::Live) && !self.book.is_doubtful;
        self.quote.or(self.book.best.filter(|_| is_live))
    }

    /// The price to value a position at.
    pub(crate) fn mark(&self) -> Option<i64> {
        self.mark
    }

    fn is_trusted(&self) -> bool {
        matches!(self.state, None | Some(BookState::Live))
    }

    /// What is newest of bid and ask, unless a trade is known.
    fn remember_middle(&mut self) {
        if let Some(top) = self.top().filter(|_| !self.last_is_traded) {
            self.mark = Some((top.bid + top.ask) / 2);
        }
    }

    /// Something was missed: bars lack it.
    fn miss(&mut self) {
        self.whole_since = None;
        self.bars.iter_mut().for_each(Bars::miss);
    }

    fn forget_book(&mut self) {
        self.book = Book {
            bids: std::mem::take(&mut self.book.bids),
            asks: std::mem::take(&mut self.book.asks),
            ..Book::default()
        };
    }
}

/// Notes of one record.
struct Notes<'a> {
    cause: u64,
    header: &'a Header,
    said: Vec<Record>,
}

impl Notes<'_> {
    fn push(&mut self, instrument: u32, flags: u8, body: StatusBody) {
        let mut header = self.header.as_kind(Kind::BookStatus).with_flags(flags);
        header.instrument = instrument;
        let body = StatusBody {
            detail: self.cause,
            ..body
        };
        self.said.push(body.record(header));
    }

    fn book(
        &mut self,
        at: usize,
        code: StatusCode,
        state: Option<BookState>,
        range: Option<(i64, i64)>,
    ) {
        let (from, to) = range.unwrap_or((0, 0));
        let body = StatusBody {
            code: code as u16,
            state: state.map_or(0, |state| state as u8),
            count: 1,
            from: from.cast_unsigned(),
            to: to.cast_unsigned(),
            ..StatusBody::default()
        };
        self.push(u32::try_from(at).unwrap(), 0, body);
    }

    /// The new state of an instrument's book, told if it is another.
    fn set_state(&mut self, at: usize, instrument: &mut Instrument, state: BookState) {
        instrument.is_silent = false;
        if instrument.state != Some(state) {
            instrument.state = Some(state);
            self.book(at, StatusCode::Book, Some(state), None);
        }
    }

    /// A bid above the ask is no price; that is told when it begins and when it ends.
    fn best(
        &mut self,
        at: usize,
        state: Option<BookState>,
        sides: Sides,
        was_crossed: bool,
    ) -> Best {
        let crossed = sides.top().filter(|top| top.bid > top.ask);
        match crossed {
            Some(top) if !was_crossed => {
                self.book(at, StatusCode::Crossed, state, Some((top.bid, top.ask)));
            }
            None if was_crossed => self.book(at, StatusCode::Book, state, None),
            _ => {}
        }
        Best {
            sides,
            is_crossed: crossed.is_some(),
        }
    }
}

impl Market {
    pub(crate) fn new(world: &World) -> Market {
        let made = world.bars();
        let all = world.defs.iter().zip(made).map(|(def, sizes)| {
            let unit = unit(def);
            Instrument {
                bars: sizes.iter().map(|spec| Bars::new(*spec, unit)).collect(),
                ..Instrument::default()
            }
        });
        Market {
            all: all.collect(),
            stale_after: world.stale_after,
        }
    }

    /// Whether no market can have the record.
    pub(crate) fn is_bad(&self, record: &Record) -> bool {
        let Header {
            ts_event, ts_recv, ..
        } = record.header;
        let Some(kind) = record.kind() else {
            return true;
        };
        let is_arrival_known = FEEDS.contains(&record.source());
        let is_far_ahead = is_arrival_known && ts_event - ts_recv > DAY;
        let is_known = usize::try_from(record.header.instrument).unwrap() < self.all.len();
        let names_none = record.instrument() == InstrumentId::NONE;
        match kind {
            Kind::Trade => is_far_ahead || !is_known || TradeBody::of(record).qty <= 0,
            Kind::Quote => {
                let quote = QuoteBody::of(record);
                is_far_ahead || !is_known || quote.bid_qty < 0 || quote.ask_qty < 0
            }
            Kind::Level => {
                let level = LevelBody::of(record);
                is_far_ahead || !is_known || level.qty < 0 || Side::from_raw(level.side).is_none()
            }
            Kind::Bar => {
                let is_of_size = size_of(record.source()).is_some();
                is_far_ahead || !is_known || !is_of_size || BarBody::of(record).volume < 0
            }
            Kind::Timer => is_far_ahead || !(is_known || names_none),
            Kind::Status => {
                let status = StatusBody::of(record);
                let is_book = status.code == StatusCode::Book as u16;
                let is_state = BookState::from_raw(status.state).is_some();
                StatusCode::from_raw(status.code).is_none()
                    || !(is_known || names_none)
                    || is_book && !is_state
            }
            Kind::OrderUpdate => is_far_ahead || !is_known,
            _ => true,
        }
    }

    /// Whether the record is a bar that is no newer than one of its size before.
    pub(crate) fn is_repeated_bar(&self, record: &Record) -> bool {
        let Some(spec) = size_of(record.source()).filter(|_| record.kind() == Some(Kind::Bar))
        else {
            return false;
        };
        let known = &self.all[usize::try_from(record.header.instrument).unwrap()].newest_input;
        let mut of_size = known.iter().filter(|(of, _)| *of == spec);
        of_size.any(|(_, newest)| record.header.ts_event <= *newest)
    }

    /// The bars that close because it is as late as the record says.
    pub(crate) fn pass(&mut self, record: &Record) -> Vec<ClosedBar> {
        let now = record.header.ts_event;
        let is_venue_time = !record.has(Flags::BAD_TIME);
        let mut closed = vec![];
        for at in self.concerned(record) {
            for bars in &mut self.all[at].bars {
                let bar = match record.kind().unwrap() {
                    Kind::Trade | Kind::Timer => bars.pass_time(now),
                    Kind::Quote | Kind::Level if is_venue_time => bars.pass_time(now),
                    Kind::Bar => bars.pass_bar(size_of(record.source()).unwrap(), now),
                    _ => None,
                };
                closed.extend(bar.map(|bar| ClosedBar {
                    instrument: at,
                    bar,
                    is_input: false,
                    is_asked_for: true,
                }));
            }
        }
        closed
    }

    /// The instruments that a record is about: the one that it names, or all that have the source of a timer or status
    /// for their feed. That a run begins concerns all.
    fn concerned(&self, record: &Record) -> Vec<usize> {
        if record.instrument() != InstrumentId::NONE {
            return vec![usize::try_from(record.header.instrument).unwrap()];
        }
        let is_start = record.kind() == Some(Kind::Status)
            && StatusBody::of(record).code == StatusCode::Started as u16;
        let of_feed = |at: &usize| is_start || self.all[*at].feed == Some(record.header.source);
        (0..self.all.len()).filter(of_feed).collect()
    }

    /// What the record says, once time has passed.
    pub(crate) fn take(&mut self, seq: u64, record: &Record) -> Said {
        let mut said = Said::default();
        let mut notes = Notes {
            cause: seq,
            header: &record.header,
            said: vec![],
        };
        if self.is_bad(record) {
            say_bad(&mut notes);
            said.is_dropped = true;
        } else if self.is_repeated_bar(record) {
            say_late(&mut notes, 1);
            said.is_dropped = true;
        } else {
            for at in self.concerned(record) {
                let instrument = &mut self.all[at];
                match record.kind().unwrap() {
                    Kind::Trade => trade(at, instrument, record, &mut notes, &mut said),
                    Kind::Quote => quote(at, instrument, record, &mut notes, &mut said),
                    Kind::Level => level(at, instrument, record, &mut notes, &mut said),
                    Kind::Bar => bar(at, instrument, record, &mut notes, &mut said),
                    Kind::Timer => {
                        silence(
                            at,
                            instrument,
                            record,
                            self.stale_after,
                            &mut notes,
                            &mut said,
                        );
                    }
                    Kind::Status => status(at, instrument, record, &mut notes, &mut said),
                    _ => {}
                }
            }
        }
        said.notes = notes.said;
        said
    }
}

fn say_bad(notes: &mut Notes<'_>) {
    let body = StatusBody {
        code: StatusCode::BadFrame as u16,
        count: 1,
        ..StatusBody::default()
    };
    notes.push(notes.header.instrument, 0, body);
}

/// So many bars had closed before what the record brings to them.
fn say_late(notes: &mut Notes<'_>, bars: u64) {
    if bars == 0 {
        return;
    }
    let body = StatusBody {
        code: StatusCode::OutOfOrder as u16,
        count: bars,
        ..StatusBody::default()
    };
    notes.push(notes.header.instrument, Flags::LATE, body);
}

/// What trades, quotes and levels have in common. What is heard of a book ends its silence; a trade tells nothing of the
/// book, unless there never was one.
fn hear(
    at: usize,
    instrument: &mut Instrument,
    record: &Record,
    notes: &mut Notes<'_>,
    said: &mut Said,
) {
    let ts = record.header.ts_event;
    instrument.feed = Some(record.header.source);
    instrument.heard = instrument.heard.max(Some(ts));
    instrument.is_ticking = true;
    let is_trade = record.kind() == Some(Kind::Trade);
    if !is_trade {
        instrument.heard_book = instrument.heard_book.max(Some(ts));
    }
    if instrument.is_silent && (!is_trade || instrument.heard_book.is_none()) {
        notes.set_state(at, instrument, BookState::Live);
        instrument.remember_middle();
        said.ticks.push(Tick::Top(at, instrument.top()));
    }
    let is_venue_time = !record.has(Flags::BAD_TIME);
    if instrument.whole_since.is_none() && instrument.is_trusted() && is_venue_time {
        instrument.whole_since = Some(ts);
    }
}

fn trade(
    at: usize,
    instrument: &mut Instrument,
    record: &Record,
    notes: &mut Notes<'_>,
    said: &mut Said,
) {
    hear(at, instrument, record, notes, said);
    let TradeBody { price, qty, .. } = TradeBody::of(record);
    let mut late = 0;
    for bars in &mut instrument.bars {
        match bars.trade(record.header.ts_event, price, qty, instrument.whole_since) {
            Added::Fine => {}
            Added::Late => late += 1,
            Added::Closed(bar) => said.bars.push(ClosedBar {
                instrument: at,
                bar,
                is_input: false,
                is_asked_for: true,
            }),
        }
    }
    say_late(notes, late);
    instrument.last_is_traded = true;
    (instrument.last, instrument.mark) = (Some(price), Some(price));
    said.ticks.push(Tick::Last(at, price));
    said.has_price = true;
}

/// A side without size is empty; where neither has one, sizes are not known.
fn quote(
    at: usize,
    instrument: &mut Instrument,
    record: &Record,
    notes: &mut Notes<'_>,
    said: &mut Said,
) {
    hear(at, instrument, record, notes, said);
    let quote = QuoteBody::of(record);
    let sizes_are_known = quote.bid_qty > 0 || quote.ask_qty > 0;
    let side = |price: i64, qty: i64| {
        let is_there = qty > 0 || (!sizes_are_known && price != 0);
        is_there.then_some((price, qty))
    };
    let sides = Sides {
        bid: side(quote.bid, quote.bid_qty),
        ask: side(quote.ask, quote.ask_qty),
    };
    let was_crossed = instrument.quote.is_some_and(|quote| quote.is_crossed);
    instrument.quote = Some(notes.best(at, instrument.state, sides, was_crossed));
    instrument.remember_middle();
    said.has_price = instrument.top().is_some();
    said.has_sides = true;
    said.ticks.push(Tick::Top(at, instrument.top()));
}

fn level(
    at: usize,
    instrument: &mut Instrument,
    record: &Record,
    notes: &mut Notes<'_>,
    said: &mut Said,
) {
    hear(at, instrument, record, notes, said);
    let before = instrument.top();
    let level = LevelBody::of(record);
    let book = &mut instrument.book;
    if level.clear == 1 {
        book.bids.clear();
        book.asks.clear();
        book.is_synced = true;
        book.is_in_snapshot = true;
    }
    if !book.is_synced {
        return;
    }
    let side = match Side::from_raw(level.side).unwrap() {
        Side::Buy => &mut book.bids,
        Side::Sell => &mut book.asks,
    };
    side.insert(level.price, level.qty);
    side.retain(|_, qty| *qty > 0);
    if !record.has(Flags::LAST) {
        return;
    }
    let (bid, ask) = (book.bids.last_key_value(), book.asks.first_key_value());
    let sides = Sides {
        bid: bid.map(|(price, qty)| (*price, *qty)),
        ask: ask.map(|(price, qty)| (*price, *qty)),
    };
    let is_doubtful = record.has(Flags::MAYBE_BAD_BOOK);
    if std::mem::take(&mut book.is_in_snapshot) && !is_doubtful {
        notes.set_state(at, instrument, BookState::Live);
    }
    let was_crossed = instrument.book.best.is_some_and(|best| best.is_crossed);
    instrument.book.best = Some(notes.best(at, instrument.state, sides, was_crossed));
    instrument.book.is_doubtful = is_doubtful;
    instrument.remember_middle();
    let after = instrument.top();
    if before != after {
        said.ticks.push(Tick::Top(at, after));
    }
    said.has_price = instrument.quote.is_none() && after.is_some();
    said.has_sides = instrument.quote.is_none() && instrument.sides().is_some();
}

fn bar(
    at: usize,
    instrument: &mut Instrument,
    record: &Record,
    notes: &mut Notes<'_>,
    said: &mut Said,
) {
    let spec = size_of(record.source()).unwrap();
    let (ts, body) = (record.header.ts_event, BarBody::of(record));
    let known = instrument.newest_input.iter().find(|(of, _)| *of == spec);
    let before = known.map(|(_, close)| *close);
    instrument.newest_input.retain(|(of, _)| *of != spec);
    instrument.newest_input.push((spec, ts));
    let (mut late, mut is_new) = (0, true);
    for bars in &mut instrument.bars {
        if bars.spec == spec {
            is_new = bars.input(ts);
            continue;
        }
        match bars.smaller(spec, ts, body, record.has(Flags::INCOMPLETE)) {
            Added::Fine => {}
            Added::Late => late += 1,
            Added::Closed(bar) => said.bars.push(ClosedBar {
                instrument: at,
                bar,
                is_input: false,
                is_asked_for: true,
            }),
        }
    }
    if is_new {
        let bar = Closed {
            spec,
            body,
            ts,
            incomplete: record.has(Flags::INCOMPLETE),
        };
        said.bars.push(ClosedBar {
            instrument: at,
            bar,
            is_input: true,
            is_asked_for: instrument.bars.iter().any(|bars| bars.spec == spec),
        });
        said.has_price = true;
        let begin = match (spec, before) {
            (BarSpec::Time(length), None) => Some(ts - length),
            (BarSpec::Time(length), Some(before)) => Some(before.max(ts - length)),
            (_, before) => before,
        };
        price_of_bar(at, instrument, (begin, body), &mut said.ticks);
    } else {
        late += 1;
    }
    say_late(notes, late);
}

/// What the close of a bar is: a price that is newer than all that came if the bar began after it, and no more than the last price
/// as long as nobody traded otherwise.
fn price_of_bar(
    at: usize,
    instrument: &mut Instrument,
    (begin, body): (Option<i64>, BarBody),
    ticks: &mut Vec<Tick>,
) {
    let is_later = begin.is_some_and(|begin| Some(begin) > instrument.heard);
    let is_still = body.volume == 0 && body.low == body.high;
    let is_news = !is_still || instrument.last != Some(body.close);
    if instrument.is_ticking && is_later && is_news {
        if instrument.top().is_some() {
            ticks.push(Tick::Top(at, None));
        }
        instrument.quote = None;
        instrument.book.best = None;
        instrument.is_ticking = false;
        instrument.last_is_traded = false;
    }
    if instrument.last_is_traded {
        return;
    }
    instrument.last = Some(body.close);
    if !instrument.is_ticking || instrument.top().is_none() {
        instrument.mark = Some(body.close);
    }
    ticks.push(Tick::Last(at, body.close));
}

/// A timer: what was live and of which nothing came for too long is stale.
fn silence(
    at: usize,
    instrument: &mut Instrument,
    record: &Record,
    stale_after: Option<i64>,
    notes: &mut Notes<'_>,
    said: &mut Said,
) {
    let heard = instrument.heard_book.or(instrument.heard);
    let is_too_long = match (stale_after, heard) {
        (Some(most), Some(heard)) => record.header.ts_event - heard > most,
        (Some(_), None) => true,
        (None, _) => false,
    };
    let was_live = match instrument.state {
        Some(state) => state == BookState::Live,
        None => instrument.quote.is_some(),
    };
    if is_too_long && was_live {
        instrument.quote = None;
        notes.set_state(at, instrument, BookState::Stale);
        instrument.is_silent = true;
        instrument.miss();
        said.ticks.push(Tick::Top(at, instrument.top()));
    }
}

fn status(
    at: usize,
    instrument: &mut Instrument,
    record: &Record,
    notes: &mut Notes<'_>,
    said: &mut Said,
) {
    let body = StatusBody::of(record);
    let before = instrument.top();
    match StatusCode::from_raw(body.code).unwrap() {
        StatusCode::Book => {
            let state = BookState::from_raw(body.state).unwrap();
            if state == BookState::Resync {
                instrument.forget_book();
            }
            if state != BookState::Live {
                instrument.quote = None;
            }
            notes.set_state(at, instrument, state);
            instrument.remember_middle();
            if state != BookState::Live {
                instrument.miss();
            }
        }
        StatusCode::Disconnected | StatusCode::Started => {
            let was_known = instrument.state.is_some() || instrument.quote.is_some();
            instrument.forget_book();
            instrument.quote = None;
            if was_known {
                notes.set_state(at, instrument, BookState::Stale);
            }
            instrument.miss();
        }
        StatusCode::Gap => instrument.miss(),
        _ => {}
    }
    if instrument.top() != before {
        said.ticks.push(Tick::Top(at, instrument.top()));
    }
}
