//! Trades that are there already under other numbers, or under their own at another time: those of a venue's single trades and of its trades put together, which both tell all
//! of its volume. Their numbers differ, but each of one kind is at a time and a price at which the other has one.

use std::collections::{BTreeMap, HashMap};
use tickloom_types::Ts;

/// Moments of twins from which on they are no chance.
const MOMENTS_MIN: u64 = 2;

/// Runs of numbers that are held; numbers that are hashes have none.
const RUNS_MAX: usize = 1 << 14;

/// Trades of the file that other imports have under other numbers.
#[derive(Debug, Default)]
pub(super) struct Twins {
    /// Of each instrument, from when to when there are trades.
    spans: HashMap<u32, (i64, i64)>,
    numbers: Numbers,
    of: HashMap<u32, Of>,
}

/// The numbers of trades that are there, in runs of which each follows the one before it.
#[derive(Debug, Default)]
struct Numbers {
    /// By instrument and first number: the last one, and the times of both.
    runs: BTreeMap<(u32, u64), (u64, i64, i64)>,
    are_too_many: bool,
}

impl Numbers {
    fn add(&mut self, instrument: u32, id: u64, ts: i64) {
        if self.are_too_many {
            return;
        }
        let before = self.runs.range_mut(..=(instrument, id)).next_back();
        if let Some((_, (end, _, last))) = before.filter(|((of, _), _)| *of == instrument) {
            if *end >= id {
                return;
            }
            if *end + 1 == id {
                (*end, *last) = (id, ts.max(*last));
                return;
            }
        }
        self.runs.insert((instrument, id), (id, ts, ts));
        if self.runs.len() > RUNS_MAX {
            self.runs.clear();
            self.are_too_many = true;
        }
    }

    /// Whether a number is not there, and its trade is at the very time of the next one below or above it, where a page ends: another
    /// at that time is of that page. One at a time within the gap is of another kind, which fills it already.
    fn are_around(&self, instrument: u32, id: u64, ts: i64) -> bool {
        let is_of = |(of, _): &&(u32, u64)| *of == instrument;
        let below = self.runs.range(..=(instrument, id)).next_back();
        let above = self.runs.range((instrument, id)..).next();
        let below = below.filter(|(key, _)| is_of(key));
        let above = above.filter(|(key, _)| is_of(key));
        let (Some((_, (end, _, last))), Some((_, (_, first, _)))) = (below, above) else {
            return false;
        };
        *end < id && (*last..=*first).contains(&ts) && (*last == ts || *first == ts)
    }
}

/// An instrument of which most trades are there.
pub(super) struct Found {
    pub(super) instrument: u32,
    pub(super) count: u64,
    pub(super) of: u64,
    pub(super) first: Ts,
    /// Most under their own numbers, at other times.
    pub(super) are_again: bool,
}

/// Those of one instrument.
#[derive(Debug, Default)]
struct Of {
    /// Trades that are there with their number.
    known: u64,
    /// Others in a time in which there are trades.
    other: u64,
    /// Those of them at a time and a price of one that is there.
    twins: u64,
    /// Those of them with the number, the price and the size of one at another time.
    again: u64,
    /// How many times those are of, and the last of these.
    moments: u64,
    last: Option<i64>,
    first: Option<i64>,
}

impl Twins {
    /// There is a trade of an instrument at a time, with its number or 0.
    pub(super) fn there(&mut self, instrument: u32, id: u64, ts: i64) {
        if id != 0 {
            self.numbers.add(instrument, id, ts);
        }
        let (from, to) = self.spans.entry(instrument).or_insert((ts, ts));
        (*from, *to) = ((*from).min(ts), (*to).max(ts));
    }

    /// Whether a trade of the file fills a place between the numbers of those that are there, so that one of its time and price is
    /// none of another kind.
    pub(super) fn is_between(&self, instrument: u32, id: u64, ts: i64) -> bool {
        id != 0 && self.numbers.are_around(instrument, id, ts)
    }

    /// A trade of the file is there with its number.
    pub(super) fn known(&mut self, instrument: u32) {
        self.of.entry(instrument).or_default().known += 1;
    }

    /// A trade of the file is not there with its number; `is_twin` if another is at its time and price, `is_again` if
    /// its number is there at another time.
    pub(super) fn other(&mut self, instrument: u32, ts: i64, (is_twin, is_again): (bool, bool)) {
        let is_within = |(from, to): &(i64, i64)| (*from..=*to).contains(&ts);
        if !self.spans.get(&instrument).is_some_and(is_within) {
            return;
        }
        let of = self.of.entry(instrument).or_default();
        of.other += 1;
        if is_twin || is_again {
            of.twins += 1;
            of.again += u64::from(is_again);
            of.moments += u64::from(of.last != Some(ts));
            of.last = Some(ts);
            of.first.get_or_insert(ts);
        }
    }

    /// The first instrument of which most trades are there.
    pub(super) fn found(&self) -> Option<Found> {
        let is_other = |of: &Of| {
            of.moments >= MOMENTS_MIN
                && of.twins > of.known
                && of.twins.saturating_mul(2) > of.other
        };
        let found = self.of.iter().filter(|(_, of)| is_other(of));
        let (instrument, of) = found.min_by_key(|(instrument, _)| **instrument)?;
        Some(Found {
            instrument: *instrument,
            count: of.twins,
            of: of.other,
            first: Ts(of.first?),
            are_again: of.again.saturating_mul(2) > of.twins,
        })
    }
}
