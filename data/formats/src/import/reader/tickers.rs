//! The instruments of a file, and how fine their numbers are.

use super::{Reader, Ticker, Wrong};
use crate::import::cells::Cells;
use crate::import::number::Number;
use crate::import::row::Row;
use tickloom_types::{InstrumentDef, Instruments};

impl Reader<'_> {
    pub(super) fn add_ticker(&mut self, key: &[u8], name: &str) -> usize {
        let at = self.tickers.len();
        self.by_name.insert(key.to_vec(), at);
        self.tickers.push(Ticker {
            name: name.to_owned(),
            price_decimals: 0,
            qty_decimals: 0,
            last: None,
            last_trade: 0,
            venue: Vec::new(),
        });
        at
    }

    /// Puts together what an instrument is called in this row.
    pub(super) fn name_key(&mut self, cells: &impl Cells) {
        self.key.clear();
        let Some(at) = self.columns.ticker else {
            return;
        };
        if let Some(venue) = self.columns.venue.filter(|_| self.layout.is_by_venue) {
            self.key.extend_from_slice(&cells.text(venue));
            self.key.push(b'.');
        }
        self.key.extend_from_slice(&cells.text(at));
    }

    pub(super) fn ticker(&mut self, cells: &impl Cells) -> Result<usize, Wrong> {
        let Some(at) = self.columns.ticker else {
            return Ok(0);
        };
        let key = std::mem::take(&mut self.key);
        let name = std::str::from_utf8(&key).ok();
        let is_name = |name: &&str| {
            let def = InstrumentDef::new(name, 0, 0, "USD");
            Instruments::new().add(def).is_ok()
        };
        let ticker = match name.filter(is_name) {
            Some(name) => Ok(self.add_ticker(&key, name)),
            None => Err(self.wrong(cells, at, "a name of 1 to 64 bytes of UTF-8")),
        };
        self.key = key;
        ticker
    }

    pub(super) fn widen(&mut self, row: &Row) {
        let shape = self.layout.shape;
        let ticker = &mut self.tickers[row.ticker];
        let mut is_below = false;
        let mut one = |is_qty: bool, number: &Number| {
            let decimals = if is_qty {
                &mut ticker.qty_decimals
            } else {
                is_below |= number.mantissa < 0;
                &mut ticker.price_decimals
            };
            *decimals = number.decimals.max(*decimals);
        };
        for (at, number) in row.numbers.iter().take(shape.count()).enumerate() {
            one(shape.is_qty(at), number);
        }
        for level in &self.levels {
            one(false, &level.price);
            one(true, &level.qty);
        }
        self.below_zero += u64::from(is_below);
    }

    /// As [`Reader::widen`], of the current row, which has no levels.
    #[inline]
    pub(super) fn widen_current(&mut self) {
        let shape = self.layout.shape;
        let Some(ticker) = self.tickers.get_mut(self.current.ticker) else {
            return;
        };
        let mut finest = [ticker.price_decimals, ticker.qty_decimals];
        let mut is_below = false;
        let numbers = self.current.numbers.iter().take(shape.count());
        for (at, number) in numbers.enumerate() {
            let is_qty = shape.is_qty(at);
            let decimals = &mut finest[usize::from(is_qty)];
            *decimals = number.decimals.max(*decimals);
            is_below |= !is_qty && number.mantissa < 0;
        }
        [ticker.price_decimals, ticker.qty_decimals] = finest;
        self.below_zero += u64::from(is_below);
    }
}
