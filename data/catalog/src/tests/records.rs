//! Records with numbers from anywhere, for tests here and of what is made of a catalog.

use proptest::prelude::*;
use tickloom_types::{
    AccountBody, BarBody, BookAction, BookState, FillBody, Flags, Header, InstrumentId, Kind,
    LevelBody, OrderBody, OrderStatus, OrderType, OrderUpdateBody, PositionBody, QuoteBody, Record,
    RiskRule, Side, SignalBody, SourceId, StatusBody, StatusCode, TimerBody, TradeBody, Ts,
    VerdictBody,
};

pub(crate) fn header(kind: Kind, instrument: u32, source: u16, ts: i64) -> Header {
    let mut header = Header::new(
        kind,
        InstrumentId(instrument),
        SourceId(source),
        Ts(ts),
        Ts(ts.wrapping_add(5)),
    );
    header.flags = ts.to_le_bytes()[0] & !(Flags::SNAPSHOT | Flags::MORE);
    header
}

/// A record of any kind with numbers from anywhere.
#[expect(clippy::too_many_lines, reason = "one arm a kind")]
pub(crate) fn any_record(kinds: &'static [Kind]) -> impl Strategy<Value = Record> {
    let number = || {
        prop_oneof![
            Just(i64::MIN),
            Just(i64::MAX),
            Just(0_i64),
            -5_i64..5,
            any::<i64>()
        ]
    };
    let numbers = [number(), number(), number(), number(), number()];
    let small = (1_u8..3, any::<u8>(), any::<u32>());
    let place = (0_u32..3, 0_u16..3, number());
    (proptest::sample::select(kinds), place, numbers, small).prop_map(
        |(kind, (instrument, source, ts), n, (choice, byte, number))| {
            let header = header(kind, instrument, source, ts);
            let u = n.map(i64::cast_unsigned);
            let pick = |len: usize| usize::from(byte) % len;
            match kind {
                Kind::Trade => TradeBody {
                    price: n[0],
                    qty: n[1],
                    trade_id: u[2],
                    side: byte % 3,
                    ..TradeBody::default()
                }
                .record(header),
                Kind::Quote => QuoteBody {
                    bid: n[0],
                    bid_qty: n[1],
                    ask: n[2],
                    ask_qty: n[3],
                    update_id: u[4],
                }
                .record(header),
                Kind::Level => LevelBody {
                    price: n[0],
                    qty: n[1],
                    first_id: u[2],
                    last_id: u[3],
                    side: choice,
                    clear: byte % 2,
                    ..LevelBody::default()
                }
                .record(header.with_flags(if byte % 2 == 1 {
                    Flags::SNAPSHOT
                } else {
                    0
                })),
                Kind::OrderUpdate => OrderUpdateBody {
                    order_id: u[0],
                    price: n[1],
                    qty: n[2],
                    update_id: u[3],
                    side: byte % 3,
                    action: BookAction::ALL[pick(BookAction::ALL.len())] as u8,
                    ..OrderUpdateBody::default()
                }
                .record(header),
                Kind::Bar | Kind::BarClosed => BarBody {
                    open: n[0],
                    high: n[1],
                    low: n[2],
                    close: n[3],
                    volume: n[4],
                }
                .record(header),
                Kind::Timer => TimerBody {
                    interval: n[0],
                    ..TimerBody::default()
                }
                .record(Header {
                    instrument: InstrumentId::NONE.0,
                    ..header
                }),
                Kind::Status | Kind::BookStatus | Kind::RiskStatus => StatusBody {
                    code: StatusCode::ALL[pick(StatusCode::ALL.len())] as u16,
                    state: BookState::ALL[pick(BookState::ALL.len())] as u8,
                    count: u[0],
                    from: u[1],
                    to: u[2],
                    detail: u[3],
                    ..StatusBody::default()
                }
                .record(header),
                Kind::Signal => SignalBody {
                    cause: u[0],
                    signal: number,
                    value: f64::from_bits(u[1]),
                    previous: f64::NAN,
                    ..SignalBody::default()
                }
                .record(header),
                Kind::Order => OrderBody {
                    cause: u[0],
                    price: n[1],
                    qty: n[2],
                    filled: n[3],
                    order: number,
                    strategy: byte,
                    side: Side::ALL[pick(2)] as u8,
                    order_type: OrderType::ALL[pick(OrderType::ALL.len())] as u8,
                    status: OrderStatus::ALL[pick(OrderStatus::ALL.len())] as u8,
                }
                .record(header),
                Kind::Verdict => VerdictBody {
                    cause: u[0],
                    order: number,
                    strategy: byte,
                    accepted: choice % 2,
                    rule: RiskRule::ALL[pick(RiskRule::ALL.len())] as u8,
                    observed: n[1],
                    allowed: n[2],
                    ..VerdictBody::default()
                }
                .record(header),
                Kind::Fill => FillBody {
                    cause: u[0],
                    price: n[1],
                    qty: n[2],
                    fee: n[3],
                    order: number,
                    strategy: byte,
                    side: choice,
                    taker: byte % 2,
                    ..FillBody::default()
                }
                .record(header),
                Kind::Position => PositionBody {
                    cause: u[0],
                    qty: n[1],
                    cost: n[2],
                    realised: n[3],
                    strategy: number,
                    ..PositionBody::default()
                }
                .record(header),
                Kind::Account => {
                    let money = i128::from(n[1]) * i128::from(n[2]);
                    AccountBody::new(u[0], money, i128::from(n[3]) * 1_000_000_000).record(header)
                }
            }
        },
    )
}
