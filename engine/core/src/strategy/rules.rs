//! Rules: conditions for getting in and out, long and short.
//!
//! What holds when nothing is held opens, what holds against a position closes it, and an entry on the other side turns it
//! round. Conditions that contradict each other open nothing.

use super::{Intents, Own};
use crate::error::CoreError;
use crate::order::OrderSize;
use crate::sizing::Scale;
use crate::trade_config::{Size, StrategyDef};
use tickloom_types::{InstrumentDef, Side, parse_decimal};

/// Conditions by the place of their expression.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    enter: Option<u8>,
    exit: Option<u8>,
    short_enter: Option<u8>,
    short_exit: Option<u8>,
    size: OrderSize,
}

impl Rules {
    /// From a definition of rules; other kinds have none.
    pub(crate) fn new(def: &StrategyDef, instrument: &InstrumentDef) -> Result<Rules, CoreError> {
        let StrategyDef::Rules {
            name,
            enter,
            exit,
            short_enter,
            short_exit,
            size,
            ..
        } = def
        else {
            unreachable!("only rules are made into rules");
        };
        let mut places = 0_u8..;
        let mut place = |text: &Option<String>| text.as_ref().and_then(|_| places.next());
        Ok(Rules {
            enter: place(enter),
            exit: place(exit),
            short_enter: place(short_enter),
            short_exit: place(short_exit),
            size: order_size(name, size, instrument)?,
        })
    }

    #[inline(always)]
    pub(crate) fn decide(&self, own: &Own<'_>, intents: &mut Intents) {
        let holds = |place: Option<u8>| place.is_some_and(|place| own.holds(place.into()));
        let (exit, short_exit) = (holds(self.exit), holds(self.short_exit));
        let long = holds(self.enter) && !exit;
        let short = holds(self.short_enter) && !short_exit;
        let entry = match (long, short) {
            (true, false) => Some(Side::Buy),
            (false, true) => Some(Side::Sell),
            _ => None,
        };
        if entry.is_some() || exit || short_exit {
            self.act(own, entry, (exit, short_exit), intents);
        }
    }

    /// Some condition holds: those for getting out, long and short, and the side to be on.
    #[inline(never)]
    fn act(
        &self,
        own: &Own<'_>,
        entry: Option<Side>,
        (exit, short_exit): (bool, bool),
        intents: &mut Intents,
    ) {
        let expected = own.expected_qty();
        let leaves = match expected {
            1.. => exit || entry == Some(Side::Sell),
            0 => false,
            _ => short_exit || entry == Some(Side::Buy),
        };
        if leaves {
            intents.cancel_all(own);
            close(own, intents);
        }
        if let Some(side) = entry
            && (leaves || expected == 0)
        {
            intents.market(own.instrument, side, self.size);
        }
    }

    /// Places of the conditions that must hold for anything to happen at a position of this size with no open order.
    pub(crate) fn awaited(&self, qty: i64) -> [Option<usize>; 2] {
        let places = match qty {
            1.. => [self.exit, self.short_enter],
            0 => [self.enter, self.short_enter],
            _ => [self.short_exit, self.enter],
        };
        places.map(|place| place.map(usize::from))
    }
}

fn close(own: &Own<'_>, intents: &mut Intents) {
    let held = own.position().qty();
    let side = if held > 0 { Side::Sell } else { Side::Buy };
    if let Some(qty) = held.checked_abs().filter(|qty| *qty > 0) {
        intents.market(own.instrument, side, OrderSize::Qty(qty));
    }
}

/// The size as a mantissa of the instrument, a multiple of its lot.
fn order_size(
    strategy: &str,
    size: &Size,
    instrument: &InstrumentDef,
) -> Result<OrderSize, CoreError> {
    let wrong = |expected| CoreError::Setting {
        owner: format!("strategy {strategy}"),
        field: "size",
        value: size.to_string(),
        expected,
    };
    match size {
        Size::All => Ok(OrderSize::All),
        Size::AllWhole if Scale::new(instrument).whole_lot.is_none() => {
            Err(wrong("a size: whole units of so large a lot do not fit"))
        }
        Size::AllWhole => Ok(OrderSize::AllWhole),
        Size::Qty(text) => match parse_decimal(text.as_bytes(), instrument.qty_decimals) {
            Ok(qty) if qty > 0 && qty % instrument.lot_size == 0 => Ok(OrderSize::Qty(qty)),
            _ => Err(wrong("a size above zero in steps of the instrument's lot")),
        },
    }
}
