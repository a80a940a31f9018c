//! What a first reading sees of the rows of each instrument: how many decimals their prices need, and when the first and the last came.

use super::quotes::decimals;
use crate::import::mantissas::{Mantissa, visit_mantissas};
use tickloom_types::{InstrumentId, Record};

/// Of one instrument.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    pub(super) decimals: u8,
    /// Times of its first and last row.
    pub(super) first: i64,
    pub(super) last: i64,
}

/// Of all rows so far.
#[derive(Default)]
pub(super) struct SeenAll {
    by_instrument: Vec<Seen>,
    /// Whether rows say which of them are the last of an event.
    pub(super) has_events: bool,
}

impl Seen {
    const NONE: Seen = Seen {
        decimals: 0,
        first: i64::MAX,
        last: i64::MIN,
    };
}

impl SeenAll {
    pub(super) fn of(&self, at: usize) -> Seen {
        self.by_instrument.get(at).copied().unwrap_or(Seen::NONE)
    }

    /// Decimals that the prices of an instrument need so far.
    pub(super) fn decimals(&self, InstrumentId(id): InstrumentId) -> u8 {
        self.of(usize::try_from(id).unwrap_or(usize::MAX)).decimals
    }

    /// Looks at a record, whose prices have nine decimals.
    #[inline]
    pub(super) fn see(&mut self, record: &Record) {
        let at = usize::try_from(record.header.instrument).unwrap_or(usize::MAX);
        if at >= self.by_instrument.len() {
            // No more than the listing allows, as identifiers are given in turn.
            self.by_instrument.resize(at.saturating_add(1), Seen::NONE);
        }
        let Some(seen) = self.by_instrument.get_mut(at) else {
            return;
        };
        seen.first = seen.first.min(record.header.ts_recv);
        seen.last = seen.last.max(record.header.ts_recv);
        let scale = &mut seen.decimals;
        visit_mantissas(&mut record.clone(), &mut |of, mantissa| {
            if of == Mantissa::Price {
                *scale = decimals(*mantissa, *scale);
            }
        });
    }

    /// Takes the times of rows of an instrument that was seen before.
    #[inline]
    pub(super) fn widen(&mut self, instrument: Option<u32>, first: u64, last: u64) {
        let at = instrument.and_then(|at| usize::try_from(at).ok());
        if let Some(seen) = at.and_then(|at| self.by_instrument.get_mut(at)) {
            seen.first = seen.first.min(first.cast_signed());
            seen.last = seen.last.max(last.cast_signed());
        }
    }
}
