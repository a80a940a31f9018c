//! `tickloom backtest` over several instruments of a catalog that have different kinds of data: each is in the run, or it is said that it is not.

#![cfg(test)]

mod cli;

use cli::{tickloom, workspace};
use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;

const BARS: &str = "time,open,high,low,close,volume\n";
const FIRST_DAY: i64 = 19_723;

/// A moment, of so many minutes after 2024-01-01.
fn time(minutes: i64) -> String {
    tickloom_types::Ts((FIRST_DAY * 1_440 + minutes) * 60_000_000_000).to_string()
}

/// So many bars of so many minutes each, of which the first opens at `price` and each later one a unit above.
fn bars(count: i64, minutes: i64, price: i64) -> String {
    (0..count).fold(BARS.to_owned(), |mut text, at| {
        let (open, time) = (price + at, time(at * minutes));
        writeln!(text, "{time},{open},{},{open},{open},1", open + 1).unwrap();
        text
    })
}

/// A catalog of these files, and a strategy that buys one of each instrument as soon as a bar of it closed.
fn catalog(dir: &Path, files: &[(&str, String)], size: &str) -> [String; 2] {
    let at = dir.join("catalog").display().to_string();
    for (name, text) in files {
        let file = dir.join(name);
        std::fs::write(&file, text).unwrap();
        let ran = tickloom(&["import", file.to_str().unwrap(), "--catalog", &at]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
    }
    let strategy = dir.join("all.toml");
    let rules = "enter = 'close > 0'\nexit = 'close < 0'";
    let text = format!(
        "[[strategy]]\nkind = 'rules'\nname = 'x'\ninstruments = '*'\n{rules}\nsize = '{size}'\n"
    );
    std::fs::write(&strategy, text).unwrap();
    [at, strategy.display().to_string()]
}

/// The outcome of a run, and its fills as instrument, size and price.
fn run(dir: &Path, [data, strategy]: &[String; 2], more: &[&str]) -> (Value, Vec<String>) {
    let fills = dir.join("fills.csv").display().to_string();
    let mut words = vec!["backtest", "--data", data, "--strategy", strategy];
    words.extend(["--json", "--fills", &fills]);
    words.extend(more);
    let ran = tickloom(&words);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let text = std::fs::read_to_string(&fills).unwrap();
    let mut lines = text.lines();
    let head: Vec<&str> = lines.next().unwrap().split(',').collect();
    let place = |name: &str| head.iter().position(|column| *column == name).unwrap();
    let places = ["instrument", "size", "price"].map(place);
    let mut found: Vec<String> = lines
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            places.map(|at| cells[at]).join(" ")
        })
        .collect();
    found.sort();
    (serde_json::from_str(&ran.stdout).unwrap(), found)
}

fn notes(outcome: &Value) -> Vec<&str> {
    let notes = outcome["notes"].as_array().unwrap();
    notes.iter().map(|note| note.as_str().unwrap()).collect()
}

/// Days of one are there, hours of the other make days: these are known with the hour that ends at midnight, and the order fills at the next.
#[test]
fn finer_bars_of_another_instrument_make_up_those_that_are_read() {
    let dir = workspace();
    let files = [
        ("AA.csv", bars(4, 1_440, 10)),
        ("BB.csv", bars(72, 60, 100)),
    ];
    let data = catalog(dir.path(), &files, "1");
    let (outcome, fills) = run(dir.path(), &data, &[]);
    assert_eq!(outcome["events"], 76);
    assert_eq!(fills, ["AA 1 11", "BB 1 124"]);
    assert_eq!(notes(&outcome), ["bars of 1d of BB are made of bars of 1h"]);

    // The other way round: days cannot be made to hours.
    let (outcome, fills) = run(dir.path(), &data, &["--instrument", "BB"]);
    assert_eq!(outcome["events"], 76);
    assert_eq!(fills, ["BB 1 101"]);
    let unfit = "of AA there are bars of 1d, of which none of 1h can be made: what reads these has no value";
    assert_eq!(notes(&outcome), [unfit]);

    // Bars of one size that the first has to be made of, and the other has.
    let (outcome, fills) = run(dir.path(), &data, &["--instrument", "BB", "--bar", "1d"]);
    assert_eq!(outcome["events"], 76);
    assert_eq!(fills, ["AA 1 11", "BB 1 124"]);
    assert_eq!(notes(&outcome), ["bars of 1d of BB are made of bars of 1h"]);
}

/// The days of a calendar are made of the hours within its sessions, those of the other instrument are there.
#[test]
fn bars_by_a_calendar_are_made_of_each_instrument_that_has_none() {
    let dir = workspace();
    let files = [
        ("AA.csv", bars(4, 1_440, 10)),
        ("BB.csv", bars(72, 60, 100)),
    ];
    let data = catalog(dir.path(), &files, "1");
    let (outcome, fills) = run(dir.path(), &data, &["--calendar", "crypto"]);
    assert_eq!(outcome["events"], 79);
    assert_eq!(fills, ["AA 1 11", "BB 1 124"]);
    let made = "bars of 1d of BB are made of bars of 1h, with the sessions of crypto";
    assert_eq!(notes(&outcome), [made]);
}

/// Quotes have a middle and trades a price: of each instrument bars are made of what it has.
#[test]
fn bars_are_made_of_quotes_of_one_and_of_trades_of_another() {
    let dir = workspace();
    let rows = |head: &str, row: &dyn Fn(i64) -> String| {
        (0..6).fold(format!("{head}\n"), |mut text, at| {
            writeln!(text, "{},{}", time(at), row(at)).unwrap();
            text
        })
    };
    let quotes = rows("time,bid,bid_size,ask,ask_size", &|at| {
        format!("{},5,{},5", 10 + at, 12 + at)
    });
    let trades = rows("time,price,size,side", &|at| format!("{},5,buy", 20 + at));
    let files = [("QQ.csv", quotes), ("TT.csv", trades)];
    let data = catalog(dir.path(), &files, "1");
    for first in ["QQ", "TT"] {
        let options = ["--bar", "1m", "--instrument", first];
        let (outcome, fills) = run(dir.path(), &data, &options);
        // A minute is over with the first record after it, at which the order is submitted; the next one fills it.
        assert_eq!(fills, ["QQ 1 14", "TT 1 22"], "{first}");
        let made = [
            "bars of 1m of QQ are made of the middle of quotes",
            "bars of 1m of TT are made of trades",
        ];
        assert_eq!(notes(&outcome), made, "{first}");
    }
}

#[test]
fn what_is_not_in_the_run_is_said_and_halves_are_bought_of_all() {
    let dir = workspace();
    let files = [
        ("AA.csv", bars(4, 1_440, 10)),
        ("BB.csv", bars(2, 1_440, 100)),
    ];
    let data = catalog(dir.path(), &files, "0.5");
    let (outcome, fills) = run(dir.path(), &data, &[]);
    assert_eq!(fills, ["AA 0.5 11", "BB 0.5 101"]);
    assert!(notes(&outcome).is_empty());
    let (outcome, fills) = run(dir.path(), &data, &["--from", "2024-01-03"]);
    assert_eq!(fills, ["AA 0.5 13"]);
    let absent = "nothing of BB is in this run: there is none at these times or in these runs";
    assert_eq!(notes(&outcome), [absent]);
}

/// What is known half an hour later is acted on half an hour later: the bar that began meanwhile does not fill.
#[test]
fn a_declared_latency_moves_what_fills() {
    let dir = workspace();
    let data = catalog(dir.path(), &[("AA.csv", bars(6, 60, 1_000))], "1");
    let (_, fills) = run(dir.path(), &data, &[]);
    assert_eq!(fills, ["AA 1 1001"]);
    // The first bar closes at 1:00 and is known at 1:30; the bar from 2:00 on opens at 1002.
    let (_, fills) = run(dir.path(), &data, &["--feed-latency", "30m"]);
    assert_eq!(fills, ["AA 1 1002"]);
    let (_, fills) = run(dir.path(), &data, &["--feed-latency", "60m"]);
    assert_eq!(fills, ["AA 1 1002"]);
}

#[test]
fn a_declared_latency_moves_what_ticks_fill() {
    let dir = workspace();
    let trades = (0..40_i64).fold("time,price,size,side\n".to_owned(), |mut text, at| {
        let ts = 1_704_067_200 + at;
        writeln!(text, "{ts},{},1,buy", 100 + at).unwrap();
        text
    });
    let [data, strategy] = catalog(dir.path(), &[("TT.csv", trades)], "1");
    let rules = "[[strategy]]\nkind = 'rules'\nname = 'x'\nenter = 'last > 0'\nexit = 'last < 0'\nsize = '1'\n";
    std::fs::write(&strategy, rules).unwrap();
    let data = [data, strategy];
    let (_, fills) = run(dir.path(), &data, &[]);
    assert_eq!(fills, ["TT 1 101"]);
    // Known ten seconds later: what is traded from then on fills.
    let (_, fills) = run(dir.path(), &data, &["--feed-latency", "10s"]);
    assert_eq!(fills, ["TT 1 110"]);
}

/// What a calendar leaves out is counted and said: most of the minutes of a day that is taken to be in another zone.
#[test]
fn what_is_in_no_bar_is_said() {
    let dir = workspace();
    // From 9:30 to 16:00, which are 90 minutes of the session of New York from 14:30 on.
    let minutes = (1..4).fold(BARS.to_owned(), |mut text, day| {
        for at in 570..960 {
            let time = time(day * 1_440 + at);
            writeln!(text, "{time},100,101,100,100,1").unwrap();
        }
        text
    });
    let at = dir.path().join("catalog").display().to_string();
    let file = dir.path().join("NY.csv");
    std::fs::write(&file, minutes).unwrap();
    let file = file.display().to_string();
    let import = ["import", &file, "--catalog", &at, "--calendar", "us-equity"];
    let ran = tickloom(&import);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let rules = ["--enter", "close > 0", "--exit", "close < 0"];
    let words = [
        &["backtest", "--data", &at, "--bar", "1h", "--json"],
        &rules[..],
    ]
    .concat();
    let ran = tickloom(&words);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let outcome: Value = serde_json::from_str(&ran.stdout).unwrap();
    let said = notes(&outcome);
    let said = said.last().unwrap();
    let expected = "records that are in no bar of 1h: 900 outside the sessions of their calendars, or only partly within";
    assert!(said.starts_with(expected), "{said}");
    assert!(ran.stderr.contains(expected), "{}", ran.stderr);
    let ran = tickloom(&[&words[..], &["--strict"]].concat());
    assert_eq!(ran.code, 2, "{}", ran.stderr);
}

/// A lot that is known is kept, whatever part of the cash is to be spent.
#[test]
fn a_lot_that_is_known_is_kept() {
    let dir = workspace();
    let file = dir.path().join("AA.csv");
    std::fs::write(&file, bars(6, 1_440, 100)).unwrap();
    let said = dir.path().join("said.csv");
    let run = |lot: &str, size: &str| {
        let row = format!("name,lot,kind,tick\nAA,{lot},future,0.25\n");
        std::fs::write(&said, row).unwrap();
        let fills = dir.path().join("fills.csv");
        let ran = tickloom(&[
            "backtest",
            "--data",
            file.to_str().unwrap(),
            "--instruments",
            said.to_str().unwrap(),
            "--enter",
            "close > 0",
            "--exit",
            "close < 0",
            "--size",
            size,
            "--cash",
            "100000",
            "--fee",
            "0",
            "--fills",
            fills.to_str().unwrap(),
            "--json",
        ]);
        let text = std::fs::read_to_string(&fills).unwrap_or_default();
        let cells: Vec<&str> = text.lines().nth(1).unwrap_or_default().split(',').collect();
        let head: Vec<&str> = text.lines().next().unwrap_or_default().split(',').collect();
        let qty = head.iter().position(|name| *name == "size");
        (
            ran.code,
            qty.map_or(String::new(), |at| cells[at].to_owned()),
        )
    };
    // 100,000 buy 990.099 at 101.
    assert_eq!(run("1", "all"), (0, "990".to_owned()));
    assert_eq!(run("100", "all"), (0, "900".to_owned()));
    assert_eq!(run("1", "150"), (0, "150".to_owned()));
    assert_eq!(run("1", "150.5").0, 2);
}
