//! Random runs: instruments with markets of several kinds, records that collide, stop, go wrong and come back, and
//! strategies that trade on them. All numbers are small, so that ties, touches and limits are reached all the time.

use crate::expression::{Expr, Field, Op, What};
use crate::world::{self, FEEDS, Limits, OWN, Plan, Size, World, bar_source, spec};
use proptest::collection::vec;
use proptest::option::{of, weighted};
use proptest::prelude::*;
use tickloom_types::{
    BarBody, BarSpec, BookState, Flags, Header, InstrumentDef, InstrumentId, Kind, LevelBody,
    QuoteBody, Record, Side, SourceId, StatusBody, StatusCode, TimerBody, TradeBody, Ts,
};

const MS: i64 = 1_000_000;
const SECOND: i64 = 1_000 * MS;
const DAY: i64 = 86_400 * SECOND;

/// A run before it is told to anybody.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) world: World,
    pub(crate) records: Vec<Record>,
}

/// How an instrument's market is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Telling {
    Trades,
    TradesAndQuotes,
    TradesAndBook,
    AllTicks,
    Bars(&'static [&'static str]),
    BarsAndTrades,
}

const TELLINGS: [Telling; 9] = [
    Telling::Trades,
    Telling::TradesAndQuotes,
    Telling::TradesAndBook,
    Telling::AllTicks,
    Telling::AllTicks,
    Telling::Bars(&["1s"]),
    Telling::Bars(&["1s", "10s"]),
    Telling::Bars(&["2t", "1s"]),
    Telling::BarsAndTrades,
];

impl Telling {
    /// The fields that such a market feeds within seconds.
    fn fields(self) -> Vec<What> {
        let close = |size: &str| What::Close(spec(size));
        let mut fields = match self {
            Telling::Bars(["2t", ..]) => vec![close("2t"), close("1s")],
            Telling::Bars(_) | Telling::BarsAndTrades => {
                vec![close("1s"), close("2s"), close("10s"), close("7v")]
            }
            _ => vec![
                close("1s"),
                close("2s"),
                close("2t"),
                close("7v"),
                What::Last,
                What::High(spec("1s")),
                What::Volume(spec("2t")),
            ],
        };
        fields.push(What::Last);
        if !matches!(
            self,
            Telling::Trades | Telling::Bars(_) | Telling::BarsAndTrades
        ) {
            let of_top = [What::Bid, What::Ask, What::Mid, What::Spread, What::BidQty];
            fields.extend(of_top);
        }
        fields
    }
}

/// What happens next.
#[derive(Clone, Copy, Debug)]
struct Draw {
    what: u32,
    instrument: usize,
    /// Place in [`WAITS`].
    wait: usize,
    price: i64,
    spread: i64,
    qty: i64,
    /// Milliseconds that the venue's time is behind.
    behind: i64,
    more: bool,
}

/// Time that passes before a record: mostly none or little, at times more than a book may be silent, rarely a day.
const WAITS: [i64; 12] = [
    0,
    0,
    0,
    MS,
    100 * MS,
    250 * MS,
    600 * MS,
    SECOND,
    1_700 * MS,
    7 * SECOND,
    70 * SECOND,
    DAY / 2,
];

/// A run of at most so many draws.
pub(crate) fn case(draws: usize) -> impl Strategy<Value = Case> {
    (1_usize..5, vec(0..TELLINGS.len(), 4))
        .prop_flat_map(move |(count, tellings)| {
            let tellings: Vec<Telling> = tellings.iter().map(|at| TELLINGS[*at]).collect();
            (
                world(&tellings[..count]),
                Just(tellings.clone()),
                vec(draw(), 1..draws),
            )
        })
        .prop_map(|(world, tellings, draws)| {
            let mut tape = Tape::new(&world, tellings);
            draws.iter().for_each(|draw| tape.push(draw));
            Case {
                world,
                records: tape.records,
            }
        })
}

fn draw() -> impl Strategy<Value = Draw> {
    let price = prop_oneof![3 => -1_i64..2, 1 => -12_i64..13];
    let behind = prop_oneof![8 => Just(0), 1 => 0_i64..2_000];
    let numbers = (price, 0_i64..4, 0_i64..9, behind);
    (
        0_u32..100,
        0_usize..4,
        0..WAITS.len(),
        numbers,
        prop::bool::weighted(0.4),
    )
        .prop_map(
            |(what, instrument, wait, (price, spread, qty, behind), more)| Draw {
                what,
                instrument,
                wait,
                price,
                spread,
                qty,
                behind,
                more,
            },
        )
}

/// Records as they are made, with where each market stands.
struct Tape {
    now: i64,
    tellings: Vec<Telling>,
    middles: Vec<i64>,
    /// No record is older than one before it: a limit on the rate of orders is about time that goes on.
    is_in_order: bool,
    records: Vec<Record>,
}

impl Tape {
    fn new(world: &World, tellings: Vec<Telling>) -> Tape {
        Tape {
            // Shortly before a midnight.
            now: 20_000 * DAY - 3 * SECOND,
            tellings,
            middles: vec![1_000; world.defs.len()],
            is_in_order: world.limits.orders_per_second.is_some(),
            records: vec![],
        }
    }

    fn push(&mut self, draw: &Draw) {
        self.now += WAITS[draw.wait];
        let at = draw.instrument % self.middles.len();
        self.middles[at] = (self.middles[at] + draw.price).max(5);
        let first = self.records.len();
        match (draw.what, self.tellings[at]) {
            (0..8, _) => self.timer(draw),
            (8..12, _) => self.trouble(at, draw),
            (12..14, _) => self.bad(at, draw),
            (_, Telling::Trades) => self.trade(at, draw),
            (14..40, Telling::TradesAndQuotes | Telling::AllTicks) => self.quote(at, draw),
            (40..70, Telling::TradesAndBook | Telling::AllTicks) => self.book(at, draw),
            (_, Telling::Bars(sizes)) => {
                self.bar(at, sizes[usize::from(draw.spread == 0) % sizes.len()], draw);
            }
            (14..50, Telling::BarsAndTrades) => self.bar(at, "1s", draw),
            _ => self.trade(at, draw),
        }
        for record in &mut self.records[first..] {
            if draw.more {
                record.header.flags |= Flags::MORE;
            }
        }
    }

    fn header(&self, kind: Kind, at: usize, draw: &Draw) -> Header {
        let behind = if self.is_in_order { 0 } else { draw.behind };
        let ts = self.now - behind * MS;
        let id = InstrumentId(u32::try_from(at).unwrap());
        // Instruments share two feeds.
        let header = Header::new(kind, id, FEEDS[at % 2], Ts(ts), Ts(self.now));
        let has_bad_time = draw.price == -9 && kind != Kind::Bar;
        header.with_flags(if has_bad_time { Flags::BAD_TIME } else { 0 })
    }

    fn trade(&mut self, at: usize, draw: &Draw) {
        let body = TradeBody {
            price: self.middles[at] + draw.spread - 1,
            qty: draw.qty.max(1),
            ..TradeBody::default()
        };
        let header = self.header(Kind::Trade, at, draw);
        self.records.push(body.record(header));
    }

    /// Crossed or locked at times, and at times without a side.
    fn quote(&mut self, at: usize, draw: &Draw) {
        let crossing = i64::from(draw.spread == 0 && draw.qty % 2 == 1);
        let body = QuoteBody {
            bid: self.middles[at] - 1,
            bid_qty: draw.qty,
            ask: self.middles[at] - 1 + draw.spread - crossing,
            ask_qty: (draw.qty * 5 + draw.price.abs()) % 9,
            update_id: 0,
        };
        let header = self.header(Kind::Quote, at, draw);
        self.records.push(body.record(header));
    }

    /// One message of a book: a snapshot, which may be locked or crossed, changes, or half a message.
    fn book(&mut self, at: usize, draw: &Draw) {
        let middle = self.middles[at];
        let is_snapshot = draw.qty > 5;
        let best_ask = match (draw.spread, draw.qty) {
            (0, 6) => middle - 1,
            (0, 7) => middle - 2,
            _ => middle + draw.spread,
        };
        let mut levels = if is_snapshot {
            vec![
                (Side::Buy, middle - 1, 3),
                (Side::Buy, middle - 2, 5),
                (Side::Sell, best_ask, 4),
                (Side::Sell, middle + 4, 6),
            ]
        } else {
            vec![
                (Side::Sell, middle - 1, 0),
                (Side::Buy, middle + 1, 0),
                (Side::Buy, middle - draw.spread, draw.qty),
                (Side::Sell, middle + 1 + draw.spread, draw.qty + 1),
            ]
        };
        // Of a limit day there is one side alone.
        match draw.price {
            2..5 => levels.retain(|(side, ..)| *side == Side::Buy),
            -4..-1 => levels.retain(|(side, ..)| *side == Side::Sell),
            _ => {}
        }
        let is_whole = draw.price.abs() != 7;
        let count = if is_whole { levels.len() } else { 2 };
        for (n, (side, price, qty)) in levels.into_iter().take(count).enumerate() {
            let mut flags = if is_snapshot { Flags::SNAPSHOT } else { 0 };
            if is_whole && n == count - 1 {
                flags |= Flags::LAST;
            }
            if draw.price == 9 {
                flags |= Flags::MAYBE_BAD_BOOK;
            }
            let body = LevelBody {
                price,
                qty,
                side: side as u8,
                clear: u8::from(is_snapshot && n == 0),
                ..LevelBody::default()
            };
            let header = self.header(Kind::Level, at, draw).with_flags(flags);
            self.records.push(body.record(header));
        }
    }

    /// The newest bar of a size, which may have come before.
    fn bar(&mut self, at: usize, size: &str, draw: &Draw) {
        let size = spec(size);
        if let BarSpec::Time(length) = size
            && self.is_in_order
        {
            self.now = (self.now + length - 1) / length * length;
        }
        let close = match size {
            BarSpec::Time(length) => self.now / length * length,
            BarSpec::Ticks(_) | BarSpec::Volume(_) => self.now,
        };
        let middle = self.middles[at];
        let body = BarBody {
            open: middle + draw.spread - 1,
            high: middle + 3,
            low: middle - 3,
            close: middle,
            volume: draw.qty,
        };
        let mut header = self.header(Kind::Bar, at, draw);
        header.source = bar_source(size).0;
        header.ts_event = close;
        if draw.price == 5 {
            header.flags |= Flags::INCOMPLETE;
        }
        self.records.push(body.record(header));
    }

    fn timer(&mut self, draw: &Draw) {
        let source = FEEDS[draw.instrument % 2];
        let (now, none) = (Ts(self.now), InstrumentId::NONE);
        let header = Header::new(Kind::Timer, none, source, now, now);
        self.records.push(TimerBody::default().record(header));
    }

    fn trouble(&mut self, at: usize, draw: &Draw) {
        let book = |state: BookState| (StatusCode::Book, state as u8);
        let (code, state) = match draw.qty {
            0 => book(BookState::Stale),
            1 => book(BookState::Resync),
            2 => book(BookState::Live),
            3 => (StatusCode::Disconnected, 0),
            4 => (StatusCode::Started, 0),
            5 => (StatusCode::Gap, 0),
            6 | 7 => (StatusCode::RiskReset, 0),
            _ => (StatusCode::Connected, 0),
        };
        let mut header = self.header(Kind::Status, at, draw);
        if draw.spread == 0 || code == StatusCode::Started {
            header.instrument = InstrumentId::NONE.0;
        }
        let body = StatusBody {
            code: code as u16,
            state,
            ..StatusBody::default()
        };
        self.records.push(body.record(header));
    }

    /// What no market can have.
    fn bad(&mut self, at: usize, draw: &Draw) {
        let mut header = self.header(Kind::Trade, at, draw);
        let mut qty = 1;
        match draw.spread {
            0 => header.instrument = 77,
            1 => qty = 0,
            2 => header.kind = 99,
            _ => header.ts_event += 2 * DAY,
        }
        let body = TradeBody {
            price: self.middles[at],
            qty,
            ..TradeBody::default()
        };
        self.records.push(body.record(header));
    }
}

/// What is traded, on what, and within which limits.
fn world(tellings: &[Telling]) -> BoxedStrategy<World> {
    let account = (
        prop_oneof![1 => Just(3_000_i64), 3 => Just(1_000_000)],
        prop_oneof![Just(0_i64), Just(1_000_000), Just(12_345_678)],
        weighted(0.3, prop_oneof![Just(100_000_000_i64), Just(500_000_000)]),
        any::<bool>(),
        prop::bool::weighted(0.2),
    );
    let expressions = (
        vec(expr(tellings), 0..4),
        vec(strategy(tellings), 0..5),
        of(Just(5 * SECOND)),
    );
    (vec(def(), tellings.len()), expressions, account, limits())
        .prop_map(
            |(
                mut defs,
                (signals, strategies, stale_after),
                (cash, fee, share, same_close, margin),
                limits,
            )| {
                for (at, def) in defs.iter_mut().enumerate() {
                    def.name = ["AA", "BB", "CC", "DD"][at].to_owned();
                }
                World {
                    defs,
                    signals,
                    strategies,
                    cash,
                    fee,
                    share,
                    same_close,
                    margin,
                    limits,
                    stale_after,
                }
            },
        )
        .boxed()
}

fn def() -> impl Strategy<Value = InstrumentDef> {
    let step = || prop_oneof![4 => Just(1_i64), 1 => Just(2)];
    let multiplier = prop_oneof![4 => Just(1_i64), 1 => Just(50)];
    let qty_decimals = prop_oneof![3 => Just(0_u8), 1 => Just(1)];
    (0_u8..3, qty_decimals, step(), step(), multiplier).prop_map(
        |(price_decimals, qty_decimals, lot_size, tick_size, multiplier)| InstrumentDef {
            lot_size,
            tick_size,
            multiplier,
            ..InstrumentDef::new("X", price_decimals, qty_decimals, "USD")
        },
    )
}

fn limits() -> impl Strategy<Value = Limits> {
    let rare = 0.08;
    (
        weighted(rare, 1_i64..8),
        weighted(rare, 10_i64..2_000),
        weighted(rare, 1_i64..10),
        weighted(rare, 10_i64..2_000),
        weighted(rare, 10_i64..2_000),
        weighted(rare, 1_u32..4),
        weighted(0.2, prop_oneof![Just(0_u32), Just(10), Just(100)]),
        weighted(0.3, prop_oneof![Just(1_i64), Just(10), Just(100)]),
    )
        .prop_map(
            |(order_qty, notional, position, gross, net, rate, collar_bps, daily_loss)| Limits {
                order_qty,
                order_notional: notional,
                position,
                gross,
                net,
                orders_per_second: rate,
                collar_bps,
                daily_loss,
            },
        )
}

/// A field of an instrument; mostly one that its market has.
fn field(tellings: &[Telling]) -> BoxedStrategy<Field> {
    let anything = [
        What::Bid,
        What::Last,
        What::Close(spec("1m")),
        What::Close(spec("2t")),
    ];
    let mut all = vec![];
    for (instrument, telling) in tellings.iter().enumerate() {
        let of_it = |what: &What| Field {
            instrument,
            what: *what,
        };
        let told = prop::sample::select(telling.fields().iter().map(of_it).collect::<Vec<_>>());
        let any = prop::sample::select(anything.iter().map(of_it).collect::<Vec<_>>());
        all.push(prop_oneof![15 => told, 1 => any].boxed());
    }
    proptest::strategy::Union::new(all).boxed()
}

/// The same, or of the instrument that a strategy looks at.
fn own_field(tellings: &[Telling]) -> BoxedStrategy<Field> {
    let field = (field(tellings), any::<bool>()).prop_map(|(field, is_own)| Field {
        instrument: if is_own { OWN } else { field.instrument },
        ..field
    });
    field.boxed()
}

fn op() -> impl Strategy<Value = Op> {
    prop::sample::select(vec![
        Op::Add,
        Op::Subtract,
        Op::Multiply,
        Op::Divide,
        Op::Less,
        Op::AtMost,
        Op::Greater,
        Op::Equal,
        Op::And,
        Op::Or,
        Op::CrossOver,
        Op::CrossUnder,
    ])
}

fn expr(tellings: &[Telling]) -> BoxedStrategy<Expr> {
    let exact = field(tellings).prop_filter("a mean of exact numbers", |field| {
        !matches!(field.what, What::Mid | What::Spread)
    });
    let leaf = prop_oneof![
        5 => field(tellings).prop_map(Expr::Field),
        1 => (0_i32..3).prop_map(Expr::Whole),
        2 => (field(tellings), 1_usize..4).prop_map(|(field, back)| Expr::Lag(field, back)),
        2 => (exact, 1_usize..4).prop_map(|(field, length)| Expr::Sma(field, length)),
    ];
    let of_bars = (field(tellings), field(tellings), op(), 1_usize..3).prop_filter_map(
        "together is of bars",
        |(a, b, op, length)| {
            let are_bars = [a, b].iter().all(|field| {
                matches!(field.what, What::Close(_) | What::High(_) | What::Volume(_))
            });
            let both = Expr::two(op, Expr::Field(a), Expr::Sma(b, length));
            are_bars.then(|| Expr::Together(Box::new(both)))
        },
    );
    let leaf = prop_oneof![8 => leaf, 1 => of_bars];
    leaf.prop_recursive(3, 8, 2, |inner| {
        (op(), inner.clone(), inner).prop_map(|(op, a, b)| {
            // Of constants alone little can be made: the engine refuses what is undefined.
            if a.is_constant() && b.is_constant() {
                return a;
            }
            Expr::two(op, a, b)
        })
    })
    .boxed()
}

/// A condition that changes often: a comparison of two things of one instrument, or of anything.
fn condition(tellings: &[Telling]) -> BoxedStrategy<Expr> {
    let compare = prop::sample::select(vec![
        Op::Less,
        Op::AtMost,
        Op::Greater,
        Op::CrossOver,
        Op::CrossUnder,
    ]);
    let near = (own_field(tellings), compare, 1_usize..3)
        .prop_map(|(field, op, back)| Expr::two(op, Expr::Field(field), Expr::Lag(field, back)));
    prop_oneof![4 => near, 2 => expr(tellings)].boxed()
}

/// A strategy in one instrument or several.
fn strategy(tellings: &[Telling]) -> BoxedStrategy<world::Strategy> {
    let count = tellings.len();
    let several = prop::sample::subsequence((0..count).collect::<Vec<_>>(), 1..=count);
    let instruments = prop_oneof![3 => (0..count).prop_map(|at| vec![at]), 1 => several];
    (instruments, plan(tellings))
        .prop_map(|(instruments, plan)| world::Strategy { instruments, plan })
        .boxed()
}

fn size_of_entry() -> impl Strategy<Value = Size> {
    prop_oneof![
        4 => (1_i64..4).prop_map(|lots| Size::Qty(2 * lots)),
        1 => Just(Size::All),
        1 => Just(Size::AllWhole),
    ]
}

fn plan(tellings: &[Telling]) -> BoxedStrategy<Plan> {
    // An entry, with something that leads out of it again.
    let long = (of(condition(tellings)), of(condition(tellings)));
    let short = (of(condition(tellings)), of(condition(tellings)));
    let rules = (
        condition(tellings),
        condition(tellings),
        (long, short),
        size_of_entry(),
    )
        .prop_map(|(first, second, (long, short), size)| {
            let ((enter, exit), (short_enter, short_exit)) = (long, short);
            let mut all = [enter, exit, short_enter, short_exit];
            if all[0].is_none() && all[2].is_none() {
                all[0] = Some(first);
            }
            match all {
                [Some(_), None, None, _] => all[1] = Some(second),
                [None, _, Some(_), None] => all[3] = Some(second),
                _ => {}
            }
            if all[0].is_none() {
                all[1] = None;
            }
            if all[2].is_none() {
                all[3] = None;
            }
            let [enter, exit, short_enter, short_exit] = all;
            Plan::Rules {
                enter,
                exit,
                short_enter,
                short_exit,
                size,
            }
        });
    let turns = (own_field(tellings), size_of_entry()).prop_map(|(field, size)| {
        let when = |op: Op| Some(Expr::two(op, Expr::Field(field), Expr::Lag(field, 1)));
        Plan::Rules {
            enter: when(Op::Greater),
            exit: when(Op::Less),
            short_enter: when(Op::Less),
            short_exit: when(Op::Greater),
            size,
        }
    });
    let target = (condition(tellings), -3_i32..4).prop_map(|(when, units)| {
        let target = Expr::two(Op::Multiply, when, Expr::Whole(units.max(0)));
        let target = Expr::two(Op::Subtract, target, Expr::Whole(2));
        Plan::Target(target)
    });
    let stop = (condition(tellings), 1_i64..4, 1_i64..90, 1_i64..90).prop_map(
        |(enter, lots, trail_bps, profit_bps)| Plan::TrailingStop {
            enter,
            qty: 2 * lots,
            trail_bps,
            profit_bps,
        },
    );
    prop_oneof![2 => rules, 2 => turns, 1 => target, 2 => stop].boxed()
}

/// The source ids are those of [`FEEDS`].
const _: SourceId = FEEDS[0];
