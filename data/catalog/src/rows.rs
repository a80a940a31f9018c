//! Rows that are decoded and wait to be taken, column by column: of one file, or of several in the order of their keys.

use super::files::Naming;
use super::key::Key;
use crate::order::{Placed, Row, joins};
use std::ops::Range;
use std::sync::Arc;
use tickloom_types::{Flags, Record, Seq};

/// Rows in the order of their keys, from which some were taken.
pub(crate) struct Rows {
    naming: Arc<Naming>,
    pub(crate) seqs: Vec<Seq>,
    /// The number of each output plus one; none if all are inputs.
    pub(crate) outputs: Vec<u64>,
    pub(crate) records: Vec<Record>,
    /// The place of each, if the file says it.
    pub(crate) held: Vec<u64>,
    pub(crate) more: Vec<i32>,
    at: usize,
}

impl Rows {
    /// None yet.
    pub(crate) fn new(naming: &Arc<Naming>) -> Rows {
        Rows {
            naming: Arc::clone(naming),
            seqs: Vec::new(),
            outputs: Vec::new(),
            records: Vec::new(),
            held: Vec::new(),
            more: Vec::new(),
            at: 0,
        }
    }

    pub(crate) fn clear(&mut self) {
        self.seqs.clear();
        self.outputs.clear();
        self.records.clear();
        self.held.clear();
        self.more.clear();
        self.at = 0;
    }

    /// Whether all were taken.
    pub(crate) fn is_empty(&self) -> bool {
        self.at >= self.seqs.len()
    }

    /// The key of the next row, if there is one.
    #[inline]
    pub(crate) fn key(&self) -> Option<Key> {
        self.key_at(self.at)
    }

    /// The key of the last one, taken or not.
    pub(crate) fn last_key(&self) -> Option<Key> {
        self.key_at(self.seqs.len().checked_sub(1)?)
    }

    #[inline]
    pub(crate) fn key_at(&self, at: usize) -> Option<Key> {
        let seq = *self.seqs.get(at)?;
        let output = self.outputs.get(at).copied().unwrap_or(0);
        Some(Key { seq, output })
    }

    /// Those not taken whose keys are below this one.
    pub(crate) fn below(&self, limit: Option<Key>) -> Range<usize> {
        let is_below = |at: usize| limit.is_none_or(|limit| self.key_at(at) < Some(limit));
        let (mut from, mut to) = (self.at, self.seqs.len());
        if to > from && is_below(to - 1) {
            return from..to;
        }
        while from < to {
            let middle = from + (to - from) / 2;
            match is_below(middle) {
                true => from = middle + 1,
                false => to = middle,
            }
        }
        self.at..from
    }

    /// Whether at least so many of those have keys below this one.
    pub(crate) fn has_below(&self, limit: Option<Key>, count: usize) -> bool {
        let last = self.key_at(self.at + count.saturating_sub(1));
        last.is_some_and(|last| limit.is_none_or(|limit| last < limit))
    }

    /// Of some rows those up to the first that may be within a moment whose end has to be looked for.
    pub(crate) fn without_moments(&self, rows: Range<usize>) -> Range<usize> {
        let is_plain = |at: &usize| {
            let more = self.more.get(*at).is_some_and(|more| *more != 0);
            !more && self.records[*at].header.flags & Flags::MORE == 0
        };
        let end = rows.clone().find(|at| !is_plain(at));
        rows.start..end.unwrap_or(rows.end)
    }

    /// Some rows, to be marked.
    pub(crate) fn some(&mut self, rows: Range<usize>) -> (&[Seq], &mut [Record]) {
        (&self.seqs[rows.clone()], &mut self.records[rows])
    }

    /// Counts rows as taken, up to this one.
    pub(crate) fn take_to(&mut self, at: usize) {
        self.at = at;
    }

    /// Takes a row back, if it is the one that was taken last.
    pub(crate) fn give_back(&mut self, key: Key) -> bool {
        let before = self.at.checked_sub(1);
        let is_last = before.is_some_and(|at| self.key_at(at) == Some(key));
        if is_last {
            self.at -= 1;
        }
        is_last
    }

    /// When a row is released by itself and by what held it back, and whether it is one moment with others of equal release.
    #[inline]
    pub(crate) fn release(&self, at: usize) -> (i64, bool) {
        let record = &self.records[at];
        let held = self.held.get(at).map_or(0, |held| held.cast_signed());
        match self.naming.defs.get(usize::from(record.header.source)) {
            Some(source) => {
                let own = source.release(record).0;
                (own.wrapping_add(held), joins(record, source))
            }
            None => (record.header.ts_recv.wrapping_add(held), false),
        }
    }

    /// Whether these are bars of one source that are one moment with others of equal release, and no two of them have one: what
    /// [`Rows::release`] would say of each, at once.
    pub(crate) fn are_bars_apart(&self, rows: Range<usize>) -> bool {
        let (Some(records), Some(held)) =
            (self.records.get(rows.clone()), self.held.get(rows.clone()))
        else {
            return false;
        };
        let (Some(first), Some(last)) = (records.first(), records.last()) else {
            return false;
        };
        let Some(source) = self.naming.defs.get(usize::from(first.header.source)) else {
            return false;
        };
        // Later bars are released later, unless times come to an end.
        let fits = last.header.ts_event.checked_add(source.feed_latency);
        if !joins(first, source) || source.feed_latency < 0 || fits.is_none() {
            return false;
        }
        let are_held_alike = held.iter().fold(true, |all, own| all & (*own == held[0]));
        let pairs = records.iter().zip(&records[1..]);
        let are_later = pairs.fold(true, |all, (before, own)| {
            let (before, own) = (&before.header, &own.header);
            all & (own.kind == before.kind)
                & (own.source == before.source)
                & (own.ts_event > before.ts_event)
        });
        are_held_alike & are_later
    }

    /// The next row, which [`Rows::key`] has named.
    pub(crate) fn take(&mut self) -> Row {
        let at = self.at;
        self.at += 1;
        let (release, joins) = self.release(at);
        Row {
            release,
            joins,
            placed: self.placed(at),
        }
    }

    fn placed(&self, at: usize) -> Placed {
        let record = self.records[at];
        let output = self.outputs.get(at).copied().unwrap_or(0);
        let key = Key {
            seq: self.seqs[at],
            output,
        };
        match (self.held.get(at), self.more.get(at)) {
            (Some(held), Some(more)) => Placed {
                key,
                record,
                held: *held,
                more: *more,
            },
            _ => Placed::unplaced(key, record),
        }
    }

    /// Keeps those that are wanted, by their place.
    pub(crate) fn keep(&mut self, wanted: &[bool]) {
        keep(&mut self.seqs, wanted);
        keep(&mut self.outputs, wanted);
        keep(&mut self.records, wanted);
        keep(&mut self.held, wanted);
        keep(&mut self.more, wanted);
    }

    /// Keeps those up to a key; none without one.
    pub(crate) fn keep_to(&mut self, last: Option<Key>) {
        let keys = (0..self.seqs.len()).map(|at| self.key_at(at));
        let wanted: Vec<bool> = keys.map(|key| key <= last).collect();
        self.keep(&wanted);
    }

    /// Moves those not taken whose keys are below this one to others, in any order; each says its place there.
    pub(crate) fn move_below(&mut self, limit: Key, to: &mut Rows) {
        let rows = self.below(Some(limit));
        if !self.outputs.is_empty() || !to.outputs.is_empty() {
            to.outputs.resize(to.seqs.len(), 0);
            match self.outputs.get(rows.clone()) {
                Some(outputs) => to.outputs.extend_from_slice(outputs),
                None => to.outputs.resize(to.seqs.len() + rows.len(), 0),
            }
        }
        to.seqs.extend_from_slice(&self.seqs[rows.clone()]);
        to.records.extend_from_slice(&self.records[rows.clone()]);
        match (self.held.get(rows.clone()), self.more.get(rows.clone())) {
            (Some(held), Some(more)) => {
                to.held.extend_from_slice(held);
                to.more.extend_from_slice(more);
            }
            _ => {
                let placed = rows.clone().map(|at| self.placed(at));
                for placed in placed {
                    to.held.push(placed.held);
                    to.more.push(placed.more);
                }
            }
        }
        self.at = rows.end;
    }

    /// Becomes these rows, of which each has a place, in the order of their keys, which are not below `first`.
    pub(crate) fn arrange(&mut self, rows: &Rows, first: Seq, order: &mut Vec<u32>) {
        self.clear();
        let count = u32::try_from(rows.seqs.len()).unwrap_or(u32::MAX);
        if !rows.outputs.is_empty() || !by_place(&rows.seqs, first, order) {
            order.clear();
            order.extend(0..count);
            order.sort_unstable_by_key(|at| rows.key_at(*at as usize));
        }
        let places = || {
            order
                .iter()
                .filter(|at| **at < count)
                .map(|at| *at as usize)
        };
        self.seqs.extend(places().map(|at| rows.seqs[at]));
        self.records.extend(places().map(|at| rows.records[at]));
        self.held.extend(places().map(|at| rows.held[at]));
        self.more.extend(places().map(|at| rows.more[at]));
        if !rows.outputs.is_empty() {
            self.outputs.extend(places().map(|at| rows.outputs[at]));
        }
    }
}

/// Sequences of a window that is larger than this are sorted, and not put into places.
const PLACES_MAX: u64 = 1 << 17;

/// Puts the places of sequences into their order, with `u32::MAX` where there is none; false if two are the same, or far apart.
fn by_place(seqs: &[Seq], first: Seq, order: &mut Vec<u32>) -> bool {
    let last = seqs.iter().copied().max().unwrap_or(first);
    let Some(span) = last.checked_sub(first).filter(|span| *span < PLACES_MAX) else {
        return false;
    };
    order.clear();
    order.resize(usize::try_from(span + 1).unwrap_or(0), u32::MAX);
    for (at, seq) in (0..).zip(seqs) {
        let place = seq
            .checked_sub(first)
            .and_then(|at| usize::try_from(at).ok());
        match place.and_then(|place| order.get_mut(place)) {
            Some(slot) if *slot == u32::MAX => *slot = at,
            _ => return false,
        }
    }
    true
}

/// Keeps those that are wanted, by their place.
fn keep<T>(list: &mut Vec<T>, wanted: &[bool]) {
    let mut wanted = wanted.iter();
    list.retain(|_| wanted.next().is_some_and(|wanted| *wanted));
}
