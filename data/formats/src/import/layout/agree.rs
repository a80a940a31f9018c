//! Whether the columns of times of a file say the same: where one says another time than the one that is taken, one of them is wrong, or
//! of a zone that nobody says.

use super::{Layout, Puzzle, Role, plain};
use crate::import::cells::{Cells, DAY_NS};
use crate::import::options::ImportOptions;
use crate::import::role::is_time_alone;
use crate::import::text::Fields;
use crate::import::time::{DateOrder, TimeFormat, parted};
use jiff::tz::{Offset, TimeZone};
use tickloom_types::NANOS_PER_SECOND;

/// Where a session begins in the evening its date is another day.
const DAYS_APART_NS: i64 = 4 * DAY_NS;
/// Zones are quarters of an hour from each other, and two of them 26 hours at most.
const QUARTER_NS: i64 = 900 * NANOS_PER_SECOND;
const ZONES_APART_NS: i64 = 26 * 3_600 * NANOS_PER_SECOND;

/// A time of a row, by one of its columns or two.
struct RowTime {
    /// What the columns are called.
    name: String,
    text: Vec<u8>,
    ts: i64,
    /// Whether it is a date alone.
    is_date: bool,
    /// Whether it says its zone itself.
    is_instant: bool,
    /// Nanoseconds that it may be cut off by, or rounded: of a minute if no seconds are written, or else of a second.
    unit: i64,
}

/// Another column of times beside the one that is taken.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Beside {
    taken: usize,
    other: usize,
    /// A column of times of day, where the other one is of dates.
    clock: Option<usize>,
    is_date: bool,
    has_zone: bool,
}

/// Refuses a file in which another column of times contradicts, in the first rows, the one that is taken.
pub(super) fn one_time(
    names: &[String],
    roles: &[Option<Role>],
    data: &[Fields],
    options: &ImportOptions,
) -> Result<(), Puzzle> {
    for beside in beside(names, roles, options) {
        for row in data.iter().filter(|row| row.len() == names.len()) {
            match beside.disagreement(names, row) {
                Some(Ok(puzzle)) => return Err(puzzle),
                Some(Err(())) => break,
                None => {}
            }
        }
    }
    Ok(())
}

/// The columns that have to say the same time as the one that is taken.
fn beside(names: &[String], roles: &[Option<Role>], options: &ImportOptions) -> Vec<Beside> {
    let told = [Role::Time, Role::Date, Role::TimeOfDay];
    let is_told = told.iter().any(|role| options.mapping.has(*role));
    let at = |role: Role| roles.iter().position(|known| *known == Some(role));
    let taken = at(Role::Time).filter(|_| !is_told && options.time_format.is_none());
    let Some(taken) = taken else {
        return Vec::new();
    };
    let is_alone = |at: usize| is_time_alone(&plain(&names[at]));
    let others = (0..names.len()).filter(|other| {
        let is_time = roles[*other].is_none() && is_alone(*other) && is_alone(taken);
        *other != taken && is_time || Some(*other) == at(Role::Date)
    });
    let beside = others.map(|other| {
        let is_date = Some(other) == at(Role::Date);
        Beside {
            taken,
            other,
            clock: at(Role::TimeOfDay).filter(|_| is_date),
            is_date,
            has_zone: options.zone.is_some(),
        }
    });
    beside.collect()
}

/// How the times of a row were found to agree with each other: rows that go on so need not be looked at as closely.
#[derive(Default)]
pub(crate) struct Agreed {
    formats: Option<(TimeFormat, TimeFormat)>,
    /// How far both were apart, where neither was a day alone.
    apart: Option<i64>,
}

/// How far two times of a row are apart: where one of them is a day alone, or two times of day.
enum Apart {
    Days(i64),
    Times(i64),
}

impl Layout {
    /// Keeps which columns have to say the same time as the one that is taken, so that all rows are asked.
    pub(super) fn set_beside(&mut self, options: &ImportOptions) {
        self.times_beside = beside(&self.names, &self.roles, options);
    }
}

impl Beside {
    /// The columns whose times are held against each other.
    pub(crate) fn columns(&self) -> impl Iterator<Item = usize> + use<> {
        [Some(self.taken), Some(self.other), self.clock]
            .into_iter()
            .flatten()
    }

    /// What in a row contradicts the time that is taken, where rows before it agreed in a way that is noted.
    pub(crate) fn disagrees(
        &self,
        names: &[String],
        row: &dyn Cells,
        agreed: &mut Agreed,
    ) -> Option<Puzzle> {
        let (this, mut that) = (row.text(self.taken), row.text(self.other));
        if let Some(clock) = self.clock {
            that = [&*that, b" ", &*row.text(clock)].concat().into();
        }
        let formats = agreed.formats.as_ref();
        match formats.and_then(|formats| self.apart(formats, &this, &that)) {
            Some(Apart::Days(apart)) if apart.abs() <= DAYS_APART_NS => return None,
            Some(Apart::Times(apart)) if agreed.apart == Some(apart) => return None,
            _ => {}
        }
        let found = self.disagreement(names, row);
        if found.is_none() {
            let formats = TimeFormat::of(&this).zip(TimeFormat::of(&that));
            let apart = match formats.as_ref().map(|both| self.apart(both, &this, &that)) {
                Some(Some(Apart::Times(apart))) => Some(apart),
                _ => None,
            };
            *agreed = Agreed { formats, apart };
        }
        found?.ok()
    }

    /// How far two times in these formats are apart.
    fn apart(
        &self,
        (format, other): &(TimeFormat, TimeFormat),
        this: &[u8],
        that: &[u8],
    ) -> Option<Apart> {
        let this = format.parse(this, &TimeZone::UTC)?;
        let that = other.parse(that, &TimeZone::UTC)?;
        let is_midnight = self.is_date && self.clock.is_none() && that.ts.0 % DAY_NS == 0;
        let apart = that.ts.0.checked_sub(this.ts.0)?;
        Some(match this.is_date || that.is_date || is_midnight {
            true => Apart::Days(apart),
            false => Apart::Times(apart),
        })
    }

    /// What in a row contradicts the time that is taken, if something does; an error if one of the times cannot be read, or in two ways.
    pub(crate) fn disagreement(
        &self,
        names: &[String],
        row: &dyn Cells,
    ) -> Option<Result<Puzzle, ()>> {
        let Some(this) = RowTime::of(names, row, self.taken, None) else {
            return Some(Err(()));
        };
        let mut day_alone = RowTime::of(names, row, self.other, None);
        if let Some(day) = day_alone.as_mut().filter(|_| self.is_date) {
            // A date may be written with a midnight.
            day.is_date |= day.ts % DAY_NS == 0;
        }
        let joined =
            (self.clock).and_then(|clock| RowTime::of(names, row, self.other, Some(clock)));
        let Some(that) = joined.or(day_alone) else {
            return Some(Err(()));
        };
        let why = this.contradicts(&that, self.has_zone)?;
        let text = |time: &RowTime| String::from_utf8_lossy(&time.text).into_owned();
        let found = format!(
            "{:?} in column {:?} and {:?} in column {:?}, which are {why}",
            text(&this),
            this.name,
            text(&that),
            that.name
        );
        let expected = match self.clock {
            Some(clock) => format!(
                "--columns time={} or date={},time_of_day={}",
                this.name, names[self.other], names[clock]
            ),
            None => format!("--columns time={} or time={}", this.name, that.name),
        };
        Some(Ok((found, expected)))
    }
}

impl RowTime {
    /// The time that a row has in a column, or in one of dates and one of times of day; nothing if it can be read in two ways or not at all.
    fn of(names: &[String], row: &dyn Cells, at: usize, clock: Option<usize>) -> Option<RowTime> {
        let mut text = row.text(at).into_owned();
        let mut name = names[at].clone();
        if let Some(clock) = clock {
            text = [text.as_slice(), b" ", &row.text(clock)].concat();
            name = format!("{name} and {}", names[clock]);
        }
        let format = TimeFormat::of(&text)?;
        let is_year_first = parted(&text).is_none()
            && text
                .get(..4)
                .is_some_and(|year| year.iter().all(u8::is_ascii_digit));
        let is_unclear = matches!(
            format,
            TimeFormat::Text(DateOrder::DayFirst | DateOrder::MonthFirst)
        );
        if is_unclear && !is_year_first {
            return None;
        }
        let stamped = format.parse(&text, &TimeZone::UTC)?;
        let elsewhere = format.parse(&text, &TimeZone::fixed(Offset::constant(5)))?;
        let is_in_minutes = text.iter().filter(|b| **b == b':').count() == 1;
        let is_named = ["utc", "gmt"]
            .iter()
            .any(|zone| plain(&names[at]).contains(zone));
        Some(RowTime {
            name,
            ts: stamped.ts.0,
            is_date: stamped.is_date,
            is_instant: stamped.ts == elsewhere.ts && !stamped.is_date || is_named,
            unit: if is_in_minutes {
                60 * NANOS_PER_SECOND
            } else {
                NANOS_PER_SECOND
            },
            text,
        })
    }

    /// Why another time cannot be the same, if it cannot.
    fn contradicts(&self, other: &RowTime, has_zone: bool) -> Option<&'static str> {
        let apart = other.ts.checked_sub(self.ts)?;
        if self.is_date || other.is_date {
            return (apart.abs() > DAYS_APART_NS).then_some("other days");
        }
        if apart.abs() > DAYS_APART_NS {
            return Some("other days");
        }
        let unit = self.unit.max(other.unit);
        let zones = (apart + QUARTER_NS / 2).div_euclid(QUARTER_NS) * QUARTER_NS;
        if (apart - zones).abs() > unit || zones.abs() > ZONES_APART_NS {
            return Some("other times");
        }
        let is_known = self.is_instant || has_zone;
        (zones != 0 && !is_known)
            .then_some("times of two zones, of which nobody says whose they are")
    }
}
