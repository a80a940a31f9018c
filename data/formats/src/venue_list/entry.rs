//! An instrument of a list as the fields of a definition, and why some are none.

use super::object::Object;
use thiserror::Error;
use tickloom_types::{Number, PRICE_DECIMALS_MAX, Ts, format_decimal};

/// The fields of a definition, as text.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) fields: Vec<(&'static str, String)>,
}

/// Why an instrument of a list cannot be defined.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum Reason {
    #[error("no `{0}`")]
    Missing(&'static str),
    #[error("`{0}` is no decimal above zero with at most nine decimals")]
    Number(&'static str),
    #[error("`{0}` is no time, or one after 2262")]
    Time(&'static str),
    #[error("decimals of tick, lot and multiplier are more than 18 together")]
    Decimals,
    #[error("a name that is empty, longer than 64 bytes, or has control characters")]
    Name,
    #[error("{0}")]
    Kind(String),
    #[error("{0}")]
    Other(String),
}

impl Entry {
    pub(super) fn new(name: String, kind: &str) -> Entry {
        Entry {
            name,
            fields: vec![("kind", kind.to_owned())],
        }
    }

    pub(super) fn say(mut self, field: &'static str, value: impl Into<String>) -> Entry {
        self.fields.push((field, value.into()));
        self
    }

    pub(super) fn say_if(self, field: &'static str, value: Option<String>) -> Entry {
        match value {
            Some(value) => self.say(field, value),
            None => self,
        }
    }

    /// What is priced in `currency`: the change of the price in it. It pays in `settlement`, if that is said and another.
    pub(super) fn linear(self, currency: &str, settlement: Option<String>) -> Entry {
        self.say("payoff", "linear")
            .say("currency", currency)
            .say_if("settlement", settlement.filter(|paid| paid != currency))
    }

    /// What is priced in `currency` and pays in the coin `base`.
    pub(super) fn inverse(self, base: &str, currency: &str) -> Entry {
        self.say("payoff", "inverse")
            .say("base", base)
            .say("currency", currency)
            .say("settlement", base)
    }
}

/// A text that has to be there.
pub(super) fn need(object: &Object<'_>, field: &'static str) -> Result<String, Reason> {
    object.text(field).ok_or(Reason::Missing(field))
}

/// A decimal above zero, if there is one.
pub(super) fn decimal(object: &Object<'_>, field: &'static str) -> Result<Option<String>, Reason> {
    object
        .text(field)
        .map(|text| Ok(written(parsed(&text, field)?)))
        .transpose()
}

fn parsed(text: &str, field: &'static str) -> Result<Number, Reason> {
    let number = Number::parse(text.as_bytes()).map(Number::shortest);
    let number = number.map_err(|_| Reason::Number(field))?;
    match number.mantissa > 0 {
        true => Ok(number),
        false => Err(Reason::Number(field)),
    }
}

fn written(number: Number) -> String {
    format_decimal(number.mantissa.into(), number.decimals)
}

/// The product of two decimals, both of which have to be there.
pub(super) fn product(
    object: &Object<'_>,
    [one, other]: [&'static str; 2],
) -> Result<String, Reason> {
    let a = parsed(&need(object, one)?, one)?;
    let b = parsed(&need(object, other)?, other)?;
    let mut mantissa = i128::from(a.mantissa) * i128::from(b.mantissa);
    let mut decimals = a.decimals + b.decimals;
    while decimals > 0 && mantissa % 10 == 0 {
        mantissa /= 10;
        decimals -= 1;
    }
    match i64::try_from(mantissa) {
        Ok(mantissa) if decimals <= PRICE_DECIMALS_MAX => {
            Ok(written(Number { mantissa, decimals }))
        }
        _ => Err(Reason::Number(one)),
    }
}

/// The step of so many decimals: 0.01 of 2, 100 of -2.
pub(super) fn step(object: &Object<'_>, field: &'static str) -> Result<Option<String>, Reason> {
    let Some(text) = object.text(field) else {
        return Ok(None);
    };
    let decimals: i32 = text.parse().map_err(|_| Reason::Number(field))?;
    let negated = decimals.checked_neg().ok_or(Reason::Number(field))?;
    Ok(Some(written(parsed(&format!("1e{negated}"), field)?)))
}

/// A time in milliseconds since 1970, if there is one; zero is none.
pub(super) fn millis(object: &Object<'_>, field: &'static str) -> Result<Option<String>, Reason> {
    let Some(text) = object.text(field) else {
        return Ok(None);
    };
    let millis: i64 = text.parse().map_err(|_| Reason::Time(field))?;
    let nanos = millis.checked_mul(1_000_000).filter(|nanos| *nanos >= 0);
    let nanos = nanos.ok_or(Reason::Time(field))?;
    Ok((nanos > 0).then(|| Ts(nanos).to_string()))
}

/// A time as RFC 3339 writes it, if there is one.
pub(super) fn time(object: &Object<'_>, field: &'static str) -> Result<Option<String>, Reason> {
    let Some(text) = object.text(field) else {
        return Ok(None);
    };
    match Ts::parse(&text) {
        Ok(ts) if text.contains('T') => Ok(Some(ts.to_string())),
        _ => Err(Reason::Time(field)),
    }
}
