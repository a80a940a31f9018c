//! A file of any format between its first reading and its last.

use super::options::ImportOptions;
use super::report::Found;
use super::table::Drafted;
use crate::Result;
use crate::databento::DbnOrigin;
use tickloom_types::{Instruments, Record, Ts};

/// A file that was read through once: what its records will mean is known, and they can be made.
pub(crate) trait Prepared {
    /// What the identifiers in the records mean.
    fn instruments(&self) -> &Instruments;

    /// Time of the first record.
    fn started(&self) -> Ts;

    /// Rows that the first reading read, and those of them that it refused.
    fn surveyed(&self) -> (u64, u64) {
        (0, 0)
    }

    /// Whether a price is zero or below, so that it matters what is said of prices.
    fn has_low_prices(&self) -> bool {
        false
    }

    /// Under which numbers the instruments are in a file of DBN.
    fn origin(&self) -> Option<DbnOrigin> {
        None
    }

    /// The records that were made when it was read through, if none of them depends on another, and what became of the rows. Without
    /// them it is read again.
    fn take_drafted(&mut self) -> Option<(Drafted, Found)> {
        None
    }

    /// Makes the records, in the order of their times, and says what became of the rows. Stops at the first error of `push`.
    fn emit(self: Box<Self>, push: Push<'_>) -> Result<Found>;
}

/// Takes records that follow each other.
pub(crate) type Push<'a> = &'a mut dyn FnMut(&[Record]) -> Result<()>;

impl ImportOptions {
    /// What the identifiers in a file's records mean, with the feed latency that is declared.
    pub(super) fn instruments(&self, prepared: &dyn Prepared) -> Instruments {
        let instruments = prepared.instruments().clone();
        match self.feed_latency {
            Some(latency) => instruments.with_feed_latency(latency),
            None => instruments,
        }
    }
}
