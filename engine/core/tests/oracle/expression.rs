//! Expressions as trees that are worked out anew from all that ever ticked.
//!
//! An expression's history is the list of steps at which it ticked, each with its value then. That of a field is read
//! from the log; that of anything else from the histories of its parts. Nothing is kept from one step to the next.

use crate::log::{Log, Number};
use crate::world::OWN;
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
    /// Evaluated only when the newest bars of all its fields have the same close.
    Together(Box<Expr>),
}

/// The ticks that an expression counts.
struct Ticks<'a> {
    log: &'a Log,
    /// Within `together`, the steps at which it is evaluated.
    only: Option<Vec<usize>>,
}

impl Ticks<'_> {
    /// The steps at which a field ticks, with its number.
    fn of(&self, field: &Field) -> Vec<(usize, Option<Number>)> {
        let all = self.log.ticks(field);
        let Some(only) = &self.only else {
            return all;
        };
        let newest = |step: &usize| {
            let number = all.iter().rev().find(|(at, _)| at <= step)?.1;
            Some((*step, number))
        };
        only.iter().filter_map(newest).collect()
    }
}

/// What became of something at a step.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Turn {
    /// It ticked; `None` is "not ready".
    Ticked(Option<f64>),
    /// A field of it lost its value, and nothing of it ticked. What is certain without the field is still there.
    Lost(Option<f64>),
}

/// The steps at which something happened to a thing.
type History = Vec<(usize, Turn)>;

impl Turn {
    fn value(self) -> Option<f64> {
        match self {
            Turn::Ticked(value) | Turn::Lost(value) => value,
        }
    }
}

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
            Expr::Together(of) => of.is_constant(),
        }
    }

    /// The same where the instrument that is looked at is this one.
    pub(crate) fn of(&self, instrument: usize) -> Expr {
        let own = |field: &Field| Field {
            instrument: if field.instrument == OWN {
                instrument
            } else {
                field.instrument
            },
            what: field.what,
        };
        match self {
            Expr::Whole(number) => Expr::Whole(*number),
            Expr::Field(field) => Expr::Field(own(field)),
            Expr::Lag(field, back) => Expr::Lag(own(field), *back),
            Expr::Sma(field, length) => Expr::Sma(own(field), *length),
            Expr::Two(op, a, b) => Expr::two(*op, a.of(instrument), b.of(instrument)),
            Expr::Together(of) => Expr::Together(Box::new(of.of(instrument))),
        }
    }

    /// All fields in it.
    pub(crate) fn fields(&self) -> Vec<Field> {
        match self {
            Expr::Whole(_) => vec![],
            Expr::Field(field) | Expr::Lag(field, _) | Expr::Sma(field, _) => vec![*field],
            Expr::Two(_, a, b) => [a.fields(), b.fields()].concat(),
            Expr::Together(of) => of.fields(),
        }
    }

    /// If it ticked in the newest round, or lost its value, its value at the end of it.
    pub(crate) fn now(&self, log: &Log) -> Option<Option<f64>> {
        let (step, turn) = *self.history(&Ticks { log, only: None }).last()?;
        log.is_now(step).then_some(turn.value())
    }

    fn history(&self, ticks: &Ticks<'_>) -> History {
        match self {
            Expr::Whole(_) => vec![],
            Expr::Field(field) => over(&ticks.of(field), |numbers| {
                numbers.last().map(|number| number.value())
            }),
            Expr::Lag(field, back) => over(&ticks.of(field), |numbers| {
                let at = numbers.len().checked_sub(1 + back)?;
                Some(numbers[at].value())
            }),
            Expr::Sma(field, length) => over(&ticks.of(field), |numbers| {
                let from = numbers.len().checked_sub(*length)?;
                Some(mean(&numbers[from..]))
            }),
            Expr::Two(op, a, b) => Expr::of_two(*op, a, b, ticks),
            Expr::Together(of) => of.history(&Ticks {
                log: ticks.log,
                only: Some(ticks.log.common_closes(&of.fields())),
            }),
        }
    }

    fn of_two(op: Op, a: &Expr, b: &Expr, ticks: &Ticks<'_>) -> History {
        let (left, right) = (a.history(ticks), b.history(ticks));
        let both = || left.iter().chain(&right);
        let mut steps: Vec<usize> = both().map(|(step, _)| *step).collect();
        steps.sort_unstable();
        steps.dedup();
        let mut history = vec![];
        // The two values at the tick before.
        let mut before = None;
        for step in steps {
            let now = (a.newest(&left, step), b.newest(&right, step));
            let ticks = both().any(|(at, turn)| *at == step && matches!(turn, Turn::Ticked(_)));
            let is_cross = matches!(op, Op::CrossOver | Op::CrossUnder);
            let turn = if ticks {
                Turn::Ticked(combine(op, now, before.replace(now)))
            } else if is_cross {
                Turn::Lost(None)
            } else {
                Turn::Lost(combine(op, now, None))
            };
            history.push((step, turn));
        }
        history
    }

    /// The value as of a step: that of the newest turn up to it.
    fn newest(&self, history: &History, step: usize) -> Option<f64> {
        if self.is_constant() {
            return self.constant();
        }
        let turn = history.iter().rev().find(|(at, _)| *at <= step)?.1;
        turn.value()
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

/// The history of a function of a field's ticks so far, which are what it has besides times at which it lost its value.
fn over(ticks: &[(usize, Option<Number>)], function: impl Fn(&[Number]) -> Option<f64>) -> History {
    let mut history = vec![];
    let mut numbers = vec![];
    for (step, number) in ticks {
        numbers.extend(*number);
        let turn = match number {
            Some(_) => Turn::Ticked(function(&numbers)),
            None => Turn::Lost(None),
        };
        history.push((*step, turn));
    }
    history
}

/// The mean of exact numbers: added as integers, divided once.
fn mean(numbers: &[Number]) -> f64 {
    let sum: i64 = numbers.iter().map(|number| number.mantissa).sum();
    let count = i64::try_from(numbers.len()).unwrap();
    let scale = 10_i64.pow(numbers[0].decimals);
    sum as f64 / (count * scale) as f64
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
            Expr::Together(of) => write!(f, "together({})", Text(of, self.1)),
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
    let name = match field.instrument {
        OWN => String::new(),
        at => format!("{}.", defs[at].name),
    };
    match field.what {
        What::Last => format!("{name}last"),
        What::Bid => format!("{name}bid"),
        What::Ask => format!("{name}ask"),
        What::Mid => format!("{name}mid"),
        What::Spread => format!("{name}spread"),
        What::BidQty => format!("{name}bid_qty"),
        What::Close(spec) => format!("{name}close@{spec}"),
        What::High(spec) => format!("{name}high@{spec}"),
        What::Volume(spec) => format!("{name}volume@{spec}"),
    }
}
