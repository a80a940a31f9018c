//! Signals and the strategies' expressions: one graph, fed by what ticked in the market, read for what changed.
//!
//! All expressions are numbered in one order, signals first, then those of the strategies ("rules"). A stage may hold a
//! contiguous share of them only: that is how workers split them. What is looked at in a round is what depends on what ticked,
//! never all expressions. It makes no output records (see `core.rs`).

mod ahead;
mod due;
mod feeds;
mod state;

pub(crate) use ahead::Ahead;
pub use state::WorkerState;

use crate::config::CoreConfig;
use crate::error::CoreError;
use crate::expressions::{Compiled, Expressions};
use crate::market::{BarCause, Market, Tick, TickedBy};
use ahead::Plan;
use due::Due;
use feeds::{FedLeaf, Feed, Feeds, store_bar, store_top};
use std::collections::BTreeMap;
use std::ops::Range;
use tickloom_signals::{Clock, Field, Graph, LeafId, Mask, OutputId};
use tickloom_types::{Record, pow10};

/// An expression that ticked: a signal if its value changed, a rule whether or not it did.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    /// Its number among all expressions.
    pub(crate) number: usize,
    /// NaN if it is not ready.
    pub(crate) value: f64,
    /// The value before; NaN if it was not ready.
    pub(crate) previous: f64,
    /// What made it tick: of several records the newest, of bars that time closed the first.
    pub(crate) by: TickedBy,
}

/// A feed while it is put together; see [`Feed`].
#[derive(Clone, Debug, Default)]
struct Draft {
    leaves: Vec<FedLeaf>,
    clock: Option<usize>,
    outputs: Mask,
}

/// Why an expectation about builders cannot fail.
const MADE: &str = "the market makes all bars that leaves need";

/// A share of all expressions with what feeds them.
#[derive(Clone, Debug)]
pub(crate) struct SignalStage {
    graph: Graph,
    /// Number of the first output; the others follow.
    first: usize,
    /// Signals come before rules.
    outputs: Vec<Watched>,
    /// Places of outputs without a field in them, until they have been told.
    constants: Vec<usize>,
    /// By builder of the market: its bars.
    on_bar: Feeds,
    /// By instrument: bid, ask and what is made from them.
    on_top: Feeds,
    /// By instrument: the last price.
    on_last: Feeds,
    /// Ten to the power of the price decimals, by instrument.
    price_scales: Vec<f64>,
    /// `together` waits for bars, so that what depends on what was fed may not tick. Otherwise all of it does.
    has_gates: bool,
    round: Due,
    /// By instrument, once one of its quotes was to be evaluated ahead.
    ahead: Vec<Plan>,
}

/// An output of the graph that is watched. Kept small: where thousands tick together, what they cost is their memory.
#[derive(Clone, Copy, Debug)]
struct Watched {
    output: OutputId,
    is_rule: bool,
    /// Without a field in it: it never ticks.
    is_constant: bool,
    value: f64,
}

const _: () = assert!(size_of::<Watched>() == 16);

impl SignalStage {
    /// The expressions of a share, fed from a market that was made for all.
    ///
    /// # Errors
    /// [`CoreError::Expression`].
    pub(crate) fn new(
        expressions: &Expressions,
        share: Range<usize>,
        config: &CoreConfig,
        market: &Market,
    ) -> Result<SignalStage, CoreError> {
        let compiled = expressions.compile(share.clone(), config)?;
        let numbers = (share.start, expressions.signals);
        Ok(SignalStage::of(compiled, numbers, market))
    }

    /// The same of expressions that are compiled, with the number of the first, and how many of all are signals.
    pub(crate) fn of(
        (graph, outputs): Compiled,
        (first, signals): (usize, usize),
        market: &Market,
    ) -> SignalStage {
        let watched = outputs
            .into_iter()
            .zip(first..)
            .map(|(output, number)| Watched {
                output,
                is_rule: number >= signals,
                is_constant: graph.constant(output).is_some(),
                value: f64::NAN,
            });
        let outputs: Vec<Watched> = watched.collect();
        let constant = |at: &usize| {
            let watched: &Watched = &outputs[*at];
            watched.is_constant && !watched.is_rule
        };
        let signals = outputs.partition_point(|watched| !watched.is_rule);
        let defs = market.instruments().defs();
        let mut stage = SignalStage {
            constants: (0..outputs.len()).filter(constant).collect(),
            on_bar: Feeds::default(),
            on_top: Feeds::default(),
            on_last: Feeds::default(),
            price_scales: defs
                .iter()
                .map(|def| pow10(def.price_decimals) as f64)
                .collect(),
            has_gates: !graph.bar_clocks().is_empty(),
            round: Due::new(outputs.len(), signals),
            ahead: Vec::new(),
            first,
            outputs,
            graph,
        };
        stage.connect(market);
        stage
    }

    /// Feeds the graph with what this round of the market ticked and tells what changed, in the order of the numbers.
    ///
    /// Every bar counts: if a builder closed several, the graph is stepped for each set of them in turn, and what is told
    /// of an expression is where it ends. Prices that ticked count once, with the last set.
    #[inline]
    pub(crate) fn step(&mut self, market: &Market, mut on: impl FnMut(Change)) {
        if market.has_nothing_new() && self.constants.is_empty() {
            return;
        }
        // Where expressions read bars alone, nobody looks at what ticked.
        let reads_bars_alone = self.on_top.is_empty() && self.on_last.is_empty();
        if reads_bars_alone
            && !self.has_gates
            && self.constants.is_empty()
            && let Some((bar, cause)) = market.only_bar()
        {
            self.step_bar(market, bar, cause, &mut on);
            return;
        }
        if self.evaluate(market, reads_bars_alone) {
            self.tell(&mut on);
        }
    }

    /// Evaluates what depends on what ticked in this round; `false` if nothing does.
    fn evaluate(&mut self, market: &Market, reads_bars_alone: bool) -> bool {
        self.round.begin(market);
        if !market.has_no_bars() {
            self.feed_bars(market);
        }
        if !reads_bars_alone {
            for (place, tick) in market.tops().iter().enumerate() {
                self.feed_top(market, tick, place);
            }
            for (place, tick) in market.lasts().iter().enumerate() {
                self.feed_last(market, tick, place);
            }
        }
        if market.is_now() && !self.constants.is_empty() {
            self.tell_constants();
        }
        let is_due = !self.round.is_empty();
        if is_due {
            self.graph.step();
        }
        is_due
    }

    /// As [`SignalStage::step`] for the only bar of a round in which nothing else ticks: what it feeds is all that is due.
    #[inline]
    fn step_bar(
        &mut self,
        market: &Market,
        bar: &Record,
        cause: &BarCause,
        on: &mut impl FnMut(Change),
    ) {
        let feed = cause.builder().and_then(|builder| self.on_bar.get(builder));
        let Some(feed) = feed else {
            return;
        };
        store_bar(&mut self.graph, &feed, bar);
        self.graph.step();
        let by = if market.has_one_cause() {
            TickedBy::Round
        } else {
            TickedBy::Bar(0)
        };
        for word in feed.outputs {
            word.for_each(|at| self.outputs[at].tell_now(&self.graph, (self.first + at, by), on));
        }
    }

    /// Feeds the graph with the bars of this round; where there are several sets, all but the last are counted already.
    fn feed_bars(&mut self, market: &Market) {
        if let Some((bar, cause)) = market.only_bar() {
            self.feed_bar(bar, cause, TickedBy::Bar(0));
            return;
        }
        let mut number = 0;
        while let Some(set) = market.bar_set(number) {
            if number > 0 {
                self.graph.step();
                self.round.keep_ticked(&self.graph, &self.outputs);
            }
            set.for_each(|bar, cause, by| self.feed_bar(bar, cause, by));
            number += 1;
        }
    }

    /// Tells what ticked and changed.
    #[inline]
    fn tell(&mut self, on: &mut impl FnMut(Change)) {
        let SignalStage {
            graph,
            first,
            outputs,
            round,
            has_gates,
            ..
        } = self;
        let outputs = &mut outputs[..];
        let mut due = std::mem::take(&mut round.outputs);
        due.drain(|at| {
            let watched = &mut outputs[at];
            let has_ticked = || {
                graph.ticked(watched.output) || watched.is_constant || round.earlier.contains(at)
            };
            debug_assert!(*has_gates || has_ticked());
            if *has_gates && !has_ticked() {
                return;
            }
            let by = if watched.is_constant {
                TickedBy::Round
            } else {
                round.cause(at)
            };
            watched.tell_now(graph, (*first + at, by), on);
        });
        round.outputs = due;
    }

    /// Sorts the graph's leaves by what ticks them, and finds the outputs that may tick with each.
    fn connect(&mut self, market: &Market) {
        let mut places: BTreeMap<OutputId, Vec<usize>> = BTreeMap::new();
        for (at, watched) in self.outputs.iter().enumerate() {
            places.entry(watched.output).or_default().push(at);
        }
        let watched_below = |graph: &Graph, leaf: LeafId| {
            let mut found = Vec::new();
            graph.for_each_below(leaf, |node| {
                found.extend(places.get(&node).into_iter().flatten())
            });
            found
        };
        let mut on_bar = vec![Draft::default(); market.builders().len()];
        let mut on_top = vec![Draft::default(); market.instruments().len()];
        let mut on_last = on_top.clone();
        for (clock, (instrument, spec)) in self.graph.bar_clocks().iter().enumerate() {
            let builder = market.builder(*instrument, *spec);
            let feed = &mut on_bar[builder.expect(MADE)];
            feed.clock = Some(clock);
            let mut found = Vec::new();
            self.graph.for_each_gated(clock, |node| {
                found.extend(places.get(&node).into_iter().flatten());
            });
            feed.outputs.extend(found);
        }
        for at in 0..self.graph.leaves().len() {
            let (id, leaf) = (LeafId(at), self.graph.leaves()[at]);
            let instrument = leaf.instrument.0 as usize;
            let feed = match leaf.clock {
                Clock::Bar(spec) => {
                    let builder = market.builder(leaf.instrument, spec);
                    &mut on_bar[builder.expect(MADE)]
                }
                Clock::Tick if leaf.field == Field::Last => &mut on_last[instrument],
                Clock::Tick => &mut on_top[instrument],
            };
            feed.leaves.push(FedLeaf::new(id, leaf.field));
            feed.outputs.extend(watched_below(&self.graph, id));
        }
        self.on_bar = self.feeds(&on_bar);
        self.on_top = self.feeds(&on_top);
        self.on_last = self.feeds(&on_last);
    }

    fn feeds(&self, drafts: &[Draft]) -> Feeds {
        let mut feeds = Feeds::default();
        for draft in drafts {
            let leaves: Vec<LeafId> = draft.leaves.iter().map(|leaf| leaf.id()).collect();
            feeds.push(&Feed {
                leaves: &draft.leaves,
                below: self.graph.below(&leaves).words(),
                outputs: draft.outputs.words(),
                clock: draft.clock,
            });
        }
        feeds
    }

    fn feed_bar(&mut self, bar: &Record, cause: &BarCause, by: TickedBy) {
        let feed = cause.builder().and_then(|builder| self.on_bar.get(builder));
        let Some(feed) = feed else {
            return;
        };
        store_bar(&mut self.graph, &feed, bar);
        if let Some(clock) = feed.clock {
            self.graph.close(clock, bar.ts_event());
        }
        self.round.add(feed.outputs, cause.place, by);
    }

    fn feed_top(&mut self, market: &Market, tick: &Tick, place: usize) {
        let at = tick.instrument;
        let Some(on_top) = self.on_top.get(at) else {
            return;
        };
        if let Some(top) = market.top_of(tick) {
            for leaf in on_top.leaves {
                store_top(&mut self.graph, *leaf, &top, self.price_scales[at]);
            }
            self.graph.tick(on_top.below);
        } else {
            for leaf in on_top.leaves {
                self.graph.withdraw(leaf.id());
            }
        }
        let by = TickedBy::Top(place);
        self.round.add(on_top.outputs, tick.place, by);
    }

    fn feed_last(&mut self, market: &Market, tick: &Tick, place: usize) {
        if let Some(on_last) = self.on_last.get(tick.instrument)
            && let Some(price) = market.last_of(tick)
        {
            for leaf in on_last.leaves {
                self.graph.store_mantissa(leaf.id(), price);
            }
            self.graph.tick(on_last.below);
            let by = TickedBy::Last(place);
            self.round.add(on_last.outputs, tick.place, by);
        }
    }

    /// Signals without a field in them are told once, with the first record.
    fn tell_constants(&mut self) {
        for at in self.constants.drain(..) {
            self.round.outputs.insert(at);
        }
    }
}

impl Watched {
    /// Tells of its value in the graph as [`Watched::tell`] does.
    #[inline(always)]
    fn tell_now(&mut self, graph: &Graph, of: (usize, TickedBy), on: &mut impl FnMut(Change)) {
        self.tell(graph.value(self.output).unwrap_or(f64::NAN), of, on);
    }

    /// Tells of this value if it is another than before; of a rule that ticked, in any case.
    #[inline(always)]
    fn tell(&mut self, value: f64, (number, by): (usize, TickedBy), on: &mut impl FnMut(Change)) {
        let previous = std::mem::replace(&mut self.value, value);
        if self.is_rule || previous.to_bits() != self.value.to_bits() {
            on(Change {
                number,
                value: self.value,
                previous,
                by,
            });
        }
    }
}
