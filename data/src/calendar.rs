//! Calendars: when an instrument trades. They are data, TOML files that say zone, weekly sessions, holidays and half days;
//! `docs/calendars.md` describes them.
//!
//! Local times become instants here and nowhere else, by the IANA rules of the zone. What bars or evidence are made of
//! sessions is `aggregate` and `quality`.

mod file;
mod rule;
mod shelf;
#[cfg(test)]
mod tests;

pub use shelf::{Calendars, with_calendar};

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use rule::Rule;
use tickloom_types::Ts;

/// Seconds of a day of 24 hours.
const DAY_SECONDS: i32 = 86_400;

/// When an instrument trades.
#[derive(Clone, Debug)]
pub struct Calendar {
    name: String,
    zone: TimeZone,
    hours: Vec<Hours>,
    holidays: Vec<Rule>,
    half_days: Vec<HalfDay>,
}

/// A session of the week, in local time.
#[derive(Clone, Debug)]
struct Hours {
    /// The weekdays whose sessions these are, Monday first.
    days: [bool; 7],
    /// Seconds from the midnight that begins the session's date; negative if it opens the evening before.
    open: i32,
    /// The same for the close, above the open.
    close: i32,
}

#[derive(Clone, Debug)]
struct HalfDay {
    rule: Rule,
    /// Seconds from the midnight that begins the date.
    close: i32,
}

/// A time in which an instrument trades: `open` is in it, `close` is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// The trading day that it is part of, which is the local date of its close.
    pub date: Date,
    /// When it begins.
    pub open: Ts,
    /// When it ends.
    pub close: Ts,
    /// Whether its day ends earlier than usual.
    pub is_half: bool,
}

impl Session {
    /// Whether it holds this time.
    #[must_use]
    pub fn contains(&self, ts: Ts) -> bool {
        self.open <= ts && ts < self.close
    }
}

impl Calendar {
    /// Its name, such as `us-equity`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The sessions that have some time in `from..to`, in order; no two overlap.
    #[must_use]
    pub fn sessions(&self, from: Ts, to: Ts) -> Sessions<'_> {
        let first = self.local_date(from).saturating_sub(1.days());
        Sessions {
            calendar: self,
            date: Some(first),
            last: self.local_date(to).saturating_add(1.days()),
            next_hours: 0,
            from,
            to,
            closed: Ts(i64::MIN),
        }
    }

    /// The session that holds this time.
    #[must_use]
    pub fn session_of(&self, ts: Ts) -> Option<Session> {
        let next = Ts(ts.0.saturating_add(1));
        self.sessions(ts, next).find(|session| session.contains(ts))
    }

    /// Whether it trades at this time.
    #[must_use]
    pub fn is_open(&self, ts: Ts) -> bool {
        self.session_of(ts).is_some()
    }

    /// All sessions of one trading day as one: from the first open to the last close.
    #[must_use]
    pub fn day(&self, date: Date) -> Option<Session> {
        let mut sessions = (0..self.hours.len()).filter_map(|at| self.session(date, at));
        let first = sessions.next()?;
        Some(sessions.fold(first, |day, next| Session {
            close: next.close,
            is_half: day.is_half || next.is_half,
            ..day
        }))
    }

    fn local_date(&self, ts: Ts) -> Date {
        match Timestamp::from_nanosecond(i128::from(ts.0)) {
            Ok(stamp) => self.zone.to_datetime(stamp).date(),
            Err(_) => Date::MAX,
        }
    }

    /// The session of these hours on a date, if they are held.
    fn session(&self, date: Date, hours: usize) -> Option<Session> {
        let hours = self.hours.get(hours)?;
        let weekday = usize::try_from(date.weekday().to_monday_zero_offset()).ok()?;
        if !hours.days[weekday] || self.holidays.iter().any(|rule| rule.falls_on(date)) {
            return None;
        }
        let half = self
            .half_days
            .iter()
            .filter(|half| half.rule.falls_on(date));
        let early = half.map(|half| half.close).min();
        let usual = self.hours.iter().filter(|hours| hours.days[weekday]);
        let usual = usual.map(|hours| hours.close).max();
        let close = early.map_or(hours.close, |early| early.min(hours.close));
        let session = Session {
            date,
            open: self.instant(date, hours.open)?,
            close: self.instant(date, close)?,
            is_half: early.is_some() && early < usual,
        };
        (session.open < session.close).then_some(session)
    }

    /// So many seconds of local clock after a date's midnight. A time that the clocks skip is as much later; of one that they
    /// show twice it is the first.
    fn instant(&self, date: Date, seconds: i32) -> Option<Ts> {
        let date = date
            .checked_add(i64::from(seconds.div_euclid(DAY_SECONDS)).days())
            .ok()?;
        let rest = seconds.rem_euclid(DAY_SECONDS);
        let part = |value: i32| i8::try_from(value).ok();
        let time = Time::new(
            part(rest / 3_600)?,
            part(rest / 60 % 60)?,
            part(rest % 60)?,
            0,
        )
        .ok()?;
        let local = DateTime::from_parts(date, time);
        let stamp = self.zone.to_ambiguous_timestamp(local).compatible().ok()?;
        i64::try_from(stamp.as_nanosecond()).ok().map(Ts)
    }
}

/// Sessions in order; see [`Calendar::sessions`].
#[derive(Clone, Debug)]
pub struct Sessions<'a> {
    calendar: &'a Calendar,
    /// The date that is next, until the last one is done.
    date: Option<Date>,
    last: Date,
    next_hours: usize,
    from: Ts,
    to: Ts,
    /// Close of the session before.
    closed: Ts,
}

impl Iterator for Sessions<'_> {
    type Item = Session;

    fn next(&mut self) -> Option<Session> {
        loop {
            let date = self.date.filter(|date| *date <= self.last)?;
            let hours = self.next_hours;
            if hours == self.calendar.hours.len() {
                self.next_hours = 0;
                self.date = date.tomorrow().ok();
                continue;
            }
            self.next_hours += 1;
            let Some(session) = self.calendar.session(date, hours) else {
                continue;
            };
            // Clocks that are set in the night could let a session open before the one before it has closed.
            let session = Session {
                open: session.open.max(self.closed),
                ..session
            };
            if session.open >= session.close {
                continue;
            }
            self.closed = session.close;
            if session.open >= self.to {
                self.date = None;
                return None;
            }
            if session.close > self.from {
                return Some(session);
            }
        }
    }
}
