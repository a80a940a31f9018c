//! The paper venue against [`meet`]: orders of every kind, on both sides, shown the same prices. Strategies that are
//! compiled in submit no limits, so that whole runs have none.

use crate::log::Sides;
use crate::orders::{self, Shown, meet};
use crate::world::Size;
use proptest::prelude::*;
use tickloom_core::{
    NewOrder, Offer, Order, OrderSize, Outcome, PaperVenue, PriceEvent, PriceLevel, Venue,
    VolumeShare,
};
use tickloom_types::{BarBody, InstrumentId, OrderType, Side, Ts};

const X: InstrumentId = InstrumentId(0);

/// A fill: order, price, size, whether it took liquidity.
type Fill = (u32, i64, i64, bool);

/// An order of the model before it is submitted.
fn order() -> impl Strategy<Value = (Side, OrderType, i64, i64)> {
    let side = prop_oneof![Just(Side::Buy), Just(Side::Sell)];
    let kind = prop_oneof![
        Just(OrderType::Market),
        Just(OrderType::Limit),
        Just(OrderType::Stop)
    ];
    (side, kind, 95_i64..106, 1_i64..9)
}

/// What an event shows, around 100: quotes of one or two ticks or of one side, trades with and without them, bars with a gap.
fn shown() -> impl Strategy<Value = Shown> {
    let size = || prop::option::weighted(0.8, 0_i64..5);
    let sides = || {
        (95_i64..105, 1_i64..3, size(), size()).prop_map(|(bid, spread, bid_qty, ask_qty)| Sides {
            bid: bid_qty.map(|qty| (bid, qty)),
            ask: ask_qty.map(|qty| (bid + spread, qty)),
        })
    };
    let bar = (95_i64..106, 0_i64..4, 0_i64..4, 0_i64..9, 0_i64..12);
    prop_oneof![
        sides().prop_map(Shown::Quote),
        (95_i64..106, 0_i64..9, prop::option::of(sides()))
            .prop_map(|(price, qty, sides)| { Shown::Trade { price, qty, sides } }),
        bar.prop_map(|(open, up, down, volume, start)| {
            let body = BarBody {
                open,
                high: open + up,
                low: open - down,
                close: open,
                volume,
            };
            Shown::Bar(body, start)
        }),
    ]
}

/// The same for the engine.
fn event(shown: &Shown) -> PriceEvent {
    let level = |(price, qty)| PriceLevel { price, qty };
    let of = |sides: Sides| tickloom_core::Sides {
        bid: sides.bid.map(level),
        ask: sides.ask.map(level),
    };
    match *shown {
        Shown::Bar(body, start) => PriceEvent::Bar {
            body,
            start: Ts(start),
        },
        Shown::Trade { price, qty, sides } => PriceEvent::Trade {
            price,
            qty,
            sides: sides.map(of),
        },
        Shown::Quote(sides) => PriceEvent::Quote(of(sides)),
    }
}

/// What the model fills of its orders at an event, and keeps.
fn fills_of(waiting: &mut Vec<orders::Order>, seq: u64, shown: &Shown, halved: bool) -> Vec<Fill> {
    let mut taken = [0, 0];
    let mut fills = vec![];
    for order in waiting.iter_mut() {
        let is_too_old = matches!(shown, Shown::Bar(_, start) if *start < order.ts);
        if order.seq >= seq || is_too_old {
            continue;
        }
        let offer = meet(order, shown);
        order.has_rested = true;
        let Some(offer) = offer else { continue };
        let taken = &mut taken[usize::from(order.new.side == Side::Sell)];
        let most = if halved {
            offer.shown / 2 - *taken
        } else {
            i64::MAX
        };
        let qty = order.open_qty().min(most);
        if qty > 0 {
            order.filled += qty;
            *taken += qty;
            fills.push((order.id, offer.price, qty, offer.is_taker));
        }
    }
    waiting.retain(|order| order.open_qty() > 0);
    fills
}

/// What the venue fills.
fn fills_of_venue(venue: &mut PaperVenue, seq: u64, shown: &Shown) -> Vec<Fill> {
    let mut fills = vec![];
    let mut fill = |order: &mut Order, offer: Offer| {
        let open = order.open_qty();
        let qty = offer.qty_max.map_or(open, |most| most.min(open));
        order.filled += qty;
        fills.push((order.id, offer.price, qty, offer.taker));
        if order.open_qty() == 0 {
            Outcome::Done
        } else {
            Outcome::Open
        }
    };
    venue.on_price(seq, X, &event(shown), &mut fill);
    fills
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    /// Before each event up to two orders are submitted at it, which it therefore does not fill.
    #[test]
    fn orders_of_every_kind_fill_as_the_conventions_say(
        turns in prop::collection::vec((prop::collection::vec(order(), 0..3), shown()), 1..25), halved in any::<bool>(),
    ) {
        let share: Option<VolumeShare> = halved.then(|| "0.5".parse().unwrap());
        let mut venue = PaperVenue::new(1, share);
        let mut waiting = vec![];
        let mut id = 0;
        for ((new, shown), seq) in turns.iter().zip(0_u64..) {
            for (side, kind, price, qty) in new {
                id += 1;
                let ts = i64::try_from(seq / 3).unwrap();
                let price = if *kind == OrderType::Market { 0 } else { *price };
                venue.submit(Order {
                    id,
                    strategy: 0,
                    new: NewOrder { instrument: X, side: *side, order_type: *kind, price, size: OrderSize::Qty(*qty) },
                    qty: *qty,
                    filled: 0,
                    submitted: seq,
                    submitted_ts: Ts(ts),
                    triggered: false,
                    resting: false,
                });
                waiting.push(orders::Order {
                    id,
                    strategy: 0,
                    new: orders::NewOrder { instrument: 0, side: *side, kind: *kind, price, size: Size::Qty(*qty) },
                    qty: *qty,
                    filled: 0,
                    ts,
                    seq,
                    has_rested: false,
                    is_triggered: false,
                });
            }
            let expected = fills_of(&mut waiting, seq, shown, halved);
            prop_assert_eq!(fills_of_venue(&mut venue, seq, shown), expected, "at {}: {:?}", seq, shown);
        }
    }
}
