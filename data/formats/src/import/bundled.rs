//! Imports of files whose rows a compaction has written together with others': they cannot be replaced there. A file that is there whole
//! changes nothing; what is missing of it, as other imports had it when it came, or as retention dropped it, becomes a run of its own.

use super::input::{Input, import_run};
use super::known::Known;
use super::options::ImportOptions;
use super::prepared::Prepared;
use super::report::ImportReport;
use super::said::Said;
use crate::Result;
use std::collections::BTreeMap;
use tickloom_catalog::{Catalog, Importing, RunEnd, Table, Written};
use tickloom_journal::RunMeta;
use xxhash_rust::xxh3::xxh3_128;

/// An import that went into a bundle.
pub(super) struct Member<'a> {
    pub(super) run: &'a str,
    pub(super) bundle: &'a str,
}

impl Member<'_> {
    /// A run for what is missing of it, called by its own, which is a hash of its content.
    fn free_run(&self, catalog: &Catalog) -> Result<String> {
        let mut number = 1_u64;
        loop {
            let text = format!("{};missing {number} of {}", self.run, self.bundle);
            let run = import_run(xxh3_128(text.as_bytes()));
            if !catalog.holds_part(&run, 0)? {
                return Ok(run);
            }
            number += 1;
        }
    }
}

impl Input {
    /// As [`Input::import`] of a file that is in a bundle; nothing if it is there with other options, with which it cannot be imported.
    pub(super) fn import_bundled(
        &self,
        options: &ImportOptions,
        catalog: &Catalog,
        member: &Member<'_>,
    ) -> Result<Option<ImportReport>> {
        loop {
            let prepared = self.prepare(options)?;
            let names = prepared.instruments().defs().iter();
            let names: Vec<String> = names.map(|def| def.name.clone()).collect();
            let base = self.source(options)?;
            let said = Said::of(options, prepared.as_ref());
            let Some(there) = said.there(catalog, member.run, &base)? else {
                return Ok(None);
            };
            let again = member.free_run(catalog)?;
            let names = names.iter().map(String::as_str);
            let alone = catalog.importing(&[member.run, &again], names)?;
            let source = said.source(&base);
            let done = self.import_missing(
                options,
                (catalog, &alone),
                (member, &there),
                (&again, &source),
                prepared,
            );
            match done {
                Err(_) if alone.is_overtaken()? => {}
                done => return done,
            }
        }
    }

    fn import_missing(
        &self,
        options: &ImportOptions,
        (catalog, alone): (&Catalog, &Importing),
        (member, there): (&Member<'_>, &Written),
        (again, source): (&str, &str),
        prepared: Box<dyn Prepared>,
    ) -> Result<Option<ImportReport>> {
        // Each row is looked for, also those of which others are as good.
        let known = |prepared: &dyn Prepared| {
            let known = self.known(catalog, again, prepared);
            known.map(Known::once)
        };
        let all = known(prepared.as_ref())?;
        let mut report = self.emit(prepared, options, Some(all), &mut |_| Ok(()))?;
        let is_whole = !catalog.has_dropped(member.bundle)?;
        if report.lacks_nothing(&there.rows, is_whole) {
            report.has_already(&there.rows);
            report.run = Some(member.run.to_owned());
            return Ok(Some(report));
        }
        if report.has_others() {
            // Nobody knows which of these are there.
            return Ok(None);
        }
        let prepared = self.prepare(options)?;
        let instruments = options.instruments(prepared.as_ref());
        let meta = RunMeta::new(again, prepared.started(), instruments)?;
        let writer = alone.writer(&meta, 0, source)?;
        let missing = known(prepared.as_ref())?;
        let (mut report, mut writer) = self.write((prepared, missing), options, writer)?;
        writer.set_end(RunEnd {
            left_out: report.left_out(),
            ..RunEnd::default()
        });
        writer.finish()?;
        report.run = Some(again.to_owned());
        Ok(Some(report))
    }
}

impl ImportReport {
    /// Whether nothing of it is missing in a catalog in which each of its rows was looked for, and whose import of it wrote these, by table.
    /// Of some kinds of rows nobody knows one from another: these are all there if so many are and `is_whole`, nothing was dropped.
    fn lacks_nothing(&self, rows: &BTreeMap<Table, u64>, is_whole: bool) -> bool {
        self.kinds.iter().all(|(table, count)| {
            count.written == 0
                || is_other(*table) && is_whole && rows.get(table) == Some(&count.written)
        })
    }

    /// Whether rows were taken that nobody knows from others.
    fn has_others(&self) -> bool {
        let mut kinds = self.kinds.iter();
        kinds.any(|(table, count)| is_other(*table) && count.written > 0)
    }
}

/// Whether rows of this kind have nothing by which one is known from another.
fn is_other(table: Table) -> bool {
    !matches!(table, Table::Bars | Table::Trades | Table::Quotes)
}
