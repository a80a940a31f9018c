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
use crate::silent::{NeverClosed, NeverReady, never_ready};
use crate::strategy::{Runner, RunnerKind};
use crate::trade::{Cause, TradeStage};
use crate::venue::PriceEvent;
use std::ops::Range;
use tickloom_signals::{Graph, OutputId, is_true};
use tickloom_types::{Money, Record, Ts};

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
    let expressions = Expressions::new(config)?;
    let (graph, outputs) = expressions.compile(0..expressions.len(), config)?;
    let trade = TradeStage::new(config, std::iter::empty())?;
    if needs_steps(config, bars, &graph, &trade) {
        return step_through(config, bars, equity, on_outputs);
    }
    let mut visitor = Visitor {
        trade,
        rules: RuleValues::new(outputs.len()),
        was_ready: vec![false; outputs.len()],
        outputs,
        is_capped: config.account.volume_share.is_some(),
        out: Outputs::new(),
        bars,
        equity,
        on_outputs,
        block: Block::default(),
        failed: None,
    };
    let mut graph = graph;
    graph.run_block(bars.columns(), |graph, rows| {
        visitor.block(graph, rows);
    });
    visitor.finish(config)
}

/// Whether there is something that blocks cannot do.
fn needs_steps(
    config: &CoreConfig,
    bars: &BarSeries<'_>,
    graph: &Graph,
    trade: &TradeStage,
) -> bool {
    let spec = config.instruments.bar_spec(bars.source());
    let own = |runner: &Runner| {
        let is_code = matches!(runner.kind, RunnerKind::Code(_));
        !is_code && runner.instrument == bars.instrument()
    };
    let is_single = graph.is_single_bar();
    !config.signals.is_empty()
        || config.risk.daily_loss.is_some()
        || is_single.map(|(id, spec)| (id, Some(spec))) != Some((bars.instrument(), spec))
        || !trade.runners().iter().all(own)
}

fn step_through(
    config: &CoreConfig,
    bars: &BarSeries<'_>,
    equity: &mut Vec<Money>,
    mut on_outputs: impl FnMut(&[Record]),
) -> Result<BarsRun, CoreError> {
    let mut core = Core::new(config)?;
    let mut out = Outputs::new();
    for row in 0..bars.len() {
        core.step(bars.seq(row), &bars.record(row), &mut out);
        on_outputs(out.records());
        let now = core.portfolio().equity();
        equity.push(now.ok_or_else(|| does_not_fit(row))?);
    }
    Ok(BarsRun {
        fills: core.fills(),
        portfolio: core.portfolio().clone(),
        never_ready: core.never_ready(config)?,
        never_closed: core.never_closed(),
    })
}

/// Walks through the rows of a block where something can happen.
struct Visitor<'a, F> {
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
    bars: &'a BarSeries<'a>,
    equity: &'a mut Vec<Money>,
    on_outputs: F,
    block: Block,
    failed: Option<CoreError>,
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

impl<F: FnMut(&[Record])> Visitor<'_, F> {
    fn block(&mut self, graph: &Graph, rows: Range<usize>) {
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
        let closes = &self.bars.columns().close[rows.clone()];
        let close_bits = bits(closes.iter().fold(0, |all, close| all | magnitude(*close)));
        self.block.copy(self.bars, rows.clone());
        let mut at = 0;
        while at < closes.len() {
            let next = self.next_event(&columns, at, closes.len());
            if let Err(error) = self.mark(rows.start + at, &closes[at..next], close_bits) {
                self.failed = Some(error);
                return;
            }
            if next < closes.len() {
                self.visit(&columns, next, rows.start + next);
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
            match &runner.kind {
                RunnerKind::Rules(rules) => {
                    for place in rules.awaited(held).into_iter().flatten() {
                        end = first_true(own[place], at, end);
                    }
                }
                RunnerKind::Target(target) => {
                    let column = &own[0][at..end];
                    let differs =
                        |units: &f64| target.mantissa(*units).is_some_and(|want| want != held);
                    end = column
                        .iter()
                        .position(differs)
                        .map_or(end, |from| at + from);
                }
                RunnerKind::Code(_) => {}
            }
        }
        end
    }

    /// The same as a step at this row.
    fn visit(&mut self, columns: &[&[f64]], at: usize, row: usize) {
        self.rules.begin(RoundOn::Records);
        for (rule, column) in columns.iter().enumerate() {
            self.rules.set(RuleId(rule), column[at]);
        }
        let cause = Cause::new(self.bars.seq(row), self.bars.header(Ts(self.block.ts[at])));
        let instrument = self.bars.instrument();
        let columns = self.bars.columns();
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
            Some(equity) => self.equity.push(equity),
            None => self.failed = Some(does_not_fit(row)),
        }
        if self.out.records().len() >= OUTPUTS_AT_ONCE {
            self.hand_on();
        }
    }

    /// Equity of rows at which nothing happens but that the close changes.
    fn mark(&mut self, row: usize, closes: &[i64], close_bits: u32) -> Result<(), CoreError> {
        let portfolio = self.trade.portfolio();
        let instrument = self.bars.instrument();
        let cash = portfolio.cash().0;
        let held = portfolio.net_qty(instrument);
        if held == 0 {
            let flat = std::iter::repeat_n(Money(cash), closes.len());
            self.equity.extend(flat);
            return Ok(());
        }
        let unit = portfolio.scale(instrument).unit.checked_mul(held.into());
        let fits = |unit: &i128| bits_wide(*unit) + close_bits < 126 && bits_wide(cash) < 126;
        if let Some(unit) = unit.filter(fits) {
            let marked = closes
                .iter()
                .map(|close| Money(cash + unit * i128::from(*close)));
            self.equity.extend(marked);
            return Ok(());
        }
        for (close, row) in closes.iter().zip(row..) {
            let value = portfolio.scale(instrument).notional(*close, held);
            let equity = value.and_then(|value| value.checked_add(cash));
            self.equity
                .push(Money(equity.ok_or_else(|| does_not_fit(row))?));
        }
        Ok(())
    }

    fn hand_on(&mut self) {
        (self.on_outputs)(self.out.records());
        self.out.clear();
    }

    fn finish(mut self, config: &CoreConfig) -> Result<BarsRun, CoreError> {
        self.hand_on();
        if let Some(close) = self.bars.columns().close.last() {
            self.trade.mark(self.bars.instrument(), *close);
        }
        match self.failed {
            Some(error) => Err(error),
            None => Ok(BarsRun {
                fills: self.trade.fills(),
                portfolio: self.trade.portfolio().clone(),
                never_ready: never_ready(config, None, &self.was_ready)?,
                // These are bars of one size, and they have closed.
                never_closed: Vec::new(),
            }),
        }
    }
}

/// The first row from `at` in which a condition holds; `end` if it holds in none before.
fn first_true(column: &[f64], at: usize, end: usize) -> usize {
    /// Rows that are looked at together, without a branch between them.
    const STRIDE: usize = 8;
    let mut from = at;
    for rows in column[at..end].chunks(STRIDE) {
        if rows.iter().fold(false, |any, value| any | is_true(*value)) {
            let first = rows.iter().position(|value| is_true(*value));
            return from + first.unwrap_or_default();
        }
        from += rows.len();
    }
    end
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
