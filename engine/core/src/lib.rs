//! The deterministic core: books, bars, strategies, risk, orders, positions.
