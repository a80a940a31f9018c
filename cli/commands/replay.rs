//! `tickloom replay`: runs a journal again and compares what comes out with what came out then.

use crate::failure::Failure;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  tickloom replay --verify recorded/journal/20240808T235413Z
  tickloom replay --verify recorded/journal/20240808T235413Z --json

The core is built from the configuration in the journal, takes the journal's inputs in their order, and every byte of
its outputs is compared with the outputs in the journal. A journal that was cut off (kill -9, power) must hold a prefix
of them.

Exit codes: 0 equal, 1 different (the first difference is shown), 2 the journal can't be read.";

/// Run a journal again and compare every output byte.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The directory of one run's journal
    #[arg(long, value_name = "JOURNAL", required = true)]
    verify: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let _ = args;
    Err(Failure::run(anyhow::anyhow!("replay is not built yet")))
}
