//! `tickloom replay`: runs a journal again and compares what comes out with what came out then.

use crate::failure::Failure;
use crate::output::{self, Style};
use crate::stop::Stop;
use anyhow::anyhow;
use std::ops::ControlFlow;
use std::path::PathBuf;
use tickloom_backtest::text::grouped;
use tickloom_backtest::{BacktestError, Difference, Verified};

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
    let stop = Stop::catch()?;
    let progress = output::progress(None, "replay");
    let found = tickloom_backtest::verify(&args.verify, |done| {
        progress.set_position(done);
        if stop.is_wanted() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    progress.finish_and_clear();
    let found = found.map_err(|error| match error {
        BacktestError::Stopped(_) => Failure::Stopped(error.into()),
        _ => Failure::input(error),
    })?;
    if args.json {
        output::json(&json(&found))?;
    } else {
        print(&found);
    }
    if found.is_equal() {
        return Ok(());
    }
    Err(Failure::run(anyhow!(match &found.difference {
        Some(difference) => format!(
            "the replay differs from the journal at {}",
            difference.text()
        ),
        None => "the replay's hash is not the one that the journal was closed with".to_owned(),
    })))
}

fn json(found: &Verified) -> serde_json::Value {
    serde_json::json!({
        "run": found.run,
        "equal": found.is_equal(),
        "inputs": found.inputs,
        "outputs": found.outputs,
        "recorded_outputs": found.recorded,
        "closed": found.closed,
        "torn_bytes": found.torn.as_ref().map_or(0, |torn| torn.bytes),
        "output_hash": found.output_hash,
        "recorded_hash": found.recorded_hash,
        "difference": found.difference.as_ref().map(Difference::text),
    })
}

fn print(found: &Verified) {
    let row = |name: &str, value: &str| output::line(&format!("  {name:<18} {value}"));
    output::line(&output::styled(&found.run, Style::Bold));
    row("Inputs", &grouped(u128::from(found.inputs)));
    row("Outputs now", &grouped(u128::from(found.outputs)));
    row("Outputs recorded", &grouped(u128::from(found.recorded)));
    let end = match (&found.torn, found.closed) {
        (_, true) => "closed in order".to_owned(),
        (None, false) => "cut off after a whole block".to_owned(),
        (Some(torn), false) => format!("cut off, {} bytes of a torn block", torn.bytes),
    };
    row("Journal's end", &end);
    row("Output hash", &found.output_hash);
    let verdict = match (found.is_equal(), found.closed) {
        (true, true) => "equal, every byte",
        (true, false) => "equal, every byte up to where the journal was cut off",
        (false, _) => "DIFFERENT",
    };
    row("Verdict", verdict);
}
