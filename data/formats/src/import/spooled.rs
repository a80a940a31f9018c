//! The records of a file for a run over them: read and checked as a whole before the first of them is given out, and meanwhile held
//! packed, within a bound of memory.

mod seen;

use super::file_records::{FileRecords, selects};
use super::folder::files_of_columns;
use super::format::Format;
use super::input::Input;
use super::input::only_input;
use super::judge::judge;
use super::options::ImportOptions;
use super::own;
use super::report::ImportReport;
use super::report::Tally;
use super::rescale::{Rescaling, Unfit};
use super::table::{Drafted, DraftedRecords};
use crate::spool::{Spool, Spooled};
use crate::{FormatError, Result};
use seen::Seen;
use std::path::{Path, PathBuf};
use tickloom_catalog::order::BarMarks;
use tickloom_catalog::retain_records;
use tickloom_catalog::{InBlocks, RecordBlock, RecordBlocks, ScanQuery, Table};
use tickloom_types::{Flags, InstrumentDef, InstrumentId, Instruments, Record, Ts};

/// The records of a file of rows, in the order of their times, packed.
pub struct SpooledFile {
    /// The records.
    pub packed: PackedRecords,
    /// How they were read.
    pub report: ImportReport,
}

/// Records in the order in which they came, packed, and what is known of them.
pub struct PackedRecords {
    /// What the identifiers in the records mean.
    pub instruments: Instruments,
    records: Packed,
    seen: Seen,
}

enum Packed {
    Spool(Spool),
    /// As the first reading of a file made them.
    Drafted(Box<Drafted>),
}

impl Packed {
    fn len(&self) -> u64 {
        match self {
            Packed::Spool(spool) => spool.len(),
            Packed::Drafted(drafted) => drafted.len(),
        }
    }

    fn read(self) -> Result<SpooledRecords> {
        Ok(SpooledRecords(match self {
            Packed::Spool(spool) => Reading::Spool(Box::new(InBlocks::new(spool.read()?))),
            Packed::Drafted(drafted) => Reading::Drafted(Box::new(drafted.records()?)),
        }))
    }
}

/// The records of [`PackedRecords`], with their places as their sequences.
pub struct SpooledRecords(Reading);

enum Reading {
    Spool(Box<InBlocks<Spooled, FormatError>>),
    Drafted(Box<DraftedRecords>),
}

impl RecordBlocks for SpooledRecords {
    type Error = FormatError;

    fn next_block(&mut self) -> Result<Option<RecordBlock<'_>>> {
        match &mut self.0 {
            Reading::Spool(records) => records.next_block(),
            Reading::Drafted(records) => records.next_block(),
        }
    }
}

/// What part of the memory for reading the packed records may take that are kept.
const SPOOL_SHARE: u64 = 4;

/// Reads a file as [`super::read_file`] does, and keeps what a query of instruments, bar sizes and time selects, with so many bytes of
/// memory for all of it: what is more waits in temporary files.
///
/// # Errors
/// As [`super::read_file`], and [`crate::FormatError::Empty`], with what there is, if nothing is left.
pub fn spool_file(
    path: &Path,
    options: &ImportOptions,
    query: &ScanQuery,
    memory: u64,
) -> Result<SpooledFile> {
    let input = only_input(path)?.within(memory);
    input.spool(options, query, memory / SPOOL_SHARE)
}

/// As [`spool_file`], of a folder as [`super::read_folder`] reads it; and which files were passed over.
///
/// # Errors
/// As [`super::read_folder`] and [`spool_file`].
pub fn spool_folder(
    folder: &Path,
    options: &ImportOptions,
    query: &ScanQuery,
    memory: u64,
) -> Result<Option<(SpooledFile, Vec<PathBuf>)>> {
    let Some((input, passed_over)) = files_of_columns(folder, options)? else {
        return Ok(None);
    };
    let input = input.within(memory);
    let file = input.spool(options, query, memory / SPOOL_SHARE)?;
    Ok(Some((file, passed_over)))
}

impl Input {
    pub(super) fn spool(
        &self,
        options: &ImportOptions,
        query: &ScanQuery,
        bytes_max: u64,
    ) -> Result<SpooledFile> {
        if self.format(options)? == Format::Tickloom {
            let file = own::read_own(self)?;
            let mut taking = Taking::new(&file.instruments, query, bytes_max);
            file.records.iter().try_for_each(|r| taking.keep(r))?;
            return taking.finish(file.instruments.clone(), file.report);
        }
        let mut prepared = self.prepare(options)?;
        let instruments = options.instruments(prepared.as_ref());
        if *query == ScanQuery::default()
            && let Some((drafted, found)) = prepared.take_drafted()
        {
            let mut report = self.report_of(prepared.as_ref(), options)?;
            let seen = Seen::of(&drafted);
            let tally = Tally::of(drafted.table(), drafted.len(), seen.times());
            report.fill(found, &tally, options.errors_max);
            return Ok(SpooledFile {
                report: judge(report, options)?,
                packed: PackedRecords {
                    instruments,
                    records: Packed::Drafted(Box::new(drafted)),
                    seen,
                },
            });
        }
        let mut taking = Taking::new(&instruments, query, bytes_max);
        let mut marks = BarMarks::default();
        let report = self.emit(prepared, options, None, &mut |block| {
            block.iter().try_for_each(|record| {
                let marked = marks.push(record, &instruments);
                marked.map_or(Ok(()), |marked| taking.keep(&marked))
            })
        })?;
        if let Some(last) = marks.finish() {
            taking.keep(&last)?;
        }
        taking.finish(instruments.clone(), report)
    }
}

/// Takes the records of a file that are wanted.
struct Taking<'a> {
    instruments: &'a Instruments,
    query: &'a ScanQuery,
    /// Whether a record can be one that is not wanted.
    is_part: bool,
    /// The moment that is not over.
    moment: Vec<Record>,
    taken: Packing,
}

/// Packs records as they come, such as those of a capture: so many bytes of them in memory, the rest in a temporary file.
pub struct Packing {
    records: Spool,
    seen: Seen,
}

impl Packing {
    /// Takes none yet. They will be of so many instruments; `bytes_max` is how many bytes of packed records are held in memory.
    #[must_use]
    pub fn new(instruments: usize, bytes_max: u64) -> Packing {
        Packing {
            records: Spool::new(bytes_max),
            seen: Seen::new(instruments),
        }
    }

    /// Takes a record.
    ///
    /// # Errors
    /// [`crate::FormatError::Io`] if there is no room for a temporary file.
    pub fn push(&mut self, record: &Record) -> Result<()> {
        self.seen.note(self.records.len(), record);
        self.records.push(record)
    }

    /// All of them; `instruments` are what their identifiers mean.
    #[must_use]
    pub fn finish(self, instruments: Instruments) -> PackedRecords {
        PackedRecords {
            instruments,
            records: Packed::Spool(self.records),
            seen: self.seen,
        }
    }
}

impl<'a> Taking<'a> {
    fn new(instruments: &'a Instruments, query: &'a ScanQuery, bytes_max: u64) -> Taking<'a> {
        Taking {
            instruments,
            query,
            is_part: *query != ScanQuery::default(),
            moment: Vec::new(),
            taken: Packing::new(instruments.len(), bytes_max),
        }
    }

    fn keep(&mut self, record: &Record) -> Result<()> {
        if !self.is_part && Table::of(record).is_some() {
            return self.taken.push(record);
        }
        self.moment.push(*record);
        match record.has(Flags::MORE) {
            true => Ok(()),
            false => self.end_moment(),
        }
    }

    /// Keeps what is wanted of a moment; its mark moves to the last of it that is.
    fn end_moment(&mut self) -> Result<()> {
        let mut moment = std::mem::take(&mut self.moment);
        let (instruments, query) = (self.instruments, self.query);
        retain_records(&mut moment, |record| selects(query, record, instruments));
        for record in moment.drain(..) {
            self.taken.push(&record)?;
        }
        self.moment = moment;
        Ok(())
    }

    fn finish(mut self, instruments: Instruments, report: ImportReport) -> Result<SpooledFile> {
        self.end_moment()?;
        if self.taken.records.is_empty() {
            let nothing = FileRecords {
                instruments,
                records: Vec::new(),
                report,
            };
            return Err(nothing.empty(self.query));
        }
        Ok(SpooledFile {
            packed: self.taken.finish(instruments),
            report,
        })
    }
}

impl PackedRecords {
    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.records.len()
    }

    /// Whether there are none, which is an error where they are read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.len() == 0
    }

    /// Whether they are plain bars of one instrument and one size, each of which closes after that before it.
    #[must_use]
    pub fn is_one_series(&self) -> bool {
        self.seen.is_one_series
    }

    /// A record of each instrument, source and kind that there is.
    #[must_use]
    pub fn samples(&self) -> &[Record] {
        &self.seen.samples
    }

    /// The first and the last time at which an instrument has something; a bar lies before its close.
    #[must_use]
    pub fn times(&self, instrument: InstrumentId) -> Option<(Ts, Ts)> {
        let at = usize::try_from(instrument.0).ok()?;
        self.seen.by_instrument.get(at)?.times
    }

    /// How many decimals the sizes of an instrument have room for, which it has; those of an instrument without records any number.
    #[must_use]
    pub fn qty_decimals_max(&self, instrument: InstrumentId) -> u8 {
        let at = usize::try_from(instrument.0).unwrap_or(usize::MAX);
        let has = self.instruments.get(instrument);
        let has = has.map_or(0, |def| def.qty_decimals);
        let seen = self.seen.by_instrument.get(at);
        seen.map_or(u8::MAX, |seen| has.saturating_add(seen.largest.qty_room()))
    }

    /// As [`super::redefine`]: the records have to be led through what comes of it.
    ///
    /// # Errors
    /// As [`super::redefine`].
    pub fn redefine(
        &mut self,
        rescaling: &mut Rescaling,
        instrument: InstrumentId,
        definition: InstrumentDef,
    ) -> Result<()> {
        let at = usize::try_from(instrument.0).unwrap_or(usize::MAX);
        let largest = self.seen.by_instrument.get_mut(at);
        let largest = largest.map(|seen| &mut seen.largest);
        let records = &mut self.records;
        // It is looked for in what is of no use after it was found.
        let mut find = |unfit: Unfit| {
            let all = std::mem::replace(records, Packed::Spool(Spool::new(0)));
            let mut all = all.read()?;
            while let Some(block) = all.next_block()? {
                let mut rows = block.seqs.iter().zip(block.records);
                if let Some((seq, _)) = rows.find(|(_, record)| unfit.is(record)) {
                    return Ok(*seq);
                }
            }
            Ok(0)
        };
        let what = (instrument, definition);
        rescaling.redefine(&mut self.instruments, largest, what, &mut find)
    }

    /// The records, as they were read.
    ///
    /// # Errors
    /// [`crate::FormatError::Io`].
    pub fn records(self) -> Result<SpooledRecords> {
        self.records.read()
    }
}
