//! How each kind of input record changes the market. Outputs are not made here, only collected.

use super::moment::BarCause;
use super::{Bad, Market, Told};
use crate::bars::Added;
use crate::limits::TS_AHEAD_MAX;
use crate::prices::{Applied, Prices};
use std::ops::Range;
use tickloom_types::{
    BarBody, BarSpec, BookState, Clock, Flags, Header, InstrumentId, Instruments, Kind, LevelBody,
    QuoteBody, Record, Side, StatusBody, StatusCode, TradeBody, Ts,
};

impl Market {
    /// # Errors
    /// [`Bad`] if no market can have the record: nothing is changed.
    pub(super) fn take(&mut self, record: &Record) -> Result<(), Bad> {
        let kind = record.kind().ok_or(Bad)?;
        if kind != Kind::Status && is_far_ahead(record, &self.instruments) {
            return Err(Bad);
        }
        match kind {
            Kind::Trade => self.trade(record),
            Kind::Quote => self.quote(record),
            Kind::Level => self.level(record),
            Kind::Bar => self.bar(record),
            Kind::Timer => self.timer(record),
            Kind::Status => self.status(record),
            // Kept and replayed; no book is made of single orders yet.
            Kind::OrderUpdate => self.index(record).map(drop),
            _ => Err(Bad),
        }
    }

    pub(super) fn index(&self, record: &Record) -> Result<usize, Bad> {
        let at = usize::try_from(record.header.instrument).map_err(|_| Bad)?;
        if at < self.states.len() {
            Ok(at)
        } else {
            Err(Bad)
        }
    }

    fn trade(&mut self, record: &Record) -> Result<(), Bad> {
        let at = self.index(record)?;
        let trade = TradeBody::of(record);
        if trade.qty <= 0 {
            return Err(Bad);
        }
        self.arrive(at, record);
        let since = self.states[at].since;
        let mut late = 0;
        let mut fits = true;
        for builder in self.states[at].builders() {
            match self.builders[builder].add_trade(record.ts_event(), &trade, since) {
                Ok(Added::Closed(bar)) => self.complete(builder, &bar, record),
                Ok(Added::Late) => late += 1,
                Ok(Added::Open | Added::Elsewhere) => {}
                Err(Bad) => fits = false,
            }
        }
        self.plan_close(at);
        self.count_late(late);
        self.states[at].prices.trade(trade.price);
        self.tick_last(at, record);
        self.told = Told::Price;
        if !fits {
            self.count_bad();
        }
        Ok(())
    }

    fn quote(&mut self, record: &Record) -> Result<(), Bad> {
        let at = self.index(record)?;
        let quote = QuoteBody::of(record);
        if quote.bid_qty < 0 || quote.ask_qty < 0 {
            return Err(Bad);
        }
        self.arrive(at, record);
        let prices = &mut self.states[at].prices;
        prices.quote(&quote, &mut self.notes);
        self.told = Told::of(prices);
        self.tick_top(at, record);
        Ok(())
    }

    fn level(&mut self, record: &Record) -> Result<(), Bad> {
        let at = self.index(record)?;
        let level = LevelBody::of(record);
        let side = Side::from_raw(level.side).ok_or(Bad)?;
        if level.qty < 0 {
            return Err(Bad);
        }
        self.arrive(at, record);
        let prices = &mut self.states[at].prices;
        match prices.level(side, &level, record.header.flags, &mut self.notes) {
            Applied::Partly => {}
            Applied::Unsynced => self.counters.unsynced += 1,
            Applied::Whole { changed } => {
                if !prices.is_quoted() {
                    self.told = Told::of(prices);
                }
                if changed {
                    self.tick_top(at, record);
                }
            }
        }
        Ok(())
    }

    /// Takes a level in after which its message goes on, if nothing else comes of it: no bar closes, nothing is told, no price
    /// changes. Whether it did; otherwise nothing has changed, and the record is to be taken in as any other.
    ///
    /// Most records of most runs are such levels, and this is all that one costs: it must do what [`Market::take`] would.
    #[inline]
    pub(super) fn take_inner_level(&mut self, record: &Record) -> bool {
        let header = &record.header;
        let Some(state) = self.states.get_mut(header.instrument as usize) else {
            return false;
        };
        let ts = record.ts_event();
        let is_plain = header.flags & (Flags::LAST | Flags::BAD_TIME) == 0
            && ts < state.next_close
            && state.feed == Some(record.source())
            && state.since.is_some()
            && self.moment.passed.records.is_empty()
            && !is_far_ahead(record, &self.instruments);
        let level = LevelBody::of(record);
        let Some(side) = Side::from_raw(level.side).filter(|_| is_plain && level.qty >= 0) else {
            return false;
        };
        if !state.prices.inner_level(side, &level) {
            return false;
        }
        state.seen = state.seen.max(ts);
        state.quoted = state.quoted.max(Some(ts));
        true
    }

    /// Takes a bar in that is all that is known of its instrument: the only bars that are asked for are of its size, and have come
    /// before. Whether it did; otherwise nothing has changed, and the record is to be taken in as any other.
    ///
    /// This is what runs over bars are made of, and all that one costs: it must do what [`Market::take`] would.
    #[inline]
    pub(super) fn take_plain_bar(&mut self, record: &Record) -> bool {
        let at = record.header.instrument as usize;
        let Some(state) = self.states.get_mut(at) else {
            return false;
        };
        let builder = state.builder as usize;
        let (Some((spec, newest)), 1) = (&mut state.newest_bar, state.builder_count) else {
            return false;
        };
        let ts = record.ts_event();
        let body = BarBody::of(record);
        let made = &mut self.builders[builder];
        let is_plain = ts > *newest
            && made.is_given(*spec)
            && body.volume >= 0
            && self.moment.passed.records.is_empty()
            && self.instruments.bar_spec(record.source()) == Some(*spec)
            && !is_far_ahead(record, &self.instruments);
        if !is_plain || !made.take_exact(ts) {
            return false;
        }
        let before = std::mem::replace(newest, ts);
        self.take_bar(at, Some(builder), before, record);
        self.moment.take(record);
        self.moment.has_price = true;
        true
    }

    /// A bar counts as it is; the one of its size before it closed at `before`.
    #[inline]
    fn take_bar(&mut self, at: usize, builder: Option<usize>, before: Ts, record: &Record) {
        let mut bar = *record;
        bar.header.flags &= !Flags::MORE;
        let cause = BarCause::new(builder, record.header, self.moment.place());
        self.moment.complete(bar, cause);
        self.note_bar(at, &bar, record);
        self.told = Told::Price;
        let prices = &mut self.states[at].prices;
        if prices.is_ticking() {
            self.bar_beside_ticks(at, before, record);
        } else {
            prices.bar(BarBody::of(record).close);
            self.tick_last(at, record);
        }
    }

    /// The prices of a bar where trades, quotes or levels came too. If it began after the newest of these, it is newer than they are;
    /// unless it says no more than that nothing happened.
    #[cold]
    fn bar_beside_ticks(&mut self, at: usize, before: Ts, record: &Record) {
        let state = &self.states[at];
        let body = BarBody::of(record);
        let spec = self.instruments.bar_spec(record.source());
        let begin = match spec {
            Some(spec @ BarSpec::Time(_)) => spec.begin(record.ts_event()).max(before),
            _ => before,
        };
        let says_nothing =
            body.volume == 0 && body.high == body.low && state.prices.last() == Some(body.close);
        let is_newer = begin > state.seen && !says_nothing;
        let had_top = state.prices.top().is_some();
        let prices = &mut self.states[at].prices;
        if !is_newer {
            if prices.bar_within(body.close) {
                self.tick_last(at, record);
            }
            return;
        }
        prices.outlast();
        prices.bar(body.close);
        if had_top {
            self.tick_top(at, record);
        }
        self.tick_last(at, record);
    }

    /// A bar that is no newer than the one of its size before it is dropped: it came twice, or its source went back.
    fn bar(&mut self, record: &Record) -> Result<(), Bad> {
        let at = self.index(record)?;
        let spec = self.instruments.bar_spec(record.source()).ok_or(Bad)?;
        let ts = record.ts_event();
        let body = BarBody::of(record);
        if body.volume < 0 {
            return Err(Bad);
        }
        let Some(before) = self.states[at].advance_bars(spec, ts) else {
            self.count_late(1);
            self.is_dropped = true;
            return Ok(());
        };
        let bars = self.states[at].builders();
        for builder in bars.clone() {
            if let Some(bar) = self.builders[builder].pass_bar(ts, spec) {
                self.close_by_time(builder, &bar, record);
            }
        }
        self.hold(at);
        let mut exact = None;
        let mut late = 0;
        let mut fits = true;
        for builder in bars {
            if self.builders[builder].spec == spec {
                exact = Some(builder);
                continue;
            }
            match self.builders[builder].add_bar(spec, record) {
                Ok(Added::Closed(bar)) => self.complete(builder, &bar, record),
                Ok(Added::Late) => late += 1,
                Ok(Added::Open | Added::Elsewhere) => {}
                Err(Bad) => fits = false,
            }
        }
        if exact.is_none_or(|builder| self.builders[builder].take_exact(ts)) {
            self.take_bar(at, exact, before, record);
        } else {
            late += 1;
        }
        self.plan_close(at);
        self.count_late(late);
        if !fits {
            self.count_bad();
        }
        Ok(())
    }

    fn status(&mut self, record: &Record) -> Result<(), Bad> {
        let status = StatusBody::of(record);
        let code = StatusCode::from_raw(status.code).ok_or(Bad)?;
        for at in self.concerned(record)? {
            if code != StatusCode::Started && !self.is_concerned(at, record) {
                continue;
            }
            self.hold(at);
            let prices = &mut self.states[at].prices;
            let before = prices.top();
            match code {
                StatusCode::Book => {
                    let state = BookState::from_raw(status.state).ok_or(Bad)?;
                    prices.feed_state(state, &mut self.notes);
                    if state != BookState::Live {
                        self.gap(at);
                    }
                }
                StatusCode::Disconnected | StatusCode::Started => {
                    prices.disconnect(&mut self.notes);
                    self.gap(at);
                }
                StatusCode::Gap => self.gap(at),
                _ => {}
            }
            if self.states[at].prices.top() != before {
                self.tick_top(at, record);
            }
            self.watch_silence(at);
        }
        Ok(())
    }

    /// The instruments that a status may concern: the one that it names, or all.
    fn concerned(&self, record: &Record) -> Result<Range<usize>, Bad> {
        if record.instrument() == InstrumentId::NONE {
            return Ok(0..self.states.len());
        }
        let at = self.index(record)?;
        Ok(at..at + 1)
    }

    /// A record that names no instrument concerns those whose records come from the same source.
    pub(super) fn is_concerned(&self, at: usize, record: &Record) -> bool {
        record.instrument() != InstrumentId::NONE || self.states[at].feed == Some(record.source())
    }

    /// What every trade, quote and level does before it counts: time passes, and a silence ends. A trade does not end
    /// the silence of a book: its old bid and ask would be taken for new ones.
    fn arrive(&mut self, at: usize, record: &Record) {
        let ts = record.ts_event();
        let is_venue_time = !record.has(Flags::BAD_TIME);
        let is_trade = record.header.kind == Kind::Trade as u8;
        if is_venue_time || is_trade {
            self.pass_time(at, record);
        }
        self.hold(at);
        let state = &mut self.states[at];
        state.feed = Some(record.source());
        state.seen = state.seen.max(ts);
        state.prices.tick();
        let is_first_quote = !is_trade && state.quoted.is_none();
        if !is_trade {
            state.quoted = state.quoted.max(Some(ts));
        }
        let is_heard = !is_trade || state.quoted.is_none();
        let is_back = is_heard && state.prices.speak(&mut self.notes);
        if state.since.is_none() && is_venue_time && state.prices.is_trusted() {
            state.since = Some(ts);
        }
        if is_back {
            self.tick_top(at, record);
        }
        if self.stale_after.is_some() && (is_first_quote || !self.silences.has(at)) {
            self.watch_silence(at);
        }
    }

    /// Records of an instrument are being missed: its bars lack them.
    pub(super) fn gap(&mut self, at: usize) {
        self.states[at].since = None;
        for builder in &mut self.builders[self.states[at].builders()] {
            builder.gap();
        }
    }

    /// The record is bad as a whole, or it does not fit into a bar.
    pub(super) fn count_bad(&mut self) {
        self.counters.bad += 1;
        self.notes.say_bad();
    }

    fn count_late(&mut self, bars: u64) {
        if bars > 0 {
            self.counters.late += 1;
            self.notes.say_late(bars);
        }
    }
}

impl Told {
    /// After a quote, or a message of a book from which bid and ask are.
    fn of(prices: &Prices) -> Told {
        if prices.top().is_some() {
            Told::Price
        } else if prices.sides().is_some() {
            Told::NoPrice
        } else {
            Told::Nothing
        }
    }
}

/// Whether a record's time cannot be: it arrived long before. Not known where its source does not know arrival.
#[inline]
pub(super) fn is_far_ahead(record: &Record, instruments: &Instruments) -> bool {
    let Header {
        ts_event, ts_recv, ..
    } = record.header;
    ts_event.saturating_sub(ts_recv) > TS_AHEAD_MAX && {
        let source = instruments.source(record.source());
        source.is_some_and(|source| source.clock == Clock::Recv)
    }
}
