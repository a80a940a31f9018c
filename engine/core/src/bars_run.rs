//! A run over bars in memory: the same outputs as stepping through them one by one, but evaluated in blocks.
//!
//! Expressions are computed a block of rows at a time. Then only rows are visited where something can happen: an order
//! waits, or a condition holds that matters to what is held. At such a row the very code of a step runs; between two of
//! them nothing but the close changes, and equity is marked in one loop. What needs every row (signals, code, the daily
//! loss stop, several instruments or bar sizes) is stepped. No files here, and no statistics on the curve.

mod series;
mod walk;

pub use series::BarSeries;

use crate::config::CoreConfig;
use crate::core::Core;
use crate::error::CoreError;
use crate::expressions::Expressions;
use crate::outputs::Outputs;
use crate::portfolio::Portfolio;
use crate::rule_values::RuleValues;
use crate::silent::{NeverClosed, NeverReady, never_ready};
use crate::strategy::{Runner, RunnerKind};
use crate::trade::TradeStage;
use tickloom_signals::Graph;
use tickloom_types::{InstrumentId, Money, Record, SourceId, Ts};
use walk::{Block, Visitor, Walk};

/// What a run over bars came to.
#[derive(Clone, Debug)]
pub struct BarsRun {
    /// Fills of orders.
    pub fills: u64,
    /// Cash and positions at the end.
    pub portfolio: Portfolio,
    /// Expressions that were never ready.
    pub never_ready: Vec<NeverReady>,
    /// Bars that expressions read and of which none closed.
    pub never_closed: Vec<NeverClosed>,
}

/// Runs a configuration over bars. `equity` gets one value a bar: cash and positions at its close, after all that it
/// caused. `on_outputs` gets all output records in order, some at a time.
///
/// # Errors
/// [`CoreError`] if the configuration is wrong, or equity does not fit at some bar.
pub fn run_bars(
    config: &CoreConfig,
    bars: &BarSeries<'_>,
    equity: &mut Vec<Money>,
    on_outputs: impl FnMut(&[Record]),
) -> Result<BarsRun, CoreError> {
    equity.reserve(bars.len());
    let mut runner = BarsRunner::new(config, bars.instrument(), bars.source())?;
    runner.push(bars, equity, on_outputs)?;
    runner.finish(config)
}

/// A run over bars that come some at a time: what comes of it does not depend on how many those are.
pub struct BarsRunner {
    way: Way,
    /// Bars so far.
    done: usize,
    last: Option<i64>,
}

enum Way {
    Blocks(Box<(Graph, Walk)>),
    /// What needs every row.
    Steps(Box<(Core, Outputs)>),
}

impl BarsRunner {
    /// For bars of one instrument from one source, which says their size.
    ///
    /// # Errors
    /// [`CoreError`] if the configuration is wrong.
    pub fn new(
        config: &CoreConfig,
        instrument: InstrumentId,
        source: SourceId,
    ) -> Result<BarsRunner, CoreError> {
        let expressions = Expressions::new(config)?;
        let (graph, outputs) = expressions.compile(0..expressions.len(), config)?;
        let trade = TradeStage::new(config, std::iter::empty())?;
        let way = if needs_steps(config, (instrument, source), &graph, &trade) {
            Way::Steps(Box::new((Core::new(config)?, Outputs::new())))
        } else {
            let walk = Walk {
                trade,
                rules: RuleValues::new(outputs.len()),
                was_ready: vec![false; outputs.len()],
                outputs,
                is_capped: config.account.volume_share.is_some(),
                out: Outputs::new(),
                block: Block::default(),
                failed: None,
            };
            Way::Blocks(Box::new((graph, walk)))
        };
        Ok(BarsRunner {
            way,
            done: 0,
            last: None,
        })
    }

    /// Takes the next bars, of the runner's instrument and source. `equity` and `on_outputs` are as for [`run_bars`].
    ///
    /// # Errors
    /// [`CoreError`] if they do not come after those before, or equity does not fit at some bar.
    pub fn push(
        &mut self,
        bars: &BarSeries<'_>,
        equity: &mut Vec<Money>,
        mut on_outputs: impl FnMut(&[Record]),
    ) -> Result<(), CoreError> {
        if let (Some(last), Some(first)) = (self.last, bars.ts().first())
            && last >= *first
        {
            return Err(CoreError::Setting {
                owner: format!("bar {}", self.done),
                field: "ts",
                value: Ts(*first).to_string(),
                expected: "a time after that of the bar before",
            });
        }
        let done = self.done;
        self.done += bars.len();
        self.last = bars.ts().last().copied().or(self.last);
        match &mut self.way {
            Way::Steps(core) => step_through(core, bars, done, equity, on_outputs),
            Way::Blocks(both) => {
                let (graph, walk) = both.as_mut();
                let mut visitor = Visitor {
                    walk,
                    bars,
                    done,
                    equity,
                    on_outputs: &mut on_outputs,
                };
                graph.run_block(bars.columns(), |graph, rows| {
                    visitor.block(graph, rows);
                });
                visitor.hand_on();
                if let Some(close) = bars.columns().close.last() {
                    walk.trade.mark(bars.instrument(), *close);
                }
                walk.failed.take().map_or(Ok(()), Err)
            }
        }
    }

    /// What the run came to.
    ///
    /// # Errors
    /// [`CoreError`] if the configuration is wrong.
    pub fn finish(self, config: &CoreConfig) -> Result<BarsRun, CoreError> {
        Ok(match self.way {
            Way::Steps(core) => {
                let (core, _) = *core;
                BarsRun {
                    fills: core.fills(),
                    portfolio: core.portfolio().clone(),
                    never_ready: core.never_ready(config)?,
                    never_closed: core.never_closed(),
                }
            }
            Way::Blocks(both) => {
                let (_, walk) = *both;
                BarsRun {
                    fills: walk.trade.fills(),
                    portfolio: walk.trade.portfolio().clone(),
                    never_ready: never_ready(config, None, &walk.was_ready)?,
                    // These are bars of one size, and they have closed.
                    never_closed: Vec::new(),
                }
            }
        })
    }
}

/// Whether there is something that blocks cannot do.
fn needs_steps(
    config: &CoreConfig,
    (instrument, source): (InstrumentId, SourceId),
    graph: &Graph,
    trade: &TradeStage,
) -> bool {
    let spec = config.instruments.bar_spec(source);
    let own = |runner: &Runner| {
        let is_code = matches!(runner.kind, RunnerKind::Code(_));
        !is_code && runner.instrument == instrument
    };
    let is_single = graph.is_single_bar();
    !config.signals.is_empty()
        || config.risk.daily_loss.is_some()
        || is_single.map(|(id, spec)| (id, Some(spec))) != Some((instrument, spec))
        || !trade.runners().iter().all(own)
}

fn step_through(
    (core, out): &mut (Core, Outputs),
    bars: &BarSeries<'_>,
    done: usize,
    equity: &mut Vec<Money>,
    mut on_outputs: impl FnMut(&[Record]),
) -> Result<(), CoreError> {
    for row in 0..bars.len() {
        core.step(bars.seq(row), &bars.record(row), out);
        on_outputs(out.records());
        let now = core.portfolio().equity();
        equity.push(now.ok_or_else(|| does_not_fit(done + row))?);
    }
    Ok(())
}

fn does_not_fit(row: usize) -> CoreError {
    CoreError::Setting {
        owner: format!("bar {row}"),
        field: "equity",
        value: "more than 1.7e20".to_owned(),
        expected: "an amount of money that fits",
    }
}

#[cfg(test)]
mod tests;
