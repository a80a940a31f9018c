//! What a core knows at one record, as plain data: for whoever comes late, and for people.

mod records;

use crate::book::Top;
use crate::market::Market;
use crate::order::Order;
use crate::portfolio::Position;
use crate::trade::TradeStage;
use tickloom_types::{BarBody, BarSpec, BookState, InstrumentId, Money, SourceId, Ts};

/// What there is after a record.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// Last values of the signals, in the order of the configuration; `None` while not ready.
    pub signals: Vec<Option<f64>>,
    /// What strategies hold or have held, by instrument, then strategy.
    pub positions: Vec<PositionState>,
    /// Orders that wait, by instrument, the oldest first.
    pub orders: Vec<Order>,
    /// The account.
    pub account: AccountState,
    /// Prices and books, by instrument.
    pub instruments: Vec<InstrumentState>,
    /// Bars in the making, by instrument; a size of which none is open has none.
    pub bars: Vec<BarState>,
}

/// What a strategy holds of an instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PositionState {
    /// Index of the strategy in the configuration.
    pub strategy: u8,
    /// The instrument.
    pub instrument: InstrumentId,
    /// Size, cost, profit and fees.
    pub position: Position,
}

/// Money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountState {
    /// Cash.
    pub cash: Money,
    /// Cash and positions at their marks; `None` if it does not fit.
    pub equity: Option<Money>,
    /// What was deposited.
    pub deposits: Money,
    /// Profit realised by all strategies, before fees.
    pub realised: Money,
    /// Fees paid by all strategies.
    pub fees: Money,
    /// Fills of all strategies.
    pub fills: u64,
}

/// Prices of an instrument, as mantissas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstrumentState {
    /// The instrument.
    pub instrument: InstrumentId,
    /// Whether its book can be trusted; `None` before its first snapshot or status.
    pub book: Option<BookState>,
    /// Best bid and ask that can be trusted.
    pub top: Option<Top>,
    /// Price of the last trade, or close of the last bar where there are only bars.
    pub last: Option<i64>,
    /// The price that positions are valued at.
    pub mark: Option<i64>,
}

/// A bar that is not closed yet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BarState {
    /// The instrument.
    pub instrument: InstrumentId,
    /// The size.
    pub spec: BarSpec,
    /// The source of such bars, which has the size for its name.
    pub source: SourceId,
    /// Prices and volume so far, as mantissas.
    pub body: BarBody,
    /// Where it begins; for bars by ticks or volume, the time of its first trade.
    pub start: Ts,
    /// Where it will end; for bars by ticks or volume, the newest time in it.
    pub close: Ts,
    /// Whether part of its time is missing.
    pub is_incomplete: bool,
}

impl State {
    pub(crate) fn new(market: &Market, trade: &TradeStage, signals: &[f64]) -> State {
        let portfolio = trade.portfolio();
        let ids = || (0_u32..).map(InstrumentId);
        let count = market.instruments().len();
        State {
            signals: signals
                .iter()
                .map(|value| (!value.is_nan()).then_some(*value))
                .collect(),
            positions: portfolio
                .positions()
                .map(|(instrument, strategy, position)| PositionState {
                    strategy,
                    instrument,
                    position: *position,
                })
                .collect(),
            orders: trade.venue().all_orders().copied().collect(),
            account: AccountState {
                cash: portfolio.cash(),
                equity: portfolio.equity(),
                deposits: portfolio.deposits(),
                realised: portfolio.realised(),
                fees: portfolio.fees(),
                fills: trade.fills(),
            },
            instruments: ids()
                .take(count)
                .map(|instrument| InstrumentState {
                    instrument,
                    book: market.book_state(instrument),
                    top: market.top(instrument),
                    last: market.last(instrument),
                    mark: market.mark(instrument),
                })
                .collect(),
            bars: market.bars_in_the_making().collect(),
        }
    }
}
