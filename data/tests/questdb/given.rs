//! Records of every kind, with the values that are hardest to keep.

use tickloom_data::Table;
use tickloom_journal::RunMeta;
use tickloom_types::{
    AccountBody, BarBody, BookAction, BookState, FillBody, Flags, Header, InstrumentDef,
    InstrumentId, Instruments, Kind, LevelBody, OrderBody, OrderStatus, OrderType, OrderUpdateBody,
    PositionBody, QuoteBody, Record, RiskRule, Seq, Side, SignalBody, SourceDef, SourceId,
    SourceKind, StatusBody, StatusCode, TimerBody, TradeBody, Ts, VerdictBody,
};

/// The last time that QuestDB has.
pub(crate) const TS_MAX: i64 = 9_214_646_399_999_999_999;
const EXTREMES: [i64; 5] = [0, 1, -1, i64::MAX, i64::MIN];
const FLOATS: [f64; 9] = [
    0.1,
    -0.0,
    f64::MIN_POSITIVE,
    5e-324,
    f64::MAX,
    f64::MIN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
];

/// A run with instruments of the finest and the coarsest scale.
pub(crate) fn run(name: &str) -> RunMeta {
    let mut instruments = Instruments::new();
    for (name, price, qty) in [("venue.A/B-1_x", 9, 9), ("B", 0, 0), ("C", 2, 8)] {
        let def = InstrumentDef::new(name, price, qty, "USD");
        instruments.add(def).unwrap();
    }
    let feed = SourceDef::new("a feed, with 'odd' \"name\" = ü", SourceKind::Feed);
    instruments.add_source(feed).unwrap();
    instruments.bar_source("1m".parse().unwrap()).unwrap();
    let mut run = RunMeta::new(name, Ts(1_700_000_000_000_000_001), instruments).unwrap();
    run.signals = vec!["trend".to_owned(), "x, y".to_owned()];
    run.strategies = vec!["cross".to_owned()];
    run.config = "{\"text\": \"line\\nline 'quoted'\"}".to_owned();
    run
}

/// Records of all input kinds in order, at the extremes of what they hold.
pub(crate) fn inputs() -> Vec<Record> {
    let mut made = Vec::new();
    for (nth, value) in EXTREMES.into_iter().enumerate() {
        for instrument in 0..3 {
            let place = Placed {
                nth,
                instrument,
                value,
            };
            made.extend(place.inputs());
        }
    }
    made
}

/// Records of all output kinds, each with an input that caused it.
pub(crate) fn outputs() -> Vec<(Seq, Record)> {
    let mut made = Vec::new();
    for (nth, value) in EXTREMES.into_iter().enumerate() {
        let place = Placed {
            nth,
            instrument: nth % 3,
            value,
        };
        made.extend(place.outputs().map(|record| (nth as Seq, record)));
    }
    for (nth, value) in FLOATS.into_iter().enumerate() {
        let odd_nan = f64::from_bits(0xfff8_0000_0000_0007);
        let body = SignalBody {
            cause: 5,
            signal: 1,
            value,
            previous: if nth == 0 { odd_nan } else { -value },
            ..SignalBody::default()
        };
        let place = Placed {
            nth,
            instrument: 0,
            value: 0,
        };
        made.push((5, body.record(place.header(Kind::Signal))));
    }
    made
}

/// Quotes with an empty bid, an empty ask, both empty, a bid of zero and both there, what empties a book and its orders; and a market order.
pub(crate) fn without_prices() -> (Vec<Record>, Record) {
    let place = Placed {
        nth: 2,
        instrument: 1,
        value: 0,
    };
    let quote = |[bid, bid_qty, ask, ask_qty]: [i64; 4]| {
        let quote = QuoteBody {
            bid,
            bid_qty,
            ask,
            ask_qty,
            update_id: 9,
        };
        quote.record(place.header(Kind::Quote))
    };
    let quotes = [
        [0, 0, 3, 7],
        [1, 5, 0, 0],
        [0, 0, 0, 0],
        [0, 5, 4, 7],
        [0, 0, 4, 7],
    ];
    let mut inputs: Vec<Record> = quotes.into_iter().map(quote).collect();
    inputs.push(place.level(0, 1));
    let cleared = OrderUpdateBody {
        action: BookAction::Clear as u8,
        ..OrderUpdateBody::default()
    };
    inputs.push(cleared.record(place.header(Kind::OrderUpdate)));
    let order = OrderBody {
        qty: 3,
        side: Side::Buy as u8,
        order_type: OrderType::Market as u8,
        status: OrderStatus::Open as u8,
        ..OrderBody::default()
    };
    (inputs, order.record(place.header(Kind::Order)))
}

/// Every table has at least one of these records.
pub(crate) fn covers_all_tables() {
    let outputs = outputs();
    let all = inputs().into_iter().chain(outputs.into_iter().map(|o| o.1));
    let tables: Vec<Table> = all.filter_map(|record| Table::of(&record)).collect();
    for table in Table::ALL {
        assert!(tables.contains(table), "no record of {table}");
    }
}

struct Placed {
    nth: usize,
    instrument: usize,
    value: i64,
}

impl Placed {
    fn header(&self, kind: Kind) -> Header {
        let times = [0, TS_MAX, 1_700_000_000_123_456_789, 1, 86_400_000_000_000];
        Header {
            ts_event: times[self.nth % times.len()],
            ts_recv: self.value,
            instrument: u32::try_from(self.instrument).unwrap(),
            source: 0,
            kind: kind as u8,
            flags: u8::try_from(self.nth * 50 % 256).unwrap() & !Flags::SNAPSHOT,
        }
    }

    /// Of a source as a whole.
    fn unplaced(&self, kind: Kind) -> Header {
        Header {
            instrument: InstrumentId::NONE.0,
            ..self.header(kind)
        }
    }

    fn bar(&self, kind: Kind) -> Record {
        let header = Header {
            source: SourceId(1).0,
            ..self.header(kind)
        };
        let value = self.value;
        BarBody {
            open: value,
            high: -(value / 2),
            low: value / 3,
            close: 7,
            volume: value,
        }
        .record(header)
    }

    fn status(&self, kind: Kind) -> Record {
        let value = self.value.cast_unsigned();
        StatusBody {
            code: StatusCode::ALL[self.nth] as u16,
            state: BookState::ALL[self.nth % 3] as u8,
            count: value,
            from: !value,
            to: value / 2,
            detail: value,
            ..StatusBody::default()
        }
        .record(self.unplaced(kind))
    }

    fn level(&self, flags: u8, clear: u8) -> Record {
        let value = self.value;
        LevelBody {
            price: value,
            qty: value,
            first_id: value.cast_unsigned(),
            last_id: !value.cast_unsigned(),
            side: u8::try_from(self.nth % 3).unwrap(),
            clear,
            ..LevelBody::default()
        }
        .record(self.header(Kind::Level).with_flags(flags))
    }

    fn inputs(&self) -> Vec<Record> {
        let (value, unsigned) = (self.value, self.value.cast_unsigned());
        let side = u8::try_from(self.nth % 3).unwrap();
        let trade = TradeBody {
            price: value,
            qty: value,
            trade_id: unsigned,
            side,
            ..TradeBody::default()
        };
        let quote = QuoteBody {
            bid: value,
            bid_qty: -(value / 7),
            ask: value / 2,
            ask_qty: value,
            update_id: unsigned,
        };
        let order = OrderUpdateBody {
            order_id: unsigned,
            price: value,
            qty: value,
            update_id: !unsigned,
            side,
            action: BookAction::ALL[self.nth] as u8,
            ..OrderUpdateBody::default()
        };
        let timer = TimerBody {
            interval: value,
            ..TimerBody::default()
        };
        vec![
            trade.record(self.header(Kind::Trade)),
            quote.record(self.header(Kind::Quote)),
            self.level(0, 0),
            self.level(Flags::SNAPSHOT, 1),
            order.record(self.header(Kind::OrderUpdate)),
            self.bar(Kind::Bar),
            timer.record(self.unplaced(Kind::Timer)),
            self.status(Kind::Status),
        ]
    }

    fn outputs(&self) -> impl Iterator<Item = Record> {
        let (value, unsigned) = (self.value, self.value.cast_unsigned());
        let (cause, order) = (unsigned, u32::MAX);
        let side = Side::Sell as u8;
        let order_body = OrderBody {
            cause,
            price: value,
            qty: value,
            filled: value / 2,
            order,
            strategy: u8::try_from(self.nth).unwrap(),
            side,
            order_type: OrderType::ALL[self.nth % 3] as u8,
            status: OrderStatus::ALL[self.nth % 5] as u8,
        };
        let verdict = VerdictBody {
            cause,
            order,
            accepted: 1,
            rule: RiskRule::ALL[self.nth % RiskRule::ALL.len()] as u8,
            observed: value,
            allowed: !value,
            ..VerdictBody::default()
        };
        let fill = FillBody {
            cause,
            price: value,
            qty: value,
            fee: value,
            order,
            side,
            taker: 1,
            ..FillBody::default()
        };
        let position = PositionBody {
            cause,
            qty: value,
            cost: value,
            realised: -(value / 2),
            ..PositionBody::default()
        };
        let wide = [0, i128::MAX, i128::MIN, -1, 10_i128.pow(38)][self.nth];
        [
            order_body.record(self.header(Kind::Order)),
            verdict.record(self.header(Kind::Verdict)),
            fill.record(self.header(Kind::Fill)),
            position.record(self.header(Kind::Position)),
            AccountBody::new(cause, wide, -(wide / 2)).record(self.unplaced(Kind::Account)),
            self.bar(Kind::BarClosed),
            self.status(Kind::BookStatus),
            self.status(Kind::RiskStatus),
        ]
        .into_iter()
    }
}
