//! What is kept of a curve for pictures: a bounded number of points. When there are too many, neighbours are put together: of each
//! group the first, the lowest, the highest and the one deepest below its peak stay, so no fall and no spike leaves the picture.

use std::ops::Range;

/// Points kept for pictures.
pub(crate) const POINTS_MAX: usize = 1 << 17;
/// Points that are put together at once, and how many of them stay at most.
const GROUP: usize = 8;
const GROUP_KEPT: usize = 4;

/// Points as columns. Prices are of all instruments, point by point.
#[derive(Clone, Debug, Default)]
pub(super) struct Points {
    pub(super) ts: Vec<i64>,
    pub(super) equity: Vec<f64>,
    pub(super) drawdown: Vec<f64>,
    pub(super) prices: Vec<f64>,
}

impl Points {
    pub(super) fn len(&self) -> usize {
        self.ts.len()
    }

    pub(super) fn clear(&mut self) {
        self.ts.clear();
        self.equity.clear();
        self.drawdown.clear();
        self.prices.clear();
    }

    pub(super) fn truncate(&mut self, len: usize, priced: usize) {
        self.ts.truncate(len);
        self.equity.truncate(len);
        self.drawdown.truncate(len);
        self.prices.truncate(len * priced);
    }

    /// Takes out the last point, if there is one.
    pub(super) fn split_last(&mut self, priced: usize) -> Points {
        let rest = self.len().saturating_sub(1);
        let mut last = Points::default();
        last.take(self, rest..self.len(), priced);
        self.truncate(rest, priced);
        last
    }

    /// Adds some points of others.
    fn take(&mut self, from: &Points, rows: Range<usize>, priced: usize) {
        self.ts.extend_from_slice(&from.ts[rows.clone()]);
        self.equity.extend_from_slice(&from.equity[rows.clone()]);
        self.drawdown
            .extend_from_slice(&from.drawdown[rows.clone()]);
        self.prices
            .extend_from_slice(&from.prices[rows.start * priced..rows.end * priced]);
    }

    /// Puts a point in the place of one that is before it or the same.
    fn shift(&mut self, to: usize, from: usize, priced: usize) {
        self.ts[to] = self.ts[from];
        self.equity[to] = self.equity[from];
        self.drawdown[to] = self.drawdown[from];
        self.prices
            .copy_within(from * priced..(from + 1) * priced, to * priced);
    }

    /// Leaves those that stand out of a group.
    fn only_standing_out(&mut self, priced: usize) {
        let (places, count) = self.standing_out(0..self.len());
        for (to, row) in places[..count].iter().enumerate() {
            self.shift(to, *row, priced);
        }
        self.truncate(count, priced);
    }

    /// The points of a group that stay, in the order of time, each once; and how many these are.
    fn standing_out(&self, rows: Range<usize>) -> ([usize; GROUP_KEPT], usize) {
        let first = rows.start;
        let (equities, drawdowns) = (&self.equity[rows.clone()], &self.drawdown[rows]);
        let (mut lowest, mut highest, mut deepest) = (first, first, first);
        let (mut low, mut high, mut deep) = (f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY);
        for (row, (equity, drawdown)) in (first..).zip(equities.iter().zip(drawdowns)) {
            (low, lowest) = if *equity < low {
                (*equity, row)
            } else {
                (low, lowest)
            };
            (high, highest) = if *equity > high {
                (*equity, row)
            } else {
                (high, highest)
            };
            (deep, deepest) = if *drawdown > deep {
                (*drawdown, row)
            } else {
                (deep, deepest)
            };
        }
        let mut places = [first, lowest, highest, deepest];
        places.sort_unstable();
        let mut count = 1;
        for at in 1..GROUP_KEPT {
            if places[at] != places[count - 1] {
                places[count] = places[at];
                count += 1;
            }
        }
        (places, count)
    }
}

/// The points that are kept.
#[derive(Debug)]
pub(super) struct Picture {
    /// Prices of a point.
    priced: usize,
    kept: Points,
    /// The points since those: of a group that is not whole, those that stand out so far, and how many it has had.
    open: Points,
    opened: usize,
    /// Points of one group; of one point nothing is put together.
    group: usize,
}

impl Picture {
    /// Without points, of which each will have so many prices.
    pub(super) fn new(priced: usize) -> Picture {
        Picture {
            priced,
            kept: Points::default(),
            open: Points::default(),
            opened: 0,
            group: 1,
        }
    }

    /// Takes the next points.
    pub(super) fn extend(&mut self, points: &Points) {
        let mut at = 0;
        while at < points.len() {
            let room = POINTS_MAX - 2 * GROUP_KEPT + 1 - self.kept.len();
            let rest = points.len() - at;
            if self.group == 1 {
                let count = rest.min(room);
                self.kept.take(points, at..at + count, self.priced);
                at += count;
            } else {
                let count = rest.min(self.group - self.opened);
                self.add(points, at..at + count);
                at += count;
            }
            if self.kept.len() + 2 * GROUP_KEPT > POINTS_MAX {
                self.thin();
            }
        }
    }

    /// The picture, which ends with the last point whatever the groups are.
    pub(super) fn end(mut self, last: &Points) -> Points {
        self.close();
        self.kept.take(last, 0..last.len(), self.priced);
        self.kept
    }

    /// Adds points to the group that is open, no more than it lacks.
    fn add(&mut self, points: &Points, rows: Range<usize>) {
        self.opened += rows.len();
        if self.open.len() == 0 && self.opened == self.group {
            let (places, count) = points.standing_out(rows);
            for row in &places[..count] {
                self.kept.take(points, *row..*row + 1, self.priced);
            }
            self.opened = 0;
            return;
        }
        self.open.take(points, rows, self.priced);
        // What stands out of a part of a group is all that can stand out of the whole.
        self.open.only_standing_out(self.priced);
        if self.opened >= self.group {
            self.close();
        }
    }

    /// Ends the group that is open.
    fn close(&mut self) {
        self.kept.take(&self.open, 0..self.open.len(), self.priced);
        self.open.clear();
        self.opened = 0;
    }

    /// Puts neighbours together: of each eight points at most four stay.
    fn thin(&mut self) {
        let all = self.kept.len();
        let mut to = 0;
        for start in (0..all).step_by(GROUP) {
            let (places, count) = self.kept.standing_out(start..all.min(start + GROUP));
            for row in &places[..count] {
                self.kept.shift(to, *row, self.priced);
                to += 1;
            }
        }
        self.kept.truncate(to, self.priced);
        self.group = if self.group == 1 {
            GROUP
        } else {
            self.group.saturating_mul(2)
        };
    }
}
