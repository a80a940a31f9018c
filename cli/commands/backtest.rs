//! `tickloom backtest`: one strategy over history, from the catalog or straight from a file.

mod bars;
mod census;
mod choice;
mod data;
mod file;
mod history;
mod in_no_bar;
mod off_tick;
mod over;
mod results;
mod rooms;
mod settings;
mod summary;
mod wanted;
mod watch;

use crate::config::questdb_address;
use crate::failure::Failure;
use crate::memory::{self, Memory};
use crate::output;
use crate::stop::Stop;
use crate::text_args::TextArgs;
use data::Data;
use over::{Ended, Over, over};
use results::Results;
use settings::Settings;
use std::path::PathBuf;
use tickloom_backtest::{Manifest, Outcome};
use tickloom_data::{BarPrice, Ledger, QuestDbAddress};
use tickloom_types::{DurationNs, parse_duration};
use watch::Watch;

const EXAMPLES: &str = "\
Examples:
  tickloom backtest --data GOOG.csv.gz --enter 'cross_over(sma(close,10), sma(close,30))' \\
                    --exit 'cross_under(sma(close,10), sma(close,30))' --fee 0.001 --report goog.html
  tickloom backtest --data catalog --instrument binance-usdm.BTCUSDT --bar 1s --from 2024-08-08 --to 2024-08-09 \\
                    --enter 'rsi(close, $n) < 30' --exit 'rsi(close, $n) > 70' --set n=14 --size 0.5 --json
  tickloom backtest --data bars.parquet --enter 'close > lag(close)' --exit 'close < lag(close)'
  tickloom backtest --data catalog --strategy cross.toml
  tickloom backtest --questdb 127.0.0.1:9000 --instrument binance.BTCUSDT --strategy cross.toml

Conventions:
  next-open    a signal at the close of a bar is filled at the open of the next; over ticks, at the next event
               of the instrument that has a price, and never at the event itself (the default)
  same-close   ... at that same close: for comparison with other engines, as nobody can trade like that
  The last position is marked at the last price. Sharpe, Sortino and volatility are from returns a bar, a year
  having as many bars as the data has.

The records that are run on are looked at on the way; what is wrong with them (gaps, crossed quotes, …, see `tickloom
quality`) is said on stderr, in --json and in the report, and so are wrong lines of a file, which are left out if they are
no more than --refused-max. --strict
refuses such data and writes nothing. What can never work (a field that the data cannot feed, a parameter that nothing uses)
is refused before the run.

Exit codes: 0 done, 1 the run failed, 2 the command line or the input is wrong, or --strict refuses the data, 130 stopped by Ctrl-C (nothing is written).";

/// Backtest a strategy over a file or a catalog.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// A file (CSV, also gz or zip, Parquet, Arrow), a directory of Parquet or Arrow files, or a catalog: its directory or an url such as
    /// s3://bucket/prefix
    #[arg(
        long,
        value_name = "FILE_OR_CATALOG",
        required_unless_present = "questdb"
    )]
    data: Option<PathBuf>,
    /// A QuestDB server instead of --data: HOST:PORT, http::addr=…;username=…;password=…; or env:NAME
    #[arg(long, value_name = "ADDRESS", value_parser = questdb_address, conflicts_with = "data")]
    questdb: Option<QuestDbAddress>,
    /// The instrument, where there are several
    #[arg(long, value_name = "ID")]
    instrument: Option<String>,
    /// Only this run or import of a catalog; may be given several times
    #[arg(long, value_name = "NAME")]
    run: Vec<String>,
    /// Only records from this time on: 2024-08-09, 2024-08-09T12:00:00Z, or a number since the epoch in s, ms, us or ns by its digits
    #[arg(long, value_name = "T")]
    from: Option<String>,
    /// Only records before this time
    #[arg(long, value_name = "T")]
    to: Option<String>,
    /// Time from the venue to arrival, such as 250ms, of history whose arrival is not known [default: as declared at import]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    feed_latency: Option<DurationNs>,
    /// A strategy file (TOML) instead of --enter and --exit
    #[arg(long, value_name = "FILE.toml", conflicts_with_all = ["enter", "exit", "short_enter", "short_exit", "size"])]
    strategy: Option<PathBuf>,
    /// When to go long
    #[arg(long, value_name = "EXPR", allow_hyphen_values = true)]
    enter: Option<String>,
    /// When to leave a long position
    #[arg(long, value_name = "EXPR", allow_hyphen_values = true)]
    exit: Option<String>,
    /// When to go short
    #[arg(long, value_name = "EXPR", allow_hyphen_values = true)]
    short_enter: Option<String>,
    /// When to leave a short position
    #[arg(long, value_name = "EXPR", allow_hyphen_values = true)]
    short_exit: Option<String>,
    /// The value of $name in expressions; may be given several times
    #[arg(long, value_name = "name=value")]
    set: Vec<String>,
    /// Size of bars for close, open, … without `@`: 1s 5m 1h 1d, 100t (trades), 25v (volume) [default: that of the data]
    #[arg(long, value_name = "SPEC")]
    bar: Option<String>,
    /// Units to buy, `all` for all cash (fractional units) or `all-whole` (whole units) [default: all]
    #[arg(long, value_name = "N | all | all-whole")]
    size: Option<String>,
    /// Cash at the start [default: 1000000]
    #[arg(long, value_name = "MONEY", allow_hyphen_values = true)]
    cash: Option<String>,
    /// Fee a side, as a fraction of the money traded [default: 0]
    #[arg(long, value_name = "FRACTION", allow_hyphen_values = true)]
    fee: Option<String>,
    /// When orders are filled: next-open or same-close [default: next-open]
    #[arg(long, value_name = "MODEL")]
    fill: Option<String>,
    #[command(flatten)]
    text: TextArgs,
    #[command(flatten)]
    memory: Memory,
    /// What bars are made of where there are only quotes: bid, ask or mid [default: mid]
    #[arg(long, value_name = "PRICE")]
    bar_price: Option<Price>,
    /// The calendar of all instruments, whose sessions bars begin and end with, instead of those that their definitions name
    #[arg(long, value_name = "NAME")]
    calendar: Option<String>,
    /// What instruments are: a file in TOML or CSV, before what the data says [default: _instruments.toml in the catalog]
    #[arg(long, value_name = "FILE")]
    instruments: Option<PathBuf>,
    /// A directory with calendars of your own [default: _calendars in the catalog]
    #[arg(long, value_name = "DIR")]
    calendars: Option<PathBuf>,
    /// Refuse data of which the quality ledger has any row, or the input any line that was left out
    #[arg(long, conflicts_with = "no_quality")]
    strict: bool,
    /// Do not look at the quality of the data
    #[arg(long)]
    no_quality: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Write the report, one self-contained HTML file
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
    /// Write the run's manifest: configuration, data fingerprint, code version, output hash
    #[arg(long, value_name = "FILE.json")]
    manifest: Option<PathBuf>,
    #[command(flatten)]
    results: Results,
}

impl Args {
    /// Where the data comes from, as the manifest has it.
    fn source(&self) -> String {
        match (&self.data, &self.questdb) {
            (Some(path), _) => path.display().to_string(),
            (None, Some(address)) => address.to_string(),
            (None, None) => String::new(),
        }
    }
}

/// A price of quotes.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Price {
    Bid,
    Ask,
    Mid,
}

impl From<Price> for BarPrice {
    fn from(price: Price) -> BarPrice {
        match price {
            Price::Bid => BarPrice::Bid,
            Price::Ask => BarPrice::Ask,
            Price::Mid => BarPrice::Mid,
        }
    }
}

/// Runs the command.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let mut settings = Settings::read(&args)?;
    let data = Data::open(&args, &settings)?;
    // Only now: until here there is nothing that Ctrl-C could tear, and it ends the program at once.
    let stop = Stop::catch()?;
    let bar = output::progress(Some(data.len()), "backtest");
    let ended = match over(&args, &settings, data, (&bar, &stop)) {
        Err(Ended::Unread(failure)) => {
            settings.rooms = rooms::rooms_of(&args, &settings, &stop)?;
            if settings.rooms.is_empty() {
                return Err(failure);
            }
            let mut data = Data::open(&args, &settings)?;
            data.tell_rooms(&settings.rooms);
            bar.reset();
            over(&args, &settings, data, (&bar, &stop))
        }
        ended => ended,
    };
    tell_all(&args, ended.map_err(Ended::failure)?)
}

/// Judges what was found on the way, and says and writes what came of the run.
fn tell_all(args: &Args, over: Over<'_>) -> Result<(), Failure> {
    let Over {
        outcome,
        observer,
        config,
        mut facts,
    } = over;
    let ledger = facts.watch.and_then(Watch::finish);
    let told = [facts.in_no_bar.told(facts.bar), facts.off_tick.told()];
    for text in told.into_iter().flatten() {
        watch::judge_told(&text, args.strict)?;
        output::note(&text);
        facts.notes.push(text);
    }
    let mut manifest = Manifest::new(&config, &args.source(), &outcome);
    manifest.data.left_out = facts.left_out;
    manifest.data.notes = facts.notes;
    if let Some(ledger) = &ledger {
        watch::judge(ledger, args.strict)?;
        tell(ledger, &mut manifest);
    }
    write(args, &outcome, &manifest)?;
    let files = observer.finish(&args.results, &config, &outcome)?;
    if args.json {
        let cache = facts.catalog.as_ref().and_then(memory::cache);
        return output::json(&summary::json(
            &outcome,
            &manifest,
            ledger.as_ref(),
            cache,
            facts.taken.as_ref(),
            &files,
        ));
    }
    summary::print(&outcome, &manifest);
    if let Some(path) = &args.report {
        output::line(&format!("  {:<13} {}", "Report", path.display()));
    }
    for (what, file) in results::told(&files) {
        output::line(&format!("  {what:<13} {file}"));
    }
    Ok(())
}

/// Lets the report say that the data was not clean.
fn tell(ledger: &Ledger, manifest: &mut Manifest) {
    if !ledger.rows.is_empty() {
        let text = super::quality::summary(ledger);
        manifest.rules.push(("Data quality".to_owned(), text));
    }
}

/// Writes the files that were asked for, each whole or not at all.
fn write(args: &Args, outcome: &Outcome, manifest: &Manifest) -> Result<(), Failure> {
    if let Some(path) = &args.report {
        let html = tickloom_backtest::report(outcome, manifest).map_err(Failure::run)?;
        output::write_file(path, html.as_bytes())?;
    }
    if let Some(path) = &args.manifest {
        let mut json = serde_json::to_vec_pretty(manifest).map_err(Failure::run)?;
        json.push(b'\n');
        output::write_file(path, &json)?;
    }
    Ok(())
}
