//! What a core is made from: plain values, read from TOML or JSON, checked once by `Core::new`.

use crate::trade_config::{AccountConfig, RiskLimits, StrategyDef};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tickloom_types::{BarSpec, DurationNs, InstrumentId, Instruments};

/// Everything that decides what the core does with its input.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CoreConfig {
    /// Instruments and sources of the run. `Core::new` adds a source for each size of bars that it makes.
    #[serde(default)]
    pub instruments: Instruments,
    /// What a field without an instrument belongs to.
    #[serde(default)]
    pub default_instrument: Option<InstrumentId>,
    /// The bar size of a bar field without `@`.
    #[serde(default)]
    pub default_bar: Option<BarSpec>,
    /// Values of `$name`.
    #[serde(default)]
    pub parameters: BTreeMap<String, f64>,
    /// Signals, whose values are outputs.
    #[serde(default)]
    pub signals: Vec<SignalDef>,
    /// Strategies.
    #[serde(default)]
    pub strategies: Vec<StrategyDef>,
    /// Limits of risk.
    #[serde(default)]
    pub risk: RiskLimits,
    /// Cash, fee and fill model.
    #[serde(default)]
    pub account: AccountConfig,
    /// An instrument of whose book and quotes nothing came for so many nanoseconds of its source's clock is stale,
    /// whatever trades; without book and quotes, its trades count. `None` for never.
    #[serde(default)]
    pub stale_after: Option<DurationNs>,
    /// Sizes whose bars come as input, from who knows better where they begin and end: none are made of anything else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub given_bars: Vec<BarSpec>,
}

/// A named expression whose value is an output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignalDef {
    /// Its name, unique within the run.
    pub name: String,
    /// The expression.
    pub expr: String,
}

impl SignalDef {
    /// From a name and the text of an expression.
    #[must_use]
    pub fn new(name: &str, expr: &str) -> SignalDef {
        SignalDef {
            name: name.to_owned(),
            expr: expr.to_owned(),
        }
    }
}
