//! What a quote says of each side: a price, or nothing.

use crate::record::QuoteBody;

impl QuoteBody {
    /// Bid and ask as price mantissas; `None` for a side that is empty. A side without size is empty; both without size means that
    /// sizes are not known: then one without a price is.
    #[must_use]
    #[inline]
    pub fn prices(&self) -> (Option<i64>, Option<i64>) {
        let is_bare = self.bid_qty == 0 && self.ask_qty == 0;
        let shown = |price: i64, qty: i64| {
            let is_there = qty > 0 || (is_bare && price != 0);
            is_there.then_some(price)
        };
        (shown(self.bid, self.bid_qty), shown(self.ask, self.ask_qty))
    }

    /// Bid and ask as price mantissas, if neither side is empty.
    #[must_use]
    #[inline]
    pub fn both_prices(&self) -> Option<(i64, i64)> {
        let (bid, ask) = self.prices();
        bid.zip(ask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_side_without_size_or_price_is_empty() {
        let prices = |[bid, bid_qty, ask, ask_qty]: [i64; 4]| {
            let update_id = 0;
            QuoteBody {
                bid,
                bid_qty,
                ask,
                ask_qty,
                update_id,
            }
            .prices()
        };
        for (quote, expected) in [
            ([101, 5, 102, 7], (Some(101), Some(102))),
            ([0, 0, 102, 7], (None, Some(102))),
            ([101, 5, 0, 0], (Some(101), None)),
            ([0, 0, 0, 0], (None, None)),
            // Sizes are not known.
            ([101, 0, 102, 0], (Some(101), Some(102))),
            ([0, 0, 102, 0], (None, Some(102))),
            // A price that nobody offers.
            ([101, 0, 102, 7], (None, Some(102))),
            // Zero and below are prices where there is a size.
            ([0, 5, 102, 7], (Some(0), Some(102))),
            ([-3, 5, 0, 7], (Some(-3), Some(0))),
        ] {
            assert_eq!(prices(quote), expected, "{quote:?}");
        }
    }
}
