//! `ASOF JOIN`: to each row on the left the latest row on the right that is not later, of the same instrument or whatever else
//! is named. The engine's SQL has no such join; its frames do.

use crate::clauses::{BY_TIME_MARK, place};
use crate::error::{SqlError, nearest};
use crate::names::single;
use crate::order::{Order, TIME, sorted};
use crate::relation::Relation;
use crate::tables::engine;
use polars::prelude::*;
use sqlparser::ast::{
    BinaryOperator, Expr as SqlExpr, Ident, JoinConstraint, SelectItem,
    SelectItemQualifiedWildcardKind, Spanned, VisitorMut,
};
use std::ops::ControlFlow;

/// Copies of the columns on the right by which rows are matched.
const RIGHT_ON: &str = "__on";
const RIGHT_BY: &str = "__by_";

/// Several relations joined into one frame, and what their columns are called in it.
pub(crate) struct Joined {
    pub(crate) frame: LazyFrame,
    /// Of its rows, by the columns of the first relation.
    pub(crate) order: Order,
    /// Bytes that sorting it would take, beside those that were taken for it.
    pub(crate) sorting: u64,
    /// Bytes that sorting took on the way here.
    pub(crate) sorted: u64,
    /// Relation, its column, and the column of the frame.
    columns: Vec<(String, String, String)>,
}

/// By which columns two relations are matched.
struct Match {
    left: String,
    right: String,
    /// Whether a row at the same place matches.
    allow_eq: bool,
    by: Vec<(String, String)>,
}

impl Joined {
    /// One relation by itself.
    ///
    /// # Errors
    /// [`SqlError::Engine`].
    pub(crate) fn new(alias: &str, relation: Relation, order: Order) -> Result<Joined, SqlError> {
        let Relation {
            mut frame, sorting, ..
        } = relation;
        let schema = frame.collect_schema().map_err(engine)?;
        let name = |column: &PlSmallStr| (alias.to_owned(), column.to_string(), column.to_string());
        let columns = schema.iter_names().map(name).collect();
        Ok(Joined {
            frame,
            order,
            sorting,
            sorted: 0,
            columns,
        })
    }

    /// Joins another relation to the right.
    ///
    /// # Errors
    /// [`SqlError::At`] for a condition that is not understood or a column that is not there; [`SqlError::Engine`].
    pub(crate) fn join(
        mut self,
        mut right: Joined,
        condition: &SqlExpr,
        constraint: &JoinConstraint,
        text: &str,
    ) -> Result<Joined, SqlError> {
        let alias = match right.columns.first() {
            Some((alias, ..)) => alias.clone(),
            None => String::new(),
        };
        let found = self.matched(&right, condition, constraint, text)?;
        let names = self.names_beside(&right, &alias);
        // Columns that the engine matches by may be gone after the join: it gets copies.
        let mut taken: Vec<Expr> = names
            .iter()
            .map(|(_, column, name)| col(column.as_str()).alias(name.as_str()))
            .collect();
        taken.push(col(found.right.as_str()).alias(RIGHT_ON));
        let by = || found.by.iter().enumerate();
        let right_by = |nth: usize| format!("{RIGHT_BY}{nth}");
        taken.extend(by().map(|(nth, (_, right))| col(right.as_str()).alias(right_by(nth))));
        let by_instrument = found.by.iter().any(|(_, right)| right == "instrument");
        // Of rows at the same place the last one counts.
        let sorted_right = match found.right == TIME && right.order.suffices(by_instrument) {
            true => right.frame,
            false => {
                self.sorted += right.sorting;
                right.sorting = 0;
                sorted(right.frame, &found.right)?
            }
        };
        let sorted_right = sorted_right.select(taken);
        let sorted_left = match found.left == TIME && self.order == Order::Whole {
            true => self.frame,
            false => {
                self.sorted += self.sorting;
                self.sorting = 0;
                sorted(self.frame, &found.left)?
            }
        };
        self.sorting += right.sorting;
        self.order = match found.left == TIME {
            true => Order::Whole,
            false => Order::Unknown,
        };
        let options = AsOfOptions {
            strategy: AsofStrategy::Backward,
            tolerance: None,
            tolerance_str: None,
            left_by: Some(by().map(|(_, (left, _))| left.as_str().into()).collect()),
            right_by: Some(by().map(|(nth, _)| right_by(nth).into()).collect()),
            allow_eq: found.allow_eq,
            check_sortedness: false,
        };
        let joined = sorted_left
            .join_builder()
            .with(sorted_right)
            .left_on([col(found.left.as_str())])
            .right_on([col(RIGHT_ON)])
            .how(JoinType::AsOf(Box::new(options)))
            .coalesce(JoinCoalesce::KeepColumns)
            .finish();
        self.columns.extend(names);
        let kept: Vec<Expr> = self
            .columns
            .iter()
            .map(|(_, _, name)| col(name.as_str()))
            .collect();
        self.frame = joined.select(kept);
        Ok(self)
    }

    /// What the columns of the relation on the right are called beside those that are there.
    fn names_beside(&self, right: &Joined, alias: &str) -> Vec<(String, String, String)> {
        let name = |column: &str| {
            let is_taken = self.columns.iter().any(|(_, _, name)| name == column);
            if is_taken {
                format!("{column}:{alias}")
            } else {
                column.to_owned()
            }
        };
        let named = right
            .columns
            .iter()
            .map(|(_, column, _)| (alias.to_owned(), column.clone(), name(column)));
        named.collect()
    }

    fn matched(
        &self,
        right: &Joined,
        condition: &SqlExpr,
        constraint: &JoinConstraint,
        text: &str,
    ) -> Result<Match, SqlError> {
        let mut found = Match {
            left: TIME.to_owned(),
            right: TIME.to_owned(),
            allow_eq: true,
            by: Vec::new(),
        };
        if is_mark(condition) {
            for side in [self, right] {
                if !side.columns.iter().any(|(_, _, name)| name == TIME) {
                    let what = "ASOF JOIN matches rows by ts_event, and one side has none: name columns in MATCH_CONDITION";
                    return Err(SqlError::Statement(what.to_owned()));
                }
            }
        } else {
            let (left, allow_eq, other) = ordered(condition).ok_or_else(|| {
                wrong(
                    condition,
                    text,
                    "expected left.column >= right.column, or >",
                )
            })?;
            found.left = self.column(left, text)?;
            found.right = right.column_of_its_own(other, text)?;
            found.allow_eq = allow_eq;
        }
        match constraint {
            JoinConstraint::On(on) => self.keys(on, right, &mut found.by, text)?,
            JoinConstraint::Using(names) => {
                for name in names.iter().filter_map(single) {
                    let key = SqlExpr::Identifier(name.clone());
                    self.keys(&key, right, &mut found.by, text)?;
                }
            }
            _ => {
                let what = "an as-of join says what belongs together, as in ON (instrument)";
                return Err(wrong(condition, text, what));
            }
        }
        Ok(found)
    }

    /// The columns of `ON (instrument)`, `ON (a, b)`, `ON t.a = q.a AND t.b = q.b`.
    fn keys(
        &self,
        on: &SqlExpr,
        right: &Joined,
        by: &mut Vec<(String, String)>,
        text: &str,
    ) -> Result<(), SqlError> {
        match on {
            SqlExpr::Nested(inner) => self.keys(inner, right, by, text),
            SqlExpr::Tuple(parts) => {
                for part in parts {
                    self.keys(part, right, by, text)?;
                }
                Ok(())
            }
            SqlExpr::BinaryOp {
                left,
                op: BinaryOperator::And,
                right: more,
            } => {
                self.keys(left, right, by, text)?;
                self.keys(more, right, by, text)
            }
            SqlExpr::BinaryOp {
                left,
                op: BinaryOperator::Eq,
                right: other,
            } => {
                let (left, other) = if self.knows(left) && right.knows(other) {
                    (left, other)
                } else {
                    (other, left)
                };
                let pair = (
                    self.column(left, text)?,
                    right.column_of_its_own(other, text)?,
                );
                by.push(pair);
                Ok(())
            }
            SqlExpr::Identifier(_) => {
                by.push((self.column(on, text)?, right.column_of_its_own(on, text)?));
                Ok(())
            }
            other => Err(wrong(
                other,
                text,
                "expected columns, as in ON (instrument), or equalities of columns",
            )),
        }
    }

    fn find(&self, expr: &SqlExpr) -> Option<&(String, String, String)> {
        self.columns.iter().find(|(alias, column, _)| match expr {
            SqlExpr::Identifier(ident) => ident.value == *column,
            SqlExpr::CompoundIdentifier(parts) => match parts.as_slice() {
                [relation, name] => relation.value == *alias && name.value == *column,
                _ => false,
            },
            _ => false,
        })
    }

    fn knows(&self, expr: &SqlExpr) -> bool {
        self.find(expr).is_some()
    }

    /// The column of the frame that an expression names.
    fn column(&self, expr: &SqlExpr, text: &str) -> Result<String, SqlError> {
        let found = self.find(expr).map(|(_, _, name)| name.clone());
        found.ok_or_else(|| self.unknown(expr, text))
    }

    /// The column of the relation that an expression names.
    fn column_of_its_own(&self, expr: &SqlExpr, text: &str) -> Result<String, SqlError> {
        let found = self.find(expr).map(|(_, column, _)| column.clone());
        found.ok_or_else(|| self.unknown(expr, text))
    }

    fn unknown(&self, expr: &SqlExpr, text: &str) -> SqlError {
        let written = expr.to_string();
        let name = written.rsplit('.').next().unwrap_or_default();
        let names = self.columns.iter().map(|(_, column, _)| column.as_str());
        let mut what = format!("no column {written} in what is joined");
        if let Some(near) = nearest(name, names).filter(|near| *near != name) {
            what = format!("{what}; there is {near}");
        }
        wrong(expr, text, &what)
    }

    /// Expands `q.*`; other items stay.
    pub(crate) fn expand(&self, items: &mut Vec<SelectItem>) {
        let expanded =
            std::mem::take(items).into_iter().flat_map(|item| {
                let SelectItem::QualifiedWildcard(
                    SelectItemQualifiedWildcardKind::ObjectName(name),
                    _,
                ) = &item
                else {
                    return vec![item];
                };
                let Some(alias) = single(name).map(|ident| ident.value.clone()) else {
                    return vec![item];
                };
                let of_it = self.columns.iter().filter(|(known, ..)| *known == alias);
                of_it
                    .map(|(_, _, name)| SelectItem::UnnamedExpr(quoted(name)))
                    .collect()
            });
        *items = expanded.collect();
    }
}

/// Puts the frame's columns in the place of `t.price` and `q.bid`.
pub(crate) struct Rename<'a> {
    pub(crate) joined: &'a Joined,
    pub(crate) text: &'a str,
    /// Queries in expressions have columns of their own.
    pub(crate) depth: usize,
}

impl VisitorMut for Rename<'_> {
    type Break = SqlError;

    fn pre_visit_query(&mut self, _: &mut sqlparser::ast::Query) -> ControlFlow<SqlError> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut sqlparser::ast::Query) -> ControlFlow<SqlError> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut SqlExpr) -> ControlFlow<SqlError> {
        if self.depth == 0 && matches!(expr, SqlExpr::CompoundIdentifier(_)) {
            match self.joined.column(expr, self.text) {
                Ok(name) => *expr = quoted(&name),
                Err(error) => return ControlFlow::Break(error),
            }
        }
        ControlFlow::Continue(())
    }
}

/// Whether the condition is on the times of both.
pub(crate) fn is_by_time(condition: &SqlExpr) -> bool {
    is_mark(condition)
}

fn quoted(name: &str) -> SqlExpr {
    SqlExpr::Identifier(Ident::with_quote('"', name))
}

fn is_mark(condition: &SqlExpr) -> bool {
    matches!(condition, SqlExpr::Identifier(ident) if ident.value == BY_TIME_MARK)
}

/// The sides of `left >= right`, and whether they may be equal.
fn ordered(condition: &SqlExpr) -> Option<(&SqlExpr, bool, &SqlExpr)> {
    match condition {
        SqlExpr::Nested(inner) => ordered(inner),
        SqlExpr::BinaryOp { left, op, right } => match op {
            BinaryOperator::GtEq => Some((left, true, right)),
            BinaryOperator::Gt => Some((left, false, right)),
            BinaryOperator::LtEq => Some((right, true, left)),
            BinaryOperator::Lt => Some((right, false, left)),
            _ => None,
        },
        _ => None,
    }
}

fn wrong(expr: &SqlExpr, text: &str, what: &str) -> SqlError {
    SqlError::at(text, Some(place(expr.span().start)), what)
}
