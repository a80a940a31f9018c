//! What never came of a run: expressions that were never ready, bars that never closed, and fills of orders that wait; and
//! what came of instruments after their ends. Only the end of a run can tell.

use crate::book::Sides;
use crate::config::CoreConfig;
use crate::error::CoreError;
use crate::expressions::Expressions;
use crate::market::Market;
use crate::order::Order;
use serde::Serialize;
use tickloom_signals::{Clock, Field};
use tickloom_types::{BarSpec, InstrumentDef, InstrumentId, Instruments, OrderType, Side, Ts};

/// An expression that had no value at any event of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NeverReady {
    /// What it belongs to, such as `strategy cross`.
    pub owner: String,
    /// The setting that holds it, such as `enter`.
    pub field: &'static str,
    /// Its text.
    pub expr: String,
    /// Why, as far as it can be told.
    pub why: String,
}

/// Bars that expressions read and of which none closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NeverClosed {
    /// The instrument.
    pub instrument: String,
    /// The size.
    pub bar: BarSpec,
}

/// An order that waits at the end of a run, for whatever it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// The name of its strategy.
    pub strategy: String,
    /// The instrument.
    pub instrument: String,
    /// Its number within the run.
    pub order: u32,
    /// Whether it buys or sells.
    pub side: &'static str,
    /// What it waits for.
    pub why: &'static str,
    /// It takes what is quoted, and nothing is quoted that it could take.
    #[serde(skip)]
    pub is_unquoted: bool,
}

/// An instrument that went on after its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Expired {
    /// The instrument.
    pub instrument: String,
    /// When it ended, as its definition says.
    pub expiry: Ts,
    /// The newest time at which something came of it.
    pub newest: Ts,
}

impl Expired {
    /// An instrument that has an end, and of which something came after it; `newest_after` says when that came last.
    #[must_use]
    pub fn of(def: &InstrumentDef, newest_after: impl FnOnce(Ts) -> Option<Ts>) -> Option<Expired> {
        let expiry = def.contract.expiry?;
        Some(Expired {
            instrument: def.name.clone(),
            expiry,
            newest: newest_after(expiry)?,
        })
    }
}

/// The instruments that went on after their ends.
pub(crate) fn expired(market: &Market) -> Vec<Expired> {
    let defs = (0..).map(InstrumentId).zip(market.instruments().defs());
    defs.filter_map(|(id, def)| Expired::of(def, |expiry| market.newest_after(id, expiry)))
        .collect()
}

/// What orders wait for; `names` are those of the strategies. Where there was no market, there were bars of one instrument alone.
pub(crate) fn waiting<'a>(
    orders: impl Iterator<Item = &'a Order>,
    (config, market): (&Instruments, Option<&Market>),
    names: &[String],
) -> Vec<Waiting> {
    let told = |order: &Order| {
        let unquoted = market.and_then(|market| lacks_a_side(order, market));
        let strategy = names.get(usize::from(order.strategy));
        let def = config.get(order.new.instrument);
        Waiting {
            strategy: strategy.cloned().unwrap_or_default(),
            instrument: def.map_or_else(|| "?".to_owned(), |def| def.name.clone()),
            order: order.id,
            side: order.new.side.name(),
            why: match (unquoted, order.acts_as()) {
                (Some(why), _) => why,
                (None, OrderType::Market) => "nothing came after it that could fill it",
                (None, OrderType::Limit | OrderType::Stop) => "its price was not reached",
            },
            is_unquoted: unquoted.is_some(),
        }
    };
    orders.map(told).collect()
}

/// What is wrong with bid and ask, if an order waits for them.
fn lacks_a_side(order: &Order, market: &Market) -> Option<&'static str> {
    let (instrument, side) = (order.new.instrument, order.new.side);
    let has_none = |sides: Sides| sides.opposite(side).is_none();
    let waits =
        order.acts_as() == OrderType::Market && market.sides(instrument).is_some_and(has_none);
    waits.then(|| match (market.is_crossed(instrument), side) {
        (true, _) => "bid and ask are crossed",
        (false, Side::Buy) => "there is no ask",
        (false, Side::Sell) => "there is no bid",
    })
}

/// Of orders that wait, those that wait for a side.
pub(crate) fn waiting_for_a_side<'a>(
    orders: impl Iterator<Item = &'a Order>,
    market: &Market,
) -> impl Iterator<Item = &'a Order> {
    orders.filter(move |order| lacks_a_side(order, market).is_some())
}

/// The expressions that were never ready, in order; where there was no market, all bars that they read have closed.
///
/// # Errors
/// [`CoreError`] as from `Core::new`, which has been asked before.
pub(crate) fn never_ready(
    config: &CoreConfig,
    market: Option<&Market>,
    was_ready: &[bool],
) -> Result<Vec<NeverReady>, CoreError> {
    let expressions = Expressions::new(config)?;
    let mut found = Vec::new();
    for (number, _) in (0..).zip(was_ready).filter(|(_, was_ready)| !**was_ready) {
        let name = expressions.name(number);
        found.push(NeverReady {
            owner: name.owner,
            field: name.field,
            expr: name.text,
            why: why(config, &expressions, number, market)?,
        });
    }
    Ok(found)
}

/// The bars that were to be made and of which none closed.
pub(crate) fn never_closed(market: &Market) -> Vec<NeverClosed> {
    let silent = market
        .builders()
        .iter()
        .filter(|builder| !builder.has_closed());
    silent
        .map(|builder| NeverClosed {
            instrument: name(market, builder.instrument),
            bar: builder.spec,
        })
        .collect()
}

/// Why an expression had no value: what of its fields never came, or else its windows.
fn why(
    config: &CoreConfig,
    expressions: &Expressions,
    number: usize,
    market: Option<&Market>,
) -> Result<String, CoreError> {
    let (graph, _) = expressions.compile(number..number + 1, config)?;
    if let Some(market) = market {
        for leaf in graph.leaves() {
            let of = || name(market, leaf.instrument);
            match leaf.clock {
                Clock::Bar(spec) => {
                    let mut builders = market.builders().iter();
                    let own = builders.find(|b| b.instrument == leaf.instrument && b.spec == spec);
                    if own.is_none_or(|builder| !builder.has_closed()) {
                        return Ok(format!("no bar of {spec} of {} closed", of()));
                    }
                }
                Clock::Tick if leaf.field == Field::Last => {
                    if market.last(leaf.instrument).is_none() {
                        return Ok(format!("{} had no last price", of()));
                    }
                }
                Clock::Tick => {
                    if market.book_state(leaf.instrument).is_none()
                        && market.top(leaf.instrument).is_none()
                    {
                        return Ok(format!("{} had no bid and ask", of()));
                    }
                }
            }
        }
    }
    Ok("its windows were never full, or it was undefined at every event".to_owned())
}

fn name(market: &Market, instrument: InstrumentId) -> String {
    let def = market.instruments().get(instrument);
    def.map_or_else(|| "?".to_owned(), |def| def.name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BarSeries, Core, Outputs, SignalDef, StrategyDef, run_bars};
    use tickloom_signals::BarColumns;
    use tickloom_types::{BarBody, Header, Instruments, Kind, Record, SourceId};

    const MINUTE: i64 = 60_000_000_000;

    /// Minute bars of X; the rules are never ready for different reasons.
    fn config(signal: &str, enter: &str, exit: &str) -> (CoreConfig, SourceId) {
        let mut instruments = Instruments::new();
        let id = instruments
            .add(InstrumentDef::new("X", 2, 0, "USD"))
            .unwrap();
        let source = instruments.bar_source("1m".parse().unwrap()).unwrap();
        let strategy = StrategyDef::Rules {
            name: "cross".to_owned(),
            instrument: None,
            enter: Some(enter.to_owned()),
            exit: Some(exit.to_owned()),
            short_enter: None,
            short_exit: None,
            size: "1".parse().unwrap(),
        };
        let signals = match signal {
            "" => Vec::new(),
            expr => vec![SignalDef::new("s", expr)],
        };
        let config = CoreConfig {
            instruments,
            default_instrument: Some(id),
            default_bar: Some("1m".parse().unwrap()),
            signals,
            strategies: vec![strategy],
            ..CoreConfig::default()
        };
        (config, source)
    }

    fn bar(source: SourceId, minute: i64) -> Record {
        let ts = Ts(minute * MINUTE);
        let body = BarBody {
            open: 100,
            high: 100,
            low: 100,
            close: 100,
            volume: 1,
        };
        body.record(Header::new(Kind::Bar, InstrumentId(0), source, ts, ts))
    }

    #[test]
    fn what_was_never_ready_is_named_with_its_reason() {
        let (config, source) = config(
            "close@1h",
            "close@1h > 1 or close > 0.5",
            "rsi(close, 2) > 70",
        );
        let mut core = Core::new(&config).unwrap();
        let mut out = Outputs::new();
        for minute in 1..=30 {
            core.step(0, &bar(source, minute), &mut out);
        }
        let found = core.never_ready(&config).unwrap();
        let told: Vec<[&str; 4]> = found
            .iter()
            .map(|found| [&*found.owner, found.field, &*found.expr, &*found.why])
            .collect();
        assert_eq!(
            told,
            [
                ["signal s", "expr", "close@1h", "no bar of 1h of X closed"],
                [
                    "strategy cross",
                    "exit",
                    "rsi(close, 2) > 70",
                    "its windows were never full, or it was undefined at every event"
                ],
            ]
        );
        let closed = core.never_closed();
        assert_eq!(closed.len(), 1);
        assert_eq!(
            (closed[0].instrument.as_str(), closed[0].bar),
            ("X", "1h".parse().unwrap())
        );
    }

    /// The bar of the minute in which it ends may be all of before; the one that begins later is not.
    #[test]
    fn an_instrument_that_goes_on_after_its_end_is_named() {
        let (mut config, source) = config("", "close > 1", "close < 1");
        let mut with_end = |seconds: i64| {
            let mut instruments = Instruments::new();
            let mut def = InstrumentDef::new("X", 2, 0, "USD");
            def.contract.expiry = Some(Ts(seconds * 1_000_000_000));
            instruments.add(def).unwrap();
            instruments.bar_source("1m".parse().unwrap()).unwrap();
            config.instruments = instruments;
            let mut core = Core::new(&config).unwrap();
            let mut out = Outputs::new();
            for minute in 1..=30 {
                core.step(0, &bar(source, minute), &mut out);
            }
            core.expired()
        };
        assert!(with_end(29 * 60 + 30).is_empty());
        assert!(with_end(29 * 60).is_empty());
        let expected = Expired {
            instrument: "X".to_owned(),
            expiry: Ts(1_739_000_000_000),
            newest: Ts(30 * MINUTE),
        };
        assert_eq!(with_end(1_739), [expected]);
    }

    /// The same in blocks of rows as bar by bar.
    #[test]
    fn blocks_find_what_steps_find() {
        for (enter, exit, expected) in [
            ("close > 1", "rsi(close, 2) > 70", vec!["exit"]),
            ("sma(close, 31) > 1", "close < 1", vec!["enter"]),
            ("sma(close, 30) > 1", "close < 1", vec![]),
        ] {
            let (config, source) = config("", enter, exit);
            let mut core = Core::new(&config).unwrap();
            let mut out = Outputs::new();
            for minute in 1..=30 {
                core.step(0, &bar(source, minute), &mut out);
            }
            let steps = core.never_ready(&config).unwrap();
            let (price, volume) = ([100; 30], [1; 30]);
            let ts: Vec<i64> = (1..=30).map(|minute| minute * MINUTE).collect();
            let columns = BarColumns {
                open: &price,
                high: &price,
                low: &price,
                close: &price,
                volume: &volume,
            };
            let series = BarSeries::new(InstrumentId(0), source, &ts, columns).unwrap();
            let run = run_bars(&config, &series, &mut Vec::new(), |_| {}).unwrap();
            assert_eq!(run.never_ready, steps);
            let fields: Vec<&str> = steps.iter().map(|found| found.field).collect();
            assert_eq!(fields, expected, "{enter} {exit}");
        }
    }
}
