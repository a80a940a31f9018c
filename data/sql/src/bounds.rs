//! What the conditions of a query say of instruments, times, runs and bar sizes, so that files are left alone whose rows they
//! refuse. A condition that is not understood bounds nothing; the engine evaluates all of them again.

use crate::names::single;
use sqlparser::ast::{BinaryOperator, Expr, Ident, JoinConstraint, Value};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use tickloom_catalog::FileRange;
use tickloom_types::Ts;

/// What may be in the rows of one relation. `None` is everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) instruments: Option<BTreeSet<String>>,
    pub(crate) runs: Option<BTreeSet<String>>,
    pub(crate) bars: Option<BTreeSet<String>>,
    /// Earliest `ts_event`.
    pub(crate) from: Option<Ts>,
    /// Latest `ts_event`, inclusive.
    pub(crate) to: Option<Ts>,
}

impl Bounds {
    /// What a condition says of the relation of this name. Columns without a name of a relation count if `takes_bare`.
    pub(crate) fn of(condition: Option<&Expr>, relation: &str, bare: Bare) -> Bounds {
        let mut bounds = Bounds::default();
        if let Some(condition) = condition {
            let owner = Owner { relation, bare };
            bounds.narrow(condition, &owner);
        }
        bounds
    }

    fn narrow(&mut self, condition: &Expr, owner: &Owner<'_>) {
        match condition {
            Expr::Nested(inner) => self.narrow(inner, owner),
            Expr::BinaryOp {
                left,
                op: BinaryOperator::And,
                right,
            } => {
                self.narrow(left, owner);
                self.narrow(right, owner);
            }
            Expr::BinaryOp { left, op, right } => {
                if let Some(column) = owner.column(left) {
                    self.compare(column, op, right);
                } else if let (Some(column), Some(op)) = (owner.column(right), mirrored(op)) {
                    self.compare(column, &op, left);
                }
            }
            Expr::Between {
                expr,
                negated: false,
                low,
                high,
            } => {
                if let Some(column) = owner.column(expr) {
                    self.compare(column, &BinaryOperator::GtEq, low);
                    self.compare(column, &BinaryOperator::LtEq, high);
                }
            }
            Expr::InList {
                expr,
                list,
                negated: false,
            } => {
                let words: Option<BTreeSet<String>> = list.iter().map(word).collect();
                if let (Some(column), Some(words)) = (owner.column(expr), words) {
                    self.keep(column, words);
                }
            }
            _ => {}
        }
    }

    fn compare(&mut self, column: &str, op: &BinaryOperator, value: &Expr) {
        if column != "ts_event" {
            if let (BinaryOperator::Eq, Some(word)) = (op, word(value)) {
                self.keep(column, BTreeSet::from([word]));
            }
            return;
        }
        let Some(Ts(nanos)) = time(value) else {
            return;
        };
        let at_least = |from: i64| Some(Ts(from));
        match op {
            BinaryOperator::Eq => self.between(at_least(nanos), Some(Ts(nanos))),
            BinaryOperator::GtEq => self.between(at_least(nanos), None),
            BinaryOperator::Gt => self.between(at_least(nanos.saturating_add(1)), None),
            BinaryOperator::LtEq => self.between(None, Some(Ts(nanos))),
            BinaryOperator::Lt => self.between(None, Some(Ts(nanos.saturating_sub(1)))),
            _ => {}
        }
    }

    /// The first and the last time.
    pub(crate) fn times(&self) -> RangeInclusive<i64> {
        let ends = (self.from.map(|ts| ts.0), self.to.map(|ts| ts.0));
        ends.0.unwrap_or(i64::MIN)..=ends.1.unwrap_or(i64::MAX)
    }

    /// Narrows the times.
    pub(crate) fn between(&mut self, from: Option<Ts>, to: Option<Ts>) {
        self.from = self.from.max(from);
        self.to = match (self.to, to) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }

    fn keep(&mut self, column: &str, words: BTreeSet<String>) {
        let kept = match column {
            "instrument" => &mut self.instruments,
            "run" => &mut self.runs,
            "bar_spec" => &mut self.bars,
            _ => return,
        };
        *kept = Some(match kept.take() {
            Some(before) => before.intersection(&words).cloned().collect(),
            None => words,
        });
    }

    /// Whether rows of this file may be among them.
    pub(crate) fn admit(&self, file: &FileRange) -> bool {
        let has = |allowed: &Option<BTreeSet<String>>, value: Option<&str>| match allowed {
            None => true,
            Some(allowed) => value.is_some_and(|value| allowed.contains(value)),
        };
        let bar = file.bar.map(|bar| bar.to_string());
        has(&self.instruments, file.instrument.as_deref())
            && has(&self.runs, Some(&file.run))
            && (file.bar.is_none() || has(&self.bars, bar.as_deref()))
            && self.from.is_none_or(|from| file.to >= from)
            && self.to.is_none_or(|to| file.from <= to)
    }
}

/// Whether a column without a relation's name is one of this relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bare {
    /// It is: there is no other, or this is the first.
    Ours,
    /// It may be another's.
    Others,
}

struct Owner<'a> {
    relation: &'a str,
    bare: Bare,
}

impl Owner<'_> {
    /// The name of the column, if the expression is one of the relation.
    fn column<'e>(&self, expr: &'e Expr) -> Option<&'e str> {
        match expr {
            Expr::Nested(inner) => self.column(inner),
            Expr::Identifier(Ident { value, .. }) if self.bare == Bare::Ours => Some(value),
            Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                [relation, column] if relation.value == self.relation => Some(&column.value),
                _ => None,
            },
            _ => None,
        }
    }
}

/// The comparison with its sides exchanged.
fn mirrored(op: &BinaryOperator) -> Option<BinaryOperator> {
    Some(match op {
        BinaryOperator::Eq => BinaryOperator::Eq,
        BinaryOperator::Lt => BinaryOperator::Gt,
        BinaryOperator::LtEq => BinaryOperator::GtEq,
        BinaryOperator::Gt => BinaryOperator::Lt,
        BinaryOperator::GtEq => BinaryOperator::LtEq,
        _ => return None,
    })
}

/// A text in single quotes.
pub(crate) fn word(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Nested(inner) => word(inner),
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text.clone()),
            _ => None,
        },
        _ => None,
    }
}

/// A time that is written as a text, with or without its type.
fn time(expr: &Expr) -> Option<Ts> {
    let text = match expr {
        Expr::TypedString(typed) => typed.value.clone().into_string()?,
        Expr::Cast { expr, .. } => word(expr)?,
        other => word(other)?,
    };
    Ts::parse_by_digits(&text).ok()
}

/// Whether rows belong together only if their instrument is the same.
pub(crate) fn joins_instruments(constraint: &JoinConstraint) -> bool {
    fn is_instrument(expr: &Expr) -> bool {
        match expr {
            Expr::Identifier(ident) => ident.value == "instrument",
            Expr::CompoundIdentifier(parts) => {
                parts.last().is_some_and(|part| part.value == "instrument")
            }
            _ => false,
        }
    }
    fn among(on: &Expr) -> bool {
        match on {
            Expr::Nested(inner) => among(inner),
            Expr::Tuple(parts) => parts.iter().any(among),
            Expr::BinaryOp { left, op, right } => match op {
                BinaryOperator::And => among(left) || among(right),
                BinaryOperator::Eq => is_instrument(left) && is_instrument(right),
                _ => false,
            },
            other => is_instrument(other),
        }
    }
    match constraint {
        JoinConstraint::On(on) => among(on),
        JoinConstraint::Using(names) => names
            .iter()
            .filter_map(single)
            .any(|name| name.value == "instrument"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlparser::dialect::GenericDialect;
    use sqlparser::parser::Parser;

    fn bounds(condition: &str) -> Bounds {
        let mut parser = Parser::new(&GenericDialect {})
            .try_with_sql(condition)
            .unwrap();
        Bounds::of(Some(&parser.parse_expr().unwrap()), "t", Bare::Ours)
    }

    fn words(words: &[&str]) -> Option<BTreeSet<String>> {
        Some(words.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn what_is_joined_by_and_narrows() {
        let found = bounds(
            "instrument = 'A' and (t.ts_event >= '1970-01-01T00:00:01Z' and '1970-01-01T00:00:03Z' > ts_event) and price > 3",
        );
        assert_eq!(found.instruments, words(&["A"]));
        assert_eq!(found.from, Some(Ts(1_000_000_000)));
        assert_eq!(found.to, Some(Ts(2_999_999_999)));
        let found = bounds("instrument in ('A', 'B') and t.instrument in ('B', 'C')");
        assert_eq!(found.instruments, words(&["B"]));
        let found =
            bounds("ts_event between timestamp '1970-01-01 00:00:01' and '1970-01-01 00:00:02'");
        assert_eq!(found.from, Some(Ts(1_000_000_000)));
        assert_eq!(found.to, Some(Ts(2_000_000_000)));
    }

    #[test]
    fn what_is_not_understood_bounds_nothing() {
        for condition in [
            "instrument = 'A' or instrument = 'B'",
            "not instrument = 'A'",
            "instrument <> 'A'",
            "instrument = run",
            "x.instrument = 'A'",
            "ts_event > ts_recv",
            "ts_event between ts_recv and ts_recv",
            "instrument not in ('A')",
            "upper(instrument) = 'A'",
        ] {
            assert_eq!(bounds(condition), Bounds::default(), "{condition}");
        }
    }
}
