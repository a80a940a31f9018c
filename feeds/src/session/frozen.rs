//! Notices a book that stands still while its trades and quotes go on.

use super::{Now, Session};
use crate::book_sync::BookSync;
use crate::intake::Heard;
use tickloom_types::BookState;

/// In so many seconds in a row something was traded or quoted, and nothing changed the book.
const SECONDS_MAX: u32 = 4;

/// What is known of one book from a second ago.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Frozen {
    touches: u64,
    events: u64,
    /// Changes that came, used or not, as of the last that was used.
    diffs: u64,
    seconds: u32,
}

/// How a book is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Well,
    /// Changes come, and none of them fits.
    NothingFits,
    /// No changes come.
    NothingComes,
}

impl Frozen {
    /// A second has passed.
    pub(super) fn second(&mut self, book: &BookSync, heard: &Heard) -> Verdict {
        let events = heard.quotes + heard.trades;
        let has_moved = book.touches() != self.touches;
        if has_moved || book.state() != BookState::Live {
            *self = Frozen {
                touches: book.touches(),
                events,
                diffs: heard.diffs,
                seconds: 0,
            };
            return Verdict::Well;
        }
        self.seconds += u32::from(events != self.events);
        self.events = events;
        if self.seconds < SECONDS_MAX {
            return Verdict::Well;
        }
        self.seconds = 0;
        match heard.diffs != self.diffs {
            true => Verdict::NothingFits,
            false => Verdict::NothingComes,
        }
    }
}

impl Session<'_> {
    /// Builds a book again that stands still while its trades and quotes go on.
    pub(super) fn watch_books(&mut self, now: Now) {
        for at in 0..self.frozen.len() {
            let (instrument, line) = (self.intake.books[at].0, self.book_lines[at]);
            let Some(line) = line.filter(|line| self.states[*line].is_open()) else {
                continue;
            };
            let (book, heard) = (&self.intake.books[at].1, &self.intake.heard[at]);
            let told = match self.frozen[at].second(book, heard) {
                Verdict::Well => continue,
                Verdict::NothingFits => "no change of a book fitted",
                Verdict::NothingComes => {
                    let cause = "no change of a book came while its trades or quotes went on";
                    self.states[line].give_up = Some(cause.to_owned());
                    "no change of a book came"
                }
            };
            let told =
                format!("{told} for seconds while its trades or quotes went on: it is built again");
            self.metrics.set_last_error(&told);
            let header = self.intake.status_header(instrument, self.source, now.wall);
            self.intake.books[at].1.resync(header, &mut self.moment);
            self.publish_counts();
        }
    }
}
