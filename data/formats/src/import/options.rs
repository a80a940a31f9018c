//! What a file does not say of itself, or says wrongly.

use super::format::Format;
use super::mapping::{Mapping, RefusedMax, Years};
use super::number::Decimal;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;
use tickloom_catalog::Definitions;
use tickloom_types::{BarSpec, DurationNs};

/// What a file does not say, or says wrongly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImportOptions {
    /// Name of the instrument; of a file with a column of tickers, the one to read. Default: the file's name up to its first dot.
    pub instrument: Option<String>,
    /// The file's format. Default: found out from its first bytes.
    pub format: Option<Format>,
    /// Currency of the prices. Default: what the file says, or US dollars.
    pub currency: Option<String>,
    /// Calendar of the instruments. Default: what the file says, or none.
    pub calendar: Option<String>,
    /// Size of the bars. Default: the most common distance in time.
    pub bar: Option<BarSpec>,
    /// What a bar's time in the file means.
    pub stamp: Stamp,
    /// Nanoseconds from the venue's time to arrival, of files that do not say when their records arrived. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feed_latency: Option<DurationNs>,
    /// IANA zone of times that name none. Default: UTC. Dates alone are days as they are, in any zone.
    pub zone: Option<String>,
    /// Names of the columns, instead of the header's.
    pub columns: Vec<String>,
    /// Which column holds what. Default: as their names say.
    #[serde(skip_serializing_if = "Mapping::is_empty")]
    pub mapping: Mapping,
    /// How times are written: `s`, `ms`, `us`, `ns`, `compact`, `day-first`, `month-first` or a pattern of strptime. Default: found
    /// out from the rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_format: Option<String>,
    /// What parts the fields. Default: what cuts the first lines alike.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<char>,
    /// What parts the whole of a number from its fraction. Default: found out from the rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decimal: Option<Decimal>,
    /// Decimals that prices and sizes are rounded to, a half to the even digit. Default: none is rounded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub round: Option<u8>,
    /// Whether prices may be zero and below. Default: below zero, of what nothing says is a share or a pair of currencies.
    #[serde(skip_serializing_if = "is_false")]
    pub negative_prices: bool,
    /// What people say of instruments: those of which they say that prices may be below zero, or not, are read so.
    #[serde(skip)]
    pub definitions: Option<Arc<Definitions>>,
    /// Years in which a time is plausible. Default: 1900 to 2200.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub years: Option<Years>,
    /// Rows that may be refused; of more, the file is. Default: 1 % of them or 100, whichever is less.
    #[serde(skip)]
    pub refused_max: Option<RefusedMax>,
    /// Rows without numbers that may be there already refuse the file; otherwise they are told.
    #[serde(skip)]
    pub is_strict: bool,
    /// Files of definitions for files of DBN, beside those in the directory of each.
    #[serde(skip)]
    pub definition_files: Vec<PathBuf>,
    /// How many wrong lines the report names; all are counted.
    pub errors_max: usize,
}

impl Default for ImportOptions {
    fn default() -> Self {
        ImportOptions {
            instrument: None,
            format: None,
            currency: None,
            calendar: None,
            bar: None,
            stamp: Stamp::Auto,
            feed_latency: None,
            zone: None,
            columns: Vec::new(),
            mapping: Mapping::default(),
            time_format: None,
            delimiter: None,
            decimal: None,
            round: None,
            negative_prices: false,
            definitions: None,
            years: None,
            refused_max: None,
            is_strict: false,
            definition_files: Vec::new(),
            errors_max: 20,
        }
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks with a reference"
)]
fn is_false(value: &bool) -> bool {
    !value
}

impl ImportOptions {
    /// Whether it is said what the columns of the file are, so that no name or number of them says more.
    pub(crate) fn says_columns(&self) -> bool {
        !self.columns.is_empty() || !self.mapping.is_empty()
    }

    /// Whether it is said how times, numbers or rows are written.
    pub(crate) fn says_writing(&self) -> bool {
        self.time_format.is_some() || self.decimal.is_some() || self.delimiter.is_some()
    }
}

/// What a bar's time in a file means. A record's is always its close.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stamp {
    /// A date alone is a session, which closes at the end of that day in UTC; a time is the bar's open.
    #[default]
    Auto,
    /// The bar's open: it closes one bar size later.
    Open,
    /// The bar's close.
    Close,
}
