//! Quotes of one instrument, evaluated many at a time before anybody looks at one of them: what the core's stretches read.

use super::feeds::FedLeaf;
use super::{Change, SignalStage};
use crate::book::Top;
use crate::market::TickedBy;
use tickloom_signals::{Field, OutputId, Stretch};
use tickloom_types::{Flags, InstrumentId, QuoteBody, Record};

/// The values of all expressions that the quotes of an instrument tick, for some of these quotes.
#[derive(Clone, Debug)]
pub(crate) struct Ahead {
    /// `None` where nothing reads these quotes.
    stretch: Option<Stretch>,
    fields: Vec<FedLeaf>,
    /// Places of the outputs among those of the stage, in order; signals come first.
    outputs: Vec<usize>,
    /// By row: the quote that ends a moment, among those that were given.
    ends: Vec<usize>,
}

/// What is known of how to evaluate the quotes of an instrument.
#[derive(Clone, Debug, Default)]
pub(super) enum Plan {
    #[default]
    Unknown,
    /// Only one by one.
    Impossible,
    Made(Box<Ahead>),
}

impl SignalStage {
    /// Takes what evaluates the quotes of an instrument out, to be given back by [`SignalStage::put_ahead`]. `None` if they have to come
    /// one by one.
    pub(crate) fn take_ahead(&mut self, instrument: InstrumentId) -> Option<Box<Ahead>> {
        if !self.constants.is_empty() {
            return None;
        }
        if self.ahead.is_empty() {
            let count = self.price_scales.len();
            self.ahead.resize_with(count, Plan::default);
        }
        let at = instrument.0 as usize;
        match std::mem::replace(self.ahead.get_mut(at)?, Plan::Impossible) {
            Plan::Made(ahead) => Some(ahead),
            Plan::Unknown => self.plan_ahead(at).map(Box::new),
            Plan::Impossible => None,
        }
    }

    /// Gives it back.
    pub(crate) fn put_ahead(&mut self, instrument: InstrumentId, ahead: Box<Ahead>) {
        if let Some(plan) = self.ahead.get_mut(instrument.0 as usize) {
            *plan = Plan::Made(ahead);
        }
    }

    fn plan_ahead(&self, instrument: usize) -> Option<Ahead> {
        let Some(feed) = self.on_top.get(instrument) else {
            return Some(Ahead {
                stretch: None,
                fields: Vec::new(),
                outputs: Vec::new(),
                ends: Vec::new(),
            });
        };
        let leaves: Vec<_> = feed.leaves.iter().map(|leaf| leaf.id()).collect();
        let mut outputs = Vec::new();
        for word in feed.outputs {
            word.for_each(|at| outputs.push(at));
        }
        Some(Ahead {
            stretch: Some(self.graph.stretch(&leaves)?),
            fields: feed.leaves.to_vec(),
            outputs,
            ends: Vec::new(),
        })
    }

    /// Evaluates plain quotes of one instrument, which are whole moments; how many of them, which are whole moments too.
    pub(crate) fn evaluate_ahead(&mut self, quotes: &[Record], ahead: &mut Ahead) -> usize {
        let count = ahead.divide(quotes);
        let instrument = quotes[0].header.instrument as usize;
        let ends = &ahead.ends[..];
        let tops = ends
            .iter()
            .map(|end| Top::of(&QuoteBody::of(&quotes[*end])));
        let scale = self.price_scales[instrument];
        let Some(stretch) = &mut ahead.stretch else {
            return count;
        };
        for (leaf, fed) in ahead.fields.iter().enumerate() {
            let mut exact = |of: fn(Top) -> i64| {
                let column = stretch.mantissas_mut(leaf);
                column.clear();
                column.extend(tops.clone().map(of));
            };
            match fed.field {
                Field::Bid => exact(|top| top.bid),
                Field::Ask => exact(|top| top.ask),
                Field::BidQty => exact(|top| top.bid_qty),
                Field::AskQty => exact(|top| top.ask_qty),
                field => {
                    let column = stretch.values_mut(leaf);
                    column.clear();
                    match field {
                        Field::Mid => column.extend(tops.clone().map(|top| top.mid_value(scale))),
                        Field::Spread => column.extend(tops.clone().map(|top| top.spread(scale))),
                        Field::Microprice => {
                            column.extend(tops.clone().map(|top| top.microprice(scale)));
                        }
                        _ => column.extend(tops.clone().map(|top| top.imbalance())),
                    }
                }
            }
        }
        self.graph.run_stretch(stretch, ends.len());
        count
    }

    /// The numbers of the expressions that tick with these quotes, in order.
    pub(crate) fn numbers<'a>(&self, ahead: &'a Ahead) -> impl Iterator<Item = usize> + use<'a> {
        let first = self.first;
        ahead.outputs.iter().map(move |at| first + at)
    }

    /// Whether a value of some row was ready, by the number of its expression.
    pub(crate) fn was_ready_ahead(&self, ahead: &Ahead, was_ready: &mut [bool]) {
        for at in &ahead.outputs {
            let was_ready = &mut was_ready[self.first + at];
            if !*was_ready && let Some(column) = ahead.column(self.outputs[*at].output) {
                *was_ready = column.iter().any(|value| !value.is_nan());
            }
        }
    }

    /// The column of an expression, if it ticks with these quotes.
    pub(crate) fn column_ahead<'a>(&self, ahead: &'a Ahead, number: usize) -> Option<&'a [f64]> {
        let watched = self.outputs.get(number.checked_sub(self.first)?)?;
        ahead.column(watched.output)
    }

    /// The first row from `row` on and before `end` in which a signal is another than it was told last; `end` if none is.
    pub(crate) fn next_change(&self, ahead: &Ahead, row: usize, end: usize) -> usize {
        let signals = ahead.outputs.iter().map(|at| &self.outputs[*at]);
        let mut end = end;
        for signal in signals.take_while(|watched| !watched.is_rule) {
            if let Some(column) = ahead.column(signal.output) {
                let told = signal.value.to_bits();
                let mut later = column[row..end].iter();
                let changed = later.position(|value| plain(*value).to_bits() != told);
                end = changed.map_or(end, |rows| row + rows);
            }
        }
        end
    }

    /// As [`SignalStage::step`] for the moment of a quote that was evaluated ahead.
    #[inline]
    pub(crate) fn tell_ahead(&mut self, ahead: &Ahead, row: usize, mut on: impl FnMut(Change)) {
        for at in &ahead.outputs {
            let watched = &mut self.outputs[*at];
            if let Some(column) = ahead.column(watched.output) {
                let number = (self.first + at, TickedBy::Round);
                watched.tell(plain(column[row]), number, &mut on);
            }
        }
    }
}

impl Ahead {
    /// By row: the quote that ends a moment, among those that were evaluated.
    pub(crate) fn ends(&self) -> &[usize] {
        &self.ends
    }

    /// Finds the ends of moments, as many as are evaluated at once; the number of quotes up to the last.
    fn divide(&mut self, quotes: &[Record]) -> usize {
        let rows_max = self.stretch.as_ref().map_or(ROWS_UNREAD, Stretch::rows_max);
        let is_end = |(_, quote): &(usize, &Record)| !quote.has(Flags::MORE);
        let ends = quotes.iter().enumerate().filter(is_end);
        self.ends.clear();
        self.ends.extend(ends.take(rows_max).map(|(at, _)| at));
        self.ends.last().map_or(quotes.len(), |last| last + 1)
    }

    #[inline]
    fn column(&self, output: OutputId) -> Option<&[f64]> {
        self.stretch.as_ref()?.column(output)
    }
}

/// Quotes that nothing reads, at once.
const ROWS_UNREAD: usize = 1_024;

/// A value as the graph gives it: whatever is no number is the same.
#[inline]
fn plain(value: f64) -> f64 {
    if value.is_nan() { f64::NAN } else { value }
}
