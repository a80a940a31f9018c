//! What is known of records that are packed: of each instrument the times and the largest numbers, and one record of each kind.

use crate::import::rescale::Largest;
use crate::import::table::{Drafted, DraftedOf};
use std::collections::BTreeSet;
use tickloom_types::{BarBody, Kind, Record, Ts};

/// What is known of records that are packed.
pub(super) struct Seen {
    pub(super) by_instrument: Vec<SeenOf>,
    /// What was last noted as seen.
    last: Option<(u32, u16, u8)>,
    kinds: BTreeSet<(u32, u16, u8)>,
    /// One record of each instrument, source and kind.
    pub(super) samples: Vec<Record>,
    pub(super) is_one_series: bool,
    newest: i64,
    /// The least and the greatest time, of a first reading.
    whole: Option<(Ts, Ts)>,
}

#[derive(Clone, Default)]
pub(super) struct SeenOf {
    pub(super) times: Option<(Ts, Ts)>,
    pub(super) largest: Largest,
}

impl Seen {
    /// Of no record yet.
    pub(super) fn new(instruments: usize) -> Seen {
        Seen {
            by_instrument: vec![SeenOf::default(); instruments],
            last: None,
            kinds: BTreeSet::new(),
            samples: Vec::new(),
            is_one_series: true,
            newest: i64::MIN,
            whole: None,
        }
    }

    /// Of records that a first reading made.
    pub(super) fn of(drafted: &Drafted) -> Seen {
        let mut seen = Seen::new(0);
        for of in drafted.by_instrument() {
            let Some(DraftedOf {
                sample,
                times: (from, to),
                largest: (price, qty),
            }) = of
            else {
                seen.by_instrument.push(SeenOf::default());
                continue;
            };
            seen.by_instrument.push(SeenOf {
                times: Some((lies(&sample, from), lies(&sample, to))),
                largest: Largest::of(price, qty),
            });
            seen.whole = Some(match seen.whole {
                Some((first, last)) => (first.min(from), last.max(to)),
                None => (from, to),
            });
            seen.samples.push(sample);
        }
        seen.is_one_series = drafted.is_one_series();
        seen
    }

    /// The least and the greatest time, of a first reading.
    pub(super) fn times(&self) -> Option<(Ts, Ts)> {
        self.whole
    }

    pub(super) fn note(&mut self, seq: u64, record: &Record) {
        let header = record.header;
        let this = (header.instrument, header.source, header.kind);
        if self.last != Some(this) {
            self.last = Some(this);
            if self.kinds.insert(this) {
                self.samples.push(*record);
                self.is_one_series &= self.samples.len() == 1;
            }
        }
        self.is_one_series = self.is_one_series
            && record.kind() == Some(Kind::Bar)
            && header.flags == 0
            && header.ts_recv == header.ts_event
            && header.ts_event > self.newest
            && BarBody::of(record).volume >= 0;
        self.newest = header.ts_event;
        let at = usize::try_from(header.instrument).unwrap_or(usize::MAX);
        if let Some(seen) = self.by_instrument.get_mut(at) {
            let lies = lies(record, record.ts_event());
            let (from, to) = seen.times.unwrap_or((lies, lies));
            seen.times = Some((from.min(lies), to.max(lies)));
            seen.largest.note(seq, record);
        }
    }
}

/// When a record of this time lies: a bar before the time that it bears.
fn lies(record: &Record, ts: Ts) -> Ts {
    Ts(ts.0 - i64::from(record.kind() == Some(Kind::Bar)))
}
