//! A cross counts ties exactly: 500,000 bars with many of them, against a reference in integers.
//!
//! Enter when the fast average was at or below the slow one and is now above; exit when it was at or above and is now below.

#![expect(clippy::unwrap_used, reason = "a panic is a failure of the test")]

use tickloom_core::{AccountConfig, BarSeries, CoreConfig, Size, StrategyDef, run_bars};
use tickloom_signals::BarColumns;
use tickloom_types::{
    BarSpec, FillBody, InstrumentDef, InstrumentId, Instruments, Kind, Money, Side, SourceId,
    parse_money,
};

const BARS: usize = 500_000;
const FAST: usize = 10;
const SLOW: usize = 30;
const MINUTE_NS: i64 = 60_000_000_000;

/// Closes that mostly stand still and move by one step of 0.01 now and then, around 50.00.
fn closes() -> Vec<i64> {
    let mut state = 1_u64;
    let mut price = 5_000;
    let mut closes = Vec::with_capacity(BARS);
    for _ in 0..BARS {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        price += match state >> 60 {
            0 => 1,
            1 => -1,
            _ => 0,
        };
        closes.push(price);
    }
    closes
}

/// Rows and sides of the fills at the next open, and how often the averages were exactly equal.
fn reference(closes: &[i64]) -> (Vec<(u64, Side)>, usize) {
    let (mut fills, mut ties) = (vec![], 0);
    let mut before: Option<i64> = None;
    let mut is_long = false;
    for row in SLOW - 1..closes.len() {
        let fast: i64 = closes[row + 1 - FAST..=row].iter().sum();
        let slow: i64 = closes[row + 1 - SLOW..=row].iter().sum();
        // fast / 10 against slow / 30.
        let difference = fast * 3 - slow;
        ties += usize::from(difference == 0);
        let side = match before {
            Some(before) if before <= 0 && difference > 0 && !is_long => Some(Side::Buy),
            Some(before) if before >= 0 && difference < 0 && is_long => Some(Side::Sell),
            _ => None,
        };
        before = Some(difference);
        if let Some(side) = side.filter(|_| row + 1 < closes.len()) {
            is_long = side == Side::Buy;
            fills.push((u64::try_from(row + 1).unwrap(), side));
        }
    }
    (fills, ties)
}

fn config() -> CoreConfig {
    let mut instruments = Instruments::new();
    let def = InstrumentDef::new("TIES", 2, 0, "USD");
    let instrument = instruments.add(def).unwrap();
    let minute: BarSpec = "1m".parse().unwrap();
    instruments.bar_source(minute).unwrap();
    let text = |text: &str| Some(text.to_owned());
    CoreConfig {
        instruments,
        default_instrument: Some(instrument),
        default_bar: Some(minute),
        strategies: vec![StrategyDef::Rules {
            name: "cross".to_owned(),
            instrument: None,
            enter: text("cross_over(sma(close,10), sma(close,30))"),
            exit: text("cross_under(sma(close,10), sma(close,30))"),
            short_enter: None,
            short_exit: None,
            size: Size::Qty("1".to_owned()),
        }],
        account: AccountConfig::new(parse_money("1000000").unwrap()),
        ..CoreConfig::default()
    }
}

#[test]
fn ties_are_ties() {
    let closes = closes();
    let (expected, ties) = reference(&closes);
    assert!(ties > 10_000, "only {ties} ties");
    assert!(expected.len() > 5_000, "only {} fills", expected.len());

    let ts: Vec<i64> = (1..).map(|n| n * MINUTE_NS).take(BARS).collect();
    let volume = vec![0; BARS];
    let columns = BarColumns {
        open: &closes,
        high: &closes,
        low: &closes,
        close: &closes,
        volume: &volume,
    };
    let series = BarSeries::new(InstrumentId(0), SourceId(0), &ts, columns).unwrap();
    let (mut equity, mut fills) = (vec![], vec![]);
    run_bars(&config(), &series, &mut equity, |records| {
        for record in records {
            if record.kind() == Some(Kind::Fill) {
                let fill = FillBody::of(record);
                fills.push((fill.cause, Side::from_raw(fill.side).unwrap()));
            }
        }
    })
    .unwrap();
    assert_eq!(fills, expected);

    // Cash changes by exactly what is traded: in hundredths of money, as the size is 1 and there is no fee.
    let mut cash = 100_000_000_i64;
    for (row, side) in expected {
        cash -= side.sign() * closes[usize::try_from(row).unwrap()];
    }
    let held = i64::try_from(fills.len() % 2).unwrap();
    let cents = cash + held * closes[BARS - 1];
    let last = Money(i128::from(cents) * 10_i128.pow(16));
    assert_eq!(equity.last(), Some(&last));
}
