//! Files of books that are written like trades: none of them is taken for trades.

use super::texts::{read, refusal};
use super::*;

/// Rows of a time, a price and a size with more columns, of which each row has its own.
fn rows(names: &str, more: &[&str]) -> String {
    let lines = (0..).zip(more).map(|(at, more)| {
        let (minute, second, price) = (at / 60, at % 60, 100 + (at * 7) % 5);
        format!(
            "2024-01-02 09:3{minute}:{second:02},{price},0.{},{more}\n",
            at + 1
        )
    });
    format!("time,price,size,{names}\n{}", lines.collect::<String>())
}

#[test]
fn letters_of_bid_and_ask_are_levels_or_trades() {
    for name in ["side", "bid_or_ask", "book", "type", "foo"] {
        for letters in [["b", "a", "b"], ["B", "A", "A"], ["a", "a", "b"]] {
            let text = rows(name, &letters);
            let refused = refusal(&text);
            let both = format!(
                "a column {name:?} of bid and ask: levels of a book, or trades, with the side of who traded or of who rested, expected \
                 --columns side={name} if the bid bought, maker_side={name} if the bid was sold to, or --format book-levels"
            );
            assert!(
                refused.contains(&both) || name == "bid_or_ask" && refused.contains("order_id=-"),
                "{refused}"
            );
            let told = ImportOptions {
                mapping: format!("side={name}").parse().unwrap(),
                ..ImportOptions::default()
            };
            let file = read_text(&text, &told).unwrap();
            let sides: Vec<u8> = file.records.iter().map(|r| TradeBody::of(r).side).collect();
            let expected = letters.map(|letter| {
                if letter.eq_ignore_ascii_case("b") {
                    1
                } else {
                    2
                }
            });
            assert_eq!(sides, expected, "{name}");
        }
    }
    // Letters of markets, and of trades that have numbers.
    assert_eq!(read(&rows("tape", &["A", "B", "A"])).len(), 3);
    assert_eq!(read(&rows("side,id", &["b,7", "a,8", "b,9"])).len(), 3);
    assert_eq!(read(&rows("side,action", &["B,T", "A,T"])).len(), 2);
}

#[test]
fn sides_that_begin_with_bids_go_on_as_they_are() {
    let mut letters = vec!["b"; 60];
    letters.push("a");
    let refused = refusal(&rows("side", &letters));
    assert!(
        refused.contains("TEST.csv, line 62: a column \"side\" of bid and ask"),
        "{refused}"
    );
    letters[60] = "s";
    let sides = read(&rows("side", &letters));
    assert!(sides[59].ends_with("side 1") && sides[60].ends_with("side 2"));
    assert_eq!(read(&rows("side", &["b", "b"])).len(), 2);
}

#[test]
fn flags_of_bids_are_levels_or_trades() {
    for (name, bought) in [("is_bid", "is_buy"), ("is_ask", "is_sell")] {
        let text = rows(name, &["true", "false", "true"]);
        let refused = refusal(&text);
        assert!(
            refused.contains(&format!("--columns {bought}={name} if the bid bought")),
            "{refused}"
        );
        let told = ImportOptions {
            mapping: format!("{bought}={name}").parse().unwrap(),
            ..ImportOptions::default()
        };
        let file = read_text(&text, &told).unwrap();
        let sides: Vec<u8> = file.records.iter().map(|r| TradeBody::of(r).side).collect();
        let first = if name == "is_bid" { 1 } else { 2 };
        assert_eq!(sides, [first, 3 - first, first], "{name}");
    }
    // As cryptofeed writes changes of a book.
    let refused = refusal(&rows("delta,side", &["True,buy", "False,sell"]));
    assert!(refused.contains("no column of a book"), "{refused}");
    assert_eq!(
        read(&rows("delta,side", &["0.51,buy", "0.48,sell"])).len(),
        2
    );
}

#[test]
fn columns_that_only_books_have_refuse_trades() {
    for names in [
        "update_id",
        "u",
        "checksum",
        "orders",
        "num_orders",
        "count",
        "first_update_id,last_update_id",
        "prev_seq_id",
    ] {
        let values = if names.contains(',') { "1,2" } else { "3" };
        let refused = refusal(&rows(names, &[values, values, values]));
        assert!(
            refused.contains("--columns order_id=- if they are trades"),
            "{names}: {refused}"
        );
        let told = ImportOptions {
            mapping: "order_id=-".parse().unwrap(),
            ..ImportOptions::default()
        };
        let file = read_text(&rows(names, &[values, values]), &told).unwrap();
        assert_eq!(file.records.len(), 2, "{names}");
    }
    // Trades that have numbers count what they were put together of.
    assert_eq!(read(&rows("count,id", &["3,1", "1,2"])).len(), 2);
    let size = ImportOptions {
        mapping: "size=count".parse().unwrap(),
        ..ImportOptions::default()
    };
    let text = "time,price,count\n2024-01-02 09:30:00,10,3\n2024-01-02 09:30:01,11,4\n";
    assert_eq!(read_text(text, &size).unwrap().records.len(), 2);
}

#[test]
fn channels_and_states_say_what_rows_are() {
    for (name, value) in [
        ("channel", "book"),
        ("channel", "depth"),
        ("topic", "orderbook.50.BTCUSDT"),
        ("stream", "btcusdt@depth20@100ms"),
        ("channel", "books5"),
        ("channel", "level2"),
        ("status", "open"),
        ("state", "partially_filled"),
    ] {
        let refused = refusal(&rows(name, &[value, value]));
        let expected = format!("{value:?} in column {name:?} of what would be trades");
        assert!(refused.contains(&expected), "{refused}");
    }
    for (name, value) in [
        ("topic", "publicTrade.BTCUSDT"),
        ("stream", "btcusdt@aggTrade"),
        ("channel", "trades"),
        ("status", "filled"),
        ("channel", "notebook"),
    ] {
        assert_eq!(
            read(&rows(name, &[value, value])).len(),
            2,
            "{name} {value}"
        );
    }
}

#[test]
fn as_many_rows_at_each_time_are_levels() {
    let snapshots = |levels: usize, times: usize| {
        let mut text = "time,price,size,side\n".to_owned();
        for time in 0..times {
            for at in 0..levels {
                let (price, side) = match at < levels / 2 {
                    true => (100 - at, "buy"),
                    false => (101 + at - levels / 2, "sell"),
                };
                text.push_str(&format!("2024-01-02 09:30:{time:02},{price},1,{side}\n"));
            }
        }
        text
    };
    for (levels, times) in [(10, 3), (20, 3), (6, 4)] {
        let refused = refusal(&snapshots(levels, times));
        let expected = format!("{levels} rows at each time, in the order of their prices");
        assert!(refused.contains(&expected), "{refused}");
    }
    let told = ImportOptions {
        mapping: "level=-".parse().unwrap(),
        ..ImportOptions::default()
    };
    let text = snapshots(10, 3);
    assert_eq!(read_text(&text, &told).unwrap().records.len(), 30);
    // Two rows of a time are no snapshot, and neither are rows of one price.
    assert_eq!(read(&snapshots(2, 10)).len(), 20);
    assert_eq!(read(&text.replace(",99,", ",100,")).len(), 30);
}

#[test]
fn names_of_files_that_say_a_book() {
    let text = rows("side", &["buy", "sell", "buy"]);
    for name in ["btcusdt_lob.csv", "book25-BTC.csv", "X_limitorderbook.csv"] {
        let input = Input::bytes(Path::new(name), text.as_bytes().to_vec());
        let error = input
            .read(&ImportOptions::default())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("rows that may be trades, in what is called"),
            "{error}"
        );
    }
    let input = Input::bytes(Path::new("global.csv"), text.into_bytes());
    assert_eq!(
        input.read(&ImportOptions::default()).unwrap().records.len(),
        3
    );
}
