//! The operators of a graph: what each computes from its inputs, one tick at a time or a block of rows at a time.
//!
//! Both ways call the same function for a row; a block only takes the choice of the operator out of the loop.
//! Graphs, sharing and order of evaluation are not known here.

pub(crate) mod deviation;
pub(crate) mod exact;
pub(crate) mod mean;
pub(crate) mod scalar;
pub(crate) mod shift;
pub(crate) mod smooth;
pub(crate) mod weighted;
pub(crate) mod window;

pub(crate) use scalar::{Binary, Unary};

use deviation::{Deviation, ExactDeviation};
use exact::{Divisor, magnitude_mask};
use mean::{ExactMean, Mean};
use shift::{Cross, Extreme, Lag};
use smooth::{Atr, Ema, Macd, Rsi};
use std::ops::Range;
use tickloom_types::{StateError, StateReader, StateWriter, fetch_ahead, pow10};
use weighted::{ExactVwap, ExactWma, Vwap, Wma};

/// An operator and its memory. Those named after a leaf read its mantissas, the others read values of nodes.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// A number, which never ticks.
    Constant(f64),
    /// A leaf that is set as a value.
    LeafValue,
    /// A leaf that is set as a mantissa.
    LeafMantissa(Divisor),
    LeafSma(Box<ExactMean>),
    LeafWma(Box<ExactWma>),
    LeafStddev(Box<ExactDeviation>),
    LeafVwap(Box<ExactVwap>),
    Unary(Unary),
    Binary(Binary),
    Abs,
    Sqrt,
    Log,
    Min,
    Max,
    If,
    /// The first input once the second is ready.
    Gate,
    Sma(Box<Mean>),
    Wma(Box<Wma>),
    Stddev(Box<Deviation>),
    Vwap(Box<Vwap>),
    Ema(Ema),
    Macd(Box<Macd>),
    Rsi(Box<Rsi>),
    Atr(Box<Atr>),
    Extreme(Box<Extreme>),
    Lag(Lag),
    /// Percent by which the first input differs from the second.
    Rate,
    /// Whether the first input went from at or below the second to above.
    Cross(Cross),
}

/// Places of an operator's inputs, among the nodes or among the leaves; unused ones are zero.
pub(crate) type Inputs = [u32; 3];

/// Ten to the power of `decimals`.
pub(crate) fn scale(decimals: u8) -> i128 {
    i128::from(pow10(decimals))
}

/// What nodes read in one tick.
pub(crate) struct Now<'a> {
    /// By node.
    pub(crate) values: &'a [f64],
    /// By leaf; those of exact fields.
    pub(crate) mantissas: &'a [i64],
    /// By leaf; those of computed fields.
    pub(crate) leaf_values: &'a [f64],
}

/// What nodes read in one block of rows.
pub(crate) struct Rows<'a> {
    /// By leaf, all rows of the run.
    pub(crate) mantissas: &'a [&'a [i64]],
    /// The same of computed fields; none where there are no such leaves.
    pub(crate) values: &'a [&'a [f64]],
    /// Which of them are this block.
    pub(crate) rows: Range<usize>,
    /// Columns of the nodes before this one, `stride` apart.
    pub(crate) columns: &'a [f64],
    pub(crate) stride: usize,
}

impl Rows<'_> {
    fn node(&self, at: usize) -> &[f64] {
        &self.columns[at * self.stride..][..self.rows.len()]
    }

    fn leaf(&self, at: usize) -> &[i64] {
        &self.mantissas[at][self.rows.clone()]
    }
}

impl Op {
    /// The value of this tick.
    #[inline]
    pub(crate) fn step(&mut self, inputs: Inputs, now: &Now<'_>) -> f64 {
        let [i, j, k] = inputs.map(|at| at as usize);
        let node = |at: usize| now.values[at];
        let leaf = |at: usize| now.mantissas[at];
        match self {
            Op::Constant(value) => *value,
            Op::LeafValue => now.leaf_values[i],
            Op::LeafMantissa(divisor) => divisor.divide(i128::from(leaf(i))),
            Op::LeafSma(state) => state.push(leaf(i)),
            Op::LeafWma(state) => state.push(leaf(i)),
            Op::LeafStddev(state) => state.push(leaf(i)),
            Op::LeafVwap(state) => state.push(leaf(i), leaf(j)),
            Op::Unary(Unary::Neg) => scalar::neg(node(i)),
            Op::Unary(Unary::Not) => scalar::not(node(i)),
            Op::Binary(binary) => binary.apply(node(i), node(j)),
            Op::Abs => scalar::abs(node(i)),
            Op::Sqrt => scalar::sqrt(node(i)),
            Op::Log => scalar::log(node(i)),
            Op::Min => scalar::min(node(i), node(j)),
            Op::Max => scalar::max(node(i), node(j)),
            Op::If => scalar::choose(node(i), node(j), node(k)),
            Op::Gate => scalar::gate(node(i), node(j)),
            Op::Sma(state) => state.push(node(i)),
            Op::Wma(state) => state.push(node(i)),
            Op::Stddev(state) => state.push(node(i)),
            Op::Vwap(state) => state.push(node(i), node(j)),
            Op::Ema(state) => state.push(node(i)),
            Op::Macd(state) => state.push(node(i)),
            Op::Rsi(state) => state.push(node(i)),
            Op::Atr(state) => state.push(node(i), node(j), node(k)),
            Op::Extreme(state) => state.push(node(i)),
            Op::Lag(state) => state.push(node(i)),
            Op::Rate => shift::rate(node(i), node(j)),
            Op::Cross(state) => state.push(node(i), node(j)),
        }
    }

    /// Asks for what it remembers apart from its node, before the step that needs it.
    #[inline]
    pub(crate) fn fetch_state(&self) {
        match self {
            Op::LeafSma(state) => fetch_ahead(&**state),
            Op::LeafWma(state) => fetch_ahead(&**state),
            Op::LeafStddev(state) => fetch_ahead(&**state),
            Op::LeafVwap(state) => fetch_ahead(&**state),
            Op::Sma(state) => fetch_ahead(&**state),
            Op::Wma(state) => fetch_ahead(&**state),
            Op::Stddev(state) => fetch_ahead(&**state),
            Op::Vwap(state) => fetch_ahead(&**state),
            Op::Macd(state) => fetch_ahead(&**state),
            Op::Rsi(state) => fetch_ahead(&**state),
            Op::Atr(state) => fetch_ahead(&**state),
            Op::Extreme(state) => fetch_ahead(&**state),
            _ => {}
        }
    }

    /// Asks for the value that is about to leave its window. Where that is, its state says, which [`Op::fetch_state`] has asked
    /// for a while before.
    #[inline]
    pub(crate) fn fetch_oldest(&self) {
        match self {
            Op::LeafSma(state) => state.window.fetch_oldest(),
            Op::LeafWma(state) => state.window.fetch_oldest(),
            Op::LeafStddev(state) => state.window.fetch_oldest(),
            Op::LeafVwap(state) => state.window.fetch_oldest(),
            Op::Sma(state) => state.window.fetch_oldest(),
            Op::Wma(state) => state.window.fetch_oldest(),
            Op::Stddev(state) => state.window.fetch_oldest(),
            Op::Vwap(state) => state.window.fetch_oldest(),
            Op::Lag(state) => state.window.fetch_oldest(),
            _ => {}
        }
    }

    /// Whether its value follows from those of its inputs alone, and of no field.
    pub(crate) fn remembers_nothing(&self) -> bool {
        matches!(
            self,
            Op::Unary(_)
                | Op::Binary(_)
                | Op::Abs
                | Op::Sqrt
                | Op::Log
                | Op::Min
                | Op::Max
                | Op::If
                | Op::Gate
                | Op::Rate
        )
    }

    /// Writes what it remembers; its parameters are not among that.
    pub(crate) fn save(&self, to: &mut StateWriter) {
        match self {
            Op::LeafSma(state) => state.save(to),
            Op::LeafWma(state) => state.save(to),
            Op::LeafStddev(state) => state.save(to),
            Op::LeafVwap(state) => state.save(to),
            Op::Sma(state) => state.save(to),
            Op::Wma(state) => state.save(to),
            Op::Stddev(state) => state.save(to),
            Op::Vwap(state) => state.save(to),
            Op::Ema(state) => state.save(to),
            Op::Macd(state) => state.save(to),
            Op::Rsi(state) => state.save(to),
            Op::Atr(state) => state.save(to),
            Op::Extreme(state) => state.save(to),
            Op::Lag(state) => state.save(to),
            Op::Cross(state) => state.save(to),
            op => debug_assert!(op.has_no_state()),
        }
    }

    /// Reads what an operator with the same parameters remembered, onto one that has seen nothing.
    pub(crate) fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        match self {
            Op::LeafSma(state) => state.load(from),
            Op::LeafWma(state) => state.load(from),
            Op::LeafStddev(state) => state.load(from),
            Op::LeafVwap(state) => state.load(from),
            Op::Sma(state) => state.load(from),
            Op::Wma(state) => state.load(from),
            Op::Stddev(state) => state.load(from),
            Op::Vwap(state) => state.load(from),
            Op::Ema(state) => state.load(from),
            Op::Macd(state) => state.load(from),
            Op::Rsi(state) => state.load(from),
            Op::Atr(state) => state.load(from),
            Op::Extreme(state) => state.load(from),
            Op::Lag(state) => state.load(from),
            Op::Cross(state) => state.load(from),
            op => {
                debug_assert!(op.has_no_state());
                Ok(())
            }
        }
    }

    /// How many inputs it has, and whether they are leaves.
    pub(crate) fn reads(&self) -> (usize, bool) {
        match self {
            Op::Constant(_) => (0, false),
            Op::LeafValue
            | Op::LeafMantissa(_)
            | Op::LeafSma(_)
            | Op::LeafWma(_)
            | Op::LeafStddev(_) => (1, true),
            Op::LeafVwap(_) => (2, true),
            Op::Unary(_)
            | Op::Abs
            | Op::Sqrt
            | Op::Log
            | Op::Sma(_)
            | Op::Wma(_)
            | Op::Stddev(_)
            | Op::Ema(_)
            | Op::Macd(_)
            | Op::Rsi(_)
            | Op::Extreme(_)
            | Op::Lag(_) => (1, false),
            Op::Binary(_)
            | Op::Min
            | Op::Max
            | Op::Gate
            | Op::Vwap(_)
            | Op::Rate
            | Op::Cross(_) => (2, false),
            Op::If | Op::Atr(_) => (3, false),
        }
    }

    /// Whether it is a number, or follows from what it reads now.
    fn has_no_state(&self) -> bool {
        let reads_leaf = matches!(self, Op::LeafValue | Op::LeafMantissa(_));
        reads_leaf || matches!(self, Op::Constant(_)) || self.remembers_nothing()
    }

    /// The values of all rows of a block.
    pub(crate) fn block(&mut self, inputs: Inputs, rows: &Rows<'_>, out: &mut [f64]) {
        let [i, j, k] = inputs.map(|at| at as usize);
        let node = |at: usize| rows.node(at);
        let leaf = |at: usize| rows.leaf(at);
        match self {
            Op::Constant(value) => out.fill(*value),
            Op::LeafValue => out.copy_from_slice(&rows.values[i][rows.rows.clone()]),
            Op::LeafMantissa(divisor) => block_mantissa(divisor, leaf(i), out),
            Op::LeafSma(state) => state.block(rows.mantissas[i], rows.rows.clone(), out),
            Op::LeafWma(state) => each(leaf(i), out, |x| state.push(x)),
            Op::LeafStddev(state) => each(leaf(i), out, |x| state.push(x)),
            Op::LeafVwap(state) => each2(leaf(i), leaf(j), out, |p, v| state.push(p, v)),
            Op::Unary(Unary::Neg) => each(node(i), out, scalar::neg),
            Op::Unary(Unary::Not) => each(node(i), out, scalar::not),
            Op::Binary(binary) => binary.block(node(i), node(j), out),
            Op::Abs => each(node(i), out, scalar::abs),
            Op::Sqrt => each(node(i), out, scalar::sqrt),
            Op::Log => each(node(i), out, scalar::log),
            Op::Min => each2(node(i), node(j), out, scalar::min),
            Op::Max => each2(node(i), node(j), out, scalar::max),
            Op::If => each3([node(i), node(j), node(k)], out, scalar::choose),
            Op::Gate => each2(node(i), node(j), out, scalar::gate),
            Op::Sma(state) => each(node(i), out, |x| state.push(x)),
            Op::Wma(state) => each(node(i), out, |x| state.push(x)),
            Op::Stddev(state) => each(node(i), out, |x| state.push(x)),
            Op::Vwap(state) => each2(node(i), node(j), out, |p, v| state.push(p, v)),
            Op::Ema(state) => each(node(i), out, |x| state.push(x)),
            Op::Macd(state) => each(node(i), out, |x| state.push(x)),
            Op::Rsi(state) => each(node(i), out, |x| state.push(x)),
            Op::Atr(state) => each3([node(i), node(j), node(k)], out, |h, l, c| {
                state.push(h, l, c)
            }),
            Op::Extreme(state) => each(node(i), out, |x| state.push(x)),
            Op::Lag(state) => each(node(i), out, |x| state.push(x)),
            Op::Rate => each2(node(i), node(j), out, shift::rate),
            Op::Cross(state) => state.block(node(i), node(j), out),
        }
    }
}

impl Binary {
    #[inline]
    pub(crate) fn apply(self, a: f64, b: f64) -> f64 {
        match self {
            Binary::Or => scalar::or(a, b),
            Binary::And => scalar::and(a, b),
            Binary::Lt => scalar::lt(a, b),
            Binary::Le => scalar::le(a, b),
            Binary::Gt => scalar::gt(a, b),
            Binary::Ge => scalar::ge(a, b),
            Binary::Eq => scalar::eq(a, b),
            Binary::Ne => scalar::ne(a, b),
            Binary::Add => scalar::add(a, b),
            Binary::Sub => scalar::sub(a, b),
            Binary::Mul => scalar::mul(a, b),
            Binary::Div => scalar::div(a, b),
        }
    }

    fn block(self, a: &[f64], b: &[f64], out: &mut [f64]) {
        match self {
            Binary::Or => each2(a, b, out, scalar::or),
            Binary::And => each2(a, b, out, scalar::and),
            Binary::Lt => each2(a, b, out, scalar::lt),
            Binary::Le => each2(a, b, out, scalar::le),
            Binary::Gt => each2(a, b, out, scalar::gt),
            Binary::Ge => each2(a, b, out, scalar::ge),
            Binary::Eq => each2(a, b, out, scalar::eq),
            Binary::Ne => each2(a, b, out, scalar::ne),
            Binary::Add => each2(a, b, out, scalar::add),
            Binary::Sub => each2(a, b, out, scalar::sub),
            Binary::Mul => each2(a, b, out, scalar::mul),
            Binary::Div => each2(a, b, out, scalar::div),
        }
    }
}

fn block_mantissa(divisor: &Divisor, leaf: &[i64], out: &mut [f64]) {
    let mask = leaf.iter().fold(0, |mask, x| mask | magnitude_mask(*x));
    if divisor.is_fast(u64::BITS - mask.leading_zeros()) {
        divisor.divide_all(leaf, out);
    } else {
        each(leaf, out, |x| divisor.divide(i128::from(x)));
    }
}

#[inline]
fn each<T: Copy>(a: &[T], out: &mut [f64], mut f: impl FnMut(T) -> f64) {
    for (out, a) in out.iter_mut().zip(a) {
        *out = f(*a);
    }
}

#[inline]
fn each2<T: Copy>(a: &[T], b: &[T], out: &mut [f64], mut f: impl FnMut(T, T) -> f64) {
    for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
        *out = f(*a, *b);
    }
}

#[inline]
fn each3(inputs: [&[f64]; 3], out: &mut [f64], mut f: impl FnMut(f64, f64, f64) -> f64) {
    let [a, b, c] = inputs;
    for (((out, a), b), c) in out.iter_mut().zip(a).zip(b).zip(c) {
        *out = f(*a, *b, *c);
    }
}
