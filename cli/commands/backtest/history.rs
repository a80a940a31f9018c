//! History that answers queries: a catalog or a server.

use std::collections::BTreeSet;
use tickloom_data::{
    Catalog, DataError, InBlocks, OfCatalog, QuestDb, Range, Refusals, ScanQuery, Stream,
};
use tickloom_types::Instruments;

/// What a query found.
pub(super) struct Scanned {
    pub(super) instruments: Instruments,
    pub(super) rows_max: u64,
    pub(super) left_out: Option<Refusals>,
    pub(super) records: Stream,
}

/// What was left out when these runs were imported, all together, by imports of what is read; of a run that does not know it, nothing.
fn left_out(
    catalog: &Catalog,
    runs: &[String],
    query: &ScanQuery,
) -> Result<Option<Refusals>, DataError> {
    let ends = catalog.run_ends_of(runs)?;
    let names: BTreeSet<&str> = query.instruments.iter().map(String::as_str).collect();
    let known = runs.iter().filter_map(|run| ends.get(run));
    let joined = known
        .map(|end| end.left_out_of(&names))
        .reduce(|mut all, one| {
            all.join(&one);
            all
        });
    Ok(joined)
}

/// What answers a query.
pub(super) enum History {
    Catalog(Catalog),
    QuestDb(QuestDb),
}

impl History {
    pub(super) fn catalog(&self) -> Option<&Catalog> {
        match self {
            History::Catalog(catalog) => Some(catalog),
            History::QuestDb(_) => None,
        }
    }

    pub(super) fn ranges(&self) -> Result<Vec<Range>, DataError> {
        match self {
            History::Catalog(catalog) => Ok(catalog.ranges()?),
            History::QuestDb(db) => db.ranges(),
        }
    }

    pub(super) fn instruments(&self) -> Result<Instruments, DataError> {
        match self {
            History::Catalog(catalog) => Ok(catalog.instruments()?),
            History::QuestDb(db) => db.instruments(),
        }
    }

    pub(super) fn scan(&self, query: &ScanQuery) -> Result<Scanned, DataError> {
        // What is declared for the run is that of its sources, too.
        let found = |instruments: &Instruments| match query.feed_latency {
            Some(latency) => instruments.clone().with_feed_latency(latency),
            None => instruments.clone(),
        };
        Ok(match self {
            History::Catalog(catalog) => {
                let scan = catalog.scan(query)?;
                Scanned {
                    instruments: found(scan.instruments()),
                    rows_max: scan.rows_max(),
                    left_out: left_out(catalog, scan.runs(), query)?,
                    records: Box::new(OfCatalog(scan)),
                }
            }
            History::QuestDb(db) => {
                let scan = db.scan(query)?;
                Scanned {
                    instruments: found(scan.instruments()),
                    rows_max: scan.rows_max(),
                    left_out: None,
                    records: Box::new(InBlocks::new(scan)),
                }
            }
        })
    }
}
