//! Which columns say the sides of trades, and in which way.

use super::texts::{read, refusal, rows};
use super::*;

/// Three trades with a column of this name, and the sides that are read of them: 1 bought, 2 sold, 0 unknown.
fn sides_of(name: &str, words: [&str; 3]) -> Vec<String> {
    let sides = read(&trades(name, words));
    let side = |row: &String| row.rsplit(' ').next().unwrap().to_owned();
    sides.iter().map(side).collect()
}

fn trades(name: &str, words: [&str; 3]) -> String {
    let lines = (0..)
        .zip(words)
        .map(|(second, word)| format!("2024-01-02 09:30:{second:02},42000.5,0.25,{word}\n"));
    format!("time,price,size,{name}\n{}", lines.collect::<String>())
}

#[test]
fn flags_and_words_say_who_traded() {
    for (name, words, sides) in [
        ("is_buy", ["true", "false", "True"], ["1", "2", "1"]),
        ("is_buy", ["1", "0", "0"], ["1", "2", "2"]),
        ("is_buy", ["1", "", "0"], ["1", "0", "2"]),
        ("buy", ["true", "false", "false"], ["1", "2", "2"]),
        ("is_sell", ["true", "false", "true"], ["2", "1", "2"]),
        ("sell", ["false", "true", "false"], ["1", "2", "1"]),
        (
            "taker_side_sell",
            ["false", "true", "true"],
            ["1", "2", "2"],
        ),
        ("is_buyer_maker", ["true", "false", "true"], ["2", "1", "2"]),
        ("maker_side", ["buy", "sell", "B"], ["2", "1", "2"]),
        ("order_of_maker", ["buy", "sell", "sell"], ["2", "1", "1"]),
        ("bs_flag", ["B", "S", "N"], ["1", "2", "0"]),
        ("bs", ["B", "S", "N"], ["1", "2", "0"]),
        ("buy_sell", ["b", "b", "b"], ["1", "1", "1"]),
        ("oper", ["Buy", "SELL", ""], ["1", "2", "0"]),
        // Codes of something else.
        ("tape", ["B", "B", "B"], ["0", "0", "0"]),
    ] {
        assert_eq!(sides_of(name, words), sides, "{name} {words:?}");
    }
}

#[test]
fn words_that_are_no_sides_are_refused() {
    for (name, words, expected) in [
        (
            "is_buy",
            ["1", "2", "1"],
            "is_buy: expected true or false (1); the first is in line 3, where is_buy is \"2\"",
        ),
        (
            "bs_flag",
            ["1", "2", "1"],
            "bs_flag: expected buy or sell (--columns side=- leaves sides out) (1); the first is in line 3, where bs_flag is \"2\"",
        ),
    ] {
        let refused = refusal(&trades(name, words));
        assert!(refused.contains(expected), "{refused}");
    }
}

#[test]
fn bid_and_ask_are_sides_of_trades_only_if_somebody_says_whose() {
    for name in ["side", "at"] {
        let text = trades(name, ["bid", "ask", "bid"]);
        let refused = refusal(&text);
        let expected = format!(
            "--columns side={name} if the bid bought, maker_side={name} if the bid was sold to"
        );
        assert!(refused.contains(&expected), "{refused}");
        for (mapping, first) in [
            (format!("side={name}"), "1"),
            (format!("maker_side={name}"), "2"),
        ] {
            let options = ImportOptions {
                mapping: mapping.parse().unwrap(),
                ..ImportOptions::default()
            };
            let file = read_text(&text, &options).unwrap();
            let row = rows(&file).remove(0);
            assert!(row.ends_with(&format!("side {first}")), "{mapping}: {row}");
        }
    }
    // Numbers of trades say that rows are trades, and whose side is meant is said.
    let text = "time,id,price,size,side\n2024-01-02 09:30:00,7,42000.5,0.25,bid\n2024-01-02 09:30:01,8,42000.5,0.25,ask\n";
    let file = read_text(text, &ImportOptions::default()).unwrap();
    assert!(rows(&file)[0].ends_with("side 1"));
    let notes = file.report.notes.join("\n");
    assert!(
        notes.contains(
            "bid and ask in \"side\" are taken as the sides of who traded: the bid bought"
        ),
        "{notes}"
    );
}
