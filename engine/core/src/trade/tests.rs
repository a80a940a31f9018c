//! Orders from intent to fill over bars and ticks, through the whole core: what comes out, in order and to the last digit.

mod look_ahead;
mod many;
mod moments;
mod newer;
mod shorts;
mod sides;
mod steps;
mod waiting;

use crate::config::CoreConfig;
use crate::core::Core;
use crate::outputs::Outputs;
use crate::trade_config::{FillModel, RiskLimits, Size, StrategyDef};
use std::collections::BTreeMap;
use tickloom_types::{
    AccountBody, BarBody, BarSpec, BookState, FillBody, Flags, Header, InstrumentDef, InstrumentId,
    Instruments, Kind, Money, OrderBody, OrderStatus, PositionBody, QuoteBody, Record, RiskRule,
    Side, SourceDef, SourceId, SourceKind, StatusBody, StatusCode, TimerBody, TradeBody, Ts,
    VerdictBody, parse_money,
};

const X: InstrumentId = InstrumentId(0);
const Y: InstrumentId = InstrumentId(2);
const FEED: SourceId = SourceId(0);
const DAYS: SourceId = SourceId(1);
const HOURS: SourceId = SourceId(2);
const MINUTES: SourceId = SourceId(3);
const TWO_TRADES: SourceId = SourceId(4);
const HOUR: i64 = 3_600_000_000_000;

/// Prices with one decimal, sizes without.
fn config(strategy: StrategyDef) -> CoreConfig {
    let mut instruments = Instruments::new();
    instruments
        .add(InstrumentDef::new("X", 1, 0, "USD"))
        .unwrap();
    instruments
        .add(InstrumentDef::new("EURO", 1, 0, "EUR"))
        .unwrap();
    let feed = SourceDef::new("feed", SourceKind::Feed);
    instruments.add_source(feed).unwrap();
    let day: BarSpec = "1d".parse().unwrap();
    instruments.bar_source(day).unwrap();
    instruments.bar_source("1h".parse().unwrap()).unwrap();
    instruments
        .add(InstrumentDef::new("Y", 1, 0, "USD"))
        .unwrap();
    for size in ["1m", "2t"] {
        instruments.bar_source(size.parse().unwrap()).unwrap();
    }
    let mut config = CoreConfig {
        instruments,
        default_instrument: Some(X),
        default_bar: Some(day),
        strategies: vec![strategy],
        ..CoreConfig::default()
    };
    config.account.cash = parse_money("1000").unwrap();
    config
}

fn rules(enter: &str, exit: &str, size: &str) -> StrategyDef {
    StrategyDef::Rules {
        name: "s".to_owned(),
        instrument: None,
        enter: Some(enter.to_owned()),
        exit: Some(exit.to_owned()),
        short_enter: None,
        short_exit: None,
        size: size.parse().unwrap(),
    }
}

/// A core with the records that it was given so far.
struct Run {
    core: Core,
    seq: u64,
    out: Outputs,
}

impl Run {
    fn new(config: &CoreConfig) -> Run {
        Run {
            core: Core::new(config).unwrap(),
            seq: 0,
            out: Outputs::new(),
        }
    }

    /// What came out, in words.
    fn step(&mut self, record: Record) -> Vec<String> {
        self.core.step(self.seq, &record, &mut self.out);
        self.seq += 1;
        let portfolio = self.core.portfolio();
        assert_eq!(
            portfolio.cash().0 + portfolio.cost().0 + portfolio.fees().0,
            portfolio.deposits().0 + portfolio.realised().0
        );
        self.out.records().iter().map(words).collect()
    }

    fn cash(&self) -> String {
        self.core.portfolio().cash().to_string()
    }

    fn held(&self) -> i64 {
        self.core.portfolio().net_qty(X)
    }
}

fn words(record: &Record) -> String {
    match record.kind().unwrap() {
        Kind::Order => {
            let order = OrderBody::of(record);
            let status = OrderStatus::from_raw(order.status).unwrap();
            let side = Side::from_raw(order.side).unwrap();
            format!(
                "order {} {} {}/{} {}",
                order.order,
                side.name(),
                order.filled,
                order.qty,
                status.name()
            )
        }
        Kind::Verdict => {
            let verdict = VerdictBody::of(record);
            RiskRule::from_raw(verdict.rule).map_or("accepted".to_owned(), |rule| {
                format!("{} {} > {}", rule.name(), verdict.observed, verdict.allowed)
            })
        }
        Kind::Fill => {
            let fill = FillBody::of(record);
            format!("fill {} at {} fee {}", fill.qty, fill.price, fill.fee)
        }
        Kind::Position => {
            let position = PositionBody::of(record);
            format!(
                "position {} cost {} realised {}",
                position.qty, position.cost, position.realised
            )
        }
        Kind::Account => {
            let account = AccountBody::of(record);
            let (cash, equity) = (Money(account.cash()), Money(account.equity()));
            format!("account {cash} {equity}")
        }
        Kind::RiskStatus => {
            let code = StatusCode::from_raw(StatusBody::of(record).code).unwrap();
            code.name().to_owned()
        }
        kind => kind.name().to_owned(),
    }
}

fn header(kind: Kind, source: SourceId, ts: i64) -> Header {
    Header::new(kind, X, source, Ts(ts), Ts(ts))
}

fn bar(source: SourceId, ts: i64, open: i64, close: i64) -> Record {
    BarBody {
        open,
        high: open.max(close),
        low: open.min(close),
        close,
        volume: 100,
    }
    .record(header(Kind::Bar, source, ts))
}

fn day(n: i64, open: i64, close: i64) -> Record {
    bar(DAYS, n * 24 * HOUR, open, close)
}

fn trade(ts: i64, price: i64) -> Record {
    TradeBody {
        price,
        qty: 3,
        ..TradeBody::default()
    }
    .record(header(Kind::Trade, FEED, ts))
}

fn quote(ts: i64, bid: i64, ask: i64) -> Record {
    QuoteBody {
        bid,
        bid_qty: 5,
        ask,
        ask_qty: 5,
        update_id: 0,
    }
    .record(header(Kind::Quote, FEED, ts))
}

fn status(ts: i64, code: StatusCode, state: u8) -> Record {
    StatusBody {
        code: code as u16,
        state,
        ..StatusBody::default()
    }
    .record(header(Kind::Status, FEED, ts))
}

const NOTHING: [&str; 0] = [];

#[test]
fn every_turn_of_an_order_is_an_output() {
    let mut config = config(rules("close > 10", "close < 10", "20"));
    config.account.fee = "0.001".parse().unwrap();
    let mut run = Run::new(&config);
    assert_eq!(
        run.step(day(1, 90, 101)),
        ["order 1 buy 0/20 open", "accepted"]
    );
    assert_eq!(
        run.step(day(2, 110, 120)),
        [
            "fill 20 at 110 fee 220000000",
            "order 1 buy 20/20 filled",
            "position 20 cost 220000000000 realised 0",
            "account 779.78 1019.78"
        ]
    );
    assert_eq!(
        run.step(day(3, 120, 99)),
        ["order 2 sell 0/20 open", "accepted"]
    );
    assert_eq!(
        run.step(day(4, 100, 100)),
        [
            "fill 20 at 100 fee 200000000",
            "order 2 sell 20/20 filled",
            "position 0 cost 0 realised -20000000000",
            "account 979.58 979.58"
        ]
    );
    assert_eq!(run.core.fills(), 2);
}

#[test]
fn same_close_fills_at_once() {
    let mut config = config(rules("close > 10", "close < 10", "20"));
    config.account.fill = FillModel::SameClose;
    let mut run = Run::new(&config);
    assert_eq!(
        run.step(day(1, 90, 101)),
        [
            "order 1 buy 0/20 open",
            "accepted",
            "fill 20 at 101 fee 0",
            "order 1 buy 20/20 filled",
            "position 20 cost 202000000000 realised 0",
            "account 798 1000"
        ]
    );
}

#[test]
fn ticks_fill_after_the_record_that_sent_the_order_at_the_opposite_quote() {
    let mut run = Run::new(&config(rules("last > 10", "last < 9", "2")));
    assert_eq!(run.step(quote(1, 99, 101)), NOTHING);
    assert_eq!(
        run.step(trade(2, 101)),
        ["order 1 buy 0/2 open", "accepted"]
    );
    assert_eq!(run.step(quote(3, 100, 103))[0], "fill 2 at 103 fee 0");
    assert_eq!(
        run.step(trade(4, 89)),
        ["order 2 sell 0/2 open", "accepted"]
    );
    assert_eq!(run.step(trade(5, 88))[0], "fill 2 at 100 fee 0");
}

#[test]
fn without_quotes_the_next_trade_is_the_price() {
    let mut run = Run::new(&config(rules("last > 10", "last < 9", "2")));
    assert_eq!(
        run.step(trade(1, 101)),
        ["order 1 buy 0/2 open", "accepted"]
    );
    assert_eq!(run.step(trade(2, 104))[0], "fill 2 at 104 fee 0");
}

#[test]
fn a_book_that_cannot_be_trusted_is_no_price() {
    let mut run = Run::new(&config(rules("last > 10", "last < 9", "2")));
    run.step(quote(1, 99, 101));
    run.step(status(2, StatusCode::Book, BookState::Resync as u8));
    assert_eq!(
        run.step(trade(3, 101)),
        ["order 1 buy 0/2 refused", "no_price 0 > 0"]
    );
}

#[test]
fn larger_bars_fill_nothing() {
    // The order is sent within the day, so the day's open is in its past.
    let mut run = Run::new(&config(rules("close@1h > 10", "close@1h < 1", "2")));
    assert_eq!(run.step(bar(HOURS, 23 * HOUR, 100, 100)), NOTHING);
    let sent = run.step(bar(HOURS, 24 * HOUR, 100, 101));
    assert_eq!(sent, ["order 1 buy 0/2 open", "accepted"]);
    assert_eq!(run.step(bar(DAYS, 24 * HOUR, 50, 101)), NOTHING);
    let filled = run.step(bar(HOURS, 25 * HOUR, 102, 103));
    assert_eq!(filled[0], "fill 2 at 102 fee 0");
}

#[test]
fn bars_fill_nothing_where_there_are_trades() {
    let mut run = Run::new(&config(rules("last > 10", "last < 1", "2")));
    run.step(bar(HOURS, HOUR, 90, 90));
    assert_eq!(
        run.step(trade(HOUR + 5, 101)),
        ["order 1 buy 0/2 open", "accepted"]
    );
    assert_eq!(run.step(bar(HOURS, 2 * HOUR, 90, 101)), NOTHING);
    assert_eq!(run.step(trade(2 * HOUR, 102))[0], "fill 2 at 102 fee 0");
}

#[test]
fn all_cash_is_spent_at_the_price_of_the_fill() {
    let mut config = config(rules("close > 10", "close < 10", "all"));
    config.account.fee = "0.01".parse().unwrap();
    let mut run = Run::new(&config);
    assert_eq!(run.step(day(1, 90, 110))[0], "order 1 buy 0/90 open");
    // 1000 / (12.5 * 1.01) = 79.2
    let filled = run.step(day(2, 125, 130));
    assert_eq!(filled[0], "fill 79 at 125 fee 9875000000");
    assert_eq!(filled[1], "order 1 buy 79/79 filled");
    assert_eq!(run.cash(), "2.625");
}

#[test]
fn cash_that_the_next_open_asks_for_in_vain_refuses_the_order() {
    let mut config = config(rules("close > 10", "close < 10", "90"));
    let mut run = Run::new(&config);
    assert_eq!(run.step(day(1, 90, 110))[1], "accepted");
    assert_eq!(
        run.step(day(2, 112, 99)),
        [
            "order 1 buy 0/90 refused",
            "cash 1008000000000 > 1000000000000"
        ]
    );
    assert_eq!(
        run.step(day(3, 100, 120)),
        [
            "order 2 buy 0/90 refused",
            "cash 1080000000000 > 1000000000000"
        ]
    );
    config.account.margin = true;
    let mut run = Run::new(&config);
    run.step(day(1, 90, 110));
    assert_eq!(run.step(day(2, 112, 120))[0], "fill 90 at 112 fee 0");
    assert_eq!(run.cash(), "-8");
}

#[test]
fn a_volume_share_fills_in_parts() {
    let mut config = config(rules("close > 10", "close < 1", "25"));
    config.account.volume_share = Some("0.1".parse().unwrap());
    let mut run = Run::new(&config);
    run.step(day(1, 90, 110));
    assert_eq!(
        run.step(day(2, 111, 112))[1],
        "order 1 buy 10/25 partly_filled"
    );
    assert_eq!(
        run.step(day(3, 112, 113))[1],
        "order 1 buy 20/25 partly_filled"
    );
    assert_eq!(
        run.step(day(4, 113, 114))[..2],
        ["fill 5 at 113 fee 0", "order 1 buy 25/25 filled"]
    );
}

#[test]
fn an_entry_on_the_other_side_turns_the_position_round() {
    let mut config = config(StrategyDef::Rules {
        name: "s".to_owned(),
        instrument: None,
        enter: Some("close > 10".to_owned()),
        exit: None,
        short_enter: Some("close < 10".to_owned()),
        short_exit: None,
        size: Size::Qty("3".to_owned()),
    });
    config.account.fill = FillModel::SameClose;
    let mut run = Run::new(&config);
    run.step(day(1, 90, 110));
    assert_eq!(run.held(), 3);
    let turned = run.step(day(2, 90, 80));
    assert_eq!(turned[0], "order 2 sell 0/3 open");
    assert_eq!(turned[6], "order 3 sell 0/3 open");
    assert_eq!(run.held(), -3);
    run.step(day(3, 90, 120));
    assert_eq!(run.held(), 3);
    // +3 at 11, -6 at 8, +6 at 12: 1000 - 33 + 48 - 72
    assert_eq!(run.cash(), "943");
}

/// Long or short with all cash at the next open, as the close is above or below 10.
fn round_with_all(size: Size) -> Run {
    let mut config = config(StrategyDef::Rules {
        name: "s".to_owned(),
        instrument: None,
        enter: Some("close > 10".to_owned()),
        exit: None,
        short_enter: Some("close < 10".to_owned()),
        short_exit: None,
        size,
    });
    config.account.fee = "0.01".parse().unwrap();
    Run::new(&config)
}

#[test]
fn all_cash_turns_from_long_to_short_and_back_at_the_next_open() {
    for size in [Size::All, Size::AllWhole] {
        let mut run = round_with_all(size);
        run.step(day(1, 90, 110));
        // 99 at 10 and a fee of 9.90: next to nothing is left.
        run.step(day(2, 100, 80));
        assert_eq!((run.held(), run.cash()), (99, "0.1".to_owned()));
        let orders = [
            "order 2 sell 0/99 open",
            "accepted",
            "order 3 sell 0/97 open",
            "accepted",
        ];
        // What 0.10 and 99 at 8 less a fee of 7.92 pay for at 8.08.
        assert_eq!(
            run.out.records()[4..].iter().map(words).collect::<Vec<_>>(),
            orders[..]
        );
        // 0.10 + 891 - 8.91 pay for 97 at 9.09; sold for 873 - 8.73.
        run.step(day(3, 90, 120));
        assert_eq!((run.held(), run.cash()), (-97, "1746.46".to_owned()));
        let orders = [
            "order 4 buy 0/97 open",
            "accepted",
            "order 5 buy 0/47 open",
            "accepted",
        ];
        // 1746.46 - 1164 - 11.64 = 570.82 at 12.12.
        assert_eq!(
            run.out.records()[8..].iter().map(words).collect::<Vec<_>>(),
            orders[..]
        );
        // 1746.46 - 1067 - 10.67 = 668.79 pay for 60 at 11.11.
        run.step(day(4, 110, 110));
        assert_eq!((run.held(), run.cash()), (60, "2.19".to_owned()));
    }
}

#[test]
fn conditions_that_contradict_each_other_open_nothing() {
    let mut run = Run::new(&config(rules("close > 10", "close > 10", "2")));
    assert_eq!(run.step(day(1, 90, 110)), NOTHING);
}

#[test]
fn a_target_is_followed_up_down_and_short() {
    let mut config = config(StrategyDef::Target {
        name: "s".to_owned(),
        instrument: None,
        target: "close - 10".to_owned(),
    });
    config.account.fill = FillModel::SameClose;
    let mut run = Run::new(&config);
    let held = [(120, 2), (125, 2), (150, 5), (80, -2), (100, 0)];
    for (n, (close, expected)) in (1..).zip(held) {
        run.step(day(n, close, close));
        assert_eq!(run.held(), expected, "at {close}");
    }
}

#[test]
fn a_target_that_no_size_can_be_is_an_order_that_is_refused() {
    let mut config = config(StrategyDef::Target {
        name: "s".to_owned(),
        instrument: None,
        target: "if(close > 12, 1e30, if(close > 11, -1e30, if(close > 10, 8e18, -8e18)))"
            .to_owned(),
    });
    config.account.fill = FillModel::SameClose;
    config.account.margin = true;
    let mut run = Run::new(&config);
    let overflow = |side: &str, id: u32| {
        let order = format!("order {id} {side} 0/0 refused");
        vec![order, "overflow 0 > 0".to_owned()]
    };
    assert_eq!(run.step(day(1, 130, 130)), overflow("buy", 1));
    assert_eq!(run.step(day(2, 120, 120)), overflow("sell", 2));
    run.step(day(3, 1, 1));
    assert_eq!(run.held(), -8_000_000_000_000_000_000);
    // From -8e18 to 8e18 is 1.6e19, which no size can be either.
    assert_eq!(run.step(day(4, 110, 110)), overflow("buy", 4));
    assert_eq!(run.held(), -8_000_000_000_000_000_000);
}

#[test]
fn all_of_an_amount_that_no_size_can_be_is_an_overflow_and_not_too_little_cash() {
    let mut config = config(rules("close > 0", "close < 0", "all"));
    config.account.cash = parse_money("1000000000000000000").unwrap();
    let mut run = Run::new(&config);
    // 1e18 of cash at 0.1 a piece are 1e19 pieces.
    let refused = ["order 1 buy 0/0 refused", "overflow 0 > 0"];
    assert_eq!(run.step(day(1, 1, 1)), refused);
}

#[test]
fn the_loss_stop_latches_lets_out_and_waits_for_a_person() {
    let mut config = config(rules("last > 10", "last < 9", "10"));
    config.risk = RiskLimits {
        daily_loss: Some(parse_money("15").unwrap()),
        ..RiskLimits::default()
    };
    let mut run = Run::new(&config);
    run.step(trade(1, 101));
    assert_eq!(run.step(trade(2, 102))[0], "fill 10 at 102 fee 0");
    assert_eq!(
        run.step(trade(3, 88)),
        ["order 2 sell 0/10 open", "accepted"]
    );
    // 102 -> 87 is 15 lost; the exit that waits is let out.
    assert_eq!(run.step(trade(4, 87))[4], "loss_stop");
    assert_eq!(run.held(), 0);
    let refused = [
        "order 3 buy 0/10 refused",
        "daily_loss 15000000000 > 15000000000",
    ];
    assert_eq!(run.step(trade(5, 101)), refused);
    let next_day = run.step(trade(24 * HOUR, 101));
    assert_eq!(
        next_day[1], "daily_loss 0 > 15000000000",
        "a new day does not reset it"
    );
    assert_eq!(
        run.step(status(24 * HOUR + 1, StatusCode::RiskReset, 0)),
        ["risk_reset"]
    );
    assert_eq!(run.step(trade(24 * HOUR + 2, 101))[1], "accepted");
}

#[test]
fn order_numbers_of_earlier_sessions_are_not_used_again() {
    let mut run = Run::new(&config(rules("last > 10", "last < 9", "10")));
    assert_eq!(run.step(trade(1, 101))[0], "order 1 buy 0/10 open");
    let mut started = status(2, StatusCode::Started, 0);
    let mut body = StatusBody::of(&started);
    body.from = 41;
    started = body.record(started.header);
    run.step(started);
    assert_eq!(run.core.last_order(), 41);
    assert_eq!(run.step(trade(3, 102))[0], "fill 10 at 102 fee 0");
    assert_eq!(run.step(trade(4, 8))[0], "order 42 sell 0/10 open");
    // One that says less than is known changes nothing.
    body.from = 7;
    run.step(body.record(started.header));
    assert_eq!(run.core.last_order(), 42);
}

#[test]
fn the_last_number_refuses_its_order_and_none_is_used_twice() {
    let mut run = Run::new(&config(rules("last > 10", "last < 9", "10")));
    let started = status(1, StatusCode::Started, 0);
    let mut body = StatusBody::of(&started);
    body.from = u64::from(u32::MAX) - 2;
    run.step(body.record(started.header));
    assert_eq!(
        run.step(trade(2, 101)),
        ["order 4294967294 buy 0/10 open", "accepted"]
    );
    assert_eq!(run.step(trade(3, 102))[0], "fill 10 at 102 fee 0");
    let refused = ["order 4294967295 sell 0/0 refused", "order_numbers 0 > 0"];
    assert_eq!(run.step(trade(4, 8)), refused);
    // What is wanted further on has no number, and is no order.
    assert_eq!(run.step(trade(5, 7)), NOTHING);
    assert_eq!((run.core.last_order(), run.held()), (u32::MAX, 10));

    // A session that is told of more numbers than there are has none left.
    let mut run = Run::new(&config(rules("last > 10", "last < 9", "10")));
    body.from = u64::from(u32::MAX) + 2;
    run.step(body.record(started.header));
    assert_eq!(run.step(trade(2, 101)), NOTHING);
    assert_eq!(run.core.last_order(), u32::MAX);
}

#[test]
fn only_priced_records_with_a_venues_time_turn_the_day_of_the_loss_stop() {
    let mut config = config(rules("last > 10", "last < 1", "10"));
    config.risk = RiskLimits {
        daily_loss: Some(parse_money("15").unwrap()),
        ..RiskLimits::default()
    };
    let mut run = Run::new(&config);
    run.step(trade(1, 101));
    run.step(trade(2, 101));
    run.step(trade(3, 91));
    // 10 are lost. Nothing of this begins a new day, in which the next 9 would be the first.
    let mut wrong_time = trade(24 * HOUR, 91);
    wrong_time.header.flags = Flags::BAD_TIME;
    let timer = TimerBody::default().record(header(Kind::Timer, FEED, 24 * HOUR + 1));
    for record in [
        wrong_time,
        timer,
        status(24 * HOUR + 2, StatusCode::Connected, 0),
    ] {
        assert_eq!(run.step(record), NOTHING);
    }
    assert_eq!(run.step(trade(23 * HOUR, 82)), ["loss_stop"]);

    let mut run = Run::new(&config);
    run.step(trade(1, 101));
    run.step(trade(2, 101));
    run.step(trade(3, 91));
    run.step(trade(24 * HOUR, 91));
    assert_eq!(run.step(trade(24 * HOUR + 1, 82)), NOTHING);
    assert_eq!(run.step(trade(24 * HOUR + 2, 76)), ["loss_stop"]);
}

#[test]
fn a_trailing_stop_takes_half_and_follows() {
    let text = |text: &str| text.to_owned();
    let settings = [
        ("size", "10"),
        ("trail_bps", "1000"),
        ("profit_bps", "2000"),
    ];
    let mut run = Run::new(&config(StrategyDef::Code {
        name: "ride".to_owned(),
        instrument: None,
        code: "trailing_stop".to_owned(),
        expressions: BTreeMap::from([(text("enter"), text("close > 10"))]),
        settings: settings.map(|(k, v)| (text(k), text(v))).into(),
    }));
    assert_eq!(run.step(day(1, 90, 101))[0], "order 1 buy 0/10 open");
    // In at 100; the stop rests a tenth below the best close.
    let opened = run.step(day(2, 100, 100));
    assert_eq!(opened[0], "fill 10 at 100 fee 0");
    assert_eq!(opened[4..], ["order 2 sell 0/10 open", "accepted"]);
    let moved = run.step(day(3, 100, 110));
    assert_eq!(
        moved[..2],
        ["order 2 sell 0/10 cancelled", "order 3 sell 0/10 open"]
    );
    assert_eq!(run.step(day(4, 110, 105)), NOTHING, "it never moves down");
    // A fifth above the first close: half is sold at the next open, the stop covers the rest.
    let profit = run.step(day(5, 110, 120));
    assert_eq!(
        profit[..2],
        ["order 3 sell 0/10 cancelled", "order 4 sell 0/5 open"]
    );
    assert_eq!(profit[3], "order 5 sell 0/5 open");
    assert_eq!(run.step(day(6, 121, 120))[0], "fill 5 at 121 fee 0");
    let stopped = run.step(day(7, 118, 107));
    assert_eq!(stopped[0], "fill 5 at 108 fee 0");
    // 1000 - 10 * 10 + 5 * 12.1 + 5 * 10.8
    assert_eq!((run.held(), run.cash()), (0, text("1014.5")));
}

#[test]
fn settings_that_are_wrong_are_named() {
    let check = |strategy: StrategyDef, expected: &str| {
        let error = Core::new(&config(strategy)).unwrap_err();
        assert_eq!(error.to_string(), expected);
    };
    check(
        rules("close > 1", "close < 1", "0.5"),
        "strategy s: size is \"0.5\", expected a size above zero in steps of the instrument's lot",
    );
    let code = |code: &str| StrategyDef::Code {
        name: "s".to_owned(),
        instrument: None,
        code: code.to_owned(),
        expressions: BTreeMap::new(),
        settings: BTreeMap::new(),
    };
    check(
        code("magic"),
        "strategy s: code is \"magic\", expected trailing_stop",
    );
    check(
        code("trailing_stop"),
        "strategy s: enter is \"\", expected an expression",
    );
}

#[test]
fn an_account_needs_money() {
    for cash in ["-100000", "0"] {
        let mut config = config(rules("close > 1", "close < 1", "1"));
        config.account.cash = parse_money(cash).unwrap();
        let error = Core::new(&config).unwrap_err().to_string();
        let expected = format!("account: cash is \"{cash}\", expected an amount above zero");
        assert_eq!(error, expected);
    }
}

#[test]
fn rules_are_checked_before_the_run() {
    let mut strategy = rules("close > 1", "close < 1", "1");
    if let StrategyDef::Rules { enter, .. } = &mut strategy {
        *enter = None;
    }
    let error = Core::new(&config(strategy)).unwrap_err().to_string();
    assert_eq!(
        error,
        "strategy s: exit is \"close < 1\", expected enter beside it: there is nothing to leave"
    );
}

#[test]
fn an_account_has_one_currency() {
    let mut config = config(rules("close > 1", "close < 1", "1"));
    let mut other = rules("close > 1", "close < 1", "1");
    if let StrategyDef::Rules {
        name, instrument, ..
    } = &mut other
    {
        *name = "t".to_owned();
        *instrument = Some("EURO".into());
    }
    config.strategies.push(other);
    let error = Core::new(&config).unwrap_err().to_string();
    assert!(error.starts_with("strategy t: currency"), "{error}");
}

#[test]
fn a_fill_that_does_not_fit_is_refused() {
    let mut config = config(rules("close > 10", "close < 1", "9000000000000000000"));
    config.account.margin = true;
    let mut run = Run::new(&config);
    assert_eq!(run.step(day(1, 90, 110))[1], "accepted");
    let refused = run.step(bar(DAYS, 48 * HOUR, i64::MAX, i64::MAX));
    assert_eq!(refused[1], "overflow 0 > 0");
    assert_eq!((run.held(), run.cash()), (0, "1000".to_owned()));
}

#[test]
fn flags_of_the_cause_stay_with_the_cause() {
    let mut run = Run::new(&config(rules("close > 10", "close < 1", "1")));
    let mut record = day(1, 90, 110);
    record.header.flags = Flags::INCOMPLETE;
    run.step(record);
    assert!(
        run.out
            .records()
            .iter()
            .all(|r| r.header.flags == 0 || r.kind() == Some(Kind::BarClosed))
    );
}
