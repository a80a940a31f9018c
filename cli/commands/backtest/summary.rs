//! What `tickloom backtest` says of a run: one JSON object, or a table for people.

use super::results::Written;
use crate::output::{self, Style};
use serde_json::{Map, Value, json};
use tickloom_backtest::text::left_out as left_out_in_words;
use tickloom_backtest::text::{grouped, money, percent, ratio, time};
use tickloom_backtest::{Manifest, Outcome};
use tickloom_data::{CacheStats, Ledger, Taken};

/// The object that `--json` prints. Money is a decimal string, exact.
pub(super) fn json(
    outcome: &Outcome,
    manifest: &Manifest,
    ledger: Option<&Ledger>,
    cache: Option<CacheStats>,
    taken: Option<&Taken>,
    files: &[Written],
) -> Value {
    let figures = &outcome.statistics;
    json!({
        "bars": outcome.bars,
        "events": outcome.events,
        "fills": outcome.fills.len(),
        "trades": figures.trades.trades,
        "orders_refused": outcome.orders_refused(),
        "refused": outcome.refused,
        "cash": outcome.cash.to_string(),
        "final_equity": outcome.final_equity.to_string(),
        "fees_paid": outcome.fees_paid.to_string(),
        "total_return": figures.total_return,
        "cagr": figures.cagr,
        "volatility": figures.volatility,
        "sharpe": figures.sharpe,
        "sortino": figures.sortino,
        "max_drawdown": figures.max_drawdown,
        "longest_drawdown": figures.longest_drawdown,
        "exposure": figures.exposure,
        "win_rate": figures.trades.win_rate,
        "profit_factor": figures.trades.profit_factor,
        "periods_per_year": figures.periods_per_year,
        "undefined": figures.undefined,
        "output_hash": outcome.output_hash,
        "assumptions": manifest.assumptions,
        "warnings": manifest.warnings,
        "never_ready": outcome.never_ready,
        "never_closed": outcome.never_closed,
        "waiting": outcome.waiting,
        "unquoted": outcome.waiting.iter().filter(|order| order.is_unquoted).collect::<Vec<_>>(),
        "input": manifest.data.left_out,
        "notes": manifest.data.notes,
        "taken": taken,
        "quality": ledger.map(quality),
        "cache": cache,
        "files": files,
        "manifest": manifest,
    })
}

/// How many rows the ledger of the records has, of each kind.
fn quality(ledger: &Ledger) -> Value {
    let kinds: Map<String, Value> = ledger
        .kinds()
        .into_iter()
        .map(|(kind, rows)| (kind.name().to_owned(), rows.into()))
        .collect();
    json!({ "rows": ledger.rows.len(), "more": ledger.more, "kinds": kinds })
}

/// Prints the table.
pub(super) fn print(outcome: &Outcome, manifest: &Manifest) {
    let range = match (manifest.data.first, manifest.data.last) {
        (Some(first), Some(last)) => format!("{} to {} UTC", time(first), time(last)),
        _ => "no points".to_owned(),
    };
    output::line(&format!(
        "{}  {range}  {} bars, {} records",
        output::styled(&manifest.title, Style::Bold),
        grouped(u128::from(outcome.bars)),
        grouped(u128::from(outcome.events)),
    ));
    for (name, value) in &manifest.rules {
        output::line(&format!(
            "  {} {value}",
            output::styled(&format!("{name:<13}"), Style::Dim)
        ));
    }
    output::line("");
    for (name, value, more) in rows(outcome) {
        let padded = format!("{value:>18}");
        let padded = match (name, outcome.statistics.total_return) {
            ("Total return", Some(total)) if total < 0.0 => output::styled(&padded, Style::Bad),
            ("Total return", Some(_)) => output::styled(&padded, Style::Good),
            _ => padded,
        };
        output::line(&format!(
            "  {name:<13}{padded}   {}",
            output::styled(&more, Style::Dim)
        ));
    }
    output::line("");
    for (name, text) in notes(outcome, manifest) {
        let style = if name == "Warning" {
            Style::Bad
        } else {
            Style::Dim
        };
        output::line(&output::styled(&format!("  {name:<13} {text}"), style));
    }
    output::line(&format!("\n  {:<13} {}", "Data hash", outcome.data_hash));
    output::line(&format!("  {:<13} {}", "Output hash", outcome.output_hash));
}

/// What has to be known to read the figures.
fn notes(outcome: &Outcome, manifest: &Manifest) -> Vec<(&'static str, String)> {
    let warnings = manifest.warnings.iter().cloned();
    let mut notes: Vec<(&str, String)> = warnings.map(|text| ("Warning", text)).collect();
    let left_out = manifest.data.left_out.iter();
    let left_out = left_out.filter(|left_out| left_out.refused > 0);
    notes.extend(left_out.map(|left_out| ("Left out", left_out_in_words(left_out))));
    let assumptions = manifest.assumptions.iter().cloned();
    notes.extend(assumptions.map(|text| ("Assumed", text)));
    for (why, names) in outcome.statistics.reasons() {
        let names = names.join(", ").replace('_', " ");
        notes.push(("Undefined", format!("{names}: {why}")));
    }
    notes
}

fn rows(outcome: &Outcome) -> [(&'static str, String, String); 8] {
    let figures = &outcome.statistics;
    let trades = &figures.trades;
    let open = outcome.trades.iter().filter(|t| t.closed.is_none()).count();
    [
        (
            "Final equity",
            money(outcome.final_equity),
            format!("from {}", money(outcome.cash)),
        ),
        (
            "Total return",
            percent(figures.total_return),
            outcome.pace(),
        ),
        (
            "Max drawdown",
            percent(figures.max_drawdown),
            match figures.volatility {
                Some(_) => format!("volatility {} a year", percent(figures.volatility)),
                None => "volatility –".to_owned(),
            },
        ),
        (
            "Sharpe",
            ratio(figures.sharpe),
            format!("Sortino {}", ratio(figures.sortino)),
        ),
        (
            "Fills",
            grouped(outcome.fills.len() as u128),
            outcome.refusals(),
        ),
        (
            "Trades",
            grouped(trades.trades as u128),
            format!("finished, {open} open"),
        ),
        (
            "Win rate",
            percent(trades.win_rate),
            format!("profit factor {}", ratio(trades.profit_factor)),
        ),
        (
            "Fees paid",
            money(outcome.fees_paid),
            format!("in the market {} of the time", percent(figures.exposure)),
        ),
    ]
}
