//! What it takes to repeat a run: configuration, data, code and the hash that says whether the repeat was the same.

use crate::outcome::Outcome;
use serde::Serialize;
use tickloom_core::{CoreConfig, StrategyDef};
use tickloom_types::{Ts, format_decimal};

/// Version of the code that ran.
pub const CODE_VERSION: &str = env!("CARGO_PKG_VERSION");

/// The manifest of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Manifest {
    /// What the run is called: its instruments.
    pub title: String,
    /// What was traded and how, for people.
    #[serde(skip)]
    pub rules: Vec<(String, String)>,
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
}

impl Manifest {
    /// The manifest of a run with this configuration over this source.
    #[must_use]
    pub fn new(config: &CoreConfig, source: &str, outcome: &Outcome) -> Manifest {
        let range = outcome.statistics.range;
        Manifest {
            title: title(config),
            rules: rules(config),
            config: config.clone(),
            data: DataInfo {
                source: source.to_owned(),
                records: outcome.events,
                first: range.map(|(first, _)| Ts(first)),
                last: range.map(|(_, last)| Ts(last)),
                hash: outcome.data_hash.clone(),
            },
            code_version: CODE_VERSION.to_owned(),
            output_hash: outcome.output_hash.clone(),
        }
    }
}

fn title(config: &CoreConfig) -> String {
    let defs = config.instruments.defs();
    let names: Vec<&str> = defs.iter().take(3).map(|def| def.name.as_str()).collect();
    let more = if defs.len() > 3 { ", …" } else { "" };
    format!("{}{more}", names.join(", "))
}

fn rules(config: &CoreConfig) -> Vec<(String, String)> {
    let mut rules = Vec::new();
    let mut add = |name: &str, value: &str| rules.push((name.to_owned(), value.to_owned()));
    for strategy in &config.strategies {
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
            StrategyDef::Code { code, .. } => add("Strategy", code),
        }
    }
    for (name, value) in &config.parameters {
        add(&format!("${name}"), &value.to_string());
    }
    let percent = format_decimal(i128::from(config.account.fee.nano()), 7);
    add("Fills", &config.account.fill.to_string());
    add("Fee a side", &format!("{percent}%"));
    rules
}
