//! How update ids follow each other at the venues: which diff comes next, and which joins on to a snapshot.

use crate::binance::Depth;

/// How update ids follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SequenceRule {
    /// Spot: the first id is one above the last id before. A snapshot `L` is bridged by `U <= L + 1 <= u`.
    Consecutive,
    /// Futures: the diff names the last id before. A snapshot `L` is bridged by `pu <= L <= u`: the venue documents
    /// `U <= L <= u`, and nothing of this symbol lies between `pu` and `U`.
    Chained,
    /// Ids grow but leave numbers out, such as times: a diff that comes late can be told, one that is missing cannot.
    Increasing,
    /// There are no ids: the order of arrival is all there is, and a checksum if the venue sends one.
    Unnumbered,
}

/// The update ids of a message.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ids {
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) previous: Option<u64>,
}

impl Ids {
    pub(crate) fn of(message: &Depth<'_>) -> Ids {
        Ids {
            first: message.first_id,
            last: message.last_id,
            previous: message.previous_id,
        }
    }
}

/// Where a diff stands after another one.
pub(super) enum Place {
    Next,
    Duplicate,
    Old,
    Gap { from: u64, to: u64 },
}

impl SequenceRule {
    /// Whether a diff says which one it follows.
    pub(crate) fn can_tell_a_gap(self) -> bool {
        matches!(self, SequenceRule::Consecutive | SequenceRule::Chained)
    }

    /// Whether a snapshot at this id already holds the diff.
    pub(super) fn is_held(self, at: u64, ids: Ids) -> bool {
        match self {
            SequenceRule::Consecutive | SequenceRule::Increasing => ids.last <= at,
            SequenceRule::Chained => ids.last < at,
            SequenceRule::Unnumbered => true,
        }
    }

    /// Whether a diff that is not held joins on to a snapshot at this id.
    pub(super) fn bridges(self, at: u64, ids: Ids) -> bool {
        match self {
            SequenceRule::Consecutive => ids.first <= at.saturating_add(1),
            SequenceRule::Chained => ids.previous.is_some_and(|previous| previous <= at),
            SequenceRule::Increasing | SequenceRule::Unnumbered => true,
        }
    }

    pub(super) fn place(self, newest: Ids, ids: Ids) -> Place {
        if self == SequenceRule::Unnumbered {
            return Place::Next;
        }
        // What names the newest one as the one before it comes after it, whatever its own id: so a venue begins its ids anew.
        let is_named = self == SequenceRule::Chained && ids.previous == Some(newest.last);
        if is_named && ids.last != newest.last {
            return Place::Next;
        }
        if ids.last <= newest.last {
            return if ids.last == newest.last && ids.first == newest.first {
                Place::Duplicate
            } else {
                Place::Old
            };
        }
        let follows = match self {
            SequenceRule::Consecutive => ids.first == newest.last.saturating_add(1),
            SequenceRule::Chained => ids.previous == Some(newest.last),
            SequenceRule::Increasing | SequenceRule::Unnumbered => true,
        };
        if follows {
            return Place::Next;
        }
        Place::Gap {
            from: newest.last.saturating_add(1),
            to: ids.first.saturating_sub(1),
        }
    }
}
