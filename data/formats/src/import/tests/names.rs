//! Columns of words of which nothing says whether they are instruments.

use super::texts::{read, refusal};
use super::*;

fn read_told(text: &str, columns: &str) -> FileRecords {
    let options = ImportOptions {
        mapping: columns.parse().unwrap(),
        ..ImportOptions::default()
    };
    read_text(text, &options).unwrap()
}

/// Trades of a second each, with these words and prices.
fn trades(name: &str, rows: &[(&str, &str)]) -> String {
    let mut text = format!("time,{name},price,size\n");
    for (second, (word, price)) in rows.iter().enumerate() {
        text += &format!(
            "2024-01-02 09:{:02}:{:02},{word},{price},1\n",
            second / 60,
            second % 60
        );
    }
    text
}

fn check_asked(text: &str, column: &str, words: &str) {
    let error = refusal(text);
    let said = format!(
        "a column \"{column}\" of words that may be instruments ({words}), or remarks on rows"
    );
    assert!(error.contains(&said), "{said} is not in {error}");
    let advice = format!("--columns symbol={column} if it names instruments, or symbol=-");
    assert!(error.contains(&advice), "{error}");
}

#[test]
fn words_that_may_be_instruments_are_asked_about_by_any_name() {
    for name in ["foo", "wkn_x", "Paper"] {
        let text = trades(name, &[("AAA", "10.5"), ("BBB", "200.5")]);
        check_asked(&text, name, "AAA, BBB");
        let file = read_told(&text, &format!("symbol={name}"));
        assert_eq!(file.report.instruments, ["AAA", "BBB"]);
        for none in ["symbol=-", "ticker=-"] {
            let one = read_told(&text, none);
            assert_eq!((one.report.instruments.len(), one.records.len()), (1, 2));
        }
    }
    let quotes =
        "time,foo,bid,ask\n2024-01-02 09:00:00,7203.T,10,11\n2024-01-02 09:00:01,6758.T,20,21\n";
    check_asked(quotes, "foo", "6758.T, 7203.T");
    // One instrument after another: no two bars are of one time.
    let bars = "date,foo,open,high,low,close\n2024-01-01,Apple Inc,1,1,1,1\n2024-01-02,Apple Inc,1,1,1,1\n2023-01-01,Exxon,3,3,3,3\n2023-01-02,Exxon,3,3,3,3\n";
    check_asked(bars, "foo", "Apple Inc, Exxon");
    let levels = "time,foo,side,price,size,is_snapshot\n2024-01-02 09:00:00,AAA,bid,10,1,false\n2024-01-02 09:00:01,BBB,ask,20,1,false\n";
    check_asked(levels, "foo", "AAA, BBB");
}

#[test]
fn words_of_all_rows_are_asked() {
    // A file that goes over to another contract far below its first lines.
    let mut rows = vec![("ESH4", "4750"); 70];
    rows.extend([("ESM4", "4800"); 70]);
    check_asked(&trades("foo", &rows), "foo", "ESH4, ESM4");
    let mut rows = vec![("", "4750"); 70];
    rows.extend([("ESH4", "4750"), ("ESM4", "4800")]);
    check_asked(&trades("foo", &rows), "foo", "ESH4, ESM4");
    // Small letters say so by their prices.
    let mut rows = Vec::new();
    for price in ["100", "100.1", "100", "100.2"] {
        rows.extend([
            ("ibm", price),
            ("ibm", "100.1"),
            ("t", "17.1"),
            ("orcl", "17.2"),
            ("orcl", "17.1"),
        ]);
    }
    check_asked(&trades("foo", &rows), "foo", "ibm, orcl");
}

#[test]
fn remarks_on_rows_are_none() {
    let read = |name: &str, rows: &[(&str, &str)]| {
        let text = trades(name, rows);
        let file = read_text(&text, &ImportOptions::default()).unwrap();
        assert_eq!(file.records.len(), rows.len(), "{text}");
        assert_eq!(file.report.instruments.len(), 1);
    };
    read("foo", &[("limit", "10"), ("market", "20")]);
    read("foo", &[("LIMIT", "10"), ("MARKET", "20"), ("", "10")]);
    read("sale_condition", &[("@FI", "10"), ("FT", "20")]);
    read("foo", &[("AAA", "10"), ("AAA", "20")]);
    read(
        "foo",
        &[
            ("0f9e4ac1-07cd-4f4b-8aa5-5f1dbfd0f3c1", "10"),
            ("9b1e4ac1-07cd-4f4b-8aa5-5f1dbfd0f3c1", "20"),
        ],
    );
    // Words of their own that prices do not follow.
    let calm_or_wild = [
        ("calm", "10.0"),
        ("calm", "10.1"),
        ("wild", "10.2"),
        ("calm", "10.1"),
        ("wild", "10.0"),
        ("wild", "10.1"),
        ("wild", "10.0"),
        ("calm", "10.1"),
        ("calm", "10.0"),
        ("wild", "9.9"),
    ];
    read("foo", &calm_or_wild);
    // Written as symbols are, in columns whose names say that they are of the row.
    for name in [
        "candle_pattern",
        "news",
        "market_trend",
        "buyer",
        "Market Maker",
        "broker_id",
    ] {
        read(
            name,
            &[("DOJI", "10.0"), ("FOMC", "10.1"), ("DOJI", "10.0")],
        );
    }
    let mut regimes: Vec<(&str, &str)> = Vec::new();
    for _ in 0..6 {
        regimes.extend([("calm", "10.0"), ("calm", "10.1")]);
    }
    for _ in 0..6 {
        regimes.extend([("wild", "10.0"), ("wild", "10.1")]);
    }
    read("foo", &regimes);
}

#[test]
fn sides_are_known_by_what_they_are() {
    let side = |text: &str| {
        let file = read_text(text, &ImportOptions::default()).unwrap();
        super::texts::rows(&file)
    };
    for (name, buy, sell) in [
        ("type", "buy", "sell"),
        ("OPER", "B", "S"),
        ("foo", "BUY", "SELL"),
    ] {
        let text = format!(
            "time,{name},price,size\n2024-01-02 09:00:00,{buy},10,1\n2024-01-02 09:00:01,{sell},10,1\n"
        );
        let found = side(&text);
        assert!(found[0].ends_with("side 1"), "{found:?}");
        assert!(found[1].ends_with("side 2"), "{found:?}");
    }
    // The buyer rested, so that the seller was the aggressor.
    let found = side("t,m,p,v\n1704153600000,true,10.5,1\n1704153601000,false,10.5,1\n");
    assert!(
        found[0].ends_with("side 2") && found[1].ends_with("side 1"),
        "{found:?}"
    );
    // A letter alone is no side, nor are two columns that could be.
    let found =
        side("time,tape,price,size\n2024-01-02 09:00:00,B,10,1\n2024-01-02 09:00:01,B,10,1\n");
    assert!(found[0].ends_with("side 0"), "{found:?}");
    let found = side("time,x1,x2,price,size\n2024-01-02 09:00:00,buy,sell,10,1\n");
    assert!(found[0].ends_with("side 0"), "{found:?}");
}

#[test]
fn sizes_that_only_grow_are_totals() {
    let snapshots = |header: &str, sizes: &[u32]| {
        let rows = (0..).zip(sizes).map(|(second, size)| {
            format!(
                "2024-01-02 09:00:{second:02},{},{size}\n",
                3900 + second % 2
            )
        });
        format!("{header}\n{}", rows.collect::<String>())
    };
    let growing = snapshots("datetime,last_price,volume", &[10, 25, 25, 40, 45]);
    let error = refusal(&growing);
    assert!(
        error.contains("sizes that never fall") && error.contains("--columns size=COLUMN"),
        "{error}"
    );
    assert_eq!(read_told(&growing, "size=volume").records.len(), 5);
    let sizes: Vec<u32> = (0..30).map(|at| 10 + at.min(28) * 3).collect();
    let text = snapshots("time,price,volume", &sizes);
    assert!(refusal(&text).contains("sizes that never fall"));
    let mut newest_first: Vec<&str> = text.lines().collect();
    newest_first[1..].reverse();
    assert!(refusal(&newest_first.join("\n")).contains("sizes that never fall"));
    for (header, sizes) in [
        ("datetime,last_price,volume", vec![10, 25, 24, 40, 45]),
        ("time,price,size", sizes),
        ("time,price,volume", vec![10, 25, 25, 40, 45]),
        ("time,price,size", vec![5; 40]),
    ] {
        let file = read_text(&snapshots(header, &sizes), &ImportOptions::default()).unwrap();
        assert_eq!(file.records.len(), sizes.len());
    }
}

#[test]
fn an_adjusted_close_below_no_header_is_no_volume() {
    let yahoo = "2024-01-02,10,11,9,10.5,9.9,500\n2024-01-03,10,11,9,10.5,9.9,500\n";
    let error = refusal(yahoo);
    assert!(
        error.contains("\"9.9\" in column 6 behind the close"),
        "{error}"
    );
    assert!(
        error.contains("--columns time=1,open=2,high=3,low=4,close=5,volume=7, or volume=6"),
        "{error}"
    );
    let told = read_told(yahoo, "time=1,open=2,high=3,low=4,close=5,volume=7");
    assert_eq!(
        super::texts::rows(&told)[0],
        "2024-01-03T00:00:00Z TEST 10 11 9 10.5 x 500"
    );
    let six = "2024-01-02,10,11,9,10.5,10.5\n2024-01-03,10,11,9,10.4,10.4\n";
    assert!(refusal(six).contains("volume=-, or volume=6"));
    // Volumes near the prices are no part of them.
    for volumes in [["9", "31"], ["500", "600"], ["0", "0"]] {
        let [a, b] = volumes;
        let text = format!("2024-01-02,10,11,9,10.5,{a},7\n2024-01-03,10,11,9,10.5,{b},7\n");
        assert_eq!(
            read_text(&text, &ImportOptions::default())
                .unwrap()
                .records
                .len(),
            2
        );
    }
}

/// Bars of two rows that begin so.
fn bars(header: &str, rows: [&str; 2]) -> String {
    format!(
        "{header},open,high,low,close\n{},1,1,1,1\n{},1,1,1,1\n",
        rows[0], rows[1]
    )
}

#[test]
fn two_columns_of_times_say_the_same() {
    let two = bars(
        "timestamp,datetime",
        [
            "2024-01-02 09:30,2024-01-02 14:30",
            "2024-01-02 09:31,2024-01-02 14:31",
        ],
    );
    let error = refusal(&two);
    assert!(error.contains("\"2024-01-02 09:30\" in column \"timestamp\" and \"2024-01-02 14:30\" in column \"datetime\", which are times of two zones"), "{error}");
    assert!(
        error.contains("--columns time=timestamp or time=datetime"),
        "{error}"
    );
    // 14:30 is known at 14:31.
    assert!(
        super::texts::rows(&read_told(&two, "time=datetime"))[0]
            .starts_with("2024-01-02T14:31:00Z")
    );
    for rows in [
        [
            "2024-01-02 09:30:00,2024-01-02 09:31:00",
            "2024-01-02 09:31:00,2024-01-02 09:32:00",
        ],
        [
            "2024-01-02 09:30:00,2024-01-03 17:30:00",
            "2024-01-02 09:31:00,2024-01-03 17:31:00",
        ],
    ] {
        assert!(refusal(&bars("timestamp,datetime", rows)).contains("which are other times"));
    }
    let parts = bars(
        "timestamp,date,time",
        [
            "2024-01-02 09:30:00,2024-01-02,14:30",
            "2024-01-02 09:31:00,2024-01-02,14:31",
        ],
    );
    assert!(refusal(&parts).contains("--columns time=timestamp or date=date,time_of_day=time"));
    let dates = bars(
        "timestamp,date",
        [
            "2024-01-02 09:30:00,2024-01-02 14:30",
            "2024-01-02 09:31:00,2024-01-02 14:31",
        ],
    );
    assert!(refusal(&dates).contains("times of two zones"));
}

#[test]
fn a_day_beside_a_time_says_nothing_of_how_far_times_may_be_apart() {
    let text = |last: &str| {
        let days = "2024-01-02 14:00:00,2024-01-02 00:00:00,10,1\n".repeat(1_200);
        format!("timestamp,date,price,size\n{days}{last},10,1\n")
    };
    // As far apart as the rows above, where the date is written with a midnight.
    let refused = refusal(&text("2024-01-02 23:30:00,2024-01-02 09:30:00"));
    assert!(refused.contains("times of two zones"), "{refused}");
    let refused = refusal(&text("2024-01-12 14:00:00,2024-01-02 00:00:00"));
    assert!(refused.contains("which are other days"), "{refused}");
    assert_eq!(
        read(&text("2024-01-03 01:00:00,2024-01-02 00:00:00")).len(),
        1_201
    );
}

#[test]
fn columns_of_times_may_be_written_in_other_ways() {
    // The same in another form, local beside one that says where it is, and cut off to seconds.
    for (header, rows) in [
        (
            "timestamp,datetime",
            [
                "1704187800000,2024-01-02 09:30",
                "1704187860000,2024-01-02 09:31",
            ],
        ),
        (
            "unix,date",
            [
                "1704187800,2024-01-02 04:30:00",
                "1704187860,2024-01-02 04:31:00",
            ],
        ),
        (
            "timestamp,datetime",
            [
                "2024-01-02 09:30:00.123,2024-01-02 09:30:00",
                "2024-01-02 09:31:00.5,2024-01-02 09:31:00",
            ],
        ),
        (
            "timestamp_utc,local_time",
            [
                "2024-01-02 14:30,2024-01-02 09:30",
                "2024-01-02 14:31,2024-01-02 09:31",
            ],
        ),
        (
            "timestamp,date",
            [
                "2024-01-02 23:30:00,2024-01-03",
                "2024-01-02 23:31:00,2024-01-03",
            ],
        ),
        (
            "timestamp,date",
            [
                "2024-01-02 09:30:00,2024-01-02 00:00:00",
                "2024-01-02 09:31:00,2024-01-02 00:00:00",
            ],
        ),
    ] {
        let text = bars(header, rows);
        let file = read_text(
            &text,
            &ImportOptions {
                bar: Some("1m".parse().unwrap()),
                ..ImportOptions::default()
            },
        );
        assert_eq!(file.unwrap().records.len(), 2, "{text}");
    }
}

#[test]
fn numbers_that_are_times_of_other_programs_are_refused_or_told() {
    let bars = |times: [&str; 3]| {
        let rows = times.map(|time| format!("{time},10,11,9,10,5\n")).concat();
        format!("timestamp,open,high,low,close,volume\n{rows}")
    };
    let told = |text: &str, format: &str| {
        let options = ImportOptions {
            time_format: Some(format.to_owned()),
            ..ImportOptions::default()
        };
        super::texts::rows(&read_text(text, &options).unwrap())[0].clone()
    };
    let first = "2024-01-02T09:31:00Z TEST 10 11 9 10 x 5";
    let net = bars([
        "638397846000000000",
        "638397846600000000",
        "638397847200000000",
    ]);
    assert!(
        refusal(&net)
            .contains("as ticks of .NET, expected --time-format ns or --time-format dotnet")
    );
    assert_eq!(told(&net, "dotnet"), first);
    let windows = bars([
        "133486614000000000",
        "133486614600000000",
        "133486615200000000",
    ]);
    assert!(refusal(&windows).contains("FILETIME"));
    assert_eq!(told(&windows, "filetime"), first);
    let short = bars(["2401020930", "2401020931", "2401020932"]);
    assert!(refusal(&short).contains("2024-01-02T09:30:00Z as a date with a year of two digits"));
    assert_eq!(told(&short, "%y%m%d%H%M"), first);
    let zero = bars(["0", "86400000", "172800000"]);
    assert!(refusal(&zero).contains("1970-01-03T00:00:00Z as milliseconds since the epoch"));
    assert_eq!(
        told(&zero, "ms"),
        "1970-01-02T00:00:00Z TEST 10 11 9 10 x 5"
    );
    // Seconds of which one can be nothing else.
    let seconds = bars(["1701020958", "1701020959", "1701020960"]);
    assert_eq!(
        read_text(&seconds, &ImportOptions::default())
            .unwrap()
            .records
            .len(),
        3
    );
}

#[test]
fn numbers_of_shares_are_not_mixed_into_one_instrument() {
    let bars = |numbers: &[(&str, &str)]| {
        let days = (1..).zip(numbers);
        let rows = days.map(|(day, (number, price))| {
            format!("2024-01-{day:02},{number},{price},{price},{price},{price},1000\n")
        });
        format!(
            "date,stk,open,high,low,close,volume\n{}",
            rows.collect::<String>()
        )
    };
    let (a, b) = (("600000", "7.1"), ("000001", "17.1"));
    for numbers in [vec![a, a, b, b], vec![a, b, a, b, a, b]] {
        let refused = refusal(&bars(&numbers));
        assert!(
            refused.contains("a column \"stk\" of words that may be instruments (000001, 600000)"),
            "{refused}"
        );
    }
    // One after another, where the first thousand rows are of one; and interleaved, at prices nearer to each other.
    let one = |number: &str, price: usize| {
        let row = |minute: usize| {
            let (hour, minute) = (minute / 60, minute % 60);
            format!("2024-01-02 {hour:02}:{minute:02}:00,{number},{price}.{minute:02},1\n")
        };
        (0..1_200).map(row).collect::<String>()
    };
    let text = format!(
        "time,stk,price,size\n{}{}",
        one("600000", 7),
        one("000001", 7)
    );
    let refused = refusal(&text);
    assert!(
        refused.contains("a column \"stk\" of words that may be instruments"),
        "{refused}"
    );
    let pairs = (0..60).map(|second| {
        let (number, price) = [("1810", 10_000), ("9988", 10_100)][second % 2];
        let price = price + second / 2 % 3;
        format!("2024-01-02 09:30:{second:02},{number},{price},1\n2024-01-02 09:30:{second:02},{number},{price},2\n")
    });
    let text = format!("time,stk,price,size\n{}", pairs.collect::<String>());
    assert!(refusal(&text).contains("that may be instruments (1810, 9988)"));
    // Numbers that measure or count, and those of one share.
    for text in [
        bars(&[a, a, a, a]),
        bars(&[
            ("1200", "7.1"),
            ("1300", "9.1"),
            ("1250", "7.2"),
            ("1190", "9.2"),
        ]),
        bars(&[
            ("2023", "7.1"),
            ("2023", "7.12"),
            ("2024", "7.11"),
            ("2024", "7.13"),
        ]),
        bars(&[("0", "7.1"), ("1", "17.1"), ("0", "7.1"), ("1", "17.1")]),
        bars(&[a, a, b, b]).replace("stk", "trades_of_day"),
    ] {
        assert_eq!(read(&text).len(), 4, "{text}");
    }
}

#[test]
fn numbers_of_days_name_no_instruments() {
    // Each day begins a percent above the last, of which minutes are a few hundredths of a percent apart.
    let bars = |name: &str, days: usize, number: &dyn Fn(usize) -> usize| {
        let row = |at: usize| {
            let (day, minute) = (at / 20, at % 20);
            let price = 10_000 * (100 + day) / 100 + minute % 3;
            let date = format!(
                "20{:02}-{:02}-{:02}",
                day / 336,
                day / 28 % 12 + 1,
                day % 28 + 1
            );
            let number = number(day);
            format!("{date} 09:{minute:02}:00,{price},{price},{price},{price},5,{number}\n")
        };
        let rows = (0..days * 20).map(row).collect::<String>();
        format!("time,open,high,low,close,volume,{name}\n{rows}")
    };
    let grows = |day: usize| 123_456 + day * 1_000;
    for name in ["OpenInt", "Open Int", "day_id", "foo"] {
        assert_eq!(read(&bars(name, 10, &grows)).len(), 200, "{name}");
    }
    // More days than words are kept, and one day in ten has the number of one before.
    assert_eq!(read(&bars("foo", 1_100, &grows)).len(), 22_000);
    let few = |day: usize| grows(if day % 10 == 9 { day - 5 } else { day });
    assert_eq!(read(&bars("foo", 100, &few)).len(), 2_000);
    // Numbers that come again at once are codes, also where the name of their column has a word of counts within another.
    for name in ["foo", "join_key", "stock_number"] {
        let text = bars(name, 10, &|day| [1_027, 1_839][day % 2]);
        let refused = refusal(&text);
        let expected = "that may be instruments (1027, 1839)";
        assert!(refused.contains(expected), "{name}: {refused}");
    }
}

#[test]
fn symbols_in_small_letters_are_symbols() {
    let trades = |one: &str, other: &str| {
        let lines = (0..40).map(|second| {
            let name = [one, other][second / 2 % 2];
            format!(
                "2024-01-02 09:30:{second:02},{name},1.000{},5\n",
                second % 3
            )
        });
        format!("time,thing,price,size\n{}", lines.collect::<String>())
    };
    for (one, other) in [
        ("usdcusdt", "daiusdt"),
        ("usdc-usd", "dai-usd"),
        ("esh4", "esm4"),
        ("7203.t", "7267.t"),
    ] {
        let refused = refusal(&trades(one, other));
        assert!(
            refused.contains("a column \"thing\" of words that may be instruments"),
            "{refused}"
        );
    }
    for (one, other) in [
        ("week1", "week2"),
        ("industry", "poultry"),
        ("fast", "slow"),
    ] {
        assert_eq!(read(&trades(one, other)).len(), 40);
    }
}
