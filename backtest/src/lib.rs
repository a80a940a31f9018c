//! Backtest runner, replay and report.
