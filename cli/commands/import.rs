//! `tickloom import`: files of others into the Parquet catalog.

use crate::failure::Failure;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  tickloom import GOOG.csv.gz --catalog catalog --instrument GOOG
  tickloom import btcusdt_20240808.gz btcusdt_20240809.gz --catalog catalog --json

Delimiter, header, time format and kind of record (bars, quotes, trades) are found out from the file; raw captures of
Binance's WebSocket streams are decoded as they would be live. gz and zip are read as they are.
A wrong line is reported with file, line, field and value, counted, and left out; nothing is repaired.

Exit codes: 0 read, even if lines were left out (the report says how many), 1 the catalog could not be written,
2 nothing could be read from a file or the command line is wrong.";

/// Import files into the Parquet catalog.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Files: CSV or raw captures, also gz or zip
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The directory of the catalog; made if it is not there
    #[arg(long, value_name = "DIR")]
    catalog: PathBuf,
    /// Name of the instrument [default: the file's name up to its first dot, or what the capture says]
    #[arg(long, value_name = "ID")]
    instrument: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let _ = args;
    Err(Failure::run(anyhow::anyhow!("import is not built yet")))
}
