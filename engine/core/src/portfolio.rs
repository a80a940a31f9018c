//! Positions and cash.
