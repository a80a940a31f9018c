//! The trading half of a step: what the record fills, what strategies intend, what becomes of their intents.
//!
//! [`TradeStage::on_record`] comes after the market has taken the record in, [`TradeStage::decide`] after the signals.
//! The way of an order from intent to fill is in `trade/desk.rs`. The block path (`bars_run.rs`) calls the same two
//! for single bars, without a market: what both need from it is [`SeenPrices`].

mod account;
mod calls;
mod desk;
mod foreseen;
mod state;
mod tradable;
mod view;

use calls::Calling;
pub(crate) use desk::Cause;
use desk::Desk;
use view::Closes;
pub(crate) use view::{SeenPrices, View};

use crate::config::CoreConfig;
use crate::error::CoreError;
use crate::limits::STRATEGIES_MAX;
use crate::market::Market;
use crate::outputs::Outputs;
use crate::portfolio::Portfolio;
use crate::rule_values::{RuleId, RuleValues};
use crate::strategy::{Intents, Own, Runner, RunnerKind};
use crate::trade_config::FillModel;
use crate::venue::{PriceEvent, Venue};
use tickloom_types::{
    BarBody, BarSpec, Flags, InstrumentId, Kind, Record, Seq, StatusBody, StatusCode, TradeBody, Ts,
};

/// Strategies, risk, venue and portfolio.
#[derive(Debug)]
pub(crate) struct TradeStage {
    /// By strategy, then instrument, in the order in which they are configured.
    runners: Vec<Runner>,
    calling: Calling,
    closes: Option<Closes>,
    intents: Intents,
    desk: Desk,
    /// By instrument.
    finest: Vec<Finest>,
}

/// The finest bars that came for an instrument: these fill orders. Coarser bars tell the same prices again, and fill none, unless they
/// began after the last of the finer ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finest {
    Nothing,
    Bars {
        spec: BarSpec,
        /// Close of the newest.
        close: Ts,
    },
}

impl TradeStage {
    /// `constants` are the rules without a field in them.
    ///
    /// # Errors
    /// [`CoreError`] with the setting that is wrong.
    pub(crate) fn new(
        config: &CoreConfig,
        constants: impl Iterator<Item = RuleId>,
    ) -> Result<TradeStage, CoreError> {
        config.account.check()?;
        let count = config.strategies.len();
        if count > STRATEGIES_MAX {
            return Err(CoreError::Setting {
                owner: "strategies".to_owned(),
                field: "number",
                value: count.to_string(),
                expected: "at most 255",
            });
        }
        let mut desk = Desk::new(config)?;
        let mut runners: Vec<Runner> = Vec::new();
        let mut rules = 0;
        for (strategy, def) in (0_u8..).zip(&config.strategies) {
            def.check()?;
            for instrument in def.traded(config)? {
                let runner = Runner::new(def, (strategy, instrument), rules, config)?;
                rules = runner.rules().end;
                desk.expect(strategy, instrument);
                runners.push(runner);
            }
        }
        tradable::check(config, &runners)?;
        let fills_at_close = config.account.fill == FillModel::SameClose;
        Ok(TradeStage {
            calling: Calling::new(&runners, config.instruments.len(), constants),
            closes: fills_at_close.then(|| Closes::new(config.instruments.len())),
            runners,
            intents: Intents::default(),
            desk,
            finest: vec![Finest::Nothing; config.instruments.len()],
        })
    }

    /// The rules that are conditions of which nothing comes unless they hold. Where one of a strategy's rules holds without any
    /// field in it, something may come of the others whenever they are evaluated.
    pub(crate) fn conditions(&self) -> impl Iterator<Item = RuleId> {
        let runners = self.runners.iter().enumerate();
        let of_conditions = runners.filter(|(at, runner)| {
            matches!(runner.kind, RunnerKind::Rules(_))
                && !self.calling.is_watcher(*at, runner.instrument)
        });
        of_conditions.flat_map(|(_, runner)| runner.rules().map(RuleId))
    }

    /// Cash and positions.
    pub(crate) fn portfolio(&self) -> &Portfolio {
        self.desk.portfolio()
    }

    /// Number of the last order.
    pub(crate) fn last_order(&self) -> u32 {
        self.desk.last_order()
    }

    /// Fills so far.
    pub(crate) fn fills(&self) -> u64 {
        self.desk.fills()
    }

    /// Whether code is called for every change of a book.
    #[inline]
    pub(crate) fn watches_books(&self) -> bool {
        self.calling.watches_books()
    }

    /// Whether nobody is called in a round in which no rule was evaluated, no price ticked and no bar closed.
    #[inline]
    pub(crate) fn has_no_news(&self) -> bool {
        self.calling.has_no_news()
    }

    /// Whether every strategy acts on nothing but its expressions, and only when one of them was evaluated.
    pub(crate) fn has_expressions_alone(&self) -> bool {
        self.calling.has_no_watchers()
    }

    /// Whether something may come of any price, whoever holds what: the day's loss is watched.
    pub(crate) fn looks_at_every_price(&self) -> bool {
        self.desk.watches_loss()
    }

    /// Whether orders wait in an instrument.
    #[inline]
    pub(crate) fn has_orders(&self, instrument: InstrumentId) -> bool {
        self.desk.has_orders(instrument)
    }

    /// The strategy, by place among the runners, that an expression is of.
    pub(crate) fn runner_of(&self, rule: RuleId) -> usize {
        self.calling.runner_of(rule)
    }

    /// Lets a record fill waiting orders; the market has taken it in.
    pub(crate) fn on_record(
        &mut self,
        seq: Seq,
        record: &Record,
        market: &Market,
        out: &mut Outputs,
    ) {
        let cause = Cause::new(seq, record.header);
        if record.header.kind == Kind::Status as u8 {
            let status = StatusBody::of(record);
            match StatusCode::from_raw(status.code) {
                Some(StatusCode::RiskReset) => self.desk.reset_loss_stop(cause, out),
                Some(StatusCode::Started) => self.desk.begin_session(status.from),
                _ => {}
            }
        }
        self.calling.on_record(record);
        if !market.has_told() {
            return;
        }
        // Clocks of ours may be in another day than the venue's: a timer, a status or a doubtful time turns no day.
        if !record.has(Flags::BAD_TIME) {
            self.desk.turn_day(cause);
        }
        let instrument = record.instrument();
        let event = self.price_event(record, market);
        if let Some(mark) = market.mark(instrument) {
            let before = out.records().len();
            self.desk
                .on_price(cause, instrument, mark, event.as_ref(), out);
            self.calling.on_orders(&out.records()[before..]);
        }
    }

    /// As [`TradeStage::on_record`] for a bar of the only instrument, where market orders alone may wait.
    pub(crate) fn on_open(
        &mut self,
        cause: Cause,
        instrument: InstrumentId,
        open: &PriceEvent,
        close: i64,
        out: &mut Outputs,
    ) {
        self.desk
            .on_price(cause, instrument, close, Some(open), out);
    }

    /// Lets those strategies decide for which something changed in this moment, and leads what they intend through risk.
    /// `record` is the last of the moment, or the first of the bars that time closed.
    pub(crate) fn decide(
        &mut self,
        seq: Seq,
        record: &Record,
        market: &Market,
        rules: &RuleValues,
        out: &mut Outputs,
    ) {
        if !self.calling.collect(market, rules) {
            return;
        }
        let cause = Cause::new(seq, record.header);
        self.desk.advance(market.now());
        if let Some(closes) = &mut self.closes {
            closes.take(market);
        }
        for called in 0..self.calling.called().len() {
            let at = self.calling.called()[called];
            let runner = &mut self.runners[at];
            let own = own(runner, &self.desk, rules);
            runner.decide((seq, record), market, own, &mut self.intents);
            if self.intents.as_slice().is_empty() {
                continue;
            }
            let strategy = runner.strategy;
            let view = View::Market {
                market,
                closes: self.closes.as_ref(),
            };
            let before = out.records().len();
            for intent in self.intents.as_slice() {
                self.desk.execute(cause, strategy, *intent, view, out);
            }
            self.intents.clear();
            self.calling.on_orders(&out.records()[before..]);
        }
    }

    /// As [`TradeStage::decide`] where all strategies are expressions over bars of one instrument, of which one closed.
    pub(crate) fn decide_at_close(
        &mut self,
        cause: Cause,
        close: i64,
        rules: &RuleValues,
        out: &mut Outputs,
    ) {
        self.desk.advance(Ts(cause.header.ts_event));
        for runner in &self.runners {
            let own = own(runner, &self.desk, rules);
            runner.decide_by_expressions(&own, &mut self.intents);
            for intent in self.intents.as_slice() {
                let view = View::Close(close);
                self.desk
                    .execute(cause, runner.strategy, *intent, view, out);
            }
            self.intents.clear();
        }
    }

    /// Values an instrument at this price, at which nothing else happens.
    pub(crate) fn mark(&mut self, instrument: InstrumentId, price: i64) {
        self.desk.mark(instrument, price);
    }

    /// The strategies, in order.
    pub(crate) fn runners(&self) -> &[Runner] {
        &self.runners
    }

    /// Whether an order waits at the venue.
    pub(crate) fn has_open_orders(&self) -> bool {
        self.desk.venue().open_count() > 0
    }

    /// What the record tells waiting orders; `None` if it tells them nothing, or none waits.
    fn price_event(&mut self, record: &Record, market: &Market) -> Option<PriceEvent> {
        let instrument = record.instrument();
        let at = usize::try_from(instrument.0).ok()?;
        let finest = self.finest.get_mut(at)?;
        let is_awaited = self.desk.has_orders(instrument);
        let kind = record.header.kind;
        if kind == Kind::Bar as u8 {
            let spec = market.instruments().bar_spec(record.source())?;
            let start = finest.take_bar(spec, record.ts_event())?;
            if !is_awaited || market.is_ticking(instrument) {
                return None;
            }
            let body = BarBody::of(record);
            return Some(PriceEvent::Bar { body, start });
        }
        if !is_awaited {
            return None;
        }
        let sides = market.sides(instrument);
        if kind == Kind::Trade as u8 {
            let TradeBody { price, qty, .. } = TradeBody::of(record);
            return Some(PriceEvent::Trade { price, qty, sides });
        }
        // What is crossed says nothing, not even that a side is empty.
        sides
            .filter(|_| !market.is_crossed(instrument))
            .map(PriceEvent::Quote)
    }
}

impl Finest {
    /// Takes note of a bar of this size that closed at `ts`. When it began, if it may fill orders: `None` if finer prices
    /// are known, or if nobody knows when it began.
    fn take_bar(&mut self, spec: BarSpec, ts: Ts) -> Option<Ts> {
        let before = match *self {
            Finest::Bars { spec: known, close } => {
                // Only a time says when a bar began of which the one before is not known.
                let is_later = matches!(spec, BarSpec::Time(_)) && spec.begin(ts) >= close;
                if !is_later && !is_as_fine(spec, known) {
                    return None;
                }
                (known == spec).then_some(close)
            }
            Finest::Nothing => None,
        };
        *self = Finest::Bars { spec, close: ts };
        let before = before.filter(|close| *close < ts);
        match spec {
            BarSpec::Time(length) => {
                let by_length = Ts(ts.0.saturating_sub(length));
                Some(before.map_or(by_length, |close| close.max(by_length)))
            }
            BarSpec::Ticks(_) | BarSpec::Volume(_) => before,
        }
    }
}

/// Whether bars of a size are at least as fine as those that are known. Kinds do not compare: those that came first stay.
fn is_as_fine(spec: BarSpec, known: BarSpec) -> bool {
    match (spec, known) {
        (BarSpec::Time(length), BarSpec::Time(known)) => length <= known,
        (BarSpec::Ticks(count), BarSpec::Ticks(known)) => count <= known,
        (BarSpec::Volume(units), BarSpec::Volume(known)) => units <= known,
        _ => false,
    }
}

fn own<'a>(runner: &Runner, desk: &'a Desk, rules: &'a RuleValues) -> Own<'a> {
    Own {
        strategy: runner.strategy,
        instrument: runner.instrument,
        first_rule: runner.rules().start,
        rules,
        portfolio: desk.portfolio(),
        venue: desk.venue(),
    }
}

#[cfg(test)]
mod tests;
