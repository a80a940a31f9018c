//! Where the records of captures go: into a run of the catalog, but for those that earlier imports have.

use super::known::KnownOfCapture;
use std::collections::BTreeMap;
use tickloom_data::{CatalogError, KindCount, RunWriter, Table};
use tickloom_types::{MomentSink, Record, Ts};

/// Counts what is decoded, and writes it into the catalog.
pub(super) struct CatalogSink<'a> {
    pub(super) writer: RunWriter,
    /// What earlier imports have.
    pub(super) known: KnownOfCapture<'a>,
    pub(super) kinds: BTreeMap<Table, KindCount>,
    pub(super) records: u64,
    pub(super) from: Option<Ts>,
    pub(super) to: Option<Ts>,
    /// The first write that failed; nothing is written after it.
    pub(super) failed: Option<CatalogError>,
}

impl MomentSink for CatalogSink<'_> {
    fn push_moment(&mut self, records: &[Record]) {
        records.iter().for_each(|record| self.push(*record));
    }
}

impl<'a> CatalogSink<'a> {
    pub(super) fn new(writer: RunWriter, known: KnownOfCapture<'a>) -> CatalogSink<'a> {
        CatalogSink {
            writer,
            known,
            kinds: BTreeMap::new(),
            records: 0,
            from: None,
            to: None,
            failed: None,
        }
    }

    fn push(&mut self, record: Record) {
        if self.failed.is_some() {
            return;
        }
        match self.known.is_new(&record) {
            Err(error) => {
                self.failed = Some(error);
                return;
            }
            Ok(false) => return,
            Ok(true) => {}
        }
        if let Err(error) = self.writer.push(self.records, &record) {
            self.failed = Some(error);
            return;
        }
        self.records += 1;
        if let Some(table) = Table::of(&record) {
            let count = self.kinds.entry(table).or_default();
            count.read += 1;
            count.written += 1;
        }
        let ts = record.ts_event();
        self.from = Some(self.from.map_or(ts, |from| from.min(ts)));
        self.to = Some(self.to.map_or(ts, |to| to.max(ts)));
    }
}
