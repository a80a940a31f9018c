//! What it takes to repeat a run: configuration, data, code and the hash that says whether the repeat was the same.

use crate::outcome::Outcome;
use crate::sampler::traded;
use crate::words::{assumptions, warnings, warnings_of_expired, warnings_of_waiting};
use serde::Serialize;
use tickloom_core::{CoreConfig, StrategyDef};
use tickloom_data::Refusals;
use tickloom_types::{Ts, format_decimal};

/// Version of the code that ran.
pub const CODE_VERSION: &str = env!("CARGO_PKG_VERSION");

/// The manifest of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Manifest {
    /// What the run is called: its strategies and what they trade.
    pub title: String,
    /// What was traded and how, for people.
    #[serde(skip)]
    pub rules: Vec<(String, String)>,
    /// What the run takes for granted, each in a sentence.
    pub assumptions: Vec<String>,
    /// What never came of it, and what came after its end, each in a sentence.
    pub warnings: Vec<String>,
    /// Everything that decided what the core did.
    pub config: CoreConfig,
    /// What it ran on.
    pub data: DataInfo,
    /// Version of the code that ran.
    pub code_version: String,
    /// Hash over every output record.
    pub output_hash: String,
}

/// The input of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DataInfo {
    /// Where it came from, as the user named it.
    pub source: String,
    /// Input records.
    pub records: u64,
    /// Event time of the first point of the curve.
    pub first: Option<Ts>,
    /// Event time of the last.
    pub last: Option<Ts>,
    /// Hash over every input record.
    pub hash: String,
    /// What the input has that is not among the records, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out: Option<Refusals>,
    /// What else is to be known of it, in words: what was found out about a file, of what bars are made, what was passed over.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Manifest {
    /// The manifest of a run with this configuration over this source.
    #[must_use]
    pub fn new(config: &CoreConfig, source: &str, outcome: &Outcome) -> Manifest {
        let range = outcome.statistics.range;
        let mut warnings = warnings(&outcome.never_ready, &outcome.never_closed);
        warnings.extend(warnings_of_waiting(&outcome.waiting));
        warnings.extend(warnings_of_expired(&outcome.expired));
        Manifest {
            title: title(config),
            rules: rules(config),
            assumptions: assumptions(config),
            warnings,
            config: config.clone(),
            data: DataInfo {
                source: source.to_owned(),
                records: outcome.events,
                first: range.map(|(first, _)| Ts(first)),
                last: range.map(|(_, last)| Ts(last)),
                hash: outcome.data_hash.clone(),
                left_out: None,
                notes: Vec::new(),
            },
            code_version: CODE_VERSION.to_owned(),
            output_hash: outcome.output_hash.clone(),
        }
    }
}

/// The names of strategies and of what they trade; of signals alone, theirs.
fn title(config: &CoreConfig) -> String {
    if config.strategies.is_empty() {
        let signals = config.signals.iter().map(|signal| signal.name.as_str());
        return some_names(&signals.collect::<Vec<_>>());
    }
    let strategies: Vec<&str> = config.strategies.iter().map(StrategyDef::name).collect();
    let instruments = traded(config);
    let instruments: Vec<&str> = instruments
        .iter()
        .filter_map(|id| config.instruments.get(*id))
        .map(|def| def.name.as_str())
        .collect();
    format!(
        "{} on {}",
        some_names(&strategies),
        some_names(&instruments)
    )
}

fn some_names(names: &[&str]) -> String {
    const SHOWN: usize = 3;
    let shown = names[..names.len().min(SHOWN)].join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Rows of a run's rules: the name of one of several strategies, and the first of the settings that all share.
pub(crate) const STRATEGY: &str = "Strategy";
/// See [`STRATEGY`].
pub(crate) const FILLS: &str = "Fills";

fn rules(config: &CoreConfig) -> Vec<(String, String)> {
    let mut rules = Vec::new();
    let mut add = |name: &str, value: &str| rules.push((name.to_owned(), value.to_owned()));
    let is_one_of_many = config.strategies.len() > 1;
    for strategy in &config.strategies {
        if is_one_of_many {
            add(STRATEGY, strategy.name());
        }
        match strategy {
            StrategyDef::Rules {
                enter,
                exit,
                short_enter,
                short_exit,
                size,
                ..
            } => {
                let conditions = [
                    ("Enter", enter),
                    ("Exit", exit),
                    ("Enter short", short_enter),
                    ("Exit short", short_exit),
                ];
                for (name, condition) in conditions {
                    if let Some(condition) = condition {
                        add(name, condition);
                    }
                }
                add("Size", &size.to_string());
            }
            StrategyDef::Target { target, .. } => add("Target position", target),
            StrategyDef::Code { code, .. } => add("Code", code),
        }
    }
    for (name, value) in &config.parameters {
        add(&format!("${name}"), &value.to_string());
    }
    let percent = format_decimal(i128::from(config.account.fee.nano()), 7);
    add(FILLS, &config.account.fill.to_string());
    add("Fee a side", &format!("{percent}%"));
    rules
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::config;
    use tickloom_core::SignalDef;
    use tickloom_types::InstrumentDef;

    /// What is loaded beside it is not in the title.
    #[test]
    fn a_title_names_the_strategy_and_what_it_trades() {
        let mut config = config("1");
        for name in ["Y", "Z"] {
            let def = InstrumentDef::new(name, 2, 0, "USD");
            config.instruments.add(def).unwrap();
        }
        assert_eq!(title(&config), "follow on X");
        config.strategies.clear();
        config.signals = ["a", "b", "c", "d", "e"]
            .map(|name| SignalDef::new(name, "close"))
            .to_vec();
        assert_eq!(title(&config), "a, b, c and 2 more");
    }
}
