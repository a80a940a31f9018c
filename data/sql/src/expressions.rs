//! What is done to the expressions of a query: literals are made exact, and queries in them are planned. One that stands for a
//! value or for a list of values is run at once, since the engine can compare with neither in all cases; unless the statement is only
//! explained: then such a value, and the only one of such a list, is null.

use crate::clauses::place;
use crate::error::SqlError;
use crate::limits::DECIMALS_MAX;
use crate::literals::{any_of, literal, make_exact};
use crate::parse::parsed;
use crate::plan::Planner;
use crate::tables::engine;
use polars::prelude::{Column, DataFrame};
use sqlparser::ast::{Expr, Query, Spanned, Value, VisitorMut};
use std::ops::ControlFlow;

/// Goes over expressions; queries in them go to the planner.
pub(crate) struct Expressions<'p, 'a> {
    planner: &'p mut Planner<'a>,
    /// Queries around the place, which the planner has gone over.
    depth: usize,
}

impl<'p, 'a> Expressions<'p, 'a> {
    pub(crate) fn new(planner: &'p mut Planner<'a>) -> Expressions<'p, 'a> {
        Expressions { planner, depth: 0 }
    }
}

impl VisitorMut for Expressions<'_, '_> {
    type Break = SqlError;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<SqlError> {
        self.depth += 1;
        if self.depth == 1
            && let Err(error) = self.planner.query(query)
        {
            return ControlFlow::Break(error);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<SqlError> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<SqlError> {
        if self.depth == 0
            && let Err(error) = make_exact(expr, self.planner.text)
        {
            return ControlFlow::Break(error);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<SqlError> {
        let run = match expr {
            _ if self.depth > 0 => Ok(()),
            Expr::Subquery(query) => self.value(query).map(|value| *expr = value),
            Expr::InSubquery {
                expr: of,
                subquery,
                negated,
            } => self.list(of, subquery, *negated).map(|among| *expr = among),
            _ => Ok(()),
        };
        match run {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }
}

impl Expressions<'_, '_> {
    /// The one value of a query, as a literal.
    fn value(&mut self, query: &Query) -> Result<Expr, SqlError> {
        let rows = self.column(query)?;
        let column = rows.columns().first();
        match (column, rows.height()) {
            (_, 0) => Ok(Expr::value(Value::Null)),
            (Some(column), 1) => literal(&column.get(0).map_err(engine)?)
                .ok_or_else(|| self.wrong(query, "a value of this type cannot stand here")),
            (_, height) => {
                let what = format!("one value is needed here, and the query gives {height} rows");
                Err(self.wrong(query, what))
            }
        }
    }

    /// Whether a value is among those of a query, as an expression.
    fn list(&mut self, of: &Expr, query: &Query, negated: bool) -> Result<Expr, SqlError> {
        let rows = self.column(query)?;
        if self.planner.is_explained {
            return Ok(any_of(of, &[Expr::value(Value::Null)], negated));
        }
        let decimals = |column: &&Column| column.dtype().is_decimal();
        let Some(column) = rows.columns().first().filter(decimals) else {
            return self.rows(of, rows, negated);
        };
        let distinct = column.unique_stable().map_err(engine)?;
        if distinct.len() > DECIMALS_MAX {
            let what = format!(
                "a list of decimals may have {DECIMALS_MAX} at most, and these are {}: join them",
                distinct.len()
            );
            return Err(self.wrong(query, what));
        }
        let literals: Option<Vec<Expr>> = distinct
            .as_materialized_series()
            .iter()
            .map(|value| literal(&value))
            .collect();
        let literals =
            literals.ok_or_else(|| self.wrong(query, "a value of this type cannot stand here"))?;
        Ok(if literals.is_empty() {
            Expr::value(Value::Boolean(negated))
        } else {
            any_of(of, &literals, negated)
        })
    }

    /// As [`Self::list`], by the engine.
    fn rows(&mut self, of: &Expr, rows: DataFrame, negated: bool) -> Result<Expr, SqlError> {
        let subquery = parsed(&format!("SELECT * FROM {}", self.planner.known(rows)))?;
        let expr = Box::new(of.clone());
        Ok(Expr::InSubquery {
            expr,
            subquery,
            negated,
        })
    }

    /// The rows of a query of one column; none of a statement that is explained.
    fn column(&mut self, query: &Query) -> Result<DataFrame, SqlError> {
        let rows = match self.planner.is_explained {
            true => {
                let mut planned = self.planner.run(&query.to_string())?;
                DataFrame::empty_with_schema(&*planned.collect_schema().map_err(engine)?)
            }
            false => self.planner.collected(query)?,
        };
        if rows.width() == 1 {
            return Ok(rows);
        }
        let what = format!(
            "one column is needed here, and the query has {}",
            rows.width()
        );
        Err(self.wrong(query, what))
    }

    fn wrong(&self, query: &Query, what: impl Into<String>) -> SqlError {
        SqlError::at(self.planner.text, Some(place(query.span().start)), what)
    }
}
