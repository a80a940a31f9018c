//! The trading half of a step: fills, strategies, risk, orders.

use crate::config::CoreConfig;
use crate::error::CoreError;
use crate::market::Market;
use crate::outputs::Outputs;
use crate::signal_stage::RuleValues;
use tickloom_types::{Record, Seq};

/// Strategies, risk, venue and portfolio.
#[derive(Debug)]
pub(crate) struct TradeStage {}

impl TradeStage {
    pub(crate) fn new(_config: &CoreConfig) -> Result<TradeStage, CoreError> {
        Ok(TradeStage {})
    }

    pub(crate) fn on_record(
        &mut self,
        _seq: Seq,
        _record: &Record,
        _market: &Market,
        _out: &mut Outputs,
    ) {
    }

    pub(crate) fn decide(
        &mut self,
        _seq: Seq,
        _record: &Record,
        _market: &Market,
        _rules: &RuleValues,
        _out: &mut Outputs,
    ) {
    }
}
