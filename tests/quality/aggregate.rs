//! Bars made on the fly without a calendar are those that the core makes of the same records, bit for bit.

use crate::support::recorded;
use tickloom_core::{Core, CoreConfig, Outputs, SignalDef};
use tickloom_data::{Aggregate, AggregateOptions, BarPrice, DataError, Passing};
use tickloom_types::{
    BarBody, BarSpec, BookState, Flags, Header, InstrumentDef, InstrumentId, Instruments, Kind,
    QuoteBody, Record, Seq, SourceDef, SourceId, SourceKind, StatusBody, StatusCode, TimerBody,
    TradeBody, Ts,
};

/// What a bar is, apart from the names of its kind and source.
type Bar = (u32, i64, i64, u8, [u64; 5]);

fn bar(record: &Record) -> Bar {
    let Header {
        instrument,
        ts_event,
        ts_recv,
        flags,
        ..
    } = record.header;
    // On the fly bars are of the moment of the record that closes them.
    let flags = flags & !Flags::MORE;
    (instrument, ts_event, ts_recv, flags, record.body)
}

/// The bars that the core closes.
fn of_core(records: &[Record], instruments: &Instruments, size: BarSpec) -> Vec<Bar> {
    let signals = instruments.defs().iter().enumerate();
    let signals = signals
        .map(|(n, def)| SignalDef::new(&format!("s{n}"), &format!("'{}'.close@{size}", def.name)));
    let config = CoreConfig {
        instruments: instruments.clone(),
        signals: signals.collect(),
        ..CoreConfig::default()
    };
    let mut core = Core::new(&config).unwrap();
    let mut outputs = Outputs::new();
    let mut bars = Vec::new();
    for (seq, record) in (0..).zip(records) {
        core.step(seq, record, &mut outputs);
        let closed = outputs
            .records()
            .iter()
            .filter(|r| r.kind() == Some(Kind::BarClosed));
        bars.extend(closed.map(bar));
    }
    bars
}

/// The bars that are made on the fly: those of the size that did not come as input.
fn on_the_fly(records: &[Record], instruments: &Instruments, size: BarSpec) -> Vec<Bar> {
    let input: Vec<Result<(Seq, Record), DataError>> =
        (0..).zip(records.to_vec()).map(Ok).collect();
    let options = AggregateOptions {
        size,
        price: BarPrice::Trade,
        passing: Passing::All,
    };
    let made = Aggregate::new(input.into_iter(), instruments, options, None).unwrap();
    let source = made
        .instruments()
        .sources()
        .iter()
        .position(|s| s.kind == SourceKind::Bars(size))
        .unwrap();
    let source = SourceId(u16::try_from(source).unwrap());
    let all = made.map(|next| next.unwrap().1);
    all.filter(|r| r.kind() == Some(Kind::Bar) && r.source() == source)
        .map(|r| bar(&r))
        .collect()
}

fn check(records: &[Record], instruments: &Instruments, size: &str, least: usize) {
    let size: BarSpec = size.parse().unwrap();
    let (expected, found) = (
        of_core(records, instruments, size),
        on_the_fly(records, instruments, size),
    );
    assert!(found.len() >= least, "{size}: only {} bars", found.len());
    assert_eq!(found, expected, "{size}");
}

#[test]
fn bars_of_recorded_trades_are_those_of_the_core() {
    let (records, instruments) = recorded();
    for (size, least) in [
        ("1s", 70),
        ("5s", 15),
        ("250ms", 150),
        ("1m", 1),
        ("100t", 20),
        ("7t", 400),
        ("3v", 10),
    ] {
        check(&records, &instruments, size, least);
    }
}

#[test]
fn bars_of_smaller_bars_are_those_of_the_core() {
    let (records, mut instruments) = recorded();
    let size: BarSpec = "1s".parse().unwrap();
    let source = instruments.bar_source(size).unwrap();
    let small: Vec<Record> = of_core(&records, &instruments, size)
        .into_iter()
        .map(|(instrument, ts_event, ts_recv, flags, body)| {
            let id = InstrumentId(instrument);
            let header = Header::new(Kind::Bar, id, source, Ts(ts_event), Ts(ts_recv));
            Record {
                header: header.with_flags(flags),
                body,
            }
        })
        .collect();
    for (size, least) in [("5s", 15), ("1m", 1), ("2s", 30), ("50v", 1)] {
        check(&small, &instruments, size, least);
    }
}

/// Records as no feed sends them: late trades, times of our own, gaps, restarts, timers of two sources.
#[test]
fn bars_of_anything_are_those_of_the_core() {
    let mut instruments = Instruments::new();
    for name in ["A", "B"] {
        instruments
            .add(InstrumentDef::new(name, 2, 3, "USD"))
            .unwrap();
        let (name, kind) = (format!("feed-{name}"), SourceKind::Feed);
        instruments.add_source(SourceDef::new(name, kind)).unwrap();
    }
    let small = instruments.bar_source("1s".parse().unwrap()).unwrap();
    for seed in 1..=40_u64 {
        let mut random = Random(seed);
        let mut ts = 1_000_000_000_000;
        let has_bars = seed % 4 == 0;
        let records: Vec<Record> = (0..4_000)
            .map(|_| random.record(&mut ts, has_bars.then_some(small)))
            .collect();
        let sizes = ["3s", "1m", "2v", "1s", "10t"];
        // Bars of a second that come as input are used as they are, and bars by trades need trades.
        for size in &sizes[..if has_bars { 3 } else { 5 }] {
            check(&records, &instruments, size, 1);
        }
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }

    fn signed(&mut self, most: u64) -> i64 {
        i64::try_from(self.below(most)).unwrap()
    }

    fn record(&mut self, ts: &mut i64, bars: Option<SourceId>) -> Record {
        *ts += self.signed(400) * 1_000_000;
        let at = self.below(2);
        let (id, source) = (
            InstrumentId(u32::try_from(at).unwrap()),
            SourceId(u16::try_from(at).unwrap()),
        );
        let late = if self.below(20) == 0 {
            self.signed(3_000) * 1_000_000
        } else {
            0
        };
        let header = |kind: Kind| Header::new(kind, id, source, Ts(*ts - late), Ts(*ts));
        match self.below(100) {
            0..=79 => {
                if let Some(source) = bars {
                    return self.bar(id, source, *ts);
                }
                let flags = if self.below(30) == 0 {
                    Flags::BAD_TIME
                } else {
                    0
                };
                let body = TradeBody {
                    price: 10_000 + self.signed(50),
                    qty: self.signed(500),
                    ..TradeBody::default()
                };
                body.record(header(Kind::Trade).with_flags(flags))
            }
            80..=89 => {
                let bid = 10_000 + self.signed(50);
                let body = QuoteBody {
                    bid,
                    bid_qty: 1,
                    ask: bid + 1,
                    ask_qty: 1,
                    update_id: 0,
                };
                body.record(header(Kind::Quote))
            }
            90..=95 => {
                let none = Header {
                    instrument: InstrumentId::NONE.0,
                    ..header(Kind::Timer)
                };
                TimerBody {
                    interval: 1_000,
                    ..TimerBody::default()
                }
                .record(none)
            }
            _ => self.status(header(Kind::Status)),
        }
    }

    /// A bar of a second; some come twice, some lack a part.
    fn bar(&mut self, id: InstrumentId, source: SourceId, ts: i64) -> Record {
        let close = (ts / 1_000_000_000 + 1) * 1_000_000_000;
        let open = 10_000 + self.signed(50);
        let flags = if self.below(50) == 0 {
            Flags::INCOMPLETE
        } else {
            0
        };
        let body = BarBody {
            open,
            high: open + 5,
            low: open - 5,
            close: open + 1,
            volume: self.signed(900),
        };
        let header = Header::new(Kind::Bar, id, source, Ts(close), Ts(close));
        body.record(header.with_flags(flags))
    }

    fn status(&mut self, mut header: Header) -> Record {
        let codes = [
            StatusCode::Gap,
            StatusCode::Book,
            StatusCode::Disconnected,
            StatusCode::Started,
            StatusCode::Connected,
        ];
        let code = codes[usize::try_from(self.below(5)).unwrap()];
        let states = [
            BookState::Live,
            BookState::Live,
            BookState::Stale,
            BookState::Resync,
        ];
        let state = if code == StatusCode::Book {
            states[usize::try_from(self.below(4)).unwrap()] as u8
        } else {
            0
        };
        if code != StatusCode::Book && self.below(2) == 0 {
            header.instrument = InstrumentId::NONE.0;
        }
        StatusBody {
            code: code as u16,
            state,
            ..StatusBody::default()
        }
        .record(header)
    }
}
