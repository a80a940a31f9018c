//! A row of a table: exact numbers, what they are by the shape of the table, and what must hold for them.

use super::number::Number;
use super::time::Stamped;
use std::cmp::Ordering;
use tickloom_catalog::Table;
use tickloom_types::Ts;

/// Numbers that a row has at most.
pub(crate) const NUMBERS_MAX: usize = 10;

/// What the rows of a table are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Open, high, low, close, volume.
    Bars,
    /// Bid, its size, ask, its size.
    Quotes,
    /// Price, size.
    Trades,
    /// A bar of the bid with the size at its end, and one of the ask; either may be missing.
    BidAskBars,
    /// Price, size of a level of a book as it is now.
    Levels,
    /// A book with all its levels; they are beside the numbers.
    Depth,
    /// Price, size of what happened to an order.
    Orders,
}

/// What prices may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prices {
    /// Of shares, and of pairs of currencies.
    AboveZero,
    /// Of what nobody says is a share or a pair: zero means that there is none.
    NotZero,
    /// As was told.
    Any,
    /// As was told, of quotes without sizes: zero there says that a side is empty, as in a record of it.
    Unsized,
}

impl Prices {
    fn check(self, number: Number) -> Result<(), &'static str> {
        match (self, number.mantissa) {
            (Prices::AboveZero, ..0) => Err("above zero (--negative-prices says otherwise)"),
            (Prices::AboveZero | Prices::NotZero, 0) => Err("above zero"),
            (Prices::Unsized, 0) => {
                Err("above or below zero: a quote of zero needs a size, as without one it is none")
            }
            _ => Ok(()),
        }
    }
}

/// What a number of a row is called.
const FIELDS: [(Shape, &[&str]); 6] = [
    (Shape::Bars, &["open", "high", "low", "close", "volume"]),
    (
        Shape::Quotes,
        &["bid", "bid size", "ask", "ask size", "price", "size"],
    ),
    (Shape::Trades, &["price", "size"]),
    (Shape::Levels, &["price", "size"]),
    (Shape::Orders, &["price", "size"]),
    (
        Shape::BidAskBars,
        &[
            "bid open",
            "bid high",
            "bid low",
            "bid close",
            "bid size",
            "ask open",
            "ask high",
            "ask low",
            "ask close",
            "ask size",
        ],
    ),
];

impl Shape {
    /// The table of its records; bars of bid and ask with sizes are quotes beside.
    pub(crate) fn table(self) -> Table {
        match self {
            Shape::Bars | Shape::BidAskBars => Table::Bars,
            Shape::Quotes => Table::Quotes,
            Shape::Trades => Table::Trades,
            Shape::Levels => Table::BookUpdates,
            Shape::Depth => Table::BookSnapshots,
            Shape::Orders => Table::OrderUpdates,
        }
    }

    pub(crate) fn is_bars(self) -> bool {
        self.table() == Table::Bars
    }

    /// How many numbers its rows have; those of a trade beside a book are among them.
    #[inline]
    pub(crate) fn count(self) -> usize {
        match self {
            Shape::Bars => 5,
            Shape::BidAskBars => NUMBERS_MAX,
            Shape::Quotes => 6,
            Shape::Trades | Shape::Levels | Shape::Depth | Shape::Orders => 2,
        }
    }

    /// Whether number `at` of a row is a size.
    pub(crate) fn is_qty(self, at: usize) -> bool {
        match self {
            Shape::Bars | Shape::BidAskBars => at % 5 == 4,
            _ => at % 2 == 1,
        }
    }

    /// What number `at` of a row is called.
    pub(crate) fn field_name(self, at: usize) -> &'static str {
        let names = FIELDS.iter().find(|(shape, _)| *shape == self);
        names.and_then(|(_, names)| names.get(at)).unwrap_or(&"")
    }
}

/// Actions of MetaTrader's rows: a quote alone, a trade alone, a quote and a trade beside it.
pub(crate) const QUOTE_ALONE: u8 = b'q';
pub(crate) const TRADE_ALONE: u8 = b't';
pub(crate) const BESIDE: u8 = b'b';

/// One right line.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Row {
    pub(crate) line: u64,
    pub(crate) stamped: Stamped,
    /// When it arrived, of a file that says so.
    pub(crate) arrival: Option<Ts>,
    /// When it closes, of a bar that says so.
    pub(crate) close: Option<Ts>,
    pub(crate) ticker: usize,
    /// As the shape says; those that a shape lacks, or a bar of bid and ask, are zero.
    pub(crate) numbers: [Number; NUMBERS_MAX],
    pub(crate) side: u8,
    /// Number of the trade or the order.
    pub(crate) id: u64,
    pub(crate) sequence: u64,
    /// A letter of Databento's, or what a row of MetaTrader tells; 0 if there is none.
    pub(crate) action: u8,
    /// Bits of `Flags`.
    pub(crate) flags: u8,
}

impl Row {
    /// Whether a row of quotes tells one.
    pub(crate) fn has_quote(&self) -> bool {
        self.action != TRADE_ALONE
    }

    /// Whether a row of quotes tells a trade.
    pub(crate) fn has_trade(&self) -> bool {
        matches!(self.action, b'T' | TRADE_ALONE | BESIDE)
    }
}

/// A number that is wrong: which of the row's, and what was expected.
pub(crate) type WrongNumber = (usize, String);

/// Checks what must hold for the numbers of a row.
pub(crate) fn check(
    shape: Shape,
    prices: Prices,
    numbers: &[Number; NUMBERS_MAX],
) -> Result<(), WrongNumber> {
    let price = |at: usize| {
        prices
            .check(numbers[at])
            .map_err(|expected| (at, expected.to_owned()))
    };
    match shape {
        Shape::Bars => check_bar(prices, numbers, 0),
        // A crossed quote is a fact about the market, not a wrong line.
        Shape::Quotes => {
            price(0)?;
            not_negative(numbers, 1)?;
            price(2)?;
            not_negative(numbers, 3)
        }
        Shape::Trades => {
            price(0)?;
            above_zero(numbers, 1)
        }
        Shape::Levels => {
            price(0)?;
            not_negative(numbers, 1)
        }
        Shape::Depth | Shape::Orders => Ok(()),
        Shape::BidAskBars => {
            let has = [0, 5].map(|first| numbers[first..first + 5] != [Number::default(); 5]);
            if has == [false, false] {
                return Err((0, "a bar of the bid or of the ask".to_owned()));
            }
            for (first, has) in [0, 5].into_iter().zip(has) {
                if has {
                    check_bar(prices, numbers, first)?;
                }
            }
            Ok(())
        }
    }
}

/// Open, high, low, close, volume from number `first` on.
fn check_bar(
    prices: Prices,
    numbers: &[Number; NUMBERS_MAX],
    first: usize,
) -> Result<(), WrongNumber> {
    let [open, high, low, close] = [first, first + 1, first + 2, first + 3];
    for price in [open, high, low, close] {
        prices
            .check(numbers[price])
            .map_err(|expected| (price, expected.to_owned()))?;
    }
    for other in [open, close] {
        if compare(numbers[high], numbers[other]) == Ordering::Less {
            return Err((high, format!("at least {}", text(numbers[other]))));
        }
        if compare(numbers[low], numbers[other]) == Ordering::Greater {
            return Err((low, format!("at most {}", text(numbers[other]))));
        }
    }
    not_negative(numbers, first + 4)
}

fn above_zero(numbers: &[Number; NUMBERS_MAX], at: usize) -> Result<(), WrongNumber> {
    if numbers[at].mantissa > 0 {
        Ok(())
    } else {
        Err((at, "above zero".to_owned()))
    }
}

fn not_negative(numbers: &[Number; NUMBERS_MAX], at: usize) -> Result<(), WrongNumber> {
    if numbers[at].mantissa >= 0 {
        Ok(())
    } else {
        Err((at, "zero or above".to_owned()))
    }
}

/// Compares numbers of different scales exactly.
pub(crate) fn compare(a: Number, b: Number) -> Ordering {
    if a.decimals == b.decimals {
        return a.mantissa.cmp(&b.mantissa);
    }
    let at = |number: Number, other: Number| {
        let more = other.decimals.saturating_sub(number.decimals);
        i128::from(number.mantissa) * i128::from(tickloom_types::pow10(more))
    };
    at(a, b).cmp(&at(b, a))
}

fn text(number: Number) -> String {
    tickloom_types::format_decimal(i128::from(number.mantissa), number.decimals)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_texts(shape: Shape, texts: &[&str]) -> Result<(), WrongNumber> {
        let mut numbers = [Number::default(); NUMBERS_MAX];
        for (number, text) in numbers.iter_mut().zip(texts) {
            *number = Number::parse(text.as_bytes()).unwrap().shortest();
        }
        check(shape, Prices::NotZero, &numbers)
    }

    fn wrong(at: usize, text: &str) -> Result<(), WrongNumber> {
        Err((at, text.to_owned()))
    }

    #[test]
    fn bars() {
        let check = |texts: [&str; 5]| check_texts(Shape::Bars, &texts);
        assert_eq!(check(["1.5", "2", "1", "1.25", "0"]), Ok(()));
        assert_eq!(check(["1", "1", "1", "1", "9"]), Ok(()));
        assert_eq!(
            check(["1.5", "1.4", "1", "1", "9"]),
            wrong(1, "at least 1.5")
        );
        assert_eq!(
            check(["1", "1.4", "1", "1.45", "9"]),
            wrong(1, "at least 1.45")
        );
        assert_eq!(check(["1", "2", "1.1", "1", "9"]), wrong(2, "at most 1"));
        assert_eq!(check(["0", "2", "1", "1", "9"]), wrong(0, "above zero"));
        assert_eq!(check(["1", "2", "1", "1", "-9"]), wrong(4, "zero or above"));
    }

    #[test]
    fn bars_of_bid_and_ask() {
        let check = |texts: [&str; 10]| check_texts(Shape::BidAskBars, &texts);
        let bar = ["1", "2", "1", "2", "9"];
        let none = ["0"; 5];
        let both = |bid: [&'static str; 5], ask: [&'static str; 5]| {
            let mut all = [""; 10];
            all[..5].copy_from_slice(&bid);
            all[5..].copy_from_slice(&ask);
            check(all)
        };
        assert_eq!(both(bar, bar), Ok(()));
        assert_eq!(both(none, bar), Ok(()));
        assert_eq!(both(bar, none), Ok(()));
        assert_eq!(both(none, none), wrong(0, "a bar of the bid or of the ask"));
        let low = ["1", "2", "3", "2", "9"];
        assert_eq!(both(bar, low), wrong(7, "at most 1"));
        assert_eq!(Shape::BidAskBars.field_name(7), "ask low");
    }

    #[test]
    fn prices_below_zero() {
        let minus = Number {
            mantissa: -3_763,
            decimals: 2,
        };
        let zero = Number::default();
        assert!(Prices::AboveZero.check(minus).is_err() && Prices::AboveZero.check(zero).is_err());
        assert!(Prices::NotZero.check(minus).is_ok() && Prices::NotZero.check(zero).is_err());
        assert!(Prices::Any.check(minus).is_ok() && Prices::Any.check(zero).is_ok());
        let bar = ["17", "17", "-40", "-37", "9"];
        assert_eq!(check_texts(Shape::Bars, &bar), Ok(()));
        let bar = ["-14", "-15", "-16", "-14", "9"];
        assert_eq!(check_texts(Shape::Bars, &bar), wrong(1, "at least -14"));
    }

    #[test]
    fn quotes_and_trades() {
        assert_eq!(check_texts(Shape::Quotes, &["2", "0", "1", "1"]), Ok(()));
        assert_eq!(
            check_texts(Shape::Quotes, &["2", "-1", "1", "1"]),
            wrong(1, "zero or above")
        );
        assert_eq!(
            check_texts(Shape::Trades, &["2", "0"]),
            wrong(1, "above zero")
        );
        assert_eq!(check_texts(Shape::Trades, &["2", "1"]), Ok(()));
    }
}
