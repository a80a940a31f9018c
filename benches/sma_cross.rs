//! A backtest of an SMA cross over 2,000,000 bars in memory, beside a loop written by hand for this one strategy.
//!
//! Both buy 1,000 shares at the open after SMA 10 went above SMA 30 and sell them at the open after it went below, at a fee
//! of 0.1 % a side; both count ties exactly, keep cash exact in 18 decimals, and write equity at every close into the same
//! kind of vector, which is reused. The loop by hand is what a careful author would write who wants nothing else: running
//! integer sums, one pass, a list of fills, no order records and no check but for cash. The run has the expression compiled,
//! risk, orders, and six output records for each order and its fill. The first contender only counts these records, the
//! second hashes them as `tickloom backtest` does, the third goes through the core bar by bar.
//!
//! Rounds of all contenders alternate, so that a disturbance of the machine hits all of them; read the ratios.
//! Equity and number of fills are compared before anything is measured.

#![expect(clippy::print_stdout, reason = "the table is what a benchmark is for")]

use std::hint::black_box;
use std::time::Instant;

use tickloom_core::{
    AccountConfig, BarSeries, Core, CoreConfig, OutputHash, Outputs, Size, StrategyDef, run_bars,
};
use tickloom_signals::BarColumns;
use tickloom_types::{
    BarSpec, InstrumentDef, InstrumentId, Instruments, Money, NANOS_PER_SECOND, Side, SourceId,
    parse_money,
};

const BARS: usize = 2_000_000;
const ROUNDS: usize = 15;
const FAST: usize = 10;
const SLOW: usize = 30;
const SHARES: i64 = 1_000;
const CASH: &str = "100000000";

struct Bars {
    ts: Vec<i64>,
    open: Vec<i64>,
    high: Vec<i64>,
    low: Vec<i64>,
    close: Vec<i64>,
    volume: Vec<i64>,
}

/// A walk in cents between 100.00 and 300.00, with a gap at some opens.
fn bars() -> Bars {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut random = move |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        i64::try_from(state % below).expect("small")
    };
    let mut bars = Bars {
        ts: Vec::with_capacity(BARS),
        open: Vec::with_capacity(BARS),
        high: Vec::with_capacity(BARS),
        low: Vec::with_capacity(BARS),
        close: Vec::with_capacity(BARS),
        volume: Vec::with_capacity(BARS),
    };
    let mut price = 20_000_i64;
    for minute in (1_i64..).take(BARS) {
        let open = (price + random(7) - 3).clamp(10_000, 30_000);
        price = (open + random(41) - 20).clamp(10_000, 30_000);
        bars.ts.push(minute * 60 * NANOS_PER_SECOND);
        bars.open.push(open);
        bars.high.push(open.max(price) + random(10));
        bars.low.push(open.min(price) - random(10));
        bars.close.push(price);
        bars.volume.push(1_000 + random(100_000));
    }
    bars
}

/// A fill as the loop by hand remembers it.
struct HandFill {
    row: usize,
    side: Side,
    price: i64,
    fee: i64,
}

/// The loop by hand; money is in units of 1e-18, fees of 1e-9, prices of 0.01.
fn by_hand(bars: &Bars, equity: &mut Vec<Money>, fills: &mut Vec<HandFill>) {
    let mut account = HandAccount {
        cash: parse_money(CASH).expect("a constant").0,
        held: 0,
        order: None,
    };
    fills.clear();
    equity.clear();
    equity.resize(BARS, Money(account.cash));
    // While the averages warm up nothing is traded; the last of these rows is the first to compare with.
    let mut fast: i64 = bars.close[SLOW - FAST..SLOW].iter().sum();
    let mut slow: i64 = bars.close[..SLOW].iter().sum();
    let (mut was_at_or_below, mut was_at_or_above) = (fast * 3 <= slow, fast * 3 >= slow);
    let rows = bars.close[SLOW..]
        .iter()
        .zip(&bars.close[SLOW - FAST..])
        .zip(&bars.close)
        .zip(&bars.open[SLOW..])
        .zip(&mut equity[SLOW..])
        .enumerate();
    for (row, ((((close, left_fast), left_slow), open), equity)) in rows {
        if let Some(side) = account.order.take() {
            account.fill(SLOW + row, side, *open, fills);
        }
        fast += close - left_fast;
        slow += close - left_slow;
        // fast / 10 against slow / 30, without the division.
        let (left, right) = (fast * 3, slow);
        if account.held == 0 && was_at_or_below && left > right {
            account.order = Some(Side::Buy);
        } else if account.held != 0 && was_at_or_above && left < right {
            account.order = Some(Side::Sell);
        }
        was_at_or_below = left <= right;
        was_at_or_above = left >= right;
        *equity = Money(account.cash + account.held * i128::from(*close));
    }
}

struct HandAccount {
    cash: i128,
    /// Money of all shares at a price of 0.01.
    held: i128,
    order: Option<Side>,
}

impl HandAccount {
    fn fill(&mut self, row: usize, side: Side, price: i64, fills: &mut Vec<HandFill>) {
        const CENT: i128 = 10_i128.pow(16);
        const NANO: i128 = 10_i128.pow(9);
        let notional = i128::from(price * SHARES) * CENT;
        // 0.1 % of so many cents is a whole number of 1e-9.
        let fee = price * SHARES * 10_000;
        let paid = i128::from(fee) * NANO;
        match side {
            Side::Buy if self.cash < notional + paid => return,
            Side::Buy => {
                self.cash -= notional + paid;
                self.held = i128::from(SHARES) * CENT;
            }
            Side::Sell => {
                self.cash += notional - paid;
                self.held = 0;
            }
        }
        fills.push(HandFill {
            row,
            side,
            price,
            fee,
        });
    }
}

fn config() -> CoreConfig {
    let mut instruments = Instruments::new();
    let instrument = instruments
        .add(InstrumentDef::new("WALK", 2, 0, "USD"))
        .expect("a correct definition");
    let minute: BarSpec = "1m".parse().expect("a bar size");
    instruments
        .bar_source(minute)
        .expect("there are no other sources");
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
            size: Size::Qty(SHARES.to_string()),
        }],
        account: AccountConfig {
            fee: "0.001".parse().expect("a rate"),
            ..AccountConfig::new(parse_money(CASH).expect("a constant"))
        },
        ..CoreConfig::default()
    }
}

/// The run in blocks; returns the number of output records.
fn counted(config: &CoreConfig, series: &BarSeries<'_>, equity: &mut Vec<Money>) -> usize {
    let mut records = 0;
    equity.clear();
    run_bars(config, series, equity, |some| records += some.len()).expect("a correct config");
    records
}

/// The run in blocks with the hash of its outputs.
fn hashed(config: &CoreConfig, series: &BarSeries<'_>, equity: &mut Vec<Money>) -> String {
    let mut hash = OutputHash::new();
    equity.clear();
    run_bars(config, series, equity, |some| hash.update_all(some)).expect("a correct config");
    hash.hex()
}

/// Bar by bar through the core, as a live run would.
fn stepped(config: &CoreConfig, series: &BarSeries<'_>, equity: &mut Vec<Money>) -> String {
    let mut core = Core::new(config).expect("a correct config");
    let mut out = Outputs::new();
    let mut hash = OutputHash::new();
    equity.clear();
    for (row, seq) in (0..series.len()).zip(0..) {
        core.step(seq, &series.record(row), &mut out);
        hash.update_all(out.records());
        equity.push(core.portfolio().equity().expect("small numbers"));
    }
    hash.hex()
}

/// Seconds of each round of one contender.
struct Timed {
    name: &'static str,
    seconds: Vec<f64>,
}

impl Timed {
    fn time<R>(&mut self, work: impl FnOnce() -> R) {
        let start = Instant::now();
        black_box(work());
        self.seconds.push(start.elapsed().as_secs_f64());
    }

    /// Million bars a second: the median round, and those a quarter from the slowest and the fastest.
    fn rates(&self) -> [f64; 3] {
        let mut rates: Vec<f64> = self.seconds.iter().map(|s| BARS as f64 / s / 1e6).collect();
        rates.sort_by(f64::total_cmp);
        [rates.len() / 2, rates.len() / 4, rates.len() * 3 / 4].map(|at| rates[at])
    }
}

fn main() {
    let bars = bars();
    let columns = BarColumns {
        open: &bars.open,
        high: &bars.high,
        low: &bars.low,
        close: &bars.close,
        volume: &bars.volume,
    };
    let series =
        BarSeries::new(InstrumentId(0), SourceId(0), &bars.ts, columns).expect("times ascend");
    let config = config();
    let (mut equity, mut fills, mut expected) = (Vec::new(), Vec::new(), Vec::new());
    by_hand(&bars, &mut expected, &mut fills);
    let hash = stepped(&config, &series, &mut equity);
    assert!(equity == expected, "the core and the loop by hand agree");
    assert_eq!(hashed(&config, &series, &mut equity), hash);
    assert!(equity == expected, "blocks and the loop by hand agree");
    let records = counted(&config, &series, &mut equity);
    let last = fills.last().expect("a walk crosses");
    println!(
        "{BARS} bars, {} fills, {records} output records; the last: {} at {} for a fee of {} nanos in bar {}",
        fills.len(),
        last.side.name(),
        last.price,
        last.fee,
        last.row
    );

    let names = ["by hand", "blocks", "blocks, hashed", "steps, hashed"];
    let mut timed = names.map(|name| Timed {
        name,
        seconds: Vec::with_capacity(ROUNDS),
    });
    for _ in 0..ROUNDS {
        timed[0].time(|| by_hand(&bars, &mut equity, &mut fills));
        timed[1].time(|| counted(&config, &series, &mut equity));
        timed[2].time(|| hashed(&config, &series, &mut equity));
        timed[3].time(|| stepped(&config, &series, &mut equity));
    }
    let bound = timed[0].rates()[0];
    println!("million bars a second    median   (quartiles)       of the loop by hand");
    for contender in &timed {
        let [median, low, high] = contender.rates();
        let ratio = median / bound;
        println!(
            "{:<22} {median:>8.1}   ({low:>6.1} to {high:>6.1})   {ratio:>6.2}",
            contender.name
        );
    }
}
