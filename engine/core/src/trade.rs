//! The trading half of a step: what the record fills, what strategies wish, what becomes of their wishes.
//!
//! [`TradeStage::on_record`] comes after the market has taken the record in, [`TradeStage::decide`] after the signals.
//! The way of an order from wish to fill is in `trade/desk.rs`. The block path (`bars_run.rs`) calls the same two
//! moments for single bars, without a market: what both need from it is [`Sight`].

mod desk;

pub(crate) use desk::Cause;
use desk::Desk;

use crate::book::Top;
use crate::config::CoreConfig;
use crate::error::CoreError;
use crate::limits::STRATEGIES_MAX;
use crate::market::Market;
use crate::outputs::Outputs;
use crate::portfolio::Portfolio;
use crate::rule_values::RuleValues;
use crate::strategy::{Intents, Own, Runner};
use crate::venue::PriceEvent;
use tickloom_types::{
    BarBody, BarSpec, BookState, InstrumentId, Kind, Record, Seq, Side, StatusBody, StatusCode,
    TradeBody, Ts,
};

/// Strategies, risk, venue and portfolio.
#[derive(Debug)]
pub(crate) struct TradeStage {
    runners: Vec<Runner>,
    intents: Intents,
    desk: Desk,
    /// By instrument.
    finest: Vec<Finest>,
}

/// The finest prices that came for an instrument: these fill orders. Coarser bars tell the same prices again, and fill none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finest {
    Nothing,
    Bars {
        spec: BarSpec,
        /// Close of the newest.
        close: Ts,
    },
    Ticks,
}

/// Where decisions see prices.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Eyes<'a> {
    /// The market.
    Market(&'a Market),
    /// A bar of the only instrument that has just closed.
    Close(i64),
}

/// What is seen of an instrument when an order is decided.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sight {
    /// Price to value it at; `None` if there is none that can be trusted.
    pub(crate) mark: Option<i64>,
    /// Best bid and ask.
    pub(crate) top: Option<Top>,
    /// Close of the bar that closed just now, if one did, else the mark.
    pub(crate) close: Option<i64>,
}

impl TradeStage {
    pub(crate) fn new(config: &CoreConfig) -> Result<TradeStage, CoreError> {
        let mut runners = Vec::with_capacity(config.strategies.len());
        let mut rules = 0;
        for def in &config.strategies {
            let runner = Runner::new(def, rules, config)?;
            rules = runner.rules().end;
            runners.push(runner);
        }
        check(config, &runners)?;
        Ok(TradeStage {
            runners,
            intents: Intents::default(),
            desk: Desk::new(config)?,
            finest: vec![Finest::Nothing; config.instruments.len()],
        })
    }

    /// Cash and positions.
    pub(crate) fn portfolio(&self) -> &Portfolio {
        self.desk.portfolio()
    }

    /// Fills so far.
    pub(crate) fn fills(&self) -> u64 {
        self.desk.fills()
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
        if record.kind() == Some(Kind::Status)
            && StatusBody::of(record).code == StatusCode::RiskReset as u16
        {
            self.desk.reset_loss_stop(cause, out);
        }
        self.desk.turn_day(cause);
        if !market.has_price() {
            return;
        }
        let instrument = record.instrument();
        if let Some(mark) = market.mark(instrument) {
            let event = self.price_event(record, market);
            self.desk
                .on_price(cause, instrument, mark, event.as_ref(), out);
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

    /// Lets strategies look and wish, and sends what they wish through risk.
    pub(crate) fn decide(
        &mut self,
        seq: Seq,
        record: &Record,
        market: &Market,
        rules: &RuleValues,
        out: &mut Outputs,
    ) {
        let cause = Cause::new(seq, record.header);
        for strategy in 0..self.runners.len() {
            let runner = &mut self.runners[strategy];
            let own = own(strategy, runner, &self.desk, rules);
            runner.decide((seq, record), market, own, &mut self.intents);
            self.obey(cause, strategy, Eyes::Market(market), out);
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
        for strategy in 0..self.runners.len() {
            let runner = &self.runners[strategy];
            let own = own(strategy, runner, &self.desk, rules);
            runner.decide_by_expressions(&own, &mut self.intents);
            self.obey(cause, strategy, Eyes::Close(close), out);
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
        !self.desk.orders().is_empty()
    }

    fn obey(&mut self, cause: Cause, strategy: usize, eyes: Eyes<'_>, out: &mut Outputs) {
        let strategy = strategy_number(strategy);
        for intent in self.intents.wishes() {
            self.desk.obey(cause, strategy, *intent, eyes, out);
        }
        self.intents.clear();
    }

    fn price_event(&mut self, record: &Record, market: &Market) -> Option<PriceEvent> {
        let instrument = record.instrument();
        let at = usize::try_from(instrument.0).ok()?;
        let finest = self.finest.get_mut(at)?;
        if record.kind()? == Kind::Bar {
            let spec = market.instruments().bar_spec(record.source())?;
            let start = finest.take_bar(spec, record.ts_event())?;
            let body = BarBody::of(record);
            return Some(PriceEvent::Bar { body, start });
        }
        *finest = Finest::Ticks;
        let top = market.top(instrument);
        if record.kind()? == Kind::Trade {
            let TradeBody { price, qty, .. } = TradeBody::of(record);
            return Some(PriceEvent::Trade { price, qty, top });
        }
        top.map(PriceEvent::Quote)
    }
}

impl Finest {
    /// Takes note of a bar of this size that closed at `ts`. When it began, if it may fill orders: `None` if finer prices
    /// are known, or if nobody knows when it began.
    fn take_bar(&mut self, spec: BarSpec, ts: Ts) -> Option<Ts> {
        let before = match *self {
            Finest::Ticks => return None,
            Finest::Bars { spec: known, .. } if !is_as_fine(spec, known) => return None,
            Finest::Bars { spec: known, close } => (known == spec).then_some(close),
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

fn own<'a>(at: usize, runner: &Runner, desk: &'a Desk, rules: &'a RuleValues) -> Own<'a> {
    Own {
        strategy: strategy_number(at),
        instrument: runner.instrument,
        first_rule: runner.rules().start,
        rules,
        portfolio: desk.portfolio(),
        orders: desk.orders(),
    }
}

fn strategy_number(at: usize) -> u8 {
    u8::try_from(at).expect("the number of strategies was checked")
}

/// What a record of an account in one currency, with orders that name their strategy in a byte, cannot hold.
fn check(config: &CoreConfig, runners: &[Runner]) -> Result<(), CoreError> {
    if runners.len() > STRATEGIES_MAX {
        return Err(CoreError::Setting {
            owner: "strategies".to_owned(),
            field: "number",
            value: runners.len().to_string(),
            expected: "at most 255",
        });
    }
    let defs = config.instruments.defs();
    let currency = |runner: &Runner| {
        let at = usize::try_from(runner.instrument.0).ok()?;
        defs.get(at).map(|def| def.currency.as_str())
    };
    let first = runners.first().and_then(currency);
    for (runner, def) in runners.iter().zip(&config.strategies) {
        if currency(runner) != first {
            return Err(CoreError::Setting {
                owner: format!("strategy {}", def.name()),
                field: "currency of its instrument",
                value: currency(runner).unwrap_or_default().to_owned(),
                expected: "the same as the other strategies', as the account has one",
            });
        }
    }
    Ok(())
}

impl Eyes<'_> {
    pub(crate) fn sight(self, instrument: InstrumentId) -> Sight {
        match self {
            Eyes::Market(market) => Sight::of(market, instrument),
            Eyes::Close(close) => Sight {
                mark: Some(close),
                top: None,
                close: Some(close),
            },
        }
    }
}

impl Sight {
    fn of(market: &Market, instrument: InstrumentId) -> Sight {
        let state = market.book_state(instrument);
        if matches!(state, Some(BookState::Stale | BookState::Resync)) {
            return Sight::default();
        }
        let mark = market.mark(instrument);
        let mut closed = market.closed_bars().iter().rev();
        let closed = closed.find(|bar| bar.instrument() == instrument);
        Sight {
            mark,
            top: market.top(instrument),
            close: closed.map(|bar| BarBody::of(bar).close).or(mark),
        }
    }

    /// Price at which a market order would fill as far as can be seen.
    pub(crate) fn expected(&self, side: Side) -> Option<i64> {
        match (self.top, side) {
            (Some(top), Side::Buy) => Some(top.ask),
            (Some(top), Side::Sell) => Some(top.bid),
            (None, _) => self.mark,
        }
    }
}

#[cfg(test)]
mod tests;
