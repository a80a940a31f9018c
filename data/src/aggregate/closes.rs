//! The closes of bars, for those who make bars of something else than records.

use super::edges::Edges;
use crate::{Calendar, Result};
use std::sync::Arc;
use tickloom_types::{BarSpec, Ts};

/// When bars of one size close: at multiples of their length in UTC, or at the sessions of a calendar. The same edges as
/// [`crate::Aggregate`]'s.
#[derive(Clone, Debug)]
pub struct Closes {
    edges: Edges,
}

impl Closes {
    /// The closes of bars of this size.
    ///
    /// # Errors
    /// [`crate::DataError::Option`] if sessions cannot be cut into bars of this size.
    pub fn new(size: BarSpec, calendar: Option<Arc<Calendar>>) -> Result<Closes> {
        Edges::new(size, calendar).map(|edges| Closes { edges })
    }

    /// The close of the bar that something of this time is in; `None` outside the sessions.
    pub fn of(&mut self, ts: Ts) -> Option<Ts> {
        self.edges.period(ts).map(|period| period.close)
    }

    /// The close of the bar that a smaller bar is in, which has this size and closes at this time.
    pub fn of_bar(&mut self, size: BarSpec, ts: Ts) -> Option<Ts> {
        self.edges
            .period_of_bar(size, ts)
            .map(|period| period.close)
    }
}
