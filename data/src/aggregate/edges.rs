//! Where time bars begin and end: at multiples of their length in UTC, or within the sessions of a calendar.

use crate::{Calendar, DataError, Result};
use jiff::ToSpan;
use jiff::civil::Date;
use std::sync::Arc;
use tickloom_types::{BarSpec, DurationNs, NANOS_PER_SECOND, Ts};

/// Nanoseconds of a day.
pub(super) const DAY: DurationNs = 86_400 * NANOS_PER_SECOND;
const WEEK: DurationNs = 7 * DAY;

/// The time of one bar: `start` is in it, `close` is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Period {
    pub(super) start: Ts,
    pub(super) close: Ts,
}

impl Period {
    fn contains(self, ts: Ts) -> bool {
        self.start <= ts && ts < self.close
    }
}

/// The periods of bars of one size.
#[derive(Clone, Debug)]
pub(super) struct Edges {
    spec: BarSpec,
    calendar: Option<Arc<Calendar>>,
    /// The newest one, which mostly is the next one too.
    known: Option<Period>,
}

impl Edges {
    /// # Errors
    /// [`DataError::Option`] if sessions cannot be cut into bars of this size.
    pub(super) fn new(spec: BarSpec, calendar: Option<Arc<Calendar>>) -> Result<Edges> {
        if let (BarSpec::Time(length), Some(_)) = (spec, &calendar)
            && length > DAY
            && length != WEEK
        {
            return Err(DataError::Option {
                field: "bar size",
                value: spec.to_string(),
                expected: "less than a day, 1d (a trading day) or 1w (a trading week) where a calendar says the edges",
            });
        }
        Ok(Edges {
            spec,
            calendar,
            known: None,
        })
    }

    pub(super) fn has_calendar(&self) -> bool {
        self.calendar.is_some()
    }

    /// The period of the bar that a time belongs to: of bars by trades or volume, the session that cuts them. `None` outside the
    /// sessions.
    pub(super) fn period(&mut self, ts: Ts) -> Option<Period> {
        if let Some(known) = self.known.filter(|known| known.contains(ts)) {
            return Some(known);
        }
        let found = match (&self.calendar, self.spec) {
            (None, BarSpec::Time(length)) => {
                let close = self.spec.close_after(ts)?;
                let start = Ts(close.0.checked_sub(length)?);
                Period { start, close }
            }
            (None, BarSpec::Ticks(_) | BarSpec::Volume(_)) => Period {
                start: Ts(i64::MIN),
                close: Ts(i64::MAX),
            },
            (Some(calendar), spec) => in_session(calendar, spec, ts)?,
        };
        self.known = Some(found);
        Some(found)
    }

    /// The period of a smaller bar of this size that closes at `ts`. A bar of a day or more that closes at midnight in UTC names
    /// its trading day by its date; any other belongs where its last nanosecond does.
    pub(super) fn period_of_bar(&mut self, spec: BarSpec, ts: Ts) -> Option<Period> {
        let inside = Ts(ts.0.checked_sub(1)?);
        match (&self.calendar, self.spec, spec) {
            (Some(calendar), BarSpec::Time(wanted), BarSpec::Time(length))
                if length >= DAY && ts.0.rem_euclid(DAY) == 0 =>
            {
                let date: Date = inside.date().parse().ok()?;
                of_days(calendar, wanted, date)
            }
            _ => self.period(inside),
        }
    }

    /// Whether bars of size `large` can be made from whole bars of size `small`.
    pub(super) fn fits(&self, small: BarSpec) -> bool {
        match (small, self.spec) {
            (BarSpec::Time(s), BarSpec::Time(l)) if self.has_calendar() => {
                s < l && (l >= DAY || l % s == 0)
            }
            (BarSpec::Time(s), BarSpec::Time(l)) => {
                let edge = self.spec.close_after(Ts(0));
                s < l && l % s == 0 && edge.is_some_and(|e| small.close_after(Ts(e.0 - 1)) == edge)
            }
            (BarSpec::Ticks(s), BarSpec::Ticks(l)) => s < l && l % s == 0,
            (BarSpec::Volume(s), BarSpec::Volume(l)) => s < l,
            (BarSpec::Time(_), BarSpec::Volume(_)) => true,
            _ => false,
        }
    }
}

fn in_session(calendar: &Calendar, spec: BarSpec, ts: Ts) -> Option<Period> {
    let session = calendar.session_of(ts)?;
    let BarSpec::Time(length) = spec else {
        return Some(Period {
            start: session.open,
            close: session.close,
        });
    };
    if length >= DAY {
        return of_days(calendar, length, session.date);
    }
    let into = (ts.0 - session.open.0) / length * length;
    let start = Ts(session.open.0 + into);
    Some(Period {
        start,
        close: Ts(start.0.saturating_add(length)).min(session.close),
    })
}

/// The trading day of a date, or the trading week that it is in.
fn of_days(calendar: &Calendar, length: DurationNs, date: Date) -> Option<Period> {
    let (first, days) = if length == WEEK {
        let monday = i64::from(date.weekday().to_monday_zero_offset());
        (date.checked_sub(monday.days()).ok()?, 7)
    } else {
        (date, 1)
    };
    let dates = (0..days).filter_map(|day: i64| first.checked_add(day.days()).ok());
    let mut days = dates.filter_map(|date| calendar.day(date));
    let open = days.next()?;
    let close = days.next_back().unwrap_or(open).close;
    Some(Period {
        start: open.open,
        close,
    })
}
