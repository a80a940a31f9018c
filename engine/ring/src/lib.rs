//! Input ring and output ring: one order, every consumer sees every event.
