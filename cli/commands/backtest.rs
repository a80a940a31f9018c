//! `tickloom backtest`: one strategy over history, from the catalog or straight from a file.

use crate::failure::Failure;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  tickloom backtest --data GOOG.csv.gz --enter 'cross_over(sma(close,10), sma(close,30))' \\
                    --exit 'cross_under(sma(close,10), sma(close,30))' --fee 0.001 --report goog.html
  tickloom backtest --data catalog --instrument binance-usdm.BTCUSDT --bar 1s --from 2024-08-08 --to 2024-08-09 \\
                    --enter 'rsi(close, $n) < 30' --exit 'rsi(close, $n) > 70' --set n=14 --size 0.5 --json
  tickloom backtest --data catalog --strategy cross.toml

Conventions:
  next-open    a signal at the close of a bar is filled at the open of the next (the default over bars)
  same-close   ... at that same close
  next-event   ... at the next quote or trade of the instrument (the default over ticks)
  The last position is marked at the last price. Sharpe, Sortino and volatility are from returns a bar, a year
  having as many bars as the data has.

Exit codes: 0 done, 1 the run failed, 2 the command line or the input is wrong, 130 stopped by Ctrl-C (nothing is written).";

/// Backtest a strategy over a file or a catalog.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// A file (CSV, also gz or zip) or the directory of a catalog
    #[arg(long, value_name = "FILE_OR_CATALOG")]
    data: PathBuf,
    /// The instrument, where there are several
    #[arg(long, value_name = "ID")]
    instrument: Option<String>,
    /// Only records from this time on: 2024-08-09, 2024-08-09T12:00:00Z
    #[arg(long, value_name = "T")]
    from: Option<String>,
    /// Only records before this time
    #[arg(long, value_name = "T")]
    to: Option<String>,
    /// A strategy file (TOML) instead of --enter and --exit
    #[arg(long, value_name = "FILE.toml", conflicts_with_all = ["enter", "exit", "short_enter", "short_exit"])]
    strategy: Option<PathBuf>,
    /// When to go long
    #[arg(long, value_name = "EXPR")]
    enter: Option<String>,
    /// When to leave a long position
    #[arg(long, value_name = "EXPR")]
    exit: Option<String>,
    /// When to go short
    #[arg(long, value_name = "EXPR")]
    short_enter: Option<String>,
    /// When to leave a short position
    #[arg(long, value_name = "EXPR")]
    short_exit: Option<String>,
    /// The value of $name in expressions; may be given several times
    #[arg(long, value_name = "name=value")]
    set: Vec<String>,
    /// Size of bars for close, open, … without `@`: 1s 5m 1h 1d, 100t (trades), 25v (volume) [default: that of the data]
    #[arg(long, value_name = "SPEC")]
    bar: Option<String>,
    /// Units to buy, `all` for all cash (fractional units) or `all-whole` (whole units)
    #[arg(long, value_name = "N | all | all-whole")]
    size: Option<String>,
    /// Cash at the start [default: 1000000]
    #[arg(long, value_name = "MONEY")]
    cash: Option<String>,
    /// Fee a side, as a fraction of the money traded [default: 0]
    #[arg(long, value_name = "FRACTION")]
    fee: Option<String>,
    /// When orders are filled: next-open, same-close or next-event
    #[arg(long, value_name = "MODEL")]
    fill: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Write the report, one self-contained HTML file
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
    /// Write the run's manifest: configuration, data fingerprint, code version, output hash
    #[arg(long, value_name = "FILE.json")]
    manifest: Option<PathBuf>,
}

/// Runs the command.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let _ = args;
    Err(Failure::run(anyhow::anyhow!("backtest is not built yet")))
}
