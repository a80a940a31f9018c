//! Where a source's time is: learned from its stamps and their arrivals, so that one that is far off is told at once.
//!
//! A venue's clock is ours and a bit, or (of a recording that is played) one of another year. The first is believed when the
//! first stamp is near our clock; the second has to be learned from some messages that agree. A stamp that is far from the
//! course is not used, whoever else waits for it: one trade of tomorrow would close every bar of today. If all stamps go
//! elsewhere, for some time, then the venue's clock was set, and the course follows.
//!
//! Sans-I/O: arrivals are arguments. It makes no records.

use std::collections::VecDeque;
use tickloom_types::{DurationNs, NANOS_PER_SECOND, Ts};

/// How far a stamp may be ahead of where the course is expected: jitter of both clocks. One that is late is no fault.
const AHEAD_MAX: DurationNs = 30 * NANOS_PER_SECOND;
/// How far the first stamp may be from our clock and be believed alone.
const OURS_MAX: DurationNs = 60 * NANOS_PER_SECOND;
/// How long frames wait at most until it is known where the time of their source is.
pub(crate) const LEARNING_TIME_MAX: DurationNs = NANOS_PER_SECOND;
/// How far a stamp may be behind the newest: a message that was held up.
const BEHIND_MAX: DurationNs = 300 * NANOS_PER_SECOND;
/// A course further from our clock is that of a recording, whose time passes as fast as it is played.
const RECORDING: DurationNs = 86_400 * NANOS_PER_SECOND;
/// How far a stamp of a recording may be from the newest.
const RECORDING_STEP_MAX: DurationNs = 3_600 * NANOS_PER_SECOND;
/// Stamps by whose median the course is known.
const WINDOW: usize = 31;
/// Fewer do not make a median.
const WINDOW_MIN: usize = 15;
/// How much later the source's clock is taken to be at most after so many stamps more.
const LATER_STEP_MAX: DurationNs = NANOS_PER_SECOND / 100;
/// So many stamps have to agree before an unknown course is known.
const AGREE_MIN: usize = 3;
/// Stamps that are looked at while the course is unknown.
const SAMPLES: usize = 16;
/// So many stamps elsewhere, one after the other, and for so long: the venue's clock was set.
const RIVAL_COUNT: u32 = 32;
const RIVAL_TIME: DurationNs = 10 * NANOS_PER_SECOND;
/// So many do for a recording: it was begun anew.
const RIVAL_COUNT_RECORDING: u32 = 8;

/// A stamp that is too far from the course, and how far: ahead if above zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FarOff(pub(crate) DurationNs);

/// Stamps that agree with each other and not with the course.
#[derive(Clone, Copy, Debug)]
struct Rival {
    count: u32,
    since: Ts,
    offset: DurationNs,
    newest: Ts,
}

/// A source's course of time.
#[derive(Debug, Default)]
pub(crate) struct Course {
    newest: Option<Ts>,
    /// Stamp minus arrival of the latest stamps that were used.
    offsets: VecDeque<DurationNs>,
    /// The median of those, as of some stamps ago.
    median: DurationNs,
    since_median: usize,
    /// While unknown: stamp minus arrival of what came so far.
    samples: VecDeque<DurationNs>,
    rival: Option<Rival>,
}

impl Course {
    /// Whether a stamp can be judged.
    pub(crate) fn is_known(&self) -> bool {
        self.newest.is_some()
    }

    /// Nothing more is looked at: the stamps so far decide, or are forgotten if they are not enough, as they are judged one by
    /// one now and not to be counted twice.
    pub(crate) fn end_learning(&mut self) {
        if !self.is_known() && !self.settle() {
            self.samples.clear();
        }
    }

    /// Looks at a stamp while the course is unknown, and says whether it is known now.
    pub(crate) fn learn(&mut self, told: Ts, arrival: Ts) -> bool {
        let offset = told.0.saturating_sub(arrival.0);
        if offset.saturating_abs() <= OURS_MAX {
            self.begin(told, 0);
            return true;
        }
        if self.samples.len() == SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back(offset);
        self.samples.len() == SAMPLES && self.settle()
    }

    /// Decides by the stamps so far. False if too few of them agree.
    fn settle(&mut self) -> bool {
        // The largest group, and of equal ones the one that is nearest to our clock.
        let near = |offset: DurationNs| {
            let agrees = |other: &&DurationNs| do_agree(offset, **other);
            self.samples.iter().filter(agrees).count()
        };
        let best = self
            .samples
            .iter()
            .max_by_key(|offset| (near(**offset), std::cmp::Reverse(offset.saturating_abs())));
        let Some(best) = best.copied() else {
            return false;
        };
        let count = near(best);
        if count < AGREE_MIN || 2 * count <= self.samples.len() {
            return false;
        }
        self.median = best;
        // The newest stamp is not known any more, only where it was.
        self.newest = Some(Ts(i64::MIN));
        self.samples.clear();
        true
    }

    /// Takes a stamp into the course, or says how far off it is.
    pub(crate) fn judge(&mut self, told: Ts, arrival: Ts) -> Result<(), FarOff> {
        let Some(newest) = self.newest else {
            let offset = told.0.saturating_sub(arrival.0);
            let is_known = self.learn(told, arrival) || self.settle();
            if is_known && do_agree(self.median, offset) {
                self.accept(told, arrival);
                return Ok(());
            }
            return Err(FarOff(offset.saturating_sub(self.median)));
        };
        let expected = self.expected(arrival);
        let (ahead_of, ahead_max, behind_max) = if self.median.saturating_abs() > RECORDING {
            // Before the first stamp the newest is the smallest time there is.
            (
                newest.0.max(expected),
                RECORDING_STEP_MAX,
                RECORDING_STEP_MAX,
            )
        } else {
            (expected, AHEAD_MAX, BEHIND_MAX)
        };
        let ahead = told.0.saturating_sub(ahead_of);
        let reference = if newest.0 == i64::MIN {
            expected
        } else {
            newest.0
        };
        let behind = reference.saturating_sub(told.0);
        if ahead <= ahead_max && behind <= behind_max {
            self.accept(told, arrival);
            return Ok(());
        }
        if self.is_rival_now(told, arrival) {
            self.begin(told, told.0.saturating_sub(arrival.0));
            return Ok(());
        }
        Err(FarOff(told.0.saturating_sub(expected)))
    }

    /// Where the source's time is expected at an arrival.
    fn expected(&self, arrival: Ts) -> i64 {
        arrival.0.saturating_add(self.median)
    }

    fn begin(&mut self, told: Ts, offset: DurationNs) {
        self.newest = Some(told);
        self.median = offset;
        self.offsets.clear();
        self.since_median = 0;
        self.samples.clear();
        self.rival = None;
    }

    fn accept(&mut self, told: Ts, arrival: Ts) {
        self.newest = self.newest.max(Some(told));
        self.rival = None;
        if self.offsets.len() == WINDOW {
            self.offsets.pop_front();
        }
        self.offsets.push_back(told.0.saturating_sub(arrival.0));
        self.since_median += 1;
        if self.since_median >= WINDOW_MIN && self.offsets.len() >= WINDOW_MIN {
            self.since_median = 0;
            let mut sorted = [0; WINDOW];
            let sorted = &mut sorted[..self.offsets.len()];
            for (place, offset) in sorted.iter_mut().zip(&self.offsets) {
                *place = *offset;
            }
            sorted.sort_unstable();
            // What comes late does not make the clock late: it follows slowly, so that it is in time again at once.
            let median = sorted[sorted.len() / 2];
            let is_recording = self.median.saturating_abs() > RECORDING;
            let lowest = match is_recording {
                true => i64::MIN,
                false => self.median.saturating_sub(LATER_STEP_MAX),
            };
            self.median = median.max(lowest);
        }
    }

    /// Whether a stamp elsewhere is the last of so many that the course is there now.
    fn is_rival_now(&mut self, told: Ts, arrival: Ts) -> bool {
        let offset = told.0.saturating_sub(arrival.0);
        let is_recording =
            offset.saturating_abs() > RECORDING && self.median.saturating_abs() > RECORDING;
        let agrees = |rival: &Rival| {
            let by_stamp = told.0.saturating_sub(rival.newest.0).saturating_abs();
            do_agree(rival.offset, offset) || (is_recording && by_stamp <= RECORDING_STEP_MAX)
        };
        let rival = match self.rival.filter(agrees) {
            Some(rival) => Rival {
                count: rival.count.saturating_add(1),
                newest: told,
                ..rival
            },
            None => Rival {
                count: 1,
                since: arrival,
                offset,
                newest: told,
            },
        };
        self.rival = Some(rival);
        let lasted = arrival.0.saturating_sub(rival.since.0);
        match is_recording {
            true => rival.count >= RIVAL_COUNT_RECORDING,
            false => rival.count >= RIVAL_COUNT && lasted >= RIVAL_TIME,
        }
    }
}

/// Whether two clocks are the same, as far as that can be told by a stamp of each.
fn do_agree(one: DurationNs, other: DurationNs) -> bool {
    let is_recording = one.saturating_abs() > RECORDING && other.saturating_abs() > RECORDING;
    let most = if is_recording {
        RECORDING_STEP_MAX
    } else {
        OURS_MAX
    };
    one.saturating_sub(other).saturating_abs() <= most
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = NANOS_PER_SECOND;
    const HOUR: i64 = 3_600 * SECOND;
    /// Our clock at the beginning.
    const NOW: i64 = 1_795_000_000 * SECOND;

    /// A second of the source: its stamp and its arrival.
    fn at(course: &mut Course, stamp: i64, arrival: i64) -> Result<(), FarOff> {
        course.judge(Ts(NOW + stamp), Ts(NOW + arrival))
    }

    fn settled() -> Course {
        let mut course = Course::default();
        for second in 0..40 {
            at(&mut course, second * SECOND, second * SECOND).unwrap();
        }
        course
    }

    #[test]
    fn a_stamp_far_ahead_is_told_at_once_and_changes_nothing() {
        let mut course = settled();
        for ahead in [
            31 * SECOND,
            HOUR,
            23 * HOUR,
            1_000_000 * HOUR,
            i64::MAX - NOW - 41 * SECOND,
        ] {
            let told = at(&mut course, 40 * SECOND + ahead, 40 * SECOND);
            assert_eq!(told, Err(FarOff(ahead)));
            at(&mut course, 40 * SECOND, 40 * SECOND).unwrap();
        }
        assert_eq!(
            at(&mut course, -HOUR, 41 * SECOND),
            Err(FarOff(-HOUR - 41 * SECOND))
        );
        at(&mut course, 41 * SECOND, 41 * SECOND).unwrap();
    }

    #[test]
    fn an_outage_and_a_burst_of_late_messages_are_no_fault() {
        let mut course = settled();
        at(&mut course, 2 * HOUR, 2 * HOUR).unwrap();
        // An hour of silence, then all that was held up at once, then in time again.
        for second in 0..3_600 {
            at(&mut course, 2 * HOUR + second * SECOND, 3 * HOUR).unwrap();
        }
        at(&mut course, 3 * HOUR, 3 * HOUR).unwrap();
        // Half of it was lost.
        for second in 0..1_800 {
            at(&mut course, 3 * HOUR + second * SECOND, 4 * HOUR).unwrap();
        }
        at(&mut course, 4 * HOUR, 4 * HOUR).unwrap();
    }

    #[test]
    fn a_first_stamp_far_from_our_clock_needs_others_that_agree() {
        let mut course = Course::default();
        assert_eq!(at(&mut course, 23 * HOUR, 0), Err(FarOff(23 * HOUR)));
        assert!(!course.is_known());
        let ours = -2 * HOUR;
        assert!(at(&mut course, ours + SECOND, SECOND).is_err());
        assert!(at(&mut course, ours + 2 * SECOND, 2 * SECOND).is_err());
        // Three of four agree.
        at(&mut course, ours + 3 * SECOND, 3 * SECOND).unwrap();
        assert!(course.is_known() && course.median == ours);
        assert!(at(&mut course, 23 * HOUR, 4 * SECOND).is_err());
        // One that is near our clock is enough.
        let mut course = Course::default();
        assert!(at(&mut course, 23 * HOUR, 0).is_err());
        at(&mut course, 2 * SECOND, SECOND).unwrap();
        assert!(at(&mut course, 23 * HOUR, SECOND).is_err());
    }

    #[test]
    fn a_recording_is_followed_however_fast_it_is_played() {
        let mut course = Course::default();
        let then = -20_000 * HOUR;
        for minute in 0..16 {
            let learned = course.learn(Ts(NOW + then + minute * 60 * SECOND), Ts(NOW));
            assert_eq!(learned, minute == 15, "sixteen are looked at");
        }
        for minute in 0..1_000 {
            at(&mut course, then + minute * 60 * SECOND, minute * 1_000).unwrap();
        }
        let newest = then + 999 * 60 * SECOND;
        assert!(at(&mut course, newest + 23 * HOUR, SECOND).is_err());
        at(&mut course, newest + SECOND, SECOND).unwrap();
        // Begun anew: eight stamps are not used.
        let refused =
            (0..20).filter(|second| at(&mut course, then + second * SECOND, 2 * SECOND).is_err());
        assert_eq!(refused.count(), 7);
    }

    #[test]
    fn a_clock_that_was_set_is_followed_after_a_while() {
        let mut course = settled();
        let refused = (0..40).filter(|second| {
            let arrival = (41 + second) * SECOND;
            at(&mut course, arrival - HOUR, arrival).is_err()
        });
        assert_eq!(refused.count(), 31);
        // Not while the old course is told too, however many are elsewhere.
        let mut course = settled();
        for second in 41..1_000 {
            for _ in 0..10 {
                at(&mut course, second * SECOND + HOUR, second * SECOND).unwrap_err();
            }
            at(&mut course, second * SECOND, second * SECOND).unwrap();
        }
    }

    #[test]
    fn the_largest_group_of_first_stamps_is_believed() {
        let mut course = Course::default();
        for second in 0..16 {
            let stamp = second * SECOND
                + if second % 3 == 0 {
                    23 * HOUR
                } else {
                    -2 * HOUR
                };
            course.learn(Ts(NOW + stamp), Ts(NOW + second * SECOND));
        }
        assert!(course.is_known());
        assert_eq!(course.median, -2 * HOUR);
    }
}
