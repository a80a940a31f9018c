//! What one strategy holds of one instrument, and what a trade makes of it.

use super::{Trade, exchanged};
use crate::risk::saturated;
use crate::sizing::{NANO, Scale};
use tickloom_types::{Money, PositionBody, Seq};

/// What one strategy holds of one instrument.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    pub(super) qty: i64,
    pub(super) cost: i128,
    pub(super) realised: i128,
    pub(super) fees: i128,
}

pub(super) const NO_POSITION: Position = Position {
    qty: 0,
    cost: 0,
    realised: 0,
    fees: 0,
};

impl Position {
    /// Size mantissa; negative is short.
    #[must_use]
    #[inline]
    pub fn qty(&self) -> i64 {
        self.qty
    }

    /// What the open position cost; negative is what a short position was sold for.
    #[must_use]
    pub fn cost(&self) -> Money {
        Money(self.cost)
    }

    /// Realised profit so far, before fees.
    #[must_use]
    pub fn realised(&self) -> Money {
        Money(self.realised)
    }

    /// Fees paid so far.
    #[must_use]
    pub fn fees(&self) -> Money {
        Money(self.fees)
    }

    /// As an output says it: money at nine decimals, truncated; what does not fit is the nearest that does.
    #[must_use]
    pub fn body(&self, cause: Seq, strategy: u8) -> PositionBody {
        PositionBody {
            cause,
            qty: self.qty,
            cost: saturated(self.cost / NANO),
            realised: saturated(self.realised / NANO),
            strategy: strategy.into(),
            ..PositionBody::default()
        }
    }

    /// The position after a trade; it closes what is open on the other side before it opens anything.
    pub(super) fn after(&self, trade: &Trade, scale: &Scale) -> Option<Position> {
        let signed = trade.side.sign().checked_mul(trade.qty)?;
        let reduces = self.qty != 0 && (self.qty > 0) != (signed > 0);
        let closed = if reduces {
            trade.qty.min(self.qty.checked_abs()?)
        } else {
            0
        };
        let sign = i128::from(trade.side.sign());
        let paid_to_close = sign * scale.notional(trade.price, closed)?;
        let paid_to_open = sign * scale.notional(trade.price, trade.qty - closed)?;
        let closed_cost = share_of(self.cost, closed, self.qty)?;
        let profit = paid_to_close.checked_add(closed_cost)?.checked_neg()?;
        Some(Position {
            qty: self.qty.checked_add(signed)?,
            cost: self
                .cost
                .checked_sub(closed_cost)?
                .checked_add(paid_to_open)?,
            realised: self.realised.checked_add(profit)?,
            fees: self.fees.checked_add(i128::from(trade.fee) * NANO)?,
        })
    }

    /// What a part of it cost; `None` if it does not fit. The part is at most the whole.
    pub(crate) fn cost_of(&self, part: i64) -> Option<i128> {
        share_of(self.cost, part, self.qty)
    }

    /// What it cost if it is short.
    pub(super) fn short_cost(&self) -> i128 {
        if self.qty < 0 { self.cost } else { 0 }
    }

    /// Its size if it is short, without sign.
    pub(super) fn short_qty(&self) -> i128 {
        i128::from(self.qty.min(0)).abs()
    }

    /// A sum of positions in which one became another.
    pub(super) fn exchange(&self, before: &Position, after: &Position) -> Option<Position> {
        Some(Position {
            qty: 0,
            cost: exchanged(self.cost, before.cost, after.cost)?,
            realised: exchanged(self.realised, before.realised, after.realised)?,
            fees: exchanged(self.fees, before.fees, after.fees)?,
        })
    }
}

/// `cost * part / |whole|`, rounded toward zero; the rest stays with what is still open. `part` is at most `|whole|`.
fn share_of(cost: i128, part: i64, whole: i64) -> Option<i128> {
    if part == 0 {
        return Some(0);
    }
    if part.unsigned_abs() == whole.unsigned_abs() {
        return Some(cost);
    }
    let (part, whole) = (i128::from(part), i128::from(whole).abs());
    (cost / whole)
        .checked_mul(part)?
        .checked_add(cost % whole * part / whole)
}
