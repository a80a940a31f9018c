//! Clocks of twelve hours whose times do not say which half of the day they are of: after 12:59 comes 1:00, which reads as before it.

use tickloom_types::{NANOS_PER_SECOND, Ts};

const HOUR_NS: i64 = 3_600 * NANOS_PER_SECOND;
/// How far apart the last time of twelve and the first of one are, as they read: rows are at most two hours apart.
const STEP_NS: std::ops::Range<i64> = 10 * HOUR_NS..12 * HOUR_NS;

/// The hours of rows, and how often they go from twelve to one.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::import) struct HalfDays {
    /// The hour of the last row.
    begin: i64,
    end: i64,
    /// Hours of the day in UTC, a bit each.
    hours: u32,
    /// Such steps back, and such steps forward of rows that are newest first.
    back: u64,
    forward: u64,
    /// The times of the first of them, that of one and that of twelve.
    first: Option<(i64, i64)>,
}

impl HalfDays {
    /// Takes in a time.
    #[inline]
    pub(super) fn note(&mut self, ts: i64) {
        if !(self.begin..self.end).contains(&ts) {
            let hour = ts.div_euclid(HOUR_NS);
            self.begin = hour.saturating_mul(HOUR_NS);
            self.end = self.begin.saturating_add(HOUR_NS);
            self.hours |= 1 << hour_of(hour);
        }
    }

    /// Takes in that a row has a time before that of the row above it.
    pub(super) fn note_back(&mut self, before: i64, ts: i64) {
        self.back += u64::from(self.is_step(ts, before));
    }

    /// The same of a time after that.
    #[inline]
    pub(super) fn note_forward(&mut self, before: i64, ts: i64) {
        if ts.saturating_sub(before) >= STEP_NS.start {
            self.forward += u64::from(self.is_step(before, ts));
        }
    }

    fn is_step(&mut self, one: i64, twelve: i64) -> bool {
        let is_step = STEP_NS.contains(&twelve.saturating_sub(one));
        if is_step {
            self.first.get_or_insert((one, twelve));
        }
        is_step
    }

    /// Whether all rows that go against the order of the others, of which so many go back and forward, go from twelve to one, and there are no
    /// hours but those from one to twelve; `hour` has that of a time on the clock of the file.
    pub(super) fn are_told(
        &self,
        (back, forward): (u64, u64),
        hour: impl Fn(Ts) -> Option<i8>,
    ) -> bool {
        let Some((one, twelve)) = self.first else {
            return false;
        };
        if (hour(Ts(one)), hour(Ts(twelve))) != (Some(1), Some(12)) {
            return false;
        }
        let twelve = hour_of(twelve.div_euclid(HOUR_NS));
        let is_oldest_first = self.back > 0 && self.back == back && forward > back;
        let is_newest_first = self.forward > 0 && self.forward == forward && back > forward;
        let of_clock = |hour: u32| (hour + 24 - twelve + 12) % 24;
        let mut hours = (0..24)
            .filter(|hour| self.hours & (1 << hour) != 0)
            .map(of_clock);
        (is_oldest_first || is_newest_first) && hours.all(|hour| (1..=12).contains(&hour))
    }
}

/// The hour of the day of an hour since the epoch.
fn hour_of(hour: i64) -> u32 {
    u32::try_from(hour.rem_euclid(24)).unwrap_or_default()
}
