//! Records of a file, or of a folder of files, for a backtest: rows, or the messages of a capture.

use super::Args;
use super::choice::{choose, default_bar};
use super::data::{Data, Facts, Records};
use super::in_no_bar::InNoBar;
use super::off_tick::OffTick;
use super::rooms::{self, Rooms};
use super::settings::Settings;
use super::wanted::Wanted;
use super::watch::Watch;
use crate::capture::{self, Decoded};
use crate::commands::quality::calendars;
use crate::failure::Failure;
use crate::output;
use anyhow::anyhow;
use std::path::Path;
use tickloom_core::Census;
use tickloom_data::{
    DataError, ImportOptions, ImportReport, OfFile, PackedRecords, RecordBlock, RecordBlocks,
    Refusals, RefusedMax, Rescaling, ScanQuery, SpooledFile, Stream, Taken, is_columnar,
    spool_file, spool_folder, with_calendar,
};
use tickloom_types::{BarSpec, InstrumentId, Instruments, Record};

/// Wrong rows of a file that are told apart by their reasons; of more, only how many there are.
const ERRORS_MAX: usize = 10_000;

/// What part of the memory for reading the packed records of a capture may take.
const PACKED_SHARE: u64 = 4;

/// The records of the files of columns in a folder that is no catalog.
pub(super) fn folder(
    path: &Path,
    options: &ImportOptions,
    query: &ScanQuery,
    memory: u64,
) -> Result<SpooledFile, Failure> {
    let found = spool_folder(path, options, query, memory).map_err(Failure::input)?;
    let Some((mut file, passed_over)) = found else {
        return Err(Failure::input(anyhow!(
            "{} is a directory but no catalog, and has no Parquet or Arrow file: `tickloom import FILE… --catalog {}` makes one",
            path.display(),
            path.display()
        )));
    };
    if let Some(first) = passed_over.first() {
        let text = format!(
            "passed over: {} files that are neither Parquet nor Arrow, such as {}",
            passed_over.len(),
            first.display()
        );
        output::note(&text);
        file.report.notes.push(text);
    }
    Ok(file)
}

pub(super) fn from_file(path: &Path, args: &Args, settings: &Settings) -> Result<Data, Failure> {
    let origin = match is_columnar(path).map_err(Failure::input)? {
        true => None,
        false => capture::origin(path, args.text.venue()).map_err(Failure::input)?,
    };
    if let Some(origin) = origin {
        let mut options = ImportOptions::default();
        args.text.fill(&mut options)?;
        let bytes_max = args.memory.for_reading() / PACKED_SHARE;
        let capture = capture::read(path, origin, |known| {
            Wanted::new(settings, known.len(), bytes_max)
        })?;
        judge_capture(path, &capture, (options.refused_max, args.strict))?;
        let packed = capture.sink.finish(path, capture.instruments)?;
        return data_of(
            packed,
            args,
            settings,
            None,
            About {
                left_out: capture.left_out,
                notes: capture.notes,
                taken: None,
            },
        );
    }
    let read = |path: &Path, options: &ImportOptions, query: &ScanQuery, memory: u64| {
        spool_file(path, options, query, memory).map_err(Failure::input)
    };
    from_rows(path, args, settings, &read)
}

/// How what is wanted of rows is read from a path, with so many bytes of memory.
type Read<'r> = &'r dyn Fn(&Path, &ImportOptions, &ScanQuery, u64) -> Result<SpooledFile, Failure>;

/// Says what a file was taken for and what of it was left out; what else is to be known of it.
fn tell(path: &Path, report: &mut ImportReport) -> Vec<String> {
    if let Some(taken) = report.taken.as_ref().filter(|taken| !taken.is_plain()) {
        output::note(&format!("{}: {taken}", path.display()));
    }
    capture::report_refused(report);
    let mut notes = std::mem::take(&mut report.notes);
    notes.extend(capture::stamp(report.stamp.as_deref()));
    notes.extend(capture::repeated(report));
    notes
}

/// The records of a file of rows, or a folder of them.
pub(super) fn from_rows(
    path: &Path,
    args: &Args,
    settings: &Settings,
    read: Read<'_>,
) -> Result<Data, Failure> {
    let named = settings.instrument(args);
    let mut options = ImportOptions {
        errors_max: ERRORS_MAX,
        definitions: settings.definitions.clone(),
        ..ImportOptions::default()
    };
    args.text.fill(&mut options)?;
    if args.strict {
        // Who is strict is told all that is wrong, once it is all read.
        options.refused_max = Some(RefusedMax::Any);
        options.is_strict = true;
    }
    let query = ScanQuery {
        from: settings.from,
        to: settings.to,
        ..ScanQuery::default()
    };
    let named_only = (named, args.strategy.is_some());
    let memory = args.memory.for_reading();
    let read = |options: &ImportOptions, only: Option<&str>| {
        let query = ScanQuery {
            instruments: only.map(str::to_owned).into_iter().collect(),
            ..query.clone()
        };
        read(path, options, &query, memory)
    };
    let mut file = read_rows(named_only, &options, &read)?;
    let about = About {
        notes: tell(path, &mut file.report),
        left_out: file.report.left_out(),
        taken: file.report.taken.take(),
    };
    data_of(file.packed, args, settings, file.report.bar, about)
}

/// What is known of a file beside its records.
struct About {
    left_out: Refusals,
    notes: Vec<String>,
    taken: Option<Taken>,
}

/// What a backtest runs on, of the records of a file; `bar` is the size of bars that it says.
fn data_of(
    mut packed: PackedRecords,
    args: &Args,
    settings: &Settings,
    bar: Option<BarSpec>,
    about: About,
) -> Result<Data, Failure> {
    if let Some(latency) = args.feed_latency {
        packed.instruments = packed.instruments.with_feed_latency(latency);
    }
    let said = say_of(settings, &mut packed)?;
    let named = settings.instrument(args);
    let instrument = choose(&packed.instruments, named, args.strategy.is_some())?;
    let mut census = Census::new();
    for sample in packed.samples() {
        census.count(sample, &packed.instruments);
    }
    let bar = given_bar(&census, instrument, settings.bar.or(bar))?;
    let watch = watch(args, &packed.instruments)?;
    let mut notes = about.notes;
    let finer = finer_of(settings, instrument, &mut packed, &mut notes)?;
    let instruments = packed.instruments.clone();
    let rows = packed.len();
    let sample = packed.samples().first();
    let series = sample
        .filter(|_| packed.is_one_series())
        .map(Record::instrument);
    let records = packed.records().map_err(Failure::run)?;
    let records = rescaled(Box::new(OfFile(records)), said);
    let off_tick = OffTick::new(&instruments);
    let records = off_tick.over(records);
    let records = match &watch {
        Some(watch) => watch.over(records),
        None => records,
    };
    let records = rescaled(records, finer);
    Ok(Data {
        census,
        instruments,
        instrument,
        given_bars: Vec::new(),
        records: match series {
            Some(instrument) => Records::Bars {
                rows,
                instrument,
                records,
            },
            None => Records::Stream {
                rows_max: rows,
                records,
                again: None,
            },
        },
        facts: Facts {
            bar,
            watch,
            catalog: None,
            left_out: Some(about.left_out),
            notes,
            taken: about.taken,
            in_no_bar: InNoBar::default(),
            off_tick,
        },
    })
}

/// Records with their scales.
fn rescaled(records: Stream, by: Rescaling) -> Stream {
    if by.is_idle() {
        return records;
    }
    Box::new(Rescaled {
        records,
        by,
        scaled: Vec::new(),
        failed: None,
    })
}

/// Gives records their scales, a block at a time.
struct Rescaled {
    records: Stream,
    by: Rescaling,
    scaled: Vec<Record>,
    /// Why the record after those that were handed out has none.
    failed: Option<DataError>,
}

impl RecordBlocks for Rescaled {
    type Error = DataError;

    fn next_block(&mut self) -> Result<Option<RecordBlock<'_>>, DataError> {
        if let Some(failed) = self.failed.take() {
            return Err(failed);
        }
        let Some(RecordBlock { seqs, records }) = self.records.next_block()? else {
            return Ok(None);
        };
        self.scaled.clear();
        self.scaled.extend_from_slice(records);
        for (at, (seq, record)) in seqs.iter().zip(&mut self.scaled).enumerate() {
            if let Err(failed) = self.by.apply(*seq, record) {
                if at == 0 {
                    return Err(failed.into());
                }
                self.failed = Some(failed.into());
                self.scaled.truncate(at);
                break;
            }
        }
        Ok(Some(RecordBlock {
            seqs: &seqs[..self.scaled.len()],
            records: &self.scaled,
        }))
    }
}

/// Gives the instruments of a file what is said of them.
fn say_of(settings: &Settings, file: &mut PackedRecords) -> Result<Rescaling, Failure> {
    let mut rescaling = Rescaling::default();
    let said = settings.definitions.as_ref();
    let Some(said) = said.filter(|said| !said.is_empty()) else {
        return Ok(rescaling);
    };
    for (id, def) in (0..).map(InstrumentId).zip(file.instruments.clone().defs()) {
        let Some((from, to)) = file.times(id) else {
            continue;
        };
        let definition = said.apply(def, from, to).map_err(Failure::input)?;
        file.redefine(&mut rescaling, id, definition)
            .map_err(Failure::input)?;
    }
    Ok(rescaling)
}

/// Gives the sizes of what is traded the decimals that orders need, where they have fewer.
fn finer_of(
    settings: &Settings,
    default: Option<InstrumentId>,
    file: &mut PackedRecords,
    notes: &mut Vec<String>,
) -> Result<Rescaling, Failure> {
    let mut rescaling = Rescaling::default();
    let mut rooms = Rooms::new();
    for (id, def) in settings.finer(&file.instruments, default, &rooms) {
        let has = file.instruments.get(id).map_or(0, |def| def.qty_decimals);
        rooms::put(&mut rooms, &def.name, has, file.qty_decimals_max(id));
    }
    let rooms = settings.limiting(rooms, &file.instruments, default);
    if let Some(text) = rooms::told(&rooms) {
        output::note(&text);
        notes.push(text);
    }
    for (id, def) in settings.finer(&file.instruments, default, &rooms) {
        file.redefine(&mut rescaling, id, def)
            .map_err(Failure::input)?;
    }
    Ok(rescaling)
}

/// The size of bars that is meant, or the only one that there is of what is traded.
fn given_bar(
    census: &Census,
    traded: Option<InstrumentId>,
    meant: Option<BarSpec>,
) -> Result<Option<BarSpec>, Failure> {
    let sizes = traded.map_or_else(Vec::new, |id| census.bars(id));
    default_bar(&sizes, meant).map_err(Failure::input)
}

/// What the bars of the bid and of the ask are called after their instrument's name.
const SIDES: [&str; 2] = [".bid", ".ask"];

/// How rows are read: all, or those of one instrument.
type ReadOne<'r> = &'r dyn Fn(&ImportOptions, Option<&str>) -> Result<SpooledFile, Failure>;

/// The records of a file of rows. A strategy file may be about several instruments of the file, and bars of bid and ask are two; of one
/// that does not have the named instrument, the name is what the file is of. `read` takes the one instrument that is wanted of a file,
/// if it is not all that is in it.
fn read_rows(
    (named, has_file): (Option<&str>, bool),
    options: &ImportOptions,
    read: ReadOne<'_>,
) -> Result<SpooledFile, Failure> {
    let called = |name: Option<&str>| ImportOptions {
        instrument: name.map(str::to_owned),
        ..options.clone()
    };
    let only = named.filter(|_| !has_file);
    let of_side = named.and_then(|name| SIDES.iter().find_map(|side| name.strip_suffix(side)));
    // Bars of a bid or an ask are of the instrument that is called as the file is, or as is said without its end.
    let calls = match (of_side, has_file) {
        (Some(_), _) => vec![None, of_side],
        (None, true) => vec![None],
        (None, false) => Vec::new(),
    };
    for of in calls {
        match read(&called(of), only) {
            Ok(file) if named.is_some_and(|name| file.packed.instruments.find(name).is_some()) => {
                return Ok(file);
            }
            Err(failed) if of_side.is_none() => return Err(failed),
            _ => {}
        }
    }
    read(&called(named), None)
}

/// Refuses a capture of which more lines are wrong than may be, and for who is strict one of which lines may count twice.
fn judge_capture<S>(
    path: &Path,
    capture: &Decoded<S>,
    (most, is_strict): (Option<RefusedMax>, bool),
) -> Result<(), Failure> {
    let too_many = match is_strict {
        // Who is strict is told all that is wrong.
        true => capture.maybe_repeated.clone(),
        false => capture::too_many((&capture.left_out, capture.wrong), most),
    };
    match too_many {
        Some(why) => Err(Failure::input(anyhow!("{}: {why}", path.display()))),
        None => Ok(()),
    }
}

/// What looks at the records of a file.
fn watch(args: &Args, instruments: &Instruments) -> Result<Option<Watch>, Failure> {
    if args.no_quality {
        return Ok(None);
    }
    let calendars = calendars(None, args.calendars.as_deref())?;
    let watch = match &args.calendar {
        Some(name) => {
            let named = with_calendar(instruments, name).map_err(Failure::input)?;
            Watch::new(&named, &calendars)?
        }
        None => Watch::new(instruments, &calendars)?,
    };
    Ok(Some(watch))
}
