//! What instruments are: said by files, by people, or assumed; and what cannot be traded truly.

use crate::cli::{Ran, tickloom, workspace};
use serde_json::Value;
use std::path::{Path, PathBuf};

const BUY: [&str; 8] = [
    "--enter",
    "close > 0",
    "--exit",
    "close < 0",
    "--size",
    "1",
    "--fill",
    "same-close",
];

/// A catalog in a directory of its own.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(workspace())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn catalog(&self) -> String {
        self.path("catalog").display().to_string()
    }

    fn import(&self, name: &str, text: &str, more: &[&str]) -> Ran {
        let file = self.path(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
        let file = file.display().to_string();
        let ran = tickloom(&[&["import", &file, "--catalog", &self.catalog()], more].concat());
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        ran
    }

    fn backtest(&self, more: &[&str]) -> Ran {
        let words = ["backtest", "--data", &self.catalog(), "--json"];
        tickloom(&[&words, &BUY[..], more].concat())
    }

    fn equity(&self, more: &[&str]) -> String {
        let ran = self.backtest(more);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        object(&ran)["final_equity"].as_str().unwrap().to_owned()
    }

    fn set(&self, words: &[&str]) -> Ran {
        let catalog = self.catalog();
        tickloom(&[&["instruments", "set"], words, &["--catalog", &catalog]].concat())
    }
}

fn object(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap()
}

/// Daily bars that close at 10, 12, 11.
const DAYS: &str = "date,open,high,low,close,volume\n2024-01-02,10,10,10,10,5\n2024-01-03,12,12,12,12,5\n2024-01-04,11,11,11,11,5\n";

/// The same three days as Binance publishes them.
const KLINES: &str = "\
1704153600000,10,10,10,10,5,1704239999999,50,1,5,50,0
1704240000000,12,12,12,12,5,1704326399999,50,1,5,50,0
1704326400000,11,11,11,11,5,1704412799999,50,1,5,50,0
";

#[test]
fn what_is_assumed_gives_way_to_what_a_file_says() {
    let folder = Folder::new();
    folder.import("mine/ABUSDT.csv", DAYS, &["--currency", "USD"]);
    folder.import("other/CD.csv", DAYS, &[]);
    // The pair that the name is says another currency than was said for the same name.
    let more = ["--currency", "EUR"];
    folder.import(
        "theirs/ABUSDT.csv",
        &DAYS.replace("2024-01", "2024-02"),
        &more,
    );
    // Who does not read both is not asked.
    assert_eq!(
        folder.equity(&["--instrument", "CD", "--cash", "1000"]),
        "1001"
    );
    let ran = folder.backtest(&["--instrument", "ABUSDT"]);
    assert_eq!(ran.code, 2, "{}", ran.stdout);
    for words in [
        "ABUSDT: its currency is",
        "EUR",
        "USD",
        "tickloom instruments set ABUSDT",
    ] {
        assert!(ran.stderr.contains(words), "{words}: {}", ran.stderr);
    }
    // Who lists them sees it.
    let catalog = folder.catalog();
    let list = |more: &[&str]| {
        let words = ["instruments", "ls", "--catalog", &catalog];
        let ran = tickloom(&[&words, more].concat());
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        ran
    };
    let all = object(&list(&["--json"]));
    let differs = &all["instruments"][0]["differs"];
    assert_eq!(differs.as_array().unwrap().len(), 1, "{all}");
    assert_eq!(differs[0]["field"], "currency");
    let values = differs[0]["values"].as_array().unwrap();
    let told = values.iter().map(|said| {
        let runs = said["runs"].as_array().unwrap();
        (said["value"].as_str().unwrap(), runs.len())
    });
    assert_eq!(told.collect::<Vec<_>>(), [("EUR", 1), ("USD", 1)]);
    assert_ne!(values[0]["runs"], values[1]["runs"]);
    assert!(all["instruments"][1].get("differs").is_none(), "{all}");
    let text = list(&[]).stdout;
    let run = values[0]["runs"][0].as_str().unwrap();
    assert!(
        text.contains(&format!("currency: EUR in {run}, USD in ")),
        "{text}"
    );
    // In whatever case it is said.
    let ran = folder.set(&["ABUSDT", "--currency", "usd"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let all = object(&list(&["--json"]));
    assert_eq!(all["instruments"][0]["currency"], "USD");
    assert!(all["instruments"][0].get("differs").is_none(), "{all}");
    assert_eq!(
        folder.equity(&["--instrument", "ABUSDT", "--cash", "1000"]),
        "1001"
    );
}

#[test]
fn a_file_without_a_currency_and_one_of_the_venue_are_one_instrument() {
    let folder = Folder::new();
    folder.import("ABUSDT.csv", DAYS, &[]);
    folder.import(
        "spot/ABUSDT-1d-2024-01.csv",
        KLINES,
        &["--format", "binance-klines"],
    );
    let listed = tickloom(&[
        "instruments",
        "ls",
        "--catalog",
        &folder.catalog(),
        "--json",
    ]);
    assert_eq!(listed.code, 0, "{}", listed.stderr);
    let all = object(&listed);
    for instrument in all["instruments"].as_array().unwrap() {
        assert_eq!(instrument["currency"], "USDT", "{all}");
    }
}

#[test]
fn a_multiplier_that_is_said_counts_in_money_and_one_that_is_not_is_said_to_be_assumed() {
    let folder = Folder::new();
    folder.import("ES.csv", DAYS, &[]);
    let ran = folder.backtest(&["--cash", "1000"]);
    let assumed = object(&ran)["assumptions"].to_string();
    assert!(
        assumed.contains("ES: prices in USD and a multiplier of 1, as nothing says what they are"),
        "{assumed}"
    );
    assert_eq!(folder.equity(&["--cash", "1000"]), "1001");
    let ran = folder.set(&[
        "ES",
        "--multiplier",
        "50",
        "--currency",
        "USD",
        "--tick",
        "1/4",
        "--kind",
        "future",
    ]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let ran = folder.backtest(&["--cash", "1000"]);
    let run = object(&ran);
    assert_eq!(run["final_equity"], "1050");
    let assumed = run["assumptions"].as_array().unwrap().iter();
    let of_it: Vec<&str> = assumed
        .filter_map(Value::as_str)
        .filter(|text| text.starts_with("ES:"))
        .collect();
    assert_eq!(of_it, ["ES: a lot of 1, as far as numbers go"]);
    // A fraction of a unit: 1 x 0.01 a point.
    folder.set(&["ES", "--multiplier", "0.01"]);
    assert_eq!(folder.equity(&["--cash", "1000"]), "1000.01");
    assert_eq!(folder.set(&["ES", "--forget"]).code, 0);
    assert_eq!(folder.equity(&["--cash", "1000"]), "1001");
    let again = folder.set(&["ES", "--forget"]);
    assert_eq!(
        (again.code, again.stderr.contains("nothing was said")),
        (2, true)
    );
}

#[test]
fn the_same_is_said_for_a_file_without_a_catalog() {
    let folder = Folder::new();
    let (data, said) = (folder.path("ES.csv"), folder.path("contracts.csv"));
    std::fs::write(&data, DAYS).unwrap();
    std::fs::write(&said, "name,multiplier,tick,currency\nES,0.5,1/32,USD\n").unwrap();
    let (data, said) = (data.display().to_string(), said.display().to_string());
    let words = [
        "backtest",
        "--data",
        &data,
        "--json",
        "--cash",
        "1000",
        "--instruments",
        &said,
    ];
    let ran = tickloom(&[&words, &BUY[..]].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(object(&ran)["final_equity"], "1000.5");
    // A name that is not that of the data would count for nothing.
    std::fs::write(&said, "name,multiplier\nESZ4,50\n").unwrap();
    let ran = tickloom(&[&words, &BUY[..]].concat());
    assert_eq!(ran.code, 2, "{}", ran.stdout);
    assert!(ran.stderr.contains("which is of ES"), "{}", ran.stderr);
}

#[test]
fn what_holds_at_different_times_is_asked_of_who_reads_over_the_change() {
    let folder = Folder::new();
    folder.import("ES.csv", DAYS, &[]);
    assert_eq!(
        folder
            .set(&["ES", "--to", "2024-01-03", "--multiplier", "50"])
            .code,
        0
    );
    assert_eq!(
        folder
            .set(&["ES", "--from", "2024-01-03", "--multiplier", "20"])
            .code,
        0
    );
    let ran = folder.backtest(&["--cash", "1000"]);
    assert_eq!(ran.code, 2, "{}", ran.stdout);
    assert!(
        ran.stderr
            .contains("ES: its multiplier is 50 before 2024-01-03T00:00:00Z, and 20 from then on"),
        "{}",
        ran.stderr
    );
    // The bar of the 2nd is stamped at the midnight that ends it, where the other definition begins.
    assert_eq!(
        folder.equity(&["--cash", "1000", "--to", "2024-01-03"]),
        "1000"
    );
    assert_eq!(
        folder.equity(&["--cash", "1000", "--from", "2024-01-03"]),
        "980"
    );
    let overlap = folder.set(&["ES", "--from", "2024-01-01", "--multiplier", "5"]);
    assert_eq!(overlap.code, 2);
    assert!(
        overlap.stderr.contains("only one holds at a time"),
        "{}",
        overlap.stderr
    );
}

#[test]
fn what_cannot_be_traded_truly_is_refused_by_name() {
    let folder = Folder::new();
    let file = "data/futures/cm/daily/klines/BTCUSD_PERP/1d/BTCUSD_PERP-1d-2024-01.csv";
    folder.import(file, KLINES, &[]);
    let name = "binance-cm.BTCUSD_PERP";
    let ran = folder.backtest(&["--instrument", name]);
    assert_eq!(ran.code, 2, "{}", ran.stdout);
    assert!(
        ran.stderr.contains(name) && ran.stderr.contains("inverse"),
        "{}",
        ran.stderr
    );
    // Signals on it can be had.
    let strategy = folder.path("signals.toml");
    std::fs::write(
        &strategy,
        "[[signal]]\nname = \"up\"\nexpr = \"close > lag(close)\"\n",
    )
    .unwrap();
    let (strategy, catalog) = (strategy.display().to_string(), folder.catalog());
    let words = [
        "backtest",
        "--data",
        &catalog,
        "--strategy",
        &strategy,
        "--instrument",
        name,
    ];
    let ran = tickloom(&words);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    folder.import("OPT.csv", DAYS, &[]);
    folder.set(&["OPT", "--kind", "option"]);
    let ran = folder.backtest(&["--instrument", "OPT"]);
    assert!(
        ran.code == 2 && ran.stderr.contains("an option"),
        "{}",
        ran.stderr
    );
}

#[test]
fn prices_below_zero_are_a_property_of_the_instrument() {
    let folder = Folder::new();
    let below = DAYS.replace("11,11,11,11", "-11,-11,-11,-11");
    folder.import("CLUSD.csv", DAYS, &[]);
    let file = folder.path("more/CLUSD.csv");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, below.replace("2024-01", "2024-03")).unwrap();
    let (file, catalog) = (file.display().to_string(), folder.catalog());
    let import = || tickloom(&["import", &file, "--catalog", &catalog]);
    assert_eq!(import().code, 2);
    folder.set(&["CLUSD", "--kind", "future"]);
    assert_eq!(import().code, 0);
}

const TOKYO: &str = r#"
zone = "Asia/Tokyo"

[[session]]
days = ["mon", "tue", "wed", "thu", "fri"]
open = "09:00"
close = "15:00"
"#;

#[test]
fn a_calendar_that_nobody_knows_is_refused_where_it_is_said() {
    let folder = Folder::new();
    folder.import("ES.csv", DAYS, &[]);
    let (catalog, file) = (folder.catalog(), folder.path("NK.csv"));
    let (contracts, own) = (folder.path("contracts.csv"), folder.path("own"));
    std::fs::write(&file, DAYS).unwrap();
    std::fs::write(&contracts, "name,calendar\nES,tokyo\n").unwrap();
    std::fs::create_dir(&own).unwrap();
    std::fs::write(own.join("tokyo.toml"), TOKYO).unwrap();
    let [file, contracts, own] = [file, contracts, own].map(|path| path.display().to_string());
    for words in [
        &["import", &file, "--calendar", "tokyo"][..],
        &["instruments", "set", "ES", "--calendar", "tokyo"],
        &["instruments", "import", &contracts],
    ] {
        let words = [words, &["--catalog", &catalog]].concat();
        let ran = tickloom(&words);
        assert_eq!(ran.code, 2, "{words:?}: {ran:?}");
        let expected = "there is no calendar \"tokyo\", expected one of cme-equity";
        assert!(ran.stderr.contains(expected), "{words:?}: {}", ran.stderr);
        let ran = tickloom(&[&words[..], &["--calendars", &own]].concat());
        assert_eq!(ran.code, 0, "{words:?}: {ran:?}");
    }
}

#[test]
fn bars_of_several_calendars_tell_all_of_them() {
    let folder = Folder::new();
    let mut days = "date,open,high,low,close,volume\n".to_owned();
    for day in ["02", "03", "04", "05", "08", "09", "10", "11", "12", "16"] {
        days += &format!("2024-01-{day},10,10,10,10,5\n");
    }
    folder.import("AAPL.csv", &days, &["--calendar", "us-equity"]);
    folder.import("COIN.csv", &days, &["--calendar", "crypto"]);
    let catalog = folder.catalog();
    let ran = tickloom(&[
        "backtest",
        "--data",
        &catalog,
        "--instrument",
        "AAPL",
        "--bar",
        "1w",
        "--enter",
        "close > 0 and COIN.close > 0",
        "--exit",
        "close < 0",
        "--json",
    ]);
    let expected = "bars of 1w are made of bars of 1d, each instrument's with the sessions of its own calendar (crypto, us-equity)\n";
    assert!(ran.stderr.contains(expected), "{}", ran.stderr);
}

#[test]
fn what_is_said_wrongly_is_refused_and_nothing_of_it_taken() {
    let folder = Folder::new();
    folder.import("ES.csv", DAYS, &[]);
    for (words, expected) in [
        (&["ES", "--tick", "1/3"][..], "tick = 1/3"),
        (&["ES", "--multiplier", "-5"], "multiplier"),
        (&["ES", "--kind", "stock"], "spot, equity"),
        (&["ES", "--expiry", "soon"], "a date or a time"),
        (&["ES"], "nothing is said"),
        (
            &[
                "ES",
                "--from",
                "2024-02-01",
                "--to",
                "2024-01-01",
                "--lot",
                "1",
            ],
            "expected a time after",
        ),
    ] {
        let ran = folder.set(words);
        assert_eq!(ran.code, 2, "{words:?}: {}", ran.stdout);
        assert!(ran.stderr.contains(expected), "{words:?}: {}", ran.stderr);
    }
    let file = folder.path("contracts.toml");
    std::fs::write(
        &file,
        "[[instrument]]\nname = \"ES\"\nmultiplier = 50\n[[instrument]]\nname = \"NQ\"\ntick = 0\n",
    )
    .unwrap();
    let (file, catalog) = (file.display().to_string(), folder.catalog());
    let ran = tickloom(&["instruments", "import", &file, "--catalog", &catalog]);
    assert_eq!(ran.code, 2, "{}", ran.stdout);
    assert!(!Path::new(&catalog).join("_instruments.toml").exists());
    std::fs::write(
        Path::new(&file),
        "[[instrument]]\nname = \"ES\"\nmultiplier = 50\n",
    )
    .unwrap();
    let ran = tickloom(&[
        "instruments",
        "import",
        &file,
        "--catalog",
        &catalog,
        "--json",
    ]);
    assert_eq!(
        (ran.code, object(&ran)["definitions"].as_u64()),
        (0, Some(1))
    );
    assert_eq!(folder.equity(&["--cash", "1000"]), "1050");
}

#[test]
fn an_exported_file_says_the_size_of_its_bars() {
    let folder = Folder::new();
    folder.import("ES.csv", DAYS, &[]);
    for name in ["es.csv", "es.jsonl", "es.parquet", "es.arrow"] {
        let file = folder.path(name).display().to_string();
        let catalog = folder.catalog();
        let words = [
            "export",
            "--catalog",
            &catalog,
            "--kind",
            "bars",
            "--to-file",
            &file,
        ];
        assert_eq!(tickloom(&words).code, 0, "{name}");
        let words = ["backtest", "--data", &file, "--json", "--cash", "1000"];
        let ran = tickloom(&[&words, &BUY[..]].concat());
        assert_eq!(ran.code, 0, "{name}: {}", ran.stderr);
        assert_eq!(object(&ran)["final_equity"], "1001", "{name}");
    }
}
