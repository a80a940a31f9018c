//! What numbers of instruments stand for in rows that follow each other: a few numbers at a time, each with the span of time in which that is so.

use super::quotes::Steps;
use super::raw::Head;
use tickloom_types::InstrumentId;

/// Numbers of instruments that are known at a time, a power of two.
const SLOTS: usize = 1 << 8;

/// What a number of a publisher is in rows of one type, within a span of time.
#[derive(Clone, Copy)]
pub(super) struct Slot {
    /// What such rows begin with: length, type, publisher and number.
    pub(super) key: u64,
    from: u64,
    span: u64,
    pub(super) instrument: u32,
    /// What its prices are multiples of.
    pub(super) steps: Steps,
}

impl Slot {
    fn none() -> Slot {
        Slot {
            // No record has no length.
            key: 0,
            from: 0,
            span: 0,
            instrument: 0,
            steps: Steps::of(9),
        }
    }

    /// Whether it says what the number is at this time.
    #[inline]
    pub(super) fn holds_at(&self, ts: u64) -> bool {
        ts.wrapping_sub(self.from) < self.span
    }
}

/// What is known of the numbers that were seen last.
pub(super) struct Slots {
    slots: Box<[Slot]>,
    is_empty: bool,
}

impl Slots {
    pub(super) fn new() -> Slots {
        Slots {
            slots: vec![Slot::none(); SLOTS].into(),
            is_empty: true,
        }
    }

    /// Forgets all, as what numbers stand for has changed.
    pub(super) fn forget(&mut self) {
        if !self.is_empty {
            self.slots.fill(Slot::none());
            self.is_empty = true;
        }
    }

    /// Rows that begin so are of this instrument, from a time and before another; its prices are multiples of a step.
    pub(super) fn learn(
        &mut self,
        head: &Head,
        (InstrumentId(instrument), from, to): (InstrumentId, u64, u64),
        decimals: u8,
    ) {
        let key = key(head);
        // Times that are too late for a record are none of it.
        let to = to.min(1 << 63);
        self.is_empty = false;
        if let Some(slot) = self.slots.get_mut(place(key)) {
            *slot = Slot {
                key,
                from,
                span: to.saturating_sub(from),
                instrument,
                steps: Steps::of(decimals),
            };
        }
    }

    #[inline]
    pub(super) fn of(&self, key: u64) -> Option<&Slot> {
        let slot = self.slots.get(place(key));
        slot.filter(|slot| slot.key == key)
    }
}

#[inline]
pub(super) fn key(head: &Head) -> u64 {
    u64::from(head.length)
        | u64::from(head.rtype) << 8
        | u64::from(head.publisher_id) << 16
        | u64::from(head.instrument_id) << 32
}

#[inline]
fn place(key: u64) -> usize {
    // The high bits of a product depend on all bits.
    let mixed = key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56;
    usize::try_from(mixed).unwrap_or(0) % SLOTS
}
