//! Captures that go on where others ended: in one command, in several, and in the wrong order; and what an import left out, which
//! the catalog remembers.

#![cfg(test)]

mod cli;

use cli::{Ran, tickloom, workspace};
use serde_json::Value;
use std::fs;
use std::path::Path;
use tickloom_data::{Catalog, ScanQuery};
use tickloom_feeds::samples::{Sample, samples};
use tickloom_types::Record;

const RULES: &str = r#"
default_instrument = "binance-usdm.BTCUSDT"

[[signal]]
name = "spread"
expr = "'binance-usdm.BTCUSDT'.mid - 'binance.BTCUSDT'.mid"

[[signal]]
name = "imbalance"
expr = "ema('binance.BTCUSDT'.imbalance, 20)"

[[strategy]]
kind = "rules"
name = "cross"
enter = "cross_over(ema(mid, 5), ema(mid, 50))"
exit = "cross_under(ema(mid, 5), ema(mid, 50))"
size = "0.5"
"#;

/// Files with the first so many lines of a sample and with the rest.
fn halves(sample: &Sample, first: usize, dir: &Path) -> [String; 2] {
    let mut reader = sample.capture.open().unwrap();
    let mut texts = [String::new(), String::new()];
    let mut count = 0;
    while let Some(line) = reader.next_line().unwrap() {
        let line = line.unwrap();
        let frame = std::str::from_utf8(line.frame).unwrap();
        texts[usize::from(count >= first)].push_str(&format!("{} {frame}\n", line.ts_recv.0));
        count += 1;
    }
    let venue = sample.venue.name();
    [0, 1].map(|half| {
        let file = dir.join(format!("{venue}-{half}-of-{first}.capture"));
        fs::write(&file, &texts[half]).unwrap();
        file.display().to_string()
    })
}

fn import(files: &[&str], catalog: &str) -> (Ran, Value) {
    let ran = tickloom(&[&["import"], files, &["--catalog", catalog, "--json"]].concat());
    assert_eq!(ran.code, 0, "{ran:?}");
    let report = serde_json::from_str(&ran.stdout).unwrap();
    (ran, report)
}

fn scan(catalog: &str) -> Vec<Record> {
    let catalog = Catalog::open(Path::new(catalog)).unwrap();
    let scan = catalog.scan(&ScanQuery::default()).unwrap();
    scan.map(|next| next.unwrap().1).collect()
}

fn backtest(catalog: &str, rules: &str, more: &[&str]) -> Ran {
    let words = ["backtest", "--data", catalog, "--strategy", rules];
    tickloom(&[words.as_slice(), more].concat())
}

fn output_hash(catalog: &str, rules: &str) -> String {
    let ran = backtest(catalog, rules, &["--json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert!(report["fills"].as_u64().unwrap() > 0, "{report}");
    report["output_hash"].as_str().unwrap().to_owned()
}

/// Right after the snapshot of the spot market, before anything has joined it, after a quote without a time, and in the middle.
#[test]
fn one_command_and_several_make_the_same_catalog() {
    let dir = workspace();
    let rules = dir.path().join("rules.toml");
    fs::write(&rules, RULES).unwrap();
    let rules = rules.to_str().unwrap();
    let place = |name: &str| dir.path().join(name).display().to_string();
    let [spot, usdm] = samples();
    let mut expected = None;
    for (of_spot, of_usdm) in [(8, 56), (11, 4_000), (4_001, 12_345)] {
        let spot = halves(&spot, of_spot, dir.path());
        let usdm = halves(&usdm, of_usdm, dir.path());
        let (one, many) = (
            place(&format!("one-{of_spot}")),
            place(&format!("many-{of_spot}")),
        );
        import(&[&spot[0], &spot[1], &usdm[0], &usdm[1]], &one);
        for file in [&spot[0], &usdm[0], &usdm[1], &spot[1]] {
            let (_, report) = import(&[file], &many);
            assert_eq!(report["refused"], 0, "{report}");
        }
        let (in_one, in_many) = (scan(&one), scan(&many));
        assert!(in_one.len() > 100_000, "{}", in_one.len());
        for (at, (one, many)) in in_one.iter().zip(&in_many).enumerate() {
            assert_eq!(
                one, many,
                "record {at}, after {of_spot} and {of_usdm} lines"
            );
        }
        assert_eq!(in_one.len(), in_many.len());
        let hash = output_hash(&one, rules);
        assert_eq!(output_hash(&many, rules), hash);
        // Where the files were parted makes no difference either.
        assert_eq!(*expected.get_or_insert_with(|| hash.clone()), hash);
        // What was imported is not imported again.
        let (_, again) = import(&[&spot[1]], &many);
        assert_eq!(again["imports"][0]["unchanged"], true, "{again}");
    }
}

#[test]
fn what_comes_before_is_missed_by_name_and_may_come_later() {
    let dir = workspace();
    let place = |name: &str| dir.path().join(name).display().to_string();
    let [spot, _] = samples();
    let [first, second] = halves(&spot, 4_000, dir.path());
    let (right, wrong) = (place("right"), place("wrong"));
    import(&[&first, &second], &right);

    let (_, report) = import(&[&second], &wrong);
    let reason = "change of a book that no snapshot joins";
    let changes = report["imports"][0]["reasons"][reason].as_u64().unwrap();
    assert!(changes > 400, "{report}");
    // And quotes, which have no time, that came before the first message with one.
    let early = report["imports"][0]["reasons"]["no_venue_time"].as_u64();
    assert_eq!(report["refused"], changes + early.unwrap(), "{report}");
    let notes = report["imports"][0]["notes"].to_string();
    assert!(notes.contains("import what comes before"), "{notes}");
    let levels = |catalog: &str| {
        let of_book = |record: &&Record| record.kind() == Some(tickloom_types::Kind::Level);
        scan(catalog).iter().filter(of_book).count()
    };
    assert_eq!(levels(&wrong), 0);
    // The catalog remembers it, and a backtest tells.
    let only = ["--instrument", "binance.BTCUSDT", "--enter", "mid > 1"];
    let words = ["backtest", "--data", &wrong, "--size", "1"];
    let told = tickloom(&[&words[..], &only, &["--exit", "mid < 1", "--json"]].concat());
    assert_eq!(told.code, 0, "{told:?}");
    let told: Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!(told["input"]["reasons"][reason], changes, "{told}");

    let (_, report) = import(&[&first], &wrong);
    assert_eq!(report["refused"], 0, "{report}");
    let (_, tried) = import(&[&second, "--dry-run"], &wrong);
    let (_, report) = import(&[&second], &wrong);
    assert_eq!(report["refused"], 0, "{report}");
    assert_eq!(tried["written"], report["written"], "{tried}");
    let notes = report["imports"][0]["notes"].to_string();
    assert!(notes.contains("goes on after update"), "{notes}");
    assert!(scan(&wrong) == scan(&right));
}

/// Two wrong rows of five, for two reasons, and a backtest over the catalog that they were imported into.
#[test]
fn a_backtest_over_a_catalog_tells_what_its_imports_left_out() {
    let dir = workspace();
    let file = dir.path().join("x.csv");
    let text = "date,open,high,low,close,volume\n2024-01-01,1,1,1,1,1\n2024-01-02,1,1,1,one,1\n\
                2024-01-03,1,1,1,1,1\n2024-01-04,1,1,1,1,-5\n2024-01-05,1,1,1,1,1\n";
    fs::write(&file, text).unwrap();
    let catalog = dir.path().join("catalog").display().to_string();
    let words = [file.to_str().unwrap(), "--refused-max", "2"];
    let (_, report) = import(&words, &catalog);
    let reasons = report["imports"][0]["reasons"].as_object().unwrap();
    assert_eq!(reasons.len(), 2, "{report}");
    let page = dir.path().join("page.html").display().to_string();
    let hold = ["--enter", "close > 0", "--exit", "close < 0"];
    let run = |more: &[&str]| {
        let words = ["backtest", "--data", &catalog];
        tickloom(&[&words[..], &hold, more].concat())
    };
    let ran = run(&["--json", "--report", &page]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    let input = &report["input"];
    assert_eq!((&input["lines"], &input["refused"]), (&5.into(), &2.into()));
    assert_eq!(input["reasons"].as_object().unwrap(), reasons);
    assert!(
        input["places"][0].as_str().unwrap().contains("line 3"),
        "{input}"
    );
    let told = "2 of 5 lines were left out";
    assert!(fs::read_to_string(&page).unwrap().contains(told));
    let ran = run(&[]);
    assert!(ran.stdout.contains(told), "{}", ran.stdout);
    let ran = run(&["--strict"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    let told = "--strict: the input is not clean: 2 of 5";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
    // Compacted, it is still known.
    let ran = tickloom(&["catalog", "compact", &catalog]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(run(&[]).stdout.contains("2 of 5 lines were left out"));
}
