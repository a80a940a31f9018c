//! A run over bars in memory: the same outputs as stepping through them one by one, but evaluated in blocks.
//!
//! Expressions are computed a block of rows at a time. Then only rows are visited where something can happen: an order
//! waits, or a condition holds that matters to what is held. At such a row the very code of a step runs; between two of
//! them nothing but the close changes, and equity is marked in one loop. What needs every row (signals, code, the daily
//! loss stop, several instruments or bar sizes) is stepped. No files here, and no statistics on the curve.

mod series;

pub use series::BarSeries;

use crate::config::CoreConfig;
use crate::core::Core;
use crate::error::CoreError;
use crate::expressions::Expressions;
use crate::outputs::Outputs;
use crate::portfolio::Portfolio;
use crate::rule_values::{RoundOn, RuleId, RuleValues};
use crate::silent::{NeverClosed, NeverReady, Waiting, never_ready, waiting};
use crate::strategy::{Runner, RunnerKind};
use crate::trade::{Cause, TradeStage};
use crate::venue::PriceEvent;
use std::ops::Range;
use tickloom_signals::{Graph, OutputId};
use tickloom_types::{InstrumentId, Money, Record, SourceDef, SourceId, Ts};

/// Outputs that are handed on at once.
const OUTPUTS_AT_ONCE: usize = 512;

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
    /// Orders that wait at the end, and for what.
    pub waiting: Vec<Waiting>,
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
    mut on_outputs: impl FnMut(&[Record]),
) -> Result<BarsRun, CoreError> {
    equity.reserve(bars.len());
    let mut run = BarsOnWay::new(config, bars.instrument(), bars.source())?;
    run.push(bars, equity, &mut on_outputs)?;
    run.finish(config)
}

/// A run over bars that come some at a time: what [`run_bars`] makes of all of them.
pub struct BarsOnWay {
    way: Way,
    instrument: InstrumentId,
    source: SourceId,
    /// Bars so far, and the time of the last.
    rows: usize,
    last: Option<Ts>,
}

enum Way {
    Blocks(Box<(Graph, Visitor)>),
    Steps(Box<(Core, Outputs)>),
}

impl BarsOnWay {
    /// A run over bars of this instrument from this source, which has seen none.
    ///
    /// # Errors
    /// [`CoreError`] if the configuration is wrong.
    pub fn new(
        config: &CoreConfig,
        instrument: InstrumentId,
        source: SourceId,
    ) -> Result<BarsOnWay, CoreError> {
        let expressions = Expressions::new(config)?;
        let (graph, outputs) = expressions.compile(0..expressions.len(), config)?;
        let trade = TradeStage::new(config, std::iter::empty())?;
        let way = if needs_steps(config, (instrument, source), &graph, &trade) {
            Way::Steps(Box::new((Core::new(config)?, Outputs::new())))
        } else {
            let visitor = Visitor::new(config, outputs, trade);
            Way::Blocks(Box::new((graph, visitor)))
        };
        Ok(BarsOnWay {
            way,
            instrument,
            source,
            rows: 0,
            last: None,
        })
    }

    /// Takes the next bars, of which each closes after all before it. `equity` gets one value for each more, and `on_outputs` all that
    /// they make.
    ///
    /// # Errors
    /// [`CoreError`] if they are others or too early, of which none counts then; or if equity does not fit, after which the run is of no
    /// more use.
    pub fn push(
        &mut self,
        bars: &BarSeries<'_>,
        equity: &mut Vec<Money>,
        mut on_outputs: impl FnMut(&[Record]),
    ) -> Result<(), CoreError> {
        self.check(bars)?;
        match &mut self.way {
            Way::Blocks(blocks) => {
                let (graph, visitor) = &mut **blocks;
                let mut at = At {
                    bars,
                    before: self.rows,
                    equity,
                };
                graph.run_block(bars.columns(), |graph, rows| {
                    visitor.block(graph, rows, &mut at, &mut on_outputs);
                });
                visitor.hand_on(&mut on_outputs);
                if let Some(error) = visitor.failed.take() {
                    return Err(error);
                }
                visitor.last_close = bars.columns().close.last().copied().or(visitor.last_close);
            }
            Way::Steps(steps) => {
                let (core, out) = &mut **steps;
                for row in 0..bars.len() {
                    core.step(bars.seq(row), &bars.record(row), out);
                    on_outputs(out.records());
                    let now = core.portfolio().equity();
                    equity.push(now.ok_or_else(|| does_not_fit(self.rows + row))?);
                }
            }
        }
        self.rows += bars.len();
        self.last = bars.ts().last().map(|ts| Ts(*ts)).or(self.last);
        Ok(())
    }

    fn check(&self, bars: &BarSeries<'_>) -> Result<(), CoreError> {
        if (bars.instrument(), bars.source()) != (self.instrument, self.source) {
            return Err(CoreError::Setting {
                owner: format!("bar {}", self.rows),
                field: "instrument",
                value: bars.instrument().0.to_string(),
                expected: "the instrument and the source of the bars before",
            });
        }
        let first = bars.ts().first().map(|ts| Ts(*ts));
        if first.is_some() && first <= self.last {
            return Err(CoreError::Setting {
                owner: format!("bar {}", self.rows),
                field: "ts",
                value: first.unwrap_or_default().to_string(),
                expected: "a time after that of the bar before",
            });
        }
        Ok(())
    }

    /// What came of all bars.
    ///
    /// # Errors
    /// [`CoreError`] if the configuration is another one, which cannot be read.
    pub fn finish(self, config: &CoreConfig) -> Result<BarsRun, CoreError> {
        match self.way {
            Way::Blocks(blocks) => blocks.1.finish(config, self.instrument),
            Way::Steps(steps) => {
                let core = steps.0;
                Ok(BarsRun {
                    fills: core.fills(),
                    portfolio: core.portfolio().clone(),
                    never_ready: core.never_ready(config)?,
                    never_closed: core.never_closed(),
                    waiting: core.waiting(),
                })
            }
        }
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
    let is_late = |source: &SourceDef| source.feed_latency > 0;
    !config.signals.is_empty()
        || config.instruments.sources().iter().any(is_late)
        || config.risk.daily_loss.is_some()
        || is_single.map(|(id, spec)| (id, Some(spec))) != Some((instrument, spec))
        || !trade.runners().iter().all(own)
}

/// Walks through the rows of a block where something can happen.
struct Visitor {
    trade: TradeStage,
    rules: RuleValues,
    /// By rule: whether it ever had a value.
    was_ready: Vec<bool>,
    /// By rule.
    outputs: Vec<OutputId>,
    /// Whether fills are capped at a share of the volume.
    is_capped: bool,
    /// Collected over rows.
    out: Outputs,
    block: Block,
    last_close: Option<i64>,
    failed: Option<CoreError>,
}

/// The bars that are walked through.
struct At<'a> {
    bars: &'a BarSeries<'a>,
    /// Bars before them.
    before: usize,
    equity: &'a mut Vec<Money>,
}

/// What is read of the rows that are visited, copied in order: read where it lies, each would be a wait for memory.
#[derive(Default)]
struct Block {
    ts: Vec<i64>,
    open: Vec<i64>,
}

impl Block {
    fn copy(&mut self, bars: &BarSeries<'_>, rows: Range<usize>) {
        self.ts.clear();
        self.ts.extend_from_slice(&bars.ts()[rows.clone()]);
        self.open.clear();
        self.open.extend_from_slice(&bars.columns().open[rows]);
    }
}

impl Visitor {
    fn new(config: &CoreConfig, outputs: Vec<OutputId>, trade: TradeStage) -> Visitor {
        Visitor {
            trade,
            rules: RuleValues::new(outputs.len()),
            was_ready: vec![false; outputs.len()],
            outputs,
            is_capped: config.account.volume_share.is_some(),
            out: Outputs::new(),
            block: Block::default(),
            last_close: None,
            failed: None,
        }
    }

    fn block(
        &mut self,
        graph: &Graph,
        rows: Range<usize>,
        to: &mut At<'_>,
        on_outputs: &mut impl FnMut(&[Record]),
    ) {
        if self.failed.is_some() {
            return;
        }
        let columns: Vec<&[f64]> = self
            .outputs
            .iter()
            .map(|output| graph.column(*output))
            .collect();
        for (was_ready, column) in self.was_ready.iter_mut().zip(&columns) {
            *was_ready = *was_ready || column.iter().any(|value| !value.is_nan());
        }
        let closes = &to.bars.columns().close[rows.clone()];
        let close_bits = bits(closes.iter().fold(0, |all, close| all | magnitude(*close)));
        self.block.copy(to.bars, rows.clone());
        let mut at = 0;
        while at < closes.len() {
            let next = self.next_event(&columns, at, closes.len());
            if let Err(error) = self.mark(rows.start + at, &closes[at..next], close_bits, to) {
                self.failed = Some(error);
                return;
            }
            if next < closes.len() {
                self.visit(&columns, next, rows.start + next, to);
                if self.out.records().len() >= OUTPUTS_AT_ONCE {
                    self.hand_on(on_outputs);
                }
            }
            at = next + 1;
        }
    }

    /// The first row from `at` where something can happen; `end` if nothing can.
    fn next_event(&self, columns: &[&[f64]], at: usize, end: usize) -> usize {
        if self.trade.has_open_orders() {
            return at;
        }
        let mut end = end;
        let portfolio = self.trade.portfolio();
        for runner in self.trade.runners() {
            let own = &columns[runner.rules()];
            let held = portfolio.position(runner.strategy, runner.instrument).qty();
            end = runner.next_event(held, at..end, |place| own.get(place).copied());
        }
        end
    }

    /// The same as a step at this row.
    fn visit(&mut self, columns: &[&[f64]], at: usize, row: usize, to: &mut At<'_>) {
        self.rules.begin(RoundOn::Records);
        for (rule, column) in columns.iter().enumerate() {
            self.rules.set(RuleId(rule), column[at]);
        }
        let cause = Cause::new(to.bars.seq(row), to.bars.header(Ts(self.block.ts[at])));
        let instrument = to.bars.instrument();
        let columns = to.bars.columns();
        let close = columns.close[row];
        if self.trade.has_open_orders() {
            // Rules and targets send market orders alone, so the open is all that is read of a bar here.
            let open = PriceEvent::Open {
                price: self.block.open[at],
                volume: if self.is_capped {
                    columns.volume[row]
                } else {
                    0
                },
            };
            self.trade
                .on_open(cause, instrument, &open, close, &mut self.out);
        } else {
            self.trade.mark(instrument, close);
        }
        self.trade
            .decide_at_close(cause, close, &self.rules, &mut self.out);
        match self.trade.portfolio().equity() {
            Some(equity) => to.equity.push(equity),
            None => self.failed = Some(does_not_fit(to.before + row)),
        }
    }

    /// Equity of rows at which nothing happens but that the close changes.
    fn mark(
        &mut self,
        row: usize,
        closes: &[i64],
        close_bits: u32,
        to: &mut At<'_>,
    ) -> Result<(), CoreError> {
        let portfolio = self.trade.portfolio();
        let instrument = to.bars.instrument();
        let cash = portfolio.cash().0;
        let held = portfolio.net_qty(instrument);
        if held == 0 {
            let flat = std::iter::repeat_n(Money(cash), closes.len());
            to.equity.extend(flat);
            return Ok(());
        }
        let unit = portfolio.scale(instrument).unit.checked_mul(held.into());
        let fits = |unit: &i128| bits_wide(*unit) + close_bits < 126 && bits_wide(cash) < 126;
        if let Some(unit) = unit.filter(fits) {
            // One multiplication where the unit is not wide.
            if let Ok(unit) = i64::try_from(unit) {
                let marked = closes
                    .iter()
                    .map(|close| Money(cash + i128::from(unit) * i128::from(*close)));
                to.equity.extend(marked);
                return Ok(());
            }
            let marked = closes
                .iter()
                .map(|close| Money(cash + unit * i128::from(*close)));
            to.equity.extend(marked);
            return Ok(());
        }
        for (close, row) in closes.iter().zip(row..) {
            let value = portfolio.scale(instrument).notional(*close, held);
            let equity = value.and_then(|value| value.checked_add(cash));
            let equity = equity.ok_or_else(|| does_not_fit(to.before + row))?;
            to.equity.push(Money(equity));
        }
        Ok(())
    }

    fn hand_on(&mut self, on_outputs: &mut impl FnMut(&[Record])) {
        on_outputs(self.out.records());
        self.out.clear();
    }

    fn finish(
        mut self,
        config: &CoreConfig,
        instrument: InstrumentId,
    ) -> Result<BarsRun, CoreError> {
        if let Some(close) = self.last_close {
            self.trade.mark(instrument, close);
        }
        let names = config.strategies.iter().map(|def| def.name().to_owned());
        let names: Vec<String> = names.collect();
        let orders = self.trade.venue().all_orders();
        Ok(BarsRun {
            waiting: waiting(orders, (&config.instruments, None), &names),
            fills: self.trade.fills(),
            portfolio: self.trade.portfolio().clone(),
            never_ready: never_ready(config, None, &self.was_ready)?,
            // These are bars of one size, and they have closed.
            never_closed: Vec::new(),
        })
    }
}

fn does_not_fit(row: usize) -> CoreError {
    CoreError::Setting {
        owner: format!("bar {row}"),
        field: "equity",
        value: "more than 1.7e20".to_owned(),
        expected: "an amount of money that fits",
    }
}

/// A number whose highest bit is that of the value's magnitude or above it.
fn magnitude(value: i64) -> u64 {
    (value ^ (value >> 63)).cast_unsigned()
}

/// Bits of the largest magnitude.
fn bits(all: u64) -> u32 {
    u64::BITS - all.leading_zeros() + 1
}

fn bits_wide(value: i128) -> u32 {
    i128::BITS - value.unsigned_abs().leading_zeros()
}

#[cfg(test)]
mod tests;
