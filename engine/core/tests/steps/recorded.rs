//! A run as it could have been recorded: two instruments with books, quotes, trades, bars, timers and trouble.

use tickloom_core::{
    AccountConfig, Core, CoreConfig, OutputHash, Outputs, SignalDef, Size, StrategyDef,
};
use tickloom_types::{
    BarBody, BookState, Flags, Header, InstrumentDef, InstrumentId, Kind, LevelBody, QuoteBody,
    Record, Side, SourceDef, SourceId, SourceKind, StatusBody, StatusCode, TimerBody, TradeBody,
    Ts, mark_moment, parse_money,
};

/// Twenty expressions over both instruments, several bar sizes and ticks.
pub(crate) const SIGNALS: [&str; 20] = [
    "BTC.mid",
    "BTC.spread",
    "BTC.imbalance > 0.2",
    "BTC.microprice - BTC.mid",
    "ema(BTC.mid, 20)",
    "sma(BTC.mid, 20)",
    "cross_over(ema(BTC.mid, 20), sma(BTC.mid, 20))",
    "zscore(BTC.mid, 50)",
    "highest(BTC.last, 30) - lowest(BTC.last, 30)",
    "stddev(BTC.last, 30)",
    "sma(BTC.close@100ms, 5)",
    "rsi(BTC.close@100ms, 14)",
    "atr(BTC.high@100ms, BTC.low@100ms, BTC.close@100ms, 14)",
    "BTC.last > sma(BTC.close@100ms, 5)",
    "BTC.close@20t - lag(BTC.close@20t, 1)",
    "BTC.volume@50v",
    "ETH.bid / BTC.bid",
    "macd(ETH.close@1s, 3, 6, 3).signal",
    "ETH.close@2s > ETH.close@1s and BTC.spread < 0.05",
    "cross_under(ETH.mid, sma(ETH.close@1s, 3))",
];

const BTC: InstrumentId = InstrumentId(0);
const ETH: InstrumentId = InstrumentId(1);
const FEED: SourceId = SourceId(0);
const MS: i64 = 1_000_000;

/// Two instruments, the signals and three strategies.
pub(crate) fn config() -> CoreConfig {
    let mut config = CoreConfig {
        default_instrument: Some(BTC),
        account: AccountConfig::new(parse_money("100000").unwrap()),
        stale_after: Some(2_000 * MS),
        ..CoreConfig::default()
    };
    let all = &mut config.instruments;
    all.add(InstrumentDef::new("venue.BTC", 2, 0, "USD"))
        .unwrap();
    all.add(InstrumentDef::new("venue.ETH", 2, 0, "USD"))
        .unwrap();
    let feed = SourceDef::new("venue", SourceKind::Feed);
    assert_eq!(all.add_source(feed).unwrap(), FEED);
    all.bar_source("1s".parse().unwrap()).unwrap();
    for (at, text) in SIGNALS.iter().enumerate() {
        config.signals.push(SignalDef::new(&format!("s{at}"), text));
    }
    config.strategies.push(StrategyDef::Rules {
        name: "cross".to_owned(),
        instrument: None,
        enter: Some("cross_over(ema(mid, 20), sma(mid, 20))".to_owned()),
        exit: Some("cross_under(ema(mid, 20), sma(mid, 20))".to_owned()),
        short_enter: None,
        short_exit: None,
        size: "3".parse::<Size>().unwrap(),
    });
    config.strategies.push(StrategyDef::Target {
        name: "lean".to_owned(),
        instrument: Some("venue.ETH".into()),
        target: "if(close@1s > sma(close@1s, 3), 2, -1)".to_owned(),
    });
    config
}

/// Random numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: i64) -> i64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(self.0 >> 33).unwrap() % most
    }
}

/// So many messages of a market that was never there; a few records each.
pub(crate) fn records(messages: usize) -> Vec<Record> {
    let mut dice = Dice(7);
    let mut all = Vec::new();
    let mut ts = 1_000 * MS;
    let mut mid = [10_000, 5_000];
    for (id, mid) in [(BTC, mid[0]), (ETH, mid[1])] {
        snapshot(&mut all, id, ts, mid);
    }
    // Most messages are moments, as live; some go on into the next one, and some bear no mark, as in old journals.
    let mut begun = all.len();
    for message in 0..messages {
        ts += dice.below(20 * MS);
        let at = usize::from(dice.below(3) == 0);
        let id = [BTC, ETH][at];
        mid[at] += dice.below(7) - 3;
        match dice.below(100) {
            0..40 => trade(
                &mut all,
                id,
                ts - dice.below(3) * MS,
                mid[at] + dice.below(5) - 2,
                &mut dice,
            ),
            40..65 => changes(&mut all, id, ts, mid[at], &mut dice),
            65..85 if id == BTC => quote(&mut all, id, ts, mid[at], &mut dice),
            85..90 => timer(&mut all, ts),
            90..93 => bar(&mut all, ETH, ts, mid[1]),
            93 if message % 7 == 0 => trouble(&mut all, id, ts, mid[at]),
            94 if message % 5 == 0 => {
                ts += 3_000 * MS;
                timer(&mut all, ts);
            }
            _ => changes(&mut all, id, ts, mid[at], &mut dice),
        }
        match message % 10 {
            0 | 1 => {}
            3 => begun = all.len(),
            _ => {
                mark_moment(&mut all[begun..]);
                begun = all.len();
            }
        }
    }
    all
}

fn header(kind: Kind, id: InstrumentId, ts: i64) -> Header {
    Header::new(kind, id, FEED, Ts(ts), Ts(ts + MS))
}

fn level(all: &mut Vec<Record>, id: InstrumentId, ts: i64, level: LevelBody, flags: u8) {
    all.push(level.record(header(Kind::Level, id, ts).with_flags(flags)));
}

fn snapshot(all: &mut Vec<Record>, id: InstrumentId, ts: i64, mid: i64) {
    let count = 20;
    for n in 0..2 * count {
        let (side, price) = if n < count {
            (Side::Buy, mid - 1 - n)
        } else {
            (Side::Sell, mid + 1 + n - count)
        };
        let body = LevelBody {
            price,
            qty: 1 + n % 7,
            side: side as u8,
            clear: u8::from(n == 0),
            ..LevelBody::default()
        };
        let last = if n == 2 * count - 1 { Flags::LAST } else { 0 };
        level(all, id, ts, body, Flags::SNAPSHOT | last);
    }
}

/// One message that moves the best levels: what is beyond the new middle goes, what is near it changes.
fn changes(all: &mut Vec<Record>, id: InstrumentId, ts: i64, mid: i64, dice: &mut Dice) {
    let count = 8;
    for n in 0..count {
        let near = dice.below(12) + 1;
        let (side, price, qty) = match n % 4 {
            0 => (Side::Buy, mid + n / 4, 0),
            1 => (Side::Sell, mid - n / 4, 0),
            2 => (Side::Buy, mid - near, dice.below(9)),
            _ => (Side::Sell, mid + near, dice.below(9)),
        };
        let body = LevelBody {
            price,
            qty,
            side: side as u8,
            ..LevelBody::default()
        };
        level(
            all,
            id,
            ts,
            body,
            if n == count - 1 { Flags::LAST } else { 0 },
        );
    }
}

fn trade(all: &mut Vec<Record>, id: InstrumentId, ts: i64, price: i64, dice: &mut Dice) {
    let body = TradeBody {
        price,
        qty: 1 + dice.below(20),
        ..TradeBody::default()
    };
    all.push(body.record(header(Kind::Trade, id, ts)));
}

fn quote(all: &mut Vec<Record>, id: InstrumentId, ts: i64, mid: i64, dice: &mut Dice) {
    let body = QuoteBody {
        bid: mid - 1,
        bid_qty: dice.below(9),
        ask: mid + dice.below(3),
        ask_qty: 1 + dice.below(9),
        update_id: 0,
    };
    all.push(body.record(header(Kind::Quote, id, ts)));
}

fn timer(all: &mut Vec<Record>, ts: i64) {
    all.push(TimerBody::default().record(header(Kind::Timer, InstrumentId::NONE, ts)));
}

fn bar(all: &mut Vec<Record>, id: InstrumentId, ts: i64, mid: i64) {
    let close = ts / (1_000 * MS) * 1_000 * MS;
    let header = Header::new(Kind::Bar, id, SourceId(1), Ts(close), Ts(ts));
    let body = BarBody {
        open: mid,
        high: mid + 3,
        low: mid - 3,
        close: mid + 1,
        volume: 12,
    };
    all.push(body.record(header));
}

/// The connection breaks, and the book comes back.
fn trouble(all: &mut Vec<Record>, id: InstrumentId, ts: i64, mid: i64) {
    let status = |code: StatusCode, state: Option<BookState>| {
        let body = StatusBody {
            code: code as u16,
            state: state.map_or(0, |state| state as u8),
            ..StatusBody::default()
        };
        body.record(header(Kind::Status, id, ts))
    };
    all.push(status(StatusCode::Disconnected, None));
    all.push(status(StatusCode::Connected, None));
    all.push(status(StatusCode::Book, Some(BookState::Resync)));
    snapshot(all, id, ts, mid);
    all.push(status(StatusCode::Book, Some(BookState::Live)));
}

/// All outputs of a core on one thread, and their hash.
pub(crate) fn run(config: &CoreConfig, records: &[Record]) -> (String, Vec<Record>) {
    let mut core = Core::new(config).unwrap();
    let mut out = Outputs::new();
    let mut hash = OutputHash::new();
    let mut all = Vec::new();
    for (seq, record) in (0..).zip(records) {
        core.step(seq, record, &mut out);
        for output in out.records() {
            hash.update(output);
            all.push(*output);
        }
    }
    (hash.hex(), all)
}
