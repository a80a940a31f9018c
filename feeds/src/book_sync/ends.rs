//! Where a book stands when a recording ends, and how one goes on from there.

use super::rule::{Ids, Place};
use super::{BookSync, SequenceRule};
use tickloom_types::{BookEnd, BookState};

impl BookSync {
    /// Whether a diff with these ids is the next of a book that was left so. Only where ids tell a gap.
    pub(crate) fn follows(rule: SequenceRule, end: &BookEnd, ids: Ids) -> bool {
        if !end.is_joined {
            let at = end.last_id;
            return rule.can_tell_a_gap() && !rule.is_held(at, ids) && rule.bridges(at, ids);
        }
        rule.can_tell_a_gap() && matches!(rule.place(left_at(end), ids), Place::Next)
    }

    /// The book is whole where it was left, and goes on from there; what comes first may be what it has.
    pub(crate) fn go_on(&mut self, end: &BookEnd) {
        self.forget();
        self.state = BookState::Live;
        self.bridged = end.is_joined;
        self.newest = left_at(end);
        self.begin_overlap();
    }

    /// While live: the first and last id of the message that it is at, and whether a change has joined its snapshot.
    pub(crate) fn left_at(&self) -> Option<(u64, u64, bool)> {
        let Ids { first, last, .. } = self.newest;
        (self.state == BookState::Live).then_some((first, last, self.bridged))
    }

    /// How many diffs came to nothing, as no snapshot joins them, and the id that the first of those that are left follows.
    pub(crate) fn unjoined(&self) -> Option<(u64, u64)> {
        let first = self.waiting.front()?.ids;
        let after = first.previous.unwrap_or(first.first.saturating_sub(1));
        Some((self.waiting.len() as u64 + self.counts.overflowed, after))
    }
}

fn left_at(end: &BookEnd) -> Ids {
    Ids {
        first: end.first_id,
        last: end.last_id,
        previous: None,
    }
}
