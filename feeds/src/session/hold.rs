//! Frames that wait until it is known where the feed's time is: the first ones, of a venue whose clock is not ours.

use super::{Now, Session};
use crate::course::{Course, LEARNING_TIME_MAX};
use crate::limits::{HELD_BYTES_MAX, HELD_FRAMES_MAX};
use crate::line::LineId;
use tickloom_types::{MomentSink, Ts};

/// A frame that waits.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) line: LineId,
    pub(super) now: Now,
    /// Its number within the connection.
    pub(super) number: u64,
    pub(super) bytes: Vec<u8>,
}

/// The frames that wait.
#[derive(Debug)]
pub(super) struct Hold {
    frames: Vec<Held>,
    bytes: usize,
    is_over: bool,
}

/// What becomes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passage {
    /// It is taken at once.
    Open,
    /// It waits.
    Closed,
    /// What waits is taken, and then it.
    Opens,
}

impl Hold {
    /// Nothing waits yet. A feed that may tell no time at all has nothing to wait for.
    pub(super) fn new(has_times: bool) -> Hold {
        Hold {
            frames: Vec::new(),
            bytes: 0,
            is_over: !has_times,
        }
    }

    /// Whether a frame of this time, if it tells one, has to wait.
    pub(super) fn passage(&mut self, told: Option<Ts>, now: Now, course: &mut Course) -> Passage {
        match told {
            None if self.frames.is_empty() => Passage::Open,
            None => Passage::Closed,
            Some(told) if course.learn(told, now.wall) => Passage::Opens,
            Some(_) => Passage::Closed,
        }
    }

    /// Whether everything passes.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Keeps a frame. Says whether there is no room for another.
    pub(super) fn keep(&mut self, held: Held) -> bool {
        self.bytes += held.bytes.len();
        self.frames.push(held);
        self.frames.len() >= HELD_FRAMES_MAX || self.bytes >= HELD_BYTES_MAX
    }

    /// Whether the first of the frames has waited for long enough.
    pub(super) fn has_waited(&self, now: Now) -> bool {
        let waited = |held: &Held| now.mono.saturating_sub(held.now.mono) >= LEARNING_TIME_MAX;
        self.frames.first().is_some_and(waited)
    }

    /// Ends the waiting, and hands out what waits, in its order.
    pub(super) fn end(&mut self, course: &mut Course) -> Vec<Held> {
        course.end_learning();
        self.is_over = true;
        self.bytes = 0;
        std::mem::take(&mut self.frames)
    }
}

impl Session<'_> {
    /// Whether a frame waits until it is known where the feed's time is.
    pub(super) fn holds(
        &mut self,
        line: LineId,
        now: Now,
        bytes: &[u8],
        sink: &mut impl MomentSink,
    ) -> bool {
        let told = self.intake.decoder.peek_time(bytes);
        let Some(course) = self.intake.decoder.course() else {
            return false;
        };
        match self.hold.passage(told, now, course) {
            Passage::Open => false,
            Passage::Opens => {
                self.release(sink);
                false
            }
            Passage::Closed => {
                let held = Held {
                    line,
                    now,
                    number: self.states[line.0].frame_number,
                    bytes: bytes.to_vec(),
                };
                if self.hold.keep(held) {
                    self.release(sink);
                }
                true
            }
        }
    }

    /// Takes the frames that waited, each as of its arrival.
    pub(super) fn release(&mut self, sink: &mut impl MomentSink) {
        let Some(course) = self.intake.decoder.course() else {
            return;
        };
        for held in self.hold.end(course) {
            self.take_frame(held.line, held.now, held.number, &held.bytes);
            self.hand_over(sink);
        }
    }
}
