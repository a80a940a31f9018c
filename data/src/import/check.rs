//! What must hold for a row's numbers: the rule that it breaks, with the field and what was expected.

use super::number::Number;
use std::cmp::Ordering;

/// A field that is wrong: which of the row's numbers, and what was expected.
pub(crate) type Wrong = (usize, String);

/// Open, high, low, close, volume.
pub(crate) fn check_bar(numbers: &[Number; 5]) -> Result<(), Wrong> {
    let [open, high, low, close, volume] = *numbers;
    for (at, price) in [open, high, low, close].into_iter().enumerate() {
        above_zero(at, price)?;
    }
    for other in [open, close] {
        if compare(high, other) == Ordering::Less {
            return Err((1, format!("at least {}", text(other))));
        }
        if compare(low, other) == Ordering::Greater {
            return Err((2, format!("at most {}", text(other))));
        }
    }
    not_negative(4, volume)
}

/// Bid, its size, ask, its size. A crossed quote is a fact about the market, not a wrong line.
pub(crate) fn check_quote(numbers: &[Number; 5]) -> Result<(), Wrong> {
    let [bid, bid_qty, ask, ask_qty, _] = *numbers;
    above_zero(0, bid)?;
    not_negative(1, bid_qty)?;
    above_zero(2, ask)?;
    not_negative(3, ask_qty)
}

/// Price, size.
pub(crate) fn check_trade(numbers: &[Number; 5]) -> Result<(), Wrong> {
    above_zero(0, numbers[0])?;
    above_zero(1, numbers[1])
}

fn above_zero(at: usize, number: Number) -> Result<(), Wrong> {
    if number.mantissa > 0 {
        Ok(())
    } else {
        Err((at, "above zero".to_owned()))
    }
}

fn not_negative(at: usize, number: Number) -> Result<(), Wrong> {
    if number.mantissa >= 0 {
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

    fn numbers(texts: [&str; 5]) -> [Number; 5] {
        texts.map(|text| Number::parse(text.as_bytes()).unwrap())
    }

    #[test]
    fn bars() {
        let check = |texts| check_bar(&numbers(texts));
        assert_eq!(check(["1.5", "2", "1", "1.25", "0"]), Ok(()));
        assert_eq!(check(["1", "1", "1", "1", "9"]), Ok(()));
        let wrong = |at, text: &str| Err((at, text.to_owned()));
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
    fn quotes_and_trades() {
        assert_eq!(check_quote(&numbers(["2", "0", "1", "1", "0"])), Ok(()));
        assert!(check_quote(&numbers(["2", "-1", "1", "1", "0"])).is_err());
        assert!(check_trade(&numbers(["2", "0", "0", "0", "0"])).is_err());
        assert_eq!(check_trade(&numbers(["2", "1", "0", "0", "0"])), Ok(()));
    }
}
