//! Who is called in a moment, and which records its orders meet.

use super::super::TradeStage;
use super::super::calls::Calling;
use super::*;
use crate::core::Plan;
use crate::market::Market;
use crate::order::{NewOrder, OrderSize};
use crate::rule_values::RuleValues;
use crate::strategy::{Calls, Context, Intents, Runner, Strategy};
use std::sync::{Arc, Mutex};
use tickloom_types::{LevelBody, OrderType, Seq};

/// Notes at which records it is called, and buys one of an instrument at the first.
#[derive(Debug)]
struct Probe {
    calls: Calls,
    buys: Option<InstrumentId>,
    called: Arc<Mutex<Vec<Seq>>>,
}

impl Strategy for Probe {
    fn calls(&self) -> Calls {
        self.calls
    }

    fn on_event(&mut self, context: &Context<'_>, intents: &mut Intents) {
        self.called.lock().unwrap().push(context.seq);
        if let Some(instrument) = self.buys.take() {
            intents.submit(NewOrder {
                instrument,
                side: Side::Buy,
                order_type: OrderType::Limit,
                price: 99,
                size: OrderSize::Qty(1),
            });
        }
    }
}

/// A run whose only strategy is a probe.
struct Probed {
    market: Market,
    stage: TradeStage,
    called: Arc<Mutex<Vec<Seq>>>,
    seq: Seq,
}

impl Probed {
    fn new(calls: Calls, buys: Option<InstrumentId>) -> Probed {
        let mut config = config(rules("last > 10", "last < 1", "1"));
        let market = Plan::new(&config).unwrap().market;
        config.strategies.clear();
        let mut stage = TradeStage::new(&config, std::iter::empty()).unwrap();
        let called = Arc::new(Mutex::new(vec![]));
        let probe = Probe {
            calls,
            buys,
            called: Arc::clone(&called),
        };
        stage.runners = vec![Runner::of_code(0, X, Box::new(probe))];
        stage.calling = Calling::new(&stage.runners, 3, std::iter::empty());
        Probed {
            market,
            stage,
            called,
            seq: 0,
        }
    }

    /// At which of these records the probe is called, and what the last of them says.
    fn steps(&mut self, records: impl IntoIterator<Item = Record>) -> (Vec<Seq>, Vec<String>) {
        let rules = RuleValues::new(0);
        let mut out = Outputs::new();
        for record in records {
            out.clear();
            self.market.apply(self.seq, &record, &mut out);
            self.stage
                .on_record(self.seq, &record, &self.market, &mut out);
            while self.market.next_round() {
                let cause = *self.market.cause();
                self.stage
                    .decide(self.seq, &cause, &self.market, &rules, &mut out);
            }
            self.seq += 1;
        }
        let called = std::mem::take(&mut *self.called.lock().unwrap());
        (called, out.records().iter().map(words).collect())
    }
}

fn level(ts: i64, side: Side, price: i64, qty: i64, flags: u8) -> Record {
    let mut record = LevelBody {
        price,
        qty,
        side: side as u8,
        clear: u8::from(flags & Flags::SNAPSHOT != 0),
        ..LevelBody::default()
    }
    .record(header(Kind::Level, FEED, ts));
    record.header.flags = flags;
    record
}

fn of_y(mut record: Record) -> Record {
    record.header.instrument = Y.0;
    record
}

/// A book of one level a side, then a change behind it, then one of the best bid.
fn book() -> [Record; 4] {
    [
        level(1, Side::Buy, 100, 5, Flags::SNAPSHOT | Flags::MORE),
        level(1, Side::Sell, 102, 5, Flags::LAST),
        level(2, Side::Buy, 98, 5, Flags::LAST),
        level(3, Side::Buy, 101, 5, Flags::LAST),
    ]
}

#[test]
fn code_is_called_when_something_of_its_own_changed() {
    let timer = |ts| TimerBody::default().record(header(Kind::Timer, FEED, ts));
    let rest = [
        trade(4, 101),
        of_y(trade(5, 101)),
        timer(6),
        status(7, StatusCode::Gap, 0),
        day(1, 100, 100),
    ];
    let mut probed = Probed::new(Calls::Changes, None);
    let records = book().into_iter().chain(rest);
    assert_eq!(probed.steps(records.clone()).0, [1, 3, 4, 7, 8]);
    let mut probed = Probed::new(Calls::Book, None);
    assert_eq!(probed.steps(records).0, [1, 2, 3, 4, 7, 8]);
}

#[test]
fn code_is_called_after_what_became_of_its_orders() {
    let mut probed = Probed::new(Calls::Changes, Some(X));
    let (called, told) = probed.steps([trade(1, 101)]);
    assert_eq!(called, [0]);
    assert_eq!(told, ["order 1 buy 0/1 open", "accepted"]);
    // That it was taken is told at the next moment, whatever that is; then only what happens to it.
    assert_eq!(probed.steps([of_y(trade(2, 50))]).0, [1]);
    assert_eq!(probed.steps([of_y(trade(3, 50))]).0, [] as [Seq; 0]);
    let (called, told) = probed.steps([trade(4, 98)]);
    assert_eq!((called, told[0].as_str()), (vec![3], "fill 1 at 99 fee 0"));
}

#[test]
fn code_is_called_for_its_orders_in_other_instruments() {
    let mut probed = Probed::new(Calls::Changes, Some(Y));
    probed.steps([of_y(trade(1, 101))]);
    assert_eq!(probed.steps([trade(2, 50)]).1[1], "accepted");
    assert_eq!(probed.steps([of_y(trade(3, 101))]).0, [2]);
    assert_eq!(probed.steps([of_y(trade(4, 101))]).0, [] as [Seq; 0]);
    let (called, told) = probed.steps([of_y(trade(5, 98))]);
    assert_eq!((called, told[0].as_str()), (vec![4], "fill 1 at 99 fee 0"));
}

/// As one moment.
fn moment(records: impl Into<Vec<Record>>) -> Vec<Record> {
    let mut records = records.into();
    tickloom_types::mark_moment(&mut records);
    records
}

#[test]
fn waiting_orders_meet_each_record_of_a_moment_and_new_ones_meet_none() {
    let mut probed = Probed::new(Calls::Changes, Some(X));
    // Decided on at the end: the trade at 98 came before.
    let (called, told) = probed.steps(moment([trade(1, 98), quote(1, 100, 102)]));
    assert_eq!(called, [1]);
    assert_eq!(told, ["order 1 buy 0/1 open", "accepted"]);
    // The first record fills it, though the market is above again when strategies decide.
    let mut first = moment([quote(2, 97, 98), quote(2, 100, 102)]);
    let last = first.pop().unwrap();
    let (called, told) = probed.steps(first);
    assert_eq!((called, told[0].as_str()), (vec![], "fill 1 at 98 fee 0"));
    assert_eq!(probed.steps([last]).0, [3]);
}

#[test]
fn an_order_on_a_bar_that_time_closed_meets_no_record_that_was_there() {
    let mut run = Run::new(&config(rules("close@1m > 10", "close@1m < 1", "2")));
    let minute = HOUR / 60;
    run.step(quote(1, 90, 101));
    run.step(trade(2, 101));
    // This trade closes the minute; its price and the quote are there already.
    let submitted = run.step(trade(minute + 5, 95));
    assert_eq!(submitted[1..], ["order 1 buy 0/2 open", "accepted"]);
    assert_eq!(run.out.records()[1].ts_event(), Ts(minute));
    assert_eq!(
        run.step(quote(minute + 6, 90, 103))[0],
        "fill 2 at 103 fee 0"
    );
}

#[test]
fn the_same_close_is_that_of_the_bar_not_of_what_closed_it() {
    let mut config = config(rules("close@1m > 10", "close@1m < 1", "2"));
    config.account.fill = FillModel::SameClose;
    let mut run = Run::new(&config);
    run.step(trade(2, 101));
    let filled = run.step(trade(HOUR / 60 + 5, 95));
    assert_eq!(filled[3], "fill 2 at 101 fee 0");
}
