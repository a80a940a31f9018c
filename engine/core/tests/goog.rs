//! The reference figures: five independent engines agree on them, and so does this one, in blocks and by steps.
//!
//! The prices are not part of this project. They are read from `peer-bars/GOOG.csv.gz` in the folder that
//! `TICKLOOM_SHARED_DATA` names, or else beside the repository. Without them the test says so and passes, except in CI.

#![expect(clippy::unwrap_used, reason = "a panic is a failure of the test")]
#![expect(clippy::print_stdout, reason = "a test that is skipped says so")]

use flate2::read::GzDecoder;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use tickloom_core::{
    AccountConfig, BarSeries, Core, CoreConfig, FillModel, OutputHash, Outputs, Size, StrategyDef,
    run_bars,
};
use tickloom_signals::BarColumns;
use tickloom_types::{
    BarSpec, InstrumentDef, InstrumentId, Instruments, Money, SourceId, Ts, parse_decimal,
    parse_money,
};

struct Bars {
    ts: Vec<i64>,
    /// Open, high, low, close, volume.
    columns: [Vec<i64>; 5],
}

fn setting(name: &str) -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "where test data is and whether this is CI is known to the environment alone"
    )]
    std::env::var(name).ok()
}

/// `None` if the file is not there, outside CI.
fn bars() -> Option<Bars> {
    let folder = setting("TICKLOOM_SHARED_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let path = folder.join("peer-bars/GOOG.csv.gz");
    if !path.is_file() {
        let is_ci = setting("CI").is_some_and(|ci| ci == "true");
        assert!(!is_ci, "{} is not there", path.display());
        println!("skipped: {} is not there", path.display());
        return None;
    }
    let mut bars = Bars {
        ts: vec![],
        columns: Default::default(),
    };
    let lines = BufReader::new(GzDecoder::new(File::open(path).unwrap())).lines();
    for line in lines.skip(1) {
        let line = line.unwrap();
        let (date, values) = line.split_once(',').unwrap();
        bars.ts.push(Ts::parse(date).unwrap().0);
        for ((column, text), decimals) in bars
            .columns
            .iter_mut()
            .zip(values.split(','))
            .zip([2, 2, 2, 2, 0])
        {
            column.push(parse_decimal(text.as_bytes(), decimals).unwrap());
        }
    }
    Some(bars)
}

fn config(size: Size, qty_decimals: u8, fill: FillModel) -> CoreConfig {
    let mut instruments = Instruments::new();
    let def = InstrumentDef::new("GOOG", 2, qty_decimals, "USD");
    let instrument = instruments.add(def).unwrap();
    let day: BarSpec = "1d".parse().unwrap();
    instruments.bar_source(day).unwrap();
    let text = |text: &str| Some(text.to_owned());
    CoreConfig {
        instruments,
        default_instrument: Some(instrument),
        default_bar: Some(day),
        strategies: vec![StrategyDef::Rules {
            name: "cross".to_owned(),
            instrument: None,
            enter: text("cross_over(sma(close,10), sma(close,30))"),
            exit: text("cross_under(sma(close,10), sma(close,30))"),
            short_enter: None,
            short_exit: None,
            size,
        }],
        account: AccountConfig {
            fee: "0.001".parse().unwrap(),
            fill,
            ..AccountConfig::new(parse_money("1000000").unwrap())
        },
        ..CoreConfig::default()
    }
}

fn check(config: &CoreConfig, expected: &str) {
    let Some(bars) = bars() else { return };
    let [open, high, low, close, volume] = &bars.columns;
    let columns = BarColumns {
        open,
        high,
        low,
        close,
        volume,
    };
    let series = BarSeries::new(InstrumentId(0), SourceId(0), &bars.ts, columns).unwrap();
    assert_eq!(series.len(), 2_148);

    let (mut equity, mut hash) = (vec![], OutputHash::new());
    let run = run_bars(config, &series, &mut equity, |records| {
        records.iter().for_each(|record| hash.update(record));
    })
    .unwrap();
    assert_eq!(run.fills, 65);
    assert_eq!(to_cents(*equity.last().unwrap()), expected);

    let mut core = Core::new(config).unwrap();
    let (mut out, mut stepped) = (Outputs::new(), OutputHash::new());
    for (row, seq) in (0..series.len()).zip(0..) {
        core.step(seq, &series.record(row), &mut out);
        out.records().iter().for_each(|r| stepped.update(r));
        assert_eq!(core.portfolio().equity(), Some(equity[row]), "bar {row}");
    }
    assert_eq!(core.fills(), 65);
    assert_eq!(hash.hex(), stepped.hex());
}

/// Rounded half up at two decimals, as the figures are given.
fn to_cents(money: Money) -> String {
    let cent = 10_i128.pow(16);
    let cents = (money.0 + cent / 2) / cent;
    Money(cents * cent).to_string()
}

#[test]
fn next_open_with_a_thousand_shares() {
    let size = Size::Qty("1000".to_owned());
    check(&config(size, 0, FillModel::NextOpen), "1743008.41");
}

#[test]
fn same_close_with_a_thousand_shares() {
    let size = Size::Qty("1000".to_owned());
    check(&config(size, 0, FillModel::SameClose), "1787984.99");
}

#[test]
fn next_open_with_all_cash_in_fractions() {
    check(&config(Size::All, 8, FillModel::NextOpen), "5461123.71");
}

#[test]
fn next_open_with_all_cash_in_whole_shares() {
    check(
        &config(Size::AllWhole, 8, FillModel::NextOpen),
        "5460608.66",
    );
}
