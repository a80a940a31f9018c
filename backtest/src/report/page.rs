//! The page itself: puts figures, pictures and tables in their order.

use super::ReportError;
use super::chart::{self, Ink, Layer, Unit};
use super::reduce::{reduce, sample};
use super::tables::{escape, figures, months, put, trades};
use crate::manifest::{FILLS, Manifest, STRATEGY};
use crate::outcome::Outcome;
use crate::text::{self, grouped, time};
use serde_json::{Map, Value, json};
use tickloom_types::{InstrumentId, Instruments, Side, Ts, pow10};

/// Stretches of time that a picture distinguishes: about its width in pixels.
const BUCKETS: usize = 1_000;
/// Marks of each side in one picture.
const MARKS: usize = 400;
/// Instruments that get a picture of their prices.
const PRICE_CHARTS: usize = 4;

pub(super) fn page(outcome: &Outcome, manifest: &Manifest) -> Result<String, ReportError> {
    let instruments = &manifest.config.instruments;
    let name = escape(&manifest.title);
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{name} – backtest</title>\n<style>\n{}</style></head>\n<body><main>\n",
        include_str!("page.css")
    );
    html += &heading(outcome, manifest);
    html += &figures(outcome);
    html += &notes(outcome, manifest);
    let mut readings = Readings::new(outcome);
    html += &equity_figure(outcome, &mut readings)?;
    html += &drawdown_figure(outcome, &mut readings)?;
    for (id, prices) in outcome.curve.prices.iter().take(PRICE_CHARTS) {
        html += &price_figure(outcome, instruments, (*id, prices), &mut readings)?;
    }
    html += &months(outcome);
    html += &trades(outcome, instruments);
    html += &repeat(manifest)?;
    put(
        &mut html,
        format_args!(
            "</main>\n<script type=\"application/json\" id=\"points\">{}</script>\n<script>\n{}</script>\n</body></html>\n",
            within_script(&readings.into_json())?,
            include_str!("page.js")
        ),
    );
    Ok(html)
}

fn heading(outcome: &Outcome, manifest: &Manifest) -> String {
    let range = match outcome.statistics.range {
        Some((first, last)) => format!("{} to {} UTC", time(Ts(first)), time(Ts(last))),
        None => "no data".to_owned(),
    };
    let mut html = format!(
        "<header><h1>{}</h1><p>{range} · {} bars · {} records</p></header>\n<section><dl class=\"rules\">",
        escape(&manifest.title),
        grouped(u128::from(outcome.bars)),
        grouped(u128::from(outcome.events)),
    );
    let strategies = manifest.rules.iter();
    let strategies = strategies.filter(|(name, _)| name == STRATEGY).count();
    for (at, (name, value)) in manifest.rules.iter().enumerate() {
        // Of several strategies each stands by itself, and so do the settings that they share.
        let begins = at > 0 && strategies > 1 && (name == STRATEGY || name == FILLS);
        let class = if begins { " class=\"next\"" } else { "" };
        put(
            &mut html,
            format_args!(
                "<dt{class}>{}</dt><dd><code>{}</code></dd>",
                escape(name),
                escape(value)
            ),
        );
    }
    html + "</dl></section>\n"
}

/// What has to be known to read the figures: what never came, what was left out, what is assumed, why figures are undefined.
fn notes(outcome: &Outcome, manifest: &Manifest) -> String {
    let mut notes: Vec<(&str, String)> = Vec::new();
    let warnings = manifest.warnings.iter().cloned();
    notes.extend(warnings.map(|warning| ("Warning", warning)));
    let left_out = manifest.data.left_out.as_ref();
    if let Some(left_out) = left_out.filter(|left_out| left_out.refused > 0) {
        notes.push(("Left out", text::left_out(left_out)));
        let places = left_out.places.iter().cloned();
        notes.extend(places.map(|place| ("", place)));
    }
    let data = manifest.data.notes.iter().cloned();
    notes.extend(data.map(|note| ("Data", note)));
    let assumptions = manifest.assumptions.iter().cloned();
    notes.extend(assumptions.map(|assumption| ("Assumed", assumption)));
    for (why, names) in outcome.statistics.reasons() {
        notes.push((
            "Undefined",
            format!("{}: {why}", names.join(", ").replace('_', " ")),
        ));
    }
    if notes.is_empty() {
        return String::new();
    }
    let mut html = String::from("<section><h2>To be known</h2><dl class=\"rules notes\">");
    for (name, text) in notes {
        let class = if name == "Warning" {
            " class=\"bad\""
        } else {
            ""
        };
        put(
            &mut html,
            format_args!("<dt{class}>{name}</dt><dd>{}</dd>", escape(&text)),
        );
    }
    html + "</dl></section>\n"
}

/// Values under the pointer, at the last point of each stretch of time.
struct Readings<'a> {
    outcome: &'a Outcome,
    at: Vec<usize>,
    names: Map<String, Value>,
    values: Map<String, Value>,
}

impl<'a> Readings<'a> {
    fn new(outcome: &'a Outcome) -> Readings<'a> {
        Readings {
            outcome,
            at: sample(&outcome.curve.ts, BUCKETS),
            names: Map::new(),
            values: Map::new(),
        }
    }

    fn add(&mut self, key: &str, name: &str, values: &[f64]) {
        let rounded = |value: f64| format!("{value:.9}").parse::<f64>().unwrap_or(value);
        let values: Vec<f64> = self.at.iter().map(|at| rounded(values[*at])).collect();
        self.names.insert(key.to_owned(), json!(name));
        self.values.insert(key.to_owned(), json!(values));
    }

    fn into_json(self) -> Value {
        let ts = &self.outcome.curve.ts;
        let millis = |ts: i64| ts as f64 / 1e6;
        let time: Vec<f64> = self.at.iter().map(|at| millis(ts[*at])).collect();
        let (first, last) = span(self.outcome);
        json!({
            "plot": chart::PLOT,
            "span": [millis(first), millis(last)],
            "time": time,
            "names": self.names,
            "values": self.values,
        })
    }
}

fn span(outcome: &Outcome) -> (i64, i64) {
    let ts = &outcome.curve.ts;
    match (ts.first(), ts.last()) {
        (Some(first), Some(last)) => (*first, *last),
        _ => (0, 0),
    }
}

fn equity_figure(outcome: &Outcome, readings: &mut Readings<'_>) -> Result<String, ReportError> {
    let curve = &outcome.curve;
    readings.add("equity", "equity", &curve.equity);
    let mut layers = Vec::new();
    let mut series = "equity".to_owned();
    let mut key = "<i class=\"key\" style=\"color:var(--main)\"></i>equity".to_owned();
    if let [(_, prices)] = curve.prices.as_slice()
        && let Some(start) = prices.iter().find(|price| **price > 0.0)
    {
        let cash = outcome.cash.to_f64();
        let hold: Vec<f64> = prices.iter().map(|price| cash * price / start).collect();
        readings.add("hold", "buy and hold", &hold);
        layers.push(Layer::Line(reduce(&curve.ts, &hold, BUCKETS), Ink::Other));
        series += " hold";
        key += "<i class=\"key\" style=\"color:var(--other)\"></i>buy and hold, without fees";
    }
    let points = reduce(&curve.ts, &curve.equity, BUCKETS);
    layers.push(Layer::Line(points, Ink::Main));
    let svg = chart::draw(span(outcome), 320, Unit::Amount, &layers).map_err(ReportError::Chart)?;
    Ok(figure("Equity", &series, &key, &svg))
}

fn drawdown_figure(outcome: &Outcome, readings: &mut Readings<'_>) -> Result<String, ReportError> {
    let curve = &outcome.curve;
    let below: Vec<f64> = curve.drawdown.iter().map(|depth| 0.0 - depth).collect();
    readings.add("drawdown", "below the peak", &below);
    let layers = [Layer::Area(reduce(&curve.ts, &below, BUCKETS), Ink::Fall)];
    let svg =
        chart::draw(span(outcome), 170, Unit::Percent, &layers).map_err(ReportError::Chart)?;
    Ok(figure(
        "Drawdown",
        "drawdown",
        "below the highest equity so far",
        &svg,
    ))
}

fn price_figure(
    outcome: &Outcome,
    instruments: &Instruments,
    (id, prices): (InstrumentId, &[f64]),
    readings: &mut Readings<'_>,
) -> Result<String, ReportError> {
    let name = instruments.get(id).map_or("?", |def| def.name.as_str());
    let series = format!("price{}", id.0);
    readings.add(&series, name, prices);
    let points = reduce(&outcome.curve.ts, prices, BUCKETS);
    let (buys, all_buys) = marks(outcome, instruments, id, Side::Buy);
    let (sales, all_sales) = marks(outcome, instruments, id, Side::Sell);
    let mut key = "<i class=\"up\">▲</i>bought<i class=\"down\">▼</i>sold".to_owned();
    let shown = buys.len() + sales.len();
    if shown < all_buys + all_sales {
        put(
            &mut key,
            format_args!(" · {shown} of {} fills marked", all_buys + all_sales),
        );
    }
    let layers = [
        Layer::Line(points, Ink::Main),
        Layer::Marks(buys, Side::Buy),
        Layer::Marks(sales, Side::Sell),
    ];
    let svg = chart::draw(span(outcome), 300, Unit::Price, &layers).map_err(ReportError::Chart)?;
    let title = format!("{} and fills", escape(name));
    Ok(figure(&title, &series, &key, &svg))
}

/// The fills of one side as points, and how many there are in all: of very many, evenly chosen ones.
fn marks(
    outcome: &Outcome,
    instruments: &Instruments,
    id: InstrumentId,
    side: Side,
) -> (Vec<(i64, f64)>, usize) {
    let scale = instruments
        .get(id)
        .map_or(1.0, |def| pow10(def.price_decimals) as f64);
    let all: Vec<(i64, f64)> = outcome
        .fills
        .iter()
        .filter(|fill| fill.instrument == id && fill.side == side)
        .map(|fill| (fill.ts.0, fill.price as f64 / scale))
        .collect();
    let every = all.len().div_ceil(MARKS).max(1);
    (all.iter().copied().step_by(every).collect(), all.len())
}

fn figure(title: &str, series: &str, key: &str, svg: &str) -> String {
    format!(
        "<figure data-series=\"{series}\"><figcaption><h2>{title}</h2><span data-reading>{key}</span></figcaption>\n{svg}</figure>\n"
    )
}

/// What it takes to repeat the run.
fn repeat(manifest: &Manifest) -> Result<String, ReportError> {
    let data = &manifest.data;
    Ok(format!(
        "<section><h2>To repeat this run</h2><dl class=\"rules\" style=\"margin-top:10px\">\
         <dt>Output hash</dt><dd><code>{}</code></dd><dt>Data</dt><dd>{}, {} records, hash <code>{}</code></dd>\
         <dt>Code</dt><dd>tickloom {}</dd></dl>\n<details><summary>Manifest</summary><pre>{}</pre></details></section>\n\
         <footer>Two runs are the same if their output hashes are.</footer>\n",
        escape(&manifest.output_hash),
        escape(&data.source),
        grouped(u128::from(data.records)),
        escape(&data.hash),
        escape(&manifest.code_version),
        escape(&serde_json::to_string_pretty(manifest)?),
    ))
}

/// JSON that cannot end the script element that it is in.
fn within_script(value: &Value) -> Result<String, ReportError> {
    Ok(serde_json::to_string(value)?.replace('<', "\\u003c"))
}
