//! What `together` waits for: several series of bars whose newest closes are at one time.
//!
//! A node under a gate has no leaves: it ticks when the gate opens, which is when bars of the gate have closed since the last
//! step and the newest bars of all its series have the same close, whether they came in one step or one after the other.

use crate::bits::{Bits, Mask};
use crate::field::BarClock;
use std::collections::BTreeSet;
use tickloom_types::Ts;

/// All gates of a graph.
#[derive(Clone, Debug)]
pub(crate) struct Gates {
    clocks: Vec<BarClock>,
    /// By clock: the newest close.
    newest: Vec<Option<Ts>>,
    /// By clock: the gates that wait for it.
    waiting: Vec<Mask>,
    gates: Vec<Gate>,
    /// Gates of which bars have closed since the last step.
    due: Bits,
}

#[derive(Clone, Debug)]
struct Gate {
    /// Places in `Gates::clocks`; never none.
    clocks: Vec<usize>,
    /// The nodes that tick when it opens.
    below: Mask,
}

impl Gates {
    /// Of the bars that each waits for, with the nodes that tick when it opens.
    pub(crate) fn new(gates: Vec<BTreeSet<BarClock>>, below: Vec<Vec<usize>>) -> Gates {
        let all: BTreeSet<BarClock> = gates.iter().flatten().copied().collect();
        let clocks: Vec<BarClock> = all.into_iter().collect();
        let mut waiting = vec![Vec::new(); clocks.len()];
        let due = Bits::new(gates.len());
        let mut made = Vec::with_capacity(gates.len());
        for (at, (of, below)) in gates.into_iter().zip(below).enumerate() {
            let places = of
                .iter()
                .filter_map(|clock| clocks.binary_search(clock).ok());
            let places: Vec<usize> = places.collect();
            for place in &places {
                waiting[*place].push(at);
            }
            made.push(Gate {
                clocks: places,
                below: Mask::of(below),
            });
        }
        Gates {
            newest: vec![None; clocks.len()],
            waiting: waiting.into_iter().map(Mask::of).collect(),
            gates: made,
            clocks,
            due,
        }
    }

    /// By clock: the newest close.
    pub(crate) fn newest(&self) -> &[Option<Ts>] {
        &self.newest
    }

    pub(crate) fn newest_mut(&mut self) -> &mut [Option<Ts>] {
        &mut self.newest
    }

    /// Whether bars of a gate have closed since the last step.
    pub(crate) fn is_due(&self) -> bool {
        !self.due.is_empty()
    }

    pub(crate) fn clocks(&self) -> &[BarClock] {
        &self.clocks
    }

    pub(crate) fn close(&mut self, clock: usize, close: Ts) {
        self.newest[clock] = Some(close);
        self.due.insert_all(&self.waiting[clock]);
    }

    pub(crate) fn for_each_below(&self, clock: usize, mut on: impl FnMut(usize)) {
        self.waiting[clock].for_each(|gate| self.gates[gate].below.for_each(&mut on));
    }

    /// Marks the nodes of gates that open now.
    #[inline]
    pub(crate) fn open(&mut self, pending: &mut Bits) {
        if self.due.is_empty() {
            return;
        }
        let Gates {
            newest, gates, due, ..
        } = self;
        due.for_each(|at| {
            let gate = &gates[at];
            let close = newest[gate.clocks[0]];
            if gate.clocks.iter().all(|clock| newest[*clock] == close) {
                pending.insert_all(&gate.below);
            }
        });
        due.clear();
    }
}
