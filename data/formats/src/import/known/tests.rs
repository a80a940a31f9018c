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

/// Quotes with numbers and, in every tenth, a bid of its own.
fn quotes(count: Range<i64>, bid: i64) -> Input {
    let mut text = "symbol,timestamp,bid,bid_size,ask,ask_size,update_id\n".to_owned();
    for at in count {
        let ts = 1_577_836_800_000 + at / 2 * 1_000;
        let bid = if at % 10 == 0 { bid } else { 99 };
        writeln!(text, "A,{ts},{bid},1,100,1,{}", at + 1).unwrap();
    }
    Input::bytes(Path::new("quotes.csv"), text.into_bytes())
}

#[test]
fn the_same_quote_with_the_same_number_counts_once() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::create(dir.path()).unwrap();
    let options = ImportOptions::default();
    let first = quotes(0..100, 98).import(&options, &catalog).unwrap();
    assert_eq!((first.written, first.repeated), (100, 0));
    // Fifty of them again, of which five say otherwise: another state of the same moment.
    let second = quotes(50..150, 97).import(&options, &catalog).unwrap();
    assert_eq!((second.written, second.repeated), (55, 45));
    assert_eq!((second.maybe_repeated, second.refused), (0, 0));
    let told = "A: quote 52 of 2020-01-01T00:00:25Z is there already";
    assert_eq!(second.repeats[0], told);
}

/// Several rows of one packet have its number: each of them is there already in the same file once it has grown.
#[test]
fn states_of_one_number_count_once_each() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::create(dir.path()).unwrap();
    let options = ImportOptions::default();
    let of = |rows: &[(i64, u32)]| {
        let mut text = "symbol,timestamp,bid,bid_size,ask,ask_size,update_id\n".to_owned();
        for (id, bid) in rows {
            writeln!(text, "A,1577836800000,{bid},1,100,1,{id}").unwrap();
        }
        Input::bytes(Path::new("quotes.csv"), text.into_bytes())
    };
    let rows = [(7, 97), (7, 98), (7, 99), (8, 96)];
    let first = of(&rows[..3]).import(&options, &catalog).unwrap();
    assert_eq!((first.written, first.repeated), (3, 0));
    let grown = of(&rows).import(&options, &catalog).unwrap();
    assert_eq!((grown.written, grown.repeated), (1, 3));
    assert_eq!((grown.maybe_repeated, grown.refused), (0, 0));
}

/// Trades of Databento, three of each message: of one number, and two of them the same.
fn messages(count: Range<i64>, size: i64) -> Input {
    let mut text = "ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,depth,price,size,flags,ts_in_delta,sequence,symbol\n".to_owned();
    for at in count {
        let ts = 1_609_160_400_000_000_000 + at * 1_000_000_000;
        for size in [1, 1, size] {
            let sequence = 100 + at;
            writeln!(
                text,
                "{ts},{ts},0,1,5482,T,A,0,3720000000000,{size},128,17214,{sequence},ESH1"
            )
            .unwrap();
        }
    }
    Input::bytes(Path::new("trades.csv"), text.into_bytes())
}

#[test]
fn trades_of_one_message_that_come_again_count_once() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::create(dir.path()).unwrap();
    let options = ImportOptions::default();
    let first = messages(0..10, 5).import(&options, &catalog).unwrap();
    assert_eq!((first.written, first.repeated, first.refused), (30, 0, 0));
    let second = messages(6..16, 5).import(&options, &catalog).unwrap();
    assert_eq!(
        (second.written, second.repeated, second.refused),
        (18, 12, 0)
    );
    // Another size of the third is another trade of the message.
    let third = messages(0..2, 7).import(&options, &catalog).unwrap();
    assert_eq!((third.written, third.repeated, third.refused), (2, 4, 0));
}

/// Single trades, and the same put together, as Binance publishes both: the name of the file and its text.
fn of_binance(are_single: bool, day: i64) -> Input {
    let start = 1_722_988_800_000 + day * 86_400_000;
    let mut text = String::new();
    for at in 0..20 {
        let ts = start + at * 1_000;
        if !are_single {
            writeln!(
                text,
                "{},{},3,{at},{at},{ts},true,true",
                900 + day * 20 + at,
                100 + at % 3
            )
            .unwrap();
            continue;
        }
        for part in 0..2 {
            let (id, size) = (5_000 + day * 40 + at * 2 + part, part + 1);
            writeln!(text, "{id},{},{size},1,{ts},true,true", 100 + at % 3).unwrap();
        }
    }
    let kind = if are_single { "trades" } else { "aggTrades" };
    let path = format!(
        "spot/daily/{kind}/BTCUSDT/BTCUSDT-{kind}-2024-08-{:02}.csv",
        7 + day
    );
    Input::bytes(Path::new(&path), text.into_bytes())
}

#[test]
fn trades_that_are_there_under_other_numbers_are_refused() {
    let options = ImportOptions::default();
    for first in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let catalog = Catalog::create(dir.path()).unwrap();
        let written = of_binance(first, 0)
            .import(&options, &catalog)
            .unwrap()
            .written;
        let error = of_binance(!first, 0)
            .import(&options, &catalog)
            .unwrap_err()
            .to_string();
        let count = if first { 20 } else { 40 };
        assert!(
            error.contains(&format!("{count} of {count} trades of binance.BTCUSDT at times and prices of trades that an earlier import has under other numbers, the first of 2024-08-07T00:00:00Z")),
            "{error}"
        );
        // Nothing of it is there; another day is another matter, and the same again is there.
        let rows: u64 = catalog
            .ranges()
            .unwrap()
            .iter()
            .map(|range| range.rows)
            .sum();
        assert_eq!(rows, written);
        of_binance(!first, 1).import(&options, &catalog).unwrap();
        assert!(
            of_binance(first, 0)
                .import(&options, &catalog)
                .unwrap()
                .unchanged
        );
    }
}

/// A capture stamps trades with the times of its messages, and some vendors with whole seconds: the numbers say that they are the same.
/// The numbers of a day's trades put together lie between those of the days around it; the day's single trades are there all the same.
#[test]
fn trades_of_the_other_kind_between_days_of_one_kind_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::create(dir.path()).unwrap();
    let options = ImportOptions::default();
    for (are_single, day) in [(false, 0), (false, 2), (true, 1)] {
        of_binance(are_single, day)
            .import(&options, &catalog)
            .unwrap();
    }
    let error = of_binance(false, 1).import(&options, &catalog).unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("20 of 20 trades of binance.BTCUSDT at times and prices"),
        "{error}"
    );
}

#[test]
fn trades_that_are_there_at_other_times_are_refused() {
    let options = ImportOptions::default();
    let rows = |late: i64, ids: i64| {
        let mut text = "timestamp,price,size,trade_id\n".to_owned();
        for at in 0..60 {
            let ts = 1_722_988_800_000_i64 + at * 777 + late * (at % 5);
            writeln!(text, "{ts},{},{},{}", 100 + at % 3, at + 1, ids + at).unwrap();
        }
        Input::bytes(Path::new("A.csv"), text.into_bytes())
    };
    // The last one of the first file that comes later is after all that is there.
    for (first, second, count) in [(0, 3, 47), (3, 0, 48)] {
        let dir = tempfile::tempdir().unwrap();
        let catalog = Catalog::create(dir.path()).unwrap();
        rows(first, 1).import(&options, &catalog).unwrap();
        let error = rows(second, 1).import(&options, &catalog).unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains(&format!("{count} of {count} trades of A with numbers, prices and sizes of trades that an earlier import has at other times")),
            "{error}"
        );
        // Other trades, though of the same prices and sizes, are others.
        rows(second + 1, 1_000).import(&options, &catalog).unwrap();
    }
}

/// Trades that fill what another file lacks are no others, though some are of a time and a price that it has.
#[test]
fn trades_that_another_file_lacks_are_taken() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::create(dir.path()).unwrap();
    let options = ImportOptions::default();
    let rows = |lacks: bool| {
        let mut text = "timestamp,price,size,trade_id\n".to_owned();
        for at in (0..90).filter(|at| !lacks || at % 3 != 1) {
            writeln!(
                text,
                "{},100,{},{}",
                1_722_988_800_000_i64 + at / 3 * 1_000,
                at + 1,
                at + 1
            )
            .unwrap();
        }
        Input::bytes(Path::new("A.csv"), text.into_bytes())
    };
    assert_eq!(rows(true).import(&options, &catalog).unwrap().written, 60);
    let report = rows(false).import(&options, &catalog).unwrap();
    assert_eq!((report.written, report.repeated), (30, 60));
    // What has no numbers is the same all the same.
    let text =
        "timestamp,price,size\n1722988800000,100,1\n1722988801000,100,4\n1722988802000,100,7\n";
    let unnumbered = Input::bytes(Path::new("A.csv"), text.as_bytes().to_vec());
    let error = unnumbered
        .import(&options, &catalog)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("3 of 3 trades of A at times and prices"),
        "{error}"
    );
}

/// Of trades in whole seconds a page shares its first and its last second with the pages around it: the numbers say that it is missing.
#[test]
fn a_page_between_others_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::create(dir.path()).unwrap();
    let options = ImportOptions::default();
    let page = |ids: Range<i64>, first: i64| {
        let mut text = "timestamp,price,size,trade_id\n".to_owned();
        for id in ids {
            let ts = 1_722_988_800 + (id - 1) / 4;
            writeln!(text, "{ts},100,1,{}", first + id).unwrap();
        }
        Input::bytes(Path::new("A.csv"), text.into_bytes())
    };
    for ids in [1..7, 11..17] {
        page(ids, 0).import(&options, &catalog).unwrap();
    }
    // All four are in a second of another page, at its price.
    let report = page(7..11, 0).import(&options, &catalog).unwrap();
    assert_eq!((report.written, report.repeated), (4, 0));
    // The same under numbers that are not between them are other trades of the same volume.
    let error = page(7..11, 900).import(&options, &catalog).unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("4 of 4 trades of A at times and prices"),
        "{error}"
    );
}
