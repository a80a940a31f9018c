//! What is there is known however little of it is held, and read a few times.

use super::*;
use crate::import::{Input, options::ImportOptions};
use std::fmt::Write;
use std::ops::Range;
use std::path::Path;
use tickloom_types::BarSpec;

const DAYS: i64 = 30;

/// Daily bars of nine instruments, day after day, whose numbers follow from both; of a few there is none.
fn daily(days: Range<i64>, volume: i64) -> Input {
    let mut text = "symbol,timestamp,open,high,low,close,volume\n".to_owned();
    for day in days {
        for symbol in 0..9 {
            if (day + symbol) % 7 != 0 {
                let price = 10 + symbol + day;
                let ts = 1_577_836_800 + day * 86_400;
                let row = format!("S{symbol},{ts},{price},{price},{price},{price},{volume}");
                writeln!(text, "{row}").unwrap();
            }
        }
    }
    Input::bytes(Path::new("daily.csv"), text.into_bytes())
}

/// Numbered trades of three instruments, some of one time; every second one of another size than `size` if that is odd.
fn trades(count: Range<i64>, size: i64) -> Input {
    let mut text = "symbol,timestamp,price,size,trade_id\n".to_owned();
    for at in count {
        let ts = 1_577_836_800_000 + at / 2 * 60_000;
        let size = if at % 2 == 0 { size } else { 4 };
        writeln!(text, "S{},{ts},{},{size},{}", at % 3, 100 + at % 7, at + 1).unwrap();
    }
    Input::bytes(Path::new("trades.csv"), text.into_bytes())
}

/// However few records are held, each that is there is found, and the catalog is read a few times and not for each.
#[test]
fn records_of_many_instruments_are_known_whatever_is_held() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::create(dir.path()).unwrap();
    let options = ImportOptions {
        bar: Some(BarSpec::Time(86_400_000_000_000)),
        ..ImportOptions::default()
    };
    let bars = daily(0..DAYS, 5)
        .import(&options, &catalog)
        .unwrap()
        .written;
    let plain = ImportOptions::default();
    let dealt = trades(0..400, 4).import(&plain, &catalog).unwrap().written;
    assert_eq!((bars, dealt), (231, 400));
    for (file, most, expected) in [
        (daily(0..DAYS + 2, 5), 1 << 20, [bars, 0]),
        (daily(0..DAYS + 2, 5), 40, [bars, 0]),
        (daily(0..DAYS + 2, 5), 9, [bars, 0]),
        (daily(0..DAYS + 2, 6), 40, [0, bars]),
        (trades(0..500, 4), 1 << 20, [dealt, 0]),
        (trades(0..500, 4), 40, [dealt, 0]),
        (trades(0..500, 5), 40, [dealt / 2, dealt / 2]),
    ] {
        let file = file.read(&options).unwrap();
        let mut known = Known::of(&catalog, "another", &file.instruments, most).unwrap();
        let mut fresh = Vec::new();
        known.keep_new(&file.records, &mut fresh).unwrap();
        let new = file.records.len() as u64 - expected.iter().sum::<u64>();
        assert_eq!(fresh.len() as u64, new, "{most}");
        let (bars, trades) = (&known.told_bars, &known.told_trades);
        let repeated = bars.repeated + trades.repeated;
        let contradicted = bars.contradicted + trades.contradicted;
        assert_eq!([repeated, contradicted], expected, "{most}");
        let reads = known.bars.reads + known.trades.reads;
        assert!(reads <= file.records.len() / 2, "{reads} of {most}");
    }
}
