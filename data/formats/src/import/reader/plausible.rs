//! What prices and times of a file are plausible.

use crate::import::layout::{Dialect, Layout};
use crate::import::mapping::Years;
use crate::import::options::ImportOptions;
use crate::import::row::Prices;
use tickloom_types::{Ts, is_pair};

/// What prices of an instrument may be: of shares and of pairs of currencies above zero, unless it was told otherwise.
pub(super) fn prices(options: &ImportOptions, layout: &Layout, name: &str) -> Prices {
    let symbol = name.rsplit('.').next().unwrap_or(name);
    let is_share = options
        .calendar
        .as_deref()
        .is_some_and(|name| name.contains("equity"));
    let said = options.definitions.as_ref();
    let said = said.and_then(|said| said.may_be_negative(name));
    if options.negative_prices
        || said == Some(true)
        || matches!(layout.dialect, Dialect::Databento { .. })
    {
        match layout.is_unsized() {
            true => Prices::Unsized,
            false => Prices::Any,
        }
    } else if said == Some(false)
        || is_pair(symbol)
        || is_share
        || layout.known.instrument.is_some()
    {
        Prices::AboveZero
    } else {
        Prices::NotZero
    }
}

/// The beginnings of the first of the years and of that after the last.
pub(super) fn years(Years(first, last): Years) -> (Ts, Ts) {
    let start = |year: u16| Ts::parse(&format!("{year:04}-01-01")).unwrap_or(Ts(i64::MAX));
    (start(first), start(last + 1))
}
