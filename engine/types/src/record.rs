//! The record: one cache line of 64 bytes, the same in a ring slot, in the journal and in a binary message.
//!
//! Layout, little-endian: `ts_event i64 | ts_recv i64 | instrument u32 | source u16 | kind u8 | flags u8 | body [40 bytes]`.
//! Kinds below 64 are input (markets, timers, status); kinds from 64 are outputs of the core, and the first eight
//! bytes of their body are `cause`: the sequence of the input record that made them.

use crate::instrument::{InstrumentId, SourceId};
use crate::time::Ts;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Bytes of a record.
pub const RECORD_LEN: usize = 64;

impl Kind {
    /// Whether a record of this kind is one thing that a market did or showed: a trade, a quote, a level or an order update.
    #[must_use]
    #[inline]
    pub fn is_market_change(self) -> bool {
        matches!(
            self,
            Kind::Trade | Kind::Quote | Kind::Level | Kind::OrderUpdate
        )
    }
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident: $type:ty { $($(#[$value_doc:meta])* $value:ident = $number:literal $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[repr($type)]
        pub enum $name { $($(#[$value_doc])* $value = $number,)* }
        impl $name {
            /// All values.
            pub const ALL: &'static [$name] = &[$($name::$value,)*];
            /// The value with this number.
            #[must_use]
            pub fn from_raw(raw: $type) -> Option<$name> {
                match raw { $($number => Some($name::$value),)* _ => None }
            }
            /// The word for it.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $($name::$value => $text,)* }
            }
        }
    };
}

number! {
    /// What a record is. The numbers are wire format: never reuse one.
    Kind: u8 {
        /// A trade at the venue: [`TradeBody`].
        Trade = 1 "trade",
        /// Best bid and ask as the venue states them: [`QuoteBody`].
        Quote = 2 "quote",
        /// One price level of an L2 book: [`LevelBody`].
        Level = 3 "level",
        /// A bar, released at its close (`ts_event`): [`BarBody`]; its size is its source's.
        Bar = 4 "bar",
        /// The clock of a source, for closing bars when the venue is silent: [`TimerBody`].
        Timer = 5 "timer",
        /// Something about a source or a book that changed or went wrong: [`StatusBody`].
        Status = 6 "status",
        /// A change of one order in an L3 book (market by order): [`OrderUpdateBody`].
        OrderUpdate = 7 "order_update",
        /// A value of a signal that changed: [`SignalBody`].
        Signal = 64 "signal",
        /// An order and its state: [`OrderBody`].
        Order = 65 "order",
        /// What risk said of an order: [`VerdictBody`].
        Verdict = 66 "verdict",
        /// A fill of one of our orders: [`FillBody`].
        Fill = 67 "fill",
        /// A position after a fill: [`PositionBody`].
        Position = 68 "position",
        /// Cash and equity: [`AccountBody`].
        Account = 69 "account",
        /// A bar that the core closed: [`BarBody`] as for `Bar`; it carries no cause, as all 40 bytes are taken.
        BarClosed = 70 "bar_closed",
        /// A book that changed its state: [`StatusBody`] with the cause in `detail`.
        BookStatus = 71 "book_status",
        /// The daily loss stop latched or was reset: [`StatusBody`] with the cause in `detail`.
        RiskStatus = 72 "risk_status",
    }
}

/// Bits of a record's quality. Three of them mean one thing of what a market did ([`Kind::is_market_change`]) and another of bars and
/// outputs: no record is both.
pub struct Flags;

impl Flags {
    /// Part of a book snapshot.
    pub const SNAPSHOT: u8 = 1 << 0;
    /// Last record of one venue message: a book is whole only after it.
    pub const LAST: u8 = 1 << 1;
    /// A time of the record is not to be relied on: `ts_event` is ours, because the venue gave none, or, of files whose vendor says
    /// so (`F_BAD_TS_RECV` of DBN), `ts_recv` is not exact.
    pub const BAD_TIME: u8 = 1 << 2;
    /// The book may be wrong: its source has a gap that is not yet mended.
    pub const MAYBE_BAD_BOOK: u8 = 1 << 3;
    /// The bar lacks part of its time: the run began within it, or a gap or a stale book fell into it.
    pub const INCOMPLETE: u8 = 1 << 4;
    /// Of trades, quotes, levels and order updates: of the top of a venue's book, and of no single order (`F_TOB` of DBN).
    pub const TOP_OF_BOOK: u8 = 1 << 4;
    /// Came after the bar that it belongs to was released.
    pub const LATE: u8 = 1 << 5;
    /// Of trades, quotes, levels and order updates: of all orders at a price, and of no single one (`F_MBP` of DBN).
    pub const AGGREGATED: u8 = 1 << 5;
    /// The number in the body is not ready (warming up) or undefined.
    pub const NOT_READY: u8 = 1 << 6;
    /// Of trades, quotes, levels and order updates: an event of which the venue alone says what it is (`F_PUBLISHER_SPECIFIC` of DBN).
    pub const VENUE_SPECIFIC: u8 = 1 << 6;
    /// More records of the same moment follow: all but the last record of a moment bear it. A record without it, whose
    /// predecessor has none either, is a moment of its own.
    pub const MORE: u8 = 1 << 7;
}

/// The first 24 bytes of a record.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Header {
    /// The venue's time, nanoseconds since the epoch, UTC.
    pub ts_event: i64,
    /// Our time when the bytes arrived, nanoseconds since the epoch, UTC.
    pub ts_recv: i64,
    /// Index in the run's instruments.
    pub instrument: u32,
    /// Index in the run's sources.
    pub source: u16,
    /// A [`Kind`] as its number.
    pub kind: u8,
    /// Bits of [`Flags`].
    pub flags: u8,
}

/// One event or output: 24 bytes of header, 40 bytes of body.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C, align(64))]
pub struct Record {
    /// Times, instrument, source, kind, flags.
    pub header: Header,
    /// Meaning by kind; see the body types.
    pub body: [u64; 5],
}

const _: () = assert!(size_of::<Header>() == 24);
const _: () = assert!(size_of::<Record>() == RECORD_LEN && align_of::<Record>() == 64);

macro_rules! body {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, FromBytes, IntoBytes, Immutable, KnownLayout)]
        #[repr(C)]
        pub struct $name { $($(#[$field_doc])* pub $field: $type,)* }
        const _: () = assert!(size_of::<$name>() == 40);
        impl $name {
            /// Reads the body of a record; the caller has looked at its kind.
            #[must_use]
            #[inline]
            pub fn of(record: &Record) -> Self { zerocopy::transmute!(record.body) }
            /// Makes a record with this body.
            #[must_use]
            #[inline]
            pub fn record(self, header: Header) -> Record {
                Record { header, body: zerocopy::transmute!(self) }
            }
        }
    };
}

body! {
    /// A trade at the venue.
    TradeBody {
        /// Price mantissa.
        price: i64,
        /// Size mantissa, above zero.
        qty: i64,
        /// The venue's number of the trade, 0 if none; of DBN that of its message, which trades may have in common.
        trade_id: u64,
        /// The aggressor's [`Side`] as its number, 0 if unknown.
        side: u8,
        /// Zero.
        _pad: [u8; 7],
        /// Zero.
        _reserved: u64,
    }
}

body! {
    /// Best bid and ask. A side that is empty has size 0.
    QuoteBody {
        /// Bid price mantissa.
        bid: i64,
        /// Bid size mantissa.
        bid_qty: i64,
        /// Ask price mantissa.
        ask: i64,
        /// Ask size mantissa.
        ask_qty: i64,
        /// The venue's update id, 0 if none.
        update_id: u64,
    }
}

body! {
    /// One price level of an L2 book as it is now.
    LevelBody {
        /// Price mantissa.
        price: i64,
        /// Size mantissa that now rests there; 0 deletes the level.
        qty: i64,
        /// First update id of the venue's message.
        first_id: u64,
        /// Last update id of the venue's message.
        last_id: u64,
        /// The book's [`Side`] as its number: `Buy` is the bid side.
        side: u8,
        /// 1 on the first record of a snapshot: the book is emptied before it.
        clear: u8,
        /// Zero.
        _pad: [u8; 6],
    }
}

body! {
    /// What happened to one order that rests at the venue.
    OrderUpdateBody {
        /// The venue's number of the order, 0 if it concerns the whole book.
        order_id: u64,
        /// Price mantissa, 0 if there is none.
        price: i64,
        /// Size mantissa: of the order after `Add` and `Modify`, else the part that it concerns.
        qty: i64,
        /// The venue's update id, 0 if none.
        update_id: u64,
        /// The book's [`Side`] as its number, of a trade the aggressor's; 0 if none.
        side: u8,
        /// A [`BookAction`] as its number.
        action: u8,
        /// Zero.
        _pad: [u8; 6],
    }
}

body! {
    /// Open, high, low, close and volume as mantissas.
    BarBody {
        /// First price.
        open: i64,
        /// Highest price.
        high: i64,
        /// Lowest price.
        low: i64,
        /// Last price.
        close: i64,
        /// Size traded, 0 if unknown.
        volume: i64,
    }
}

body! {
    /// A tick of a source's clock: `ts_event` is the venue's time as far as we can tell.
    TimerBody {
        /// Nanoseconds since the timer before.
        interval: i64,
        /// Zero.
        _reserved: [u64; 4],
    }
}

body! {
    /// Something changed or went wrong.
    StatusBody {
        /// A [`StatusCode`] as its number.
        code: u16,
        /// A [`BookState`] as its number for changes of a book, otherwise 0.
        state: u8,
        /// Zero.
        _pad: [u8; 5],
        /// How many messages or records it concerns.
        count: u64,
        /// First of the range that it concerns (update id or nanoseconds, by code).
        from: u64,
        /// Last of that range.
        to: u64,
        /// More, by code; for outputs, the cause.
        detail: u64,
    }
}

body! {
    /// A value of a signal. `NOT_READY` in the flags means that there is none.
    SignalBody {
        /// Sequence of the input record that made it.
        cause: u64,
        /// Index of the signal in its run.
        signal: u32,
        /// Zero.
        _pad: u32,
        /// The value; conditions are 1 and 0.
        value: f64,
        /// The value before; NaN bits if it was not ready.
        previous: f64,
        /// Zero.
        _reserved: u64,
    }
}

body! {
    /// An order and its state.
    OrderBody {
        /// Sequence of the input record that made it.
        cause: u64,
        /// Limit or stop price mantissa; 0 for market orders.
        price: i64,
        /// Size mantissa, above zero.
        qty: i64,
        /// Size mantissa filled so far.
        filled: i64,
        /// Number of the order within its run, from 1.
        order: u32,
        /// Index of the strategy in its run.
        strategy: u8,
        /// [`Side`] as its number.
        side: u8,
        /// [`OrderType`] as its number.
        order_type: u8,
        /// [`OrderStatus`] as its number.
        status: u8,
    }
}

body! {
    /// What risk said of an order.
    VerdictBody {
        /// Sequence of the input record that made it.
        cause: u64,
        /// Number of the order.
        order: u32,
        /// Index of the strategy.
        strategy: u8,
        /// 1 accepted, 0 refused.
        accepted: u8,
        /// [`RiskRule`] that refused it as its number, 0 if accepted.
        rule: u8,
        /// Zero.
        _pad: u8,
        /// What would have been, in the rule's unit (money in 1e-9).
        observed: i64,
        /// What is allowed, in the same unit.
        allowed: i64,
        /// Zero.
        _reserved: u64,
    }
}

body! {
    /// A fill of one of our orders.
    FillBody {
        /// Sequence of the input record that made it.
        cause: u64,
        /// Price mantissa.
        price: i64,
        /// Size mantissa, above zero.
        qty: i64,
        /// Fee in money at nine decimals; rounded half away from zero.
        fee: i64,
        /// Number of the order.
        order: u32,
        /// Index of the strategy.
        strategy: u8,
        /// [`Side`] as its number.
        side: u8,
        /// 1 if we took liquidity, 0 if our order rested.
        taker: u8,
        /// Zero.
        _pad: u8,
    }
}

body! {
    /// A position after a fill.
    PositionBody {
        /// Sequence of the input record that made it.
        cause: u64,
        /// Size mantissa; negative is short.
        qty: i64,
        /// What the open position cost, in money at nine decimals, truncated: for display.
        cost: i64,
        /// Realised profit so far before fees, in money at nine decimals, truncated: for display.
        realised: i64,
        /// Index of the strategy.
        strategy: u32,
        /// Zero.
        _pad: u32,
    }
}

body! {
    /// Cash and equity, each an `i128` at 18 decimals in two halves, low half first.
    AccountBody {
        /// Sequence of the input record that made it.
        cause: u64,
        /// Cash.
        cash: [u64; 2],
        /// Cash and positions at the last price.
        equity: [u64; 2],
    }
}

number! {
    /// Buy or sell; for a book, the bid or the ask side.
    Side: u8 {
        /// Buy; bid.
        Buy = 1 "buy",
        /// Sell; ask.
        Sell = 2 "sell",
    }
}

number! {
    /// What happened to an order in an L3 book.
    BookAction: u8 {
        /// It came into the book.
        Add = 1 "add",
        /// Its price or size changed.
        Modify = 2 "modify",
        /// It, or part of it, was cancelled.
        Cancel = 3 "cancel",
        /// All orders are gone.
        Clear = 4 "clear",
        /// An aggressor traded; the book is as before.
        Trade = 5 "trade",
        /// A resting order was filled; the book is as before, a cancel follows.
        Fill = 6 "fill",
        /// Nothing happened to an order: the record tells its flags alone, such as the end of an event.
        None = 7 "none",
    }
}

number! {
    /// How an order wants to be filled.
    OrderType: u8 {
        /// At once, at whatever price.
        Market = 1 "market",
        /// At its price or better.
        Limit = 2 "limit",
        /// As a market order once its price has traded through.
        Stop = 3 "stop",
    }
}

number! {
    /// State of an order.
    OrderStatus: u8 {
        /// Accepted by risk and resting or waiting for the next event.
        Open = 1 "open",
        /// Filled in part, the rest open.
        PartlyFilled = 2 "partly_filled",
        /// Filled whole.
        Filled = 3 "filled",
        /// Cancelled by the strategy.
        Cancelled = 4 "cancelled",
        /// Refused by risk; the verdict says why.
        Refused = 5 "refused",
    }
}

number! {
    /// Whether a book can be trusted.
    BookState: u8 {
        /// In step with the venue.
        Live = 1 "live",
        /// Nothing has come for too long, or the connection is down.
        Stale = 2 "stale",
        /// A gap was seen: a snapshot is on its way.
        Resync = 3 "resync",
    }
}

number! {
    /// What a status record tells.
    StatusCode: u16 {
        /// The connection to the venue is up.
        Connected = 1 "connected",
        /// The connection to the venue is down; `from` and `to` are times.
        Disconnected = 2 "disconnected",
        /// The book's state changed to `state`.
        Book = 3 "book",
        /// Update ids `from` to `to` were missed.
        Gap = 4 "gap",
        /// A message could not be decoded; `detail` is the decoder's reason as its number.
        BadFrame = 5 "bad_frame",
        /// An update came twice and was dropped.
        Duplicate = 6 "duplicate",
        /// An update came out of order and was dropped.
        OutOfOrder = 7 "out_of_order",
        /// Bid above ask; `from` is the bid, `to` the ask.
        Crossed = 8 "crossed",
        /// The venue's clock and ours differ by more than expected; `detail` nanoseconds.
        ClockSkew = 9 "clock_skew",
        /// The producer waited for a full ring; `count` times.
        Waited = 10 "waited",
        /// A run began or was restarted here: what went before may have a gap. `from` is the last order number that may have been
        /// used before.
        Started = 11 "started",
        /// A person reset the daily loss stop.
        RiskReset = 12 "risk_reset",
        /// The daily loss stop latched.
        LossStop = 13 "loss_stop",
        /// A side of the book is full: its farthest levels are dropped from here on, `count` at once. Told once until the next
        /// snapshot.
        BookFull = 14 "book_full",
        /// What the core remembers is saved here; nothing else comes of it.
        Snapshot = 15 "snapshot",
    }
}

number! {
    /// The rule by which risk refused an order.
    RiskRule: u8 {
        /// Size of one order.
        OrderQty = 1 "order_qty",
        /// Money of one order.
        OrderNotional = 2 "order_notional",
        /// Position in one instrument.
        Position = 3 "position",
        /// Sum of the absolute values of all positions.
        GrossExposure = 4 "gross_exposure",
        /// Absolute value of the sum of all positions.
        NetExposure = 5 "net_exposure",
        /// Orders per second of event time.
        OrderRate = 6 "order_rate",
        /// Distance from the last price.
        PriceCollar = 7 "price_collar",
        /// The daily loss stop is latched.
        DailyLoss = 8 "daily_loss",
        /// Not enough cash.
        Cash = 9 "cash",
        /// There is no trustworthy price.
        NoPrice = 10 "no_price",
        /// A number does not fit.
        Overflow = 11 "overflow",
        /// Not enough money for a short sale: shorts and waiting sells that open, with fees, against cash less the proceeds
        /// of open shorts.
        Short = 12 "short",
        /// A price between two steps of the instrument's tick.
        Tick = 13 "tick",
        /// A size between two steps of the instrument's lot.
        Lot = 14 "lot",
        /// No number is left for an order of this run.
        OrderNumbers = 15 "order_numbers",
    }
}

impl Side {
    /// The other side.
    #[must_use]
    pub fn opposite(self) -> Side {
        match self {
            Side::Buy => Side::Sell,
            Side::Sell => Side::Buy,
        }
    }

    /// 1 for buy, -1 for sell.
    #[must_use]
    pub fn sign(self) -> i64 {
        match self {
            Side::Buy => 1,
            Side::Sell => -1,
        }
    }
}

impl Header {
    /// A header with no flags.
    #[must_use]
    pub fn new(
        kind: Kind,
        instrument: InstrumentId,
        source: SourceId,
        ts_event: Ts,
        ts_recv: Ts,
    ) -> Header {
        Header {
            ts_event: ts_event.0,
            ts_recv: ts_recv.0,
            instrument: instrument.0,
            source: source.0,
            kind: kind as u8,
            flags: 0,
        }
    }

    /// The same with these flags added.
    #[must_use]
    pub fn with_flags(mut self, flags: u8) -> Header {
        self.flags |= flags;
        self
    }

    /// The same as another kind, without its flags: how an output inherits times and instrument from its cause.
    #[must_use]
    pub fn as_kind(mut self, kind: Kind) -> Header {
        self.kind = kind as u8;
        self.flags = 0;
        self
    }
}

impl Record {
    /// The kind, or `None` for a number that is none.
    #[must_use]
    #[inline]
    pub fn kind(&self) -> Option<Kind> {
        Kind::from_raw(self.header.kind)
    }

    /// The instrument's identifier.
    #[must_use]
    #[inline]
    pub fn instrument(&self) -> InstrumentId {
        InstrumentId(self.header.instrument)
    }

    /// The source's identifier.
    #[must_use]
    #[inline]
    pub fn source(&self) -> SourceId {
        SourceId(self.header.source)
    }

    /// The venue's time.
    #[must_use]
    #[inline]
    pub fn ts_event(&self) -> Ts {
        Ts(self.header.ts_event)
    }

    /// Our time of arrival.
    #[must_use]
    #[inline]
    pub fn ts_recv(&self) -> Ts {
        Ts(self.header.ts_recv)
    }

    /// Whether all of these [`Flags`] are set.
    #[must_use]
    #[inline]
    pub fn has(&self, flags: u8) -> bool {
        self.header.flags & flags == flags
    }

    /// The 64 bytes. Multi-byte fields are in this machine's order, which is little-endian on all that are supported.
    #[must_use]
    #[inline]
    pub fn as_bytes(&self) -> &[u8; RECORD_LEN] {
        zerocopy::transmute_ref!(self)
    }

    /// The bytes of many, one after the other.
    #[must_use]
    #[inline]
    pub fn bytes_of(records: &[Record]) -> &[u8] {
        records.as_bytes()
    }

    /// From 64 bytes.
    #[must_use]
    #[inline]
    pub fn from_bytes(bytes: [u8; RECORD_LEN]) -> Record {
        zerocopy::transmute!(bytes)
    }
}

#[cfg(target_endian = "big")]
compile_error!("records are little-endian on disk and on the wire; this machine is not");

impl AccountBody {
    /// From cash and equity at 18 decimals.
    #[must_use]
    pub fn new(cause: u64, cash: i128, equity: i128) -> AccountBody {
        AccountBody {
            cause,
            cash: split(cash),
            equity: split(equity),
        }
    }

    /// Cash at 18 decimals.
    #[must_use]
    pub fn cash(&self) -> i128 {
        join(self.cash)
    }

    /// Equity at 18 decimals.
    #[must_use]
    pub fn equity(&self) -> i128 {
        join(self.equity)
    }
}

fn split(value: i128) -> [u64; 2] {
    zerocopy::transmute!(value)
}

fn join(halves: [u64; 2]) -> i128 {
    zerocopy::transmute!(halves)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trade() -> Record {
        let header = Header::new(Kind::Trade, InstrumentId(7), SourceId(3), Ts(1), Ts(2));
        TradeBody {
            price: 6_183_763,
            qty: 2_000_000,
            trade_id: 99,
            side: Side::Sell as u8,
            ..TradeBody::default()
        }
        .record(header.with_flags(Flags::LAST))
    }

    #[test]
    fn bytes_are_little_endian_and_round_trip() {
        let record = trade();
        let bytes = record.as_bytes();
        assert_eq!(&bytes[..8], &1_i64.to_le_bytes());
        assert_eq!(&bytes[8..16], &2_i64.to_le_bytes());
        assert_eq!(&bytes[16..24], &[7, 0, 0, 0, 3, 0, 1, 2]);
        assert_eq!(&bytes[24..32], &6_183_763_i64.to_le_bytes());
        assert_eq!(bytes[48], 2);
        assert_eq!(Record::from_bytes(*bytes), record);
        assert_eq!(TradeBody::of(&record).trade_id, 99);
    }

    #[test]
    fn numbers_are_their_own_inverse() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_raw(*kind as u8), Some(*kind));
        }
        for code in StatusCode::ALL {
            assert_eq!(StatusCode::from_raw(*code as u16), Some(*code));
        }
        assert_eq!(Kind::from_raw(0), None);
        assert_eq!(RiskRule::from_raw(200), None);
    }

    #[test]
    fn account_holds_large_and_negative_money() {
        let body = AccountBody::new(1, -170_000_000_000_000_000_000_000_000_000_000_000_000, 5);
        assert_eq!(
            body.cash(),
            -170_000_000_000_000_000_000_000_000_000_000_000_000
        );
        assert_eq!(body.equity(), 5);
    }
}
