//! What data there is of each instrument, and whether the expressions of a run can be fed from it: asked before the run, so that
//! nobody waits for a rule that can never be ready. What only the run shows is in `silent.rs`.

use crate::bars::fits;
use crate::config::CoreConfig;
use crate::error::{CoreError, NoData};
use crate::expressions::Expressions;
use crate::trade_config::StrategyDef;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use tickloom_signals::{Clock, Field, Leaf};
use tickloom_types::{BarSpec, InstrumentId, Instruments, Kind, Record};

/// A kind of data that there is of an instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Given {
    /// Trades.
    Trades,
    /// Best bid and ask.
    Quotes,
    /// Price levels of a book.
    Levels,
    /// Changes of single orders, of which no book is made.
    Orders,
    /// Bars of this size.
    Bars(BarSpec),
}

/// What there is of each instrument of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    given: BTreeSet<(InstrumentId, Given)>,
    /// What was counted last: most records are of the kind of the one before.
    newest: Option<(InstrumentId, Given)>,
}

impl Census {
    /// Of nothing yet.
    #[must_use]
    pub fn new() -> Census {
        Census::default()
    }

    /// There is such data of an instrument.
    pub fn add(&mut self, instrument: InstrumentId, given: Given) {
        self.given.insert((instrument, given));
    }

    /// Counts a record, whose identifiers `instruments` names; what feeds no expression is not counted.
    pub fn count(&mut self, record: &Record, instruments: &Instruments) {
        let given = match record.kind() {
            Some(Kind::Trade) => Given::Trades,
            Some(Kind::Quote) => Given::Quotes,
            Some(Kind::Level) => Given::Levels,
            Some(Kind::OrderUpdate) => Given::Orders,
            Some(Kind::Bar) => match instruments.bar_spec(record.source()) {
                Some(spec) => Given::Bars(spec),
                None => return,
            },
            _ => return,
        };
        let found = Some((record.instrument(), given));
        if self.newest != found {
            self.newest = found;
            self.given.extend(found);
        }
    }

    /// The sizes of the bars that there are of an instrument, from fine to coarse.
    #[must_use]
    pub fn bars(&self, instrument: InstrumentId) -> Vec<BarSpec> {
        let size = |given| match given {
            Given::Bars(spec) => Some(spec),
            _ => None,
        };
        self.of(instrument).filter_map(size).collect()
    }

    fn of(&self, instrument: InstrumentId) -> impl Iterator<Item = Given> {
        let from = self.given.range((instrument, Given::Trades)..);
        let own = from.take_while(move |(of, _)| *of == instrument);
        own.map(|(_, given)| *given)
    }

    /// Whether a field can have a value; if not, what it needs.
    fn feeds(&self, leaf: &Leaf) -> Result<(), String> {
        let mut given = self.of(leaf.instrument);
        let (can, needs) = match leaf.clock {
            Clock::Bar(spec) => {
                let makes = |given| match given {
                    Given::Trades => true,
                    Given::Bars(found) => found == spec || fits(found, spec),
                    Given::Quotes | Given::Levels | Given::Orders => false,
                };
                let needs = format!("bars of {spec}, bars that make them up, or trades");
                (given.any(makes), needs)
            }
            Clock::Tick if leaf.field == Field::Last => {
                let makes = |given| matches!(given, Given::Trades | Given::Bars(_));
                (given.any(makes), "trades or bars".to_owned())
            }
            Clock::Tick => {
                let makes = |given| matches!(given, Given::Quotes | Given::Levels);
                let needs = "quotes or the price levels of a book".to_owned();
                (given.any(makes), needs)
            }
        };
        if can { Ok(()) } else { Err(needs) }
    }

    fn told(&self, instrument: InstrumentId) -> String {
        let given: Vec<String> = self.of(instrument).map(|given| given.to_string()).collect();
        match given.as_slice() {
            [] => "nothing".to_owned(),
            given => given.join(", "),
        }
    }
}

impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Given::Trades => f.write_str("trades"),
            Given::Quotes => f.write_str("quotes"),
            Given::Levels => f.write_str("price levels"),
            Given::Orders => f.write_str("changes of single orders"),
            Given::Bars(spec) => write!(f, "bars of {spec}"),
        }
    }
}

/// Checks what a person asks for before it runs: account and strategies, that every parameter is used, and that this data feeds
/// every field. Of a strategy that trades several instruments one is enough: the others may have no data in this range, and what was
/// never ready is told at the end. A recorded run is not asked again when it is replayed.
///
/// # Errors
/// [`CoreError`] as from `Core::new`; [`CoreError::UnusedParameter`]; [`CoreError::NoData`] for the first field without data.
pub fn check_run(config: &CoreConfig, census: &Census) -> Result<(), CoreError> {
    config.account.check()?;
    config.strategies.iter().try_for_each(StrategyDef::check)?;
    let expressions = Expressions::new(config)?;
    let (all, _) = expressions.compile(0..expressions.len(), config)?;
    expressions.check_parameters(config)?;
    if all.leaves().iter().all(|leaf| census.feeds(leaf).is_ok()) {
        return Ok(());
    }
    // By what the copies for several instruments have in common: the first error, and whether any copy has none.
    let mut copies: BTreeMap<usize, (Option<CoreError>, bool)> = BTreeMap::new();
    for number in 0..expressions.len() {
        let error = starved(config, census, &expressions, number)?;
        match (expressions.original(number), error) {
            (None, Some(error)) => return Err(error),
            (None, None) => {}
            (Some(original), error) => {
                let (first, is_any_fed) = copies.entry(original).or_default();
                *is_any_fed |= error.is_none();
                *first = first.take().or(error);
            }
        }
    }
    let starved = copies.into_values().filter(|(_, is_any_fed)| !is_any_fed);
    match starved.filter_map(|(error, _)| error).next() {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// What an expression lacks, if it lacks something.
fn starved(
    config: &CoreConfig,
    census: &Census,
    expressions: &Expressions,
    number: usize,
) -> Result<Option<CoreError>, CoreError> {
    let (graph, _) = expressions.compile(number..number + 1, config)?;
    let mut leaves = graph.leaves().iter();
    let Some((leaf, needs)) = leaves.find_map(|leaf| Some((leaf, census.feeds(leaf).err()?)))
    else {
        return Ok(None);
    };
    let def = config.instruments.get(leaf.instrument);
    let name = expressions.name(number);
    Ok(Some(CoreError::NoData(Box::new(NoData {
        owner: name.owner,
        field: name.field,
        leaf: leaf_text(leaf),
        instrument: def.map_or_else(|| "?".to_owned(), |def| def.name.clone()),
        needs,
        given: census.told(leaf.instrument),
    }))))
}

/// A field as it is written, with its bar size.
fn leaf_text(leaf: &Leaf) -> String {
    match leaf.clock {
        Clock::Bar(spec) => format!("{}@{spec}", leaf.field.name()),
        Clock::Tick => leaf.field.name().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SignalDef;
    use tickloom_types::InstrumentDef;

    fn config(expr: &str) -> CoreConfig {
        let mut instruments = Instruments::new();
        for name in ["X", "Y"] {
            let def = InstrumentDef::new(name, 2, 0, "USD");
            instruments.add(def).unwrap();
        }
        CoreConfig {
            instruments,
            default_instrument: Some(InstrumentId(0)),
            default_bar: Some(spec("1d")),
            signals: vec![SignalDef::new("s", expr)],
            ..CoreConfig::default()
        }
    }

    fn spec(text: &str) -> BarSpec {
        text.parse().unwrap()
    }

    fn check(expr: &str, given: &[Given]) -> Result<(), String> {
        let mut census = Census::new();
        for given in given {
            census.add(InstrumentId(0), *given);
        }
        check_run(&config(expr), &census).map_err(|error| error.to_string())
    }

    #[test]
    fn each_field_needs_data_that_feeds_it() {
        let (trades, quotes, levels, orders) =
            (Given::Trades, Given::Quotes, Given::Levels, Given::Orders);
        let bars = |text: &str| Given::Bars(spec(text));
        for (expr, fed, starved) in [
            (
                "close",
                vec![trades, bars("1d"), bars("1m")],
                vec![quotes, levels, orders, bars("1w")],
            ),
            (
                "volume@5m",
                vec![trades, bars("5m"), bars("1m")],
                vec![bars("1d"), bars("2m"), quotes],
            ),
            (
                "close@100t",
                vec![trades, bars("10t")],
                vec![bars("1m"), bars("30t"), levels],
            ),
            (
                "last",
                vec![trades, bars("1d")],
                vec![quotes, levels, orders],
            ),
        ] {
            for given in fed {
                assert_eq!(check(expr, &[given]), Ok(()), "{expr} of {given}");
            }
            for given in starved {
                assert!(check(expr, &[given]).is_err(), "{expr} of {given}");
            }
        }
        for field in [
            "bid",
            "ask",
            "mid",
            "spread",
            "microprice",
            "imbalance",
            "bid_qty",
            "ask_qty",
        ] {
            assert_eq!(check(field, &[quotes]), Ok(()), "{field}");
            assert_eq!(check(field, &[levels, trades]), Ok(()), "{field}");
            assert!(
                check(field, &[trades, orders, bars("1d")]).is_err(),
                "{field}"
            );
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(
            check("sma(close@5m, 3) > 1", &[Given::Bars(spec("1d")), Given::Orders]),
            Err("signal s: expr: close@5m of X needs bars of 5m, bars that make them up, or trades, \
                 and there is changes of single orders, bars of 1d"
                .to_owned())
        );
        assert_eq!(
            check("imbalance > 0", &[]),
            Err("signal s: expr: imbalance of X needs quotes or the price levels of a book, and there is nothing".to_owned())
        );
        // Another instrument is another question.
        assert!(
            check("Y.close > 1", &[Given::Trades])
                .unwrap_err()
                .contains("close@1d of Y")
        );
    }

    /// Of many instruments some may be silent in a range of time; of all it is a slip.
    #[test]
    fn one_of_many_instruments_is_enough() {
        let mut config = config("X.close");
        config.strategies = vec![
            serde_json::from_str(
                r#"{"kind":"rules","name":"s","instruments":"*","enter":"close > 1","exit":"mid < 1","size":"1"}"#,
            )
            .unwrap(),
        ];
        let mut census = Census::new();
        census.add(InstrumentId(0), Given::Trades);
        let error = check_run(&config, &census).unwrap_err().to_string();
        assert!(
            error.starts_with("strategy s on X: exit: mid of X needs quotes"),
            "{error}"
        );
        census.add(InstrumentId(1), Given::Quotes);
        assert_eq!(check_run(&config, &census), Ok(()));
    }

    #[test]
    fn every_parameter_has_a_use() {
        let mut config = config("sma(close, $fast) - sma(close, $slow)");
        config.parameters.insert("fast".to_owned(), 2.0);
        config.parameters.insert("slow".to_owned(), 3.0);
        let mut census = Census::new();
        census.add(InstrumentId(0), Given::Trades);
        assert_eq!(check_run(&config, &census), Ok(()));
        config.parameters.insert("fsat".to_owned(), 50.0);
        assert_eq!(
            check_run(&config, &census).unwrap_err().to_string(),
            "parameter fsat: no expression uses $fsat, those used are $fast, $slow"
        );
    }

    #[test]
    fn records_are_counted_by_kind_and_size() {
        let mut config = config("close");
        let daily = config.instruments.bar_source(spec("1d")).unwrap();
        let mut census = Census::new();
        let id = InstrumentId(1);
        for kind in [Kind::Trade, Kind::Bar, Kind::Bar, Kind::Quote, Kind::Timer] {
            let ts = tickloom_types::Ts(1);
            let header = tickloom_types::Header::new(kind, id, daily, ts, ts);
            let record = Record {
                header,
                ..Record::default()
            };
            census.count(&record, &config.instruments);
        }
        assert_eq!(census.told(id), "trades, quotes, bars of 1d");
        assert_eq!(census.told(InstrumentId(0)), "nothing");
    }
}
