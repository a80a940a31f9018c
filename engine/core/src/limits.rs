//! The most of everything that the market half of the core holds, with the policy when it is full.

use tickloom_types::DurationNs;

/// Price levels of one side of a book. When full, the level farthest from the best is dropped and counted.
pub(crate) const BOOK_LEVELS_MAX: usize = 8_192;

/// Bar sizes over all instruments of a run; more is refused when the core is made.
pub(crate) const BARS_MAX: usize = 65_536;

/// Nanoseconds that a record's time may be ahead of its arrival: one day. A record from further ahead is bad, as every
/// later one would be late after it. There is no such limit behind, because recorded data is old when it is played.
pub(crate) const TS_AHEAD_MAX: DurationNs = 86_400_000_000_000;

/// Output records of one step for which room is made beforehand. A step that has more to say allocates: nothing is dropped.
pub(crate) const OUTPUTS_EXPECTED: usize = 1_024;

/// Signals and strategies' expressions of a run.
pub(crate) const EXPRESSIONS_MAX: usize = 1 << 20;

/// Expressions that change at one record for which room is made beforehand, as for outputs.
pub(crate) const CHANGES_EXPECTED: usize = 1_024;

/// Entries from the best that are searched one by one before a binary search takes over.
pub(crate) const BOOK_NEAR: usize = 16;

const _: () = assert!(BOOK_NEAR < BOOK_LEVELS_MAX);

/// Orders that wait at the paper venue; one more is refused under the rule of the order rate.
pub(crate) const ORDERS_MAX: usize = 65_536;

/// Largest number of orders a second that can be set as a limit.
pub(crate) const ORDER_RATE_MAX: u32 = 65_536;

/// Strategies of a run: an order names its strategy in one byte.
pub(crate) const STRATEGIES_MAX: usize = 255;

/// Number of the last order of a run, which risk refuses under `order_numbers`. There is none after it.
pub(crate) const ORDER_NUMBER_MAX: u32 = u32::MAX;
