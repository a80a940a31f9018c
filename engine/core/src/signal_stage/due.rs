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
    /// What made each signal tick, with its place in the moment, where a round has several causes. Signals come first, and
    /// nobody asks of rules.
    causes: Vec<(usize, TickedBy)>,
    has_one_cause: bool,
}

impl Due {
    /// For so many outputs, of which the first are so many signals.
    pub(super) fn new(count: usize, signals: usize) -> Due {
        Due {
            outputs: Bits::new(count),
            earlier: Bits::new(count),
            causes: vec![(0, TickedBy::Round); signals],
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
        if !self.has_one_cause && !self.causes.is_empty() {
            self.note_causes(outputs, place, by);
        }
        self.outputs.insert_words(outputs);
    }

    fn note_causes(&mut self, outputs: &[MaskWord], place: usize, by: TickedBy) {
        for word in outputs {
            word.for_each(|at| {
                if let Some(cause) = self.causes.get_mut(at)
                    && (!self.outputs.contains(at) || cause.0 < place)
                {
                    *cause = (place, by);
                }
            });
        }
    }

    /// What made an output tick that was added in this round.
    #[inline]
    pub(super) fn cause(&self, at: usize) -> TickedBy {
        match self.causes.get(at) {
            Some((_, by)) if !self.has_one_cause => *by,
            _ => TickedBy::Round,
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
