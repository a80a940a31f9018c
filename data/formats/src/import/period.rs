//! Names of files that end with a date, a month or a year: `BTCUSDT-1m-2024-01.csv`. The rows of such a file are of that time, and the
//! instrument is what stands before it. A future is called by a date too, which lies at the end of its rows or after them: where the
//! rows can be either, nothing is guessed.

use super::cells::{Cells, DAY_NS};
use super::layout::{Layout, Puzzle};
use super::names;
use super::text::Fields;
use super::time::{TimeFormat, plain_date};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use tickloom_types::{BarSpec, Ts};

/// Letters of futures for the months of their expiry, January first.
const MONTHS: &str = "FGHJKMNQUVXZ";

/// What futures that many people have are called without month and year, sorted: product codes of some of CME Group, ICE, Cboe and Eurex.
/// Codes of one letter (`Z`, the FTSE 100 of ICE) are none of them, as with that of a month they are symbols of shares too.
const ROOTS: [&str; 104] = [
    "6A", "6B", "6C", "6E", "6J", "6L", "6M", "6N", "6S", "6Z", "BRN", "BTC", "BZ", "CC", "CL",
    "CT", "DX", "EMD", "ES", "ETH", "FBTP", "FBTS", "FDAX", "FDXM", "FDXS", "FESB", "FESX", "FEU3",
    "FGBL", "FGBM", "FGBS", "FGBX", "FMEU", "FMWO", "FOAT", "FSMI", "FST3", "FSXE", "FTDX", "FVS",
    "FXXP", "GC", "GE", "GF", "HE", "HG", "HO", "KC", "KE", "LE", "M2K", "M6A", "M6B", "M6E",
    "MBT", "MCD", "MCL", "MES", "MET", "MFS", "MGC", "MHG", "MJY", "MME", "MNQ", "MSF", "MYM",
    "NG", "NIY", "NKD", "NQ", "OJ", "PA", "PL", "QG", "QI", "QM", "QO", "RB", "RTY", "SB", "SI",
    "SIL", "SR1", "SR3", "TFM", "TN", "UB", "VX", "VXM", "WBS", "YM", "ZB", "ZC", "ZF", "ZL", "ZM",
    "ZN", "ZO", "ZQ", "ZR", "ZS", "ZT", "ZW",
];

/// What the end of a file's name says of its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Period {
    /// The whole name, and what stands before the period.
    stem: String,
    name: String,
    /// The size of its bars, if that stands before the period.
    bar: Option<BarSpec>,
    from: Ts,
    to: Ts,
    /// When a future of that name would expire at the latest.
    expiry: Ts,
}

impl Period {
    /// What a name says that ends with a period.
    fn of(stem: &str) -> Option<Period> {
        let (name, from, to) = dated_end(stem)?;
        // From a date to another, of which no more is known.
        if dated_end(name).is_some() {
            return None;
        }
        let (name, bar) = match name.rsplit_once(SIGNS) {
            Some((before, size)) => match size.parse() {
                Ok(bar @ BarSpec::Time(_)) => (before, Some(bar)),
                _ => (name, None),
            },
            None => (name, None),
        };
        let says_instrument = names::says_anything(name) && !name.ends_with(SIGNS);
        says_instrument.then(|| Period {
            stem: stem.to_owned(),
            name: name.to_owned(),
            bar,
            from,
            to,
            expiry: expiry(name, from, to),
        })
    }

    /// Whether times are of it, give or take a day for their zone.
    fn is_near(&self, first: Ts, last: Ts) -> bool {
        first.0 >= self.from.0.saturating_sub(DAY_NS) && last.0 <= self.to.0.saturating_add(DAY_NS)
    }

    /// Whether rows from one time to another show that the name says a period, and no expiry.
    fn is_shown_by(&self, first: Ts, last: Ts) -> bool {
        let is_within = first >= self.from && self.expiry == self.to;
        self.is_near(first, last) && (is_within || self.bar.is_some() || last > self.expiry)
    }

    /// What is wrong with rows from one time to another, if they do not show what the name says.
    pub(crate) fn contradicted(&self, first: Ts, last: Ts) -> Option<String> {
        let Period { stem, name, .. } = self;
        (!self.is_shown_by(first, last)).then(|| {
            format!(
                "the name {stem:?} and rows from {first} to {last}, which is a file of {name} of that time, or an instrument called {stem}"
            )
        })
    }
}

/// What settles of which instrument a file is.
pub(crate) const SETTLED_BY: &str = "--instrument, or a column of symbols";

/// What parts a name.
const SIGNS: [char; 4] = ['-', '_', '.', ' '];

/// The longest end of a name that is a date, a month or a year: what is before it, and from when to when it is.
fn dated_end(stem: &str) -> Option<(&str, Ts, Ts)> {
    let mut found = None;
    let mut end = stem;
    for count in 1..=3 {
        let Some((before, _)) = end.rsplit_once(SIGNS) else {
            break;
        };
        let parts: Vec<&str> = stem[before.len()..].split(SIGNS).skip(1).collect();
        if let Some((from, to)) = span(&parts).filter(|_| parts.len() == count) {
            found = Some((before, from, to));
        }
        end = before;
    }
    found
}

/// From when to when the parts of a date are.
fn span(parts: &[&str]) -> Option<(Ts, Ts)> {
    let number = |part: &str, digits: usize| {
        let is_number = part.len() == digits && part.bytes().all(|b| b.is_ascii_digit());
        part.parse::<i16>().ok().filter(|_| is_number)
    };
    let small = |part: &str| i8::try_from(number(part, 2)?).ok();
    let year = |part: &str| number(part, 4).filter(|year| (1_900..=2_100).contains(year));
    let month_of = |year: i16, month: i8| {
        let first = Date::new(year, month, 1).ok()?;
        Some((first, first.last_of_month().tomorrow().ok()?))
    };
    let (from, to) = match parts {
        [one] if one.len() == 4 => {
            let year = year(one)?;
            (Date::new(year, 1, 1).ok()?, Date::new(year + 1, 1, 1).ok()?)
        }
        [one] if one.len() == 6 => month_of(year(one.get(..4)?)?, small(one.get(4..)?)?)?,
        [one] => {
            let day = plain_date(one)?;
            year(one.get(..4)?)?;
            (day, day.tomorrow().ok()?)
        }
        [one, month] => month_of(year(one)?, small(month)?)?,
        [one, month, day] => {
            let day = Date::new(year(one)?, small(month)?, small(day)?).ok()?;
            (day, day.tomorrow().ok()?)
        }
        _ => return None,
    };
    Some((start(from)?, start(to)?))
}

fn start(date: Date) -> Option<Ts> {
    let zoned: Timestamp = date.to_zoned(TimeZone::UTC).ok()?.timestamp();
    i64::try_from(zoned.as_nanosecond()).ok().map(Ts)
}

/// When a future whose name ends with the letter of its month expires at the latest; of other names the end of the period. A future's month
/// and year stand together (`ESG4`, `ESG2024`). What stands before a sign and a year is a future only if it begins with what one is called.
fn expiry(name: &str, from: Ts, to: Ts) -> Ts {
    let is_year = to.0.saturating_sub(from.0) > 300 * DAY_NS;
    let code = name.rsplit(SIGNS).next().unwrap_or(name);
    let month = |root: &&str| {
        let letter = code.strip_prefix(*root)?;
        MONTHS.find(letter).filter(|_| letter.len() == 1)
    };
    let month = ROOTS.iter().find_map(month);
    let (true, Some(month)) = (is_year, month) else {
        return to;
    };
    let ends = || {
        let first = Timestamp::from_nanosecond(from.0.into()).ok()?;
        let first = first.to_zoned(TimeZone::UTC).date();
        let month = i8::try_from(month + 1).ok()?;
        let last = Date::new(first.year(), month, 1).ok()?.last_of_month();
        start(last.tomorrow().ok()?)
    };
    ends().unwrap_or(to)
}

/// Whether a symbol is what a future is called: its root, the letter of its month, and one, two or four digits of its year.
pub(super) fn is_future(symbol: &str) -> bool {
    ROOTS.iter().any(|root| {
        let mut rest = symbol.strip_prefix(root).unwrap_or_default().chars();
        let is_month = rest.next().is_some_and(|letter| MONTHS.contains(letter));
        let year = rest.as_str();
        is_month && matches!(year.len(), 1 | 2 | 4) && year.bytes().all(|b| b.is_ascii_digit())
    })
}

/// Whether a name may say a period, which the rows decide.
pub(super) fn may_say(stem: &str) -> bool {
    Period::of(stem).is_some()
}

/// Names a file that is called by an instrument and a period by the instrument alone, if its first rows are of that time. All rows are held
/// against it later.
///
/// # Errors
/// They can be those of an instrument that is called so.
pub(super) fn name(layout: &mut Layout, head: &[Fields]) -> Result<(), Puzzle> {
    let Some(period) = Period::of(&layout.known.file) else {
        return Ok(());
    };
    let is_other = period.bar.is_some() && !layout.shape.is_bars();
    let times: Vec<Ts> = head.iter().filter_map(|row| time_of(layout, row)).collect();
    let (Some(first), Some(last)) = (times.iter().min(), times.iter().max()) else {
        return Ok(());
    };
    if is_other || !period.is_near(*first, *last) {
        return Ok(());
    }
    let size = match period.bar {
        Some(_) => "the size of its bars and ",
        None => "",
    };
    layout.notes.push(format!(
        "instrument {}, as the name of its file begins: the rest of {} is {size}the time of its rows",
        period.name, period.stem
    ));
    layout.known.file.clone_from(&period.name);
    if period.bar.is_some() {
        layout.known.bar = period.bar;
    }
    layout.known.period = Some(period);
    Ok(())
}

/// The time of one of the first rows; what names no zone is taken as UTC.
pub(super) fn time_of(layout: &Layout, row: &Fields) -> Option<Ts> {
    let text = layout.time_text(row as &dyn Cells);
    let stamped = match &layout.time {
        TimeFormat::Typed { told: Some(_), .. } => return None,
        // Times with types are written with the year first.
        TimeFormat::Typed { .. } => TimeFormat::of(&text)?.parse(&text, &TimeZone::UTC),
        format => format.parse(&text, &TimeZone::UTC),
    };
    stamped.map(|stamped| stamped.ts)
}

#[cfg(test)]
mod tests;
