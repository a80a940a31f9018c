//! The order of rows in time, on which `first`, `last` and as-of joins depend. Files have it mostly, as they are in the order of
//! arrival; where they do, nothing is sorted.

use crate::bounds::Bounds;
use crate::error::SqlError;
use crate::tables::{engine, times_of};
use polars::prelude::*;
use tickloom_catalog::{Catalog, FileRange};

/// The column of times.
pub(crate) const TIME: &str = "ts_event";
/// Columns that give rows their order, as far as a relation has them: time, and what breaks its ties.
pub(crate) const ORDER: [&str; 4] = [TIME, "run", "seq", "number"];

/// How far rows are known to be in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Unknown,
    /// Those of each instrument are.
    OfInstrument,
    /// All are.
    Whole,
}

impl Order {
    /// Whether rows are in order within groups, of one instrument each or of many.
    pub(crate) fn suffices(self, groups_have_one_instrument: bool) -> bool {
        self == Order::Whole || self == Order::OfInstrument && groups_have_one_instrument
    }
}

/// The order of the rows of these files, one file after the other. Reads the times of those in a directory.
///
/// # Errors
/// [`SqlError::Engine`] if a file cannot be read.
pub(crate) fn of_files(
    catalog: &Catalog,
    files: &[FileRange],
    bounds: &Bounds,
) -> Result<Order, SqlError> {
    let mut order = Order::Whole;
    for (nth, files) in files
        .chunk_by(|a, b| a.instrument == b.instrument)
        .enumerate()
    {
        if nth > 0 {
            order = Order::OfInstrument;
        }
        if !files.windows(2).all(|pair| pair[0].precedes(&pair[1])) {
            return Ok(Order::Unknown);
        }
    }
    for file in files {
        let Some(times) = times_of(catalog, file, bounds)? else {
            return Ok(Order::Unknown);
        };
        let times = times.collect().map_err(engine)?;
        for column in times.columns() {
            let column = column.as_materialized_series();
            if !column.is_sorted(SortOptions::default()).map_err(engine)? {
                return Ok(Order::Unknown);
            }
        }
    }
    Ok(order)
}

/// The rows in order, by a column and then by what breaks ties; as they are if there is no such column.
///
/// # Errors
/// [`SqlError::Engine`].
pub(crate) fn sorted(mut frame: LazyFrame, by: &str) -> Result<LazyFrame, SqlError> {
    let schema = frame.collect_schema().map_err(engine)?;
    if !schema.contains(by) {
        return Ok(frame);
    }
    let ties = ORDER
        .into_iter()
        .filter(|name| schema.contains(name) && *name != TIME && *name != by);
    let order: Vec<PlSmallStr> = std::iter::once(by).chain(ties).map(Into::into).collect();
    Ok(frame.sort(
        order,
        SortMultipleOptions::default().with_maintain_order(true),
    ))
}
