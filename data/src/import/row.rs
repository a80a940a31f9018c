//! A row of a table: exact numbers, what they are by the shape of the table, and what must hold for them.

use super::number::Number;
use super::time::Stamped;
use crate::Table;
use std::cmp::Ordering;
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
}

/// What a number of a row is called.
const FIELDS: [(Shape, &[&str]); 4] = [
    (Shape::Bars, &["open", "high", "low", "close", "volume"]),
    (Shape::Quotes, &["bid", "bid size", "ask", "ask size"]),
    (Shape::Trades, &["price", "size"]),
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
        }
    }

    pub(crate) fn is_bars(self) -> bool {
        self.table() == Table::Bars
    }

    /// Whether number `at` of a row is a size.
    pub(crate) fn is_qty(self, at: usize) -> bool {
        match self {
            Shape::Bars | Shape::BidAskBars => at % 5 == 4,
            Shape::Quotes | Shape::Trades => at % 2 == 1,
        }
    }

    /// What number `at` of a row is called.
    pub(crate) fn field_name(self, at: usize) -> &'static str {
        let names = FIELDS.iter().find(|(shape, _)| *shape == self);
        names.and_then(|(_, names)| names.get(at)).unwrap_or(&"")
    }
}

/// One right line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) line: u64,
    pub(crate) stamped: Stamped,
    /// When it closes, of a bar that says so.
    pub(crate) close: Option<Ts>,
    pub(crate) ticker: usize,
    /// As the shape says; those that a shape lacks, or a bar of bid and ask, are zero.
    pub(crate) numbers: [Number; NUMBERS_MAX],
    pub(crate) side: u8,
    pub(crate) trade_id: u64,
}

/// A number that is wrong: which of the row's, and what was expected.
pub(crate) type WrongNumber = (usize, String);

/// Checks what must hold for the numbers of a row.
pub(crate) fn check(shape: Shape, numbers: &[Number; NUMBERS_MAX]) -> Result<(), WrongNumber> {
    match shape {
        Shape::Bars => check_bar(numbers, 0),
        // A crossed quote is a fact about the market, not a wrong line.
        Shape::Quotes => {
            above_zero(numbers, 0)?;
            not_negative(numbers, 1)?;
            above_zero(numbers, 2)?;
            not_negative(numbers, 3)
        }
        Shape::Trades => {
            above_zero(numbers, 0)?;
            above_zero(numbers, 1)
        }
        Shape::BidAskBars => {
            let has = [0, 5].map(|first| numbers[first..first + 5] != [Number::default(); 5]);
            if has == [false, false] {
                return Err((0, "a bar of the bid or of the ask".to_owned()));
            }
            for (first, has) in [0, 5].into_iter().zip(has) {
                if has {
                    check_bar(numbers, first)?;
                }
            }
            Ok(())
        }
    }
}

/// Open, high, low, close, volume from number `first` on.
fn check_bar(numbers: &[Number; NUMBERS_MAX], first: usize) -> Result<(), WrongNumber> {
    let [open, high, low, close] = [first, first + 1, first + 2, first + 3];
    for price in [open, high, low, close] {
        above_zero(numbers, price)?;
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
fn compare(a: Number, b: Number) -> Ordering {
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
            *number = Number::parse(text.as_bytes()).unwrap();
        }
        check(shape, &numbers)
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
