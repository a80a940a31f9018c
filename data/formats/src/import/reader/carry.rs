//! Ticks of MetaTrader 5: a row says what changed, its flags say what that is, and a field that is empty is as it was.
//!
//! The flags are those of MQL5's `MqlTick`: 2 bid, 4 ask, 8 last price, 16 volume, 32 a purchase, 64 a sale. A row with one of the last
//! four tells a trade.

use super::{Reader, Wrong};
use crate::Result;
use crate::import::cells::Cells;
use crate::import::layout::{Dialect, Layout};
use crate::import::role::Role;
use crate::import::row::{BESIDE, Prices, QUOTE_ALONE, Row, Shape, TRADE_ALONE, check};
use crate::import::text::Fields;
use tickloom_types::Side;

const BID: u64 = 2;
const ASK: u64 = 4;
const LAST: u64 = 8;
const VOLUME: u64 = 16;
const BUY: u64 = 32;
const SELL: u64 = 64;

/// What the rows so far have said.
pub(super) struct Carry {
    /// Columns of bid, ask, last price and volume, and what each said last.
    columns: [usize; 4],
    last: [Vec<u8>; 4],
    flags: usize,
    /// How many fields a row has.
    count: usize,
    /// What the row that is read tells, and of a trade the side.
    pub(super) action: u8,
    pub(super) side: u8,
    filled: Fields,
}

impl Carry {
    /// For the rows of this layout, if empty fields are as they were.
    pub(super) fn of(layout: &Layout) -> Option<Box<Carry>> {
        if layout.dialect != Dialect::Metatrader {
            return None;
        }
        let [bid, ask, price, qty, flags] =
            [Role::Bid, Role::Ask, Role::Price, Role::Qty, Role::Flags]
                .map(|role| layout.column(role));
        Some(Box::new(Carry {
            columns: [bid?, ask?, price?, qty?],
            last: Default::default(),
            flags: flags?,
            count: layout.names.len(),
            action: QUOTE_ALONE,
            side: 0,
            filled: Fields::default(),
        }))
    }

    /// Takes in a row, and fills what is as it was. Which field is which of a row with too few or too many nobody knows, nor what is as it was
    /// after it.
    pub(super) fn fill(&mut self, row: &Fields) {
        if row.len() != self.count {
            self.last.iter_mut().for_each(Vec::clear);
            self.filled.refill(row, |_| None);
            return;
        }
        for (at, last) in self.columns.iter().zip(&mut self.last) {
            let said = row.get(*at);
            if !said.is_empty() {
                last.clear();
                // After what is no number nobody knows what it was.
                let is_number = said.iter().any(u8::is_ascii_digit);
                last.extend_from_slice(if is_number { said } else { b"" });
            }
        }
        let flags = std::str::from_utf8(row.get(self.flags)).ok();
        let flags = flags
            .and_then(|flags| flags.parse::<u64>().ok())
            .unwrap_or(0);
        let is_quoted = self.columns[..2].iter().any(|at| !row.get(*at).is_empty());
        let has_trade = flags & (LAST | VOLUME | BUY | SELL) != 0;
        let has_quote = is_quoted || flags & (BID | ASK) != 0 || !has_trade;
        self.action = match (has_quote, has_trade) {
            (true, true) => BESIDE,
            (false, true) => TRADE_ALONE,
            _ => QUOTE_ALONE,
        };
        self.side = match flags & (BUY | SELL) {
            BUY => Side::Buy as u8,
            SELL => Side::Sell as u8,
            _ => 0,
        };
        let Carry {
            columns,
            last,
            filled,
            ..
        } = self;
        filled.refill(row, |at| {
            let place = columns.iter().position(|column| *column == at)?;
            row.get(at).is_empty().then(|| last[place].as_slice())
        });
    }

    /// The row that was filled, lent.
    pub(super) fn take_filled(&mut self) -> Fields {
        std::mem::take(&mut self.filled)
    }

    /// Its memory, for the next one.
    pub(super) fn give_back(&mut self, filled: Fields) {
        self.filled = filled;
    }
}

impl Reader<'_> {
    /// Reads the row of a line, with what is as it was where that is not said.
    pub(super) fn take_fields(&mut self, number: u64, fields: &Fields) -> Result<bool> {
        let Some(mut carry) = self.carry.take() else {
            return self.take(number, fields);
        };
        carry.fill(fields);
        let filled = carry.take_filled();
        self.carry = Some(carry);
        let is_right = self.take(number, &filled);
        if let Some(carry) = &mut self.carry {
            carry.give_back(filled);
        }
        is_right
    }

    /// Whether number `at` of a row is of what the row does not tell, so that it is not read.
    pub(super) fn is_untold(&self, at: usize) -> bool {
        match self.carry.as_ref().map(|carry| carry.action) {
            Some(QUOTE_ALONE) => at >= 4,
            Some(TRADE_ALONE) => at < 4,
            _ => false,
        }
    }

    /// Checks the trade that a row tells, beside its quote or alone; false if it tells a quote too, which is still to be checked.
    pub(super) fn check_trade(&self, cells: &impl Cells, row: &Row) -> Result<bool, Wrong> {
        if self.carry.is_none() || row.action == QUOTE_ALONE {
            return Ok(false);
        }
        let mut trade = *row;
        (trade.numbers[0], trade.numbers[1]) = (row.numbers[4], row.numbers[5]);
        // A trade has a size.
        let prices = match self.prices(Some(row.ticker)) {
            Prices::Unsized => Prices::Any,
            prices => prices,
        };
        check(Shape::Trades, prices, &trade.numbers).map_err(|(at, expected)| {
            let at = self.columns.numbers[at + 4].unwrap_or_default();
            self.wrong(cells, at, &expected)
        })?;
        Ok(row.action == TRADE_ALONE)
    }
}
