//! What a record, price, time, instrument and bar specification is.
//!
//! Everything here is plain data: no I/O, no threads, no clock. Every other crate speaks these words.

mod ahead;
mod bar_spec;
mod book_end;
mod currency;
mod decimal;
mod definition;
mod instrument;
mod naming;
mod number;
mod quote;
mod record;
mod some_of;
mod source;
mod state;
mod time;

pub use ahead::fetch_ahead;
pub use bar_spec::{BarSpec, BarSpecError};
pub use book_end::BookEnd;
pub use currency::{currency_code, is_currency_code, split_pair};
pub use decimal::{
    DecimalError, MONEY_DECIMALS, Money, MoneyOverflow, PRICE_DECIMALS_MAX, format_decimal,
    parse_decimal, parse_money, parse_wide, pow10,
};
pub use definition::{
    Contract, InstrumentDef, InstrumentError, InstrumentKind, Payoff, Term, Untradable,
};
pub use instrument::{InstrumentId, Instruments, SourceId};
pub use naming::is_pair;
pub use number::Number;
pub use record::{
    AccountBody, BarBody, BookAction, BookState, FillBody, Flags, Header, Kind, LevelBody,
    OrderBody, OrderStatus, OrderType, OrderUpdateBody, PositionBody, QuoteBody, RECORD_LEN,
    Record, RiskRule, Side, SignalBody, StatusBody, StatusCode, TimerBody, TradeBody, VerdictBody,
};
pub use some_of::some_of;
pub use source::{Clock, SourceDef, SourceKind};
pub use state::{StateError, StateReader, StateWriter, TALLY_MAX};
pub use time::{
    DurationError, DurationNs, NANOS_PER_SECOND, SaidTimeError, TimeError, Ts, parse_duration,
};

/// Place of a record in the input ring: the one order of a run, counted from zero.
pub type Seq = u64;

/// Where a decoder puts the records that it made; a feed knows no ring, only this.
pub trait Sink {
    /// Takes one record. A sink that is full waits (lossless) and counts that it waited.
    fn push(&mut self, record: Record);
}

/// Where whole moments go: a frame, a timer or a reply becomes all of its records at once, or none.
pub trait MomentSink {
    /// Takes the records of one moment, marked as by [`mark_moment`]. A sink that is full waits (lossless) and counts that
    /// it waited.
    fn push_moment(&mut self, records: &[Record]);
}

/// Marks records as one moment: all but the last bear [`Flags::MORE`].
pub fn mark_moment(records: &mut [Record]) {
    let Some((last, before)) = records.split_last_mut() else {
        return;
    };
    for record in before {
        record.header.flags |= Flags::MORE;
    }
    last.header.flags &= !Flags::MORE;
}

impl MomentSink for Vec<Record> {
    fn push_moment(&mut self, records: &[Record]) {
        self.extend_from_slice(records);
    }
}

impl Sink for Vec<Record> {
    fn push(&mut self, record: Record) {
        self.push(record);
    }
}
