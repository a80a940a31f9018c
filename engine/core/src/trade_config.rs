//! What strategies, risk and the account are told: plain values, read from TOML.

use serde::{Deserialize, Serialize};

/// A strategy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum StrategyDef {}

/// Limits of risk.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RiskLimits {}

/// Cash, fee and fill model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccountConfig {}

impl StrategyDef {
    /// The expressions of this strategy in their fixed order: text, name of the field, instrument.
    pub(crate) fn expressions(&self) -> Vec<(String, &str, Option<String>)> {
        match *self {}
    }
}
