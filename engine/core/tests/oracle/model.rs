//! The model of a run: records in, output records out.

use crate::desk::{Cause, Desk};
use crate::log::{Log, Tick};
use crate::market::{Market, Said};
use crate::moment::{Moment, Round, Seen, Stamped, bar_record, stamp_of};
use crate::orders::Shown;
use crate::risk::View;
use crate::strategies::{Known, Ride, decide};
use crate::world::{Plan, Runner, World, size_of};
use tickloom_types::{
    BarBody, BookState, Flags, InstrumentId, Kind, OrderBody, Record, SignalBody, StatusBody,
    StatusCode, TradeBody,
};

/// A run.
pub(crate) struct Model {
    world: World,
    market: Market,
    log: Log,
    desk: Desk,
    moment: Moment,
    runners: Vec<Runner>,
    /// By runner.
    rides: Vec<Option<Ride>>,
    /// Values of the signals as they were told last; NaN is "not ready".
    told: Vec<f64>,
    /// By runner: since it was called on records last, a status or an order of its own changed.
    has_news: Vec<bool>,
}

impl Model {
    pub(crate) fn new(world: &World) -> Model {
        Model {
            market: Market::new(world),
            log: Log::new(&world.defs),
            desk: Desk::new(world),
            moment: Moment::default(),
            rides: world.runners().iter().map(|_| None).collect(),
            has_news: vec![false; world.runners().len()],
            runners: world.runners(),
            told: vec![f64::NAN; world.signals.len()],
            world: world.clone(),
        }
    }

    /// All that comes of a record, in order.
    pub(crate) fn step(&mut self, seq: u64, record: &Record) -> Vec<Record> {
        let mut out = vec![];
        if !self.moment.is_open {
            self.moment = Moment::default();
        } else if is_start(record) {
            self.cut(record);
        }
        self.take(seq, record, &mut out);
        self.moment.is_open = record.has(Flags::MORE);
        if !self.moment.is_open {
            for round in self.moment.rounds(&self.seen()) {
                self.decide(seq, &round, &mut out);
            }
        }
        out
    }

    /// A new session begins: what was cut off before is no moment. Prices that are gone stay gone, and are told now; bars
    /// that time had closed were moments of their own.
    fn cut(&mut self, record: &Record) {
        let cut = std::mem::take(&mut self.moment);
        for stamped in cut.ticks {
            let Tick::Top(at, _) = stamped.tick else {
                continue;
            };
            if self.market.all[at].top().is_none() {
                self.moment.ticks.push(Stamped {
                    tick: Tick::Top(at, None),
                    header: stamp_of(record),
                    place: 0,
                });
            }
        }
        self.moment.passed = cut.passed;
        self.moment.before = cut.before;
    }

    /// The market takes the record in, and waiting orders meet it.
    fn take(&mut self, seq: u64, record: &Record, out: &mut Vec<Record>) {
        let header = stamp_of(record);
        let counts = !self.market.is_bad(record) && !self.market.is_repeated_bar(record);
        let before = self.seen();
        let passed = if counts {
            self.market.pass(record)
        } else {
            vec![]
        };
        let said = self.market.take(seq, record);
        for bar in passed.iter().chain(&said.bars).filter(|bar| !bar.is_input) {
            out.push(bar_record(bar, record));
        }
        out.extend_from_slice(&said.notes);
        if said.is_dropped {
            return;
        }
        let moment = &mut self.moment;
        let place = moment.taken.len();
        moment.taken.push(header);
        if !passed.is_empty() {
            moment.before.get_or_insert(before);
        }
        for bar in passed {
            moment.passed.push((bar, bar_record(&bar, record)));
        }
        moment
            .bars
            .extend(said.bars.iter().map(|bar| (*bar, place)));
        for tick in &said.ticks {
            moment.ticks.push(Stamped {
                tick: *tick,
                header,
                place,
            });
        }
        if record.kind() == Some(Kind::Status) {
            for (at, runner) in self.runners.iter().enumerate() {
                let of = record.instrument();
                self.has_news[at] |= of == InstrumentId::NONE || of == id(runner.instrument);
            }
        }
        let cause = Cause { seq, header };
        self.meet_orders(cause, record, &said);
        self.tell_desk(out);
    }

    fn meet_orders(&mut self, cause: Cause, record: &Record, said: &Said) {
        let is_reset = record.kind() == Some(Kind::Status)
            && StatusBody::of(record).code == StatusCode::RiskReset as u16;
        if is_reset {
            self.desk.reset_loss_stop(cause);
        }
        self.desk.advance(cause);
        if !said.has_price && !said.has_sides {
            return;
        }
        if !record.has(Flags::BAD_TIME) {
            self.desk.turn_day(cause);
        }
        let at = usize::try_from(record.header.instrument).unwrap();
        let instrument = &self.market.all[at];
        let (sides, mark) = (instrument.sides(), instrument.mark());
        let is_crossed = instrument.is_crossed();
        let is_ticking = instrument.is_ticking;
        let shown = match record.kind().unwrap() {
            Kind::Bar => {
                let spec = size_of(record.source()).unwrap();
                let start = self.desk.bar_start(at, spec, record.header.ts_event);
                let start = start.filter(|_| !is_ticking);
                start.map(|start| Shown::Bar(BarBody::of(record), start))
            }
            Kind::Trade => {
                let TradeBody { price, qty, .. } = TradeBody::of(record);
                Some(Shown::Trade { price, qty, sides })
            }
            _ => sides.filter(|_| !is_crossed).map(Shown::Quote),
        };
        // Without any price yet no order waits.
        if let Some(mark) = mark {
            self.desk.on_price(cause, at, mark, shown);
        }
    }

    /// Expressions tick, signals that changed are told, then strategies decide, each once.
    fn decide(&mut self, seq: u64, round: &Round, out: &mut Vec<Record>) {
        self.log.begin_round();
        round.steps.iter().for_each(|step| self.log.push(step));
        self.tell_signals(seq, round, out);
        let cause = Cause {
            seq,
            header: round.cause,
        };
        for (at, runner) in self.runners.clone().iter().enumerate() {
            if !self.is_called(at, runner, round) {
                continue;
            }
            if round.is_of_records {
                self.has_news[at] = false;
            }
            let (strategy, instrument) = (runner.strategy, runner.instrument);
            let known = Known {
                strategy,
                instrument,
                def: &self.world.defs[instrument],
                log: &self.log,
                desk: &self.desk,
                mark: round.seen.marks[instrument],
                counts: round.is_of_records,
            };
            let mut view = round.seen.views[instrument];
            let mut own = round.bars.iter().filter(|bar| bar.instrument == instrument);
            if let (Some(bar), true) = (own.next_back(), view.mark.is_some()) {
                view.close = Some(bar.bar.body.close);
            }
            for intent in decide(&runner.plan, &mut self.rides[at], &known) {
                self.desk.carry_out(cause, strategy, intent, &view);
            }
            self.tell_desk(out);
        }
    }

    /// Whether a strategy looks at this round: if an expression of it ticked. Code, and conditions without a field, also
    /// look when a price, bar or status of its instrument or an order of its own changed.
    fn is_called(&self, at: usize, runner: &Runner, round: &Round) -> bool {
        let mut expressions = runner.plan.expressions().into_iter();
        if expressions.any(|expr| expr.now(&self.log).is_some()) {
            return true;
        }
        let mut expressions = runner.plan.expressions().into_iter();
        let watches = matches!(runner.plan, Plan::TrailingStop { .. })
            || expressions.any(|expr| expr.is_constant());
        let instrument = runner.instrument;
        let has_ticked = round
            .stamps
            .iter()
            .any(|stamped| stamped.tick.instrument() == instrument);
        watches && (has_ticked || self.has_news[at])
    }

    /// Tells what became of orders; their strategies will look at that.
    fn tell_desk(&mut self, out: &mut Vec<Record>) {
        for output in self.desk.out.drain(..) {
            if output.kind() == Some(Kind::Order) {
                let strategy = usize::from(OrderBody::of(&output).strategy);
                for (at, runner) in self.runners.iter().enumerate() {
                    let of = output.instrument();
                    let is_own = runner.strategy == strategy && id(runner.instrument) == of;
                    self.has_news[at] |= is_own;
                }
            }
            out.push(output);
        }
    }

    fn tell_signals(&mut self, seq: u64, round: &Round, out: &mut Vec<Record>) {
        for (at, expr) in self.world.signals.iter().enumerate() {
            let value = if expr.is_constant() {
                Some(expr.constant()).filter(|_| round.is_of_records)
            } else {
                expr.now(&self.log)
            };
            let Some(value) = value else { continue };
            let (value, previous) = (value.unwrap_or(f64::NAN), self.told[at]);
            if value.to_bits() == previous.to_bits() {
                continue;
            }
            self.told[at] = value;
            let mut header = round.stamp(&self.log, &expr.fields()).as_kind(Kind::Signal);
            if value.is_nan() {
                header = header.with_flags(Flags::NOT_READY);
            }
            let body = SignalBody {
                cause: seq,
                signal: u32::try_from(at).unwrap(),
                value,
                previous,
                ..SignalBody::default()
            };
            out.push(body.record(header));
        }
    }

    /// What is seen of all instruments as the market stands.
    fn seen(&self) -> Seen {
        let all = &self.market.all;
        let views = all.iter().map(|instrument| {
            let is_doubtful =
                matches!(instrument.state, Some(BookState::Stale | BookState::Resync));
            if is_doubtful && instrument.is_ticking {
                return View::default();
            }
            View {
                mark: instrument.mark(),
                sides: instrument.sides(),
                close: instrument.mark(),
            }
        });
        Seen {
            views: views.collect(),
            marks: all.iter().map(|instrument| instrument.mark()).collect(),
        }
    }
}

fn id(instrument: usize) -> InstrumentId {
    InstrumentId(u32::try_from(instrument).unwrap())
}

/// Whether the record begins a session.
fn is_start(record: &Record) -> bool {
    record.kind() == Some(Kind::Status) && StatusBody::of(record).code == StatusCode::Started as u16
}
