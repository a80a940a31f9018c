//! Why a figure is undefined.

use serde::{Serialize, Serializer};
use std::fmt;

/// Why a figure is undefined. Printed, it completes "null, because …".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Undefined {
    /// Annual figures need thirty days between the first point of the curve and the last; this has so many nanoseconds.
    ShortSpan(i64),
    /// A spread needs two returns, and so three points.
    FewReturns,
    /// The returns are all the same, as far as a float can tell them apart.
    NoSpread,
    /// No return is below zero.
    NoLoss,
    /// The equity was at zero or below, from which no return is defined.
    NotPositive,
    /// It does not fit in a float.
    TooLarge,
    /// The curve has no point.
    NoPoints,
    /// No trade is finished.
    NoTrades,
    /// No finished trade lost money.
    NoLosingTrade,
}

impl fmt::Display for Undefined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Undefined::ShortSpan(span) => {
                let days = *span as f64 / 86_400e9;
                write!(
                    f,
                    "a year is not told from less than 30 days, and there are {days:.2}"
                )
            }
            Undefined::FewReturns => f.write_str("there are fewer than two returns"),
            Undefined::NoSpread => f.write_str("the returns do not differ"),
            Undefined::NoLoss => f.write_str("no return is negative"),
            Undefined::NotPositive => f.write_str("the equity was not above zero"),
            Undefined::TooLarge => f.write_str("it is too large to be told"),
            Undefined::NoPoints => f.write_str("the equity curve has no point"),
            Undefined::NoTrades => f.write_str("no trade is finished"),
            Undefined::NoLosingTrade => f.write_str("no finished trade lost money"),
        }
    }
}

impl Serialize for Undefined {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_a_sentence() {
        let day = 86_400_000_000_000;
        assert_eq!(
            Undefined::ShortSpan(day * 5 / 4).to_string(),
            "a year is not told from less than 30 days, and there are 1.25"
        );
    }
}
