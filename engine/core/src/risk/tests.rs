//! Each rule at its limit and one step beyond.

use super::*;
use crate::order::NewOrder;
use crate::trade_config::{InstrumentLimits, RiskLimits};
use tickloom_types::{InstrumentDef, Instruments, NANOS_PER_SECOND, parse_money};

const X: InstrumentId = InstrumentId(0);
const Y: InstrumentId = InstrumentId(1);

/// Two instruments with prices of two decimals and whole units; one strategy with 1,000,000.
struct World {
    gate: RiskGate,
    portfolio: Portfolio,
    open: Vec<Order>,
}

fn world(limits: RiskLimits) -> World {
    world_of_steps(limits, 1, 1)
}

/// As [`world`], with steps of price and size.
fn world_of_steps(limits: RiskLimits, tick_size: i64, lot_size: i64) -> World {
    let mut instruments = Instruments::new();
    for name in ["X", "Y"] {
        let def = InstrumentDef {
            tick_size,
            lot_size,
            ..InstrumentDef::new(name, 2, 0, "USD")
        };
        instruments.add(def).unwrap();
    }
    let config = CoreConfig {
        instruments,
        risk: limits,
        ..CoreConfig::default()
    };
    World {
        gate: RiskGate::new(&config).unwrap(),
        portfolio: Portfolio::new(config.account.cash, &config.instruments),
        open: vec![],
    }
}

fn order(side: Side, qty: i64) -> Order {
    Order {
        id: 1,
        strategy: 0,
        new: NewOrder {
            instrument: X,
            side,
            order_type: OrderType::Market,
            price: 0,
            size: OrderSize::Qty(qty),
        },
        qty,
        filled: 0,
        submitted: 0,
        submitted_ts: Ts(0),
        triggered: false,
        resting: false,
    }
}

fn limit(side: Side, qty: i64, price: i64) -> Order {
    let mut order = order(side, qty);
    order.new.order_type = OrderType::Limit;
    order.new.price = price;
    order
}

impl World {
    /// At a mark of 100.00.
    fn check(&mut self, order: Order, expected: Verdict) {
        self.check_at(Ts(0), order, expected);
    }

    fn check_at(&mut self, now: Ts, order: Order, expected: Verdict) {
        assert_eq!(self.verdict(now, order), expected);
    }

    fn verdict(&mut self, now: Ts, order: Order) -> Verdict {
        let instrument = order.new.instrument;
        let of = |id| -> Vec<Order> {
            let open = self.open.iter().filter(|o| o.new.instrument == id);
            open.copied().collect()
        };
        let mut commitments = Commitments::new(2, true);
        for id in [X, Y] {
            commitments.recount(id, &of(id), &self.portfolio);
        }
        let opening = commitments.total().unwrap().opening;
        let shorts = self.portfolio.shorts_at(instrument, 10_000).unwrap();
        let around = Surroundings {
            portfolio: &self.portfolio,
            open: &of(instrument),
            open_count: self.open.len(),
            commitments: &commitments,
            shorts: Some(Shorts {
                value: shorts.value + opening,
                ..shorts
            }),
            mark: 10_000,
            price: match order.new.order_type {
                OrderType::Market => 10_000,
                OrderType::Limit | OrderType::Stop => order.new.price,
            },
        };
        self.gate.check(&order, &around, now)
    }

    fn hold(&mut self, instrument: InstrumentId, side: Side, qty: i64) {
        let trade = Trade {
            side,
            price: 10_000,
            qty,
            fee: 0,
        };
        self.portfolio.apply(0, instrument, &trade).unwrap();
        self.portfolio.mark(instrument, 10_000);
    }
}

fn money(text: &str) -> Option<tickloom_types::Money> {
    Some(parse_money(text).unwrap())
}

#[test]
fn size_of_an_order() {
    let mut world = world(RiskLimits {
        order_qty: Some("10".to_owned()),
        ..RiskLimits::default()
    });
    world.check(order(Side::Buy, 10), Verdict::Accepted);
    world.check(order(Side::Sell, 11), refused(RiskRule::OrderQty, 11, 10));
    world.check(order(Side::Sell, 0), refused(RiskRule::OrderQty, 0, 1));
    world.check(order(Side::Sell, -5), refused(RiskRule::OrderQty, -5, 1));
}

#[test]
fn an_instrument_has_limits_of_its_own() {
    let own = InstrumentLimits {
        order_qty: Some("20".to_owned()),
        position: None,
    };
    let mut world = world(RiskLimits {
        order_qty: Some("10".to_owned()),
        instruments: [("X".to_owned(), own)].into(),
        ..RiskLimits::default()
    });
    world.check(order(Side::Buy, 20), Verdict::Accepted);
    world.check(order(Side::Buy, 21), refused(RiskRule::OrderQty, 21, 20));
    let mut other = order(Side::Buy, 11);
    other.new.instrument = Y;
    world.check(other, refused(RiskRule::OrderQty, 11, 10));
}

#[test]
fn money_of_an_order() {
    let mut world = world(RiskLimits {
        order_notional: money("1000"),
        ..RiskLimits::default()
    });
    world.check(order(Side::Buy, 10), Verdict::Accepted);
    let beyond = refused(
        RiskRule::OrderNotional,
        1_100_000_000_000,
        1_000_000_000_000,
    );
    world.check(order(Side::Buy, 11), beyond);
    let by_its_price = refused(
        RiskRule::OrderNotional,
        1_000_100_000_000,
        1_000_000_000_000,
    );
    world.check(limit(Side::Buy, 10, 10_001), by_its_price);
}

#[test]
fn position_with_all_that_waits() {
    let mut world = world(RiskLimits {
        position: Some("100".to_owned()),
        ..RiskLimits::default()
    });
    world.hold(X, Side::Buy, 60);
    world.check(order(Side::Buy, 40), Verdict::Accepted);
    let mut waiting = order(Side::Buy, 30);
    waiting.id = 2;
    world.open.push(waiting);
    world.check(order(Side::Buy, 10), Verdict::Accepted);
    world.check(order(Side::Buy, 11), refused(RiskRule::Position, 101, 100));
    world.check(order(Side::Sell, 160), Verdict::Accepted);
    world.check(
        order(Side::Sell, 161),
        refused(RiskRule::Position, 101, 100),
    );
}

#[test]
fn no_limit_keeps_anyone_in() {
    let mut world = world(RiskLimits {
        position: Some("100".to_owned()),
        gross_exposure: money("100"),
        ..RiskLimits::default()
    });
    world.hold(X, Side::Buy, 500);
    world.check(order(Side::Sell, 500), Verdict::Accepted);
    world.check(order(Side::Sell, 100), Verdict::Accepted);
}

#[test]
fn gross_and_net_exposure() {
    let limits = RiskLimits {
        gross_exposure: money("10000"),
        net_exposure: money("5000"),
        ..RiskLimits::default()
    };
    let mut world = world(limits);
    world.check(order(Side::Buy, 50), Verdict::Accepted);
    let net = refused(RiskRule::NetExposure, 5_100_000_000_000, 5_000_000_000_000);
    world.check(order(Side::Buy, 51), net);
    world.hold(Y, Side::Sell, 45);
    world.check(order(Side::Buy, 55), Verdict::Accepted);
    let gross = refused(
        RiskRule::GrossExposure,
        10_100_000_000_000,
        10_000_000_000_000,
    );
    world.check(order(Side::Buy, 56), gross);
}

#[test]
fn exposure_with_all_that_waits_in_other_instruments() {
    let mut world = world(RiskLimits {
        gross_exposure: money("10000"),
        net_exposure: money("5000"),
        ..RiskLimits::default()
    });
    world.hold(Y, Side::Buy, 10);
    for (id, side, qty) in [(2, Side::Buy, 20), (3, Side::Sell, 50)] {
        let mut waiting = order(side, qty);
        (waiting.id, waiting.new.instrument) = (id, Y);
        world.open.push(waiting);
    }
    // Y may become 30 long or 40 short; both count 40 towards gross.
    world.check(order(Side::Buy, 20), Verdict::Accepted);
    let net = refused(RiskRule::NetExposure, 5_100_000_000_000, 5_000_000_000_000);
    world.check(order(Side::Buy, 21), net);
    world.check(order(Side::Sell, 10), Verdict::Accepted);
    world.check(order(Side::Sell, 11), net);
    let gross = refused(
        RiskRule::GrossExposure,
        10_100_000_000_000,
        10_000_000_000_000,
    );
    world.check(order(Side::Buy, 61), gross);
}

#[test]
fn orders_in_any_second() {
    let mut world = world(RiskLimits {
        orders_per_second: Some(2),
        ..RiskLimits::default()
    });
    let beyond = refused(RiskRule::OrderRate, 3, 2);
    world.check_at(Ts(0), order(Side::Buy, 1), Verdict::Accepted);
    world.check_at(Ts(500_000_000), order(Side::Buy, 1), Verdict::Accepted);
    world.check_at(Ts(999_999_999), order(Side::Buy, 1), beyond);
    world.check_at(Ts(1_000_000_000), order(Side::Buy, 1), Verdict::Accepted);
    world.check_at(Ts(1_400_000_000), order(Side::Buy, 1), beyond);
}

#[test]
fn a_time_that_goes_back_does_not_refuse_orders_for_ever() {
    let mut world = world(RiskLimits {
        orders_per_second: Some(2),
        ..RiskLimits::default()
    });
    let second = |n: i64| Ts(n * NANOS_PER_SECOND);
    let beyond = refused(RiskRule::OrderRate, 3, 2);
    for _ in 0..2 {
        world.check_at(second(100), order(Side::Buy, 1), Verdict::Accepted);
    }
    // A little back is still within a second of the two.
    world.check_at(Ts(second(100).0 - 1), order(Side::Buy, 1), beyond);
    // Far back they are in the future, and the window begins anew.
    for _ in 0..2 {
        world.check_at(second(1), order(Side::Buy, 1), Verdict::Accepted);
    }
    world.check_at(second(1), order(Side::Buy, 1), beyond);
    world.check_at(second(2), order(Side::Buy, 1), Verdict::Accepted);
}

#[test]
fn distance_from_the_mark() {
    let mut world = world(RiskLimits {
        price_collar_bps: Some(50),
        ..RiskLimits::default()
    });
    world.check(limit(Side::Buy, 1, 10_050), Verdict::Accepted);
    world.check(limit(Side::Buy, 1, 9_950), Verdict::Accepted);
    world.check(
        limit(Side::Buy, 1, 10_051),
        refused(RiskRule::PriceCollar, 51, 50),
    );
    let mut stop = limit(Side::Sell, 1, 5_000);
    stop.new.order_type = OrderType::Stop;
    world.check(stop, Verdict::Accepted);
}

#[test]
fn cash_for_price_and_fee() {
    let mut world = world(RiskLimits::default());
    world.check(order(Side::Buy, 10_000), Verdict::Accepted);
    let beyond = refused(RiskRule::Cash, 1_000_100_000_000_000, 1_000_000_000_000_000);
    world.check(order(Side::Buy, 10_001), beyond);
    world.hold(X, Side::Sell, 100);
    world.gate.fee = "0.01".parse().unwrap();
    // 1,010,000 in cash: 10,000 at 101 with the fee.
    world.check(order(Side::Buy, 10_000), Verdict::Accepted);
    let beyond = refused(RiskRule::Cash, 1_010_101_000_000_000, 1_010_000_000_000_000);
    world.check(order(Side::Buy, 10_001), beyond);
}

#[test]
fn a_short_can_be_covered_without_cash() {
    let mut world = world(RiskLimits::default());
    world.hold(X, Side::Sell, 100);
    let dear = limit(Side::Buy, 100, 100_000_000);
    world.check(dear, Verdict::Accepted);
}

#[test]
fn numbers_that_do_not_fit_are_refused() {
    let mut world = world(RiskLimits {
        order_notional: money("1000"),
        ..RiskLimits::default()
    });
    let huge = limit(Side::Sell, i64::MAX, i64::MAX);
    world.check(huge, Verdict::refused(RiskRule::Overflow));
}

/// The page on conventions says which rule is named of several; that there is a price is asked before (see `desk`).
#[test]
fn of_several_rules_the_first_is_named() {
    let mut limits = RiskLimits {
        order_qty: Some("1000".to_owned()),
        order_notional: money("5000"),
        position: Some("500".to_owned()),
        gross_exposure: money("3000"),
        net_exposure: money("2000"),
        orders_per_second: Some(1),
        price_collar_bps: Some(50),
        daily_loss: money("100"),
        ..RiskLimits::default()
    };
    let mut world = world_of_steps(limits.clone(), 5, 10);
    let mut daily_loss = world.gate.daily_loss.take().unwrap();
    world.check(order(Side::Buy, 10), Verdict::Accepted);
    daily_loss.turn_day(Ts(0), &world.portfolio);
    world.hold(X, Side::Buy, 100);
    world.portfolio.mark(X, 9_800);
    assert!(daily_loss.latch(&world.portfolio));
    world.gate.daily_loss = Some(daily_loss);
    world.portfolio.mark(X, 10_000);

    // It breaks every rule; whatever is named is mended, and it is asked again.
    let (mut now, mut new) = (Ts(0), limit(Side::Buy, 20_005, 20_001));
    new.new.size = OrderSize::Qty(20_005);
    let mut named = Vec::new();
    while let Verdict::Refused { rule, .. } = world.verdict(now, new) {
        named.push(rule.name());
        match rule {
            RiskRule::Lot => {
                new.qty = 20_000;
                new.new.size = OrderSize::Qty(20_000);
            }
            RiskRule::Tick => new.new.price = 20_000,
            RiskRule::OrderRate => now = Ts(2 * NANOS_PER_SECOND),
            RiskRule::PriceCollar => new.new.price = 10_000,
            RiskRule::Cash => new.new.side = Side::Sell,
            RiskRule::Short => {
                new.qty = 100;
                new.new.size = OrderSize::Qty(100);
            }
            limit => {
                match limit {
                    RiskRule::DailyLoss => limits.daily_loss = None,
                    RiskRule::OrderQty => limits.order_qty = None,
                    RiskRule::OrderNotional => limits.order_notional = None,
                    RiskRule::Position => limits.position = None,
                    RiskRule::GrossExposure => limits.gross_exposure = None,
                    RiskRule::NetExposure => limits.net_exposure = None,
                    other => panic!("{other:?} after {named:?}"),
                }
                world.gate = world_of_steps(limits.clone(), 5, 10).gate;
            }
        }
    }
    let page = include_str!("../../../../docs/backtest-conventions.md");
    let line = page
        .lines()
        .find_map(|line| line.strip_prefix("The first is named, in this order: "));
    let told: Vec<&str> = line.unwrap().split('`').skip(1).step_by(2).collect();
    named.insert(0, RiskRule::NoPrice.name());
    assert_eq!(named, told);
}

/// 100 of X are held, and the day's loss has latched the stop.
fn latched() -> World {
    let mut world = world(RiskLimits {
        daily_loss: money("100"),
        ..RiskLimits::default()
    });
    let daily_loss = world.gate.daily_loss.as_mut().unwrap();
    daily_loss.turn_day(Ts(0), &world.portfolio);
    world.hold(X, Side::Buy, 100);
    world.portfolio.mark(X, 9_900);
    let daily_loss = world.gate.daily_loss.as_mut().unwrap();
    assert!(daily_loss.latch(&world.portfolio));
    world
}

#[test]
fn a_latched_loss_stop_counts_what_already_waits_to_get_out() {
    let mut world = latched();
    let stop = refused(RiskRule::DailyLoss, 100_000_000_000, 100_000_000_000);
    world.check(order(Side::Sell, 100), Verdict::Accepted);
    world.check(order(Side::Sell, 101), stop);
    let mut waiting = order(Side::Sell, 60);
    waiting.id = 2;
    world.open.push(waiting);
    world.check(order(Side::Sell, 40), Verdict::Accepted);
    world.check(order(Side::Sell, 41), stop);
    // Of another strategy, or on the other side: not in the way.
    world.open[0].strategy = 1;
    world.check(order(Side::Sell, 100), Verdict::Accepted);
    world.open[0] = Order {
        id: 2,
        ..order(Side::Buy, 60)
    };
    world.check(order(Side::Sell, 100), Verdict::Accepted);
}

#[test]
fn a_latched_loss_stop_lets_nothing_pass_whose_size_is_not_known() {
    let mut world = latched();
    let mut all = order(Side::Sell, 100);
    all.new.size = OrderSize::All;
    let stop = refused(RiskRule::DailyLoss, 100_000_000_000, 100_000_000_000);
    world.check(all, stop);
}

#[test]
fn limits_that_are_wrong_are_named() {
    let check = |limits: RiskLimits, expected: &str| {
        let config = CoreConfig {
            risk: limits,
            ..CoreConfig::default()
        };
        let error = RiskGate::new(&config).unwrap_err();
        assert_eq!(error.to_string(), expected);
    };
    check(
        RiskLimits {
            daily_loss: money("0"),
            ..RiskLimits::default()
        },
        "risk: daily_loss is \"0\", expected an amount of money above zero",
    );
    check(
        RiskLimits {
            orders_per_second: Some(0),
            ..RiskLimits::default()
        },
        "risk: orders_per_second is \"0\", expected 1 to 65536",
    );
    check(
        RiskLimits {
            instruments: [("Z".to_owned(), InstrumentLimits::default())].into(),
            ..RiskLimits::default()
        },
        "risk: there is no instrument \"Z\" in this run",
    );
}
