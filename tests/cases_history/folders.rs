//! Folders of files: what belongs together is read together, what is of other instruments or markets never becomes one, and what is
//! left out is no success.

use crate::cli::{tickloom, workspace};
use serde_json::Value;
use std::fs;
use std::path::Path;

const HEADER: &str = "timestamp,open,high,low,close,volume\n";

/// Two minute bars of this day.
fn bars(day: u32, price: u32) -> String {
    let row = |minute: u32| {
        format!("2024-01-{day:02}T00:{minute:02}:00Z,{price},{price},{price},{price},1\n")
    };
    format!("{HEADER}{}{}", row(0), row(1))
}

fn write(root: &Path, files: &[(&str, String)]) {
    for (name, text) in files {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// The exit code of an import of a folder, and what it said.
fn import(files: &[(&str, String)], more: &[&str]) -> (i32, String) {
    let (code, said, _) = import_into(files, more);
    (code, said)
}

/// The same with the instruments that the catalog has then.
fn import_into(files: &[(&str, String)], more: &[&str]) -> (i32, String, Vec<String>) {
    let dir = workspace();
    let (data, catalog) = (dir.path().join("data"), text(&dir.path().join("catalog")));
    write(&data, files);
    let data = text(&data);
    let words = ["import", &data, "--catalog", &catalog];
    let ran = tickloom(&[&words[..], more].concat());
    let listed = tickloom(&["catalog", "ls", &catalog, "--json"]);
    let listed: Value = serde_json::from_str(&listed.stdout).unwrap();
    let tables = listed["tables"].as_array().unwrap().iter();
    let names: Vec<String> = tables
        .map(|table| table["instrument"].as_str().unwrap().to_owned())
        .collect();
    (ran.code, ran.stderr, names)
}

/// One day in each folder, so that nothing but the names can tell that they are of two instruments.
#[test]
fn files_of_one_name_in_folders_of_instruments_are_not_one_instrument() {
    for (one, other) in [
        ("AAA/prices.csv", "BBB/prices.csv"),
        ("spot/BTCUSDT.csv", "futures/BTCUSDT.csv"),
    ] {
        let files = [(one, bars(2, 100)), (other, bars(3, 200))];
        let (code, said, names) = import_into(&files, &[]);
        assert_eq!((code, names), (2, Vec::new()), "{said}");
        assert!(said.contains("in a folder of another name"), "{said}");
    }
    // Folders of symbols name the instruments of texts too.
    let files = [
        ("symbol=AAA/0.csv", bars(2, 100)),
        ("symbol=BBB/0.csv", bars(3, 200)),
    ];
    let (code, said, names) = import_into(&files, &[]);
    assert_eq!(
        (code, names),
        (0, vec!["AAA".to_owned(), "BBB".to_owned()]),
        "{said}"
    );
    let told = ["--instrument", "ALL"];
    let files = [
        ("AAA/2024.csv", bars(2, 100)),
        ("BBB/2024.csv", bars(3, 200)),
    ];
    assert_eq!(import(&files, &told).0, 0);
    // A year names nothing, and the folders do.
    assert_eq!(import(&files, &[]).0, 0);
    let (code, said) = import(&[("data/2024.csv", bars(2, 100))], &[]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("or an instrument called 2024"), "{said}");
    // Nor does the kind or the size of what is in a folder.
    let (one, other) = ("AAA/DAILY/2024-01.csv", "BBB/DAILY/2024-01.csv");
    let (code, said) = import(&[(one, bars(2, 100)), (other, bars(3, 200))], &[]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("or an instrument called 2024-01"), "{said}");
    // Of one name, in two markets.
    let (one, other) = ("nasdaq/AAA/2024-01.csv", "lse/AAA/2024-01.csv");
    let (code, said) = import(&[(one, bars(2, 100)), (other, bars(3, 200))], &[]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("in a folder of another name"), "{said}");
    let files = [("AAA/x.csv", bars(2, 1)), ("AAA/y.csv", bars(3, 2))];
    assert_eq!(import(&files, &[]).0, 0);
}

#[test]
fn files_of_months_sizes_and_kinds_are_one_instrument() {
    let trades = "timestamp,price,size\n2024-01-02T00:00:00Z,5,1\n".to_owned();
    let (code, said) = import(
        &[
            ("2024-01/BTCUSDT.csv", bars(2, 100)),
            ("2024-02/BTCUSDT.csv", bars(3, 100)),
            ("trades/BTCUSDT.csv", trades),
        ],
        &[],
    );
    assert_eq!(code, 0, "{said}");
}

#[test]
fn a_folder_of_which_nothing_can_be_read_is_no_success() {
    let notes = ("notes.txt", "about the data\n".to_owned());
    let (code, said) = import(std::slice::from_ref(&notes), &[]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("nothing to import"), "{said}");
    // What has times and prices is of a market, and is never passed over.
    for wrong in [
        "Local time,Open,High,Low,Close\n01.02.2024 00:00,1,1,1,1\n01.02.2024 00:01,1,1,1,1\n",
        "timestamp,price\n2024-01-02T00:00:00Z,1\n",
        "timestamp,bids[0].price,bids[1].price,price,size\n2024-01-02T00:00:00Z,1,1,1,1\n",
    ] {
        let files = [
            ("good.csv", bars(2, 1)),
            ("bad.csv", wrong.to_owned()),
            notes.clone(),
        ];
        let (code, said) = import(&files, &[]);
        assert_eq!(code, 2, "{wrong}: {said}");
        assert!(said.contains("bad.csv"), "{said}");
    }
    // Tables of other things are passed over, and said.
    let about = ("symbols.csv", "symbol,name\nA,Alpha\n".to_owned());
    let (code, said) = import(&[("good.csv", bars(2, 1)), about, notes], &[]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(said.matches("passed over").count(), 2, "{said}");
}

#[cfg(unix)]
#[test]
fn a_link_to_a_folder_above_is_not_followed_for_ever() {
    let dir = workspace();
    let data = dir.path().join("data");
    write(&data, &[("a/A.csv", bars(2, 1))]);
    std::os::unix::fs::symlink(&data, data.join("a/up")).unwrap();
    let catalog = text(&dir.path().join("c"));
    let ran = tickloom(&["import", &text(&data), "--catalog", &catalog, "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let found: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(found["imports"].as_array().unwrap().len(), 1);
}

/// Files of columns without a symbol are one instrument where their names say no more than days and parts.
#[test]
fn a_run_over_a_folder_takes_files_of_several_names_for_several_instruments() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/formats/tests/people/samples");
    let run = |names: [&str; 2], more: &[&str]| {
        let dir = workspace();
        for name in names {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::copy(samples.join("pandas-unnamed.parquet"), path).unwrap();
        }
        let data = text(dir.path());
        let words = [
            "backtest",
            "--data",
            &data,
            "--enter",
            "close > 0",
            "--exit",
            "close < 0",
        ];
        tickloom(&[&words[..], &["--size", "1"], more].concat())
    };
    for names in [
        ["AAPL.parquet", "MSFT.parquet"],
        ["AAPL/2024.parquet", "MSFT/2024.parquet"],
        ["600519.parquet", "600520.parquet"],
    ] {
        let ran = run(names, &[]);
        assert_eq!(ran.code, 2, "{names:?}: {}", ran.stdout);
        let said = "which nothing in them says to be of one";
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
    }
    // Twelve bars twice are repeated, not wrong.
    for names in [
        ["AAPL-2024-01.parquet", "AAPL-2024-02.parquet"],
        ["symbol=AAPL/0.parquet", "symbol=MSFT/0.parquet"],
    ] {
        let ran = run(names, &["--instrument", "AAPL"]);
        assert!(
            !ran.stderr.contains("nothing in them says"),
            "{names:?}: {}",
            ran.stderr
        );
    }
}

/// What an exchange is called in the path tells instruments of one symbol apart.
#[test]
fn folders_of_two_exchanges_are_not_imported_as_one() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/formats/tests/people/samples");
    let run = |exchanges: &[&str], more: &[&str]| {
        let dir = workspace();
        let data = dir.path().join("data");
        write(&data, &[("README.md", "about the data\n".to_owned())]);
        for exchange in exchanges {
            let folder = data.join(format!("exchange={exchange}/symbol=AAA"));
            fs::create_dir_all(&folder).unwrap();
            fs::copy(
                samples.join("pandas-unnamed.parquet"),
                folder.join("0.parquet"),
            )
            .unwrap();
        }
        let (data, catalog) = (text(&data), text(&dir.path().join("catalog")));
        tickloom(&[&["import", &data, "--catalog", &catalog][..], more].concat())
    };
    let ran = run(&["NYSE", "NASDAQ"], &[]);
    assert_eq!(ran.code, 2, "{}", ran.stdout);
    assert!(
        ran.stderr.contains("one market in an import"),
        "{}",
        ran.stderr
    );
    let ran = run(&["NYSE", "NASDAQ"], &["--columns", "exchange=exchange"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(
        ran.stdout.contains("NYSE.AAA") || ran.stdout.contains("nyse.AAA"),
        "{}",
        ran.stdout
    );
    let ran = run(&["NYSE"], &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

/// The folder and the column must say the same: what is in the wrong place is refused, and not taken for either.
#[test]
fn a_folder_that_says_another_symbol_than_its_file_is_refused() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/formats/tests/people/samples");
    let run = |symbol: &str, more: &[&str]| {
        let dir = workspace();
        let folder = dir.path().join(format!("symbol={symbol}"));
        fs::create_dir_all(&folder).unwrap();
        fs::copy(samples.join("polars.parquet"), folder.join("0.parquet")).unwrap();
        let (folder, catalog) = (text(&folder), text(&dir.path().join("catalog")));
        tickloom(
            &[
                &["import", &folder, "--catalog", &catalog, "--json"][..],
                more,
            ]
            .concat(),
        )
    };
    assert_eq!(run("ABC", &[]).code, 0);
    let ran = run("ZZZ", &[]);
    assert_eq!(ran.code, 2, "{}", ran.stdout);
    let said = "\"ABC\" in column \"symbol\" of the folder symbol=ZZZ";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
}

/// What was passed over, and what was found out of a file, is in what a script reads.
#[test]
fn what_is_said_of_a_folder_is_in_the_outcome() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/formats/tests/people/samples");
    let dir = workspace();
    let data = dir.path().join("data");
    write(&data, &[("notes.csv", "a,b\n1,2\n".to_owned())]);
    fs::copy(samples.join("polars.parquet"), data.join("0.parquet")).unwrap();
    let data = text(&data);
    let words = [
        "backtest",
        "--data",
        &data,
        "--enter",
        "close > 0",
        "--exit",
        "close < 0",
    ];
    let ran = tickloom(&[&words[..], &["--size", "1", "--json"]].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let outcome: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let notes = outcome["notes"].to_string();
    assert!(notes.contains("passed over: 1 files"), "{notes}");
    assert!(notes.contains("the most common distance"), "{notes}");
}

/// Files of days are called by their instrument and day: they are of one instrument, and those of another market are not put with them.
#[test]
fn files_called_by_an_instrument_and_a_day_are_of_one_instrument() {
    let first = ("spot/BTCUSDT-1m-2024-01-02.csv", bars(2, 100));
    let second = ("spot/BTCUSDT-1m-2024-01-03.csv", bars(3, 200));
    let dir = workspace();
    let data = dir.path().join("data");
    write(&data, &[first.clone(), second]);
    let (data, catalog) = (text(&data), text(&dir.path().join("catalog")));
    let ran = tickloom(&["import", &data, "--catalog", &catalog]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let listed = tickloom(&["instruments", "ls", "--catalog", &catalog, "--json"]);
    let all: serde_json::Value = serde_json::from_str(&listed.stdout).unwrap();
    assert_eq!(all["instruments"].as_array().unwrap().len(), 1, "{all}");
    assert!(listed.stdout.contains("\"BTCUSDT\""), "{all}");
    let other = ("futures/BTCUSDT-1m-2024-01-03.csv", bars(3, 200));
    let (code, said) = import(&[first, other], &[]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("in a folder of another name"), "{said}");
}
