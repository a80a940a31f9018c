//! `tickloom signals`: the table of indicators, with definitions.

use crate::failure::Failure;
use crate::output::{self, Style};

/// What is not a function.
const NOTES: &str = "\
Fields:     open high low close volume (of bars), bid ask mid spread microprice imbalance last bid_qty ask_qty (of ticks)
            BTCUSDT.close is of another instrument, close@5m of another bar size, $name a value from --set
Operators:  + - * /, < <= > >= == !=, and or not, parentheses
A value is not ready while it warms up, and a condition on one is not ready either: it is never a zero.";

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

#[derive(serde::Serialize)]
struct Row {
    name: &'static str,
    usage: String,
    outputs: &'static [&'static str],
    definition: &'static str,
    warm_up: &'static str,
    example: &'static str,
}

/// Prints the table.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let rows: Vec<Row> = tickloom_signals::table().iter().map(row).collect();
    if args.json {
        return output::json(&rows);
    }
    for row in &rows {
        output::line(&output::styled(&row.usage, Style::Bold));
        output::line(&format!("    {}", row.definition));
        if !row.outputs.is_empty() {
            output::line(&format!("    outputs: .{}", row.outputs.join(" .")));
        }
        output::line(&format!("    warm-up: {}", row.warm_up));
        output::line(&format!("    example: {}", row.example));
    }
    output::line(&output::styled(NOTES, Style::Dim));
    Ok(())
}

fn row(doc: &tickloom_signals::FunctionDoc) -> Row {
    Row {
        name: doc.name,
        usage: doc.usage(),
        outputs: doc.outputs,
        definition: doc.definition,
        warm_up: doc.warm_up,
        example: doc.example,
    }
}
