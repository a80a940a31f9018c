//! Definitions as text: the fields of a definition, and TOML (`[[instrument]]`).

use super::{Definition, Definitions, word, wrong};
use crate::{CatalogError, Result};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use tickloom_types::{Number, Ts, currency_code, format_decimal, is_currency_code};

/// What can be said, besides the name.
const FIELDS: &str = "from, to, tick, lot, multiplier, kind, payoff, base, currency, settlement, underlying, expiry, calendar and negative_prices";

/// A value in TOML: text, or what people write without quotes.
#[derive(Deserialize)]
#[serde(untagged)]
enum Scalar {
    Text(String),
    Integer(i64),
    Float(f64),
    Bool(bool),
    Time(toml::value::Datetime),
}

impl Scalar {
    fn text(self) -> String {
        match self {
            Scalar::Text(text) => text,
            Scalar::Integer(number) => number.to_string(),
            Scalar::Float(number) => number.to_string(),
            Scalar::Bool(value) => value.to_string(),
            Scalar::Time(time) => time.to_string(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    instrument: Vec<BTreeMap<String, Scalar>>,
}

impl Definition {
    /// A definition by the names of its fields: `from`, `to` and `expiry` are times or dates, `tick`, `lot` and `multiplier` decimals or
    /// fractions such as `1/32`, `kind` and `payoff` words, `negative_prices` true or false. Codes of currencies that are known are in capital
    /// letters, however they were written. An empty text says nothing.
    ///
    /// # Errors
    /// [`CatalogError::Definition`] names the field, its value and what was expected.
    pub fn from_fields<'a>(
        name: &str,
        fields: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Definition> {
        let mut definition = Definition {
            name: name.to_owned(),
            ..Definition::default()
        };
        for (field, value) in fields {
            let value = value.trim();
            if !value.is_empty() {
                definition.set(field, value)?;
            }
        }
        Ok(definition)
    }

    /// A definition by its fields, one of which is its name; `path` names where they are from in errors.
    ///
    /// # Errors
    /// As [`Definition::from_fields`]; [`CatalogError::DefinitionFile`] if there is no name.
    pub fn from_row<'a>(
        fields: impl Iterator<Item = (&'a str, &'a str)> + Clone,
        path: &Path,
    ) -> Result<Definition> {
        let name = fields.clone().find(|(field, _)| *field == "name");
        let name = name
            .map(|(_, name)| name.trim())
            .filter(|name| !name.is_empty());
        let Some(name) = name else {
            return Err(not_understood(path, &"a definition has no name"));
        };
        Definition::from_fields(name, fields.filter(|(field, _)| *field != "name"))
    }

    fn set(&mut self, field: &str, value: &str) -> Result<()> {
        let not =
            |expected: &'static str| wrong(&self.name, format!("{field} = {value}"), expected);
        let time = || {
            Ts::parse_by_digits(value).map_err(|_| {
                not(
                    "a date or a time, such as 2024-06-21, or a number since the epoch of 10 digits (seconds), 13, 16 or 19 (nanoseconds)",
                )
            })
        };
        let number = || {
            number(value).ok_or_else(|| {
                not("a decimal or a fraction above zero, with at most nine decimals")
            })
        };
        let text = || Some(value.to_owned());
        let code = || match value.is_empty() || is_currency_code(value) {
            true => Ok(Some(currency_code(value).to_owned())),
            false => Err(not("a code such as USD or USDT")),
        };
        match field {
            "from" => self.from = Some(time()?),
            "to" => self.to = Some(time()?),
            "expiry" => self.expiry = Some(time()?),
            "tick" => self.tick = Some(number()?),
            "lot" => self.lot = Some(number()?),
            "multiplier" => self.multiplier = Some(number()?),
            "kind" => {
                let kind = parse_word(value);
                self.kind = Some(kind.ok_or_else(|| {
                    not("spot, equity, fx, future, perpetual, spread, option or index")
                })?);
            }
            "payoff" => {
                let payoff = parse_word(value);
                self.payoff = Some(payoff.ok_or_else(|| not("linear, inverse or quanto"))?);
            }
            "base" => self.base = code()?,
            "currency" => self.currency = code()?,
            "settlement" => self.settlement = code()?,
            "underlying" => self.underlying = text(),
            "calendar" => self.calendar = text(),
            "negative_prices" => {
                self.negative_prices = Some(value.parse().map_err(|_| not("true or false"))?);
            }
            _ => {
                return Err(CatalogError::Definition {
                    instrument: self.name.clone(),
                    value: field.to_owned(),
                    expected: FIELDS.to_owned(),
                });
            }
        }
        Ok(())
    }

    /// What is said, by the names of the fields; [`Definition::from_fields`] makes the same of it.
    #[must_use]
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        let number = |number: Option<Number>| {
            number.map(|number| format_decimal(number.mantissa.into(), number.decimals))
        };
        let time = |ts: Option<Ts>| ts.map(|ts| ts.to_string());
        let some = |text: String| Some(text).filter(|text| !text.is_empty());
        let all = [
            ("from", time(self.from)),
            ("to", time(self.to)),
            ("tick", number(self.tick)),
            ("lot", number(self.lot)),
            ("multiplier", number(self.multiplier)),
            ("kind", some(word(self.kind.as_ref()))),
            ("payoff", some(word(self.payoff.as_ref()))),
            ("base", self.base.clone()),
            ("currency", self.currency.clone()),
            ("settlement", self.settlement.clone()),
            ("underlying", self.underlying.clone()),
            ("expiry", time(self.expiry)),
            ("calendar", self.calendar.clone()),
            (
                "negative_prices",
                self.negative_prices.map(|may| may.to_string()),
            ),
        ];
        let said = all.into_iter();
        said.filter_map(|(field, value)| Some((field, value?)))
            .collect()
    }
}

impl Definitions {
    /// Definitions in TOML; `path` names them in errors.
    ///
    /// # Errors
    /// [`CatalogError::Definition`] and [`CatalogError::DefinitionFile`] for what cannot be understood.
    pub fn from_toml(text: &str, path: &Path) -> Result<Definitions> {
        let file: File = toml::from_str(text).map_err(|error| not_understood(path, &error))?;
        let mut all = Definitions::default();
        for fields in file.instrument {
            let fields: BTreeMap<String, String> = fields
                .into_iter()
                .map(|(field, value)| (field, value.text()))
                .collect();
            all.add_of_file(Definition::from_row(
                fields
                    .iter()
                    .map(|(field, value)| (field.as_str(), value.as_str())),
                path,
            )?)?;
        }
        Ok(all)
    }

    /// Adds a definition of a file, which says each field of an instrument for the same times once.
    ///
    /// # Errors
    /// As [`Definitions::add`]; and if one that was added says another value.
    pub fn add_of_file(&mut self, definition: Definition) -> Result<()> {
        let mut same = self.of(&definition.name).iter();
        let times = (definition.from, definition.to);
        if let Some(known) = same.find(|known| (known.from, known.to) == times) {
            let known = known.fields();
            for (field, value) in definition.fields() {
                let other = known.iter().find(|(name, _)| *name == field);
                if let Some((_, other)) = other.filter(|(_, other)| *other != value) {
                    let found = format!("{field} = {other} and {field} = {value}");
                    return Err(wrong(&definition.name, found, "one of them"));
                }
            }
        }
        self.add(definition)
    }

    /// All of them in TOML; [`Definitions::from_toml`] makes the same of it.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        for definition in &self.all {
            let quoted = |value: &str| toml::Value::String(value.to_owned()).to_string();
            text.push_str("[[instrument]]\n");
            let fields = std::iter::once(("name", definition.name.clone()));
            for (field, value) in fields.chain(definition.fields()) {
                text.push_str(&format!("{field} = {}\n", quoted(&value)));
            }
            text.push('\n');
        }
        text
    }
}

fn not_understood(path: &Path, reason: &dyn std::fmt::Display) -> CatalogError {
    CatalogError::DefinitionFile {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

/// A decimal, or a fraction whose decimals end.
fn number(text: &str) -> Option<Number> {
    let above_zero = |number: &Number| number.mantissa > 0;
    let Some((above, below)) = text.split_once('/') else {
        let number = Number::parse(text.as_bytes()).ok();
        return number.map(Number::shortest).filter(above_zero);
    };
    let (above, below): (i64, i64) = (above.trim().parse().ok()?, below.trim().parse().ok()?);
    let scaled = i128::from(above) * 1_000_000_000;
    if below <= 0 || scaled % i128::from(below) != 0 {
        return None;
    }
    let mantissa = i64::try_from(scaled / i128::from(below)).ok()?;
    Some(
        Number {
            mantissa,
            decimals: 9,
        }
        .shortest(),
    )
    .filter(above_zero)
}

fn parse_word<T: serde::de::DeserializeOwned>(text: &str) -> Option<T> {
    let text = serde_json::Value::String(text.to_ascii_lowercase());
    serde_json::from_value(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let text = r#"
[[instrument]]
name = "ESH4"
from = 2023-12-15
tick = "1/4"
multiplier = 50
kind = "future"
expiry = "2024-03-15T13:30:00Z"

[[instrument]]
name = "é \"q\""
lot = 0.001
negative_prices = true
payoff = "inverse"
"#;
        let all = Definitions::from_toml(text, Path::new("x.toml")).unwrap();
        let es = &all.all()[0];
        assert_eq!(
            es.fields(),
            [
                ("from", "2023-12-15T00:00:00Z".to_owned()),
                ("tick", "0.25".to_owned()),
                ("multiplier", "50".to_owned()),
                ("kind", "future".to_owned()),
                ("expiry", "2024-03-15T13:30:00Z".to_owned()),
            ]
        );
        let again = Definitions::from_toml(&all.to_toml(), Path::new("x.toml")).unwrap();
        assert_eq!(again, all);
    }

    #[test]
    fn codes_and_numbers_of_time_are_read_as_they_are_meant() {
        let fields = [
            ("currency", "usd"),
            ("base", "eth"),
            ("settlement", "Points"),
            ("expiry", "1710509400000"),
        ];
        let read = Definition::from_fields("X", fields).unwrap();
        assert_eq!(
            read.fields(),
            [
                ("base", "ETH".to_owned()),
                ("currency", "USD".to_owned()),
                ("settlement", "Points".to_owned()),
                ("expiry", "2024-03-15T13:30:00Z".to_owned()),
            ]
        );
        assert!(Definition::from_fields("X", [("expiry", "17105094")]).is_err());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let check = |text: &str, expected: &str| {
            let error = Definitions::from_toml(text, Path::new("x.toml")).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        };
        check("[[instrument]]\ntick = 1\n", "has no name");
        check(
            "[[instrument]]\nname = \"X\"\ntick = \"1/3\"\n",
            "X: tick = 1/3",
        );
        check("[[instrument]]\nname = \"X\"\ntick = 0\n", "above zero");
        check(
            "[[instrument]]\nname = \"X\"\nkind = \"stock\"\n",
            "spot, equity",
        );
        check(
            "[[instrument]]\nname = \"X\"\ncolour = \"red\"\n",
            "colour, expected from, to",
        );
        check("[[instruments]]\nname = \"X\"\n", "x.toml");
        check(
            "[[instrument]]\nname = \"X\"\nto = \"soon\"\n",
            "a date or a time",
        );
    }
}
