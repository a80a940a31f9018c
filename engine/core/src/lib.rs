//! The deterministic core: books, bars, signals, strategies, risk, orders, positions.
//!
//! `state x record -> state x outputs`: no I/O, no clock, no threads, no lock, and no allocation per record once warm.
//! Nothing outside can make it fail: what is wrong with a record is counted and told in an output record.
//! The path of one record is [`Core::step`]: market, then fills of resting orders, then signals, then strategies.

mod bars;
mod bars_run;
mod book;
mod census;
mod config;
mod core;
mod error;
mod expressions;
mod limits;
mod market;
mod notes;
mod order;
mod output_hash;
mod outputs;
mod portfolio;
mod prices;
mod risk;
mod rule_values;
mod signal_stage;
mod silent;
mod sizing;
mod snapshot;
mod state;
mod strategy;
mod trade;
mod trade_config;
mod venue;
mod workers;

pub use self::core::{Core, Now, Steps};
pub use bars_run::{BarSeries, BarsOnWay, BarsRun, run_bars};
pub use book::{Book, PriceLevel, Sides, Top};
pub use census::{Census, Given, check_run};
pub use config::{CoreConfig, SignalDef};
pub use error::{CoreError, NoData};
pub use market::{Counters, Market};
pub use order::{NewOrder, Order, OrderSize, Verdict};
pub use output_hash::{HashLink, OUTPUTS_A_LINK, OutputHash, OutputHashV1};
pub use outputs::Outputs;
pub use portfolio::{Portfolio, Position, Trade};
pub use signal_stage::WorkerState;
pub use silent::{Expired, NeverClosed, NeverReady, Waiting};
pub use snapshot::{
    CannotSave, FORMAT_VERSION, SEMANTICS_VERSION, Snapshot, SnapshotError, is_snapshot,
};
pub use state::{AccountState, BarState, InstrumentState, PositionState, State};
pub use strategy::{Calls, CodeSettings, Context, Intent, Intents, Own, Strategy, TrailingStop};
pub use trade_config::{
    AccountConfig, FEE_DECIMALS, FeeRate, FillModel, InstrumentLimits, RiskLimits, Size,
    StrategyDef, TradeConfigError, Traded, VolumeShare,
};
pub use venue::{Offer, Outcome, PaperVenue, PriceEvent, Venue};
pub use workers::{Found, Merger, SignalWorker, resume_split, split};
