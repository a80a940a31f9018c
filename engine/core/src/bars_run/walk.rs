//! The rows of blocks where something can happen, and equity between them.

use super::{BarSeries, does_not_fit};
use crate::error::CoreError;
use crate::outputs::Outputs;
use crate::rule_values::{RoundOn, RuleId, RuleValues};
use crate::strategy::RunnerKind;
use crate::trade::{Cause, TradeStage};
use crate::venue::PriceEvent;
use std::ops::Range;
use tickloom_signals::{Graph, OutputId, is_true};
use tickloom_types::{Money, Record, Ts};

/// Outputs that are handed on at once.
const OUTPUTS_AT_ONCE: usize = 512;

/// What a walk through the rows remembers.
pub(super) struct Walk {
    pub(super) trade: TradeStage,
    pub(super) rules: RuleValues,
    /// By rule: whether it ever had a value.
    pub(super) was_ready: Vec<bool>,
    /// By rule.
    pub(super) outputs: Vec<OutputId>,
    /// Whether fills are capped at a share of the volume.
    pub(super) is_capped: bool,
    /// Collected over rows.
    pub(super) out: Outputs,
    pub(super) block: Block,
    pub(super) failed: Option<CoreError>,
}

/// Walks through the rows of a block where something can happen.
pub(super) struct Visitor<'a, F> {
    pub(super) walk: &'a mut Walk,
    pub(super) bars: &'a BarSeries<'a>,
    /// Bars before these.
    pub(super) done: usize,
    pub(super) equity: &'a mut Vec<Money>,
    pub(super) on_outputs: &'a mut F,
}

/// What is read of the rows that are visited, copied in order: read where it lies, each would be a wait for memory.
#[derive(Default)]
pub(super) struct Block {
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
    pub(super) fn block(&mut self, graph: &Graph, rows: Range<usize>) {
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
        let cause = Cause::new(
            self.bars.seq(row),
            self.bars.header(Ts(self.walk.block.ts[at])),
        );
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
            self.walk
                .trade
                .on_open(cause, instrument, &open, close, &mut self.walk.out);
        } else {
            self.walk.trade.mark(instrument, close);
        }
        self.walk
            .trade
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

    pub(super) fn hand_on(&mut self) {
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
