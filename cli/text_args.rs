//! What a user says of the texts that a command reads: on the command line, or in a profile.

use crate::failure::Failure;
use std::path::PathBuf;
use tickloom_data::{Decimal, Format, ImportOptions, Mapping, Profile, RefusedMax, Stamp, Years};
use tickloom_feeds::VenueKind;

/// Words of the command line on how a text is read. What is not said is found out from the file.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Files of rows")]
pub(crate) struct TextArgs {
    /// The format of the files [default: found out from each]
    #[arg(long, value_name = "NAME", value_parser = clap::builder::PossibleValuesParser::new(Format::ALL.iter().map(|f| f.name())))]
    format: Option<String>,
    /// What the time of a bar is [default: open; of a date alone, the day]
    #[arg(long, value_name = "WHAT", value_parser = ["open", "close"])]
    stamp: Option<String>,
    /// Which column holds what, by its name or number: time=Zeit,open=Anfang,volume=6; `-` for what none holds [default: by the
    /// columns' names]
    #[arg(long, value_name = "WHAT=COLUMN,…")]
    columns: Option<Mapping>,
    /// How times are written: s, ms, us, ns, dotnet, filetime, compact, day-first, month-first, or a pattern such as
    /// '%d/%m/%y %H:%M' [default: found out from the rows]
    #[arg(long, value_name = "FORMAT")]
    time_format: Option<String>,
    /// IANA zone of times that name none, such as America/New_York, or an offset such as -05:00 [default: UTC]
    #[arg(long, value_name = "TZ", allow_hyphen_values = true)]
    zone: Option<String>,
    /// What parts the fields, such as ';' [default: what cuts the first lines alike]
    #[arg(long, value_name = "SIGN")]
    delimiter: Option<char>,
    /// What parts the whole of a number from its fraction: point or comma [default: found out from the rows]
    #[arg(long, value_name = "SIGN", value_parser = decimal)]
    decimal: Option<Decimal>,
    /// Rounds prices and sizes to so many decimals, 0 to 9, a half to the even digit; the report counts them [default: none is rounded]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=9))]
    round: Option<u8>,
    /// Prices may be zero and below, whatever the instrument
    #[arg(long)]
    negative_prices: bool,
    /// Years in which a time is plausible [default: 1900..2200]
    #[arg(long, value_name = "FIRST..LAST")]
    years: Option<Years>,
    /// The venue of a capture that does not say it, such as bybit-spot
    #[arg(long, value_name = "NAME", value_parser = venue)]
    venue: Option<VenueKind>,
    /// A file in TOML that says all this, to be kept and shared; the command line goes before it
    #[arg(long, value_name = "FILE.toml")]
    profile: Option<PathBuf>,
    /// Rows that may be refused, as a number or a part such as 5%; of more, the file is [default: 1% or 100, whichever is less, and of
    /// captures whichever is more]
    #[arg(long, value_name = "N | N%")]
    refused_max: Option<RefusedMax>,
}

fn decimal(text: &str) -> Result<Decimal, String> {
    match text {
        "point" | "." => Ok(Decimal::Point),
        "comma" | "," => Ok(Decimal::Comma),
        _ => Err("expected point or comma".to_owned()),
    }
}

fn venue(text: &str) -> Result<VenueKind, String> {
    VenueKind::named(text).ok_or_else(|| {
        let names: Vec<&str> = VenueKind::ALL.into_iter().map(VenueKind::name).collect();
        format!("expected one of {}", names.join(", "))
    })
}

impl TextArgs {
    /// The venue of captures that do not say it.
    pub(crate) fn venue(&self) -> Option<VenueKind> {
        self.venue
    }

    /// Whether anything is said.
    pub(crate) fn is_used(&self) -> bool {
        let words = [&self.format, &self.stamp, &self.time_format, &self.zone];
        self.columns.is_some()
            || words.into_iter().any(Option::is_some)
            || self.delimiter.is_some()
            || self.decimal.is_some()
            || self.round.is_some()
            || self.negative_prices
            || self.years.is_some()
            || self.venue.is_some()
            || self.profile.is_some()
            || self.refused_max.is_some()
    }

    /// Fills in what is said here, and for the rest in the profile.
    pub(crate) fn fill(&self, options: &mut ImportOptions) -> Result<(), Failure> {
        let format = self.format.as_deref().map(str::parse::<Format>);
        options.format = format.transpose().map_err(Failure::input)?;
        options.stamp = match self.stamp.as_deref() {
            Some("open") => Stamp::Open,
            Some(_) => Stamp::Close,
            None => Stamp::Auto,
        };
        options.mapping = self.columns.clone().unwrap_or_default();
        options.time_format.clone_from(&self.time_format);
        options.zone.clone_from(&self.zone);
        options.delimiter = self.delimiter;
        options.decimal = self.decimal;
        options.round = self.round;
        options.negative_prices = self.negative_prices;
        options.years = self.years;
        options.refused_max = self.refused_max;
        let profile = match &self.profile {
            Some(path) => Profile::read(path).map_err(Failure::input)?,
            None => Profile::default(),
        };
        profile.fill(options).map_err(Failure::input)
    }
}
