//! A profile: a file in TOML that says how the files of one origin are to be read, and can be kept and shared.

use super::mapping::{Mapping, wrong};
use super::number::Decimal;
use super::options::{ImportOptions, Stamp};
use super::time::TimeFormat;
use crate::{FormatError, Result};
use serde::Deserialize;
use std::path::Path;
use tickloom_types::{BarSpec, PRICE_DECIMALS_MAX, currency_code, is_currency_code};

/// A file that says how the files of one origin are to be read.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Profile {
    /// Which column holds what.
    pub columns: Mapping,
    /// How times are written: s, ms, us, ns, dotnet, filetime, compact, day-first, month-first or a pattern of strptime.
    pub time_format: Option<String>,
    /// IANA zone of times that name none, or an offset.
    pub zone: Option<String>,
    /// What parts the fields.
    pub delimiter: Option<char>,
    /// What parts the whole of a number from its fraction.
    pub decimal: Option<Decimal>,
    /// Decimals that prices and sizes are rounded to.
    pub round: Option<u8>,
    /// Size of the bars.
    pub bar: Option<String>,
    /// What a bar's time means: open or close.
    pub stamp: Option<Stamp>,
    /// Currency of the prices.
    pub currency: Option<String>,
    /// Calendar of the instruments.
    pub calendar: Option<String>,
    /// Format of the files, by its name.
    pub format: Option<String>,
    /// Whether prices may be zero and below.
    pub negative_prices: Option<bool>,
    /// Years in which a time is plausible, `FIRST..LAST`.
    pub years: Option<String>,
    /// Rows that may be refused: a number, or a part such as `5%`.
    pub refused_max: Option<String>,
}

impl Profile {
    /// Reads a profile.
    ///
    /// # Errors
    /// [`FormatError::Io`], and [`FormatError::Unrecognised`] for what is no profile.
    pub fn read(path: &Path) -> Result<Profile> {
        let text = std::fs::read_to_string(path).map_err(FormatError::io("read", path))?;
        toml::from_str(&text).map_err(|error| FormatError::Unrecognised {
            file: path.to_owned(),
            place: String::new(),
            found: error.to_string().trim_end().to_owned(),
            expected: "columns, time_format, zone, delimiter, decimal, round, bar, stamp, currency, calendar, format, negative_prices, years and refused_max in TOML".to_owned(),
        })
    }

    /// Fills in what the options do not say.
    ///
    /// # Errors
    /// [`FormatError::Option`] for a value that is none of its kind.
    pub fn fill(self, options: &mut ImportOptions) -> Result<()> {
        options.mapping = std::mem::take(&mut options.mapping).or(&self.columns);
        options.time_format = options.time_format.take().or(self.time_format);
        options.zone = options.zone.take().or(self.zone);
        options.delimiter = options.delimiter.or(self.delimiter);
        options.decimal = options.decimal.or(self.decimal);
        options.round = options.round.or(self.round);
        let currency = self.currency.map(|code| currency_code(&code).to_owned());
        options.currency = options.currency.take().or(currency);
        options.calendar = options.calendar.take().or(self.calendar);
        options.negative_prices |= self.negative_prices.unwrap_or(false);
        if options.stamp == Stamp::Auto {
            options.stamp = self.stamp.unwrap_or_default();
        }
        if let (None, Some(bar)) = (options.bar, &self.bar) {
            let bar = bar.parse::<BarSpec>();
            options.bar =
                Some(bar.map_err(|error| wrong("bar", &error.text, "a size such as 1m"))?);
        }
        if let (None, Some(format)) = (options.format, &self.format) {
            options.format = Some(format.parse()?);
        }
        if let (None, Some(years)) = (options.years, &self.years) {
            options.years = Some(years.parse()?);
        }
        if let (None, Some(most)) = (options.refused_max, &self.refused_max) {
            options.refused_max = Some(most.parse()?);
        }
        options.check()
    }
}

impl ImportOptions {
    /// Checks what is said of columns, times and fields.
    ///
    /// # Errors
    /// [`FormatError::Option`].
    pub fn check(&self) -> Result<()> {
        self.mapping.check()?;
        let format = self.time_format.as_deref();
        if let Some(format) = format.filter(|format| TimeFormat::told(format).is_none()) {
            let expected = "s, ms, us, ns, dotnet, filetime, compact, day-first, month-first or a pattern such as %d/%m/%Y %H:%M";
            return Err(wrong("time-format", format, expected));
        }
        let currency = self.currency.as_deref();
        if let Some(code) = currency.filter(|code| !is_currency_code(code)) {
            return Err(wrong("currency", code, "a code such as USD or USDT"));
        }
        if let Some(decimals) = self.round.filter(|decimals| *decimals > PRICE_DECIMALS_MAX) {
            return Err(wrong("round", &decimals.to_string(), "decimals, 0 to 9"));
        }
        match self.delimiter {
            Some(sign)
                if !sign.is_ascii() || sign.is_ascii_alphanumeric() || "\"\n\r.".contains(sign) =>
            {
                Err(wrong(
                    "delimiter",
                    &sign.to_string(),
                    "a sign such as ; or a tab",
                ))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::mapping::{RefusedMax, Years};
    use super::*;

    #[test]
    fn what_is_said_on_the_command_line_goes_before_the_profile() {
        let profile: Profile = toml::from_str(
            "time_format = \"day-first\"\nrefused_max = \"5%\"\nround = 2\ndecimal = \"comma\"\n[columns]\ntime = \"Zeit\"\nopen = \"Anfang\"\n",
        )
        .unwrap();
        let mut options = ImportOptions {
            mapping: "time=Datum,close=-".parse().unwrap(),
            time_format: Some("ms".to_owned()),
            ..ImportOptions::default()
        };
        profile.fill(&mut options).unwrap();
        let said: Vec<(&str, &str)> = options
            .mapping
            .iter()
            .map(|(a, b)| (a, b.as_str()))
            .collect();
        assert_eq!(
            said,
            [("close", "-"), ("open", "Anfang"), ("time", "Datum")]
        );
        assert_eq!(options.time_format.as_deref(), Some("ms"));
        assert_eq!(options.decimal, Some(Decimal::Comma));
        assert_eq!(options.round, Some(2));
        assert_eq!(options.refused_max, Some(RefusedMax::Millionths(50_000)));
        assert!(toml::from_str::<Profile>("colums = 1").is_err());
    }

    #[test]
    fn options_are_checked() {
        let text = |error: FormatError| error.to_string();
        assert!(text("x=y".parse::<Mapping>().unwrap_err()).contains("WHAT=COLUMN"));
        assert!("time".parse::<Mapping>().is_err());
        assert!("time=a,time=b".parse::<Mapping>().is_err());
        let options = ImportOptions {
            time_format: Some("iso".to_owned()),
            ..ImportOptions::default()
        };
        assert!(options.check().is_err());
        let options = ImportOptions {
            round: Some(10),
            ..ImportOptions::default()
        };
        assert!(text(options.check().unwrap_err()).contains("decimals, 0 to 9"));
        assert_eq!("1700..2261".parse::<Years>().unwrap(), Years(1700, 2261));
        assert!("1600..2000".parse::<Years>().is_err() && "2000".parse::<Years>().is_err());
    }
}
