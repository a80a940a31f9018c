//! What waiting orders may come to: sales that would open short positions, and the worst that exposure could be.
//!
//! Kept for each instrument and summed over all, as orders, positions and marks change, so that an order in one of
//! thousands of instruments is checked without a look at the others. It decides nothing: `risk.rs` does.

use crate::order::Order;
use crate::portfolio::Portfolio;
use tickloom_types::{InstrumentId, Side};

/// Waiting orders of all instruments, valued at the marks.
#[derive(Clone, Debug)]
pub(crate) struct Commitments {
    /// Whether exposure is limited, so that it must be known.
    counts_exposure: bool,
    instruments: Vec<Commitment>,
    /// Instruments in which sales wait that open short positions.
    opening_in: usize,
    /// Over all instruments; `None` if it does not fit.
    total: Option<Worst>,
}

/// Waiting orders of one instrument.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Commitment {
    /// Size of the purchases.
    buys: i128,
    /// Size of the sales.
    sells: i128,
    /// Size of the sales that open short positions, if all of them fill.
    opening: i128,
    /// `None` if it does not fit.
    worst: Option<Worst>,
}

/// Money at the marks, if those orders fill that make it worst.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Worst {
    /// Of sales that open short positions, without sign.
    pub(crate) opening: i128,
    /// Absolute value of the position.
    pub(crate) gross: i128,
    /// The position's value, if that is lowest.
    pub(crate) low: i128,
    /// The position's value, if that is highest.
    pub(crate) high: i128,
}

impl Commitments {
    pub(crate) fn new(instruments: usize, counts_exposure: bool) -> Commitments {
        let none = Commitment {
            worst: Some(Worst::default()),
            ..Commitment::default()
        };
        Commitments {
            counts_exposure,
            instruments: vec![none; instruments],
            opening_in: 0,
            total: Some(Worst::default()),
        }
    }

    /// What waits in all instruments and, where exposure counts, what is held. `None` if it does not fit.
    pub(crate) fn total(&self) -> Option<&Worst> {
        self.total.as_ref()
    }

    /// The same in all instruments but one.
    pub(crate) fn elsewhere(&self, instrument: InstrumentId) -> Option<Worst> {
        self.total?.less(self.at(instrument)?.worst?)
    }

    /// The orders or positions of an instrument have changed.
    pub(crate) fn recount(
        &mut self,
        instrument: InstrumentId,
        orders: &[Order],
        portfolio: &Portfolio,
    ) {
        let counts_exposure = self.counts_exposure;
        let Some(known) = at_mut(&mut self.instruments, instrument) else {
            return;
        };
        let qty = |side: Side| -> i128 {
            let on_side = orders.iter().filter(|order| order.new.side == side);
            on_side.map(|order| i128::from(order.open_qty())).sum()
        };
        let opening = opening_qty(instrument, orders, portfolio);
        if counts_exposure {
            (known.buys, known.sells) = (qty(Side::Buy), qty(Side::Sell));
        } else if opening == 0 && known.opening == 0 {
            return;
        }
        self.opening_in += usize::from(opening != 0);
        self.opening_in -= usize::from(known.opening != 0);
        known.opening = opening;
        self.revalue_one(instrument, portfolio);
    }

    /// The mark of an instrument has changed.
    #[inline]
    pub(crate) fn revalue(&mut self, instrument: InstrumentId, portfolio: &Portfolio) {
        if self.counts_exposure || self.opening_in > 0 {
            self.revalue_one(instrument, portfolio);
        }
    }

    fn revalue_one(&mut self, instrument: InstrumentId, portfolio: &Portfolio) {
        let counts_exposure = self.counts_exposure;
        let Some(known) = at_mut(&mut self.instruments, instrument) else {
            return;
        };
        let before = known.worst;
        known.worst = known.value(instrument, portfolio, counts_exposure);
        let after = known.worst;
        if before == after && self.total.is_some() {
            return;
        }
        let total = match (self.total, before, after) {
            (Some(total), Some(before), Some(after)) => {
                total.less(before).and_then(|rest| rest.plus(after))
            }
            _ => None,
        };
        self.total = total.or_else(|| {
            let mut all = self.instruments.iter();
            all.try_fold(Worst::default(), |sum, known| sum.plus(known.worst?))
        });
    }

    fn at(&self, instrument: InstrumentId) -> Option<&Commitment> {
        self.instruments.get(usize::try_from(instrument.0).ok()?)
    }
}

impl Commitment {
    fn value(
        &self,
        instrument: InstrumentId,
        portfolio: &Portfolio,
        counts_exposure: bool,
    ) -> Option<Worst> {
        let (mark, unit) = (
            i128::from(portfolio.mark_of(instrument)),
            portfolio.scale(instrument).unit,
        );
        let value = |qty: i128| mark.checked_mul(qty)?.checked_mul(unit);
        let mut worst = Worst::default();
        if self.opening != 0 {
            worst.opening = value(self.opening)?.checked_abs()?;
        }
        if counts_exposure {
            let held = i128::from(portfolio.net_qty(instrument));
            let (a, b) = (value(held - self.sells)?, value(held + self.buys)?);
            worst.gross = a.checked_abs()?.max(b.checked_abs()?);
            (worst.low, worst.high) = (a.min(b), a.max(b));
        }
        Some(worst)
    }
}

impl Worst {
    pub(crate) fn plus(self, other: Worst) -> Option<Worst> {
        Some(Worst {
            opening: self.opening.checked_add(other.opening)?,
            gross: self.gross.checked_add(other.gross)?,
            low: self.low.checked_add(other.low)?,
            high: self.high.checked_add(other.high)?,
        })
    }

    fn less(self, other: Worst) -> Option<Worst> {
        Some(Worst {
            opening: self.opening.checked_sub(other.opening)?,
            gross: self.gross.checked_sub(other.gross)?,
            low: self.low.checked_sub(other.low)?,
            high: self.high.checked_sub(other.high)?,
        })
    }
}

fn at_mut(all: &mut [Commitment], instrument: InstrumentId) -> Option<&mut Commitment> {
    all.get_mut(usize::try_from(instrument.0).ok()?)
}

/// Size of waiting sales beyond what each strategy holds.
fn opening_qty(instrument: InstrumentId, orders: &[Order], portfolio: &Portfolio) -> i128 {
    let is_sale = |order: &&Order| order.new.side == Side::Sell;
    let mut opening = 0;
    for (at, order) in orders.iter().enumerate() {
        let of_this = |other: &&Order| is_sale(other) && other.strategy == order.strategy;
        if !is_sale(&order) || orders[..at].iter().any(|older| of_this(&older)) {
            continue;
        }
        let sells = orders[at..].iter().filter(of_this);
        let sells: i128 = sells.map(|sale| i128::from(sale.open_qty())).sum();
        let held = i128::from(portfolio.position(order.strategy, instrument).qty());
        opening += (sells - held.max(0)).max(0);
    }
    opening
}
