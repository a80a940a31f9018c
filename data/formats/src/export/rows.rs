//! The rows of an export: those of each run in its order, the runs merged by release, and no number of any row changed.
//!
//! A scan over several runs numbers their records anew and unites their instruments. Here a row stays what it is in its run.

use crate::Result;
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use tickloom_catalog::Key;
use tickloom_catalog::RunMerge;
use tickloom_catalog::order::RunRows;
use tickloom_catalog::{Catalog, ScanQuery};
use tickloom_catalog::{SelectedRun, select_runs};
use tickloom_journal::RunMeta;
use tickloom_types::{BarSpec, Flags, Record, Ts};

/// A record with its place in its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// Index of its run, in whose instruments its identifiers count.
    pub(crate) run: usize,
    pub(crate) key: Key,
    pub(crate) record: Record,
}

/// The selected rows of all runs.
pub(crate) struct Rows {
    query: ScanQuery,
    metas: Vec<RunMeta>,
    runs: Vec<State>,
    /// Release and index of the runs that wait. One that is not open waits at the least release that its rows may have.
    waiting: BinaryHeap<Reverse<(i64, usize)>>,
    rows_max: u64,
    span: (Ts, Ts),
    bars: Vec<BarSpec>,
}

/// How far the reading of a run is.
enum State {
    Planned(Box<SelectedRun>),
    /// With the row that is next.
    Open(Box<RunMerge>, Row),
    Done,
}

/// What the next row of a run is.
struct Next {
    release: i64,
    /// Whether it is of the moment of the row before it.
    is_of_moment: bool,
}

impl Rows {
    /// The rows that a query selects.
    pub(crate) fn select(catalog: &Catalog, query: &ScanQuery) -> Result<Rows> {
        let selected = select_runs(catalog, query)?;
        let waiting = selected.iter().enumerate();
        let bars: BTreeSet<BarSpec> = selected.iter().flat_map(|run| run.bars.clone()).collect();
        Ok(Rows {
            query: query.clone(),
            waiting: waiting
                .map(|(at, run)| Reverse((run.released, at)))
                .collect(),
            span: (
                selected
                    .iter()
                    .map(|run| run.from)
                    .min()
                    .unwrap_or_default(),
                selected.iter().map(|run| run.to).max().unwrap_or_default(),
            ),
            bars: bars.into_iter().collect(),
            rows_max: selected.iter().map(|run| run.rows_max).sum(),
            metas: selected.iter().map(|run| run.meta.clone()).collect(),
            runs: selected
                .into_iter()
                .map(|run| State::Planned(Box::new(run)))
                .collect(),
        })
    }

    /// The runs, by their index in rows.
    pub(crate) fn metas(&self) -> &[RunMeta] {
        &self.metas
    }

    /// No row is before the first of these times or after the second.
    pub(crate) fn span(&self) -> (Ts, Ts) {
        self.span
    }

    /// Sizes of the bars among the rows.
    pub(crate) fn bars(&self) -> &[BarSpec] {
        &self.bars
    }

    /// At most so many rows will come.
    pub(crate) fn rows_max(&self) -> u64 {
        self.rows_max
    }

    /// Puts the next rows, at most `count`, in place of those in `rows`; false if there are none.
    pub(crate) fn fill(&mut self, rows: &mut Vec<Row>, count: usize) -> Result<bool> {
        rows.clear();
        while rows.len() < count {
            let Some(Reverse((_, at))) = self.waiting.pop() else {
                break;
            };
            if let State::Planned(_) = &self.runs[at] {
                let head = self.open(at)?;
                self.waiting.extend(head.map(|ts| Reverse((ts, at))));
                continue;
            }
            let next_run = self.waiting.peek().map(|next| next.0);
            // Rows of one run follow each other for long: it is put back only once another is due, and no moment is parted.
            while let Some(next) = self.advance(at, rows)? {
                let is_due = next_run.is_some_and(|other| other < (next.release, at));
                if rows.len() >= count || (is_due && !next.is_of_moment) {
                    // Within a moment no other run comes first.
                    let release = if next.is_of_moment {
                        i64::MIN
                    } else {
                        next.release
                    };
                    self.waiting.push(Reverse((release, at)));
                    break;
                }
            }
        }
        Ok(!rows.is_empty())
    }

    /// Opens a planned run; the release of its first row, if it has one.
    fn open(&mut self, at: usize) -> Result<Option<i64>> {
        let State::Planned(run) = std::mem::replace(&mut self.runs[at], State::Done) else {
            return Ok(None);
        };
        let rows = run.rows(&self.query)?;
        self.hold(at, Box::new(rows))
    }

    /// Gives the next row of an open run to `rows`; what the one after it is, if there is one.
    fn advance(&mut self, at: usize, rows: &mut Vec<Row>) -> Result<Option<Next>> {
        let State::Open(merge, row) = std::mem::replace(&mut self.runs[at], State::Done) else {
            return Ok(None);
        };
        let is_of_moment = row.key.output == 0 && row.record.has(Flags::MORE);
        rows.push(row);
        let release = self.hold(at, merge)?;
        Ok(release.map(|release| Next {
            release,
            is_of_moment,
        }))
    }

    /// Reads a run's next row, and says its release.
    fn hold(&mut self, at: usize, mut merge: Box<RunMerge>) -> Result<Option<i64>> {
        self.runs[at] = State::Done;
        let Some(next) = merge.next()? else {
            return Ok(None);
        };
        let row = Row {
            run: at,
            key: next.placed.key,
            record: next.placed.record,
        };
        self.runs[at] = State::Open(merge, row);
        Ok(Some(next.release))
    }
}
