//! The closes of buckets by a calendar: an expression that gives each row the close of the bar that its time is in, and null
//! outside the sessions.

use crate::error::SqlError;
use crate::sample::Edge;
use polars::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tickloom_data::{Calendars, Closes};
use tickloom_types::{BarSpec, Ts};

/// How many rows are outside the sessions, counted while a statement is run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outside(Arc<AtomicU64>);

impl Outside {
    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The closes of bars of this length.
///
/// # Errors
/// What the data crate says of an unknown calendar, or of a length that sessions cannot be cut into.
pub(crate) fn closes(
    every: &str,
    calendar: &str,
    calendars: &Calendars,
) -> Result<Closes, SqlError> {
    let size: BarSpec = every
        .parse()
        .map_err(|error: tickloom_types::BarSpecError| SqlError::Statement(error.to_string()))?;
    let closes = calendars
        .get(calendar)
        .and_then(|calendar| Closes::new(size, Some(calendar)));
    closes.map_err(|error| SqlError::Statement(error.to_string()))
}

/// The close of the bucket that `time` is in; rows that are in none are counted in `outside`. Bars lie before their stamp, and how far says `bar_spec`.
pub(crate) fn close(time: Expr, closes: Closes, edge: Edge, outside: Outside) -> Expr {
    let output = |_: &Schema, fields: &[Field]| Ok(fields[0].clone());
    let of = move |columns: &mut [Column]| -> PolarsResult<Column> {
        let mut closes = closes.clone();
        let times = columns[0].datetime()?.physical();
        let name = columns[0].name().clone();
        let found: Int64Chunked = match columns.get(1) {
            None => times
                .iter()
                .map(|time| closes.of(Ts(time?)).map(|close| close.0))
                .collect(),
            Some(sizes) => {
                let sizes = sizes.str()?;
                times
                    .iter()
                    .zip(sizes.iter())
                    .map(|(time, size)| {
                        let size = size?.parse::<BarSpec>().ok()?;
                        closes.of_bar(size, Ts(time?)).map(|close| close.0)
                    })
                    .collect()
            }
        };
        let rows = u64::try_from(found.null_count()).unwrap_or(u64::MAX);
        outside.0.fetch_add(rows, Ordering::Relaxed);
        let nanos = found.into_datetime(TimeUnit::Nanoseconds, None);
        Ok(nanos.into_column().with_name(name))
    };
    let sizes = match edge {
        Edge::Later => Vec::new(),
        Edge::Earlier => vec![col("bar_spec")],
    };
    time.map_many(of, &sizes, output)
}
