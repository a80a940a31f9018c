//! The tables of the report: headline figures, months, trades.

use super::monthly::monthly;
use crate::outcome::Outcome;
use crate::text::{UNDEFINED, duration, grouped, money, percent, ratio, time};
use crate::trades::{Fill, Trade};
use std::collections::BTreeMap;
use std::fmt::Write;
use tickloom_types::{
    InstrumentDef, InstrumentId, Instruments, Money, Side, format_decimal, pow10,
};

/// Trades shown; of more, the last.
const TRADES_SHOWN: usize = 1_000;

/// Text within HTML.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// The headline figures.
pub(super) fn figures(outcome: &Outcome) -> String {
    let total = outcome.statistics.total_return;
    let class = match total {
        Some(total) if total < 0.0 => "bad",
        _ => "good",
    };
    let mut html = String::from("<section class=\"figures\">");
    for (name, value, more) in account_figures(outcome) {
        let class = if name == "Total return" { class } else { "" };
        figure(&mut html, class, name, &value, &more);
    }
    for (name, value, more) in trade_figures(outcome) {
        figure(&mut html, "", name, &value, &more);
    }
    html + "</section>\n"
}

fn figure(html: &mut String, class: &str, name: &str, value: &str, more: &str) {
    put(
        html,
        format_args!(
            "<dl><dt>{name}</dt><dd class=\"{class}\">{value}<small>{more}</small></dd></dl>"
        ),
    );
}

type Figure = (&'static str, String, String);

fn account_figures(outcome: &Outcome) -> [Figure; 5] {
    let figures = &outcome.statistics;
    let longest = grouped(figures.longest_drawdown.unwrap_or_default() as u128);
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
            "Sharpe",
            ratio(figures.sharpe),
            format!("Sortino {}", ratio(figures.sortino)),
        ),
        (
            "Max drawdown",
            percent(figures.max_drawdown),
            format!("longest {longest} points"),
        ),
        (
            "Volatility",
            percent(figures.volatility),
            "a year".to_owned(),
        ),
    ]
}

fn trade_figures(outcome: &Outcome) -> [Figure; 5] {
    let trades = &outcome.statistics.trades;
    let open = outcome.trades.iter().filter(|t| t.closed.is_none()).count();
    let factor = match trades.profit_factor {
        None if trades.wins > 0 => "no loss".to_owned(),
        factor => ratio(factor),
    };
    [
        (
            "Trades",
            grouped(trades.trades as u128),
            format!("finished, {open} open"),
        ),
        (
            "Win rate",
            percent(trades.win_rate),
            format!("profit factor {factor}"),
        ),
        (
            "Exposure",
            percent(outcome.statistics.exposure),
            "of the time".to_owned(),
        ),
        (
            "Fills",
            grouped(outcome.fills.len() as u128),
            outcome.refusals(),
        ),
        ("Fees paid", money(outcome.fees_paid), "in all".to_owned()),
    ]
}

/// Returns by month, if there is more than one.
pub(super) fn months(outcome: &Outcome) -> String {
    let years = monthly(outcome.cash.to_f64(), &outcome.months);
    if years.iter().flat_map(|year| year.months).flatten().count() < 2 {
        return String::new();
    }
    let mut html = String::from(
        "<section><h2>Monthly returns</h2><div class=\"scroll\"><table class=\"months\"><tr><th></th>",
    );
    for month in "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec Year".split(' ') {
        put(&mut html, format_args!("<th>{month}</th>"));
    }
    html += "</tr>\n";
    let largest = years
        .iter()
        .flat_map(|year| year.months)
        .flatten()
        .fold(1e-9, |most: f64, value| most.max(value.abs()));
    for year in &years {
        put(&mut html, format_args!("<tr><td>{}</td>", year.year));
        for month in year.months {
            html += &month.map_or_else(|| "<td></td>".to_owned(), |value| shaded(value, largest));
        }
        put(
            &mut html,
            format_args!("<td class=\"total\">{}%</td></tr>\n", tenths(year.total)),
        );
    }
    html + "</table></div></section>\n"
}

fn shaded(value: f64, largest: f64) -> String {
    let colour = if value < 0.0 { "bad" } else { "good" };
    let strength = (value.abs() / largest).sqrt() * 60.0;
    format!(
        "<td style=\"background:color-mix(in srgb,var(--{colour}) {strength:.0}%,transparent)\">{}</td>",
        tenths(value)
    )
}

/// A fraction in percent with one decimal; what rounds to nothing has no sign.
fn tenths(fraction: f64) -> String {
    let text = format!("{:.1}", fraction * 100.0);
    if text == "-0.0" {
        "0.0".to_owned()
    } else {
        text
    }
}

/// The round trips.
pub(super) fn trades(outcome: &Outcome, instruments: &Instruments) -> String {
    let all = &outcome.trades;
    if all.is_empty() {
        return "<section><h2>Trades</h2><p class=\"soft\">None: no order was filled.</p></section>\n".to_owned();
    }
    let shown = &all[all.len().saturating_sub(TRADES_SHOWN)..];
    let mut html = String::from(
        "<section><h2>Trades</h2><p class=\"soft\">A date alone is the end of that day, UTC. A fill bears the time of the bar or event that it happened in.</p>",
    );
    if shown.len() < all.len() {
        put(
            &mut html,
            format_args!(
                "<p class=\"soft\">The last {} of {}.</p>",
                grouped(shown.len() as u128),
                grouped(all.len() as u128)
            ),
        );
    }
    html += "<div class=\"scroll\"><table class=\"trades\"><tr><th>#</th>";
    let with_name = instruments.len() > 1;
    if with_name {
        html += "<th>Instrument</th>";
    }
    html += "<th>Side</th><th>Opened</th><th>Closed</th><th>Held</th><th>Size</th><th>Entry</th><th>Exit</th><th>Fees</th><th>Profit</th><th>Return</th></tr>\n";
    let before = all.len() - shown.len();
    let decimals: BTreeMap<InstrumentId, usize> = (0..)
        .map(InstrumentId)
        .zip(instruments.defs())
        .map(|(id, def)| (id, price_decimals(&outcome.fills, def, id)))
        .collect();
    for (at, trade) in shown.iter().enumerate() {
        let Some(def) = instruments.get(trade.instrument) else {
            continue;
        };
        put(&mut html, format_args!("<tr><td>{}</td>", before + at + 1));
        if with_name {
            put(&mut html, format_args!("<td>{}</td>", escape(&def.name)));
        }
        html += &trade_cells(trade, def, decimals[&trade.instrument]);
    }
    html + "</table></div></section>\n"
}

/// Decimals that the prices of an instrument's fills need, two at least: scales are often finer than prices.
fn price_decimals(fills: &[Fill], def: &InstrumentDef, id: InstrumentId) -> usize {
    let finest = fills
        .iter()
        .filter(|fill| fill.instrument == id)
        .map(|fill| {
            let zeros = (0..def.price_decimals).take_while(|n| fill.price % pow10(n + 1) == 0);
            usize::from(def.price_decimals) - zeros.count()
        });
    finest.max().unwrap_or_default().max(2)
}

fn trade_cells(trade: &Trade, def: &InstrumentDef, decimals: usize) -> String {
    let side = match trade.side {
        Side::Buy => "long",
        Side::Sell => "short",
    };
    let closed = trade.closed.map_or_else(|| "open".to_owned(), time);
    let held = trade.closed.map_or_else(
        || UNDEFINED.to_owned(),
        |closed| duration(closed.0 - trade.opened.0),
    );
    let class = if trade.profit < Money::ZERO {
        "bad"
    } else {
        "good"
    };
    let units = trade.qty as f64 / 10_f64.powi(i32::from(def.qty_decimals));
    let paid = trade.entry * units * def.multiplier_f64();
    let gain = (paid > 0.0).then(|| trade.profit.to_f64() / paid);
    format!(
        "<td>{side}</td><td>{}</td><td>{closed}</td><td>{held}</td><td>{}</td><td>{:.decimals$}</td><td>{:.decimals$}</td><td>{}</td><td class=\"{class}\">{}</td><td class=\"{class}\">{}</td></tr>\n",
        time(trade.opened),
        format_decimal(i128::from(trade.qty), def.qty_decimals),
        trade.entry,
        trade.exit,
        money(trade.fees),
        money(trade.profit),
        percent(gain),
    )
}

/// Adds to a page; writing to a `String` cannot fail.
pub(super) fn put(html: &mut String, text: std::fmt::Arguments<'_>) {
    html.write_fmt(text)
        .expect("writing to a string cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_to_nothing_has_no_sign() {
        assert_eq!(tenths(-0.000_1), "0.0");
        assert_eq!(tenths(-0.012), "-1.2");
    }

    #[test]
    fn text_cannot_become_markup() {
        assert_eq!(escape("a<b & \"c\">"), "a&lt;b &amp; &quot;c&quot;&gt;");
    }
}
