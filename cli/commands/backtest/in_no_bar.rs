//! Records that are in no bar of those that are made of them on the way into a run.

use std::sync::{Arc, Mutex, PoisonError};
use tickloom_data::{Aggregate, DataError, LeftOut};
use tickloom_types::{BarSpec, Record, Seq};

/// What is in no bar, of those that are made of records on their way.
#[derive(Clone, Debug, Default)]
pub(super) struct InNoBar(Arc<Mutex<LeftOut>>);

impl InNoBar {
    /// The same bars, of which that is counted.
    pub(super) fn count<I>(&self, made: Aggregate<I>) -> Counted<I> {
        Counted {
            made,
            in_no_bar: self.clone(),
        }
    }

    /// What to say of it, once all records were read.
    pub(super) fn told(&self, bar: Option<BarSpec>) -> Option<String> {
        let left_out = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let LeftOut {
            late,
            outside,
            bad,
            unpriced,
        } = left_out;
        let counts = [
            (
                outside,
                "outside the sessions of their calendars, or only partly within",
            ),
            (late, "older than a bar that was over"),
            (bad, "with sizes or volumes that cannot be"),
            (
                unpriced,
                "quotes of which a side is empty, or the bid is above the ask",
            ),
        ];
        let zone = match outside {
            0 => "",
            _ => "; times without a zone are taken as UTC unless an import is told --zone",
        };
        let counts: Vec<String> = counts
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        let of = bar.map_or(String::new(), |bar| format!(" of {bar}"));
        (!counts.is_empty()).then(|| {
            let counts = counts.join(", ");
            format!("records that are in no bar{of}: {counts}{zone}")
        })
    }
}

/// Bars that are made of records, and what is in none of them.
pub(super) struct Counted<I> {
    made: Aggregate<I>,
    in_no_bar: InNoBar,
}

impl<I: Iterator<Item = Result<(Seq, Record), DataError>>> Iterator for Counted<I> {
    type Item = Result<(Seq, Record), DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.made.next();
        if next.is_none() {
            let mut all = self
                .in_no_bar
                .0
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            *all = self.made.left_out();
        }
        next
    }
}
