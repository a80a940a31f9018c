//! Which outputs are to be looked at in a round, and what made each of them tick.

use super::Watched;
use crate::market::{Market, TickedBy};
use tickloom_signals::{Bits, Graph, MaskWord};

/// The outputs that may have ticked in a round.
#[derive(Clone, Debug)]
pub(super) struct Due {
    /// Of the bars that are counted together now.
    pub(super) outputs: Bits,
    /// Those that ticked with bars that were counted before.
    pub(super) earlier: Bits,
    /// What made each tick, with its place in the moment, where a round has several causes.
    pub(super) causes: Vec<(usize, TickedBy)>,
    pub(super) has_one_cause: bool,
}

impl Due {
    pub(super) fn new(count: usize) -> Due {
        Due {
            outputs: Bits::new(count),
            earlier: Bits::new(count),
            causes: vec![(0, TickedBy::Round); count],
            has_one_cause: true,
        }
    }

    pub(super) fn begin(&mut self, market: &Market) {
        self.outputs.clear();
        self.earlier.clear();
        self.has_one_cause = market.has_one_cause();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.outputs.is_empty()
    }

    /// These may tick, because of a record with this place in the moment. The newest record counts, of equal ones the first.
    #[inline]
    pub(super) fn add(&mut self, outputs: &[MaskWord], place: usize, by: TickedBy) {
        if self.has_one_cause {
            self.outputs.insert_words(outputs);
            return;
        }
        self.add_one_by_one(outputs, place, by);
    }

    fn add_one_by_one(&mut self, outputs: &[MaskWord], place: usize, by: TickedBy) {
        for word in outputs {
            word.for_each(|at| {
                if self.outputs.insert(at) || self.causes[at].0 < place {
                    self.causes[at] = (place, by);
                }
            });
        }
    }

    /// Takes note of what ticked with the bars that were counted so far.
    pub(super) fn keep_ticked(&mut self, graph: &Graph, watched: &[Watched]) {
        let Due {
            outputs, earlier, ..
        } = self;
        outputs.for_each(|at| {
            if graph.ticked(watched[at].output) {
                earlier.insert(at);
            }
        });
    }
}
