//! The TOML of a calendar: its shape, and the check that makes a calendar of it. What is wrong is named with file and field.

use super::rule::{Base, Moved, Rule};
use super::{Calendar, DAY_SECONDS, HalfDay, Hours};
use crate::{DataError, Result};
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use serde::Deserialize;
use std::path::Path;

const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    zone: String,
    session: Vec<SessionEntry>,
    #[serde(default)]
    holiday: Vec<Holiday>,
    #[serde(default)]
    half_day: Vec<HalfDayEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SessionEntry {
    days: Vec<String>,
    #[serde(default)]
    opens_day_before: bool,
    open: String,
    close: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Holiday {
    name: String,
    on: Option<String>,
    weekday: Option<String>,
    nth: Option<i8>,
    month: Option<i8>,
    easter: Option<i32>,
    dates: Option<Vec<String>>,
    offset: Option<i32>,
    #[serde(rename = "move")]
    moved: Option<MovedEntry>,
    only: Option<Vec<String>>,
    from: Option<i16>,
    until: Option<i16>,
}

/// A holiday with a close. (Written out, as flattened fields cannot be told from unknown ones.)
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HalfDayEntry {
    close: String,
    name: String,
    on: Option<String>,
    weekday: Option<String>,
    nth: Option<i8>,
    month: Option<i8>,
    easter: Option<i32>,
    dates: Option<Vec<String>>,
    offset: Option<i32>,
    #[serde(rename = "move")]
    moved: Option<MovedEntry>,
    only: Option<Vec<String>>,
    from: Option<i16>,
    until: Option<i16>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum MovedEntry {
    Sunday,
    Nearest,
}

/// Where a value stands, for what is said of it.
struct Place<'a> {
    file: &'a Path,
    part: String,
}

impl Place<'_> {
    fn wrong(&self, field: &str, found: impl ToString, expected: &str) -> DataError {
        DataError::Schema {
            file: self.file.to_owned(),
            field: format!("{}{field}", self.part),
            found: found.to_string(),
            expected: expected.to_owned(),
        }
    }
}

impl Calendar {
    /// Reads a calendar from the text of its file; `file` is what errors call it.
    ///
    /// # Errors
    /// [`DataError::Line`] with the line if it is no TOML of this shape; [`DataError::Schema`] with the field if a value is wrong.
    pub fn parse(name: &str, text: &str, file: &Path) -> Result<Calendar> {
        let raw: File = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start));
            DataError::Line {
                file: file.to_owned(),
                line: before.map_or(1, |before| 1 + before.matches('\n').count() as u64),
                found: error.message().to_owned(),
                expected: "zone, [[session]], [[holiday]] and [[half_day]] as in docs/calendars.md"
                    .to_owned(),
            }
        })?;
        let place = Place {
            file,
            part: String::new(),
        };
        let zone = TimeZone::get(&raw.zone).map_err(|_| {
            place.wrong(
                "zone",
                &raw.zone,
                "an IANA zone that this machine knows, such as America/New_York",
            )
        })?;
        let hours = raw.session.iter().enumerate();
        let mut hours = hours
            .map(|(at, entry)| entry.check(file, at))
            .collect::<Result<Vec<Hours>>>()?;
        hours.sort_by_key(|hours| hours.open);
        check_week(&hours, &place)?;
        let holidays = raw.holiday.iter().enumerate();
        let holidays = holidays.map(|(at, entry)| entry.check(file, "holiday", at));
        let half_days = raw.half_day.into_iter().enumerate();
        Ok(Calendar {
            name: name.to_owned(),
            zone,
            holidays: holidays.collect::<Result<_>>()?,
            half_days: half_days
                .map(|(at, entry)| entry.check(file, at))
                .collect::<Result<_>>()?,
            hours,
        })
    }
}

/// There is a session, and none begins before the one before it has ended, over the end of the week too.
fn check_week(hours: &[Hours], place: &Place<'_>) -> Result<()> {
    let mut week: Vec<(i32, i32)> = Vec::new();
    for day in 0..14 {
        for hours in hours.iter().filter(|hours| hours.days[day % 7]) {
            let midnight = i32::try_from(day).unwrap_or(0) * DAY_SECONDS;
            week.push((midnight + hours.open, midnight + hours.close));
        }
    }
    week.sort_unstable();
    if week.is_empty() {
        return Err(place.wrong("session", "empty", "at least one [[session]] with a day"));
    }
    match week.windows(2).find(|pair| pair[0].1 > pair[1].0) {
        Some(_) => Err(place.wrong(
            "session",
            "open while another is",
            "sessions that do not overlap",
        )),
        None => Ok(()),
    }
}

impl SessionEntry {
    fn check(&self, file: &Path, at: usize) -> Result<Hours> {
        let place = Place {
            file,
            part: format!("session {}: ", at + 1),
        };
        let days = weekdays(&self.days, &place, "days")?;
        let open = seconds(&self.open, &place, "open")?;
        let open = if self.opens_day_before {
            open - DAY_SECONDS
        } else {
            open
        };
        let close = seconds(&self.close, &place, "close")?;
        if open >= close {
            let expected = "a time above that of the open, or opens_day_before = true";
            return Err(place.wrong("close", format!("{:?}", self.close), expected));
        }
        if close - open > DAY_SECONDS {
            return Err(place.wrong(
                "close",
                format!("{:?}", self.close),
                "at most 24 hours after the open",
            ));
        }
        Ok(Hours { days, open, close })
    }
}

impl HalfDayEntry {
    fn check(self, file: &Path, at: usize) -> Result<HalfDay> {
        let place = Place {
            file,
            part: format!("half_day {}: ", at + 1),
        };
        let close = seconds(&self.close, &place, "close")?;
        let rule = Holiday {
            name: self.name,
            on: self.on,
            weekday: self.weekday,
            nth: self.nth,
            month: self.month,
            easter: self.easter,
            dates: self.dates,
            offset: self.offset,
            moved: self.moved,
            only: self.only,
            from: self.from,
            until: self.until,
        };
        Ok(HalfDay {
            rule: rule.check(file, "half_day", at)?,
            close,
        })
    }
}

impl Holiday {
    fn check(&self, file: &Path, kind: &str, at: usize) -> Result<Rule> {
        let place = Place {
            file,
            part: format!("{kind} {} ({}): ", at + 1, self.name),
        };
        let only = match &self.only {
            Some(days) => weekdays(days, &place, "only")?,
            None => [true; 7],
        };
        let moved = match self.moved {
            None => Moved::Never,
            Some(MovedEntry::Sunday) => Moved::Sunday,
            Some(MovedEntry::Nearest) => Moved::Nearest,
        };
        Ok(Rule {
            base: self.base(&place)?,
            offset: self.offset.unwrap_or(0),
            moved,
            only,
            years: (
                self.from.unwrap_or(i16::MIN),
                self.until.unwrap_or(i16::MAX),
            ),
        })
    }

    fn base(&self, place: &Place<'_>) -> Result<Base> {
        let one_of = "exactly one of on, easter, dates, or weekday with nth and month";
        let nth = (self.weekday.as_ref(), self.nth, self.month);
        match (&self.on, self.easter, &self.dates, nth) {
            (Some(text), None, None, (None, None, None)) => month_day(text, place),
            (None, Some(days), None, (None, None, None)) => Ok(Base::Easter(days)),
            (None, None, Some(dates), (None, None, None)) => {
                let date = |text: &String| {
                    text.parse::<Date>().map_err(|_| {
                        place.wrong("dates", format!("{text:?}"), "dates such as 2001-09-11")
                    })
                };
                Ok(Base::Dates(dates.iter().map(date).collect::<Result<_>>()?))
            }
            (None, None, None, (Some(day), Some(nth), Some(month))) => {
                if nth == 0 || !(-5..=5).contains(&nth) {
                    return Err(place.wrong(
                        "nth",
                        nth,
                        "1 to 5, or -1 to -5 from the end of the month",
                    ));
                }
                if !(1..=12).contains(&month) {
                    return Err(place.wrong("month", month, "1 to 12"));
                }
                Ok(Base::Nth {
                    weekday: weekday(day, place, "weekday")?,
                    nth,
                    month,
                })
            }
            _ => Err(place.wrong("rule", "none or more than one", one_of)),
        }
    }
}

/// `MM-DD`; the 29th of February is in leap years only.
fn month_day(text: &str, place: &Place<'_>) -> Result<Base> {
    let wrong = || place.wrong("on", format!("{text:?}"), "month and day such as 12-25");
    let (month, day) = text.split_once('-').ok_or_else(wrong)?;
    let (month, day) = (
        month.parse().map_err(|_| wrong())?,
        day.parse().map_err(|_| wrong())?,
    );
    Date::new(2024, month, day).map_err(|_| wrong())?;
    Ok(Base::Fixed(month, day))
}

/// `HH:MM` up to 24:00, as seconds.
fn seconds(text: &str, place: &Place<'_>, field: &str) -> Result<i32> {
    let parse = || {
        let (hours, minutes) = text.split_once(':')?;
        let is_plain = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
        if !is_plain(hours) || !is_plain(minutes) {
            return None;
        }
        let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
        let seconds = hours * 3_600 + minutes * 60;
        (minutes < 60 && seconds <= DAY_SECONDS).then_some(seconds)
    };
    parse().ok_or_else(|| {
        place.wrong(
            field,
            format!("{text:?}"),
            "a local time from 00:00 to 24:00",
        )
    })
}

fn weekdays(names: &[String], place: &Place<'_>, field: &str) -> Result<[bool; 7]> {
    let mut days = [false; 7];
    for name in names {
        let day = weekday(name, place, field)?.to_monday_zero_offset();
        days[usize::try_from(day).unwrap_or(0)] = true;
    }
    Ok(days)
}

fn weekday(name: &str, place: &Place<'_>, field: &str) -> Result<Weekday> {
    let at = WEEKDAYS.iter().position(|day| *day == name);
    at.and_then(|at| i8::try_from(at).ok())
        .and_then(|at| Weekday::from_monday_zero_offset(at).ok())
        .ok_or_else(|| place.wrong(field, format!("{name:?}"), "mon tue wed thu fri sat sun"))
}
