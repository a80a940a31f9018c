//! The model of a run: records in, output records out, one moment after the other.

use crate::desk::{Cause, Desk};
use crate::log::{Log, Tick};
use crate::market::{ClosedBar, Market};
use crate::orders::Shown;
use crate::risk::View;
use crate::strategies::{Ride, Sight, decide};
use crate::world::{World, bar_source, size_of};
use tickloom_types::{
    BarBody, BookState, Flags, Header, InstrumentId, Kind, Record, SignalBody, StatusBody,
    StatusCode, TradeBody, Ts,
};

/// A run.
pub(crate) struct Model {
    world: World,
    market: Market,
    log: Log,
    desk: Desk,
    rides: Vec<Option<Ride>>,
    /// Values of the signals as they were told last; NaN is "not ready".
    told: Vec<f64>,
    /// What the records of the moment so far ticked.
    pending: Vec<Tick>,
    /// Bars that they closed.
    pending_bars: Vec<ClosedBar>,
}

impl Model {
    pub(crate) fn new(world: &World) -> Model {
        Model {
            market: Market::new(world),
            log: Log::new(&world.defs),
            desk: Desk::new(world),
            rides: world.plans.iter().map(|_| None).collect(),
            told: vec![f64::NAN; world.signals.len()],
            pending: vec![],
            pending_bars: vec![],
            world: world.clone(),
        }
    }

    /// All that comes of a record, in order.
    pub(crate) fn step(&mut self, seq: u64, record: &Record) -> Vec<Record> {
        let cause = Cause {
            seq,
            header: record.header,
        };
        let counts = !self.market.is_bad(record) && !self.market.is_repeated_bar(record);
        let passed = if counts {
            self.market.pass(record)
        } else {
            vec![]
        };
        let views: Vec<View> = (0..self.world.defs.len()).map(|at| self.view(at)).collect();
        let marks: Vec<Option<i64>> = self.market.all.iter().map(|one| one.mark()).collect();
        let said = self.market.take(seq, record);
        let mut out = vec![];
        for bar in passed.iter().chain(&said.bars).filter(|bar| !bar.is_input) {
            out.push(bar_record(bar, record));
        }
        out.extend(said.notes);
        if said.is_dropped {
            return out;
        }
        self.meet_orders(cause, record, said.has_price);
        out.append(&mut self.desk.out);

        for bars in by_close(passed) {
            let first = bar_record(&bars[0], record);
            self.log.push(bars.iter().map(bar_tick).collect());
            let views: Vec<View> = (0..views.len())
                .map(|at| with_close(views[at], &bars, at))
                .collect();
            let cause = Cause {
                seq,
                header: first.header,
            };
            self.end_moment(cause, &views, &marks, false, &mut out);
        }
        self.pending.extend(said.bars.iter().map(bar_tick));
        self.pending.extend(said.ticks);
        self.pending_bars.extend(said.bars);
        self.log.push(std::mem::take(&mut self.pending));
        let bars = std::mem::take(&mut self.pending_bars);
        let views: Vec<View> = (0..views.len())
            .map(|at| with_close(self.view(at), &bars, at))
            .collect();
        let marks: Vec<Option<i64>> = self.market.all.iter().map(|one| one.mark()).collect();
        self.end_moment(cause, &views, &marks, true, &mut out);
        out
    }

    /// The record's price meets the orders that wait.
    fn meet_orders(&mut self, cause: Cause, record: &Record, has_price: bool) {
        let is_reset = record.kind() == Some(Kind::Status)
            && StatusBody::of(record).code == StatusCode::RiskReset as u16;
        if is_reset {
            self.desk.reset_loss_stop(cause);
        }
        self.desk.turn_day(cause);
        if !has_price {
            return;
        }
        let at = usize::try_from(record.header.instrument).unwrap();
        let (top, mark) = (self.market.all[at].top(), self.market.all[at].mark());
        let shown = match record.kind().unwrap() {
            Kind::Bar => {
                let spec = size_of(record.source()).unwrap();
                let start = self.desk.bar_start(at, spec, record.header.ts_event);
                start.map(|start| Shown::Bar(BarBody::of(record), start))
            }
            Kind::Trade => {
                self.desk.has_ticks(at);
                let TradeBody { price, qty, .. } = TradeBody::of(record);
                Some(Shown::Trade { price, qty, top })
            }
            _ => {
                self.desk.has_ticks(at);
                top.map(Shown::Quote)
            }
        };
        self.desk.on_price(cause, at, mark.unwrap(), shown);
    }

    /// Signals that changed are told, then strategies decide, each once.
    fn end_moment(
        &mut self,
        cause: Cause,
        views: &[View],
        marks: &[Option<i64>],
        counts: bool,
        out: &mut Vec<Record>,
    ) {
        for (at, expr) in self.world.signals.iter().enumerate() {
            let value = if expr.is_constant() {
                Some(expr.constant()).filter(|_| counts)
            } else {
                expr.now(&self.log)
            };
            let Some(value) = value else { continue };
            let (value, previous) = (value.unwrap_or(f64::NAN), self.told[at]);
            if value.to_bits() == previous.to_bits() {
                continue;
            }
            self.told[at] = value;
            let mut header = cause.header.as_kind(Kind::Signal);
            if value.is_nan() {
                header = header.with_flags(Flags::NOT_READY);
            }
            let body = SignalBody {
                cause: cause.seq,
                signal: u32::try_from(at).unwrap(),
                value,
                previous,
                ..SignalBody::default()
            };
            out.push(body.record(header));
        }
        for (at, plan) in self.world.plans.iter().enumerate() {
            let instrument = plan.instrument();
            let sight = Sight {
                strategy: at,
                def: &self.world.defs[instrument],
                log: &self.log,
                desk: &self.desk,
                mark: marks[instrument],
                counts,
            };
            for intent in decide(plan, &mut self.rides[at], &sight) {
                self.desk.carry_out(cause, at, intent, &views[instrument]);
            }
        }
        out.append(&mut self.desk.out);
    }

    /// What is seen of an instrument where no bar of it closed.
    fn view(&self, at: usize) -> View {
        let instrument = &self.market.all[at];
        if matches!(
            instrument.state,
            Some(BookState::Stale | BookState::Resync)
        ) {
            return View::default();
        }
        View {
            mark: instrument.mark(),
            top: instrument.top(),
            close: instrument.mark(),
        }
    }
}

/// The same with the close of the instrument's bar that closed last at this moment, unless nothing can be seen.
fn with_close(view: View, bars: &[ClosedBar], at: usize) -> View {
    let mut newest = bars.iter().rev().filter(|bar| bar.instrument == at);
    match newest.next() {
        Some(bar) if view.mark.is_some() => View {
            close: Some(bar.bar.body.close),
            ..view
        },
        _ => view,
    }
}

/// Bars that time closed, those of one close together, the earliest first.
fn by_close(bars: Vec<ClosedBar>) -> Vec<Vec<ClosedBar>> {
    let mut closes: Vec<i64> = bars.iter().map(|bar| bar.bar.ts).collect();
    closes.sort_unstable();
    closes.dedup();
    closes
        .iter()
        .map(|close| {
            bars.iter()
                .filter(|bar| bar.bar.ts == *close)
                .copied()
                .collect()
        })
        .collect()
}

fn bar_tick(bar: &ClosedBar) -> Tick {
    Tick::Bar(bar.instrument, bar.bar.spec, bar.bar.body)
}

/// A bar as a record: stamped at its close, arrived with what closed it.
fn bar_record(bar: &ClosedBar, cause: &Record) -> Record {
    let mut header = Header::new(
        Kind::BarClosed,
        InstrumentId(u32::try_from(bar.instrument).unwrap()),
        bar_source(bar.bar.spec),
        Ts(bar.bar.ts),
        cause.ts_recv(),
    );
    if bar.bar.incomplete {
        header = header.with_flags(Flags::INCOMPLETE);
    }
    bar.bar.body.record(header)
}
