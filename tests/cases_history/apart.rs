//! Rows of several instruments under one symbol: named apart where the file says how, and refused where it does not. Floats and prices
//! below zero, by instrument.

use crate::cli::{tickloom, workspace};
use crate::imported::{import_text, refused};

const DATABENTO: &str = "ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,depth,price,size,flags,ts_in_delta,sequence,symbol\n";

fn row(at: u32, publisher: u32, id: u32, price: &str, symbol: &str) -> String {
    format!(
        "170000000000000000{at},170000000000000000{at},0,{publisher},{id},T,B,0,{price},5,0,100,{at},{symbol}\n"
    )
}

#[test]
fn publishers_of_one_symbol_are_instruments_of_their_own() {
    // Publishers 39 and 41 of Databento are CHX and IEX in DBEQ.BASIC; 999 is none.
    let text = [
        DATABENTO,
        &row(1, 39, 1, "100.5", "AAPL"),
        &row(2, 41, 1, "101", "AAPL"),
        &row(3, 999, 1, "102", "AAPL"),
    ]
    .concat();
    let found = import_text("x.csv", &text, &[]);
    let names = [
        "dbeq-basic-iexg.AAPL",
        "dbeq-basic-xchi.AAPL",
        "publisher-999.AAPL",
    ];
    let mut all = found.names();
    all.sort_unstable();
    assert_eq!(all, names);
    // One publisher alone is the symbol; told, it is named as well.
    let one = [DATABENTO, &row(1, 39, 1, "100.5", "AAPL")].concat();
    assert_eq!(import_text("x.csv", &one, &[]).names(), ["AAPL"]);
    let told = ["--columns", "exchange=publisher_id"];
    assert_eq!(
        import_text("x.csv", &one, &told).names(),
        ["dbeq-basic-xchi.AAPL"]
    );
    // The contracts behind a continuous symbol have numbers of their own.
    let roll = [
        DATABENTO,
        &row(1, 1, 17, "5", "ES.c.0"),
        &row(2, 1, 18, "6", "ES.c.0"),
    ]
    .concat();
    let found = import_text("x.csv", &roll, &[]);
    let mut all = found.names();
    all.sort_unstable();
    assert_eq!(all, ["ES.c.0-17", "ES.c.0-18"]);
}

#[test]
fn a_column_that_tells_instruments_apart_is_not_passed_over() {
    let trades = |column: &str, one: &str, other: &str| {
        format!(
            "timestamp,symbol,{column},price,size\n2024-01-01T00:00:00Z,A,{one},1,1\n2024-01-01T00:00:01Z,A,{other},2,1\n"
        )
    };
    for column in [
        "exchange", "mic", "dataset", "category", "strike", "expiry", "currency",
    ] {
        let text = trades(column, "10", "20");
        let hint = format!("--columns exchange={column}");
        refused("x.csv", &text, &[], &["expected 10, as above", &hint]);
        let told = import_text(
            "x.csv",
            &text,
            &["--columns", &format!("exchange={column}")],
        );
        let mut names = told.names();
        names.sort_unstable();
        assert_eq!(names, ["10.A", "20.A"]);
        let one = import_text("x.csv", &text, &["--columns", "exchange=-"]);
        assert_eq!((one.names(), one.records.len()), (vec!["A"], 2));
        // One in all rows says nothing.
        assert_eq!(
            import_text("x.csv", &trades(column, "10", "10"), &[])
                .records
                .len(),
            2
        );
    }
    // A file that names no instrument may name it otherwise.
    let text = "date,open,high,low,close,volume,Code\n2024-01-01,1,1,1,1,5,AA\n2024-01-02,1,1,1,1,5,AA\n2024-01-03,1,1,1,1,5,BB\n";
    refused("x.csv", text, &[], &["--columns symbol=Code"]);
    let told = import_text("x.csv", text, &["--columns", "symbol=Code"]);
    assert_eq!(told.names(), ["AA", "BB"]);
}

#[test]
fn floats_of_32_bits_in_64_are_the_decimals_that_they_were() {
    let text = "date,open,high,low,close,volume\n2024-01-02,187.14999389648438,188.44000244140625,183.88999938964844,185.63999938964844,8\n2024-01-03,184.22000122070312,185.8800048828125,183.42999267578125,184.25,9\n";
    let found = import_text("x.csv", text, &[]);
    let closes = [("185.64", "8"), ("184.25", "9")];
    assert_eq!(
        found.bars(),
        closes.map(|(a, b)| (a.to_owned(), b.to_owned()))
    );
    assert!(
        found
            .report
            .to_string()
            .contains("close holds floats of 32 bits in 64")
    );
    // One that is none of them makes a mixture, and what is too fine is refused.
    refused(
        "x.csv",
        &text.replace("184.25", "184.26"),
        &[],
        &["at most nine decimals"],
    );
}

#[test]
fn whether_prices_may_be_below_zero_is_said_of_each_symbol() {
    let dir = workspace();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let text = "timestamp,symbol,price,size\n2024-01-01T00:00:00Z,CL,-37.63,1\n2024-01-01T00:00:01Z,EURUSD,-1.5,1\n2024-01-01T00:00:02Z,XX,-2.5,1\n";
    std::fs::write(path("rows.csv"), text).unwrap();
    let said = "[[instrument]]\nname = \"XX\"\nnegative_prices = false\n[[instrument]]\nname = \"EURUSD\"\nnegative_prices = true\n";
    std::fs::write(path("said.toml"), said).unwrap();
    let catalog = path("catalog");
    let import = |strict: &[&str]| {
        let all = [
            "import",
            &path("rows.csv"),
            "--catalog",
            &catalog,
            "--refused-max",
            "100%",
            "--json",
        ];
        tickloom(&[&all, strict].concat())
    };
    let found: serde_json::Value = serde_json::from_str(&import(&["--dry-run"]).stdout).unwrap();
    assert_eq!(
        found["imports"][0]["instruments"],
        serde_json::json!(["CL", "XX"])
    );
    let other = "date,open,high,low,close,volume\n2024-01-02,1,1,1,1,5\n2024-01-03,1,2,1,1.5,5\n";
    std::fs::write(path("other.csv"), other).unwrap();
    assert_eq!(
        tickloom(&["import", &path("other.csv"), "--catalog", &catalog]).code,
        0
    );
    let defined = tickloom(&[
        "instruments",
        "import",
        &path("said.toml"),
        "--catalog",
        &catalog,
    ]);
    assert_eq!(defined.code, 0, "{defined:?}");
    let found: serde_json::Value = serde_json::from_str(&import(&[]).stdout).unwrap();
    assert_eq!(
        found["imports"][0]["instruments"],
        serde_json::json!(["CL", "EURUSD"])
    );
}

#[test]
fn an_exported_file_has_what_people_say_of_its_instruments() {
    let dir = workspace();
    let path = |name: &str| dir.path().join(name).display().to_string();
    std::fs::write(
        path("p.csv"),
        "date,open,high,low,close,volume\n2024-01-02,1,1,1,1,5\n2024-01-03,1,2,1,1.5,5\n",
    )
    .unwrap();
    let (catalog, back, file) = (path("catalog"), path("back"), path("out.csv"));
    for args in [
        vec!["import", &path("p.csv"), "--catalog", &catalog],
        vec![
            "instruments",
            "set",
            "p",
            "--catalog",
            &catalog,
            "--currency",
            "EUR",
            "--multiplier",
            "7",
            "--tick",
            "0.25",
        ],
        vec![
            "export",
            "--catalog",
            &catalog,
            "--kind",
            "bars",
            "--to-file",
            &file,
        ],
        vec!["import", &file, "--catalog", &back],
    ] {
        let ran = tickloom(&args);
        assert_eq!(ran.code, 0, "{ran:?}");
    }
    let listed = tickloom(&["instruments", "ls", "--catalog", &back]).stdout;
    for words in ["EUR", "0.25", "multiplier       7"] {
        assert!(listed.contains(words), "{listed}");
    }
}
