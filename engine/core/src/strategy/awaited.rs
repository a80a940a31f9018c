//! Where, in rows of expressions that were evaluated ahead, a strategy may do something.

use super::{Runner, RunnerKind};
use std::ops::Range;
use tickloom_signals::is_true;

impl Runner {
    /// The first of the rows in which rules or a target may want an order while so much is held and no order waits; the end if there is
    /// none. `column` has the values of each expression by its place among those of the strategy, `None` of one that does not tick.
    pub(crate) fn next_event<'a>(
        &self,
        held: i64,
        rows: Range<usize>,
        column: impl Fn(usize) -> Option<&'a [f64]>,
    ) -> usize {
        let Range { start, mut end } = rows;
        match &self.kind {
            RunnerKind::Rules(rules) => {
                let awaited = rules.awaited(held).into_iter().flatten();
                for column in awaited.filter_map(column) {
                    end = first_true(column, start, end);
                }
            }
            RunnerKind::Target(target) => {
                if let Some(column) = column(0) {
                    let differs = |units: &f64| target.differs(*units, held);
                    let first = column[start..end].iter().position(differs);
                    end = first.map_or(end, |from| start + from);
                }
            }
            RunnerKind::Code(_) => {}
        }
        end
    }
}

/// The first row from `at` in which a condition holds; `end` if it holds in none before.
fn first_true(column: &[f64], at: usize, end: usize) -> usize {
    /// Rows that are looked at together, without a branch between them.
    const STRIDE: usize = 8;
    let mut from = at;
    for rows in column[at..end].chunks(STRIDE) {
        if rows.iter().fold(false, |any, value| any | is_true(*value)) {
            let first = rows.iter().position(|value| is_true(*value));
            return from + first.unwrap_or_default();
        }
        from += rows.len();
    }
    end
}
