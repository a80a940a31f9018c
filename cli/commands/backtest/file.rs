//! Records of a file, or of a folder of files, for a backtest: rows, or the messages of a capture.

use super::Args;
use super::census;
use super::choice::{choose, default_bar};
use super::data::{Data, Records};
use super::settings::Settings;
use super::watch::Watch;
use crate::capture;
use crate::commands::quality::calendars;
use crate::failure::Failure;
use crate::output;
use anyhow::anyhow;
use std::path::Path;
use tickloom_backtest::text;
use tickloom_core::Census;
use tickloom_data::{
    FileRecords, ImportOptions, Refusals, RefusedMax, ScanQuery, is_columnar, read_file,
    read_folder, redefine, retain_records, with_calendar,
};
use tickloom_types::{BarSpec, InstrumentId, Instruments, Kind, Record, Ts};

/// Wrong rows of a file that are told apart by their reasons; of more, only how many there are.
const ERRORS_MAX: usize = 10_000;

/// The records of the files of columns in a folder that is no catalog.
pub(super) fn folder(path: &Path, options: &ImportOptions) -> Result<FileRecords, Failure> {
    let found = read_folder(path, options).map_err(Failure::input)?;
    let Some(found) = found else {
        return Err(Failure::input(anyhow!(
            "{} is a directory but no catalog, and has no Parquet or Arrow file: `tickloom import FILE… --catalog {}` makes one",
            path.display(),
            path.display()
        )));
    };
    if let Some(first) = found.passed_over.first() {
        output::note(&format!(
            "passed over: {} files that are neither Parquet nor Arrow, such as {}",
            found.passed_over.len(),
            first.display()
        ));
    }
    Ok(found.records)
}

pub(super) fn from_file(path: &Path, args: &Args, settings: &Settings) -> Result<Data, Failure> {
    let named = settings.instrument(args);
    let origin = match is_columnar(path).map_err(Failure::input)? {
        true => None,
        false => capture::origin(path).map_err(Failure::input)?,
    };
    if let Some(origin) = origin {
        let (records, instruments, left_out) = capture::read(path, origin)?;
        let mut options = ImportOptions::default();
        args.text.fill(&mut options)?;
        judge_capture(path, &left_out, options.refused_max)?;
        let instrument = choose(&instruments, named, args.strategy.is_some())?;
        let mut records = within(records, settings, path)?;
        let mut instruments = instruments;
        say(settings, &mut records, &mut instruments)?;
        let census = census::of_records(&records, &instruments);
        return Ok(Data {
            watch: look(args, &instruments, &records)?,
            bar: given_bar(&census, instrument, settings.bar)?,
            census,
            left_out: Some(left_out),
            instruments,
            instrument,
            given_bars: Vec::new(),
            records: Records::Memory(records),
            catalog: None,
            taken: None,
        });
    }
    let read =
        |path: &Path, options: &ImportOptions| read_file(path, options).map_err(Failure::input);
    from_rows(path, args, settings, &read)
}

/// How rows are read from a path.
type Read<'r> = &'r dyn Fn(&Path, &ImportOptions) -> Result<FileRecords, Failure>;

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
    }
    let named_only = (named, args.strategy.is_some());
    let mut file = read_rows(path, named_only, &options, read)?;
    if let Some(taken) = file.report.taken.as_ref().filter(|taken| !taken.is_plain()) {
        output::note(&format!("{}: {taken}", path.display()));
    }
    capture::report_refused(&file.report);
    let query = ScanQuery {
        from: settings.from,
        to: settings.to,
        ..ScanQuery::default()
    };
    file.keep(&query).map_err(Failure::input)?;
    say(settings, &mut file.records, &mut file.instruments)?;
    let instrument = choose(&file.instruments, named, args.strategy.is_some())?;
    let census = census::of_records(&file.records, &file.instruments);
    Ok(Data {
        watch: look(args, &file.instruments, &file.records)?,
        bar: given_bar(&census, instrument, settings.bar.or(file.report.bar))?,
        census,
        left_out: Some(file.report.left_out()),
        instruments: file.instruments,
        instrument,
        given_bars: Vec::new(),
        records: Records::Memory(file.records),
        catalog: None,
        taken: file.report.taken,
    })
}

/// Gives the instruments of a file what is said of them.
fn say(
    settings: &Settings,
    records: &mut [Record],
    instruments: &mut Instruments,
) -> Result<(), Failure> {
    let Some(said) = settings
        .definitions
        .as_ref()
        .filter(|said| !said.is_empty())
    else {
        return Ok(());
    };
    for (id, def) in (0..).map(InstrumentId).zip(instruments.clone().defs()) {
        // A bar lies before the time that it bears.
        let lies = |record: &Record| {
            let before = i64::from(record.kind() == Some(Kind::Bar));
            Ts(record.ts_event().0 - before)
        };
        let own = || records.iter().filter(|r| r.instrument() == id);
        let times = || own().map(lies);
        let (Some(from), Some(to)) = (times().min(), times().max()) else {
            continue;
        };
        let definition = said.apply(def, from, to).map_err(Failure::input)?;
        redefine(records, instruments, id, definition).map_err(Failure::input)?;
    }
    Ok(())
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

/// The records of a file of rows. A strategy file may be about several instruments of the file; of one that does not have the
/// named instrument, the name is what the file is of.
fn read_rows(
    path: &Path,
    (named, has_file): (Option<&str>, bool),
    options: &ImportOptions,
    read: Read<'_>,
) -> Result<FileRecords, Failure> {
    if let Some(name) = named.filter(|_| has_file) {
        let all = read(path, options)?;
        if all.instruments.find(name).is_some() {
            return Ok(all);
        }
    }
    let options = ImportOptions {
        instrument: named.map(str::to_owned),
        ..options.clone()
    };
    read(path, &options)
}

/// Refuses a capture of which more lines are wrong than may be, if that was said.
fn judge_capture(
    path: &Path,
    left_out: &Refusals,
    most: Option<RefusedMax>,
) -> Result<(), Failure> {
    let most = most.unwrap_or(RefusedMax::Any).of(left_out.lines);
    if left_out.refused <= most {
        return Ok(());
    }
    Err(Failure::input(anyhow!(
        "{}: {}, and {most} may be",
        path.display(),
        text::left_out(left_out)
    )))
}

/// Looks at the records of a file.
fn look(
    args: &Args,
    instruments: &Instruments,
    records: &[Record],
) -> Result<Option<Watch>, Failure> {
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
    watch.look(records);
    Ok(Some(watch))
}

/// The records of a capture in the wanted range of time.
fn within(
    mut records: Vec<Record>,
    settings: &Settings,
    path: &Path,
) -> Result<Vec<Record>, Failure> {
    let (first, last) = match (records.first(), records.last()) {
        (Some(first), Some(last)) => (first.ts_event(), last.ts_event()),
        _ => return Err(Failure::input(anyhow!("{} has no record", path.display()))),
    };
    let is_wanted = |record: &Record| {
        let ts = record.ts_event();
        settings.from.is_none_or(|from| ts >= from) && settings.to.is_none_or(|to| ts < to)
    };
    retain_records(&mut records, is_wanted);
    if records.is_empty() {
        return Err(Failure::input(anyhow!(
            "no data in this range; {} has records from {first} to {last}",
            path.display()
        )));
    }
    Ok(records)
}
