//! What is known of one instrument, laid out by how often it is looked at.

use crate::bars::BarBuilder;
use crate::prices::Prices;
use std::ops::Range;
use tickloom_types::{BarSpec, InstrumentId, Record, SourceId, Ts};

/// What is known of an instrument. Where thousands of them have a bar in one moment, what a bar costs is the memory that it
/// touches: what every bar needs comes first, in as few cache lines as can be.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(super) struct Instrument {
    /// Its builders in `Market::builders`.
    pub(super) bars: Range<u32>,
    /// Of the size of input bars that came first, the close of the newest one.
    pub(super) newest_bar: Option<(BarSpec, Ts)>,
    /// No open bar closes by time before this.
    pub(super) next_close: Ts,
    /// The moment in which its newest bar closed, if there may be rounds before that bar's.
    pub(super) bar_moment: u64,
    /// The moment in which it ticked last.
    pub(super) tick_moment: u64,
    /// How many of its `LastBars` there are, and which of them is the newest.
    pub(super) last_bars: u8,
    pub(super) newest: u8,
    pub(super) prices: Prices,
    /// Its place among that moment's ticks.
    pub(super) tick: usize,
    /// Since when no record was missed; `None` while some are.
    pub(super) since: Option<Ts>,
    /// Newest time of a trade, quote or level.
    pub(super) seen: Ts,
    /// Newest time of a quote or level, once there was one: trades say nothing of whether the book still comes.
    pub(super) quoted: Option<Ts>,
    /// The feed that its records come from: its timers and status concern this instrument.
    pub(super) feed: Option<SourceId>,
    /// Its place in what was kept of before, in the moment with the number `held_moment`.
    pub(super) held: usize,
    pub(super) held_moment: u64,
    /// As `newest_bar`, of other sizes.
    pub(super) other_bars: Vec<(BarSpec, Ts)>,
}

/// The newest bar of an instrument, and the one before the moment with the number `Instrument::bar_moment`. They are overwritten
/// in turn, as it costs less to leave a record where it is.
#[derive(Clone, Debug, Default)]
#[repr(align(64))]
pub(super) struct LastBars([Record; 2]);

impl Instrument {
    /// Its builders in `Market::builders`.
    #[inline]
    pub(super) fn builders(&self) -> Range<usize> {
        self.bars.start as usize..self.bars.end as usize
    }

    /// Since when nothing came of what bid and ask are made from; of anything, where those never came.
    pub(super) fn silent_since(&self) -> Ts {
        self.quoted.unwrap_or(self.seen)
    }

    pub(super) fn new(at: usize, builders: &[BarBuilder]) -> Instrument {
        let id = u32::try_from(at).map_or(InstrumentId::NONE, InstrumentId);
        let place = |at: usize| u32::try_from(at).expect("the number of bars is limited");
        let first = place(builders.partition_point(|builder| builder.instrument < id));
        let end = place(builders.partition_point(|builder| builder.instrument <= id));
        Instrument {
            prices: Prices::new(id),
            since: None,
            feed: None,
            seen: Ts(i64::MIN),
            quoted: None,
            bars: first..end,
            next_close: Ts(i64::MAX),
            bar_moment: 0,
            last_bars: 0,
            newest: 0,
            tick: 0,
            tick_moment: 0,
            held: 0,
            held_moment: 0,
            newest_bar: None,
            other_bars: Vec::new(),
        }
    }

    /// Takes note of an input bar; whether it is newer than those of its size before it.
    pub(super) fn advance_bars(&mut self, spec: BarSpec, ts: Ts) -> bool {
        let (of, _) = self.newest_bar.get_or_insert((spec, Ts(i64::MIN)));
        let newest = if *of == spec {
            self.newest_bar.as_mut()
        } else {
            self.other_bars.iter_mut().find(|(of, _)| *of == spec)
        };
        match newest {
            Some((_, newest)) => {
                let is_newer = ts > *newest;
                *newest = ts.max(*newest);
                is_newer
            }
            None => {
                self.other_bars.push((spec, ts));
                true
            }
        }
    }
}

impl LastBars {
    /// Takes the newest bar; `keeps` says whether the one before it is to be kept, instead of the one that is.
    #[inline]
    pub(super) fn take(&mut self, of: &mut Instrument, bar: &Record, keeps: bool) {
        if of.last_bars == 0 {
            of.last_bars = 1;
        } else if keeps {
            of.last_bars = 2;
            of.newest ^= 1;
        }
        self.0[usize::from(of.newest)] = *bar;
    }

    pub(super) fn newest(&self, of: &Instrument) -> Option<&Record> {
        (of.last_bars > 0).then(|| &self.0[usize::from(of.newest)])
    }

    pub(super) fn before(&self, of: &Instrument) -> Option<&Record> {
        (of.last_bars > 1).then(|| &self.0[usize::from(1 - of.newest)])
    }
}
