//! The rows of an export: those of each run in its order, the runs merged by time, and no number of any row changed.
//!
//! A scan over several runs numbers their records anew and unites their instruments. Here a row stays what it is in its run.

use crate::catalog::file::Key;
use crate::catalog::merge::RunMerge;
use crate::catalog::scan::{SelectedRun, select_runs};
use crate::{Catalog, Result, RunMeta, ScanQuery};
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use tickloom_types::{BarSpec, Record, Ts};

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
    /// Time and index of the runs that wait. One that is not open waits at the least time that its rows may have.
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

impl Rows {
    /// The rows that a query selects.
    pub(crate) fn select(catalog: &Catalog, query: &ScanQuery) -> Result<Rows> {
        let selected = select_runs(catalog, query)?;
        let waiting = selected.iter().enumerate();
        let bars: BTreeSet<BarSpec> = selected.iter().flat_map(|run| run.bars.clone()).collect();
        Ok(Rows {
            query: query.clone(),
            waiting: waiting.map(|(at, run)| Reverse((run.from.0, at))).collect(),
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
            // Rows of one run follow each other for long: it is put back only once another is due.
            while let Some(ts) = self.advance(at, rows)? {
                if rows.len() >= count || next_run.is_some_and(|next| next < (ts, at)) {
                    self.waiting.push(Reverse((ts, at)));
                    break;
                }
            }
        }
        Ok(!rows.is_empty())
    }

    /// Opens a planned run; the time of its first row, if it has one.
    fn open(&mut self, at: usize) -> Result<Option<i64>> {
        let State::Planned(run) = std::mem::replace(&mut self.runs[at], State::Done) else {
            return Ok(None);
        };
        let rows = run.rows(&self.query)?;
        self.hold(at, Box::new(rows))
    }

    /// Gives the next row of an open run to `rows`; the time of the one after it, if there is one.
    fn advance(&mut self, at: usize, rows: &mut Vec<Row>) -> Result<Option<i64>> {
        let State::Open(merge, row) = std::mem::replace(&mut self.runs[at], State::Done) else {
            return Ok(None);
        };
        rows.push(row);
        self.hold(at, merge)
    }

    /// Reads a run's next row, and says its time.
    fn hold(&mut self, at: usize, mut merge: Box<RunMerge>) -> Result<Option<i64>> {
        self.runs[at] = State::Done;
        let Some((key, record)) = merge.next()? else {
            return Ok(None);
        };
        let row = Row {
            run: at,
            key,
            record,
        };
        self.runs[at] = State::Open(merge, row);
        Ok(Some(record.header.ts_event))
    }
}
