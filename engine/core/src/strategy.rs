//! What strategies see and what they may intend: the [`Strategy`] trait for code, and how each kind is run.
//!
//! Rules and targets are expressions and need no code. What an expression cannot say (moving orders, scaling out, quoting)
//! implements [`Strategy`]; `strategy/trailing_stop.rs` is the worked example. A strategy knows nothing of risk or
//! venues: it says what it intends through [`Intents`] and sees at the next record what became of it.

mod awaited;
mod rules;
mod target;
mod trailing_stop;

pub(crate) use rules::Rules;
pub(crate) use target::Target;
pub use trailing_stop::TrailingStop;

use crate::config::CoreConfig;
use crate::error::CoreError;
use crate::market::Market;
use crate::order::{NewOrder, Order, OrderSize};
use crate::portfolio::{Portfolio, Position};
use crate::rule_values::{RuleId, RuleValues};
use crate::trade_config::StrategyDef;
use crate::venue::{PaperVenue, Venue};
use std::collections::BTreeMap;
use std::fmt;
use tickloom_types::{
    InstrumentDef, InstrumentId, OrderType, Record, Seq, Side, StateError, StateReader,
    StateWriter, parse_decimal,
};

/// A strategy in code. Over several instruments each has one of its own. It is called at the end of a moment, after the market
/// and the signals took its records in.
pub trait Strategy: fmt::Debug + Send {
    /// When it is called.
    fn calls(&self) -> Calls {
        Calls::Changes
    }

    /// Looks at what is known now and decides on orders.
    fn on_event(&mut self, context: &Context<'_>, intents: &mut Intents);

    /// Writes all that it remembers from one call to the next, so that a run can go on from a snapshot; what follows from its
    /// settings is not among that. False if it cannot: a run with it goes on by doing everything again.
    fn save(&self, to: &mut StateWriter) -> bool {
        let _ = to;
        false
    }

    /// Takes over what one with the same settings has written. It has not been called yet.
    ///
    /// # Errors
    /// [`StateError`] if that cannot be; [`StateReader::wrong`] makes one.
    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        Err(from.wrong("of a strategy that can be saved"))
    }
}

/// When a strategy in code is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Calls {
    /// When a price, bar or status of its instrument came, one of its expressions was evaluated, or one of its orders changed.
    #[default]
    Changes,
    /// The same, and at every change of its instrument's book, also where best bid and ask stay as they are.
    Book,
}

/// What a strategy has of its own: position, open orders, values of its expressions.
#[derive(Clone, Copy, Debug)]
pub struct Own<'a> {
    pub(crate) strategy: u8,
    pub(crate) instrument: InstrumentId,
    pub(crate) first_rule: usize,
    pub(crate) rules: &'a RuleValues,
    pub(crate) portfolio: &'a Portfolio,
    pub(crate) venue: &'a PaperVenue,
}

/// All that a strategy in code may look at: nothing in it is newer than the record that came last.
///
/// If time alone closed bars, they are decided on first, in a round for each close time: the strategy is called with the first
/// of the bars of that close, and then with the record. In such a round prices are those of before the record that let time
/// pass, and the book is not shown; what the moment's records filled of waiting orders is in `own` already.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Place in the run of the record that ended the moment.
    pub seq: Seq,
    /// The newest record of the moment, or the first of the bars that time closed.
    pub record: &'a Record,
    /// The market after it.
    pub market: &'a Market,
    /// The strategy's position, open orders and expressions.
    pub own: Own<'a>,
}

/// What a strategy intends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// To submit an order.
    Submit(NewOrder),
    /// To take an open order back.
    Cancel {
        /// What it trades.
        instrument: InstrumentId,
        /// Its number.
        order: u32,
    },
}

/// The intents of a strategy at one moment, in order.
#[derive(Clone, Debug, Default)]
pub struct Intents {
    intents: Vec<Intent>,
}

/// Settings of a strategy in code, as texts with the names of the strategy for errors.
#[derive(Debug)]
pub struct CodeSettings<'a> {
    strategy: &'a str,
    instrument: &'a InstrumentDef,
    settings: &'a BTreeMap<String, String>,
    /// Names of its expressions; a place in this list is what [`Own::value`] takes.
    expressions: Vec<&'a str>,
}

/// A strategy that is ready to run in one of its instruments.
#[derive(Debug)]
pub(crate) struct Runner {
    /// Index of the strategy.
    pub(crate) strategy: u8,
    pub(crate) instrument: InstrumentId,
    /// Number of its first expression; the others follow.
    first_rule: u32,
    rule_count: u32,
    pub(crate) kind: RunnerKind,
}

/// One of thousands that are looked at in a moment.
const _: () = assert!(size_of::<Runner>() <= 64);

#[derive(Debug)]
pub(crate) enum RunnerKind {
    Rules(Rules),
    Target(Target),
    /// A call through a pointer whenever something changed: the price of code that is chosen by name.
    Code(Box<dyn Strategy>),
}

impl<'a> Own<'a> {
    /// What the strategy trades.
    #[must_use]
    pub fn instrument(&self) -> InstrumentId {
        self.instrument
    }

    /// What it holds of its instrument.
    #[must_use]
    pub fn position(&self) -> &'a Position {
        self.portfolio.position(self.strategy, self.instrument)
    }

    /// What it holds of any instrument of the run.
    ///
    /// # Panics
    /// If the run has no such instrument.
    #[must_use]
    pub fn position_in(&self, instrument: InstrumentId) -> &'a Position {
        self.portfolio.position(self.strategy, instrument)
    }

    /// Its open orders in its instrument, oldest first.
    pub fn orders(&self) -> impl Iterator<Item = &'a Order> + use<'a> {
        self.orders_in(self.instrument)
    }

    /// Its open orders in any instrument, oldest first.
    pub fn orders_in(&self, instrument: InstrumentId) -> impl Iterator<Item = &'a Order> + use<'a> {
        let strategy = self.strategy;
        let open = self.venue.orders(instrument).iter();
        open.filter(move |order| order.strategy == strategy)
    }

    /// Value of its n-th expression; `None` while it is not ready.
    #[must_use]
    pub fn value(&self, expression: usize) -> Option<f64> {
        self.rules.value(self.rule(expression))
    }

    /// Whether its n-th expression was evaluated at this record, is ready and not zero.
    #[must_use]
    pub fn holds(&self, expression: usize) -> bool {
        self.rules.holds(self.rule(expression))
    }

    /// Whether its n-th expression was evaluated at this record.
    #[must_use]
    pub fn ticked(&self, expression: usize) -> bool {
        self.rules.ticked(self.rule(expression))
    }

    /// Position once all its open orders have filled.
    pub(crate) fn expected_qty(&self) -> i64 {
        self.orders().fold(self.position().qty(), |sum, order| {
            sum.saturating_add(order.new.side.sign().saturating_mul(order.open_qty()))
        })
    }

    fn rule(&self, expression: usize) -> RuleId {
        RuleId(self.first_rule + expression)
    }
}

impl Intents {
    /// A market order.
    pub fn market(&mut self, instrument: InstrumentId, side: Side, size: OrderSize) {
        self.submit(NewOrder {
            instrument,
            side,
            order_type: OrderType::Market,
            price: 0,
            size,
        });
    }

    /// Any order.
    pub fn submit(&mut self, order: NewOrder) {
        self.intents.push(Intent::Submit(order));
    }

    /// Takes an open order back.
    pub fn cancel(&mut self, order: &Order) {
        self.intents.push(Intent::Cancel {
            instrument: order.new.instrument,
            order: order.id,
        });
    }

    /// Takes all open orders of the strategy in its instrument back.
    pub fn cancel_all(&mut self, own: &Own<'_>) {
        for order in own.orders() {
            self.cancel(order);
        }
    }

    /// The intents so far.
    #[must_use]
    pub fn as_slice(&self) -> &[Intent] {
        &self.intents
    }

    pub(crate) fn clear(&mut self) {
        self.intents.clear();
    }
}

impl CodeSettings<'_> {
    /// What the strategy trades.
    #[must_use]
    pub fn instrument(&self) -> &InstrumentDef {
        self.instrument
    }

    /// A size above zero in units and in steps of the lot, as a mantissa of the instrument.
    ///
    /// # Errors
    /// [`CoreError::Setting`] if it is not there, cannot be read, or is between two steps.
    pub fn qty(&self, field: &'static str) -> Result<i64, CoreError> {
        let expected = "a size above zero in steps of the instrument's lot";
        let qty = self.number(field, self.instrument.qty_decimals, expected)?;
        if qty % self.instrument.lot_size == 0 {
            return Ok(qty);
        }
        let text = self.settings.get(field).map_or("", String::as_str);
        Err(self.wrong(field, text, expected))
    }

    /// A whole number above zero.
    ///
    /// # Errors
    /// [`CoreError::Setting`] if it is not there or cannot be read.
    pub fn whole(&self, field: &'static str) -> Result<i64, CoreError> {
        self.number(field, 0, "a whole number above zero")
    }

    /// Place of a named expression.
    ///
    /// # Errors
    /// [`CoreError::Setting`] if it is not there.
    pub fn expression(&self, name: &'static str) -> Result<usize, CoreError> {
        let at = self.expressions.iter().position(|known| *known == name);
        at.ok_or_else(|| self.wrong(name, "", "an expression"))
    }

    fn number(
        &self,
        field: &'static str,
        decimals: u8,
        expected: &'static str,
    ) -> Result<i64, CoreError> {
        let text = self.settings.get(field).map_or("", String::as_str);
        match parse_decimal(text.as_bytes(), decimals) {
            Ok(number) if number > 0 => Ok(number),
            _ => Err(self.wrong(field, text, expected)),
        }
    }

    fn wrong(&self, field: &'static str, value: &str, expected: &'static str) -> CoreError {
        CoreError::Setting {
            owner: format!("strategy {}", self.strategy),
            field,
            value: value.to_owned(),
            expected,
        }
    }
}

impl Runner {
    /// `first_rule` is the number of expressions of the runners before it.
    pub(crate) fn new(
        def: &StrategyDef,
        (strategy, instrument): (u8, InstrumentId),
        first_rule: usize,
        config: &CoreConfig,
    ) -> Result<Runner, CoreError> {
        let traded = config.instruments.get(instrument);
        let traded = traded.expect("what a strategy trades is in the run");
        let kind = match def {
            StrategyDef::Rules { .. } => RunnerKind::Rules(Rules::new(def, traded)?),
            StrategyDef::Target { .. } => RunnerKind::Target(Target::new(traded)),
            StrategyDef::Code {
                name,
                code,
                expressions,
                settings,
                ..
            } => RunnerKind::Code(built_in(
                code,
                &CodeSettings {
                    strategy: name,
                    instrument: traded,
                    settings,
                    expressions: expressions.keys().map(String::as_str).collect(),
                },
            )?),
        };
        Ok(Runner {
            strategy,
            instrument,
            first_rule: u32::try_from(first_rule).expect(LIMITED),
            rule_count: u32::try_from(def.expressions().len()).expect(LIMITED),
            kind,
        })
    }

    /// Code without expressions.
    #[cfg(test)]
    pub(crate) fn of_code(
        strategy: u8,
        instrument: InstrumentId,
        code: Box<dyn Strategy>,
    ) -> Runner {
        Runner {
            strategy,
            instrument,
            first_rule: 0,
            rule_count: 0,
            kind: RunnerKind::Code(code),
        }
    }

    pub(crate) fn rules(&self) -> std::ops::Range<usize> {
        let first = self.first_rule as usize;
        first..first + self.rule_count as usize
    }

    /// Lets the strategy decide.
    #[inline]
    pub(crate) fn decide(
        &mut self,
        (seq, record): (Seq, &Record),
        market: &Market,
        own: Own<'_>,
        intents: &mut Intents,
    ) {
        if let RunnerKind::Code(code) = &mut self.kind {
            let context = Context {
                seq,
                record,
                market,
                own,
            };
            code.on_event(&context, intents);
        } else {
            self.decide_by_expressions(&own, intents);
        }
    }

    /// Lets rules and targets decide, which need no more than their expressions; code does not.
    #[inline]
    pub(crate) fn decide_by_expressions(&self, own: &Own<'_>, intents: &mut Intents) {
        match &self.kind {
            RunnerKind::Rules(rules) => rules.decide(own, intents),
            RunnerKind::Target(target) => target.decide(own, intents),
            RunnerKind::Code(_) => {}
        }
    }
}

/// Why an expectation about numbers of expressions cannot fail.
const LIMITED: &str = "the number of expressions is limited";

/// The strategies in code, by name. A new one is one line here.
fn built_in(code: &str, settings: &CodeSettings<'_>) -> Result<Box<dyn Strategy>, CoreError> {
    match code {
        "trailing_stop" => Ok(Box::new(TrailingStop::new(settings)?)),
        _ => Err(settings.wrong("code", code, "trailing_stop")),
    }
}
