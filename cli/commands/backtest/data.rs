//! What a backtest runs on: a file as it is, or what the catalog has.

use super::Args;
use super::bars::Plan;
use super::census;
use super::choice::{bar_sizes, choose, default_bar};
use super::history::History;
use super::settings::Settings;
use super::watch::{Stream, Watch};
use crate::capture;
use crate::commands::quality::calendars;
use crate::failure::Failure;
use crate::output;
use anyhow::anyhow;
use std::path::Path;
use tickloom_backtest::text;
use tickloom_core::Census;
use tickloom_data::{
    BarPrice, Calendars, Catalog, DataError, FileRecords, ImportOptions, QuestDb, Refusals,
    RefusedMax, ScanQuery, Taken, finer_sizes, is_columnar, read_file, read_folder, redefine,
    retain_records, with_calendar,
};
use tickloom_types::{BarSpec, InstrumentDef, InstrumentId, Instruments, Kind, Record, Ts};

/// Records and what is known of them.
pub(super) struct Data {
    pub(super) instruments: Instruments,
    /// What is traded unless a strategy says otherwise.
    pub(super) instrument: Option<InstrumentId>,
    /// Size of the bars that a bar field without `@` means.
    pub(super) bar: Option<BarSpec>,
    /// Sizes of bars that come as input and that the core does not make.
    pub(super) given_bars: Vec<BarSpec>,
    pub(super) records: Records,
    /// What looks at the records, unless nobody wants to know.
    pub(super) watch: Option<Watch>,
    /// The catalog that they come from.
    pub(super) catalog: Option<Catalog>,
    /// What there is of each instrument, as far as it is known before the run.
    pub(super) census: Census,
    /// Lines that were left out of the file, or of those that the catalog's runs were imported from; of a server nobody knows.
    pub(super) left_out: Option<Refusals>,
    /// What the columns of a text were taken for.
    pub(super) taken: Option<Taken>,
}

/// Wrong rows of a file that are told apart by their reasons; of more, only how many there are.
const ERRORS_MAX: usize = 10_000;

/// Records, in memory or read while the run goes on.
pub(super) enum Records {
    /// Of a file.
    Memory(Vec<Record>),
    /// Of a catalog or a server: at most so many, and the bars that are made of them.
    Stream(u64, Stream),
}

impl Data {
    /// Opens what `--data` names.
    pub(super) fn open(args: &Args, settings: &Settings) -> Result<Data, Failure> {
        let mut data = match (&args.data, &args.questdb) {
            (_, Some(_)) if args.text.is_used() => {
                return Err(Failure::input(anyhow!(
                    "--columns, --time-format, --profile and what else says how files of rows are read are for files, and not for --questdb"
                )));
            }
            (_, Some(address)) => {
                let db = QuestDb::connect(address).map_err(Failure::run)?;
                let waiting = db.unapplied().map_err(Failure::run)?;
                if !waiting.is_empty() {
                    output::note(&format!(
                        "QuestDB has rows that are not in their tables yet, and not in this run: {}",
                        waiting.join(", ")
                    ));
                }
                from_history(&History::QuestDb(db), args, settings)?
            }
            (Some(path), None) => Data::of_path(path, args, settings)?,
            (None, None) => return Err(Failure::input(anyhow!("--data or --questdb is needed"))),
        };
        data.refine(settings.qty_decimals())?;
        Ok(data)
    }

    fn of_path(path: &Path, args: &Args, settings: &Settings) -> Result<Data, Failure> {
        let is_catalog = Catalog::is_at(path);
        if is_catalog && args.text.is_used() {
            return Err(Failure::input(anyhow!(
                "--columns, --time-format, --profile and what else says how files of rows are read are for files: {} is a catalog",
                path.display()
            )));
        }
        if is_catalog {
            let catalog = args.memory.open(path).map_err(Failure::input)?;
            from_history(&History::Catalog(catalog), args, settings)
        } else if path.is_dir() {
            from_rows(path, args, settings, &folder)
        } else {
            from_file(path, args, settings)
        }
    }

    /// How many records will come, at most.
    pub(super) fn len(&self) -> u64 {
        match &self.records {
            Records::Memory(records) => records.len() as u64,
            Records::Stream(rows_max, _) => *rows_max,
        }
    }

    /// Gives the traded instrument's sizes so many decimals, if it has fewer. A catalog was asked for them.
    fn refine(&mut self, decimals: u8) -> Result<(), Failure> {
        let Some(id) = self.instrument else {
            return Ok(());
        };
        let def = self.instruments.get(id);
        let Some(def) = def.filter(|def| def.qty_decimals < decimals) else {
            return Ok(());
        };
        let def = finer_sizes(def, decimals);
        if let Records::Stream(_, scan) = &mut self.records {
            let all: Result<Vec<Record>, DataError> =
                scan.map(|next| next.map(|(_, record)| record)).collect();
            self.records = Records::Memory(all.map_err(Failure::run)?);
        }
        if let Records::Memory(records) = &mut self.records {
            redefine(records, &mut self.instruments, id, def).map_err(Failure::input)?;
        }
        Ok(())
    }
}

/// The records of the files of columns in a folder that is no catalog.
fn folder(path: &Path, options: &ImportOptions) -> Result<FileRecords, Failure> {
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

fn from_file(path: &Path, args: &Args, settings: &Settings) -> Result<Data, Failure> {
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
fn from_rows(
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

fn from_history(history: &History, args: &Args, settings: &Settings) -> Result<Data, Failure> {
    let ranges = history.ranges().map_err(refused)?;
    let known = history.instruments().map_err(refused)?;
    let named = settings.instrument(args);
    let traded = choose(&known, named, args.strategy.is_some())?;
    let name = traded
        .and_then(|id| known.get(id))
        .map(|def| def.name.clone());
    let bars = bar_sizes(&ranges, name.as_deref());
    let bar = default_bar(&bars, settings.bar).map_err(Failure::input)?;
    let calendars = calendars(args.data.as_deref(), args.calendars.as_deref())?;
    let def = traded
        .and_then(|id| known.get(id))
        .map(|def| InstrumentDef {
            calendar: args.calendar.clone().or_else(|| def.calendar.clone()),
            ..def.clone()
        });
    let price = args.bar_price.map(BarPrice::from);
    let plan = match (bar.filter(|bar| !bars.contains(bar)), &def) {
        (Some(bar), Some(def)) => Some(Plan::new(bar, &bars, &ranges, def, price)?),
        _ => None,
    };
    let of = plan.map_or(bar, |plan| plan.of);
    let query = ScanQuery {
        instruments: match &name {
            Some(name) if args.strategy.is_none() => settings.mentioned(name, &known),
            _ => Vec::new(),
        },
        bars: of.into_iter().collect(),
        runs: args.run.clone(),
        from: settings.from,
        to: settings.to,
        memory_max: Some(args.memory.for_reading_beside_bars()),
        definitions: settings.definitions.clone(),
        feed_latency: args.feed_latency,
        qty_decimals: name.clone().map(|name| (name, settings.qty_decimals())),
        ..ScanQuery::default()
    };
    let scanned = history.scan(&query).map_err(refused)?;
    let (rows_max, left_out) = (scanned.rows_max, scanned.left_out);
    let led = Led::new(scanned.instruments, scanned.records, args, &calendars)?;
    let Led {
        records,
        instruments,
        watch,
    } = match (plan, bar, &def) {
        (Some(plan), Some(bar), Some(def)) => led.by(plan, bar, def, &calendars)?,
        _ => led,
    };
    let instrument = name.and_then(|name| instruments.find(&name).map(|(id, _)| id));
    let made = bar.filter(|_| plan.is_some_and(|plan| plan.is_given));
    let census = census::of_tables(&ranges, &query, &instruments, made);
    Ok(Data {
        instruments,
        instrument,
        bar,
        given_bars: made.into_iter().collect(),
        records: Records::Stream(rows_max, records),
        census,
        left_out,
        watch,
        taken: None,
        catalog: match history {
            History::Catalog(catalog) => Some(catalog.clone()),
            History::QuestDb(_) => None,
        },
    })
}

/// A server may answer at the next try; a catalog says the same again.
fn refused(error: DataError) -> Failure {
    match error {
        DataError::QuestDb { .. } => Failure::run(error),
        error => Failure::input(error),
    }
}

/// Records, what their identifiers mean, and what looks at them.
struct Led {
    records: Stream,
    instruments: Instruments,
    watch: Option<Watch>,
}

impl Led {
    fn new(
        instruments: Instruments,
        records: Stream,
        args: &Args,
        calendars: &Calendars,
    ) -> Result<Led, Failure> {
        let instruments = match &args.calendar {
            Some(name) => with_calendar(&instruments, name).map_err(Failure::input)?,
            None => instruments,
        };
        if args.no_quality {
            return Ok(Led {
                records,
                instruments,
                watch: None,
            });
        }
        let watch = Watch::new(&instruments, calendars)?;
        Ok(Led {
            records: watch.over(records),
            instruments,
            watch: Some(watch),
        })
    }

    fn by(
        self,
        plan: Plan,
        bar: BarSpec,
        def: &InstrumentDef,
        calendars: &Calendars,
    ) -> Result<Led, Failure> {
        let (records, instruments) =
            plan.lead(self.records, &self.instruments, bar, def, calendars)?;
        Ok(Led {
            records,
            instruments,
            ..self
        })
    }
}
