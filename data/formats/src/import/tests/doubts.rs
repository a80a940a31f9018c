//! Files that could be taken for something else: whose sides, sizes, times or fills they have.

use super::texts::{read, refusal, rows};
use super::*;

fn told(text: &str, columns: &str) -> Vec<String> {
    let options = ImportOptions {
        mapping: columns.parse().unwrap(),
        ..ImportOptions::default()
    };
    rows(&read_text(text, &options).unwrap())
}

/// Coinbase tells the side of who rested: a maker who bought was sold to.
#[test]
fn sides_of_coinbase_are_those_of_who_rested() {
    let matches =
        "type,trade_id,maker_order_id,taker_order_id,side,size,price,product_id,sequence,time
match,10,ac928c66-ca53-498f-9c13-a110027a60e8,132fb6ae-456b-4654-b4e0-d681ac05cea1,sell,0.5,400.25,BTC-USD,50,2024-01-02T09:30:00.028459Z
match,11,3f1d6c2e-0a55-4b0b-8e43-5c1f8f6a2b11,9a1b7c3d-5e6f-4a7b-8c9d-0e1f2a3b4c5d,buy,0.25,400,BTC-USD,51,2024-01-02T09:30:01.028459Z
";
    let listed = "time,trade_id,price,size,side,product_id
2024-01-02T09:30:00.028459Z,10,400.25,0.5,sell,BTC-USD
2024-01-02T09:30:01.028459Z,11,400,0.25,buy,BTC-USD
";
    for text in [matches, listed] {
        assert_eq!(
            read(text),
            [
                "2024-01-02T09:30:00.028459Z BTC-USD 400.25 x 0.5 side 1",
                "2024-01-02T09:30:01.028459Z BTC-USD 400 x 0.25 side 2",
            ]
        );
        let sides = told(text, "side=side");
        assert!(sides[0].ends_with("side 2"), "{sides:?}");
    }
    // Others write the same names with the side of who traded.
    let bare = "time,trade_id,price,size,side\n2024-01-02T09:30:00Z,10,400.25,0.5,sell\n";
    let refused = refusal(bare);
    let expected =
        "--columns maker_side=side if they are Coinbase's, or side=side if it is of who traded";
    assert!(refused.contains(expected), "{refused}");
    for (columns, side) in [
        ("maker_side=side", "side 1"),
        ("side=side", "side 2"),
        ("side=-", "side 0"),
    ] {
        let found = told(bare, columns);
        assert!(found[0].ends_with(side), "{found:?}");
    }
    // With another column they are not Coinbase's.
    let more = bare
        .replace("side\n", "side,venue_id\n")
        .replace("sell\n", "sell,1\n");
    assert!(read(&more)[0].ends_with("side 2"));
}

#[test]
fn amounts_of_bitfinex_have_the_sign_of_who_traded() {
    let text = "ID,MTS,AMOUNT,PRICE
401957895,1567526214876,0.918,10604
401957894,1567526214876,-0.013,10604
401957893,1567526214875,-4,10603.5
";
    let file = read_text(text, &ImportOptions::default()).unwrap();
    assert_eq!(
        rows(&file),
        [
            "2019-09-03T15:56:54.875Z TEST 10603.5 x 4 side 2",
            "2019-09-03T15:56:54.876Z TEST 10604 x 0.013 side 2",
            "2019-09-03T15:56:54.876Z TEST 10604 x 0.918 side 1",
        ]
    );
    let note = "columns of Bitfinex: of who sold \"AMOUNT\" is below zero";
    assert!(file.report.notes.iter().any(|known| known == note));
    // Of anybody else nobody says what a size below zero is.
    let refused = refusal(&text.replace("MTS", "TIMESTAMP"));
    assert!(refused.contains("expected above zero"), "{refused}");
}

/// What somebody traded is not what was traded.
#[test]
fn fills_of_ones_own_are_no_trades_of_a_market() {
    let binance = "Date(UTC),Pair,Side,Price,Executed,Amount,Fee
2024-01-02 14:30:00,BTCUSDT,BUY,42000,0.1,4200,0.0001
2024-01-02 14:31:00,BTCUSDT,SELL,42001,0.1,4200.1,4.2
";
    let kraken = "txid,ordertxid,pair,time,type,ordertype,price,cost,fee,vol,margin,misc,ledgers
T1,O1,XXBTZUSD,2024-01-02 14:30:00.1234,buy,limit,42000,4200,0,0.1,0,,
";
    let broker = "Portfolio,trade id,product,side,created at,size,price
default,1,BTC-USD,BUY,2024-01-02T14:30:00.123Z,0.1,42000
";
    for (text, column) in [
        (binance, "Fee"),
        (kraken, "ordertxid"),
        (broker, "Portfolio"),
    ] {
        let refused = refusal(text);
        let found = format!("a column {column:?}, of fills of one's own");
        assert!(refused.contains(&found), "{refused}");
        let options = ImportOptions {
            format: Some(Format::Csv),
            ..ImportOptions::default()
        };
        assert!(read_text(text, &options).is_ok(), "{column}");
    }
    // Programs write the column also where there is nothing in it.
    let ccxt = "timestamp,symbol,side,price,amount,cost,fee
1704205800000,BTC/USDT,buy,42000,0.1,4200,
1704205801000,BTC/USDT,sell,42000,0.1,4200,\"{'cost': None, 'currency': None}\"
";
    assert_eq!(read(ccxt).len(), 2);
}

fn bars(times: &[&str], delimiter: char, header: &str, volume: u8) -> String {
    let mut text = header.to_owned();
    for time in times {
        let row = ["1.5", "2", "1", "1.25", &volume.to_string()]
            .map(|field| format!("{delimiter}{field}"));
        text.push_str(&format!("{time}{}\n", row.concat()));
    }
    text
}

fn stamped(text: &str, stamp: Stamp) -> Vec<String> {
    let options = ImportOptions {
        stamp,
        ..ImportOptions::default()
    };
    rows(&read_text(text, &options).unwrap())
}

#[test]
fn times_of_ninjatrader_may_be_closes() {
    let text = bars(&["20240102 093100", "20240102 093200"], ';', "", 3);
    let refused = refusal(&text);
    assert!(refused.contains("bars of NinjaTrader"), "{refused}");
    assert!(refused.contains("--stamp close"), "{refused}");
    let closes = stamped(&text, Stamp::Close);
    assert_eq!(closes[0], "2024-01-02T09:31:00Z TEST 1.5 2 1 1.25 x 3");
    let opens = stamped(&text, Stamp::Open);
    assert_eq!(opens[0], "2024-01-02T09:32:00Z TEST 1.5 2 1 1.25 x 3");
    // HistData has no volumes, and opens; days have no times.
    let opens = read(&bars(&["20240102 093100", "20240102 093200"], ';', "", 0));
    assert!(opens[0].starts_with("2024-01-02T09:32:00Z"), "{opens:?}");
    let days = read(&bars(&["20240102", "20240103"], ';', "", 3));
    assert!(days[0].starts_with("2024-01-03T00:00:00Z"), "{days:?}");
    let commas = read(&bars(&["20240102 093100", "20240102 093200"], ',', "", 3));
    assert!(commas[0].starts_with("2024-01-02T09:32:00Z"), "{commas:?}");
}

/// Monday, 1 January 2024 to Friday, at a time of day.
fn week(time: &str, days: std::ops::RangeInclusive<u8>) -> String {
    let times: Vec<String> = days.map(|day| format!("2024-01-{day:02}T{time}")).collect();
    let times: Vec<&str> = times.iter().map(String::as_str).collect();
    bars(&times, ',', "date,open,high,low,close,volume\n", 3)
}

#[test]
fn days_that_are_stamped_when_sessions_end_may_be_closes() {
    for time in ["16:00:00", "15:00:00Z", "22:00:00+01:00"] {
        let text = week(time, 1..=5);
        let refused = refusal(&text);
        assert!(
            refused.contains("from Monday to Friday"),
            "{time}: {refused}"
        );
        let [closes, opens] = [Stamp::Close, Stamp::Open].map(|stamp| stamped(&text, stamp));
        assert!(closes[0].starts_with("2024-01-01T"), "{closes:?}");
        assert!(opens[0].starts_with("2024-01-02T"), "{opens:?}");
    }
    // When sessions begin; days of crypto, Saturday among them; a part of a week.
    for (time, days) in [
        ("09:30:00", 1..=5),
        ("16:00:00", 1..=6),
        ("16:00:00", 2..=5),
        ("00:00:00", 1..=5),
    ] {
        assert_eq!(
            read(&week(time, days.clone())).len(),
            days.count(),
            "{time}"
        );
    }
}

/// The first and the last trade of a bar are not when it opens and closes.
#[test]
fn bars_last_as_long_as_each_other_and_some_seconds_or_a_part_of_one() {
    let mut text =
        "time_open;time_close;price_open;price_high;price_low;price_close;volume_traded\n"
            .to_owned();
    for minute in 0..8 {
        let (first, last) = (100 + 37 * minute, 40_000 + 1_003 * minute);
        let time = |ms: i32| {
            format!(
                "2024-01-02T09:{minute:02}:{:02}.{:03}Z",
                ms / 1_000,
                ms % 1_000
            )
        };
        text.push_str(&format!("{};{};1.5;2;1;1.25;3\n", time(first), time(last)));
    }
    let refused = refusal(&text);
    assert!(
        refused.contains("closes that are not as long after their opens"),
        "{refused}"
    );
    let odd: Vec<String> = (0..8)
        .map(|n: i64| (Ts(1_704_187_800_000_000_000 + n * 54_378_000_000)).to_string())
        .collect();
    let odd: Vec<&str> = odd.iter().map(String::as_str).collect();
    let text = bars(&odd, ',', "time,open,high,low,close,volume\n", 3);
    let refused = refusal(&text);
    assert!(
        refused.contains("54378ms, or last so long, which is no size of bars"),
        "{refused}"
    );
    let options = ImportOptions {
        bar: Some("1s".parse().unwrap()),
        ..ImportOptions::default()
    };
    assert_eq!(read_text(&text, &options).unwrap().records.len(), 8);
}

#[test]
fn volumes_of_coinmarketcap_are_in_money() {
    let text = "timeOpen;timeClose;timeHigh;timeLow;name;open;high;low;close;volume;marketCap;timestamp
\"2024-01-01T00:00:00.000Z\";\"2024-01-01T23:59:59.999Z\";\"2024-01-01T12:03:00.000Z\";\"2024-01-01T04:08:00.000Z\";\"2781\";42000.5;44000;41900;43900;20000000000;850000000000;\"2024-01-01T23:59:59.999Z\"
\"2024-01-02T00:00:00.000Z\";\"2024-01-02T23:59:59.999Z\";\"2024-01-02T12:03:00.000Z\";\"2024-01-02T04:08:00.000Z\";\"2781\";43900;45000;43000;44000;30000000000;860000000000;\"2024-01-02T23:59:59.999Z\"
";
    let refused = refusal(text);
    assert!(refused.contains("of CoinMarketCap"), "{refused}");
    let without = told(text, "volume=-");
    assert_eq!(
        without[0],
        "2024-01-02T00:00:00Z TEST 42000.5 44000 41900 43900 x 0"
    );
}

/// Each instrument has the currency of its rows.
#[test]
fn a_column_of_currencies_says_that_of_each_instrument() {
    let text = "date,symbol,currency,open,high,low,close,volume
2024-01-02,AAPL,USD,1,1,1,1,1
2024-01-02,SAP,EUR,1,1,1,1,1
2024-01-02,VOD,GBp,1,1,1,1,1
2024-01-03,AAPL,USD,1,1,1,1,1
2024-01-03,SAP,EUR,1,1,1,1,1
2024-01-03,VOD,GBp,1,1,1,1,1
";
    let currencies = |options: &ImportOptions| -> Vec<(String, String)> {
        let file = read_text(text, options).unwrap();
        let defs = file.instruments.defs().iter();
        defs.map(|def| (def.name.clone(), def.currency.clone()))
            .collect()
    };
    let of = |all: [&str; 3]| {
        let names = ["AAPL", "SAP", "VOD"];
        let all = names.iter().zip(all);
        all.map(|(name, code)| ((*name).to_owned(), code.to_owned()))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        currencies(&ImportOptions::default()),
        of(["USD", "EUR", "GBX"])
    );
    let told = ImportOptions {
        currency: Some("CHF".to_owned()),
        ..ImportOptions::default()
    };
    assert_eq!(currencies(&told), of(["CHF"; 3]));
}

#[test]
fn times_of_kdb_have_a_letter_before_the_time_of_day() {
    assert_eq!(
        read(
            "timestamp,symbol,bidSize,bidPrice,askPrice,askSize\n2024-01-02D00:00:05.123456000,XBTUSD,100,42000,42000.5,200\n"
        ),
        ["2024-01-02T00:00:05.123456Z XBTUSD 42000 / 42000.5"]
    );
    assert_eq!(
        read("time,price,size\n2024.01.02D09:30:00.000000001,1.5,2\n"),
        ["2024-01-02T09:30:00.000000001Z TEST 1.5 x 2 side 0"]
    );
}

/// Minutes of two weeks of working days in seconds since 1960, and since 2001.
#[test]
fn seconds_since_other_epochs_are_told_by_the_days_of_the_week() {
    // Monday, 4 January 2010, 14:30 UTC.
    let monday = 1_262_615_400_i64;
    let text = |off: i64| {
        let days = [0, 1, 2, 3, 4, 7, 8, 9, 10, 11];
        let times: Vec<String> = (days.into_iter())
            .flat_map(|day| [0, 60, 120].map(|second| monday + day * 86_400 + second + off))
            .map(|second| second.to_string())
            .collect();
        let times: Vec<&str> = times.iter().map(String::as_str).collect();
        bars(&times, ',', "time,open,high,low,close,volume\n", 3)
    };
    assert_eq!(read(&text(0)).len(), 30);
    for (off, words) in [
        (
            315_619_200,
            "2020-01-05T14:30:00Z as seconds since 1970 or 2010-01-04T14:30:00Z as seconds since 1960",
        ),
        (
            -978_307_200,
            "1979-01-04T14:30:00Z as seconds since 1970 or 2010-01-04T14:30:00Z as seconds since 2001",
        ),
    ] {
        let refused = refusal(&text(off));
        assert!(refused.contains(words), "{refused}");
        let options = ImportOptions {
            time_format: Some("s".to_owned()),
            ..ImportOptions::default()
        };
        assert_eq!(read_text(&text(off), &options).unwrap().records.len(), 30);
    }
}

/// From half past nine to four, by a clock of twelve hours: 1:00 comes after 12:59.
#[test]
fn hours_of_half_a_day_are_refused() {
    let day = |day: u8, is_marked: bool| -> Vec<String> {
        let minutes = (570..960).step_by(30);
        let time = |minute: u32| {
            let (hour, rest) = (minute / 60, minute % 60);
            let half = ["", " AM", " PM"][usize::from(is_marked) * (1 + usize::from(hour >= 12))];
            format!(
                "2024-01-{day:02} {:02}:{rest:02}{half}",
                (hour - 1) % 12 + 1
            )
        };
        minutes.map(time).collect()
    };
    let text = |is_marked: bool, is_newest_first: bool| {
        let mut times = [day(2, is_marked), day(3, is_marked)].concat();
        if is_newest_first {
            times.reverse();
        }
        let times: Vec<&str> = times.iter().map(String::as_str).collect();
        bars(&times, ',', "time,open,high,low,close,volume\n", 3)
    };
    for is_newest_first in [false, true] {
        let refused = refusal(&text(false, is_newest_first));
        assert!(refused.contains("that go back from 12 to 1"), "{refused}");
        let found = read(&text(true, is_newest_first));
        assert_eq!(found.len(), 26);
        assert!(found[12].starts_with("2024-01-02T16:00:00Z"), "{found:?}");
    }
    // A day of twelve hours that is there twice, and a morning behind an afternoon, of a clock of 24 hours.
    let day: Vec<String> = (7..19)
        .map(|hour| format!("2024-01-02 {hour:02}:00"))
        .collect();
    let twice: Vec<&str> = day.iter().chain(&day).map(String::as_str).collect();
    assert_eq!(
        read(&bars(&twice, ',', "time,open,high,low,close,volume\n", 3)).len(),
        12
    );
    let times = [
        "2024-01-02 12:30",
        "2024-01-02 13:00",
        "2024-01-02 13:30",
        "2024-01-02 01:00",
        "2024-01-02 01:30",
    ];
    assert_eq!(
        read(&bars(&times, ',', "time,open,high,low,close,volume\n", 3)).len(),
        5
    );
}

#[test]
fn what_was_traded_goes_before_changes_of_the_price() {
    let text = |real: &str| {
        format!(
            "time,open,high,low,close,tick_volume,spread,real_volume\n1704205800,1.5,2,1,1.25,55,5,{real}\n1704205860,1.5,2,1,1.25,56,5,{real}\n"
        )
    };
    assert!(read(&text("1000"))[0].ends_with("x 1000"));
    assert!(read(&text("0"))[0].ends_with("x 55"));
}
