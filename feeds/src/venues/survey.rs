//! The first of two readings of a capture: which instruments there are, and how many decimals hold all their numbers.

use super::batch::{Batch, Book, ChannelId, Channels, Extent, Number, Reach, Symbols, What};
use std::collections::{BTreeMap, BTreeSet};
use tickloom_types::{
    BarSpec, Clock, InstrumentDef, InstrumentError, InstrumentId, Instruments, SourceDef, SourceId,
    SourceKind, Ts,
};

/// An instrument and the scale of its mantissas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scale {
    pub(crate) instrument: InstrumentId,
    pub(crate) price_decimals: u8,
    pub(crate) qty_decimals: u8,
}

/// Decimals that the numbers of one symbol need so far.
#[derive(Clone, Copy, Debug, Default)]
struct Need {
    price: u8,
    qty: u8,
}

/// What came over one channel of one symbol's book.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    messages: u64,
    /// Whole books among them.
    whole: u64,
    /// Books that were asked for apart, and belong to whatever tells all of a book.
    asked: u64,
}

/// The channel that becomes the book of each symbol, the one of its trades and the one of its quotes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Choice {
    books: Vec<Option<ChannelId>>,
    trades: BTreeMap<usize, ChannelId>,
    quotes: BTreeMap<usize, ChannelId>,
    /// Channels beside the book that tell the best bid and ask, whole each time.
    tops: BTreeSet<(usize, ChannelId)>,
}

/// What is known after all messages were seen once.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    needs: Vec<Option<Need>>,
    bars: BTreeSet<BarSpec>,
    /// By symbol.
    books: BTreeMap<usize, BTreeMap<ChannelId, Told>>,
    /// How many trades came over each channel, by symbol.
    trades: BTreeMap<usize, BTreeMap<ChannelId, u64>>,
    /// The same of best bids and asks.
    quotes: BTreeMap<usize, BTreeMap<ChannelId, u64>>,
}

impl Choice {
    /// The channel of a symbol's book, if it has one.
    pub(crate) fn of(&self, symbol: usize) -> Option<ChannelId> {
        self.books.get(symbol).copied().flatten()
    }

    /// The channel of a symbol's trades, if it has any.
    pub(crate) fn of_trades(&self, symbol: usize) -> Option<ChannelId> {
        self.trades.get(&symbol).copied()
    }

    /// The channel of a symbol's quotes, if it has any.
    pub(crate) fn of_quotes(&self, symbol: usize) -> Option<ChannelId> {
        self.quotes.get(&symbol).copied()
    }

    /// Whether a channel beside the symbol's book tells the best bid and ask, whole each time.
    pub(crate) fn is_top(&self, symbol: usize, channel: ChannelId) -> bool {
        self.tops.contains(&(symbol, channel))
    }
}

impl Need {
    fn price(&mut self, numbers: &[Number]) {
        for number in numbers {
            self.price = self.price.max(number.shortest().decimals);
        }
    }

    fn qty(&mut self, number: Number) {
        self.qty = self.qty.max(number.shortest().decimals);
    }
}

impl Survey {
    /// Looks at a message.
    pub(crate) fn take(&mut self, batch: &Batch) {
        for item in &batch.items {
            let at = item.symbol.0;
            if self.needs.len() <= at {
                self.needs.resize(at + 1, None);
            }
            let need = self.needs[at].get_or_insert_default();
            match &item.what {
                What::Order { price, qty, .. } => {
                    need.price(&[*price]);
                    need.qty(*qty);
                }
                What::Trade {
                    price,
                    qty,
                    channel,
                    ..
                } => {
                    need.price(&[*price]);
                    need.qty(*qty);
                    let channels = self.trades.entry(at).or_default();
                    *channels.entry(*channel).or_default() += 1;
                }
                What::Quote {
                    bid, ask, channel, ..
                } => {
                    need.price(&[bid.0, ask.0]);
                    need.qty(bid.1);
                    need.qty(ask.1);
                    let channels = self.quotes.entry(at).or_default();
                    *channels.entry(*channel).or_default() += 1;
                }
                What::Book(book) => {
                    for level in &batch.levels[book.levels.clone()] {
                        need.price(&[level.price]);
                        need.qty(level.qty);
                    }
                    self.book(at, book);
                }
                What::Bar {
                    spec,
                    prices,
                    volume,
                } => {
                    need.price(prices);
                    need.qty(*volume);
                    self.bars.insert(*spec);
                }
            }
        }
    }

    fn book(&mut self, symbol: usize, book: &Book) {
        let channels = self.books.entry(symbol).or_default();
        let told = channels.entry(book.channel).or_default();
        match book.extent {
            Extent::Asked => told.asked += 1,
            Extent::Whole => told.whole += 1,
            Extent::Diff => {}
        }
        told.messages += u64::from(book.extent != Extent::Asked);
    }

    /// The channel of each symbol that becomes its book: of those that a book can come of, the one that reaches deepest, and of these the
    /// one that tells most. Of its trades likewise: single ones before those that are put together. Of its quotes too: what tells nothing
    /// else before the top of a book, which may be all of the book there is, and that before a summary.
    pub(crate) fn choose(&self, channels: &Channels) -> Choice {
        let mut choice = Choice {
            books: vec![None; self.needs.len()],
            ..Choice::default()
        };
        let mut quotes = self.quotes.clone();
        for (symbol, all) in &self.books {
            let asked = all.values().any(|told| told.asked > 0);
            let rank = |(id, told): &(&ChannelId, &Told)| {
                let reach = channels.reach(**id);
                let begins = told.whole > 0 || asked && reach == Reach::All;
                (begins && reach != Reach::Mixed, reach, told.messages)
            };
            let best = all.iter().max_by_key(rank);
            if let (Some((id, told)), Some(place)) = (best, choice.books.get_mut(*symbol))
                && channels.reach(*id) != Reach::Mixed
            {
                *place = Some(*id);
                // A book that is the top alone tells what quotes tell.
                if channels.reach(*id) == Reach::Levels(1)
                    && let Some(of) = quotes.get_mut(symbol)
                {
                    of.insert(*id, told.messages);
                }
                let others = all.iter().filter(|(other, told)| {
                    let is_top = channels.reach(**other) == Reach::Levels(1);
                    *other != id && is_top && told.whole == told.messages
                });
                for (other, told) in others {
                    choice.tops.insert((*symbol, *other));
                    let of = quotes.entry(*symbol).or_default();
                    of.insert(*other, told.messages);
                }
            }
        }
        choice.trades = best_of(&self.trades, channels);
        choice.quotes = best_of(&quotes, channels);
        choice
    }

    /// Defines the instruments, and says the scale of each symbol of which there is anything.
    pub(crate) fn define(
        &self,
        symbols: &Symbols,
        instruments: &mut Instruments,
    ) -> Result<Vec<Option<Scale>>, InstrumentError> {
        let mut scales = Vec::with_capacity(self.needs.len());
        for (name, need) in symbols.names().iter().zip(&self.needs) {
            let Some(need) = need else {
                scales.push(None);
                continue;
            };
            let def = InstrumentDef::of_name(name, need.price, need.qty);
            scales.push(Some(Scale {
                instrument: instruments.add(def)?,
                price_decimals: need.price,
                qty_decimals: need.qty,
            }));
        }
        Ok(scales)
    }

    /// Gives each size of bars its source.
    pub(crate) fn bar_sources(
        &self,
        instruments: &mut Instruments,
        clock: Clock,
    ) -> Result<Vec<(BarSpec, SourceId)>, InstrumentError> {
        let of = |spec: &BarSpec| {
            let source = SourceDef::new(format!("bars/{spec}"), SourceKind::Bars(*spec));
            Ok((*spec, instruments.add_source(source.with_clock(clock))?))
        };
        self.bars.iter().map(of).collect()
    }
}

/// Of the channels of each symbol the one that reaches most, and of these the one that tells most.
fn best_of(
    all: &BTreeMap<usize, BTreeMap<ChannelId, u64>>,
    channels: &Channels,
) -> BTreeMap<usize, ChannelId> {
    let best = all.iter().filter_map(|(symbol, all)| {
        let best = all
            .iter()
            .max_by_key(|(id, count)| (channels.reach(**id), **count));
        best.map(|(id, _)| (*symbol, *id))
    });
    best.collect()
}

/// The first time that a message says.
pub(crate) fn first_time(batch: &Batch) -> Option<Ts> {
    batch.items.iter().find_map(|item| item.ts)
}
