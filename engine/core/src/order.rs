//! What an order is, from what a strategy submits to the record of its state.
//!
//! Deliberately not how it fills (`venue.rs`), whether it may be submitted (`risk.rs`) or what it does to the account (`portfolio.rs`).

use tickloom_types::{
    Header, InstrumentId, Kind, OrderBody, OrderStatus, OrderType, Record, RiskRule, Seq, Side, Ts,
    VerdictBody,
};

/// How much an order trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderSize {
    /// This size mantissa.
    Qty(i64),
    /// What all cash pays for at the price at which it fills.
    All,
    /// The same in whole units.
    AllWhole,
    /// More than sizes can be: refused by the rule `overflow`, and so never open.
    TooLarge,
}

impl OrderSize {
    /// Whether the size is only known at the fill.
    pub(crate) fn is_all(self) -> bool {
        match self {
            OrderSize::Qty(_) | OrderSize::TooLarge => false,
            OrderSize::All | OrderSize::AllWhole => true,
        }
    }
}

/// An order as a strategy submits it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewOrder {
    /// What to trade.
    pub instrument: InstrumentId,
    /// Buy or sell.
    pub side: Side,
    /// Market, limit or stop.
    pub order_type: OrderType,
    /// Limit or stop price mantissa; 0 for market orders.
    pub price: i64,
    /// How much.
    pub size: OrderSize,
}

/// An order that has a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// Its number within the run, from 1.
    pub id: u32,
    /// Index of its strategy.
    pub strategy: u8,
    /// What it trades, at which price.
    pub new: NewOrder,
    /// Size mantissa: as ordered, or for `all` what cash paid for at the mark when it was submitted, and when it fills, then.
    pub qty: i64,
    /// Size mantissa filled so far.
    pub filled: i64,
    /// The record at which it was submitted: it never fills at that one, except under `same-close`.
    pub submitted: Seq,
    /// When that record was known: its event time, and the feed latency that was declared for its source, if one was. No bar that began
    /// before it fills the order, and where a latency was declared nothing that happened before it.
    pub submitted_ts: Ts,
    /// A stop whose price was reached: a market order from then on, whether or not there was size for it.
    pub triggered: bool,
    /// Whether it has been at the venue for a whole price event without filling: from then on it makes liquidity.
    pub resting: bool,
}

/// What risk said of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may be submitted.
    Accepted,
    /// It may not.
    Refused {
        /// The rule that it breaks.
        rule: RiskRule,
        /// What would have been, in the rule's unit (money in 1e-9).
        observed: i64,
        /// What is allowed, in the same unit.
        allowed: i64,
    },
}

impl Order {
    /// Size mantissa that is still to be filled.
    #[must_use]
    #[inline]
    pub fn open_qty(&self) -> i64 {
        self.qty - self.filled
    }

    /// A stop that was triggered is a market order from then on.
    pub(crate) fn acts_as(&self) -> OrderType {
        match self.new.order_type {
            OrderType::Stop if self.triggered => OrderType::Market,
            kind => kind,
        }
    }

    /// Its state as an output.
    #[inline]
    pub(crate) fn record(&self, cause: Seq, header: Header, status: OrderStatus) -> Record {
        OrderBody {
            cause,
            price: self.new.price,
            qty: self.qty,
            filled: self.filled,
            order: self.id,
            strategy: self.strategy,
            side: self.new.side as u8,
            order_type: self.new.order_type as u8,
            status: status as u8,
        }
        .record(self.header(header, Kind::Order))
    }

    /// The header of an output about this order: the cause's times and source, the order's instrument.
    #[inline]
    pub(crate) fn header(&self, cause: Header, kind: Kind) -> Header {
        let mut header = cause.as_kind(kind);
        header.instrument = self.new.instrument.0;
        header
    }

    /// What risk said of it, as an output.
    #[inline]
    pub(crate) fn verdict_record(&self, cause: Seq, header: Header, verdict: Verdict) -> Record {
        let (accepted, rule, observed, allowed) = match verdict {
            Verdict::Accepted => (1, 0, 0, 0),
            Verdict::Refused {
                rule,
                observed,
                allowed,
            } => (0, rule as u8, observed, allowed),
        };
        VerdictBody {
            cause,
            order: self.id,
            strategy: self.strategy,
            accepted,
            rule,
            observed,
            allowed,
            ..VerdictBody::default()
        }
        .record(self.header(header, Kind::Verdict))
    }
}

impl Verdict {
    /// A refusal without numbers.
    #[must_use]
    pub fn refused(rule: RiskRule) -> Verdict {
        Verdict::Refused {
            rule,
            observed: 0,
            allowed: 0,
        }
    }
}
