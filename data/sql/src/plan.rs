//! From a statement to what the engine runs: names of tables become frames over the files that can have its rows, common table
//! expressions become frames, and what the engine's SQL does not know is done on frames. What is read here is
//! the index, and times, where the order of rows counts.

use crate::asof::{self, Joined, Rename};
use crate::bounds::{Bare, Bounds, joins_instruments};
use crate::clauses::{Sample, place};
use crate::error::{SqlError, nearest};
use crate::expressions::Expressions;
use crate::limits::{QUERY_DEPTH_MAX, RELATIONS_MAX};
use crate::names::{self, alias_of, single};
use crate::order::{TIME, sorted};
use crate::parse::parsed;
use crate::reading::Reading;
use crate::relation::Relation;
use crate::sample::{self, Edge};
use crate::session::guarded;
use crate::sessions::Outside;

use polars::prelude::{DataFrame, LazyFrame, PolarsResult};
use polars::sql::SQLContext;
use sqlparser::ast::{
    Expr, Ident, JoinOperator, ObjectName, OrderBy, Query, Select, SetExpr, Spanned, TableFactor,
    TableWithJoins, VisitMut,
};
use std::ops::ControlFlow;
use tickloom_catalog::Table;

/// What a statement needs to be planned, and what is learned on the way.
pub(crate) struct Planner<'a> {
    pub(crate) text: &'a str,
    samples: &'a [Sample],
    pub(crate) reading: Reading<'a>,
    pub(crate) context: SQLContext,
    /// Names given by WITH, the innermost last.
    scope: Vec<(String, Relation)>,
    depth: usize,
    pub(crate) frames: usize,
    /// What each frame is called in the statement.
    pub(crate) names: Vec<(String, String)>,
    /// Of each `SAMPLE BY` with a calendar, its name and how many rows are outside its sessions.
    pub(crate) outside: Vec<(String, Outside)>,
    /// Whether the statement is explained and not run.
    pub(crate) is_explained: bool,
}

impl<'a> Planner<'a> {
    pub(crate) fn new(text: &'a str, samples: &'a [Sample], reading: Reading<'a>) -> Planner<'a> {
        Planner {
            text,
            samples,
            reading,
            context: SQLContext::new(),
            scope: Vec::new(),
            depth: 0,
            frames: 0,
            names: Vec::new(),
            outside: Vec::new(),
            is_explained: false,
        }
    }

    fn wrong(&self, at: &impl Spanned, what: impl Into<String>) -> SqlError {
        SqlError::at(self.text, Some(place(at.span().start)), what)
    }

    /// Plans a query and those in it.
    ///
    /// # Errors
    /// [`SqlError::At`] for what is unknown or not allowed; [`SqlError::Catalog`]; [`SqlError::Engine`].
    pub(crate) fn query(&mut self, query: &mut Query) -> Result<(), SqlError> {
        self.depth += 1;
        if self.depth > QUERY_DEPTH_MAX {
            let what = format!("queries may be nested {QUERY_DEPTH_MAX} deep");
            return Err(self.wrong(query, what));
        }
        let outer = self.scope.len();
        if let Some(with) = query.with.take() {
            if with.recursive {
                return Err(self.wrong(&with, "WITH RECURSIVE is not understood"));
            }
            for mut cte in with.cte_tables {
                if !cte.alias.columns.is_empty() {
                    let what = "name the columns in the query, not after the name of the table";
                    return Err(self.wrong(&ObjectName::from(cte.alias.name), what));
                }
                let relation = self.result(&mut cte.query)?;
                self.scope.push((cte.alias.name.value, relation));
            }
        }
        let Query { body, order_by, .. } = query;
        self.body(body, order_by)?;
        if order_by.is_some() && matches!(**body, SetExpr::SetOperation { .. }) {
            // The engine would order each side by itself, and by its own columns.
            *body = parsed(&format!("SELECT * FROM ({body}) AS query"))?.body;
        }
        self.scope.truncate(outer);
        self.depth -= 1;
        Ok(())
    }

    fn body(&mut self, body: &mut SetExpr, order_by: &mut Option<OrderBy>) -> Result<(), SqlError> {
        match body {
            SetExpr::Select(select) => self.select(select, order_by),
            SetExpr::Query(query) => self.query(query),
            SetExpr::SetOperation { left, right, .. } => {
                self.body(left, &mut None)?;
                self.body(right, &mut None)
            }
            SetExpr::Values(_) => Ok(()),
            other => Err(self.wrong(other, REFUSED)),
        }
    }

    fn select(
        &mut self,
        select: &mut Select,
        order_by: &mut Option<OrderBy>,
    ) -> Result<(), SqlError> {
        if let Some(into) = &select.into {
            return Err(self.wrong(&into.name, REFUSED));
        }
        names::by_text(select, order_by);
        let sample = sample::taken(select, self.samples).cloned();
        let condition = select.selection.clone();
        let mut from = std::mem::take(&mut select.from);
        let frames = self.as_frames(&mut from, condition.as_ref(), sample.is_some())?;
        if let Some((joined, table)) = frames {
            joined.expand(&mut select.projection);
            self.rename(select, order_by, &joined)?;
            let edge = if table.is_some_and(Table::is_bars) {
                Edge::Earlier
            } else {
                Edge::Later
            };
            let frame = match &sample {
                Some(sample) => {
                    let by_instrument = sample::group(select, order_by, sample, self.text)?;
                    let frame = match joined.order.suffices(by_instrument) {
                        true => joined.frame,
                        false => {
                            self.reading.memory.take(joined.sorting)?;
                            sorted(joined.frame, TIME)?
                        }
                    };
                    self.with_buckets(frame, sample, edge, (&from[0].relation, select))?
                }
                None => joined.frame,
            };
            from[0].joins.clear();
            let alias = alias_of(&from[0].relation).unwrap_or_else(|| Ident::new("joined"));
            from[0].relation = self.registered(alias, frame);
        } else {
            for (nth, item) in from.iter_mut().enumerate() {
                let bare = if nth == 0 { Bare::Ours } else { Bare::Others };
                self.joined(item, condition.as_ref(), bare)?;
            }
        }
        self.expressions(select)?;
        self.expressions(order_by)?;
        for join in from.iter_mut().flat_map(|item| &mut item.joins) {
            self.expressions(&mut join.join_operator)?;
        }
        select.from = from;
        Ok(())
    }

    /// What is selected from, as one frame, if it has to be one: for `SAMPLE BY` and as-of joins.
    fn as_frames(
        &mut self,
        from: &mut [TableWithJoins],
        condition: Option<&Expr>,
        is_sampled: bool,
    ) -> Result<Option<(Joined, Option<Table>)>, SqlError> {
        let mut joins = from.iter().flat_map(|item| &item.joins);
        let is_asof = |operator: &JoinOperator| matches!(operator, JoinOperator::AsOf { .. });
        let has_asof = joins.clone().any(|join| is_asof(&join.join_operator));
        if !has_asof && !is_sampled {
            return Ok(None);
        }
        if let Some(other) = joins.find(|join| !is_asof(&join.join_operator)) {
            let what = "this join cannot stand beside SAMPLE BY or an as-of join: put it into a query in parentheses";
            return Err(self.wrong(&other.relation, what));
        }
        let [item] = from else {
            let what = "SAMPLE BY and as-of joins are of one table, or of a query in parentheses";
            return Err(SqlError::Statement(what.to_owned()));
        };
        let (alias, left) = self.relation(&mut item.relation, condition, Bare::Ours, None)?;
        let bounds = Bounds::of(condition, &alias.value, Bare::Ours);
        let (table, order) = (left.table(), left.order(self.reading.catalog)?);
        let mut joined = Joined::new(&alias.value, left, order)?;
        for join in &mut item.joins {
            let JoinOperator::AsOf {
                match_condition,
                constraint,
            } = &join.join_operator
            else {
                continue;
            };
            let mut admitted = Bounds::default();
            if joins_instruments(constraint) {
                admitted.instruments.clone_from(&bounds.instruments);
            }
            if asof::is_by_time(match_condition) {
                admitted.to = bounds.to;
            }
            let (alias, right) =
                self.relation(&mut join.relation, None, Bare::Others, Some(&admitted))?;
            let order = right.order(self.reading.catalog)?;
            let right = Joined::new(&alias.value, right, order)?;
            joined = joined.join(right, match_condition, constraint, self.text)?;
        }
        self.reading.memory.take(joined.sorted)?;
        Ok(Some((joined, table)))
    }

    /// A relation with plain joins: names become those of frames.
    fn joined(
        &mut self,
        item: &mut TableWithJoins,
        condition: Option<&Expr>,
        bare: Bare,
    ) -> Result<(), SqlError> {
        self.factor(&mut item.relation, condition, bare)?;
        for join in &mut item.joins {
            self.factor(&mut join.relation, condition, Bare::Others)?;
        }
        Ok(())
    }

    fn factor(
        &mut self,
        factor: &mut TableFactor,
        condition: Option<&Expr>,
        bare: Bare,
    ) -> Result<(), SqlError> {
        match factor {
            TableFactor::Derived { subquery, .. } => self.query(subquery),
            TableFactor::NestedJoin {
                table_with_joins, ..
            } => self.joined(table_with_joins, None, Bare::Others),
            _ => {
                let (alias, relation) = self.relation(factor, condition, bare, None)?;
                *factor = self.registered(alias, relation.frame);
                Ok(())
            }
        }
    }

    /// What a name or a query in parentheses stands for, and what it is called. `admitted` takes the place of the condition.
    fn relation(
        &mut self,
        factor: &mut TableFactor,
        condition: Option<&Expr>,
        bare: Bare,
        admitted: Option<&Bounds>,
    ) -> Result<(Ident, Relation), SqlError> {
        let alias = alias_of(factor);
        match factor {
            TableFactor::Derived { subquery, .. } => {
                let alias = alias.unwrap_or_else(|| Ident::new("query"));
                Ok((alias, self.result(subquery)?))
            }
            TableFactor::Table {
                name, args: None, ..
            } => {
                let (alias, name) = match (alias, single(name)) {
                    (Some(alias), Some(name)) => (alias, name.clone()),
                    _ => return Err(self.unknown_table(name)),
                };
                let given = self.scope.iter().rev().find(|(known, _)| *known == name.value);
                if let Some((_, relation)) = given {
                    return Ok((alias, relation.clone()));
                }
                let Some(table) = Table::from_name(&name.value.to_lowercase()) else {
                    return Err(self.unknown_table(&ObjectName::from(name)));
                };
                if self.reading.relations() == RELATIONS_MAX {
                    let what = format!("a statement may name {RELATIONS_MAX} tables at most");
                    return Err(self.wrong(&ObjectName::from(name), what));
                }
                let bounds = match admitted {
                    Some(bounds) => bounds.clone(),
                    None => Bounds::of(condition, &alias.value, bare),
                };
                Ok((alias, self.reading.scan(table, bounds)?))
            }
            other => Err(self.wrong(
                other,
                "only the catalog's tables and queries in parentheses can be read, no functions and no files",
            )),
        }
    }

    fn unknown_table(&self, name: &ObjectName) -> SqlError {
        let written = name.to_string();
        let given = self.scope.iter().map(|(name, _)| name.as_str());
        let tables = Table::ALL.iter().map(|table| table.name()).chain(given);
        let what = match nearest(written.trim_matches(['"', '\'', '`']), tables) {
            Some(near) => format!("no table {written}; there is {near}"),
            None => format!("no table {written}; SHOW TABLES names them"),
        };
        self.wrong(name, what)
    }

    /// The result of a query, planned.
    fn result(&mut self, query: &mut Query) -> Result<Relation, SqlError> {
        let before = self.reading.memory.sorting();
        self.query(query)?;
        let sorting = self.reading.memory.sorting() - before;
        Ok(Relation::of_query(self.run(&query.to_string())?, sorting))
    }

    /// Lets the engine take a planned statement.
    pub(crate) fn run(&mut self, statement: &str) -> Result<LazyFrame, SqlError> {
        guarded(|| -> PolarsResult<LazyFrame> {
            let mut frame = self.context.execute(statement)?;
            frame.collect_schema()?;
            Ok(frame)
        })?
        .map_err(|error| self.explained(&error))
    }

    /// The rows of a query that has been planned.
    ///
    /// # Errors
    /// As the engine's.
    pub(crate) fn collected(&mut self, query: &Query) -> Result<DataFrame, SqlError> {
        // The order of rows counts, where first() and last() are: no sort may be left out.
        let frame = self.run(&query.to_string())?.with_check_order(false);
        let found = guarded(|| frame.collect());
        if let Some(error) = self.reading.faults.take() {
            return Err(error.into());
        }
        found?.map_err(|error| self.explained(&error))
    }

    fn rename(
        &self,
        select: &mut Select,
        order_by: &mut Option<OrderBy>,
        joined: &Joined,
    ) -> Result<(), SqlError> {
        let mut rename = Rename {
            joined,
            text: self.text,
            depth: 0,
        };
        stopped(select.visit(&mut rename))?;
        stopped(order_by.visit(&mut rename))
    }

    /// Plans queries in expressions, and makes literals exact.
    pub(crate) fn expressions(&mut self, tree: &mut impl VisitMut) -> Result<(), SqlError> {
        stopped(tree.visit(&mut Expressions::new(self)))
    }
}

/// What is said of statements that would change something.
pub(crate) const REFUSED: &str =
    "only SELECT, WITH, SHOW and EXPLAIN are allowed: SQL never changes a catalog";

fn stopped(flow: ControlFlow<SqlError>) -> Result<(), SqlError> {
    match flow {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}
