//! Expressions as trees that are worked out anew from all that ever ticked.
//!
//! An expression's history is the list of steps at which it ticked, each with its value then. That of a field is read
//! from the log; that of anything else from the histories of its parts. Nothing is kept from one step to the next.

use crate::log::{Log, Number};
use std::fmt;
use tickloom_types::{BarSpec, InstrumentDef};

/// What a field of an instrument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Last,
    Bid,
    Ask,
    Mid,
    Spread,
    BidQty,
    Close(BarSpec),
    High(BarSpec),
    Volume(BarSpec),
}

/// A field of an instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// Index of the instrument.
    pub(crate) instrument: usize,
    pub(crate) what: What,
}

/// Operators of two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Add,
    Subtract,
    Multiply,
    Divide,
    Less,
    AtMost,
    Greater,
    Equal,
    And,
    Or,
    CrossOver,
    CrossUnder,
}

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expr {
    Field(Field),
    Whole(i32),
    /// The value of a field so many of its ticks ago.
    Lag(Field, usize),
    /// The mean of a price or size over so many of its ticks.
    Sma(Field, usize),
    Two(Op, Box<Expr>, Box<Expr>),
}

/// The steps at which something ticked, with its value; `None` is "not ready".
type History = Vec<(usize, Option<f64>)>;

impl Expr {
    /// `a op b`.
    pub(crate) fn two(op: Op, a: Expr, b: Expr) -> Expr {
        Expr::Two(op, Box::new(a), Box::new(b))
    }

    /// Whether no field is in it: then it never ticks.
    pub(crate) fn is_constant(&self) -> bool {
        match self {
            Expr::Whole(_) => true,
            Expr::Field(_) | Expr::Lag(..) | Expr::Sma(..) => false,
            Expr::Two(_, a, b) => a.is_constant() && b.is_constant(),
        }
    }

    /// All fields in it.
    pub(crate) fn fields(&self) -> Vec<Field> {
        match self {
            Expr::Whole(_) => vec![],
            Expr::Field(field) | Expr::Lag(field, _) | Expr::Sma(field, _) => vec![*field],
            Expr::Two(_, a, b) => [a.fields(), b.fields()].concat(),
        }
    }

    /// If it ticked in the newest round, its value at the end of it.
    pub(crate) fn now(&self, log: &Log) -> Option<Option<f64>> {
        let (step, value) = *self.history(log).last()?;
        log.is_now(step).then_some(value)
    }

    fn history(&self, log: &Log) -> History {
        match self {
            Expr::Whole(_) => vec![],
            Expr::Field(field) => {
                let ticks = log.ticks(field).into_iter();
                ticks
                    .map(|(at, number)| (at, number.map(|number| number.value())))
                    .collect()
            }
            Expr::Lag(field, back) => lag(&log.ticks(field), *back),
            Expr::Sma(field, length) => sma(&log.ticks(field), *length),
            Expr::Two(op, a, b) => self.of_two(*op, a, b, log),
        }
    }

    fn of_two(&self, op: Op, a: &Expr, b: &Expr, log: &Log) -> History {
        let (left, right) = (a.history(log), b.history(log));
        let mut steps: Vec<usize> = left.iter().chain(&right).map(|(at, _)| *at).collect();
        steps.sort_unstable();
        steps.dedup();
        let pair_at = |at: usize| (a.newest(&left, at), b.newest(&right, at));
        let mut history = vec![];
        for (n, at) in steps.iter().enumerate() {
            let (x, y) = pair_at(*at);
            let before = n.checked_sub(1).map(|n| pair_at(steps[n]));
            history.push((*at, combine(op, (x, y), before)));
        }
        history
    }

    /// The value as of a step: that of the newest tick up to it.
    fn newest(&self, history: &History, at: usize) -> Option<f64> {
        if self.is_constant() {
            return self.constant();
        }
        history.iter().rev().find(|(tick, _)| *tick <= at)?.1
    }

    /// The value of what has no field in it.
    pub(crate) fn constant(&self) -> Option<f64> {
        match self {
            Expr::Whole(number) => Some(f64::from(*number)),
            Expr::Two(op, a, b) => combine(*op, (a.constant(), b.constant()), None),
            _ => None,
        }
    }
}

type Pair = (Option<f64>, Option<f64>);

/// Two values put together; `before` are those at the tick before.
fn combine(op: Op, (a, b): Pair, before: Option<Pair>) -> Option<f64> {
    let truth = |holds: bool| Some(f64::from(u8::from(holds)));
    let is_false = |value: Option<f64>| value == Some(0.0);
    let is_true = |value: Option<f64>| value.is_some_and(|value| value != 0.0);
    match op {
        Op::And if is_false(a) || is_false(b) => return truth(false),
        Op::Or if is_true(a) || is_true(b) => return truth(true),
        _ => {}
    }
    let (a, b) = (a?, b?);
    match op {
        Op::Add => defined(a + b),
        Op::Subtract => defined(a - b),
        Op::Multiply => defined(a * b),
        Op::Divide => defined(a / b),
        Op::Less => truth(a < b),
        Op::AtMost => truth(a <= b),
        Op::Greater => truth(a > b),
        Op::Equal => truth(a == b),
        // The side that would have settled it alone did not.
        Op::And => truth(true),
        Op::Or => truth(false),
        Op::CrossOver | Op::CrossUnder => {
            let (was_a, was_b) = before?;
            let (was_a, was_b) = (was_a?, was_b?);
            match op {
                Op::CrossOver => truth(a > b && was_a <= was_b),
                _ => truth(a < b && was_a >= was_b),
            }
        }
    }
}

/// What is undefined, or absurdly large, is not ready.
fn defined(value: f64) -> Option<f64> {
    (value.abs() <= 1e100).then_some(value)
}

fn lag(ticks: &[(usize, Option<Number>)], back: usize) -> History {
    let mut history = vec![];
    for (n, (at, _)) in ticks.iter().enumerate() {
        let then = n.checked_sub(back).and_then(|n| ticks[n].1);
        history.push((*at, then.map(|number| number.value())));
    }
    history
}

/// The mean of the last so many ticks that were ready; not ready itself at a tick that is not.
fn sma(ticks: &[(usize, Option<Number>)], length: usize) -> History {
    let mut history = vec![];
    let mut ready: Vec<i64> = vec![];
    for (at, number) in ticks {
        let mean = number.and_then(|number| {
            ready.push(number.mantissa);
            let window = &ready[ready.len().checked_sub(length)?..];
            let sum: i64 = window.iter().sum();
            let count = i64::try_from(length).unwrap();
            Some(sum as f64 / (count * 10_i64.pow(number.decimals)) as f64)
        });
        history.push((*at, mean));
    }
    history
}

/// An expression as text for this set of instruments.
pub(crate) struct Text<'a>(pub(crate) &'a Expr, pub(crate) &'a [InstrumentDef]);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = |field: &Field| field_text(field, self.1);
        match self.0 {
            Expr::Whole(number) => write!(f, "{number}"),
            Expr::Field(of) => f.write_str(&field(of)),
            Expr::Lag(of, back) => write!(f, "lag({}, {back})", field(of)),
            Expr::Sma(of, length) => write!(f, "sma({}, {length})", field(of)),
            Expr::Two(op, a, b) => {
                let (a, b) = (Text(a, self.1), Text(b, self.1));
                match op {
                    Op::CrossOver => write!(f, "cross_over({a}, {b})"),
                    Op::CrossUnder => write!(f, "cross_under({a}, {b})"),
                    _ => write!(f, "({a} {} {b})", sign(*op)),
                }
            }
        }
    }
}

fn sign(op: Op) -> &'static str {
    match op {
        Op::Add => "+",
        Op::Subtract => "-",
        Op::Multiply => "*",
        Op::Divide => "/",
        Op::Less => "<",
        Op::AtMost => "<=",
        Op::Greater => ">",
        Op::Equal => "==",
        Op::And => "and",
        Op::Or => "or",
        Op::CrossOver | Op::CrossUnder => unreachable!("written as a function"),
    }
}

fn field_text(field: &Field, defs: &[InstrumentDef]) -> String {
    let name = &defs[field.instrument].name;
    match field.what {
        What::Last => format!("{name}.last"),
        What::Bid => format!("{name}.bid"),
        What::Ask => format!("{name}.ask"),
        What::Mid => format!("{name}.mid"),
        What::Spread => format!("{name}.spread"),
        What::BidQty => format!("{name}.bid_qty"),
        What::Close(spec) => format!("{name}.close@{spec}"),
        What::High(spec) => format!("{name}.high@{spec}"),
        What::Volume(spec) => format!("{name}.volume@{spec}"),
    }
}
