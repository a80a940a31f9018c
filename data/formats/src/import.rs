//! Import: files of others become records, exactly or not at all.
//!
//! A file (or each member of a zip) is an [`Input`]. Which [`Format`] it is in is found out from its first bytes; a module for each
//! prepares it, that is reads it through once, so that all instruments and scales are known, and then makes its records in the order
//! of their times. A wrong row is left out, named with field and value, and counted. The one thing that is changed is the noise of
//! binary floats in sizes (`2.5833652000000003`), and it is counted too. Raw captures of venues are decoded by `feeds`; what it makes
//! of them is written with [`tickloom_catalog::Catalog::writer`] like anything else.

mod binance;
mod bundled;
mod cells;
mod columnar;
mod databento;
mod dated;
mod file_records;
mod folder;
mod format;
mod histdata;
mod hive;
mod input;
mod judge;
mod known;
mod layout;
mod lean;
mod mantissas;
mod mapping;
mod names;
mod number;
mod options;
mod own;
mod period;
mod prepared;
mod profile;
mod reader;
mod recognise;
mod report;
mod rescale;
mod role;
mod room;
mod row;
mod said;
mod spooled;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod time;

use databento::is_definitions;
pub use file_records::FileRecords;
pub use folder::{FolderRecords, is_columnar, read_folder};
pub use format::Format;
pub use input::{Input, content_run, inputs, open_text, peek_line};
pub use known::{Known, Told};
pub use mapping::{Mapping, RefusedMax, Years};
pub use names::Together;
pub use number::Decimal;
pub use options::{ImportOptions, Stamp};
pub use profile::Profile;
pub use report::{ImportReport, KindCount, LineError, Taken};
pub use rescale::{Largest, Rescaling, redefine};
pub use spooled::{PackedRecords, Packing, SpooledFile, SpooledRecords, spool_file, spool_folder};

use crate::{FormatError, Result};
use bundled::Member;
use input::only_input;
use judge::judge;
use prepared::{Prepared, Push};
use report::Tally;
use said::{Said, is_still_said};
use std::path::Path;
use tickloom_catalog::{Catalog, Importing, RunEnd, RunWriter, mark_bars};
use tickloom_journal::RunMeta;

/// Reads a file, plain or in gzip, zstd or a zip of one member.
///
/// # Errors
/// [`crate::FormatError::Unrecognised`] if the file is not understood; [`crate::FormatError::Import`] if no row of it is right, and
/// [`crate::FormatError::Damaged`] for DBN that is not whole; [`crate::FormatError::Option`]; [`crate::FormatError::Io`].
pub fn read_file(path: &Path, options: &ImportOptions) -> Result<FileRecords> {
    only_input(path)?.read(options)
}

impl Input {
    /// Reads all records into memory.
    ///
    /// # Errors
    /// As [`read_file`].
    pub fn read(&self, options: &ImportOptions) -> Result<FileRecords> {
        if self.format(options)? == Format::Tickloom {
            return own::read_own(self);
        }
        let prepared = self.prepare(options)?;
        let instruments = options.instruments(prepared.as_ref());
        let mut records = Vec::new();
        let report = self.emit(prepared, options, None, &mut |block| {
            records.extend_from_slice(block);
            Ok(())
        })?;
        mark_bars(&mut records, &instruments);
        Ok(FileRecords {
            instruments,
            records,
            report,
        })
    }

    /// Reads it to its end and says what is in it; no record is held.
    ///
    /// # Errors
    /// As [`read_file`].
    pub fn check(&self, options: &ImportOptions) -> Result<ImportReport> {
        if self.format(options)? == Format::Tickloom {
            return own::check_own(self);
        }
        self.emit(self.prepare(options)?, options, None, &mut |_| Ok(()))
    }

    /// Imports it into the catalog. The same content with the same options changes nothing; with other options it replaces what
    /// was imported from it.
    ///
    /// # Errors
    /// As [`read_file`], and what [`Catalog::writer`] and its writer return.
    pub fn import(&self, options: &ImportOptions, catalog: &Catalog) -> Result<ImportReport> {
        if self.format(options)? == Format::Tickloom {
            return own::import_own(self, catalog);
        }
        loop {
            let run = self.run(options, catalog)?;
            if let Some(bundle) = catalog.bundle_of(&run)? {
                let (run, bundle) = (&run, &bundle);
                let member = Member { run, bundle };
                if let Some(report) = self.import_bundled(options, catalog, &member)? {
                    return Ok(report);
                }
            }
            let prepared = self.prepare(options)?;
            let names: Vec<String> = (prepared.instruments().defs().iter())
                .map(|def| def.name.clone())
                .collect();
            // Until it is done nobody else imports one of its instruments: each is held to what the other has.
            let alone = catalog.importing(&[&run], names.iter().map(String::as_str))?;
            match self.import_alone((options, run), catalog, &alone, prepared) {
                // In an object store somebody else has. All is looked at again.
                Err(_) if alone.is_overtaken()? => {}
                done => return done,
            }
        }
    }

    fn import_alone(
        &self,
        (options, run): (&ImportOptions, String),
        catalog: &Catalog,
        alone: &Importing,
        mut prepared: Box<dyn Prepared>,
    ) -> Result<ImportReport> {
        let base = self.source(options)?;
        let said = Said::of(options, prepared.as_ref());
        let there = said.there(catalog, &run, &base)?;
        if let Some(there) = &there {
            // If it has all of them, none was left out because others have it: they need not be read.
            let mut report = self.emit(prepared, options, None, &mut |_| Ok(()))?;
            if !report.has_written(&there.rows) {
                // What others had when it was imported they may have no more.
                let again = self.prepare(options)?;
                let known = self.known(catalog, &run, again.as_ref())?;
                report = self.emit(again, options, Some(known), &mut |_| Ok(()))?;
            }
            if report.has_written(&there.rows) {
                report.unchanged = true;
                report.run = Some(run);
                return Ok(report);
            }
            prepared = self.prepare(options)?;
        }
        let (read, refused) = prepared.surveyed();
        if refused > options.refused_max.unwrap_or_default().of(read) {
            // Nothing of it is begun in the catalog.
            return self.emit(prepared, options, None, &mut |_| Ok(()));
        }
        let known = self.known(catalog, &run, prepared.as_ref())?;
        let replaced = catalog.source_of_part(&run, 0)?;
        let others = known.runs().len();
        let instruments = options.instruments(prepared.as_ref());
        let mut meta = RunMeta::new(&run, prepared.started(), instruments)?;
        meta.config = config(options);
        meta.name_files([Path::new(&self.file_name())]);
        let origin = prepared.origin().map(|origin| origin.as_kept());
        let source = said.source(&base);
        let writer = alone.writer(&meta, 0, &source)?;
        let (mut report, mut writer) = self.write((prepared, known), options, writer)?;
        writer.set_end(RunEnd {
            left_out: report.left_out(),
            origin,
            ..RunEnd::default()
        });
        writer.finish()?;
        if others > 0 && replaced.is_some_and(|replaced| replaced != source) {
            report.notes.push(format!(
                "replaces what was imported of this file with other options; {others} other imports have its instruments: what they left out because it was there is taken when they are imported again"
            ));
        }
        report.run = Some(run);
        Ok(report)
    }

    /// Writes what is not known; if it fails, nothing is left of that.
    fn write(
        &self,
        (prepared, known): (Box<dyn Prepared>, Known<'_>),
        options: &ImportOptions,
        mut writer: RunWriter,
    ) -> Result<(ImportReport, RunWriter)> {
        let mut seq = 0;
        let emitted = self.emit(prepared, options, Some(known), &mut |block| {
            for record in block {
                writer.push(seq, record)?;
                seq += 1;
            }
            Ok(())
        });
        match emitted {
            Ok(report) => Ok((report, writer)),
            Err(error) => {
                writer.abandon()?;
                Err(error)
            }
        }
    }

    fn known<'a>(
        &self,
        catalog: &'a Catalog,
        run: &str,
        prepared: &dyn Prepared,
    ) -> Result<Known<'a>> {
        let most = self.room().known;
        Ok(Known::of(catalog, run, prepared.instruments(), most)?)
    }

    /// What the catalog has of it, if it is complete there with the same options: found without decoding anything, so the report
    /// has what was written and neither the rows read nor those refused.
    ///
    /// # Errors
    /// [`crate::FormatError::Io`], and what [`Catalog::has_part`] returns.
    pub fn imported(
        &self,
        options: &ImportOptions,
        catalog: &Catalog,
    ) -> Result<Option<ImportReport>> {
        if self.format(options)? == Format::Tickloom {
            return own::imported_own(self, catalog);
        }
        let run = self.run(options, catalog)?;
        let Some(source) = catalog.source_of_part(&run, 0)? else {
            return Ok(None);
        };
        if !is_still_said(&source, &self.source(options)?, options) {
            return Ok(None);
        }
        let Some(written) = catalog.has_part(&run, 0, &source)? else {
            return Ok(None);
        };
        // Of what, only who reads it can tell.
        if catalog.dropped_bundle(&run)?.is_some() {
            return Ok(None);
        }
        let mut report = ImportReport::new(self.path(), self.member(), self.format(options)?);
        report.has_already(&written.rows);
        report.run = Some(run);
        Ok(Some(report))
    }

    /// What a part of a catalog comes from. Its content is in the name of the run.
    fn source(&self, options: &ImportOptions) -> Result<String> {
        let config = config(options);
        let beside = match self.format(options)? {
            Format::Dbn => databento::identity(self, options)?,
            _ => String::new(),
        };
        Ok(match beside.as_str() {
            "" => format!("import:{config}"),
            beside => format!("import:{config};definitions:{beside}"),
        })
    }

    /// Whether it is a file of definitions of instruments in DBN, which are read beside files of records.
    ///
    /// # Errors
    /// [`crate::FormatError::Io`], and [`crate::FormatError::Damaged`] for DBN that is not whole.
    pub fn is_definitions(&self) -> Result<bool> {
        Ok(databento::is_dbn(&self.file_name(), &self.head()?) && is_definitions(self)?)
    }

    /// Name of the run under which a catalog keeps it.
    fn run(&self, options: &ImportOptions, catalog: &Catalog) -> Result<String> {
        let member = self.member().unwrap_or_default();
        let instrument = options.instrument.as_deref().unwrap_or_default();
        let format = self.format(options)?;
        let identity = format.identity(self, options)?;
        if format.is_named_by_file() && !identity.is_empty() {
            // Earlier versions named a run by the content alone.
            let earlier = self.content_run(&format!("{instrument}{member}"))?;
            if catalog.holds_part(&earlier, 0)?
                && catalog.runs_with([identity.as_str()])?.contains(&earlier)
            {
                return Ok(earlier);
            }
        }
        self.content_run(&format!("{instrument}{member}{identity}"))
    }

    fn format(&self, options: &ImportOptions) -> Result<Format> {
        let format = match options.format {
            Some(format) => format,
            None => Format::sniff(self, options)?,
        };
        if options.round.is_some() && matches!(format, Format::Dbn | Format::Tickloom) {
            return Err(FormatError::Unclear {
                file: self.shown(),
                place: String::new(),
                found: format!("--round for a file of {format}"),
                expected: "none: its numbers are kept as they are".to_owned(),
            });
        }
        Ok(format)
    }

    fn prepare(&self, options: &ImportOptions) -> Result<Box<dyn Prepared>> {
        self.format(options)?.prepare(self, options)
    }

    /// A report on a prepared file, without what became of its rows.
    fn report_of(&self, prepared: &dyn Prepared, options: &ImportOptions) -> Result<ImportReport> {
        let names = prepared.instruments().defs().iter();
        let mut report = ImportReport::new(self.path(), self.member(), self.format(options)?);
        report.instruments = names.map(|def| def.name.clone()).collect();
        Ok(report)
    }

    /// Makes the records of a prepared file and reports on them.
    fn emit(
        &self,
        prepared: Box<dyn Prepared>,
        options: &ImportOptions,
        mut known: Option<Known<'_>>,
        push: Push<'_>,
    ) -> Result<ImportReport> {
        let mut report = self.report_of(prepared.as_ref(), options)?;
        let mut tally = Tally::default();
        let mut fresh = Vec::new();
        let found = prepared.emit(&mut |block| {
            let block = match known.as_mut().filter(|known| !known.runs().is_empty()) {
                Some(known) => {
                    known.keep_new(block, &mut fresh)?;
                    &fresh
                }
                None => block,
            };
            tally.count(block);
            push(block)
        })?;
        if let Some(again) = found
            .maybe_repeated
            .1
            .as_ref()
            .filter(|_| options.is_strict)
        {
            return Err(FormatError::again(self.path(), again.clone()));
        }
        report.fill(found, &tally, options.errors_max);
        if let Some(known) = known {
            if let Some(found) = known.counted_twice() {
                return Err(FormatError::twice(self.path(), found));
            }
            if let Some(found) = known.maybe_twice().filter(|_| options.is_strict) {
                return Err(FormatError::twice(self.path(), found));
            }
            known.tell(&mut report);
        }
        judge(report, options)
    }
}

/// The options as a run keeps them.
fn config(options: &ImportOptions) -> String {
    serde_json::to_string(options).expect("plain fields are JSON")
}
