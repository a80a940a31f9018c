//! Notices a book that stands still while its trades and quotes go on.

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
