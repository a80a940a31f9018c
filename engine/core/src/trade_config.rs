//! What a run trades and within which limits: strategies, account, fees, fill model, risk limits.
//!
//! Plain data as it stands in a configuration file; decimals are text, so that they are exact. Texts that depend
//! on an instrument's scale (sizes) are read once, when the run starts; nothing here knows a market. Strategies are in
//! `trade_config/strategy.rs`.

mod strategy;

pub use strategy::{StrategyDef, Traded};

use crate::error::CoreError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;
use tickloom_types::{Money, parse_decimal, parse_money};

/// Decimals of a fee rate and of a fee.
pub const FEE_DECIMALS: u8 = 9;

/// A text in the trading half of a configuration that could not be read.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("{field}: {value:?} is not {expected}")]
pub struct TradeConfigError {
    /// The field, such as `size`.
    pub field: &'static str,
    /// The text as given.
    pub value: String,
    /// What was expected.
    pub expected: &'static str,
}

impl TradeConfigError {
    pub(crate) fn new(field: &'static str, value: &str, expected: &'static str) -> Self {
        TradeConfigError {
            field,
            value: value.to_owned(),
            expected,
        }
    }
}

/// How much an entry trades.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Size {
    /// So many units, as decimal text such as `1000` or `0.25`.
    Qty(String),
    /// All cash, down to the instrument's smallest size step; known when it fills.
    All,
    /// All cash, whole units only; known when it fills.
    AllWhole,
}

/// A fee per unit of money traded, the same for buying and selling: `0.001` is 0.1 %. At most nine decimals, from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FeeRate(i64);

/// Largest share of the size that an event shows which one fill may take, above 0 and at most 1: `0.1` is a tenth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VolumeShare(i64);

/// When a market order fills.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FillModel {
    /// At the first later event of the instrument that has a price: the open of the next bar, or the next quote or trade.
    #[default]
    NextOpen,
    /// At once, at the close of the bar (or the last price) that made the decision. Optimistic: nobody can trade at a
    /// price that is known only when it is gone. For comparison with other engines.
    SameClose,
}

/// The account that the strategies of a run share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountConfig {
    /// Deposit at the start.
    #[serde(with = "money_text")]
    pub cash: Money,
    /// Fee per side.
    #[serde(default)]
    pub fee: FeeRate,
    /// When a market order fills.
    #[serde(default)]
    pub fill: FillModel,
    /// Whether a purchase may take cash below zero.
    #[serde(default)]
    pub margin: bool,
    /// Caps fills at a share of the volume that the event shows; without it a fill is never partial.
    #[serde(default)]
    pub volume_share: Option<VolumeShare>,
}

/// Limits that every order passes. Absent means no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RiskLimits {
    /// Largest size of one order in units, for every instrument without its own.
    pub order_qty: Option<String>,
    /// Largest money of one order.
    #[serde(with = "money_text_option")]
    pub order_notional: Option<Money>,
    /// Largest position in units, long or short, for every instrument without its own.
    pub position: Option<String>,
    /// Largest sum of the absolute values of the positions in all instruments.
    #[serde(with = "money_text_option")]
    pub gross_exposure: Option<Money>,
    /// Largest absolute value of the sum of the positions in all instruments.
    #[serde(with = "money_text_option")]
    pub net_exposure: Option<Money>,
    /// Orders within any second of event time.
    pub orders_per_second: Option<u32>,
    /// Largest distance of an order's price from the mark, in hundredths of a percent.
    pub price_collar_bps: Option<u32>,
    /// Loss within one UTC day at which the stop latches.
    #[serde(with = "money_text_option")]
    pub daily_loss: Option<Money>,
    /// Limits of single instruments by name.
    pub instruments: BTreeMap<String, InstrumentLimits>,
}

/// Limits of one instrument; they replace the general ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InstrumentLimits {
    /// Largest size of one order in units.
    pub order_qty: Option<String>,
    /// Largest position in units, long or short.
    pub position: Option<String>,
}

impl AccountConfig {
    /// Only a deposit: no fee, fills at the next open, no margin, no volume cap.
    #[must_use]
    pub fn new(cash: Money) -> Self {
        AccountConfig {
            cash,
            fee: FeeRate::default(),
            fill: FillModel::default(),
            margin: false,
            volume_share: None,
        }
    }

    /// Checks what each value alone cannot say.
    ///
    /// # Errors
    /// [`CoreError::Setting`] if there is nothing to trade with.
    pub fn check(&self) -> Result<(), CoreError> {
        if self.cash > Money::ZERO {
            return Ok(());
        }
        Err(CoreError::Setting {
            owner: "account".to_owned(),
            field: "cash",
            value: self.cash.to_string(),
            expected: "an amount above zero",
        })
    }
}

/// A million, no fee.
impl Default for AccountConfig {
    fn default() -> Self {
        AccountConfig::new(Money(1_000_000 * 10_i128.pow(18)))
    }
}

impl FeeRate {
    /// The rate in units of 1e-9.
    #[must_use]
    pub fn nano(self) -> i64 {
        self.0
    }
}

impl VolumeShare {
    /// This share of a size, rounded down.
    #[must_use]
    pub fn of(self, qty: i64) -> i64 {
        let part = i128::from(qty) * i128::from(self.0) / 1_000_000_000;
        i64::try_from(part).expect("a share of at most one of an i64 fits in an i64")
    }
}

impl FromStr for Size {
    type Err = TradeConfigError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "all" => Ok(Size::All),
            "all-whole" => Ok(Size::AllWhole),
            _ if parse_money(text).is_ok_and(|qty| qty > Money::ZERO) => {
                Ok(Size::Qty(text.to_owned()))
            }
            _ => Err(TradeConfigError::new(
                "size",
                text,
                "a number above zero, all or all-whole",
            )),
        }
    }
}

impl FromStr for FeeRate {
    type Err = TradeConfigError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_share(text).map(FeeRate).ok_or_else(|| {
            TradeConfigError::new(
                "fee",
                text,
                "a rate from 0 to 1 with at most nine decimals, e.g. 0.001",
            )
        })
    }
}

impl FromStr for VolumeShare {
    type Err = TradeConfigError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let share = parse_share(text).filter(|share| *share > 0);
        share.map(VolumeShare).ok_or_else(|| {
            TradeConfigError::new(
                "volume_share",
                text,
                "a share above 0 and at most 1, e.g. 0.1",
            )
        })
    }
}

impl FromStr for FillModel {
    type Err = TradeConfigError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "next-open" => Ok(FillModel::NextOpen),
            "same-close" => Ok(FillModel::SameClose),
            _ => Err(TradeConfigError::new(
                "fill",
                text,
                "next-open or same-close",
            )),
        }
    }
}

/// A number from 0 to 1 in units of 1e-9.
fn parse_share(text: &str) -> Option<i64> {
    let nano = parse_decimal(text.as_bytes(), FEE_DECIMALS).ok()?;
    (0..=1_000_000_000).contains(&nano).then_some(nano)
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Size::Qty(text) => text,
            Size::All => "all",
            Size::AllWhole => "all-whole",
        })
    }
}

impl fmt::Display for FillModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FillModel::NextOpen => "next-open",
            FillModel::SameClose => "same-close",
        })
    }
}

impl fmt::Display for FeeRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&tickloom_types::format_decimal(self.0.into(), FEE_DECIMALS))
    }
}

impl fmt::Display for VolumeShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&tickloom_types::format_decimal(self.0.into(), FEE_DECIMALS))
    }
}

macro_rules! as_text {
    ($($name:ident)*) => {$(
        impl TryFrom<String> for $name {
            type Error = TradeConfigError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.to_string()
            }
        }
    )*};
}

as_text!(Size FeeRate VolumeShare);

/// Money as decimal text.
mod money_text {
    use super::{Money, parse_money};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(money: &Money, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(money)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Money, D::Error> {
        let text = String::deserialize(from)?;
        parse_money(&text)
            .map_err(|why| D::Error::custom(format!("{text:?} is not an amount of money: {why}")))
    }
}

/// Money as decimal text, or nothing.
mod money_text_option {
    use super::{Money, money_text};
    use serde::{Deserialize, Deserializer, Serializer};

    #[derive(Deserialize)]
    struct Text(#[serde(with = "money_text")] Money);

    pub(super) fn serialize<S: Serializer>(
        money: &Option<Money>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match money {
            Some(money) => money_text::serialize(money, to),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Money>, D::Error> {
        Ok(Option::<Text>::deserialize(from)?.map(|text| text.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_exact_and_checked() {
        assert_eq!("0.001".parse::<FeeRate>().unwrap().nano(), 1_000_000);
        assert_eq!("0.001".parse::<FeeRate>().unwrap().to_string(), "0.001");
        assert!("1.1".parse::<FeeRate>().is_err());
        assert!("-0.1".parse::<FeeRate>().is_err());
        assert!("0.0000000001".parse::<FeeRate>().is_err());
        assert_eq!("all-whole".parse::<Size>().unwrap(), Size::AllWhole);
        assert_eq!(
            "0".parse::<Size>().unwrap_err().to_string(),
            "size: \"0\" is not a number above zero, all or all-whole"
        );
        assert!("0".parse::<VolumeShare>().is_err());
        assert_eq!("0.1".parse::<VolumeShare>().unwrap().of(109), 10);
    }

    #[test]
    fn json_round_trips_and_refuses_unknown_fields() {
        let text = r#"{"kind":"rules","name":"s","enter":"a","exit":"b","size":"all"}"#;
        let def: StrategyDef = serde_json::from_str(text).unwrap();
        let again: StrategyDef =
            serde_json::from_str(&serde_json::to_string(&def).unwrap()).unwrap();
        assert_eq!(def, again);
        let wrong = r#"{"kind":"rules","name":"s","entr":"a","size":"all"}"#;
        assert!(serde_json::from_str::<StrategyDef>(wrong).is_err());

        let text = r#"{"cash":"1000000.5","fee":"0.001","fill":"same-close"}"#;
        let account: AccountConfig = serde_json::from_str(text).unwrap();
        assert_eq!(account.cash, parse_money("1000000.5").unwrap());
        assert!(
            serde_json::to_string(&account)
                .unwrap()
                .contains("\"1000000.5\"")
        );
        assert!(serde_json::from_str::<AccountConfig>(r#"{"cash":"1e6"}"#).is_err());

        let limits: RiskLimits = serde_json::from_str(r#"{"order_notional":"5000"}"#).unwrap();
        assert_eq!(limits.order_notional, Some(parse_money("5000").unwrap()));
        assert_eq!(limits.daily_loss, None);
        assert!(serde_json::from_str::<RiskLimits>(r#"{"order_notionl":"5000"}"#).is_err());
    }
}
