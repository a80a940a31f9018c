//! Everything that is followed of one instrument: its streams, its bid and ask, its clock and its prices.

use super::Thresholds;
use super::ledger::{Finding, Findings, LedgerKind};
use super::rows::{crossed, outlier, skewed, span, split};
use super::skew::ClockWatch;
use super::spike::{Spike, SpikeWatch};
use super::split::{Split, SplitWatch};
use super::status::BookWatch;
use super::stream::{Numbers, Stream};
use super::tick::TickWatch;
use super::top::{CrossWatch, Crossing, Levels, StaleWatch, Still};
use crate::Calendar;
use jiff::civil::Date;
use std::sync::Arc;
use tickloom_catalog::Table;
use tickloom_types::{
    BarBody, BarSpec, BookState, Flags, InstrumentDef, LevelBody, NANOS_PER_SECOND,
    OrderUpdateBody, QuoteBody, Record, StatusBody, TradeBody, Ts,
};

const DAY: i64 = 86_400 * NANOS_PER_SECOND;

/// One instrument.
pub(super) struct Watched {
    pub(super) calendar: Option<Arc<Calendar>>,
    findings: Findings,
    /// Prices in evidence are written once the definition is at hand.
    spikes: Vec<(Table, &'static str, Spike)>,
    crossings: Vec<(Table, Crossing)>,
    splits: Vec<Split>,
    trades: Option<Box<Stream>>,
    pub(super) quotes: Option<Box<Stream>>,
    levels: Option<Box<Stream>>,
    orders: Option<Box<Stream>>,
    /// Each where the list has it: of thousands of instruments every place that is looked at is a wait for memory.
    pub(super) bars: Vec<(BarSpec, Bars)>,
    pub(super) quote: QuoteWatch,
    book: Levels,
    book_cross: CrossWatch,
    book_still: StaleWatch,
    book_state: BookWatch,
    /// Ids of the message that the last level was of, if more of it may come.
    message: Option<(u64, u64)>,
    last_price: SpikeWatch,
    tick: Option<Box<TickWatch>>,
    clock: ClockWatch,
    newest: Option<Ts>,
    /// The run was started anew after this time.
    restarted: Option<Ts>,
}

/// Bid and ask as quotes tell them.
#[derive(Default)]
pub(super) struct QuoteWatch {
    pub(super) last: Option<QuoteBody>,
    pub(super) at: Option<Ts>,
    pub(super) cross: CrossWatch,
    pub(super) still: StaleWatch,
    pub(super) bid: SpikeWatch,
    pub(super) ask: SpikeWatch,
}

/// Bars of one size.
pub(super) struct Bars {
    pub(super) stream: Stream,
    pub(super) newest: Option<Ts>,
    pub(super) close: SpikeWatch,
    pub(super) splits: SplitWatch,
}

impl Watched {
    pub(super) fn new(calendar: Option<Arc<Calendar>>, def: &InstrumentDef) -> Watched {
        Watched {
            calendar,
            findings: Findings::default(),
            spikes: Vec::new(),
            crossings: Vec::new(),
            splits: Vec::new(),
            trades: None,
            quotes: None,
            levels: None,
            orders: None,
            bars: Vec::new(),
            quote: QuoteWatch::default(),
            book: Levels::default(),
            book_cross: CrossWatch::default(),
            book_still: StaleWatch::default(),
            book_state: BookWatch::default(),
            message: None,
            last_price: SpikeWatch::default(),
            tick: TickWatch::of(def),
            clock: ClockWatch::default(),
            newest: None,
            restarted: None,
        }
    }

    /// Holds the prices of records against the tick, if that is said.
    pub(super) fn look_at_ticks(&mut self, records: &[Record]) {
        if let Some(tick) = &mut self.tick {
            records.iter().for_each(|record| tick.look(record));
        }
    }

    pub(super) fn trade(&mut self, record: &Record, numbers: Numbers, thresholds: &Thresholds) {
        let trade = TradeBody::of(record);
        self.arrive(record, thresholds);
        let stream = stream(&mut self.trades, Table::Trades, &self.calendar);
        let ids = numbers.ids(trade.trade_id, stream);
        if !stream.push(record, ids, &mut self.findings, thresholds) {
            return;
        }
        let ts = record.ts_event();
        self.quote.still.trade(ts);
        self.book_still.trade(ts);
        let spike = self.last_price.push(ts, trade.price, thresholds);
        self.add_spike(Table::Trades, "price", spike, thresholds);
    }

    pub(super) fn quote(&mut self, record: &Record, numbers: Numbers, thresholds: &Thresholds) {
        let quote = QuoteBody::of(record);
        self.arrive(record, thresholds);
        let stream = stream(&mut self.quotes, Table::Quotes, &self.calendar);
        let ids = numbers.ids(quote.update_id, stream);
        if !stream.push(record, ids, &mut self.findings, thresholds) {
            return;
        }
        let ts = record.ts_event();
        let top = quote.both_prices();
        let watch = &mut self.quote;
        let is_same = |last: &QuoteBody| {
            let sizes = |q: &QuoteBody| (q.bid, q.bid_qty, q.ask, q.ask_qty);
            sizes(last) == sizes(&quote)
        };
        let is_change = !watch.last.as_ref().is_some_and(is_same);
        let is_again = !is_change && quote.update_id == 0 && watch.at == Some(ts);
        watch.at = Some(ts);
        watch.last = Some(quote);
        let still = if is_change {
            watch.still.change(ts, thresholds)
        } else {
            None
        };
        let crossing = watch.cross.push(ts, top);
        let (bid, ask) = match top {
            Some((bid, ask)) => (
                watch.bid.push(ts, bid, thresholds),
                watch.ask.push(ts, ask, thresholds),
            ),
            None => (None, None),
        };
        if is_again {
            let evidence = "the quote before is the same, at the same time".to_owned();
            let again = Finding {
                table: Some(Table::Quotes),
                kind: LedgerKind::Duplicate,
                from: ts,
                to: ts,
                count: 1,
                evidence,
            };
            self.findings
                .add(again, thresholds.join, thresholds.rows_max);
        }
        self.add_still(Table::Quotes, still, thresholds);
        self.add_crossings(Table::Quotes, crossing, thresholds);
        self.add_spike(Table::Quotes, "bid", bid, thresholds);
        self.add_spike(Table::Quotes, "ask", ask, thresholds);
    }

    pub(super) fn level(&mut self, record: &Record, thresholds: &Thresholds) {
        let level = LevelBody::of(record);
        let ids = (level.first_id, level.last_id);
        let is_begin = self.message != Some(ids);
        self.message = (!record.has(Flags::LAST)).then_some(ids);
        if is_begin {
            let stream = stream(&mut self.levels, Table::BookUpdates, &self.calendar);
            if record.has(Flags::SNAPSHOT) {
                stream.ids.restart(level.last_id, record.ts_event());
            } else if !stream.push(record, ids, &mut self.findings, thresholds) {
                return;
            }
        }
        if record.has(Flags::LAST) && !record.has(Flags::SNAPSHOT) {
            self.arrive(record, thresholds);
        }
        let ts = record.ts_event();
        if is_begin {
            let still = self.book_still.change(ts, thresholds);
            self.add_still(Table::BookUpdates, still, thresholds);
        }
        if let Some(top) = self.book.push(record, &level) {
            let crossing = self.book_cross.push(ts, top);
            self.add_crossings(Table::BookUpdates, crossing, thresholds);
        }
    }

    pub(super) fn order_update(&mut self, record: &Record, thresholds: &Thresholds) {
        if record.has(Flags::SNAPSHOT) {
            return;
        }
        self.arrive(record, thresholds);
        let update = OrderUpdateBody::of(record);
        let stream = stream(&mut self.orders, Table::OrderUpdates, &self.calendar);
        let ids = Numbers::OfMessages.ids(update.update_id, stream);
        stream.push(record, ids, &mut self.findings, thresholds);
    }

    pub(super) fn bar(&mut self, spec: BarSpec, record: &Record, thresholds: &Thresholds) {
        let at = match self.bars.iter().position(|(known, _)| *known == spec) {
            Some(at) => at,
            None => {
                let bars = Bars::new(spec, self.calendar.clone());
                self.bars.reserve_exact(1);
                self.bars.push((spec, bars));
                self.bars.len() - 1
            }
        };
        let bars = &mut self.bars[at].1;
        let ts = record.ts_event();
        let (join, rows_max) = (thresholds.join, thresholds.rows_max);
        if bars.newest == Some(ts) {
            let twice = Finding {
                table: Some(Table::Bars),
                kind: LedgerKind::Duplicate,
                from: ts,
                to: ts,
                count: 1,
                evidence: format!("the bar of {spec} that closes at {ts} came before"),
            };
            return self.findings.add(twice, join, rows_max);
        }
        if let Some(newest) = bars.stream.order.push(ts) {
            let back = bars.stream.back(ts, newest);
            return self.findings.add(back, join, rows_max);
        }
        bars.newest = Some(ts);
        if let Some(at) = Bars::place(spec, ts, self.calendar.as_deref()) {
            bars.stream.spacing.push(at);
        }
        let body = BarBody::of(record);
        if let BarSpec::Time(length) = spec {
            let split = bars.splits.push(ts, length, &body, thresholds);
            self.splits.extend(split);
        }
        let spike = bars.close.push(ts, body.close, thresholds);
        self.add_spike(Table::Bars, "close", spike, thresholds);
    }

    pub(super) fn status(&mut self, record: &Record, thresholds: &Thresholds) {
        self.book_state
            .status(record, &mut self.findings, thresholds);
        let state = StatusBody::of(record).state;
        if state == BookState::Resync as u8 {
            self.book.lose();
            let crossing = self.book_cross.rest();
            self.add_crossings(Table::BookUpdates, crossing, thresholds);
        }
    }

    /// The run was started anew: what came meanwhile is not there.
    pub(super) fn restarted(&mut self) {
        self.restarted = self.newest;
    }

    /// Whether the next record is the first since the run was started anew.
    pub(super) fn has_restarted(&self) -> bool {
        self.restarted.is_some()
    }

    /// What every record at the venue's time tells of clocks and restarts.
    pub(super) fn arrive(&mut self, record: &Record, thresholds: &Thresholds) {
        let (ts, arrival) = (record.ts_event(), record.ts_recv());
        // What a snapshot has may be old.
        if ts != arrival && !record.has(Flags::BAD_TIME) && !record.has(Flags::SNAPSHOT) {
            let distance = arrival.0.saturating_sub(ts.0);
            self.clock.push(ts, distance, thresholds);
        }
        if let Some(from) = self.restarted.take()
            && from < ts
        {
            let away = Finding {
                table: None,
                kind: LedgerKind::Gap,
                from,
                to: ts,
                count: 1,
                evidence: format!(
                    "the run was started anew; nothing for {}",
                    span(ts.0 - from.0)
                ),
            };
            self.findings.push(away, thresholds.rows_max);
        }
        self.newest = self.newest.max(Some(ts));
    }

    fn add_still(&mut self, table: Table, still: Option<Still>, thresholds: &Thresholds) {
        let Some(still) = still else { return };
        let finding = Finding {
            table: Some(table),
            kind: LedgerKind::Stale,
            from: still.from,
            to: still.to,
            count: still.trades,
            evidence: format!(
                "unchanged for {} while there were {} trades",
                span(still.to.0 - still.from.0),
                still.trades
            ),
        };
        self.findings
            .add(finding, thresholds.join, thresholds.rows_max);
    }

    fn add_spike(
        &mut self,
        table: Table,
        what: &'static str,
        spike: Option<Spike>,
        thresholds: &Thresholds,
    ) {
        if let Some(spike) = spike {
            keep(
                &mut self.spikes,
                (table, what, spike),
                &mut self.findings.more,
                thresholds,
            );
        }
    }

    fn add_crossings(
        &mut self,
        table: Table,
        crossings: [Option<Crossing>; 2],
        thresholds: &Thresholds,
    ) {
        for crossing in crossings.into_iter().flatten() {
            let is_alike = |(of, last): &&mut (Table, Crossing)| {
                *of == table && last.is_locked() == crossing.is_locked()
            };
            match self.crossings.iter_mut().rev().find(is_alike) {
                Some((_, last)) if last.is_followed_by(&crossing, thresholds) => {
                    last.join(&crossing);
                }
                _ => keep(
                    &mut self.crossings,
                    (table, crossing),
                    &mut self.findings.more,
                    thresholds,
                ),
            }
        }
    }

    /// All findings, with those that are known only at the end.
    pub(super) fn finish(mut self, def: &InstrumentDef, thresholds: &Thresholds) -> Findings {
        let still = self.quote.still.rest(thresholds);
        self.add_still(Table::Quotes, still, thresholds);
        let still = self.book_still.rest(thresholds);
        self.add_still(Table::BookUpdates, still, thresholds);
        let crossing = self.quote.cross.rest();
        self.add_crossings(Table::Quotes, crossing, thresholds);
        let crossing = self.book_cross.rest();
        self.add_crossings(Table::BookUpdates, crossing, thresholds);
        let end = self.newest.unwrap_or_default();
        self.book_state.end(end, &mut self.findings, thresholds);
        let of_bars = self.bars.iter_mut();
        let waiting = of_bars.filter_map(|(_, bars)| bars.splits.rest());
        self.splits.extend(waiting);
        let Watched { mut findings, .. } = self;
        let mut add =
            |finding: Finding| findings.add(finding, thresholds.join, thresholds.rows_max);
        self.crossings
            .into_iter()
            .map(|(table, found)| crossed(def, table, &found))
            .for_each(&mut add);
        self.splits
            .iter()
            .map(|found| split(def, found))
            .for_each(&mut add);
        self.spikes
            .into_iter()
            .map(|(table, what, found)| outlier(def, table, what, &found))
            .for_each(&mut add);
        self.clock
            .finish(thresholds)
            .iter()
            .map(skewed)
            .for_each(|finding| findings.push(finding, thresholds.rows_max));
        if let Some(tick) = self.tick {
            tick.finish(def, &mut findings, thresholds);
        }
        let streams = [self.trades, self.quotes, self.levels, self.orders];
        for stream in streams.into_iter().flatten() {
            stream.finish(BarSpec::Time(0), &mut findings, thresholds);
        }
        for (spec, bars) in self.bars {
            bars.stream.finish(spec, &mut findings, thresholds);
        }
        findings
    }
}

impl Bars {
    /// Sessions are days where bars are: then only whole sessions can be missing.
    fn new(spec: BarSpec, calendar: Option<Arc<Calendar>>) -> Bars {
        let length = match spec {
            BarSpec::Time(DAY) if calendar.is_some() => 0,
            BarSpec::Time(length) => length,
            BarSpec::Ticks(_) | BarSpec::Volume(_) => 0,
        };
        Bars {
            stream: Stream::new(Table::Bars, calendar, length),
            newest: None,
            close: SpikeWatch::default(),
            splits: SplitWatch::default(),
        }
    }

    /// Where a bar stands among its kind: its close; of a trading day, the end of its session. `None` if its place says nothing.
    pub(super) fn place(spec: BarSpec, ts: Ts, calendar: Option<&Calendar>) -> Option<Ts> {
        match (spec, calendar) {
            (BarSpec::Ticks(_) | BarSpec::Volume(_), _) => None,
            (BarSpec::Time(DAY), Some(calendar)) => {
                let inside = Ts(ts.0.checked_sub(1)?);
                let date: Date = if ts.0.rem_euclid(DAY) == 0 {
                    inside.date().parse().ok()?
                } else {
                    calendar.session_of(inside)?.date
                };
                calendar.day(date).map(|day| Ts(day.close.0 - 1))
            }
            (BarSpec::Time(length), Some(_)) if length > DAY => None,
            (BarSpec::Time(_), _) => Some(ts),
        }
    }
}

fn stream<'a>(
    slot: &'a mut Option<Box<Stream>>,
    table: Table,
    calendar: &Option<Arc<Calendar>>,
) -> &'a mut Stream {
    slot.get_or_insert_with(|| Box::new(Stream::new(table, calendar.clone(), 0)))
}

/// Keeps one more if there is room, and counts it otherwise.
fn keep<T>(all: &mut Vec<T>, one: T, more: &mut u64, thresholds: &Thresholds) {
    if all.len() < thresholds.rows_max {
        all.push(one);
    } else {
        *more += 1;
    }
}
