//! When bars close whose rows say when they opened, or on which day they ended: so much later, or when so many days or months of a
//! calendar are over, which are not all as long.

use crate::import::cells::DAY_NS;
use crate::import::options::Stamp;
use crate::import::reader::{Days, nearest_midnight};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use tickloom_types::{BarSpec, Ts};

/// What the date of a bar is: it closes with its day.
const SESSION: &str = "session date, closing at the end of the day in UTC";
const SESSION_OF_ZONE: &str = "session date, closing at the end of the day in the zone of the file";
/// The time of a bar is when it opened.
const OPEN: &str = "open";
const CLOSE: &str = "close";
/// The time of a bar is the last second or the like before it closed.
const LAST: &str = "last instant, closing at the end of the minute";
const MINUTE_NS: i64 = 60 * tickloom_types::NANOS_PER_SECOND;

/// When bars close, by the time of their rows.
#[derive(Clone, Debug)]
pub(super) struct Closing {
    by: By,
    /// What the times of the rows are.
    pub(super) stamp: &'static str,
}

#[derive(Clone, Debug)]
enum By {
    /// So much later.
    Length(i64),
    /// At midnight of a zone whose clocks change, so many days later.
    Days(i64, TimeZone),
    /// So many days later, at this time of day in UTC: the later one of two midnights.
    DaysOfUtc(i64, i64),
    /// The same as of days, of months.
    Months(i32, TimeZone),
    /// So many months later, at this time of day in UTC, which is midnight of the rows' times; the later one if there are two.
    MonthsOfUtc(i32, i64),
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
        let later = days.later_midnight().filter(|_| !are_dates);
        let of_days = |count: i64| match (zone, later) {
            (Some(zone), _) => By::Days(count, zone.clone()),
            (None, Some(midnight)) => By::DaysOfUtc(count, midnight),
            (None, None) => By::Length(count.saturating_mul(DAY_NS)),
        };
        let to_end = days
            .end_of_minute()
            .filter(|_| length > 0 && length % MINUTE_NS == 0);
        let after = match (months, zone) {
            (Some(months), Some(zone)) => By::Months(months, zone.clone()),
            (Some(months), None) => By::MonthsOfUtc(months, days.midnight().unwrap_or_default()),
            (None, _) if length % DAY_NS == 0 => of_days(length / DAY_NS),
            (None, _) => By::Length(length),
        };
        let (by, stamp) = match (bar, stamp) {
            // The last day of a week or a month is over when the next begins.
            (Some(_), Stamp::Close) if are_dates && length > DAY_NS => (of_days(1), CLOSE),
            (None, _) | (_, Stamp::Close) => (By::Length(0), CLOSE),
            (_, Stamp::Auto) if to_end.is_some() => (By::Length(to_end.unwrap_or_default()), LAST),
            (_, Stamp::Auto) if is_session => (of_days(1), session),
            (_, Stamp::Open | Stamp::Auto) => (after, OPEN),
        };
        Closing { by, stamp }
    }

    /// Whether bars close when they say, if they do.
    pub(super) fn takes_closes(&self) -> bool {
        self.stamp != CLOSE
    }

    /// What is added to the time of each row, if that is the same for all.
    pub(super) fn shift(&self) -> Option<i64> {
        match self.by {
            By::Length(length) => Some(length),
            By::Days(..) | By::DaysOfUtc(..) | By::Months(..) | By::MonthsOfUtc(..) => None,
        }
    }

    /// The close by the time of a row; nothing if that is beyond what can be told.
    pub(super) fn close(&self, ts: Ts) -> Option<Ts> {
        match &self.by {
            By::Length(length) => ts.0.checked_add(*length).map(Ts),
            By::Days(count, zone) => {
                let span = Span::new().try_days(*count).ok()?;
                midnight_of(local_date(ts, zone)?.checked_add(span).ok()?, zone)
            }
            By::DaysOfUtc(count, midnight) => {
                let (day, _) = nearest_midnight(ts);
                let day = day.checked_add(*count)?;
                day.checked_mul(DAY_NS)?.checked_add(*midnight).map(Ts)
            }
            By::Months(count, zone) => midnight_of(first_after(ts, *count, zone)?, zone),
            By::MonthsOfUtc(count, midnight) => {
                let (day, _) = nearest_midnight(ts);
                let day = Ts(day.checked_mul(DAY_NS)?);
                let begin = midnight_of(first_after(day, *count, &TimeZone::UTC)?, &TimeZone::UTC)?;
                begin.0.checked_add(*midnight).map(Ts)
            }
        }
    }
}

/// The first day of the month that comes so many months after that of a time.
fn first_after(ts: Ts, months: i32, zone: &TimeZone) -> Option<Date> {
    let span = Span::new().try_months(months).ok()?;
    local_date(ts, zone)?
        .first_of_month()
        .checked_add(span)
        .ok()
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
