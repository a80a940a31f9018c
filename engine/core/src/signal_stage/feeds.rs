//! What is fed to the graph when a bar closes or a price ticks, for thousands of instruments side by side in memory: a moment
//! with a bar of each of them goes through it once.

use std::ops::Range;
use tickloom_signals::{Field, LeafId, MaskWord};

/// What is fed by one thing that ticks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Feed<'a> {
    /// Leaves with the field that each takes; never none.
    pub(super) leaves: &'a [(LeafId, Field)],
    /// What ticks with all of these.
    pub(super) below: &'a [MaskWord],
    /// Outputs that depend on them, by place.
    pub(super) outputs: &'a [MaskWord],
    /// What the graph calls these bars, if it must know when they close.
    pub(super) clock: Option<usize>,
}

/// Of each thing that may tick, what it feeds.
#[derive(Clone, Debug, Default)]
pub(super) struct Feeds {
    spans: Vec<Span>,
    leaves: Vec<(LeafId, Field)>,
    words: Vec<MaskWord>,
}

/// Where the parts of a feed are.
#[derive(Clone, Debug)]
struct Span {
    leaves: Range<u32>,
    below: Range<u32>,
    outputs: Range<u32>,
    clock: Option<u32>,
}

impl Feeds {
    /// Adds the feed of the next thing that ticks.
    pub(super) fn push(&mut self, feed: &Feed<'_>) {
        self.spans.push(Span {
            leaves: append(&mut self.leaves, feed.leaves),
            below: append(&mut self.words, feed.below),
            outputs: append(&mut self.words, feed.outputs),
            clock: feed.clock.map(place),
        });
    }

    /// Whether nothing that ticks feeds anything.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.leaves.is_empty()
    }

    /// What ticks with this one, if anything does.
    #[inline(always)]
    pub(super) fn get(&self, at: usize) -> Option<Feed<'_>> {
        let span = &self.spans[at];
        if span.leaves.is_empty() {
            return None;
        }
        Some(Feed {
            leaves: &self.leaves[within(&span.leaves)],
            below: &self.words[within(&span.below)],
            outputs: &self.words[within(&span.outputs)],
            clock: span.clock.map(|clock| clock as usize),
        })
    }
}

fn append<T: Copy>(all: &mut Vec<T>, more: &[T]) -> Range<u32> {
    let start = place(all.len());
    all.extend_from_slice(more);
    start..place(all.len())
}

fn place(at: usize) -> u32 {
    u32::try_from(at).expect("the number of nodes and expressions is limited")
}

#[inline]
fn within(span: &Range<u32>) -> Range<usize> {
    span.start as usize..span.end as usize
}
