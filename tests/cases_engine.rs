//! Inputs that once went wrong in the engine, with their right values: the real binary over small files, each fault by its kind.
//!
//! Files are in `tests/cases`, of which each is as it was found. Right values are worked out by hand, or by the plain models here.
//! Elsewhere: moments and the order of two venues in `order.rs`, a feed that is refused in `live_troubles.rs`, threads and segments
//! that cannot be in `live.rs`. A stop that was triggered without size is tested in the core alone (`trade/tests/steps.rs`): only
//! strategies in code submit stops, and no command runs one.

#![cfg(test)]

mod cli;
mod common;

use cli::{Ran, tickloom, workspace};
use common::{Running, read_journal, until, verify};
use serde_json::Value;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use tickloom_data::Catalog;
use tickloom_feeds::capture::CaptureSource;
use tickloom_feeds::local_venue::{LocalVenue, LocalVenueConfig};
use tickloom_journal::RunMeta;
use tickloom_types::{
    Header, InstrumentDef, Instruments, Kind, Record, SignalBody, SourceDef, SourceKind, Ts,
};

fn case(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    folder.join(name).display().to_string()
}

fn backtest(data: &str, more: &[&str]) -> Ran {
    tickloom(&[&["backtest", "--data", data], more].concat())
}

fn json(data: &str, more: &[&str]) -> Value {
    let ran = backtest(data, &[more, &["--json"]].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    serde_json::from_str(&ran.stdout).unwrap()
}

/// Refused before the run: exit code 2, nothing on stdout, and this on stderr.
fn refused(data: &str, more: &[&str], expected: &str) {
    let ran = backtest(data, more);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:?}");
    assert!(
        ran.stderr.contains(expected),
        "{expected:?} in {}",
        ran.stderr
    );
}

fn near(value: &Value, expected: f64) {
    let found = value
        .as_f64()
        .unwrap_or_else(|| panic!("{value} is {expected}"));
    let distance = (found - expected).abs();
    assert!(
        distance <= 1e-9 * expected.abs().max(1e-3),
        "{found} {expected}"
    );
}

/// Buys at once and holds.
const HOLD: [&str; 6] = [
    "--enter",
    "close > 0",
    "--exit",
    "close < 0",
    "--fill",
    "same-close",
];

// Statistics.

/// 5 x 100 x 0.01 = 5 of 1,000 are gone at the first close, and stay gone.
#[test]
fn a_fee_at_the_start_is_a_fall() {
    let options = ["--size", "5", "--cash", "1000", "--fee", "0.01"];
    let found = json(&case("fee-at-start.csv"), &[&HOLD[..], &options].concat());
    near(&found["total_return"], -0.005);
    near(&found["max_drawdown"], 0.005);
    assert_eq!(found["longest_drawdown"], 3);
    assert_eq!(found["final_equity"], "995");
}

#[test]
fn constant_returns_have_no_ratio() {
    let options = ["--size", "10", "--cash", "1000"];
    let found = json(
        &case("constant-returns.csv"),
        &[&HOLD[..], &options].concat(),
    );
    assert_eq!(found["sharpe"], Value::Null);
    assert_eq!(found["sortino"], Value::Null);
    assert_eq!(found["undefined"]["sharpe"], "the returns do not differ");
    assert_eq!(found["undefined"]["sortino"], "the returns do not differ");
    near(&found["total_return"], 0.948_717_1);
}

#[test]
fn one_return_has_no_ratio() {
    let options = ["--size", "10", "--cash", "1000"];
    let found = json(&case("one-return.csv"), &[&HOLD[..], &options].concat());
    assert_eq!(found["sharpe"], Value::Null);
    assert_eq!(found["sortino"], Value::Null);
    let few = "there are fewer than two returns";
    assert_eq!(found["undefined"]["sharpe"], few);
    assert_eq!(found["undefined"]["sortino"], few);
    near(&found["max_drawdown"], 0.1);
}

/// Bars of minutes: enough returns, and no year in them.
#[test]
fn minutes_are_not_told_by_the_year() {
    let dir = workspace();
    let file = dir.path().join("minutes.csv");
    let mut text = "time,open,high,low,close,volume\n".to_owned();
    for minute in 0..50 {
        let close = 100 + minute % 7;
        writeln!(
            text,
            "2024-01-02T10:{minute:02}:00Z,{close},{close},{close},{close},1"
        )
        .unwrap();
    }
    std::fs::write(&file, text).unwrap();
    let file = file.display().to_string();
    let found = json(&file, &HOLD);
    for figure in [
        "sharpe",
        "sortino",
        "volatility",
        "cagr",
        "periods_per_year",
    ] {
        assert_eq!(found[figure], Value::Null, "{figure}");
        let why = found["undefined"][figure].as_str().unwrap();
        assert!(
            why.starts_with("a year is not told from less than 30 days"),
            "{why}"
        );
    }
    let ran = backtest(&file, &HOLD);
    assert!(
        ran.stdout
            .contains("sharpe, sortino, volatility: a year is not told"),
        "{}",
        ran.stdout
    );
}

/// 140,000 trades, one each 20 seconds, are a point each: more than are kept. The figures are those of a model that keeps all.
#[test]
fn thinning_the_curve_changes_no_figure() {
    const TRADES: i64 = 140_000;
    let dir = workspace();
    let file = dir.path().join("ticks.csv");
    let mut text = "time,price,qty\n".to_owned();
    let start = Ts::parse("2024-01-01T00:00:01Z").unwrap().0;
    // In cents. One trade in the middle is a tenth of the others.
    let price = |at: i64| match at {
        70_001 => 1_000,
        _ => 10_000 + (at * 7_919) % 61 + (at * at) % 37,
    };
    for at in 0..TRADES {
        let ts = Ts(start + at * 20_000_000_000);
        writeln!(text, "{ts},{}.{:02},1", price(at) / 100, price(at) % 100).unwrap();
    }
    std::fs::write(&file, text).unwrap();
    let rules = [
        "--enter", "last > 0", "--exit", "last < 0", "--size", "10", "--cash", "10000",
    ];
    let found = json(
        &file.display().to_string(),
        &[&rules[..], &["--no-quality"]].concat(),
    );

    // Decided at the first trade, bought 10 at the second.
    let bought = price(1) as f64 / 100.0;
    let equity: Vec<f64> = (0..TRADES)
        .map(|at| match at {
            0 => 10_000.0,
            _ => 10_000.0 + 10.0 * (price(at) as f64 / 100.0 - bought),
        })
        .collect();
    let (mut peak, mut deepest) = (10_000.0_f64, 0.0_f64);
    for value in &equity {
        peak = peak.max(*value);
        deepest = deepest.max(1.0 - value / peak);
    }
    let returns: Vec<f64> = equity
        .windows(2)
        .map(|pair| pair[1] / pair[0] - 1.0)
        .collect();
    let count = returns.len() as f64;
    let mean = returns.iter().sum::<f64>() / count;
    let squares: f64 = returns.iter().map(|value| (value - mean).powi(2)).sum();
    let losses: f64 = returns
        .iter()
        .filter(|value| **value < 0.0)
        .map(|v| v * v)
        .sum();
    let root = (365.25 * 86_400.0 / 20.0_f64).sqrt();
    let deviation = (squares / (count - 1.0)).sqrt();
    near(&found["max_drawdown"], deepest);
    near(&found["volatility"], deviation * root);
    near(&found["sharpe"], mean / deviation * root);
    near(&found["sortino"], mean / (losses / count).sqrt() * root);
    near(&found["exposure"], (count) / (count + 1.0));
}

// Expressions.

/// A strength index of what has not moved is undefined, and what is undefined is not ready.
#[test]
fn a_flat_price_has_no_strength() {
    let rules = [
        "--enter",
        "rsi(close, 14) < 30",
        "--exit",
        "rsi(close, 14) > 70",
        "--size",
        "1",
    ];
    let found = json(&case("flat-price.csv"), &rules);
    assert_eq!(found["fills"], 0);
    assert_eq!(found["never_ready"][0]["field"], "enter");
    assert_eq!(found["never_ready"][1]["field"], "exit");
    let warning = "strategy rules: enter \"rsi(close, 14) < 30\" was never ready";
    assert!(
        found["warnings"][0].as_str().unwrap().starts_with(warning),
        "{found}"
    );
    let ran = backtest(&case("flat-price.csv"), &rules);
    assert!(ran.stdout.contains(warning), "{}", ran.stdout);
}

/// Bars of a week over ten days that begin within one are known only at the end.
#[test]
fn bars_that_never_closed_are_told() {
    let data = case("fee-at-start.csv");
    let rules = [
        "--enter",
        "close@1w > 0 or close > 0",
        "--exit",
        "close < 0",
        "--size",
        "1",
    ];
    let found = json(&data, &rules);
    assert_eq!(found["warnings"][0], "no bar of 1w of fee-at-start closed");
    assert_eq!(found["never_closed"][0]["bar"], "1w");
    assert_eq!(found["never_ready"], Value::Array(Vec::new()));
}

/// At the limit there are bids alone: what buys waits for an ask and fills at it, whatever trades; what sells has the bid.
#[test]
fn at_the_limit_of_a_day_what_buys_waits_and_what_sells_fills() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let (quotes, trades, catalog) = (path("q.csv"), path("t.csv"), path("catalog"));
    let at = "2024-01-02T09:30:";
    let bids_alone: String = (3..9).map(|s| format!("{at}0{s}Z,11.00,5,,,X\n")).collect();
    let rows = format!(
        "time,bid,bid_size,ask,ask_size,symbol\n{at}00Z,10.90,5,10.95,5,X\n{at}02Z,10.90,5,10.95,5,X\n\
         {bids_alone}{at}09Z,10.98,5,10.99,5,X\n"
    );
    std::fs::write(&quotes, rows).unwrap();
    let trade = |s: i32, price: &str| format!("{at}0{s}.5Z,{price},2,{s},X\n");
    let rows = [
        (1, "10.95"),
        (3, "11.00"),
        (4, "11.50"),
        (8, "11.00"),
        (9, "10.98"),
    ];
    let rows: String = rows.map(|(s, price)| trade(s, price)).concat();
    std::fs::write(&trades, format!("time,price,size,id,symbol\n{rows}")).unwrap();
    let ran = tickloom(&["import", &quotes, &trades, "--catalog", &catalog]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let run = |enter: &str, exit: &str, more: &[&str]| {
        let file = path("fills.csv");
        let rules = [
            "--enter", enter, "--exit", exit, "--size", "1", "--fills", &file,
        ];
        let found = json(&catalog, &[&rules, more].concat());
        let fills = std::fs::read_to_string(&file).unwrap();
        let fills = fills.lines().skip(1).map(|line| {
            let fill: Vec<&str> = line.split(',').collect();
            [fill[0], fill[4], fill[5]].join(" ")
        });
        (found, fills.collect::<Vec<_>>())
    };
    let (found, fills) = run("last > 10.99", "last < 1", &[]);
    assert_eq!(fills, ["2024-01-02T09:30:09.000000000Z buy 10.99"]);
    assert_eq!(found["unquoted"], Value::Array(Vec::new()));
    let (_, fills) = run("last > 10", "last > 10.99", &[]);
    assert_eq!(
        fills,
        [
            "2024-01-02T09:30:02.000000000Z buy 10.95",
            "2024-01-02T09:30:04.000000000Z sell 11"
        ]
    );
    let (found, fills) = run(
        "last > 10.99",
        "last < 1",
        &["--to", "2024-01-02T09:30:09Z"],
    );
    assert!(fills.is_empty(), "{fills:?}");
    let told = "rules: order 1 to buy X still waits at the end: there is no ask";
    assert_eq!(found["warnings"][0], told);
    assert_eq!(found["unquoted"][0]["order"], 1);
    assert_eq!(found["unquoted"][0]["why"], "there is no ask");
}

/// A feed that nobody serves: nothing comes, and the run says what that means when it ends.
#[test]
fn a_live_run_tells_what_was_never_ready() {
    let feed = "ws://127.0.0.1:9/stream?streams=btcusdt@trade";
    for workers in ["1", "2"] {
        let mut words = vec!["run", "--feed", feed, "--publish", "tcp://127.0.0.1:*"];
        words.extend(["--signal", "price=last", "--signal", "twice=close@1h * 2"]);
        words.extend(["--workers", workers, "--json"]);
        let mut run = Running::start(&words);
        run.announced("publishing");
        let ran = run.stop();
        assert_eq!(ran.code, 0, "{ran:?}");
        let warnings = common::json(&ran)["warnings"].clone();
        let expected = [
            "signal price: expr \"last\" was never ready: binance.BTCUSDT had no last price",
            "signal twice: expr \"close@1h * 2\" was never ready: no bar of 1h of binance.BTCUSDT closed",
        ];
        assert_eq!(warnings, serde_json::json!(expected));
        let told = format!("warning    {}", expected[0]);
        assert!(ran.stderr.contains(&told), "{}", ran.stderr);
    }
}

/// A limit-up day over a socket: once nobody asks, an order to buy waits whatever trades, which the metrics page and the end of the run tell.
#[test]
fn a_live_run_tells_which_orders_nobody_quotes_for() {
    let dir = workspace();
    let capture = dir.path().join("limit.capture");
    let stamp = |ms: i64| 1_704_187_800_000_000_000 + ms * 1_000_000;
    let line = |ms: i64, stream: &str, fields: &str| {
        let time = stamp(ms) / 1_000_000;
        format!(
            "{} {{\"stream\":\"btcusdt@{stream}\",\"data\":{{\"e\":\"{stream}\",\"E\":{time},\"T\":{time},\"s\":\"BTCUSDT\",{fields}}}}}\n",
            stamp(ms)
        )
    };
    let quote = |ms: i64, ask_qty: &str| {
        let fields =
            format!("\"u\":{ms},\"b\":\"104.00\",\"B\":\"5\",\"a\":\"106.00\",\"A\":\"{ask_qty}\"");
        line(ms, "bookTicker", &fields)
    };
    let trade = |ms: i64, price: &str| {
        let fields =
            format!("\"t\":{ms},\"p\":\"{price}\",\"q\":\"1\",\"X\":\"MARKET\",\"m\":false");
        line(ms, "trade", &fields)
    };
    let text = [
        quote(1, "5"),
        trade(2, "105.00"),
        quote(3, "0"),
        trade(4, "106.00"),
        trade(5, "107.00"),
    ];
    std::fs::write(&capture, text.concat()).unwrap();
    let config = dir.path().join("live.toml");
    let rules = "[[strategy]]\nkind = 'rules'\nname = 'limit'\nenter = 'last > 105.5'\nexit = 'last < 1'\nsize = '1'\n\
                 [account]\ncash = '100000'\n[metrics]\nlisten = '127.0.0.1:0'\n";
    std::fs::write(&config, rules).unwrap();
    for workers in ["1", "2"] {
        let captures = vec![CaptureSource::File(capture.clone())];
        let venue = LocalVenue::start(LocalVenueConfig::new(captures)).unwrap();
        let feed = format!(
            "{}/stream?streams=btcusdt@trade/btcusdt@bookTicker&venue=binance-usdm&recorded=true",
            venue.ws_url()
        );
        let path = config.display().to_string();
        let mut words = vec!["run", "--config", &path, "--feed", &feed, "--json"];
        words.extend(["--publish", "tcp://127.0.0.1:*", "--workers", workers]);
        let mut run = Running::start(&words);
        let page = run.announced("metrics");
        let page = page
            .strip_prefix("http://")
            .and_then(|rest| rest.strip_suffix("/metrics"))
            .unwrap()
            .to_owned();
        until("the order that waits on the page", || {
            let page = common::get(&page, "/metrics");
            page.contains("tickloom_unquoted_orders 1").then_some(())
        });
        let ran = run.stop();
        assert_eq!(ran.code, 0, "{ran:?}");
        let found = common::json(&ran);
        let told =
            "limit: order 1 to buy binance-usdm.BTCUSDT still waits at the end: there is no ask";
        assert_eq!(found["warnings"], serde_json::json!([told]), "{found}");
        let unquoted = serde_json::json!([{
            "strategy": "limit",
            "instrument": "binance-usdm.BTCUSDT",
            "order": 1,
            "side": "buy",
            "why": "there is no ask",
        }]);
        assert_eq!(found["unquoted"], unquoted);
        let warning = format!("warning    {told}");
        assert!(ran.stderr.contains(&warning), "{}", ran.stderr);
    }
}

/// The last trade of an hour comes at 09:31:00.2, the next at 10:05: the bar of the hour, and what is made of it, is of 10:00, though
/// the bar of the second that closes with it is of 09:31:01.
#[test]
fn a_bar_that_time_closed_is_stamped_at_its_own_close() {
    let dir = workspace();
    let capture = dir.path().join("trades.capture");
    let time = |text: &str| Ts::parse(&format!("2024-01-02T{text}Z")).unwrap();
    let first = time("09:30:59.000").0;
    let mut stamps: Vec<i64> = (0..=20).map(|at| first + at * 60_000_000).collect();
    assert_eq!(Ts(stamps[20]), time("09:31:00.200"));
    stamps.push(time("10:05:00").0);
    let mut text = String::new();
    for (stamp, id) in stamps.iter().zip(1..) {
        let ms = stamp / 1_000_000;
        writeln!(
            text,
            "{stamp} {{\"stream\":\"btcusdt@trade\",\"data\":{{\"e\":\"trade\",\"E\":{ms},\"s\":\"BTCUSDT\",\
             \"t\":{id},\"p\":\"{}.00\",\"q\":\"1\",\"T\":{ms},\"m\":true}}}}",
            100 + id
        )
        .unwrap();
    }
    std::fs::write(&capture, text).unwrap();
    let venue =
        LocalVenue::start(LocalVenueConfig::new(vec![CaptureSource::File(capture)])).unwrap();
    let feed = format!(
        "{}/stream?streams=btcusdt@trade&venue=binance",
        venue.ws_url()
    );
    let record = dir.path().join("recorded").display().to_string();
    let mut words = vec!["run", "--feed", &feed, "--publish", "tcp://127.0.0.1:*"];
    words.extend(["--signal", "second=close@1s", "--signal", "hour=close@1h"]);
    words.extend(["--record", &record]);
    let mut run = Running::start(&words);
    let journal = PathBuf::from(run.announced("journal"));
    let last = stamps[21];
    until("the last trade in the journal", || {
        let inputs = read_journal(&journal).inputs;
        let is_last =
            |record: &Record| record.kind() == Some(Kind::Trade) && record.header.ts_event == last;
        inputs.iter().any(is_last).then_some(())
    });
    let ran = run.stop();
    assert_eq!(ran.code, 0, "{ran:?}");
    let outputs = read_journal(&journal).outputs;
    let told = |signal: u32| -> Vec<(Ts, f64)> {
        let signals = outputs.iter().map(|(_, output)| output);
        let signals = signals.filter(|output| output.kind() == Some(Kind::Signal));
        signals
            .filter(|output| output.header.ts_event <= last)
            .map(|output| (Ts(output.header.ts_event), SignalBody::of(output)))
            .filter(|(_, body)| body.signal == signal)
            .map(|(ts, body)| (ts, body.value))
            .collect()
    };
    // Trades 1 to 17 are of the second before 09:31.
    let seconds = [(time("09:31:00"), 117.0), (time("09:31:01"), 121.0)];
    assert_eq!(told(0), seconds);
    assert_eq!(told(1), [(time("10:00:00"), 121.0)]);
    verify(&journal);
}

// What cannot be, before the run.

#[test]
fn a_parameter_that_nothing_uses_is_refused() {
    let rules = [
        "--enter",
        "close > $fast",
        "--exit",
        "close < 0",
        "--set",
        "fast=1",
    ];
    let data = case("fee-at-start.csv");
    assert_eq!(backtest(&data, &rules).code, 0);
    let more = [&rules[..], &["--set", "fsat=50"]].concat();
    refused(
        &data,
        &more,
        "no expression uses $fsat, those used are $fast",
    );
}

#[test]
fn fields_that_daily_bars_cannot_feed_are_refused() {
    let data = case("fee-at-start.csv");
    for field in [
        "bid",
        "ask",
        "mid",
        "spread",
        "microprice",
        "imbalance",
        "bid_qty",
        "ask_qty",
    ] {
        let enter = format!("{field} > 0");
        let rules = ["--enter", enter.as_str(), "--exit", "close < 0"];
        refused(
            &data,
            &rules,
            &format!("{field} of fee-at-start needs quotes"),
        );
    }
    let rules = ["--enter", "close > 0", "--exit", "close@5m > 1"];
    refused(
        &data,
        &rules,
        "exit: close@5m of fee-at-start needs bars of 5m",
    );
    let rules = ["--enter", "close > 0", "--exit", "close < 0", "--bar", "5m"];
    refused(&data, &rules, "close@5m");
}

/// No book is made of single orders: over them alone there is no bid, and no bar.
#[test]
fn fields_that_single_orders_cannot_feed_are_refused() {
    let dir = workspace();
    let mut instruments = Instruments::new();
    let id = instruments
        .add(InstrumentDef::new("A", 2, 0, "USD"))
        .unwrap();
    let source = instruments
        .add_source(SourceDef::new("l3", SourceKind::Feed))
        .unwrap();
    let ts = Ts::parse("2024-01-02").unwrap();
    let meta = RunMeta::new("orders", ts, instruments).unwrap();
    let catalog = Catalog::create(dir.path()).unwrap();
    let mut writer = catalog.writer(&meta, 0, "test").unwrap();
    for seq in 0..3 {
        let header = Header::new(Kind::OrderUpdate, id, source, ts, ts);
        let record = Record {
            header,
            ..Record::default()
        };
        writer.push(seq, &record).unwrap();
    }
    writer.finish().unwrap();
    let data = dir.path().display().to_string();
    for field in ["bid", "imbalance", "last"] {
        let enter = format!("{field} > 0");
        let rules = ["--enter", enter.as_str(), "--exit", "last < 0"];
        let expected = format!("{field} of A needs");
        refused(&data, &rules, &expected);
        refused(&data, &rules, "and there is changes of single orders");
    }
    let rules = ["--enter", "close@1m > 0", "--exit", "close@1m < 0"];
    refused(&data, &rules, "close@1m of A needs bars of 1m");
}

/// A strategy file is checked by the same code as the command line, in a backtest and live.
#[test]
fn a_file_gets_past_nothing() {
    let dir = workspace();
    let strategy = "[[strategy]]\nkind = 'rules'\nname = 's'\nsize = '1'\n";
    let check = |text: &str, expected: &str| {
        let path = dir.path().join("s.toml");
        std::fs::write(&path, text).unwrap();
        let path = path.display().to_string();
        refused(&case("fee-at-start.csv"), &["--strategy", &path], expected);
        let feed = "binance:BTCUSDT";
        let ran = tickloom(&["run", "--config", &path, "--feed", feed]);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:?}");
        assert!(ran.stderr.contains(expected), "{}", ran.stderr);
    };
    let both = "enter = 'last > 0'\nexit = 'last < 0'\n";
    check(
        &format!("{strategy}{both}[account]\ncash = '-100000'\n"),
        "cash is \"-100000\", expected an amount above zero",
    );
    check(
        &format!("{strategy}exit = 'last < 0'\n"),
        "strategy s: exit is \"last < 0\", expected enter beside it",
    );
    check(
        &format!("{strategy}{both}[parameters]\nfsat = 50\n"),
        "no expression uses $fsat",
    );
}

// What a run says of itself.

#[test]
fn costs_titles_and_refused_orders_are_told() {
    let dir = workspace();
    let report = dir.path().join("r.html").display().to_string();
    // Ten times what the cash of 100 buys: refused at each of three closes.
    let rules = [
        "--enter",
        "close > 0",
        "--exit",
        "close < 0",
        "--size",
        "10",
        "--cash",
        "100",
    ];
    let data = case("fee-at-start.csv");
    let found = json(&data, &[&rules[..], &["--report", &report]].concat());
    assert_eq!(found["fills"], 0);
    assert_eq!(found["orders_refused"], 3);
    assert_eq!(found["refused"], serde_json::json!({ "cash": 3 }));
    let free = "free of costs: no fee is set, and fills pay no slippage";
    assert_eq!(found["assumptions"][0], free);
    assert_eq!(found["manifest"]["title"], "rules on fee-at-start");
    assert_eq!(
        (&found["input"]["lines"], &found["input"]["refused"]),
        (&3.into(), &0.into())
    );
    let ran = backtest(&data, &rules);
    let html = std::fs::read_to_string(&report).unwrap();
    for text in [&ran.stdout, &html] {
        assert!(
            text.contains(free) && text.contains("rules on fee-at-start"),
            "{text}"
        );
        assert!(text.contains("3 orders refused: 3 cash"), "{text}");
    }
    let paid = json(&data, &[&rules[..], &["--fee", "0.001"]].concat());
    assert_eq!(paid["assumptions"][0], "fills pay the fee, and no slippage");
}

/// Two wrong rows of five, for two reasons.
#[test]
fn rows_that_were_left_out_are_told_and_refused() {
    let dir = workspace();
    let file = dir.path().join("x.csv");
    let text = "date,open,high,low,close,volume\n2024-01-01,1,1,1,1,1\n2024-01-02,1,1,1,one,1\n\
                2024-01-03,1,1,1,1,1\n2024-01-04,1,1,1,1,-5\n2024-01-05,1,1,1,1,1\n";
    std::fs::write(&file, text).unwrap();
    let data = file.display().to_string();
    let report = dir.path().join("r.html").display().to_string();
    let lenient = [&HOLD[..], &["--refused-max", "2"]].concat();
    let found = json(&data, &[&lenient[..], &["--report", &report]].concat());
    let input = &found["input"];
    assert_eq!((&input["lines"], &input["refused"]), (&5.into(), &2.into()));
    let reasons = input["reasons"].as_object().unwrap();
    assert_eq!(reasons.values().filter_map(Value::as_u64).sum::<u64>(), 2);
    assert!(
        reasons.keys().any(|reason| reason.starts_with("close: ")),
        "{input}"
    );
    let place = input["places"][0].as_str().unwrap();
    assert!(
        place.contains("line 3") && place.contains("\"one\""),
        "{place}"
    );
    let html = std::fs::read_to_string(&report).unwrap();
    assert!(html.contains("2 of 5 lines were left out"));
    let ran = backtest(&data, &lenient);
    assert!(
        ran.stdout.contains("2 of 5 lines were left out"),
        "{}",
        ran.stdout
    );
    refused(
        &data,
        &[&lenient[..], &["--strict"]].concat(),
        "--strict: the input is not clean: 2 of 5",
    );
    refused(&data, &HOLD, "2 of 5 rows are wrong, and 0 may be");
}

// Trading. What concerns order and moments is in `order.rs`.

/// What is sold short is bounded by cash, and what is not sold is said. Each of three closes asks for it.
#[test]
fn a_short_sale_beyond_cash_is_refused_and_counted() {
    let rules = [
        "--enter",
        "close < 0",
        "--exit",
        "close > 0",
        "--short-enter",
        "close > 0",
        "--short-exit",
        "close < 0",
        "--size",
        "1000000000",
        "--cash",
        "1000",
    ];
    let found = json(&case("fee-at-start.csv"), &rules);
    assert_eq!(found["final_equity"], "1000");
    assert_eq!(found["fills"], 0);
    assert_eq!(found["refused"], serde_json::json!({ "short": 3 }));
}
