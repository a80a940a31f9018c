//! A worked example of a strategy in code: in on a condition, half out at a profit, the rest out at a stop that follows the price.
//!
//! No expression could say this: its stop depends on the best price since the entry, and it moves orders that rest at the venue.
//!
//! ```toml
//! [[strategies]]
//! kind = "code"
//! name = "ride"
//! code = "trailing_stop"
//! expressions = { enter = "cross_over(sma(close,10), sma(close,30))" }
//! settings = { size = "2", trail_bps = "500", profit_bps = "1000" }
//! ```

use super::{CodeSettings, Context, Intents, Strategy};
use crate::error::CoreError;
use crate::order::{NewOrder, OrderSize};
use tickloom_types::{InstrumentDef, OrderType, Side, StateError, StateReader, StateWriter};

const BPS: i128 = 10_000;

/// Long only, one entry at a time. Never more rests or waits at the venue than is held.
#[derive(Clone, Debug)]
pub struct TrailingStop {
    enter: usize,
    /// Size of the entry.
    qty: i64,
    /// What is sold at the profit: half of the entry, rounded down to the lot.
    half: i64,
    /// Price step of the instrument.
    tick: i64,
    /// How far the stop stays below the best price.
    trail_bps: i64,
    /// How far above the entry half is sold.
    profit_bps: i64,
    ride: Option<Ride>,
}

/// What is remembered while a position is open.
#[derive(Clone, Copy, Debug)]
struct Ride {
    /// Price from which half is sold; `None` once it was.
    profit_from: Option<i64>,
    /// Best mark since the entry.
    best: i64,
}

impl TrailingStop {
    /// Needs the expression `enter` and the settings `size`, `trail_bps` and `profit_bps`.
    ///
    /// # Errors
    /// [`CoreError::Setting`] naming what is missing or wrong.
    pub fn new(settings: &CodeSettings<'_>) -> Result<TrailingStop, CoreError> {
        let enter = settings.expression("enter")?;
        let qty = settings.qty("size")?;
        let InstrumentDef {
            lot_size,
            tick_size,
            ..
        } = settings.instrument();
        Ok(TrailingStop {
            enter,
            qty,
            half: qty / 2 - qty / 2 % lot_size,
            tick: *tick_size,
            trail_bps: settings.whole("trail_bps")?,
            profit_bps: settings.whole("profit_bps")?,
            ride: None,
        })
    }

    /// The position is open: takes half of the profit once, and keeps a stop under all that is not already being sold.
    fn follow(&mut self, mark: i64, held: i64, context: &Context<'_>, intents: &mut Intents) {
        let own = &context.own;
        let ride = self.ride.get_or_insert(Ride {
            profit_from: Some(offset(mark, self.profit_bps)),
            best: mark,
        });
        ride.best = ride.best.max(mark);
        let stop_price = offset(ride.best, -self.trail_bps);
        let stop_price = stop_price - stop_price % self.tick;
        let resting = own.orders().find(|o| o.new.order_type == OrderType::Stop);
        let selling = own.orders().find(|o| o.new.order_type == OrderType::Market);
        let uncovered = held - selling.map_or(0, |order| order.open_qty());
        let half = self.half;
        let takes_profit =
            ride.profit_from.is_some_and(|from| mark >= from) && (1..uncovered).contains(&half);
        let uncovered = if takes_profit {
            uncovered - half
        } else {
            uncovered
        };
        if let Some(stop) = resting {
            if stop.new.price >= stop_price && stop.open_qty() == uncovered {
                return;
            }
            intents.cancel(stop);
        }
        if takes_profit {
            ride.profit_from = None;
            intents.market(own.instrument(), Side::Sell, OrderSize::Qty(half));
        }
        if uncovered > 0 {
            intents.submit(NewOrder {
                instrument: own.instrument(),
                side: Side::Sell,
                order_type: OrderType::Stop,
                price: stop_price,
                size: OrderSize::Qty(uncovered),
            });
        }
    }
}

impl Strategy for TrailingStop {
    fn on_event(&mut self, context: &Context<'_>, intents: &mut Intents) {
        let own = &context.own;
        let Some(mark) = context.market.mark(own.instrument()) else {
            return;
        };
        let held = own.position().qty();
        if held > 0 {
            self.follow(mark, held, context, intents);
        } else if self.ride.take().is_some() {
            intents.cancel_all(own);
        } else if own.holds(self.enter) && own.orders().next().is_none() {
            intents.market(own.instrument(), Side::Buy, OrderSize::Qty(self.qty));
        }
    }

    fn save(&self, to: &mut StateWriter) -> bool {
        to.option(self.ride, |to, ride| {
            to.option(ride.profit_from, StateWriter::i64);
            to.i64(ride.best);
        });
        true
    }

    fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.ride = from.option(|from| {
            Ok(Ride {
                profit_from: from.option(StateReader::i64)?,
                best: from.i64()?,
            })
        })?;
        Ok(())
    }
}

/// A price moved by so many hundredths of a percent, rounded toward zero.
fn offset(price: i64, bps: i64) -> i64 {
    let moved = i128::from(price) * (BPS + i128::from(bps)) / BPS;
    i64::try_from(moved).unwrap_or(price)
}
