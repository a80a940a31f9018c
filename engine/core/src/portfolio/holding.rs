//! All positions in one instrument, and what they are worth at its mark.

use super::exchanged;
use super::position::{NO_POSITION, Position};
use crate::sizing::Scale;
use tickloom_types::InstrumentDef;

/// All strategies' positions in one instrument; first what a price needs, in one cache line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub(super) struct Holding {
    pub(super) mark: i64,
    /// Size of all positions together; negative is short.
    pub(super) net: i64,
    /// Size of the short positions alone, without sign.
    pub(super) short: i128,
    pub(super) scale: Scale,
    /// Sorted by strategy.
    pub(super) positions: Vec<(u8, Position)>,
}

/// What holdings are worth at their marks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Value {
    /// Of all positions, long less short.
    pub(super) net: i128,
    /// Of the short positions alone, without sign.
    pub(super) short: i128,
}

impl Value {
    #[inline]
    pub(super) fn plus(self, other: Value) -> Option<Value> {
        Some(Value {
            net: self.net.checked_add(other.net)?,
            short: self.short.checked_add(other.short)?,
        })
    }

    /// A sum of values in which one became another.
    pub(super) fn exchange(self, before: Value, after: Value) -> Option<Value> {
        Some(Value {
            net: exchanged(self.net, before.net, after.net)?,
            short: exchanged(self.short, before.short, after.short)?,
        })
    }
}

/// A product, if it fits. Nearly always the factors fit in 64 bits, where it costs a tenth.
#[inline]
fn product(a: i128, b: i128) -> Option<i128> {
    match (i64::try_from(a), i64::try_from(b)) {
        (Ok(a), Ok(b)) => Some(i128::from(a) * i128::from(b)),
        _ => a.checked_mul(b),
    }
}

impl Holding {
    pub(super) fn new(def: &InstrumentDef) -> Holding {
        Holding {
            mark: 0,
            net: 0,
            short: 0,
            scale: Scale::new(def),
            positions: Vec::new(),
        }
    }

    /// Nothing of it is held, by whomever: its mark does not matter.
    #[inline]
    pub(super) fn is_worthless(&self) -> bool {
        self.net == 0 && self.short == 0
    }

    pub(super) fn value(&self) -> Option<Value> {
        Some(Value {
            net: self.scale.notional(self.mark, self.net)?,
            short: self.short_value(self.mark)?,
        })
    }

    /// What its value changes by when its mark becomes another.
    #[inline]
    pub(super) fn change_to(&self, price: i64) -> Option<Value> {
        let change = i128::from(price) - i128::from(self.mark);
        let scaled = |change: i128, qty: i128| product(product(change, qty)?, self.scale.unit);
        let short = if self.short == 0 {
            0
        } else {
            let change = i128::from(price).abs() - i128::from(self.mark).abs();
            scaled(change, self.short)?
        };
        Some(Value {
            net: scaled(change, self.net.into())?,
            short,
        })
    }

    /// What its short positions are worth at a price, without sign.
    pub(super) fn short_value(&self, price: i64) -> Option<i128> {
        i128::from(price)
            .abs()
            .checked_mul(self.short)?
            .checked_mul(self.scale.unit)
    }

    pub(super) fn position(&self, strategy: u8) -> &Position {
        match self.place(strategy) {
            Ok(at) => &self.positions[at].1,
            Err(_) => &NO_POSITION,
        }
    }

    pub(super) fn position_mut(&mut self, strategy: u8) -> &mut Position {
        let at = self.place(strategy).unwrap_or_else(|at| {
            self.positions.insert(at, (strategy, Position::default()));
            at
        });
        &mut self.positions[at].1
    }

    /// Mostly each strategy trades each instrument, or one alone does: then its place is known without a search.
    #[inline]
    fn place(&self, strategy: u8) -> Result<usize, usize> {
        let likely = usize::from(strategy).min(self.positions.len().saturating_sub(1));
        if self
            .positions
            .get(likely)
            .is_some_and(|(of, _)| *of == strategy)
        {
            return Ok(likely);
        }
        self.positions
            .binary_search_by_key(&strategy, |(of, _)| *of)
    }
}
