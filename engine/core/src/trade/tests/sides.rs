//! Quotes and books of which a side is empty, or that are crossed: what fills against them, and what waits.

use super::*;
use crate::config::SignalDef;
use crate::silent::Waiting;
use tickloom_types::LevelBody;

const FIRST: u8 = Flags::SNAPSHOT;

fn stated(ts: i64, (bid, bid_qty): (i64, i64), (ask, ask_qty): (i64, i64)) -> Record {
    QuoteBody {
        bid,
        bid_qty,
        ask,
        ask_qty,
        update_id: 0,
    }
    .record(header(Kind::Quote, FEED, ts))
}

/// A bid of a side that is bid alone.
fn bid(ts: i64, price: i64) -> Record {
    stated(ts, (price, 5), (0, 0))
}

fn ask(ts: i64, price: i64) -> Record {
    stated(ts, (0, 0), (price, 5))
}

fn level(ts: i64, side: Side, price: i64, qty: i64, flags: u8) -> Record {
    LevelBody {
        price,
        qty,
        side: side as u8,
        clear: u8::from(flags & FIRST != 0),
        ..LevelBody::default()
    }
    .record(header(Kind::Level, FEED, ts).with_flags(flags))
}

/// A run in which an order to buy waits, sent by a trade at 10.5.
fn buying(before: impl IntoIterator<Item = Record>) -> Run {
    let mut run = Run::new(&config(rules("last > 10.4", "last < 4", "2")));
    for record in before {
        run.step(record);
    }
    let sent = run.step(trade(10, 105));
    assert_eq!(sent, ["order 1 buy 0/2 open", "accepted"]);
    run
}

/// The order that waits for a side.
fn unquoted(why: &'static str) -> Waiting {
    Waiting {
        strategy: "s".to_owned(),
        instrument: "X".to_owned(),
        order: 1,
        side: "buy",
        why,
        is_unquoted: true,
    }
}

/// As docs/expressions.md says: what orders see of one side alone, expressions do not.
#[test]
fn expressions_are_not_ready_while_a_side_is_empty() {
    let mut config = config(rules("last > 90", "last < 1", "2"));
    config.signals = ["bid", "ask", "bid_qty", "mid", "last"]
        .map(|field| SignalDef::new(field, field))
        .into();
    let mut run = Run::new(&config);
    run.step(trade(1, 105));
    run.step(stated(2, (104, 5), (106, 5)));
    let both = [10.4, 10.6, 5.0, 10.5, 10.5].map(Some);
    assert_eq!(run.core.state().signals, both);
    for ts in [3, 5] {
        for one_sided in [bid(ts, 110), ask(ts, 110), stated(ts, (104, 5), (106, 0))] {
            run.step(one_sided);
            let last_alone = [None, None, None, None, Some(10.5)];
            assert_eq!(run.core.state().signals, last_alone);
        }
        run.step(stated(ts + 1, (104, 5), (106, 5)));
        assert_eq!(run.core.state().signals, both);
    }
}

#[test]
fn at_the_upper_limit_a_purchase_waits_for_the_ask_and_a_sale_has_the_bid() {
    let mut run = buying([stated(1, (104, 5), (106, 5))]);
    let next = Waiting {
        is_unquoted: false,
        ..unquoted("nothing came after it that could fill it")
    };
    assert_eq!(run.core.waiting(), [next]);
    for ts in 11..14 {
        assert_eq!(run.step(bid(ts, 110)), NOTHING);
        assert_eq!(run.step(trade(ts, 110)), NOTHING);
    }
    assert_eq!(run.core.waiting(), [unquoted("there is no ask")]);
    let filled = run.step(stated(15, (108, 1), (109, 5)));
    assert_eq!(filled[0], "fill 2 at 109 fee 0");
    run.step(bid(16, 110));
    run.step(trade(17, 39));
    assert_eq!(run.step(trade(18, 39))[0], "fill 2 at 110 fee 0");
}

#[test]
fn at_the_lower_limit_a_purchase_has_the_ask_whatever_trades_and_at_a_quote_alone() {
    let mut run = buying([ask(1, 100)]);
    assert_eq!(run.step(trade(11, 50))[0], "fill 2 at 100 fee 0");
    let mut run = buying([bid(1, 100)]);
    assert_eq!(run.step(ask(11, 101))[0], "fill 2 at 101 fee 0");
    // A price without a size, where the other side has one, is an empty side.
    let mut run = buying([stated(1, (104, 5), (106, 0))]);
    assert_eq!(run.step(trade(11, 105)), NOTHING);
    assert_eq!(run.step(stated(12, (104, 5), (106, 0))), NOTHING);
    // Where neither has one, sizes are not known, and a side without a price is empty.
    assert_eq!(run.step(stated(13, (104, 0), (0, 0))), NOTHING);
    let filled = run.step(stated(14, (0, 0), (106, 0)));
    assert_eq!(filled[0], "fill 2 at 106 fee 0");
}

#[test]
fn while_quotes_are_crossed_orders_wait() {
    let mut run = buying([stated(1, (106, 5), (104, 5))]);
    assert_eq!(run.step(trade(11, 105)), NOTHING);
    assert_eq!(run.step(stated(12, (108, 5), (107, 5))), NOTHING);
    assert_eq!(run.step(trade(13, 107)), NOTHING);
    let told = unquoted("bid and ask are crossed");
    assert_eq!(run.core.waiting(), [told]);
    assert_eq!(run.step(ask(14, 108))[1], "fill 2 at 108 fee 0");
}

#[test]
fn locked_quotes_and_books_fill_both_sides_at_their_price() {
    let mut run = buying([stated(1, (106, 5), (104, 5))]);
    assert_eq!(run.step(trade(11, 105)), NOTHING);
    let filled = run.step(stated(12, (107, 5), (107, 5)));
    assert_eq!(filled[1], "fill 2 at 107 fee 0", "{filled:?}");
    run.step(trade(13, 39));
    assert_eq!(
        run.step(stated(14, (40, 5), (40, 5)))[0],
        "fill 2 at 40 fee 0"
    );
    let book = [
        level(1, Side::Buy, 104, 3, FIRST),
        level(1, Side::Sell, 104, 3, Flags::LAST),
    ];
    let mut run = buying(book);
    assert_eq!(run.step(trade(11, 120))[0], "fill 2 at 104 fee 0");
}

#[test]
fn a_book_of_one_side_is_as_such_a_quote_and_only_while_it_is_live() {
    let book = [
        level(1, Side::Buy, 104, 3, FIRST),
        level(1, Side::Buy, 103, 3, Flags::LAST),
    ];
    let mut run = buying(book);
    assert_eq!(run.step(trade(11, 105)), NOTHING);
    assert_eq!(run.step(level(12, Side::Sell, 107, 3, 0)), NOTHING);
    assert_eq!(run.step(trade(12, 106)), NOTHING, "within a message");
    assert_eq!(
        run.step(level(12, Side::Buy, 104, 0, Flags::LAST))[0],
        "fill 2 at 107 fee 0"
    );
    // What is stale or in resync shows nothing: the next trade is the price.
    for state in [BookState::Stale, BookState::Resync] {
        let mut run = buying(book);
        assert_eq!(run.step(trade(11, 105)), NOTHING);
        run.step(status(12, StatusCode::Book, state as u8));
        assert_eq!(run.step(trade(13, 103))[0], "fill 2 at 103 fee 0");
    }
    // So does a book that may be wrong.
    let mut run = buying(book);
    let doubtful = Flags::LAST | Flags::MAYBE_BAD_BOOK;
    assert_eq!(run.step(level(11, Side::Sell, 120, 3, doubtful)), NOTHING);
    assert_eq!(run.step(trade(12, 106))[0], "fill 2 at 106 fee 0");
}

#[test]
fn where_quotes_show_nothing_to_buy_bars_fill_nothing() {
    let half = HOUR / 2;
    let (one_sided, crossed) = (|ts| bid(ts, 100), |ts| stated(ts, (101, 5), (100, 5)));
    let quotes: [fn(i64) -> Record; 2] = [one_sided, crossed];
    for quote in quotes {
        let hour = |n: i64| bar(HOURS, n * HOUR, 100, 100);
        let mut config = config(rules("close@1h > 9", "close@1h < 1", "2"));
        config.default_bar = Some("1h".parse().unwrap());
        let mut run = Run::new(&config);
        run.step(quote(2 * HOUR + half));
        run.step(hour(3));
        for n in 4..6 {
            assert_eq!(run.step(quote(n * HOUR - half)), NOTHING);
            assert_eq!(run.step(hour(n)), NOTHING);
        }
        run.step(ask(5 * HOUR + 1, 103));
        assert_eq!((run.held(), run.cash().as_str()), (2, "979.4"));
    }
}
