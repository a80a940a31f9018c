//! The rows of an export: those of each run in its order, the runs merged by release, and no number of any row changed.
//!
//! A scan over several runs numbers their records anew and unites their instruments. Here a row stays what it is in its run.

use crate::Result;
use std::collections::BTreeSet;
use tickloom_catalog::order::ReleaseMerge;
use tickloom_catalog::{
    Catalog, Definitions, Key, RunMerge, ScanQuery, SelectedRun, Spans, name_all, select_runs,
};
use tickloom_journal::RunMeta;
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
    metas: Vec<RunMeta>,
    said: Vec<RunMeta>,
    merge: ReleaseMerge<RunMerge>,
    rows_max: u64,
    span: (Ts, Ts),
    bars: Vec<BarSpec>,
}

impl Rows {
    /// The rows that a query selects.
    pub(crate) fn select(catalog: &Catalog, query: &ScanQuery) -> Result<Rows> {
        let selected = select_runs(catalog, query)?;
        let bars: BTreeSet<BarSpec> = selected.iter().flat_map(|run| run.bars.clone()).collect();
        let span = (
            selected.iter().map(|run| run.from).min(),
            selected.iter().map(|run| run.to).max(),
        );
        let rows_max = selected.iter().map(|run| run.rows_max).sum();
        let metas = selected.iter().map(|run| run.meta.clone()).collect();
        let said = said(catalog, query, &selected)?;
        let runs = selected.into_iter();
        let runs = runs.map(|run| Ok((run.released, run.rows(query)?)));
        Ok(Rows {
            merge: ReleaseMerge::new(runs.collect::<Result<Vec<_>>>()?),
            span: (span.0.unwrap_or_default(), span.1.unwrap_or_default()),
            bars: bars.into_iter().collect(),
            rows_max,
            metas,
            said,
        })
    }

    /// The runs with what people say of their instruments; the numbers of rows are at the scales of [`Rows::metas`].
    pub(crate) fn said(&self) -> &[RunMeta] {
        &self.said
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
            let Some((run, row)) = self.merge.next_of()? else {
                break;
            };
            rows.push(Row {
                run,
                key: row.placed.key,
                record: row.placed.record,
            });
        }
        Ok(!rows.is_empty())
    }
}

/// The runs, each instrument as it is to who reads these rows.
fn said(catalog: &Catalog, query: &ScanQuery, selected: &[SelectedRun]) -> Result<Vec<RunMeta>> {
    let definitions = match &query.definitions {
        Some(given) => Definitions::clone(given).before(&catalog.definitions()?),
        None => catalog.definitions()?,
    };
    let are_bars = query.tables.iter().all(|table| table.is_bars());
    let of_run = |run: &SelectedRun| {
        let mut spans = Spans::default();
        let from = query.from.map_or(run.from, |from| from.max(run.from));
        let to = query
            .to
            .map_or(run.to, |to| Ts(to.0.saturating_sub(1)).min(run.to));
        for def in run.meta.instruments.defs() {
            spans.widen(&def.name, (from, to.max(from)), are_bars);
        }
        let meta = std::slice::from_ref(&run.meta);
        let instruments = name_all(&definitions, &spans, meta, std::iter::empty())?;
        Ok(RunMeta {
            instruments,
            ..run.meta.clone()
        })
    };
    selected.iter().map(of_run).collect()
}
