//! The catalog's tables: which records each one keeps, and its columns. `docs/catalog.md` is the same for readers.

use super::column::{Codec, Column, NameOf};
use super::words::{Words, word_type};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use serde::{Deserialize, Serialize};
use std::mem::offset_of;
use std::sync::Arc;
use tickloom_types::{
    AccountBody, BarBody, FillBody, Flags, Kind, LevelBody, OrderBody, OrderUpdateBody,
    PositionBody, QuoteBody, Record, SignalBody, StatusBody, TimerBody, TradeBody, VerdictBody,
};

/// A table of the catalog: all records of one kind (of two for book levels, which are updates or snapshots).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Table {
    /// Trades at the venue.
    Trades,
    /// Best bid and ask.
    Quotes,
    /// Changed levels of an L2 book.
    BookUpdates,
    /// Levels of whole L2 books.
    BookSnapshots,
    /// Changes of single orders in L3 books.
    OrderUpdates,
    /// Bars that came in.
    Bars,
    /// Clocks of the sources.
    Timers,
    /// What changed or went wrong at a source.
    Status,
    /// Values of signals.
    Signals,
    /// Orders and their states.
    Orders,
    /// What risk said of orders.
    Verdicts,
    /// Fills of orders.
    Fills,
    /// Positions after fills.
    Positions,
    /// Cash and equity after fills.
    Equity,
    /// Bars that the core closed.
    BarsClosed,
    /// Books that changed their state.
    BookStatus,
    /// The daily loss stop, when it latched or was reset.
    RiskStatus,
}

/// The column with the number of an output in its run.
pub const NUMBER: &str = "number";

/// Columns that every table begins with, before `number` (outputs only) and its own.
pub(crate) const COMMON: [&str; 7] = [
    "ts_event",
    "ts_recv",
    "seq",
    "run",
    "instrument",
    "source",
    "flags",
];

impl Table {
    /// All tables, inputs first.
    pub const ALL: &'static [Table] = &[
        Table::Trades,
        Table::Quotes,
        Table::BookUpdates,
        Table::BookSnapshots,
        Table::OrderUpdates,
        Table::Bars,
        Table::Timers,
        Table::Status,
        Table::Signals,
        Table::Orders,
        Table::Verdicts,
        Table::Fills,
        Table::Positions,
        Table::Equity,
        Table::BarsClosed,
        Table::BookStatus,
        Table::RiskStatus,
    ];

    /// The tables of inputs: what a backtest reads.
    pub const INPUTS: &'static [Table] = Table::ALL.split_at(8).0;

    /// Its name in paths and in SQL.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Table::Trades => "trades",
            Table::Quotes => "quotes",
            Table::BookUpdates => "book_updates",
            Table::BookSnapshots => "book_snapshots",
            Table::OrderUpdates => "order_updates",
            Table::Bars => "bars",
            Table::Timers => "timers",
            Table::Status => "status",
            Table::Signals => "signals",
            Table::Orders => "orders",
            Table::Verdicts => "verdicts",
            Table::Fills => "fills",
            Table::Positions => "positions",
            Table::Equity => "equity",
            Table::BarsClosed => "bars_closed",
            Table::BookStatus => "book_status",
            Table::RiskStatus => "risk_status",
        }
    }

    /// The table of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Table> {
        Table::ALL.iter().copied().find(|t| t.name() == name)
    }

    /// The kind of its records.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self {
            Table::Trades => Kind::Trade,
            Table::Quotes => Kind::Quote,
            Table::BookUpdates | Table::BookSnapshots => Kind::Level,
            Table::OrderUpdates => Kind::OrderUpdate,
            Table::Bars => Kind::Bar,
            Table::Timers => Kind::Timer,
            Table::Status => Kind::Status,
            Table::Signals => Kind::Signal,
            Table::Orders => Kind::Order,
            Table::Verdicts => Kind::Verdict,
            Table::Fills => Kind::Fill,
            Table::Positions => Kind::Position,
            Table::Equity => Kind::Account,
            Table::BarsClosed => Kind::BarClosed,
            Table::BookStatus => Kind::BookStatus,
            Table::RiskStatus => Kind::RiskStatus,
        }
    }

    /// The table that keeps this record; `None` for an unknown kind.
    #[must_use]
    pub fn of(record: &Record) -> Option<Table> {
        Some(match record.kind()? {
            Kind::Trade => Table::Trades,
            Kind::Quote => Table::Quotes,
            Kind::Level if record.has(Flags::SNAPSHOT) => Table::BookSnapshots,
            Kind::Level => Table::BookUpdates,
            Kind::OrderUpdate => Table::OrderUpdates,
            Kind::Bar => Table::Bars,
            kind => *Table::ALL.iter().find(|table| table.kind() == kind)?,
        })
    }

    /// Whether the core made its records.
    #[must_use]
    pub fn is_output(self) -> bool {
        !Table::INPUTS.contains(&self)
    }

    /// Whether its records are bars, whose size is their source's.
    #[must_use]
    pub fn is_bars(self) -> bool {
        matches!(self, Table::Bars | Table::BarsClosed)
    }

    /// The columns of the body.
    pub fn columns(self) -> &'static [Column] {
        match self {
            Table::Trades => TRADES,
            Table::Quotes => QUOTES,
            Table::BookUpdates | Table::BookSnapshots => LEVELS,
            Table::OrderUpdates => ORDER_UPDATES,
            Table::Bars | Table::BarsClosed => BARS,
            Table::Timers => TIMERS,
            Table::Status | Table::BookStatus | Table::RiskStatus => STATUS,
            Table::Signals => SIGNALS,
            Table::Orders => ORDERS,
            Table::Verdicts => VERDICTS,
            Table::Fills => FILLS,
            Table::Positions => POSITIONS,
            Table::Equity => EQUITY,
        }
    }

    /// The Arrow schema of what it says of records: of the first columns of the catalog's files.
    pub fn schema(self) -> Arc<Schema> {
        let time = || DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
        let mut fields: Vec<Field> = COMMON
            .iter()
            .map(|name| match *name {
                "ts_event" | "ts_recv" => Field::new(*name, time(), false),
                "seq" => Field::new(*name, DataType::UInt64, false),
                "flags" => Field::new(*name, DataType::UInt8, false),
                "instrument" => Field::new(*name, word_type(), true),
                name => Field::new(name, word_type(), false),
            })
            .collect();
        if self.is_output() {
            fields.push(Field::new(NUMBER, DataType::UInt64, false));
        }
        if self.is_bars() {
            fields.push(Field::new("bar_spec", word_type(), true));
        }
        fields.extend(self.columns().iter().map(Column::field));
        Arc::new(Schema::new(fields))
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

const fn column(name: &'static str, at: usize, codec: Codec) -> Column {
    Column { name, at, codec }
}

const TRADES: &[Column] = &[
    column("price", offset_of!(TradeBody, price), Codec::Price),
    column("qty", offset_of!(TradeBody, qty), Codec::Qty),
    column("trade_id", offset_of!(TradeBody, trade_id), Codec::U64),
    column(
        "side",
        offset_of!(TradeBody, side),
        Codec::Word(Words::Side),
    ),
];
const QUOTES: &[Column] = &[
    column("bid", offset_of!(QuoteBody, bid), Codec::Price),
    column("bid_qty", offset_of!(QuoteBody, bid_qty), Codec::Qty),
    column("ask", offset_of!(QuoteBody, ask), Codec::Price),
    column("ask_qty", offset_of!(QuoteBody, ask_qty), Codec::Qty),
    column("update_id", offset_of!(QuoteBody, update_id), Codec::U64),
];
const LEVELS: &[Column] = &[
    column("price", offset_of!(LevelBody, price), Codec::Price),
    column("qty", offset_of!(LevelBody, qty), Codec::Qty),
    column("first_id", offset_of!(LevelBody, first_id), Codec::U64),
    column("last_id", offset_of!(LevelBody, last_id), Codec::U64),
    column(
        "side",
        offset_of!(LevelBody, side),
        Codec::Word(Words::Side),
    ),
    column("clear", offset_of!(LevelBody, clear), Codec::Bool),
];
const ORDER_UPDATES: &[Column] = &[
    column(
        "order_id",
        offset_of!(OrderUpdateBody, order_id),
        Codec::U64,
    ),
    column("price", offset_of!(OrderUpdateBody, price), Codec::Price),
    column("qty", offset_of!(OrderUpdateBody, qty), Codec::Qty),
    column(
        "update_id",
        offset_of!(OrderUpdateBody, update_id),
        Codec::U64,
    ),
    column(
        "side",
        offset_of!(OrderUpdateBody, side),
        Codec::Word(Words::Side),
    ),
    column(
        "action",
        offset_of!(OrderUpdateBody, action),
        Codec::Word(Words::BookAction),
    ),
];
const BARS: &[Column] = &[
    column("open", offset_of!(BarBody, open), Codec::Price),
    column("high", offset_of!(BarBody, high), Codec::Price),
    column("low", offset_of!(BarBody, low), Codec::Price),
    column("close", offset_of!(BarBody, close), Codec::Price),
    column("volume", offset_of!(BarBody, volume), Codec::Qty),
];
const TIMERS: &[Column] = &[column(
    "interval",
    offset_of!(TimerBody, interval),
    Codec::I64,
)];
const STATUS: &[Column] = &[
    column(
        "code",
        offset_of!(StatusBody, code),
        Codec::Word(Words::StatusCode),
    ),
    column(
        "state",
        offset_of!(StatusBody, state),
        Codec::Word(Words::BookState),
    ),
    column("count", offset_of!(StatusBody, count), Codec::U64),
    column("from", offset_of!(StatusBody, from), Codec::U64),
    column("to", offset_of!(StatusBody, to), Codec::U64),
    column("detail", offset_of!(StatusBody, detail), Codec::U64),
];
const SIGNALS: &[Column] = &[
    column("cause", offset_of!(SignalBody, cause), Codec::U64),
    column("signal", offset_of!(SignalBody, signal), Codec::U32),
    column(
        "signal_name",
        offset_of!(SignalBody, signal),
        Codec::Name(NameOf::Signal),
    ),
    column("value", offset_of!(SignalBody, value), Codec::F64),
    column("previous", offset_of!(SignalBody, previous), Codec::F64),
];
const ORDERS: &[Column] = &[
    column("cause", offset_of!(OrderBody, cause), Codec::U64),
    column("order", offset_of!(OrderBody, order), Codec::U32),
    column("strategy", offset_of!(OrderBody, strategy), Codec::U8),
    column(
        "strategy_name",
        offset_of!(OrderBody, strategy),
        Codec::Name(NameOf::Strategy),
    ),
    column(
        "side",
        offset_of!(OrderBody, side),
        Codec::Word(Words::Side),
    ),
    column(
        "order_type",
        offset_of!(OrderBody, order_type),
        Codec::Word(Words::OrderType),
    ),
    column(
        "status",
        offset_of!(OrderBody, status),
        Codec::Word(Words::OrderStatus),
    ),
    column("price", offset_of!(OrderBody, price), Codec::Price),
    column("qty", offset_of!(OrderBody, qty), Codec::Qty),
    column("filled", offset_of!(OrderBody, filled), Codec::Qty),
];
const VERDICTS: &[Column] = &[
    column("cause", offset_of!(VerdictBody, cause), Codec::U64),
    column("order", offset_of!(VerdictBody, order), Codec::U32),
    column("strategy", offset_of!(VerdictBody, strategy), Codec::U8),
    column(
        "strategy_name",
        offset_of!(VerdictBody, strategy),
        Codec::Name(NameOf::Strategy),
    ),
    column("accepted", offset_of!(VerdictBody, accepted), Codec::Bool),
    column(
        "rule",
        offset_of!(VerdictBody, rule),
        Codec::Word(Words::RiskRule),
    ),
    column("observed", offset_of!(VerdictBody, observed), Codec::I64),
    column("allowed", offset_of!(VerdictBody, allowed), Codec::I64),
];
const FILLS: &[Column] = &[
    column("cause", offset_of!(FillBody, cause), Codec::U64),
    column("order", offset_of!(FillBody, order), Codec::U32),
    column("strategy", offset_of!(FillBody, strategy), Codec::U8),
    column(
        "strategy_name",
        offset_of!(FillBody, strategy),
        Codec::Name(NameOf::Strategy),
    ),
    column("side", offset_of!(FillBody, side), Codec::Word(Words::Side)),
    column("price", offset_of!(FillBody, price), Codec::Price),
    column("qty", offset_of!(FillBody, qty), Codec::Qty),
    column("fee", offset_of!(FillBody, fee), Codec::Money9),
    column("taker", offset_of!(FillBody, taker), Codec::Bool),
];
const POSITIONS: &[Column] = &[
    column("cause", offset_of!(PositionBody, cause), Codec::U64),
    column("strategy", offset_of!(PositionBody, strategy), Codec::U32),
    column(
        "strategy_name",
        offset_of!(PositionBody, strategy),
        Codec::Name(NameOf::Strategy),
    ),
    column("qty", offset_of!(PositionBody, qty), Codec::Qty),
    column("cost", offset_of!(PositionBody, cost), Codec::Money9),
    column(
        "realised",
        offset_of!(PositionBody, realised),
        Codec::Money9,
    ),
];
const EQUITY: &[Column] = &[
    column("cause", offset_of!(AccountBody, cause), Codec::U64),
    column("cash", offset_of!(AccountBody, cash), Codec::Money18),
    column("equity", offset_of!(AccountBody, equity), Codec::Money18),
];
