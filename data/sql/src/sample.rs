//! `SAMPLE BY`: rows in buckets of time. A bucket is stamped with its close, as bars are; a bucket without rows has no row.

use crate::clauses::{SAMPLE_MARK, Sample};
use crate::error::SqlError;
use crate::order::TIME;
use crate::sessions::{self, Outside};
use polars::prelude::*;
use sqlparser::ast::{
    Expr as SqlExpr, GroupByExpr, Ident, OrderBy, OrderByExpr, OrderByKind, Select, SelectItem,
    VisitMut, VisitorMut, visit_expressions,
};
use std::convert::Infallible;
use std::ops::ControlFlow;
use tickloom_catalog::Catalog;
use tickloom_data::Calendars;

/// The column that has the close of the bucket that a row is in.
const BUCKET: &str = "__bucket";
/// Functions that make one value of many.
const AGGREGATES: &[&str] = &[
    "array_agg",
    "avg",
    "bit_and",
    "bit_or",
    "bit_xor",
    "corr",
    "count",
    "covar",
    "covar_pop",
    "covar_samp",
    "first",
    "group_concat",
    "last",
    "listagg",
    "max",
    "median",
    "min",
    "quantile_cont",
    "quantile_disc",
    "stddev",
    "stddev_samp",
    "stdev",
    "stdev_samp",
    "string_agg",
    "sum",
    "total",
    "var",
    "var_samp",
    "variance",
];

/// Whether a row at the edge of two buckets belongs to the earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edge {
    /// It lies before its stamp, as a bar does.
    Earlier,
    /// It happens at its stamp.
    Later,
}

/// The clause that a mark in the grouping stands for.
pub(crate) fn taken<'a>(select: &Select, samples: &'a [Sample]) -> Option<&'a Sample> {
    let GroupByExpr::Expressions(keys, _) = &select.group_by else {
        return None;
    };
    keys.iter().find_map(|key| match key {
        SqlExpr::Identifier(ident) => {
            let number = ident.value.strip_prefix(SAMPLE_MARK)?;
            samples.get(number.parse::<usize>().ok()?)
        }
        _ => None,
    })
}

/// The frame with the close of each row's bucket, without the rows that are in none: these are counted in `outside`.
///
/// # Errors
/// [`SqlError::At`] for a zone that is not known or a relation without times.
pub(crate) fn with_buckets(
    mut frame: LazyFrame,
    sample: &Sample,
    (edge, outside): (Edge, Outside),
    catalog: &Catalog,
    text: &str,
) -> Result<LazyFrame, SqlError> {
    let wrong = |what: String| SqlError::at(text, Some(sample.place), what);
    let schema = frame.collect_schema().map_err(crate::tables::engine)?;
    if !schema.contains(TIME) {
        return Err(wrong(format!("SAMPLE BY needs a column {TIME}")));
    }
    let zone = TimeZone::opt_try_new(sample.zone.as_deref()).map_err(|_| {
        wrong(format!(
            "no time zone {:?}",
            sample.zone.as_deref().unwrap_or("")
        ))
    })?;
    let Some(calendar) = &sample.calendar else {
        return Ok(frame.with_columns([close(&sample.every, zone, edge).alias(BUCKET)]));
    };
    let calendars = Calendars::with_own(&catalog.root().join("_calendars"))?;
    let closes = sessions::closes(&sample.every, calendar, &calendars)
        .map_err(|error| wrong(error.to_string()))?;
    let bucket = sessions::close(col(TIME), closes, edge, outside).alias(BUCKET);
    let within = frame.with_columns([bucket]);
    Ok(within.filter(col(BUCKET).is_not_null()))
}

/// The close of the bucket that `ts_event` is in.
fn close(every: &str, zone: Option<TimeZone>, edge: Edge) -> Expr {
    let time = match edge {
        Edge::Later => col(TIME),
        Edge::Earlier => col(TIME).dt().offset_by(lit("-1ns")),
    };
    let there = |time: Expr, zone: Option<TimeZone>| {
        time.dt()
            .replace_time_zone(zone, lit("raise"), NonExistent::Raise)
    };
    match zone {
        None => time
            .dt()
            .truncate(lit(every.to_owned()))
            .dt()
            .offset_by(lit(every.to_owned())),
        Some(zone) => {
            let local = there(time, Some(TimeZone::UTC))
                .dt()
                .convert_time_zone(zone);
            let close = local
                .dt()
                .truncate(lit(every.to_owned()))
                .dt()
                .offset_by(lit(every.to_owned()));
            there(close.dt().convert_time_zone(TimeZone::UTC), None)
        }
    }
}

/// Rewrites the query to group by bucket and by what is selected beside aggregates; orders it by both unless it has an order.
/// Gives whether the rows of a group are of one instrument.
///
/// # Errors
/// [`SqlError::At`] for `*`, a window function, and a grouping beside the clause.
pub(crate) fn group(
    select: &mut Select,
    order_by: &mut Option<OrderBy>,
    sample: &Sample,
    text: &str,
) -> Result<bool, SqlError> {
    let wrong = |what: &str| SqlError::at(text, Some(sample.place), what);
    let mut keys: Vec<SqlExpr> = Vec::new();
    let mut order = vec![Ident::new(BUCKET)];
    let mut has_time = false;
    for item in &mut select.projection {
        let (expr, alias) = match item {
            SelectItem::UnnamedExpr(expr) => (expr, None),
            SelectItem::ExprWithAlias { expr, alias } => (expr, Some(alias.clone())),
            _ => return Err(wrong("SAMPLE BY needs columns by name, not *")),
        };
        if is_aggregate(expr) || matches!(expr, SqlExpr::Value(_)) {
            continue;
        }
        let name = alias.or_else(|| name_of(expr));
        let is_bucket = is_time(expr);
        let ControlFlow::Continue(()) = expr.visit(&mut ToBucket);
        keys.push(expr.clone());
        if let Some(name) = name {
            has_time |= name.value == TIME;
            if !is_bucket {
                order.push(name.clone());
            }
            *item = SelectItem::ExprWithAlias {
                expr: keys[keys.len() - 1].clone(),
                alias: name,
            };
        }
    }
    let bucket = SqlExpr::Identifier(Ident::new(BUCKET));
    if !keys.contains(&bucket) {
        keys.push(bucket);
    }
    let has_instrument = |key| name_of(key).is_some_and(|name| name.value == "instrument");
    let by_instrument = keys.iter().any(has_instrument);
    select.group_by = GroupByExpr::Expressions(keys, Vec::new());
    if order_by.is_none() {
        let by = order.into_iter().map(OrderByExpr::from).collect();
        *order_by = Some(OrderBy {
            kind: OrderByKind::Expressions(by),
            interpolate: None,
        });
    } else if !has_time {
        let ControlFlow::Continue(()) = order_by.visit(&mut ToBucket);
    }
    Ok(by_instrument)
}

/// The name that a bare column has in the result.
fn name_of(expr: &SqlExpr) -> Option<Ident> {
    match expr {
        SqlExpr::Identifier(ident) => Some(ident.clone()),
        SqlExpr::CompoundIdentifier(parts) => parts.last().cloned(),
        _ => None,
    }
}

fn is_time(expr: &SqlExpr) -> bool {
    name_of(expr).is_some_and(|name| name.value == TIME)
}

fn is_aggregate(expr: &SqlExpr) -> bool {
    let found = visit_expressions(expr, |inner| match inner {
        SqlExpr::Function(function)
            if AGGREGATES.contains(&function.name.to_string().to_lowercase().as_str()) =>
        {
            ControlFlow::Break(())
        }
        _ => ControlFlow::Continue(()),
    });
    found.is_break()
}

/// Puts the bucket in the place of the time.
struct ToBucket;

impl VisitorMut for ToBucket {
    type Break = Infallible;

    fn pre_visit_expr(&mut self, expr: &mut SqlExpr) -> ControlFlow<Infallible> {
        if is_time(expr) {
            *expr = SqlExpr::Identifier(Ident::new(BUCKET));
        }
        ControlFlow::Continue(())
    }
}
