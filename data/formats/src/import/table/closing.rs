//! When bars close whose rows say when they opened, or on which day they ended: so much later, or when so many days or months of a
//! calendar are over, which are not all as long.

use crate::import::options::Stamp;
use crate::import::reader::{Days, begin_of_month, nearest_midnight};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use tickloom_types::{BarSpec, NANOS_PER_SECOND, Ts};

const DAY_NS: i64 = 86_400 * NANOS_PER_SECOND;
/// What the date of a bar is: it closes with its day.
const SESSION: &str = "session date, closing at the end of the day in UTC";
const SESSION_OF_ZONE: &str = "session date, closing at the end of the day in the zone of the file";
/// The time of a bar is when it opened.
const OPEN: &str = "open";
const CLOSE: &str = "close";

/// When bars close, by the time of their rows.
#[derive(Clone, Debug)]
pub(super) struct Closing {
    by: By,
    /// What the times of the rows are.
    pub(super) stamp: &'static str,
    /// The zone of the rows' times, if its clocks change.
    zone: Option<TimeZone>,
    /// Midnight of the rows' times, as a time of day in UTC; the later one if there are two.
    midnight: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Length(i64),
    Days(i64),
    Months(i32),
}

impl Closing {
    /// Of bars of a size; `dates` says whether all times are dates alone.
    pub(super) fn of(
        bar: Option<BarSpec>,
        stamp: Stamp,
        days: Days,
        are_dates: bool,
        zone: &TimeZone,
    ) -> Closing {
        let length = match bar {
            Some(BarSpec::Time(length)) => length,
            _ => 0,
        };
        let zone = Some(zone).filter(|zone| zone.to_fixed_offset().is_err());
        // A date alone is a day of UTC.
        let zone = zone.filter(|_| !are_dates && days.midnight().is_some());
        let months = days.months(length);
        // Nothing is known before it was: a date that does not tell is the first day.
        let is_last = length == DAY_NS || days.are_last(length) == Some(true);
        let is_session = is_last && (are_dates || months.is_some());
        let session = match zone {
            Some(_) => SESSION_OF_ZONE,
            None => SESSION,
        };
        let by_days = match length % DAY_NS {
            0 if zone.is_some() => By::Days(length / DAY_NS),
            _ => By::Length(length),
        };
        let (by, stamp) = match (bar, stamp) {
            // The last day of a week or a month is over when the next begins.
            (Some(_), Stamp::Close) if are_dates && length > DAY_NS => (By::Days(1), CLOSE),
            (None, _) | (_, Stamp::Close) => (By::Length(0), CLOSE),
            (_, Stamp::Auto) if is_session => (By::Days(1), session),
            (_, Stamp::Open | Stamp::Auto) => (months.map_or(by_days, By::Months), OPEN),
        };
        Closing {
            by: match by {
                By::Days(count) if zone.is_none() => By::Length(count.saturating_mul(DAY_NS)),
                by => by,
            },
            stamp,
            zone: zone.cloned(),
            midnight: days.midnight().unwrap_or_default(),
        }
    }

    /// Whether bars close when they say, if they do.
    pub(super) fn takes_closes(&self) -> bool {
        self.stamp != CLOSE
    }

    /// What is added to the time of each row, if that is the same for all.
    pub(super) fn shift(&self) -> Option<i64> {
        match self.by {
            By::Length(length) => Some(length),
            By::Days(_) | By::Months(_) => None,
        }
    }

    /// The close by the time of a row; nothing if that is beyond what can be told.
    pub(super) fn close(&self, ts: Ts) -> Option<Ts> {
        match (self.by, &self.zone) {
            (By::Length(length), _) => ts.0.checked_add(length).map(Ts),
            (By::Days(count), Some(zone)) => {
                let day = local_date(ts, zone)?;
                midnight_of(
                    day.checked_add(Span::new().try_days(count).ok()?).ok()?,
                    zone,
                )
            }
            (By::Days(count), None) => ts.0.checked_add(count.checked_mul(DAY_NS)?).map(Ts),
            (By::Months(count), Some(zone)) => {
                let first = local_date(ts, zone)?.first_of_month();
                let span = Span::new().try_months(count).ok()?;
                midnight_of(first.checked_add(span).ok()?, zone)
            }
            (By::Months(count), None) => {
                let (day, _) = nearest_midnight(ts);
                let begin = begin_of_month(day, count)?.checked_mul(DAY_NS)?;
                begin.checked_add(self.midnight).map(Ts)
            }
        }
    }
}

fn local_date(ts: Ts, zone: &TimeZone) -> Option<Date> {
    let stamp = Timestamp::from_nanosecond(ts.0.into()).ok()?;
    Some(zone.to_datetime(stamp).date())
}

/// When a day begins. Where clocks are put forward at midnight that is later.
fn midnight_of(date: Date, zone: &TimeZone) -> Option<Ts> {
    let begin = date.to_zoned(zone.clone()).ok()?.timestamp();
    i64::try_from(begin.as_nanosecond()).ok().map(Ts)
}
