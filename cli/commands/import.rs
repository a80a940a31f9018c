//! `tickloom import`: files of others into the Parquet catalog.

mod books_left;
mod captures;
mod catalog_sink;
mod known;
mod report;
mod together;

use super::quality::calendars;
use crate::capture;
use crate::failure::Failure;
use crate::memory::Memory;
use crate::output;
use crate::text_args::TextArgs;
use captures::{Captures, Limits};
use report::{Imported, report};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tickloom_data::{
    Catalog, CatalogError, FormatError, ImportOptions, ImportReport, Input, RefusedMax, Together,
    inputs,
};
use tickloom_feeds::capture::CaptureError;
use tickloom_journal::JournalError;
use tickloom_types::{BarSpec, DurationNs, currency_code, parse_duration};
use together::origin;

/// Wrong lines that are shown for each file; all are counted.
const ERRORS_SHOWN: usize = 20;

const EXAMPLES: &str = "\
Examples:
  tickloom import GOOG.csv.gz --catalog catalog --instrument GOOG
  tickloom import btcusdt_20240808.gz btcusdt_20240809.gz --catalog catalog --json
  tickloom import data --catalog catalog --resume
  tickloom import symbol=AAPL/2024.parquet quotes.feather --catalog catalog

Delimiter, header, time and number format and kind of record (bars, quotes, trades, books) are found out from the file, which
says on stderr what it took for what; --columns, --time-format and --profile say it instead. Parquet, Arrow and Feather files of any
columns are read in the same way, by their names and types; folders such as symbol=AAPL are columns too. Captures of
venues' messages are decoded as they would be live. A capture of ours that goes on where another ended is read as one recording with
it (imported later, its books go on where the catalog has them), and so are those of other recorders with symbols in common,
so that snapshots by REST join the stream. gzip, zstd and zip are read as they are; of a zip, every file in it.
A wrong line is reported with file, line, field and value, counted, and left out; nothing is repaired. A file of rows of
which more than --refused-max are wrong is refused, and so is any with a wrong line under --strict.
Files of a directory that are in no known format are passed over, and said.
Importing a file again changes nothing. --resume does not even decode what the catalog has whole, and writes anew what
was begun and not completed.

Exit codes: 0 read, even if lines were left out (the report says how many), 1 the catalog could not be written,
2 nothing could be read from a file or the command line is wrong.";

/// Import files into the Parquet catalog.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Files, or directories whose files are all read: CSV (also in gzip, zstd or zip), Parquet, Arrow, raw captures
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The catalog: a directory or an url such as s3://bucket/prefix; made if it is not there
    #[arg(long, value_name = "DIR|URL")]
    catalog: PathBuf,
    /// Name of the instrument of rows [default: as the file says, or its name without its endings]; captures say their own
    #[arg(long, value_name = "ID")]
    instrument: Option<String>,
    /// Size of the bars, such as 1m [default: the most common distance]
    #[arg(long, value_name = "SIZE")]
    bar: Option<BarSpec>,
    /// Time from the venue to arrival, such as 250ms, of files that do not say when their records arrived [default: 0]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    feed_latency: Option<DurationNs>,
    /// Currency of the prices [default: as the file says, or USD]
    #[arg(long, value_name = "CODE")]
    currency: Option<String>,
    /// Calendar of the instruments, such as us-equity
    #[arg(long, value_name = "NAME")]
    calendar: Option<String>,
    /// A directory with calendars of your own [default: _calendars in the catalog]
    #[arg(long, value_name = "DIR")]
    calendars: Option<PathBuf>,
    /// Pass over files that the catalog has whole
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    text: TextArgs,
    #[command(flatten)]
    memory: Memory,
    /// Refuse every file of which a row or a line is wrong
    #[arg(long, conflicts_with = "refused_max")]
    strict: bool,
    /// Read and check everything, and write nothing
    #[arg(long, conflicts_with = "resume")]
    dry_run: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Where to, and what not to do again.
enum Target {
    /// Into a catalog that begins as this one and goes with the command: each file meets what those before it would have left.
    DryRun(Catalog),
    /// Into this catalog, reading all files.
    Import(Catalog),
    /// Into this catalog, without reading what it has whole.
    Resume(Catalog),
}

impl Target {
    fn of(args: &Args) -> Result<Target, Failure> {
        let writing = args.memory.for_writing();
        if args.dry_run {
            let trial = Catalog::trial(&args.catalog).map_err(Failure::run)?;
            return Ok(Target::DryRun(trial.with_writing_memory(writing)));
        }
        let catalog = Catalog::create(&args.catalog).map_err(Failure::run)?;
        let catalog = catalog.with_writing_memory(writing);
        Ok(if args.resume {
            Target::Resume(catalog)
        } else {
            Target::Import(catalog)
        })
    }

    fn catalog(&self) -> &Catalog {
        match self {
            Target::DryRun(catalog) | Target::Import(catalog) | Target::Resume(catalog) => catalog,
        }
    }

    /// The name under which the catalog keeps a run, if it does.
    fn kept(&self, run: String) -> Option<String> {
        match self {
            Target::DryRun(_) => None,
            Target::Import(_) | Target::Resume(_) => Some(run),
        }
    }

    fn take(&self, input: &Input, options: &ImportOptions) -> Result<ImportReport, FormatError> {
        let mut report = match self {
            Target::DryRun(catalog) | Target::Import(catalog) => input.import(options, catalog)?,
            Target::Resume(catalog) => match input.imported(options, catalog)? {
                Some(report) => report,
                None => input.import(options, catalog)?,
            },
        };
        report.run = report.run.and_then(|run| self.kept(run));
        Ok(report)
    }
}

/// Runs the command.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let mut options = options(&args)?;
    let files = walk(&args.paths).map_err(Failure::input)?;
    let (definitions, files) = apart(files);
    options.definition_files = definitions.iter().map(|one| one.path.clone()).collect();
    let target = Target::of(&args)?;
    let definitions_kept = target.catalog().definitions().map_err(Failure::input)?;
    options.definitions = Some(Arc::new(definitions_kept));
    let mut all: Vec<Imported> = definitions
        .iter()
        .map(|one| Imported::definitions(&one.path))
        .collect();
    let mut captures = Captures::default();
    let mut together = Together::default();
    let mut unclear = Vec::new();
    let spinner = output::spinner("import");
    let origins: Vec<_> = (files.iter())
        .map(|one| origin(one, args.text.venue(), &options, &mut together))
        .collect();
    for (one, origin) in files.iter().zip(origins) {
        let file = one.path.as_path();
        spinner.set_message(file.display().to_string());
        match origin {
            Ok(Some(_)) if args.instrument.is_some() => all.push(Imported::failed(
                file,
                "--instrument does not apply: a capture says itself of what it is",
            )),
            Ok(Some(origin)) => captures.add(origin, file),
            Err(error @ CaptureError::UnclearVenue { .. }) => unclear.push((file, error)),
            Err(
                error @ (CaptureError::UnknownVenue { .. }
                | CaptureError::UnknownMessages { .. }
                | CaptureError::ToldVenue { .. }
                | CaptureError::OtherVenue { .. }),
            ) => {
                all.push(Imported::failed(file, &error.to_string()));
            }
            // What cannot be read as a line of text may be in a format that is none.
            Ok(None) | Err(_) => {
                all.extend(rows(one, (&options, args.memory), &target, &mut together)?);
            }
        }
    }
    for (file, error) in unclear {
        let beside = captures.venues_beside(file).into_iter();
        let mut fitting =
            beside.filter_map(|venue| capture::origin(file, Some(venue)).ok().flatten());
        match (fitting.next(), fitting.next()) {
            (Some(origin), None) => captures.add(origin, file),
            _ => all.push(Imported::failed(file, &error.to_string())),
        }
    }
    let limits = Limits {
        refused_max: options.refused_max,
        is_strict: options.is_strict,
        memory: args.memory.for_reading(),
    };
    all.extend(captures.import(&target, limits, &spinner)?);
    spinner.finish_and_clear();
    report(&args, &all)
}

fn options(args: &Args) -> Result<ImportOptions, Failure> {
    let mut options = ImportOptions {
        instrument: args.instrument.clone(),
        currency: args
            .currency
            .as_deref()
            .map(|code| currency_code(code).to_owned()),
        calendar: args.calendar.clone(),
        bar: args.bar,
        feed_latency: args.feed_latency,
        errors_max: ERRORS_SHOWN,
        ..ImportOptions::default()
    };
    args.text.fill(&mut options)?;
    if let Some(name) = &options.calendar {
        let known = calendars(Some(&args.catalog), args.calendars.as_deref())?;
        known.get(name).map_err(Failure::input)?;
    }
    if args.strict {
        options.refused_max = Some(RefusedMax::Rows(0));
        options.is_strict = true;
    }
    Ok(options)
}

/// A file to be imported.
struct Source {
    path: PathBuf,
    /// Whether it was asked for by its name, and not found in a directory.
    is_named: bool,
}

/// The files, and all that are below the directories, sorted; names that begin with a dot are passed over.
fn walk(paths: &[PathBuf]) -> Result<Vec<Source>, FormatError> {
    let mut files = Vec::new();
    let mut left: Vec<PathBuf> = paths.iter().rev().cloned().collect();
    // A link to a folder that is read already leads nowhere new.
    let mut known = BTreeSet::new();
    while let Some(path) = left.pop() {
        if !path.is_dir() {
            let is_named = paths.contains(&path);
            files.push(Source { path, is_named });
            continue;
        }
        let failed = |source| FormatError::Io {
            action: "list",
            path: path.clone(),
            source,
        };
        if !known.insert(path.canonicalize().map_err(failed)?) {
            continue;
        }
        let mut below = Vec::new();
        for entry in std::fs::read_dir(&path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if !entry.file_name().to_string_lossy().starts_with('.') {
                below.push(entry.path());
            }
        }
        below.sort_unstable();
        left.extend(below.into_iter().rev());
    }
    Ok(files)
}

/// Files of definitions of DBN, which are read beside those of records, and all others. Those that nothing is beside are as any other.
fn apart(files: Vec<Source>) -> (Vec<Source>, Vec<Source>) {
    let is_one = |source: &Source| {
        let only = inputs(&source.path).ok().filter(|all| all.len() == 1);
        let only = only.and_then(|all| all.into_iter().next());
        only.is_some_and(|input| input.is_definitions().unwrap_or(false))
    };
    let (definitions, others): (Vec<Source>, Vec<Source>) = files.into_iter().partition(is_one);
    match others.is_empty() {
        true => (Vec::new(), definitions),
        false => (definitions, others),
    }
}

/// Imports a file of rows, or every member of a zip. One that nobody named and that is in no format is passed over.
fn rows(
    source: &Source,
    (options, memory): (&ImportOptions, Memory),
    target: &Target,
    together: &mut Together,
) -> Result<Vec<Imported>, Failure> {
    let file = source.path.as_path();
    let members = match inputs(file) {
        Ok(members) => members,
        Err(error) => return Ok(vec![Imported::failed(file, &error.to_string())]),
    };
    let mut all = Vec::new();
    let is_alone = members.len() == 1;
    for member in members {
        let member = member.within(memory.for_reading());
        if !is_alone && member.is_definitions().unwrap_or(false) {
            // The others of the zip are read with it.
            all.push(Imported::definitions(file).within(&member));
            continue;
        }
        let taken = together
            .take(&member)
            .and_then(|()| target.take(&member, options));
        let imported = match taken {
            Ok(report) => Imported::rows(report),
            Err(error) if is_of_catalog(&error, file, target) => return Err(Failure::run(error)),
            Err(error @ (FormatError::Unrecognised { .. } | FormatError::Columns { .. }))
                if !source.is_named || !is_alone =>
            {
                Imported::passed_over(file, &error.to_string())
            }
            Err(error @ FormatError::Refused { .. }) => Imported::refused(error),
            Err(error) => Imported::failed(file, &error.to_string()),
        };
        all.push(imported.within(&member));
    }
    Ok(all)
}

/// Whether the catalog is at fault rather than the file.
fn is_of_catalog(error: &FormatError, file: &Path, target: &Target) -> bool {
    let is_below = |path: &Path| path.starts_with(target.catalog().root());
    match error {
        FormatError::Schema { file: at, .. }
        | FormatError::Catalog(CatalogError::Schema { file: at, .. }) => at != file,
        FormatError::Io { path, .. } | FormatError::Catalog(CatalogError::Io { path, .. }) => {
            is_below(path)
        }
        FormatError::Journal(JournalError::OtherRun { .. })
        | FormatError::Catalog(
            CatalogError::Parquet { .. }
            | CatalogError::Journal(JournalError::OtherRun { .. })
            | CatalogError::Store { .. }
            | CatalogError::Outrun { .. },
        ) => true,
        _ => false,
    }
}
