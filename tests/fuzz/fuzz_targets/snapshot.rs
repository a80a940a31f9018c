//! Any bytes are a snapshot or an error; with a right head and checksum before and after them, they are a core that takes in
//! records, and is saved again, or an error.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use tickloom_core::{
    Core, CoreConfig, OutputHash, Outputs, RiskLimits, SignalDef, Snapshot, SnapshotError,
    StrategyDef,
};
use tickloom_types::{
    Header, InstrumentDef, Instruments, Kind, QuoteBody, Record, SourceDef, SourceKind, TradeBody,
    Ts,
};
use xxhash_rust::xxh3::xxh3_128;

const SECOND: i64 = 1_000_000_000;

static CONFIG: LazyLock<CoreConfig> = LazyLock::new(|| {
    let mut instruments = Instruments::new();
    let id = instruments
        .add(InstrumentDef::new("X", 2, 0, "USD"))
        .expect("an instrument");
    let feed = SourceDef::new("feed".to_owned(), SourceKind::Feed);
    instruments.add_source(feed).expect("a source");
    let signals = [
        "sma(close@1s, 3) - ema(mid, 4)",
        "highest(close@2t, 3) + stddev(last, 3)",
        "vwap(close@1s, volume@1s, 3) + lag(wma(last, 3), 2)",
        "together(close@1s - close@2s)",
    ];
    CoreConfig {
        instruments,
        default_instrument: Some(id),
        signals: (0..)
            .zip(signals)
            .map(|(at, text)| SignalDef::new(&format!("s{at}"), text))
            .collect(),
        strategies: vec![
            StrategyDef::Target {
                name: "target".to_owned(),
                instrument: None,
                target: "if(last > sma(last, 2), 3, -2)".to_owned(),
            },
            StrategyDef::Code {
                name: "stop".to_owned(),
                instrument: None,
                code: "trailing_stop".to_owned(),
                expressions: [("enter".to_owned(), "last > 1".to_owned())].into(),
                settings: [("size", "4"), ("trail_bps", "100"), ("profit_bps", "50")]
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .into(),
            },
        ],
        risk: RiskLimits {
            orders_per_second: Some(5),
            gross_exposure: Some(tickloom_types::parse_money("100000").expect("money")),
            daily_loss: Some(tickloom_types::parse_money("10").expect("money")),
            ..RiskLimits::default()
        },
        ..CoreConfig::default()
    }
});

/// Trades and quotes of a price that goes up and down.
fn record(at: i64) -> Record {
    let price = 1_000 + (at * 37) % 91;
    let ts = Ts(at * SECOND / 3);
    let header = |kind| {
        Header::new(
            kind,
            tickloom_types::InstrumentId(0),
            tickloom_types::SourceId(0),
            ts,
            ts,
        )
    };
    if at % 3 == 0 {
        let quote = QuoteBody {
            bid: price - 1,
            bid_qty: 5,
            ask: price + 1,
            ask_qty: 6,
            ..QuoteBody::default()
        };
        return quote.record(header(Kind::Quote));
    }
    let trade = TradeBody {
        price,
        qty: 1 + at % 4,
        ..TradeBody::default()
    };
    trade.record(header(Kind::Trade))
}

fn go_on(core: &mut Core, from: u64, count: u64) {
    let mut out = Outputs::new();
    for seq in from..from + count {
        core.step(seq, &record((seq % 1_000) as i64), &mut out);
    }
}

/// A snapshot with something of everything in it.
static WHOLE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut core = Core::new(&CONFIG).expect("a configuration");
    go_on(&mut core, 0, 60);
    core.save(60, &OutputHash::new()).expect("strategies save")
});

/// Magic, versions and fingerprint.
const HEAD: usize = 32;
const CHECKSUM: usize = 16;

fn load(bytes: &[u8]) -> Result<(), SnapshotError> {
    let snapshot = Snapshot::open(bytes)?;
    let mut core = Core::load(&CONFIG, &snapshot)?;
    let hash = snapshot.outputs();
    core.save(snapshot.next_seq(), hash)
        .expect("no moment is open");
    let _ = core.state();
    go_on(&mut core, snapshot.next_seq(), 60);
    core.save(snapshot.next_seq() + 60, hash)
        .expect("no moment is open");
    Ok(())
}

fuzz_target!(|bytes: &[u8]| {
    assert!(load(bytes).is_err(), "a checksum is not found by chance");
    // The bytes after the head, and places with values to put into what is whole.
    let content = &WHOLE[..WHOLE.len() - CHECKSUM];
    let mut raw = content[..HEAD].to_vec();
    raw.extend_from_slice(bytes);
    let mut changed = content.to_vec();
    for change in bytes.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]]));
        let at = HEAD + at % (changed.len() - HEAD);
        changed[at] = change[2];
    }
    for mut bytes in [raw, changed] {
        let checksum = xxh3_128(&bytes).to_le_bytes();
        bytes.extend_from_slice(&checksum);
        if let Err(error) = load(&bytes) {
            assert!(!error.to_string().is_empty());
        }
    }
});
