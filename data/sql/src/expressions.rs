//! What is done to the expressions of a query: queries in them are planned, literals are made exact.

use crate::error::SqlError;
use crate::literals::make_exact;
use crate::plan::Planner;
use sqlparser::ast::{Expr, Query, VisitorMut};
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
}
