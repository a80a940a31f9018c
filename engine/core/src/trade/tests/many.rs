//! Strategies over several instruments: each runs for each, on one account whose books a plain model keeps beside it.

use super::*;
use crate::trade_config::Traded;
use proptest::prelude::*;

const NAMES: [&str; 3] = ["A", "B", "C"];
const LOTS: [i64; 3] = [1, 5, 10];

/// Three instruments with prices of two decimals and sizes of one, and daily bars.
fn three(strategies: Vec<StrategyDef>) -> CoreConfig {
    let mut instruments = Instruments::new();
    for (name, lot) in NAMES.into_iter().zip(LOTS) {
        let mut def = InstrumentDef::new(name, 2, 1, "USD");
        def.lot_size = lot;
        instruments.add(def).unwrap();
    }
    let day: BarSpec = "1d".parse().unwrap();
    instruments.bar_source(day).unwrap();
    let mut config = CoreConfig {
        instruments,
        default_bar: Some(day),
        strategies,
        ..CoreConfig::default()
    };
    config.account.cash = parse_money("1000").unwrap();
    config
}

fn many(names: &[&str]) -> Option<Traded> {
    Some(Traded::Many(
        names.iter().map(|name| (*name).to_owned()).collect(),
    ))
}

/// Bar of an instrument on a day; more of the day are to come.
fn daily(instrument: usize, n: i64, open: i64, close: i64, volume: i64) -> Record {
    let mut record = bar(SourceId(0), n * 24 * HOUR, open, close);
    let body = BarBody {
        volume,
        ..BarBody::of(&record)
    };
    record.header.instrument = u32::try_from(instrument).unwrap();
    body.record(record.header)
}

/// As one moment.
fn moment(mut records: Vec<Record>) -> Vec<Record> {
    tickloom_types::mark_moment(&mut records);
    records
}

#[test]
fn each_instrument_is_traded_on_its_own_prices() {
    let mut config = three(vec![StrategyDef::Rules {
        name: "s".to_owned(),
        instrument: many(&["C", "A"]),
        enter: Some("close > lag(close, 1)".to_owned()),
        exit: Some("close < lag(close, 1)".to_owned()),
        short_enter: None,
        short_exit: None,
        size: Size::Qty("1".to_owned()),
    }]);
    config.account.fee = "0.01".parse().unwrap();
    let mut run = Run::new(&config);
    let days = [
        [1_000, 2_000, 3_000],
        [1_100, 2_100, 2_900],
        [1_200, 2_200, 3_100],
        [1_100, 2_100, 3_200],
    ];
    let mut told = vec![];
    for (n, closes) in (1..).zip(days) {
        let bars = closes.iter().enumerate();
        for record in moment(bars.map(|(at, c)| daily(at, n, *c, *c, 0)).collect()) {
            told.push(run.step(record));
        }
    }
    // B is not traded. Orders of a moment are submitted in the order of the list, and fill at the next day's opens.
    assert_eq!(told[5], ["order 1 buy 0/10 open", "accepted"]);
    assert_eq!(told[6][0], "fill 10 at 1200 fee 120000000");
    assert_eq!(told[8], ["order 2 buy 0/10 open", "accepted"]);
    assert_eq!(told[11][0], "fill 10 at 3200 fee 320000000");
    assert_eq!(told[11][4], "order 3 sell 0/10 open");
    assert_eq!(told.iter().flatten().count(), 14);
    let portfolio = run.core.portfolio();
    let held = [0, 1, 2].map(|id| portfolio.net_qty(InstrumentId(id)));
    assert_eq!((held, portfolio.held_instruments()), ([10, 0, 10], 2));
    assert_eq!(run.cash(), "955.56");
}

#[test]
fn bars_of_one_moment_fill_each_at_its_own_close() {
    let mut config = three(vec![StrategyDef::Target {
        name: "s".to_owned(),
        instrument: Some("*".into()),
        target: "if(close > 0, 1, 0)".to_owned(),
    }]);
    config.account.fill = FillModel::SameClose;
    let mut run = Run::new(&config);
    let bars = [(0, 1_000), (1, 2_000), (2, 3_000)];
    let bars = bars.map(|(at, close)| daily(at, 1, 1, close, 0));
    let told: Vec<_> = moment(bars.into())
        .into_iter()
        .map(|r| run.step(r))
        .collect();
    assert_eq!((told[0].len(), told[1].len()), (0, 0));
    let fills = told[2].iter().filter(|w| w.starts_with("fill"));
    let fills: Vec<_> = fills.map(String::as_str).collect();
    assert_eq!(
        fills,
        [
            "fill 10 at 1000 fee 0",
            "fill 10 at 2000 fee 0",
            "fill 10 at 3000 fee 0"
        ]
    );
    assert_eq!(run.cash(), "940");
}

/// What a strategy holds of an instrument, as a plain model knows it: money in 1e-18.
#[derive(Clone, Copy, Debug, Default)]
struct Held {
    qty: i128,
    cost: i128,
}

/// The books of an account from nothing but its fills and the closes of bars.
#[derive(Debug)]
struct Books {
    cash: i128,
    fees: i128,
    held: [[Held; 3]; 2],
    marks: [i128; 3],
}

/// Money of one price mantissa times one size mantissa: 18 decimals less two and one.
const UNIT: i128 = 1_000_000_000_000_000;
const NANO: i128 = 1_000_000_000;

impl Books {
    fn equity(&self) -> i128 {
        let all = self.held.iter().flatten().zip(self.marks.iter().cycle());
        let values = all.map(|(held, mark)| held.qty * mark * UNIT);
        self.cash + values.sum::<i128>()
    }

    /// Value of all shorts with one instrument at a price, and cash less what they were sold for.
    fn shorts(&self, instrument: usize, price: i128) -> (i128, i128) {
        let mut marks = self.marks;
        marks[instrument] = price;
        let shorts = || {
            let all = self.held.iter().flatten().zip(marks.iter().cycle());
            all.filter(|(held, _)| held.qty < 0)
        };
        let value = shorts().map(|(held, mark)| -held.qty * mark * UNIT);
        let proceeds = shorts().map(|(held, _)| -held.cost);
        (value.sum(), self.cash - proceeds.sum::<i128>())
    }

    fn fill(&mut self, fill: &FillBody, instrument: usize) {
        let sign = if fill.side == Side::Buy as u8 { 1 } else { -1 };
        let (price, qty) = (i128::from(fill.price), i128::from(fill.qty));
        let fee = i128::from(fill.fee) * NANO;
        self.cash -= sign * price * qty * UNIT + fee;
        self.fees += fee;
        let held = &mut self.held[usize::from(fill.strategy)][instrument];
        let closing = if held.qty * sign < 0 {
            qty.min(held.qty.abs())
        } else {
            0
        };
        if closing > 0 {
            held.cost -= held.cost * closing / held.qty.abs();
            held.qty += sign * closing;
        }
        held.cost += sign * (qty - closing) * price * UNIT;
        held.qty += sign * (qty - closing);
    }
}

fn any_size() -> impl Strategy<Value = Size> {
    prop_oneof![
        Just(Size::All),
        Just(Size::AllWhole),
        (1_u32..60).prop_map(|units| Size::Qty((units * 5).to_string())),
    ]
}

fn any_rules() -> impl Strategy<Value = StrategyDef> {
    let condition = || {
        prop::sample::select(vec![
            "close > lag(close, 1)",
            "close < lag(close, 1)",
            "close > 10",
            "close < 10",
            "close > open",
        ])
    };
    let names = prop::sample::select(vec![&["A"][..], &["B", "A"], &["C", "A", "B"], &["*"]]);
    let texts = [condition(), condition(), condition(), condition()];
    (texts, any_size(), names).prop_map(|(texts, size, names)| {
        let [enter, exit, short_enter, short_exit] = texts.map(|text| Some(text.to_owned()));
        StrategyDef::Rules {
            name: "rules".to_owned(),
            instrument: many(names),
            enter,
            exit,
            short_enter,
            short_exit,
            size,
        }
    })
}

fn any_target() -> impl Strategy<Value = StrategyDef> {
    prop::sample::select(vec!["(close - 10) * 20", "if(close > open, 30, -45)"]).prop_map(|text| {
        StrategyDef::Target {
            name: "target".to_owned(),
            instrument: Some("*".into()),
            target: text.to_owned(),
        }
    })
}

/// Of each day and instrument the change to the open and the close in cents, the volume, and whether there is a bar at all.
type Days = Vec<[(i64, i64, i64, bool); 3]>;

fn any_days() -> impl Strategy<Value = Days> {
    let one = (
        -60_i64..60,
        -60_i64..60,
        0_i64..900,
        prop::bool::weighted(0.8),
    );
    prop::collection::vec(prop::array::uniform3(one), 2..40)
}

fn moments(days: &Days) -> Vec<Vec<Record>> {
    let mut prices = [1_000_i64; 3];
    let days = days.iter().zip(1..);
    days.map(|(day, n)| {
        let mut records = vec![];
        for (at, (gap, change, volume, is_there)) in day.iter().enumerate() {
            if *is_there {
                let open = (prices[at] + gap).max(100);
                prices[at] = (open + change).max(100);
                records.push(daily(at, n, open, prices[at], *volume));
            }
        }
        moment(records)
    })
    .collect()
}

proptest! {
    /// Cash, equity, positions and the bound of short sales, at every record and fill, from the fills alone.
    #[test]
    fn the_books_are_those_of_a_plain_model(
        first in any_rules(), second in any_target(), days in any_days(), fee in 0_u32..3,
        at_close in any::<bool>(), share in prop::option::of(prop::sample::select(vec![("0.1", 1), ("0.5", 5)])),
    ) {
        let mut config = three(vec![first.clone(), second]);
        config.account.fee = format!("0.0{fee}3").parse().unwrap();
        config.account.fill = if at_close { FillModel::SameClose } else { FillModel::NextOpen };
        config.account.volume_share = share.map(|(text, _)| text.parse().unwrap());
        let sells_all = matches!(&first, StrategyDef::Rules { size: Size::All, .. });
        let deposit = config.account.cash.0;
        let mut books = Books { cash: deposit, fees: 0, held: Default::default(), marks: [0; 3] };
        let mut core = Core::new(&config).unwrap();
        let mut out = Outputs::new();
        for (record, seq) in moments(&days).into_iter().flatten().zip(0..) {
            core.step(seq, &record, &mut out);
            let shown = BarBody::of(&record);
            let own = usize::try_from(record.header.instrument).unwrap();
            books.marks[own] = shown.close.into();
            let mut taken = [0, 0];
            for output in out.records() {
                let kind = output.kind().unwrap();
                if kind != Kind::Fill {
                    continue;
                }
                let fill = FillBody::of(output);
                let instrument = usize::try_from(output.header.instrument).unwrap();
                let price = i128::from(fill.price);
                if !at_close {
                    prop_assert_eq!((instrument, fill.price), (own, shown.open));
                    let taken = &mut taken[usize::from(fill.side == Side::Sell as u8)];
                    *taken += fill.qty;
                    if let Some((_, tenths)) = share {
                        prop_assert!(*taken <= shown.volume * tenths / 10);
                    }
                }
                prop_assert_eq!(fill.qty % LOTS[instrument], 0);
                let before = books.held[usize::from(fill.strategy)][instrument].qty;
                let (value_before, money_before) = books.shorts(instrument, price);
                books.fill(&fill, instrument);
                let after = books.held[usize::from(fill.strategy)][instrument].qty;
                let is_sale = fill.side == Side::Sell as u8;
                if is_sale && after < 0 {
                    let (value, money) = books.shorts(instrument, price);
                    prop_assert!(value <= money, "{} of shorts, {} for them", value, money);
                    if sells_all && fill.strategy == 0 && before == 0 && share.is_none() {
                        // One lot more would not have been within it, with its fee.
                        let more = (i128::from(fill.qty) + i128::from(LOTS[instrument])) * price * UNIT;
                        let fee = (more * i128::from(config.account.fee.nano()) / NANO / (NANO / 2) + 1) / 2 * NANO;
                        prop_assert!(value_before + more + fee > money_before);
                    }
                }
                if !is_sale && after > 0 && before >= 0 {
                    let net: i128 = books.held.iter().map(|held| held[instrument].qty).sum();
                    prop_assert!(books.cash >= 0 || net <= 0);
                }
            }
            let portfolio = core.portfolio();
            prop_assert_eq!(portfolio.cash().0, books.cash);
            prop_assert_eq!(portfolio.fees().0, books.fees);
            prop_assert_eq!(portfolio.equity().map(|money| money.0), Some(books.equity()));
            prop_assert_eq!(
                portfolio.cash().0 + portfolio.cost().0 + portfolio.fees().0,
                deposit + portfolio.realised().0
            );
            let mut held_instruments = 0;
            for (at, id) in (0..3).map(InstrumentId).enumerate() {
                for (strategy, held) in (0..).zip(&books.held) {
                    let position = portfolio.position(strategy, id);
                    prop_assert_eq!(i128::from(position.qty()), held[at].qty);
                    prop_assert_eq!(position.cost().0, held[at].cost);
                }
                let net: i128 = books.held.iter().map(|held| held[at].qty).sum();
                prop_assert_eq!(i128::from(portfolio.net_qty(id)), net);
                held_instruments += usize::from(net != 0);
            }
            prop_assert_eq!(portfolio.held_instruments(), held_instruments);
        }
    }
}

#[test]
fn a_rule_that_holds_without_a_field_acts_whenever_another_of_its_strategy_is_evaluated() {
    let mut run = Run::new(&config(rules("1", "Y.close > 10", "1")));
    let mut of_y = day(1, 50, 50);
    of_y.header.instrument = Y.0;
    let refused = ["order 1 buy 0/1 refused", "no_price 0 > 0"];
    assert_eq!(run.step(of_y), refused, "nothing of X has come yet");
}
