//! `tickloom quality`: what is wrong with the data of a catalog, as rows with from, to, kind and evidence.

use crate::failure::Failure;
use crate::memory::{self, Memory};
use crate::output::{self, Style};
use crate::stop::Stop;
use anyhow::{Context, anyhow};
use std::path::{Path, PathBuf};
use tickloom_backtest::text::grouped;
use tickloom_data::{
    CacheStats, Calendars, Inspector, Ledger, LedgerKind, LedgerRow, ScanQuery, Thresholds,
    with_calendar,
};
use tickloom_types::{DurationNs, Ts};

/// Records between two looks at whether to go on.
const WATCH_EVERY: u64 = 1 << 16;

const EXAMPLES: &str = "\
Examples:
  tickloom quality --catalog catalog
  tickloom quality --catalog catalog --instrument GOOG --calendar us-equity --json
  tickloom quality --catalog catalog --from 2024-08-08 --to 2024-08-09 --silence 30 --strict
  tickloom quality --catalog catalog --kind gap --kind locked
  tickloom quality --catalog catalog --summary

Kinds: gap, duplicate, out_of_order, stale, crossed, clock_skew, missing_session, outlier, bad_frame, resync, split, off_tick;
and locked, which is no fault: it is counted, and listed where it is asked for.
An instrument trades by the calendar that its definition names, or that --calendar gives; without one at all times.
Calendars: cme-equity, crypto, fx, us-equity, and each NAME.toml in --calendars. Nothing is changed or repaired.

Exit codes: 0 done, whatever was found; 1 the catalog could not be read, or with --strict something was found;
2 the command line is wrong or there is no such data; 130 stopped by Ctrl-C.";

/// List what is wrong with the data of a catalog.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The catalog: its directory or an url such as s3://bucket/prefix
    #[arg(long, value_name = "DIR|URL")]
    catalog: PathBuf,
    /// Only this instrument; may be given several times
    #[arg(long, value_name = "ID")]
    instrument: Vec<String>,
    /// Only this run or import; may be given several times
    #[arg(long, value_name = "NAME")]
    run: Vec<String>,
    /// Only rows of this kind; may be given several times. --strict then looks at these alone
    #[arg(long, value_name = "KIND", value_parser = kind)]
    kind: Vec<LedgerKind>,
    /// A line for each instrument and kind instead of all rows
    #[arg(long)]
    summary: bool,
    /// Only records from this time on: 2024-08-09, 2024-08-09T12:00:00Z, or a number since the epoch in s, ms, us or ns by its digits
    #[arg(long, value_name = "T")]
    from: Option<String>,
    /// Only records before this time
    #[arg(long, value_name = "T")]
    to: Option<String>,
    /// The calendar of all instruments, instead of those that their definitions name
    #[arg(long, value_name = "NAME")]
    calendar: Option<String>,
    /// A directory with calendars of your own [default: _calendars in the catalog]
    #[arg(long, value_name = "DIR")]
    calendars: Option<PathBuf>,
    /// Seconds below which no silence is a gap [default: 10]
    #[arg(long, value_name = "SECONDS")]
    silence: Option<f64>,
    /// Seconds after which bid and ask that do not change while trades go on are stale [default: 10]
    #[arg(long, value_name = "SECONDS")]
    stale: Option<f64>,
    /// Seconds by which our clock may be behind the venue's [default: 0.1]
    #[arg(long, value_name = "SECONDS")]
    skew: Option<f64>,
    /// Percent that a price must be away from its neighbours to be an outlier [default: 0.5]
    #[arg(long, value_name = "PERCENT")]
    outlier: Option<f64>,
    #[command(flatten)]
    memory: Memory,
    /// Fail if anything is found
    #[arg(long)]
    strict: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let thresholds = thresholds(&args).map_err(Failure::input)?;
    let query = query(&args).map_err(Failure::input)?;
    let calendars = calendars(Some(&args.catalog), args.calendars.as_deref())?;
    let catalog = args.memory.open(&args.catalog).map_err(Failure::input)?;
    let scan = catalog.scan(&query).map_err(Failure::input)?;
    let instruments = match &args.calendar {
        Some(name) => with_calendar(scan.instruments(), name).map_err(Failure::input)?,
        None => scan.instruments().clone(),
    };
    let mut inspector =
        Inspector::new(&instruments, thresholds, &calendars).map_err(Failure::input)?;
    let stop = Stop::catch()?;
    let bar = output::progress(Some(scan.rows_max()), "quality");
    for (done, next) in (1..).zip(scan) {
        let (_, record) = next.map_err(Failure::run)?;
        inspector.push(&record);
        if done % WATCH_EVERY == 0 {
            bar.set_position(done);
            if stop.is_wanted() {
                return Err(Failure::Stopped(anyhow!("stopped after {done} records")));
            }
        }
    }
    bar.finish_and_clear();
    let mut ledger = inspector.finish();
    only(&mut ledger, &args.kind);
    report(&args, &ledger, memory::cache(&catalog))?;
    if args.strict && !ledger.rows.is_empty() {
        return Err(Failure::run(anyhow!("found {}", summary(&ledger))));
    }
    Ok(())
}

fn kind(text: &str) -> Result<LedgerKind, String> {
    let found = LedgerKind::ALL.iter().find(|kind| kind.name() == text);
    found.copied().ok_or_else(|| {
        let names: Vec<&str> = LedgerKind::ALL.iter().map(|kind| kind.name()).collect();
        format!("expected one of {}", names.join(", "))
    })
}

/// Leaves the rows of these kinds, if any were asked for; remarks that were asked for by name are rows.
fn only(ledger: &mut Ledger, kinds: &[LedgerKind]) {
    if kinds.is_empty() {
        return;
    }
    ledger.rows.retain(|row| kinds.contains(&row.kind));
    ledger.remarks.retain(|row| kinds.contains(&row.kind));
}

/// The calendars that there are: those of the product, and of a directory of one's own or of the catalog.
pub(crate) fn calendars(catalog: Option<&Path>, own: Option<&Path>) -> Result<Calendars, Failure> {
    let dir = match (own, catalog) {
        (Some(dir), _) if !dir.is_dir() => {
            return Err(Failure::input(anyhow!(
                "--calendars {}: there is no such directory",
                dir.display()
            )));
        }
        (Some(dir), _) => dir.to_owned(),
        (None, Some(catalog)) => catalog.join("_calendars"),
        (None, None) => return Calendars::built_in().map_err(Failure::input),
    };
    Calendars::with_own(&dir).map_err(Failure::input)
}

fn query(args: &Args) -> anyhow::Result<ScanQuery> {
    let time = |text: &Option<String>, name: &'static str| {
        text.as_deref()
            .map(|text| Ts::parse_by_digits(text).context(name))
            .transpose()
    };
    let (from, to) = (time(&args.from, "--from")?, time(&args.to, "--to")?);
    if let (Some(from), Some(to)) = (from, to)
        && from >= to
    {
        return Err(anyhow!("--from {from} is not before --to {to}"));
    }
    Ok(ScanQuery {
        instruments: args.instrument.clone(),
        runs: args.run.clone(),
        from,
        to,
        memory_max: Some(args.memory.for_reading()),
        ..ScanQuery::default()
    })
}

fn thresholds(args: &Args) -> anyhow::Result<Thresholds> {
    let mut all = Thresholds::default();
    let nanos = |value: f64, name: &str| {
        whole(value, 1e9).ok_or_else(|| anyhow!("--{name} {value}: expected seconds above zero"))
    };
    if let Some(value) = args.silence {
        all.silence = nanos(value, "silence")?;
    }
    if let Some(value) = args.stale {
        all.stale = nanos(value, "stale")?;
    }
    if let Some(value) = args.skew {
        all.skew_behind = nanos(value, "skew")?;
    }
    if let Some(value) = args.outlier {
        let wrong = || anyhow!("--outlier {value}: expected percent above zero");
        all.outlier_ppm = whole(value, 1e4).ok_or_else(wrong)?;
    }
    Ok(all)
}

/// A number above zero in parts of `1 / unit`, rounded; `None` if there is no such.
fn whole(value: f64, unit: f64) -> Option<DurationNs> {
    let parts = format!("{:.0}", value * unit).parse().ok()?;
    (parts > 0).then_some(parts)
}

fn report(args: &Args, ledger: &Ledger, cache: Option<CacheStats>) -> Result<(), Failure> {
    if args.json {
        let kinds: serde_json::Map<String, serde_json::Value> = ledger
            .kinds()
            .into_iter()
            .map(|(kind, rows)| (kind.name().to_owned(), rows.into()))
            .collect();
        return output::json(&serde_json::json!({
            "catalog": args.catalog,
            "records": ledger.records,
            "kinds": kinds,
            "more": ledger.more,
            "rows": ledger.rows,
            "remarks": ledger.remarks,
            "cache": cache,
        }));
    }
    // Remarks are many, and listed for those alone who ask for them.
    let remarks = ledger.remarks.iter().filter(|_| !args.kind.is_empty());
    let mut shown: Vec<&LedgerRow> = ledger.rows.iter().chain(remarks).collect();
    if args.summary {
        shown = ledger.rows.iter().chain(&ledger.remarks).collect();
    }
    shown.sort_by_key(|row| row.instrument.as_deref());
    for of_one in shown.chunk_by(|a, b| a.instrument == b.instrument) {
        let name = of_one.first().and_then(|row| row.instrument.as_deref());
        let name = name.unwrap_or("no instrument");
        output::line(&output::styled(name, Style::Bold));
        if args.summary {
            sums(of_one).iter().for_each(|line| output::line(line));
        } else {
            of_one
                .iter()
                .for_each(|row| output::line(&format!("  {}", line(row))));
        }
    }
    output::line(&format!(
        "{} in {} records",
        summary(ledger),
        grouped(u128::from(ledger.records))
    ));
    Ok(())
}

/// A line for each kind: rows, what they concern, and from when to when.
fn sums(rows: &[&LedgerRow]) -> Vec<String> {
    let mut lines = Vec::new();
    for kind in LedgerKind::ALL {
        let of_kind = || rows.iter().filter(|row| row.kind == kind);
        let (Some(from), Some(to)) = (
            of_kind().map(|row| row.from).min(),
            of_kind().map(|row| row.to).max(),
        ) else {
            continue;
        };
        let count: u128 = of_kind().map(|row| u128::from(row.count)).sum();
        let rows = grouped(of_kind().count() as u128);
        let count = grouped(count);
        lines.push(format!(
            "  {:<15} {rows:>7} rows {count:>12}  {from} to {to}",
            kind.name()
        ));
    }
    lines
}

/// A row as a line for people.
pub(crate) fn line(row: &LedgerRow) -> String {
    let time = if row.from == row.to {
        row.from.to_string()
    } else {
        format!("{} to {}", row.from, row.to)
    };
    let table = row.table.map_or("all", |table| table.name());
    let count = grouped(u128::from(row.count));
    format!(
        "{:<15} {table:<13} {count:>7}  {time}  {}",
        row.kind.name(),
        row.evidence
    )
}

/// How many rows there are of each kind, in words.
pub(crate) fn summary(ledger: &Ledger) -> String {
    let remarks = match ledger.remarks.len() {
        0 => String::new(),
        count => format!(" ({count} locked, which is no fault)"),
    };
    if ledger.rows.is_empty() {
        return format!("nothing wrong{remarks}");
    }
    let kinds: Vec<String> = ledger
        .kinds()
        .iter()
        .filter(|(kind, _)| kind.is_fault())
        .map(|(kind, rows)| format!("{rows} {kind}"))
        .collect();
    let more = match ledger.more {
        0 => String::new(),
        more => format!(", and {more} rows more"),
    };
    format!("{}{more}{remarks}", kinds.join(", "))
}
