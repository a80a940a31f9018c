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
use tickloom_types::{InstrumentId, Money, Record, SourceId, Ts};

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

/// What a walk through the rows remembers.
struct Walk {
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
    failed: Option<CoreError>,
}

/// Walks through the rows of a block where something can happen.
struct Visitor<'a, F> {
    walk: &'a mut Walk,
    bars: &'a BarSeries<'a>,
    /// Bars before these.
    done: usize,
    equity: &'a mut Vec<Money>,
    on_outputs: &'a mut F,
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
        if self.walk.failed.is_some() {
            return;
        }
        let columns: Vec<&[f64]> = self
            .walk
            .outputs
            .iter()
            .map(|output| graph.column(*output))
            .collect();
        for (was_ready, column) in self.walk.was_ready.iter_mut().zip(&columns) {
            *was_ready = *was_ready || column.iter().any(|value| !value.is_nan());
        }
        let closes = &self.bars.columns().close[rows.clone()];
        let close_bits = bits(closes.iter().fold(0, |all, close| all | magnitude(*close)));
        self.walk.block.copy(self.bars, rows.clone());
        let mut at = 0;
        while at < closes.len() {
            let next = self.next_event(&columns, at, closes.len());
            if let Err(error) = self.mark(rows.start + at, &closes[at..next], close_bits) {
                self.walk.failed = Some(error);
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
        if self.walk.trade.has_open_orders() {
            return at;
        }
        let mut end = end;
        let portfolio = self.walk.trade.portfolio();
        for runner in self.walk.trade.runners() {
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
        self.walk.rules.begin(RoundOn::Records);
        for (rule, column) in columns.iter().enumerate() {
            self.walk.rules.set(RuleId(rule), column[at]);
        }
        let cause = Cause::new(self.bars.seq(row), self.bars.header(Ts(self.walk.block.ts[at])));
        let instrument = self.bars.instrument();
        let columns = self.bars.columns();
        let close = columns.close[row];
        if self.walk.trade.has_open_orders() {
            // Rules and targets send market orders alone, so the open is all that is read of a bar here.
            let open = PriceEvent::Open {
                price: self.walk.block.open[at],
                volume: if self.walk.is_capped {
                    columns.volume[row]
                } else {
                    0
                },
            };
            self.walk.trade
                .on_open(cause, instrument, &open, close, &mut self.walk.out);
        } else {
            self.walk.trade.mark(instrument, close);
        }
        self.walk.trade
            .decide_at_close(cause, close, &self.walk.rules, &mut self.walk.out);
        match self.walk.trade.portfolio().equity() {
            Some(equity) => self.equity.push(equity),
            None => self.walk.failed = Some(does_not_fit(self.done + row)),
        }
        if self.walk.out.records().len() >= OUTPUTS_AT_ONCE {
            self.hand_on();
        }
    }

    /// Equity of rows at which nothing happens but that the close changes.
    fn mark(&mut self, row: usize, closes: &[i64], close_bits: u32) -> Result<(), CoreError> {
        let portfolio = self.walk.trade.portfolio();
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
                .push(Money(equity.ok_or_else(|| does_not_fit(self.done + row))?));
        }
        Ok(())
    }

    fn hand_on(&mut self) {
        (self.on_outputs)(self.walk.out.records());
        self.walk.out.clear();
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
