//! `tickloom verify-stream`: compares what a subscriber wrote down with the journal of the run.

use crate::failure::Failure;
use crate::output::{self, Style};
use crate::stream_check::{self, Checked, Compared, Missed};
use anyhow::anyhow;
use serde_json::{Value, json};
use std::path::PathBuf;
use tickloom_backtest::text::grouped;

const EXAMPLES: &str = "\
Examples:
  tickloom verify-stream came.tls recorded/journal/20240808T235413Z
  tickloom verify-stream came.tls recorded/journal/20240808T235413Z --json

Every message in the file must be the journal's record of its number, byte for byte, or lie in a range that a later session
has taken back; a state must be what the journal's inputs give when they are stepped; no topic's sequence may have a hole that the subscriber has not counted. What is in the journal and did not
come is counted as missed. Compare when the run has stopped: a message is published before it is in the journal.

Exit codes: 0 nothing disagrees, 1 something does (all of it is named), 2 one of them can't be read.";

/// Compare a recorded stream with the journal.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// What `tickloom subscribe --record` wrote
    file: PathBuf,
    /// The directory of the run's journal
    journal: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let checked = stream_check::check(&args.file, &args.journal).map_err(Failure::input)?;
    if args.json {
        output::json(&json(&checked))?;
    } else {
        print(&checked);
    }
    match checked.faults.count {
        0 => Ok(()),
        count => Err(Failure::run(anyhow!(
            "{}: disagreements with the journal: {count}",
            args.file.display()
        ))),
    }
}

fn json(checked: &Checked) -> Value {
    let missed = |missed: &Missed| {
        let ranges = missed.ranges.iter();
        let ranges: Vec<_> = ranges.map(|range| [range.start, range.end]).collect();
        json!({ "messages": missed.messages, "ranges": ranges })
    };
    let side = |side: &Compared| {
        json!({
            "found": side.found,
            "retracted": side.retracted,
            "missed": missed(&side.between),
            "before": missed(&side.before),
            "after": missed(&side.after),
        })
    };
    json!({
        "run": checked.run,
        "agrees": checked.faults.count == 0,
        "messages": checked.messages,
        "of_other_runs": checked.of_other_runs,
        "counted_losses": checked.losses,
        "torn_bytes": checked.torn.map_or(0, |torn| torn.bytes),
        "inputs": side(&checked.inputs),
        "outputs": side(&checked.outputs),
        "states": {
            "found": checked.states.compared,
            "retracted": checked.states.retracted,
            "not_compared": checked.states.left_out,
            "why": checked.states.why,
        },
        "disagreements": checked.faults.count,
        "first_disagreements": checked.faults.texts,
    })
}

fn print(checked: &Checked) {
    let row = |name: &str, value: &str| output::line(&format!("  {name:<18} {value}"));
    let number = |number: u64| grouped(u128::from(number));
    output::line(&output::styled(&checked.run, Style::Bold));
    row("Messages", &number(checked.messages));
    row("Of other runs", &number(checked.of_other_runs));
    row("Counted losses", &number(checked.losses));
    if let Some(torn) = checked.torn {
        let text = format!(
            "cut off at byte {}, {} bytes of a torn entry",
            torn.offset, torn.bytes
        );
        row("File's end", &text);
    }
    for (name, side) in [("Inputs", &checked.inputs), ("Outputs", &checked.outputs)] {
        row(name, &format!("{} in the journal", number(side.found)));
        row("", &format!("{} retracted", number(side.retracted)));
        let missed = |what: &str, missed: &Missed| {
            if missed.messages > 0 {
                let (count, ranges) = (number(missed.messages), missed.text());
                row("", &format!("{count} {what}: {ranges}"));
            }
        };
        missed("before the subscription", &side.before);
        missed("missed", &side.between);
        missed("after the last that came", &side.after);
    }
    let states = &checked.states;
    row(
        "States",
        &format!("{} stepped again", number(states.compared)),
    );
    if states.retracted > 0 {
        row("", &format!("{} retracted", number(states.retracted)));
    }
    if let Some(why) = &states.why {
        row(
            "",
            &format!("{} not compared: {why}", number(states.left_out)),
        );
    }
    for text in &checked.faults.texts {
        row("Disagrees", text);
    }
    let verdict = match checked.faults.count {
        0 => "what came is what the journal holds",
        _ => "DIFFERENT",
    };
    row("Verdict", verdict);
}
