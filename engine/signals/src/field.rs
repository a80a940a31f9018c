//! Fields of the market that an expression may read, and the leaves of a graph that carry them.
//!
//! Where the numbers come from is not known here: the caller sets leaves and steps.

use std::collections::BTreeMap;
use tickloom_types::{BarSpec, InstrumentDef, InstrumentId, Instruments};

/// Something of one instrument that changes with bars or with ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// First price of the bar.
    Open,
    /// Highest price of the bar.
    High,
    /// Lowest price of the bar.
    Low,
    /// Last price of the bar.
    Close,
    /// Units traded in the bar.
    Volume,
    /// Best bid.
    Bid,
    /// Best ask.
    Ask,
    /// Mean of best bid and ask.
    Mid,
    /// Best ask minus best bid.
    Spread,
    /// Bid and ask weighted with the size of the other side.
    Microprice,
    /// (bid size - ask size) / (bid size + ask size) at the best prices.
    Imbalance,
    /// Price of the last trade.
    Last,
    /// Size at the best bid.
    BidQty,
    /// Size at the best ask.
    AskQty,
}

impl Field {
    /// All fields, in the order of the documentation.
    pub const ALL: [Field; 14] = [
        Field::Open,
        Field::High,
        Field::Low,
        Field::Close,
        Field::Volume,
        Field::Bid,
        Field::Ask,
        Field::Mid,
        Field::Spread,
        Field::Microprice,
        Field::Imbalance,
        Field::Last,
        Field::BidQty,
        Field::AskQty,
    ];

    /// The name as written in an expression.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.doc().0
    }

    /// What it is, in a few words.
    #[must_use]
    pub fn definition(self) -> &'static str {
        self.doc().1
    }

    /// The field with this name.
    #[must_use]
    pub fn find(name: &str) -> Option<Field> {
        Field::ALL.into_iter().find(|field| field.name() == name)
    }

    /// Whether it belongs to a bar; the others change with every tick.
    #[must_use]
    pub fn is_bar(self) -> bool {
        matches!(
            self,
            Field::Open | Field::High | Field::Low | Field::Close | Field::Volume
        )
    }

    /// Whether it is a plain mantissa of the instrument; the others are computed and set as `f64`.
    #[must_use]
    pub fn is_exact(self) -> bool {
        !matches!(
            self,
            Field::Mid | Field::Spread | Field::Microprice | Field::Imbalance
        )
    }

    /// Decimals of its mantissa.
    pub(crate) fn decimals(self, def: &InstrumentDef) -> u8 {
        match self {
            Field::Volume | Field::BidQty | Field::AskQty => def.qty_decimals,
            _ => def.price_decimals,
        }
    }

    fn doc(self) -> (&'static str, &'static str) {
        match self {
            Field::Open => ("open", "first price of the bar"),
            Field::High => ("high", "highest price of the bar"),
            Field::Low => ("low", "lowest price of the bar"),
            Field::Close => ("close", "last price of the bar"),
            Field::Volume => ("volume", "units traded in the bar"),
            Field::Bid => ("bid", "best bid"),
            Field::Ask => ("ask", "best ask"),
            Field::Mid => ("mid", "(bid + ask) / 2"),
            Field::Spread => ("spread", "ask - bid"),
            Field::Microprice => (
                "microprice",
                "(bid * ask_qty + ask * bid_qty) / (bid_qty + ask_qty)",
            ),
            Field::Imbalance => ("imbalance", "(bid_qty - ask_qty) / (bid_qty + ask_qty)"),
            Field::Last => ("last", "price of the last trade"),
            Field::BidQty => ("bid_qty", "size at the best bid"),
            Field::AskQty => ("ask_qty", "size at the best ask"),
        }
    }
}

/// What makes a leaf tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Clock {
    /// The close of a bar of this size.
    Bar(BarSpec),
    /// Every change of the field.
    Tick,
}

/// Bars of one instrument and size.
pub type BarClock = (InstrumentId, BarSpec);

/// An input of a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Leaf {
    /// Whose field.
    pub instrument: InstrumentId,
    /// Which field.
    pub field: Field,
    /// When it ticks.
    pub clock: Clock,
}

/// What the names in an expression mean.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// The instruments that may be named.
    pub instruments: &'a Instruments,
    /// Whose fields are meant where no instrument is named.
    pub default_instrument: Option<InstrumentId>,
    /// Size of the bars where none is given.
    pub default_bar: Option<BarSpec>,
    /// Values of the `$parameters`.
    pub parameters: &'a BTreeMap<String, f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_find_their_fields() {
        for field in Field::ALL {
            assert_eq!(Field::find(field.name()), Some(field));
        }
        assert_eq!(Field::find("Close"), None);
    }
}
