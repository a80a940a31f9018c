//! What an instrument is: at which scale its numbers are, what they are worth, and what is known of its contract.

use crate::decimal::{MONEY_DECIMALS, PRICE_DECIMALS_MAX, format_decimal, pow10};
use crate::time::Ts;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use thiserror::Error;

/// The definition of an instrument. Its name is `VENUE.SYMBOL` (`binance-usdm.BTCUSDT`) or, for a file, any name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstrumentDef {
    /// Unique name: 1 to 64 bytes of UTF-8 without control characters, and without white space at its ends.
    pub name: String,
    /// Decimals of a price mantissa, at most nine.
    pub price_decimals: u8,
    /// Decimals of a size mantissa, at most nine.
    pub qty_decimals: u8,
    /// Smallest price step as a mantissa, above zero.
    pub tick_size: i64,
    /// Smallest size step as a mantissa, above zero.
    pub lot_size: i64,
    /// Money per unit of price times size as a mantissa, above zero; 1 for spot.
    pub multiplier: i64,
    /// Decimals of the multiplier; those of price, size and multiplier are at most 18 together.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub multiplier_decimals: u8,
    /// Currency that prices and money are in, such as `USD`.
    pub currency: String,
    /// Name of the calendar that says when it trades, such as `us-equity`; without one it trades at all times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<String>,
    /// What is known of its contract.
    #[serde(default, skip_serializing_if = "Contract::is_unknown")]
    pub contract: Contract,
}

/// What is known of the contract behind an instrument, and what of its definition nobody said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Contract {
    /// What is traded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<InstrumentKind>,
    /// What a change of the price pays; linear if nothing says otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payoff: Option<Payoff>,
    /// Currency or coin of the sizes, such as `BTC`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// Currency in which profit and loss are paid, if it is not that of the prices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settlement: Option<String>,
    /// What a derivative is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub underlying: Option<String>,
    /// When it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiry: Option<Ts>,
    /// Whether prices may be below zero; see [`InstrumentDef::may_be_negative`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub negative_prices: Option<bool>,
    /// Since when the definition holds; since ever if that is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Ts>,
    /// Until when the definition holds, exclusive; for ever if that is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<Ts>,
    /// What nobody said: what another definition says of it counts instead.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub assumed: BTreeSet<Term>,
}

impl Contract {
    /// Whether nothing is known, and nothing said to be assumed.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        *self == Contract::default()
    }
}

/// What is traded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstrumentKind {
    /// A coin against a currency, for delivery at once.
    Spot,
    /// A share or a fund.
    Equity,
    /// A pair of currencies.
    Fx,
    /// A contract with an end.
    Future,
    /// A contract without an end.
    Perpetual,
    /// Two or more contracts as one, at the difference of their prices.
    Spread,
    /// A right to buy or to sell.
    Option,
    /// A figure that is computed, and that nobody can trade.
    Index,
}

/// What a change of the price pays to who holds one unit of size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Payoff {
    /// The change times the multiplier, in the currency of the prices.
    Linear,
    /// The change of one over the price times the multiplier, in the currency of the sizes.
    Inverse,
    /// The change times the multiplier, in a third currency at a fixed rate.
    Quanto,
}

/// A part of a definition that nobody may have said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Term {
    /// [`InstrumentDef::currency`].
    Currency,
    /// [`InstrumentDef::multiplier`].
    Multiplier,
    /// [`InstrumentDef::tick_size`].
    Tick,
    /// [`InstrumentDef::lot_size`].
    Lot,
}

impl Term {
    /// All parts that may be assumed.
    pub const ALL: [Term; 4] = [Term::Currency, Term::Multiplier, Term::Tick, Term::Lot];
}

/// Why the engine does not trade an instrument: its profit would be another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untradable {
    /// Paid in the coin of its sizes.
    Inverse,
    /// Paid in a third currency.
    Quanto,
    /// A right, whose end and exercise are not known here.
    Option,
}

impl fmt::Display for Untradable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Untradable::Inverse => {
                "an inverse contract: it pays in the coin of its sizes, by one over the price"
            }
            Untradable::Quanto => "a quanto contract: it pays in a third currency",
            Untradable::Option => "an option: its exercise and its end are not known here",
        })
    }
}

impl InstrumentDef {
    /// A plain instrument: step of one mantissa, multiplier 1, of whose contract nothing is known.
    #[must_use]
    pub fn new(name: &str, price_decimals: u8, qty_decimals: u8, currency: &str) -> Self {
        InstrumentDef {
            name: name.to_owned(),
            price_decimals,
            qty_decimals,
            tick_size: 1,
            lot_size: 1,
            multiplier: 1,
            multiplier_decimals: 0,
            currency: currency.to_owned(),
            calendar: None,
            contract: Contract::default(),
        }
    }

    /// A plain instrument of which nobody said more than its name: all that can be is assumed.
    #[must_use]
    pub fn assumed(name: &str, price_decimals: u8, qty_decimals: u8, currency: &str) -> Self {
        let mut def = InstrumentDef::new(name, price_decimals, qty_decimals, currency);
        def.contract.assumed = BTreeSet::from(Term::ALL);
        def
    }

    /// The multiplier as text, such as `0.01`.
    #[must_use]
    pub fn multiplier_text(&self) -> String {
        format_decimal(self.multiplier.into(), self.multiplier_decimals)
    }

    /// The multiplier as the nearest float, for reading only.
    #[must_use]
    pub fn multiplier_f64(&self) -> f64 {
        self.multiplier as f64 / pow10(self.multiplier_decimals) as f64
    }

    /// Money of the notional at 18 decimals, of a price mantissa times a size mantissa: the unit by which their product is to be
    /// multiplied. Exact, as the decimals of price, size and multiplier are at most 18 together.
    #[must_use]
    pub fn money_unit(&self) -> i128 {
        let decimals = self.price_decimals + self.qty_decimals + self.multiplier_decimals;
        let rest = MONEY_DECIMALS.saturating_sub(decimals);
        i128::from(self.multiplier) * i128::from(pow10(rest))
    }

    /// Whether prices may be below zero: as the contract says, or else those of futures and spreads; `None` if nothing is known of
    /// what it is.
    #[must_use]
    pub fn may_be_negative(&self) -> Option<bool> {
        let contract = &self.contract;
        contract.negative_prices.or_else(|| {
            let kind = contract.kind?;
            Some(matches!(
                kind,
                InstrumentKind::Future | InstrumentKind::Spread
            ))
        })
    }

    /// Why the engine cannot trade it truly, if it cannot.
    #[must_use]
    pub fn untradable(&self) -> Option<Untradable> {
        let contract = &self.contract;
        let settlement = contract.settlement.as_ref();
        match (contract.payoff, contract.kind) {
            (Some(Payoff::Inverse), _) => Some(Untradable::Inverse),
            (Some(Payoff::Quanto), _) => Some(Untradable::Quanto),
            (_, Some(InstrumentKind::Option)) => Some(Untradable::Option),
            _ if settlement.is_some_and(|currency| *currency != self.currency) => {
                Some(Untradable::Quanto)
            }
            _ => None,
        }
    }

    /// Whether its numbers are in range and fit together.
    ///
    /// # Errors
    /// [`InstrumentError`] names the field.
    pub fn check(&self) -> Result<(), InstrumentError> {
        let name_ok = (1..=64).contains(&self.name.len())
            && self.name.trim() == self.name
            && !self.name.chars().any(char::is_control);
        if !name_ok {
            return Err(InstrumentError::Name(self.name.clone()));
        }
        let most = i64::from(PRICE_DECIMALS_MAX);
        let [price, qty, multiplier] = [
            self.price_decimals,
            self.qty_decimals,
            self.multiplier_decimals,
        ]
        .map(i64::from);
        let together = price + qty + multiplier;
        let in_range = [
            ("price_decimals", price, 0, most, "0 to 9"),
            ("qty_decimals", qty, 0, most, "0 to 9"),
            ("multiplier_decimals", multiplier, 0, most, "0 to 9"),
            (
                "price_decimals + qty_decimals + multiplier_decimals",
                together,
                0,
                i64::from(MONEY_DECIMALS),
                "at most 18",
            ),
            ("tick_size", self.tick_size, 1, i64::MAX, "above zero"),
            ("lot_size", self.lot_size, 1, i64::MAX, "above zero"),
            ("multiplier", self.multiplier, 1, i64::MAX, "above zero"),
        ];
        for (field, value, least, most, expected) in in_range {
            if value < least || value > most {
                return Err(InstrumentError::Field {
                    name: self.name.clone(),
                    field,
                    value,
                    expected,
                });
            }
        }
        let contract = &self.contract;
        if let (Some(from), Some(to)) = (contract.valid_from, contract.valid_to)
            && to <= from
        {
            return Err(InstrumentError::Validity {
                name: self.name.clone(),
                from,
                to,
            });
        }
        Ok(())
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands out references"
)]
fn is_zero(decimals: &u8) -> bool {
    *decimals == 0
}

/// Why a definition was refused.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum InstrumentError {
    /// Name that is empty, over 64 bytes, has control characters, or white space at its ends.
    #[error(
        "instrument name {0:?}: expected 1 to 64 bytes of UTF-8 without control characters, and without spaces at its ends"
    )]
    Name(String),
    /// A field out of its range.
    #[error("instrument {name}: {field} is {value}, expected {expected}")]
    Field {
        /// The instrument.
        name: String,
        /// The field.
        field: &'static str,
        /// Its value.
        value: i64,
        /// What was expected.
        expected: &'static str,
    },
    /// A validity that ends before it begins.
    #[error(
        "instrument {name}: valid to {to}, expected a time after {from}, from which it is valid"
    )]
    Validity {
        /// The instrument.
        name: String,
        /// Since when it would be valid.
        from: Ts,
        /// Until when.
        to: Ts,
    },
    /// The same name with another definition.
    #[error("instrument {0} is already defined differently")]
    Conflict(String),
    /// More than fits in an identifier.
    #[error("too many instruments or sources")]
    TooMany,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_of_which_nothing_more_is_known_is_written_as_before() {
        let def = InstrumentDef::new("X", 2, 0, "USD");
        assert_eq!(
            serde_json::to_string(&def).unwrap(),
            r#"{"name":"X","price_decimals":2,"qty_decimals":0,"tick_size":1,"lot_size":1,"multiplier":1,"currency":"USD"}"#
        );
    }

    #[test]
    fn what_is_known_comes_back() {
        let mut def = InstrumentDef::assumed("ESH4", 2, 0, "USD");
        def.multiplier = 5;
        def.multiplier_decimals = 1;
        def.contract.kind = Some(InstrumentKind::Future);
        def.contract.expiry = Some(Ts(1_710_509_400_000_000_000));
        def.contract.assumed.remove(&Term::Multiplier);
        let text = serde_json::to_string(&def).unwrap();
        assert!(text.contains(r#""multiplier_decimals":1"#), "{text}");
        assert!(
            text.contains(r#""assumed":["currency","tick","lot"]"#),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<InstrumentDef>(&text).unwrap(), def);
        assert_eq!(def.multiplier_text(), "0.5");
        assert_eq!(def.may_be_negative(), Some(true));
    }

    #[test]
    fn the_decimals_of_money_have_a_limit() {
        let mut def = InstrumentDef::new("X", 9, 9, "USD");
        assert_eq!(def.check(), Ok(()));
        assert_eq!(def.money_unit(), 1);
        def.multiplier_decimals = 1;
        assert_eq!(
            def.check().unwrap_err().to_string(),
            "instrument X: price_decimals + qty_decimals + multiplier_decimals is 19, expected at most 18"
        );
        def.price_decimals = 2;
        def.qty_decimals = 0;
        def.multiplier = 7;
        // 7e-1 a unit: one price mantissa (1e-2) is 7e-3, at 18 decimals 7e15.
        assert_eq!(def.money_unit(), 7_000_000_000_000_000);
    }

    #[test]
    fn what_cannot_be_traded_truly_is_named() {
        let mut def = InstrumentDef::new("X", 2, 0, "USD");
        assert_eq!(def.untradable(), None);
        def.contract.payoff = Some(Payoff::Inverse);
        assert_eq!(def.untradable(), Some(Untradable::Inverse));
        def.contract.payoff = Some(Payoff::Linear);
        def.contract.kind = Some(InstrumentKind::Option);
        assert_eq!(def.untradable(), Some(Untradable::Option));
        def.contract.kind = Some(InstrumentKind::Future);
        def.contract.settlement = Some("USD".to_owned());
        assert_eq!(def.untradable(), None);
        def.contract.settlement = Some("BTC".to_owned());
        assert_eq!(def.untradable(), Some(Untradable::Quanto));
    }

    #[test]
    fn a_validity_begins_before_it_ends() {
        let mut def = InstrumentDef::new("X", 2, 0, "USD");
        def.contract.valid_from = Some(Ts(5));
        def.contract.valid_to = Some(Ts(5));
        assert!(matches!(def.check(), Err(InstrumentError::Validity { .. })));
        def.contract.valid_to = Some(Ts(6));
        assert_eq!(def.check(), Ok(()));
    }
}
