//! What is fed to the graph when a bar closes or a price ticks, for thousands of instruments side by side in memory: a moment
//! with a bar of each of them goes through it once.

use crate::book::Top;
use std::ops::Range;
use tickloom_signals::{Field, Graph, LeafId, MaskWord};
use tickloom_types::{BarBody, Record};

/// What is fed by one thing that ticks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Feed<'a> {
    /// Never none.
    pub(super) leaves: &'a [FedLeaf],
    /// What ticks with all of these.
    pub(super) below: &'a [MaskWord],
    /// Outputs that depend on them, by place.
    pub(super) outputs: &'a [MaskWord],
    /// What the graph calls these bars, if it must know when they close.
    pub(super) clock: Option<usize>,
}

/// A leaf, and what it takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct FedLeaf {
    leaf: u32,
    pub(super) field: Field,
}

/// Of each thing that may tick, what it feeds.
#[derive(Clone, Debug, Default)]
pub(super) struct Feeds {
    spans: Vec<Span>,
    leaves: Vec<FedLeaf>,
    words: Vec<MaskWord>,
    /// By what ticks; empty where the graph need not know of any close.
    clocks: Vec<Option<u32>>,
}

/// Where the parts of a feed end; each begins where the one before it ends.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    leaves: u32,
    /// Of `below`; that of `outputs` is behind it.
    below: u32,
    outputs: u32,
}

impl FedLeaf {
    pub(super) fn new(leaf: LeafId, field: Field) -> FedLeaf {
        FedLeaf {
            leaf: place(leaf.0),
            field,
        }
    }

    #[inline]
    pub(super) fn id(self) -> LeafId {
        LeafId(self.leaf as usize)
    }
}

impl Feeds {
    /// Adds the feed of the next thing that ticks.
    pub(super) fn push(&mut self, feed: &Feed<'_>) {
        if self.spans.is_empty() {
            self.spans.push(Span::default());
        }
        if let Some(clock) = feed.clock {
            self.clocks.resize(self.spans.len() - 1, None);
            self.clocks.push(Some(place(clock)));
        }
        self.spans.push(Span {
            leaves: append(&mut self.leaves, feed.leaves),
            below: append(&mut self.words, feed.below),
            outputs: append(&mut self.words, feed.outputs),
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
        let [before, span] = [self.spans[at], self.spans[at + 1]];
        if before.leaves == span.leaves {
            return None;
        }
        let clock = self.clocks.get(at).copied().flatten();
        Some(Feed {
            leaves: &self.leaves[within(before.leaves, span.leaves)],
            below: &self.words[within(before.outputs, span.below)],
            outputs: &self.words[within(span.below, span.outputs)],
            clock: clock.map(|clock| clock as usize),
        })
    }
}

/// Stores the fields of a bar, and says that they ticked.
#[inline(always)]
pub(super) fn store_bar(graph: &mut Graph, feed: &Feed<'_>, bar: &Record) {
    let body = BarBody::of(bar);
    for leaf in feed.leaves {
        let mantissa = match leaf.field {
            Field::Open => body.open,
            Field::High => body.high,
            Field::Low => body.low,
            Field::Volume => body.volume,
            _ => body.close,
        };
        graph.store_mantissa(leaf.id(), mantissa);
    }
    graph.tick(feed.below);
}

/// Stores a field of bid and ask; `scale` is ten to the power of the price decimals.
pub(super) fn store_top(graph: &mut Graph, fed: FedLeaf, top: &Top, scale: f64) {
    let leaf = fed.id();
    match fed.field {
        Field::Bid => graph.store_mantissa(leaf, top.bid),
        Field::Ask => graph.store_mantissa(leaf, top.ask),
        Field::BidQty => graph.store_mantissa(leaf, top.bid_qty),
        Field::AskQty => graph.store_mantissa(leaf, top.ask_qty),
        Field::Mid => graph.store_value(leaf, top.mid_value(scale)),
        Field::Spread => graph.store_value(leaf, top.spread(scale)),
        Field::Microprice => graph.store_value(leaf, top.microprice(scale)),
        _ => graph.store_value(leaf, top.imbalance()),
    }
}

/// Where it ends.
fn append<T: Copy>(all: &mut Vec<T>, more: &[T]) -> u32 {
    all.extend_from_slice(more);
    place(all.len())
}

fn place(at: usize) -> u32 {
    u32::try_from(at).expect("the number of nodes and expressions is limited")
}

#[inline]
fn within(start: u32, end: u32) -> Range<usize> {
    start as usize..end as usize
}
