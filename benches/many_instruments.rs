//! One strategy over 45, 450 and 4,500 instruments with 480 daily bars each: the cost of a bar beside the number of instruments.
//!
//! The strategy buys 10 shares of an instrument at the open after its SMA 10 went above its SMA 30 and sells them at the open after it went
//! below. Bars of a day are one moment, as history releases them, and go through the core one by one, with the hash of the
//! outputs, as `tickloom backtest` does. What is measured is the time of all bars divided by their number, once with bars of
//! all instruments and once with bars of the first 45 alone: the second says what an instrument costs that is only there, the
//! first also what it costs that thousands do not fit into a processor's near caches. The instructions of a bar are nearly the same in
//! all cases; what is more at 4,500 is memory: a bar touches some 21 cache lines of its instrument (state, bar, position, operators,
//! windows), which are 6 MB in all and are read anew each day, so that a megabyte of second cache holds none of them. Most of them lie
//! side by side in the order of the instruments, where processors see what comes next; those that do not, the graph asks for ahead.
//! What the rest cost is the machine's answer, and that of what else runs on it and shares its last cache: give it a machine
//! with nothing else on it, as time that it waits for others counts too. Data are made
//! before time is taken, and nearly all memory of a core is touched when it is made. Making the core
//! (it compiles two expressions for each instrument) is measured apart. Rounds of all sizes alternate; read the ratios.
//! The fills of an instrument are compared with those of a run of it alone before anything is measured.

#![expect(clippy::print_stdout, reason = "the table is what a benchmark is for")]

use std::hint::black_box;
use std::time::Instant;

use tickloom_core::{AccountConfig, Core, CoreConfig, OutputHash, Outputs, Size, StrategyDef};
use tickloom_types::{
    BarBody, BarSpec, FillBody, Header, InstrumentDef, InstrumentId, Instruments, Kind,
    NANOS_PER_SECOND, Record, SourceId, Ts, mark_moment, parse_money,
};

const DAYS: usize = 480;
const COUNTS: [usize; 3] = [45, 450, 4_500];
const ROUNDS: usize = 7;
const CASH: &str = "1000000000";

/// Walks in cents, each instrument with its own, the same however many there are; a day after the other.
fn bars(instruments: usize) -> Vec<Record> {
    let mut walks: Vec<(u64, i64)> = (1_u64..)
        .take(instruments)
        .map(|n| (n.wrapping_mul(0x9E37_79B9_7F4A_7C15), 20_000))
        .collect();
    let mut all = Vec::with_capacity(instruments * DAYS);
    for day in (1_i64..).take(DAYS) {
        let ts = Ts(day * 86_400 * NANOS_PER_SECOND);
        let from = all.len();
        for (id, (state, price)) in (0_u32..).zip(&mut walks) {
            let mut random = |below: u64| {
                *state ^= *state << 13;
                *state ^= *state >> 7;
                *state ^= *state << 17;
                i64::try_from(*state % below).expect("small")
            };
            let open = (*price + random(101) - 50).clamp(10_000, 30_000);
            *price = (open + random(401) - 200).clamp(10_000, 30_000);
            let header = Header::new(Kind::Bar, InstrumentId(id), SourceId(0), ts, ts);
            let body = BarBody {
                open,
                high: open.max(*price),
                low: open.min(*price),
                close: *price,
                volume: 1_000,
            };
            all.push(body.record(header));
        }
        mark_moment(&mut all[from..]);
    }
    all
}

fn config(instruments: usize) -> CoreConfig {
    let day: BarSpec = "1d".parse().expect("a size");
    let mut all = Instruments::new();
    all.bar_source(day).expect("there is room");
    for n in 0..instruments {
        all.add(InstrumentDef::new(&format!("S{n}"), 2, 0, "USD"))
            .expect("names differ");
    }
    CoreConfig {
        instruments: all,
        default_bar: Some(day),
        strategies: vec![StrategyDef::Rules {
            name: "cross".to_owned(),
            instrument: Some("*".into()),
            enter: Some("cross_over(sma(close, 10), sma(close, 30))".to_owned()),
            exit: Some("cross_under(sma(close, 10), sma(close, 30))".to_owned()),
            short_enter: None,
            short_exit: None,
            size: Size::Qty("10".to_owned()),
        }],
        account: AccountConfig {
            fee: "0.001".parse().expect("a rate"),
            ..AccountConfig::new(parse_money(CASH).expect("a constant"))
        },
        ..CoreConfig::default()
    }
}

/// All bars through a core; equity is asked for after each.
fn run(core: &mut Core, bars: &[Record], mut on_output: impl FnMut(&[Record])) -> i128 {
    let mut out = Outputs::new();
    let mut equity = 0;
    for (bar, seq) in bars.iter().zip(0..) {
        core.step(seq, bar, &mut out);
        on_output(out.records());
        equity ^= core.portfolio().equity().expect("small numbers").0;
    }
    equity
}

/// Fills of the first instrument.
fn fills_of_first(instruments: usize) -> Vec<(i64, i64, u8)> {
    let mut fills = Vec::new();
    let mut core = Core::new(&config(instruments)).expect("a correct config");
    run(&mut core, &bars(instruments), |outputs| {
        let of_first = |output: &&Record| output.instrument() == InstrumentId(0);
        for output in outputs.iter().filter(of_first) {
            if output.kind() == Some(Kind::Fill) {
                let fill = FillBody::of(output);
                fills.push((output.header.ts_event, fill.price, fill.side));
            }
        }
    });
    fills
}

/// Measured of one number of instruments.
struct Timed {
    instruments: usize,
    config: CoreConfig,
    /// Of all instruments, and of the first.
    bars: [Vec<Record>; 2],
    fills: u64,
    nanos_a_bar: [Vec<f64>; 2],
    millis_to_make: Vec<f64>,
}

impl Timed {
    fn round(&mut self) {
        for (bars, nanos_a_bar) in self.bars.iter().zip(&mut self.nanos_a_bar).rev() {
            let start = Instant::now();
            let mut core = Core::new(&self.config).expect("a correct config");
            self.millis_to_make
                .push(start.elapsed().as_secs_f64() * 1e3);
            let mut hash = OutputHash::new();
            let start = Instant::now();
            black_box(run(&mut core, bars, |outputs| hash.update_all(outputs)));
            let nanos = start.elapsed().as_secs_f64() * 1e9;
            nanos_a_bar.push(nanos / bars.len() as f64);
            self.fills = core.fills();
            black_box(hash.hex());
        }
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

fn main() {
    let alone = fills_of_first(1);
    assert!(alone.len() > 4, "a walk crosses");
    assert_eq!(fills_of_first(45), alone, "others change nothing");
    let mut timed = COUNTS.map(|instruments| Timed {
        instruments,
        config: config(instruments),
        bars: [bars(instruments), bars(COUNTS[0])],
        fills: 0,
        nanos_a_bar: [(); 2].map(|()| Vec::with_capacity(ROUNDS)),
        millis_to_make: Vec::with_capacity(2 * ROUNDS),
    });
    for _ in 0..ROUNDS {
        for one in &mut timed {
            one.round();
        }
    }
    let base = [0, 1].map(|of| median(&timed[0].nanos_a_bar[of]));
    println!(
        "instruments       bars     fills   ns a bar   of the first   ns a bar of 45   of the first   ms to make the core"
    );
    for one in &timed {
        let [all, some] = [0, 1].map(|of| median(&one.nanos_a_bar[of]));
        println!(
            "{:>11} {:>10} {:>9} {all:>10.0} {:>14.2} {some:>16.0} {:>14.2} {:>21.1}",
            one.instruments,
            one.bars[0].len(),
            one.fills,
            all / base[0],
            some / base[1],
            median(&one.millis_to_make)
        );
    }
}
