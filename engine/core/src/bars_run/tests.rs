//! A run in blocks is a run by steps, record for record; and both are what was worked out by hand.

use super::*;
use crate::trade_config::{AccountConfig, FillModel, RiskLimits, Size, StrategyDef};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::collections::BTreeSet;
use tickloom_signals::BarColumns;
use tickloom_types::{
    BarSpec, InstrumentDef, InstrumentId, Instruments, Kind, OrderBody, OrderStatus, RiskRule,
    SourceId, VerdictBody, parse_money,
};

const X: InstrumentId = InstrumentId(0);

#[derive(Debug)]
struct Bars {
    ts: Vec<i64>,
    columns: [Vec<i64>; 5],
}

impl Bars {
    /// Each bar from its open, how far it goes up and down from there, its close between them, and its volume.
    fn new(rows: &[(i64, i64, i64, i64, i64)]) -> Bars {
        let day = 86_400_000_000_000;
        let mut bars = Bars {
            ts: (1_i64..).map(|n| n * day).take(rows.len()).collect(),
            columns: Default::default(),
        };
        for (open, high, low, close, volume) in rows {
            for (column, value) in bars
                .columns
                .iter_mut()
                .zip([open, high, low, close, volume])
            {
                column.push(*value);
            }
        }
        bars
    }

    fn at(prices: &[(i64, i64)]) -> Bars {
        let rows: Vec<_> = prices
            .iter()
            .map(|(open, close)| (*open, *open.max(close), *open.min(close), *close, 0))
            .collect();
        Bars::new(&rows)
    }

    fn series(&self) -> BarSeries<'_> {
        let [open, high, low, close, volume] = &self.columns;
        let columns = BarColumns {
            open,
            high,
            low,
            close,
            volume,
        };
        BarSeries::new(X, SourceId(0), &self.ts, columns).unwrap()
    }
}

fn config(strategies: Vec<StrategyDef>) -> CoreConfig {
    config_of("1d", strategies)
}

/// With bars of this size.
fn config_of(size: &str, strategies: Vec<StrategyDef>) -> CoreConfig {
    let mut instruments = Instruments::new();
    let mut def = InstrumentDef::new("X", 2, 2, "USD");
    def.lot_size = 5;
    instruments.add(def).unwrap();
    let spec: BarSpec = size.parse().unwrap();
    instruments.bar_source(spec).unwrap();
    CoreConfig {
        instruments,
        default_instrument: Some(X),
        default_bar: Some(spec),
        strategies,
        ..CoreConfig::default()
    }
}

fn rules(name: &str, texts: [Option<&str>; 4], size: Size) -> StrategyDef {
    let [enter, exit, short_enter, short_exit] = texts.map(|text| text.map(str::to_owned));
    StrategyDef::Rules {
        name: name.to_owned(),
        instrument: None,
        enter,
        exit,
        short_enter,
        short_exit,
        size,
    }
}

fn target(text: &str) -> StrategyDef {
    StrategyDef::Target {
        name: "target".to_owned(),
        instrument: None,
        target: text.to_owned(),
    }
}

type Ran = (Vec<Record>, Vec<Money>, u64, Portfolio);

fn blocks(config: &CoreConfig, bars: &BarSeries<'_>) -> Ran {
    let (mut outputs, mut equity) = (vec![], vec![]);
    let run = run_bars(config, bars, &mut equity, |records| {
        outputs.extend_from_slice(records);
    })
    .unwrap();
    (outputs, equity, run.fills, run.portfolio)
}

/// The same bars, so many at a time, in turn.
fn in_parts(config: &CoreConfig, bars: &BarSeries<'_>, sizes: &[usize]) -> Ran {
    let (mut outputs, mut equity) = (vec![], vec![]);
    let mut run = BarsOnWay::new(config, bars.instrument(), bars.source()).unwrap();
    let mut at = 0;
    for size in sizes.iter().cycle() {
        let rows = at..bars.len().min(at + size);
        run.push(&bars.rows(rows.clone()), &mut equity, |records| {
            outputs.extend_from_slice(records);
        })
        .unwrap();
        at = rows.end;
        if at == bars.len() {
            break;
        }
    }
    let run = run.finish(config).unwrap();
    (outputs, equity, run.fills, run.portfolio)
}

fn steps(config: &CoreConfig, bars: &BarSeries<'_>) -> Ran {
    let (mut outputs, mut equity) = (vec![], vec![]);
    let mut core = Core::new(config).unwrap();
    let mut out = Outputs::new();
    for row in 0..bars.len() {
        core.step(bars.seq(row), &bars.record(row), &mut out);
        outputs.extend_from_slice(out.records());
        equity.push(core.portfolio().equity().unwrap());
    }
    (outputs, equity, core.fills(), core.portfolio().clone())
}

fn texts(equity: &[Money]) -> Vec<String> {
    equity.iter().map(ToString::to_string).collect()
}

#[test]
fn the_next_open_by_hand() {
    let bars = Bars::at(&[
        (1_000, 1_000),
        (1_000, 1_100),
        (1_200, 1_300),
        (1_400, 900),
        (800, 700),
    ]);
    let mut config = config(vec![rules(
        "up",
        [Some("close > 10.5"), Some("close < 10"), None, None],
        Size::Qty("2".to_owned()),
    )]);
    config.account.cash = parse_money("100").unwrap();
    config.account.fee = "0.01".parse().unwrap();
    // Bought 2 at 12 (fee 0.24) on the third day, sold at 8 (fee 0.16) on the last.
    let (outputs, equity, fills, portfolio) = blocks(&config, &bars.series());
    assert_eq!(texts(&equity), ["100", "100", "101.76", "93.76", "91.6"]);
    assert_eq!((fills, outputs.len()), (2, 12));
    assert_eq!(portfolio.realised().to_string(), "-8");
    assert_eq!(portfolio.fees().to_string(), "0.4");
    assert_eq!(
        steps(&config, &bars.series()),
        (outputs, equity, fills, portfolio)
    );
}

#[test]
fn the_same_close_by_hand() {
    let bars = Bars::at(&[
        (1_000, 1_000),
        (1_000, 1_100),
        (1_200, 1_300),
        (1_400, 900),
        (800, 700),
    ]);
    let mut config = config(vec![rules(
        "up",
        [Some("close > 10.5"), Some("close < 10"), None, None],
        Size::Qty("2".to_owned()),
    )]);
    config.account.cash = parse_money("100").unwrap();
    config.account.fill = FillModel::SameClose;
    let (_, equity, fills, _) = blocks(&config, &bars.series());
    assert_eq!(texts(&equity), ["100", "100", "104", "96", "96"]);
    assert_eq!(fills, 2);
}

#[test]
fn a_constant_condition_holds_at_every_bar() {
    let bars = Bars::at(&[(1_000, 1_000), (1_000, 1_100), (1_200, 1_300)]);
    let config = config(vec![rules(
        "always",
        [Some("1 > 0"), Some("close < 0"), None, None],
        Size::Qty("1".to_owned()),
    )]);
    let ran = blocks(&config, &bars.series());
    assert_eq!(ran.2, 1);
    assert_eq!(steps(&config, &bars.series()), ran);
}

#[test]
fn an_equity_that_does_not_fit_is_an_error_in_both() {
    let bars = Bars::at(&[(1, 1), (1, 1), (1, i64::MAX)]);
    let mut config = config(vec![target("close * 0 + 50000000000000000")]);
    config.account.margin = true;
    let failed = |result: Result<BarsRun, CoreError>| result.unwrap_err().to_string();
    let block = failed(run_bars(&config, &bars.series(), &mut vec![], |_| {}));
    // A signal of its own has it stepped.
    config.signals = vec![crate::config::SignalDef::new("close", "close")];
    let step = failed(run_bars(&config, &bars.series(), &mut vec![], |_| {}));
    assert_eq!(block, step);
    assert!(block.starts_with("bar 2: equity is"), "{block}");
}

#[test]
fn wrong_bars_are_named() {
    let bars = Bars::at(&[(1, 1), (1, 1)]);
    let [open, high, low, close, volume] = &bars.columns;
    let columns = BarColumns {
        open,
        high,
        low,
        close,
        volume,
    };
    let error = BarSeries::new(X, SourceId(0), &[5, 5], columns).unwrap_err();
    assert_eq!(
        error.to_string(),
        "bar 1: ts is \"1970-01-01T00:00:00.000000005Z\", expected a time after that of the bar before"
    );
    let error = BarSeries::new(X, SourceId(0), &[5], columns).unwrap_err();
    assert!(error.to_string().contains("open is \"2\""), "{error}");
}

/// Each of about a day: closes are at times too close for a day to lie between them, or far apart.
fn any_bars() -> impl Strategy<Value = Bars> {
    let row = (-3_i64..4, -2_i64..3, 0_i64..3, 0_i64..3, 0_i64..2_000);
    let hours = prop::sample::select(vec![1_i64, 23, 24, 25, 72]);
    prop::collection::vec((row, hours), 1..300).prop_map(|days| {
        let (moves, hours): (Vec<_>, Vec<_>) = days.into_iter().unzip();
        let mut price = 1_000;
        let rows: Vec<_> = moves
            .iter()
            .map(|(gap, change, up, down, volume)| {
                let open = price + gap * 10;
                price = open + change * 10;
                let (high, low) = (open.max(price) + up * 5, open.min(price) - down * 5);
                (open, high, low, price, *volume)
            })
            .collect();
        let mut bars = Bars::new(&rows);
        let mut now = 0;
        for (ts, hours) in bars.ts.iter_mut().zip(hours) {
            now += hours * 3_600_000_000_000;
            *ts = now;
        }
        bars
    })
}

fn any_size() -> impl Strategy<Value = Size> {
    prop_oneof![
        (1_u32..500).prop_map(|units| Size::Qty(units.to_string())),
        Just(Size::All),
        Just(Size::AllWhole),
    ]
}

fn any_condition() -> impl Strategy<Value = Option<&'static str>> {
    prop_oneof![
        Just(None),
        Just(Some("cross_over(sma(close,2), sma(close,5))")),
        Just(Some("cross_under(sma(close,2), sma(close,5))")),
        Just(Some("close > open")),
        Just(Some("close < lag(close,3)")),
        Just(Some("volume > 1900")),
        Just(Some("rsi(close,4) > 60")),
        Just(Some("change(close,1)")),
        Just(Some("2 > 1")),
    ]
}

fn any_rules() -> impl Strategy<Value = StrategyDef> {
    let conditions = [(); 4].map(|()| any_condition());
    (conditions, any_size())
        .prop_map(|(texts, size)| rules("rules", texts, size))
        .prop_filter("rules that are refused", |def| def.check().is_ok())
}

fn any_target() -> impl Strategy<Value = StrategyDef> {
    prop_oneof![
        Just("if(close > open, 3, -2.5)"),
        Just("change(close,1) * 7"),
        Just("if(close > sma(close,9), 100, 0)"),
        Just("if(close > open, 1e30, if(close < lag(close,3), -1e30, 2))"),
    ]
    .prop_map(target)
}

fn any_account() -> impl Strategy<Value = AccountConfig> {
    let fill = prop_oneof![Just(FillModel::NextOpen), Just(FillModel::SameClose)];
    let share = prop::option::of(Just("0.3".parse().unwrap()));
    (fill, any::<bool>(), 0_u32..3, share).prop_map(|(fill, margin, fee, volume_share)| {
        AccountConfig {
            cash: parse_money("1000").unwrap(),
            fee: format!("0.00{fee}7").parse().unwrap(),
            fill,
            margin,
            volume_share,
        }
    })
}

fn any_risk() -> impl Strategy<Value = RiskLimits> {
    let money = |text: &str| Some(parse_money(text).unwrap());
    prop_oneof![
        3 => Just(RiskLimits::default()),
        1 => Just(RiskLimits { order_notional: money("900"), ..RiskLimits::default() }),
        1 => Just(RiskLimits { position: Some("50".to_owned()), ..RiskLimits::default() }),
        1 => Just(RiskLimits { gross_exposure: money("950"), price_collar_bps: Some(300), ..RiskLimits::default() }),
        1 => Just(RiskLimits { orders_per_second: Some(1), ..RiskLimits::default() }),
        1 => Just(RiskLimits { daily_loss: money("20"), ..RiskLimits::default() }),
    ]
}

/// The random runs below trade, in part too, and are refused by each rule that bars can break.
#[test]
fn random_runs_trade_and_are_refused() {
    let mut runner = TestRunner::deterministic();
    let made = (any_bars(), any_rules(), any_account(), any_risk());
    let (mut fills, mut partial) = (0, 0);
    let mut rules = BTreeSet::new();
    for _ in 0..150 {
        let (bars, first, account, risk) = made.new_tree(&mut runner).unwrap().current();
        let mut config = config(vec![first]);
        config.account = account;
        config.risk = risk;
        let (outputs, _, count, _) = blocks(&config, &bars.series());
        fills += count;
        for output in outputs {
            match output.kind() {
                Some(Kind::Verdict) => _ = rules.insert(VerdictBody::of(&output).rule),
                Some(Kind::Order) => {
                    let status = OrderBody::of(&output).status;
                    partial += u32::from(status == OrderStatus::PartlyFilled as u8);
                }
                _ => {}
            }
        }
    }
    assert!(
        fills > 500 && partial > 50,
        "{fills} fills, {partial} partial"
    );
    use RiskRule::{Cash, DailyLoss, OrderNotional, Position, Short};
    for rule in [Cash, Short, OrderNotional, Position, DailyLoss] {
        assert!(rules.contains(&(rule as u8)), "never {}", rule.name());
    }
}

proptest! {
    #[test]
    fn blocks_are_steps(
        bars in any_bars(), first in any_rules(), second in prop::option::of(any_target()),
        account in any_account(), risk in any_risk(), size in prop::sample::select(vec!["1d", "100t", "9v"]),
        parts in prop::collection::vec(1_usize..40, 1..5),
    ) {
        let mut config = config_of(size, std::iter::once(first).chain(second).collect());
        config.account = account;
        config.risk = risk;
        let (outputs, equity, fills, portfolio) = blocks(&config, &bars.series());
        let stepped = steps(&config, &bars.series());
        prop_assert_eq!(&in_parts(&config, &bars.series(), &parts), &stepped);
        prop_assert_eq!(&outputs, &stepped.0);
        prop_assert_eq!(&equity, &stepped.1);
        prop_assert_eq!(fills, stepped.2);
        prop_assert_eq!(&portfolio, &stepped.3);
        prop_assert_eq!(
            portfolio.cash().0 + portfolio.cost().0 + portfolio.fees().0,
            portfolio.deposits().0 + portfolio.realised().0
        );
        prop_assert_eq!(equity.last().copied(), portfolio.equity());
    }
}
