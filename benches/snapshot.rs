//! Size and time of a snapshot of 200 instruments with books of 200 levels and 1,000 expressions over trades, quotes and bars.
//!
//! Saving stops the core for as long as it takes; loading is what a start waits for, beside making the core anew. The snapshot that is
//! loaded is saved again before anything is measured, and must be the same bytes.

#![expect(clippy::print_stdout, reason = "the table is what a benchmark is for")]

use std::hint::black_box;
use std::time::Instant;

use tickloom_core::{
    Core, CoreConfig, OUTPUTS_A_LINK, OutputHash, Outputs, SignalDef, Size, Snapshot, StrategyDef,
    resume_split,
};
use tickloom_types::{
    Flags, Header, InstrumentDef, InstrumentId, Instruments, Kind, LevelBody, QuoteBody, Record,
    Side, SourceDef, SourceId, SourceKind, TradeBody, Ts,
};

const INSTRUMENTS: u32 = 200;
const LEVELS: i64 = 100;
const TRADES: i64 = 1_000;
const ROUNDS: usize = 21;

/// Five for each instrument.
const SIGNALS: [&str; 5] = [
    "sma(X.close@1s, 20) - sma(X.close@1s, 100)",
    "zscore(X.mid, 200)",
    "rsi(X.last, 14)",
    "X.last / highest(X.high@10s, 50)",
    "vwap(X.close@1s, X.volume@1s, 60) - ema(X.microprice, 100)",
];

fn config() -> CoreConfig {
    let mut instruments = Instruments::new();
    let feed = SourceDef::new("feed".to_owned(), SourceKind::Feed);
    instruments.add_source(feed).expect("there is room");
    let mut signals = Vec::new();
    for n in 0..INSTRUMENTS {
        let name = format!("S{n}");
        for (at, text) in SIGNALS.iter().enumerate() {
            let text = text.replace('X', &name);
            signals.push(SignalDef::new(&format!("{name}-{at}"), &text));
        }
        instruments
            .add(InstrumentDef::new(&name, 2, 0, "USD"))
            .expect("names differ");
    }
    CoreConfig {
        instruments,
        signals,
        strategies: vec![StrategyDef::Rules {
            name: "cross".to_owned(),
            instrument: Some("*".into()),
            enter: Some("cross_over(sma(close@1s, 20), sma(close@1s, 100))".to_owned()),
            exit: Some("cross_under(sma(close@1s, 20), sma(close@1s, 100))".to_owned()),
            short_enter: None,
            short_exit: None,
            size: Size::Qty("1".to_owned()),
        }],
        ..CoreConfig::default()
    }
}

/// A snapshot of each book, then trades and quotes in turn.
fn records() -> Vec<Record> {
    let mut all = Vec::new();
    let header = |kind, id, at: i64| {
        let ts = Ts(at * 250_000_000);
        Header::new(kind, InstrumentId(id), SourceId(0), ts, ts)
    };
    for id in 0..INSTRUMENTS {
        for level in 0..2 * LEVELS {
            let (side, price) = if level < LEVELS {
                (Side::Buy, 9_900 - level)
            } else {
                (Side::Sell, 10_100 + level - LEVELS)
            };
            let flags = if level + 1 == 2 * LEVELS {
                Flags::LAST
            } else {
                0
            };
            let body = LevelBody {
                price,
                qty: 7,
                side: side as u8,
                clear: u8::from(level == 0),
                ..LevelBody::default()
            };
            all.push(body.record(header(Kind::Level, id, 0).with_flags(flags)));
        }
    }
    for at in 1..TRADES {
        for id in 0..INSTRUMENTS {
            let price = 10_000 + (at * 37 + i64::from(id) * 11) % 97 - 48 + at % 50;
            if at % 2 == 0 {
                let body = QuoteBody {
                    bid: price - 1,
                    bid_qty: 5,
                    ask: price + 1,
                    ask_qty: 1 + at % 9,
                    ..QuoteBody::default()
                };
                all.push(body.record(header(Kind::Quote, id, at)));
            } else {
                let body = TradeBody {
                    price,
                    qty: 3,
                    ..TradeBody::default()
                };
                all.push(body.record(header(Kind::Trade, id, at)));
            }
        }
    }
    all
}

/// The median time of a few rounds in milliseconds.
fn millis<T>(mut what: impl FnMut() -> T) -> f64 {
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            black_box(what());
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn main() {
    let config = config();
    let mut core = Core::new(&config).expect("a correct config");
    let mut out = Outputs::new();
    let mut hash = OutputHash::new();
    let mut next_seq = 0;
    for record in &records() {
        core.step(next_seq, record, &mut out);
        hash.update_all(out.records());
        next_seq += 1;
    }
    let bytes = core.save(next_seq, &hash).expect("rules can be saved");
    let snapshot = Snapshot::open(&bytes).expect("own bytes");
    let again = Core::load(&config, &snapshot).expect("own bytes");
    assert!(again.save(next_seq, &hash).as_ref() == Ok(&bytes));
    let rest = hash.outputs() % OUTPUTS_A_LINK as u64 * 64;
    println!("expressions           {:>10}", config.signals.len());
    println!("inputs                {next_seq:>10}");
    println!("outputs               {:>10}", hash.outputs());
    println!("bytes                 {:>10}", bytes.len());
    println!("  of them outputs     {rest:>10}");
    let rows: [(&str, f64); 6] = [
        ("save", millis(|| core.save(next_seq, &hash))),
        ("open", millis(|| Snapshot::open(&bytes))),
        ("load", millis(|| Core::load(&config, &snapshot))),
        (
            "load, 4 workers",
            millis(|| resume_split(&config, 4, &snapshot)),
        ),
        ("new core", millis(|| Core::new(&config))),
        ("state", millis(|| core.state())),
    ];
    for (what, millis) in rows {
        println!("{what:<20} {millis:>8.2} ms");
    }
}
