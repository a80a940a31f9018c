//! What is known of one instrument, laid out by how often it is looked at.

use crate::bars::BarBuilder;
use crate::prices::Prices;
use std::mem::offset_of;
use std::ops::Range;
use tickloom_types::{BarSpec, InstrumentId, Record, SourceId, Ts};

/// What is known of an instrument. Where thousands of them have a bar in one moment, what a bar costs is the memory that it
/// touches: what every bar needs comes first, in as few cache lines as can be.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(super) struct Instrument {
    /// The first of its builders in `Market::builders`, and how many there are.
    pub(super) builder: u32,
    pub(super) builder_count: u16,
    /// How many of its `LastBars` there are, and which of them is the newest.
    pub(super) last_bars: u8,
    pub(super) newest: u8,
    /// Of the size of input bars that came first, the close of the newest one.
    pub(super) newest_bar: Option<(BarSpec, Ts)>,
    /// No open bar closes by time before this.
    pub(super) next_close: Ts,
    /// The moment in which its newest bar closed, if there may be rounds before that bar's.
    pub(super) bar_moment: u64,
    /// The moment in which it ticked last, and its places among that moment's ticks.
    pub(super) tick_moment: u64,
    pub(super) ticks: TickPlaces,
    pub(super) prices: Prices,
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

const _: () = assert!(offset_of!(Instrument, prices) == 64);

/// Where an instrument is among the ticks of a moment; [`NO_TICK`] where it is not.
#[derive(Clone, Copy, Debug)]
pub(super) struct TickPlaces {
    pub(super) top: u32,
    pub(super) last: u32,
}

/// No place: there are fewer instruments.
const NO_TICK: u32 = u32::MAX;
const NO_TICKS: TickPlaces = TickPlaces {
    top: NO_TICK,
    last: NO_TICK,
};

/// Why an expectation about numbers of bars cannot fail.
const LIMITED: &str = "the number of bars, and that of their sizes, is limited";

/// The newest bar of an instrument, and the one before the moment with the number `Instrument::bar_moment`. They are overwritten
/// in turn, as it costs less to leave a record where it is.
#[derive(Clone, Debug, Default)]
#[repr(align(64))]
pub(super) struct LastBars([Record; 2]);

impl Instrument {
    /// Its builders in `Market::builders`.
    #[inline]
    pub(super) fn builders(&self) -> Range<usize> {
        let first = self.builder as usize;
        first..first + usize::from(self.builder_count)
    }

    /// Its places among the ticks of the moment with this number.
    #[inline]
    pub(super) fn ticks_in(&mut self, moment: u64) -> &mut TickPlaces {
        if self.tick_moment != moment {
            self.tick_moment = moment;
            self.ticks = NO_TICKS;
        }
        &mut self.ticks
    }

    /// Since when nothing came of what bid and ask are made from; of anything, where those never came.
    pub(super) fn silent_since(&self) -> Ts {
        self.quoted.unwrap_or(self.seen)
    }

    pub(super) fn new(at: usize, builders: &[BarBuilder]) -> Instrument {
        let id = u32::try_from(at).map_or(InstrumentId::NONE, InstrumentId);
        let first = builders.partition_point(|builder| builder.instrument < id);
        let end = builders.partition_point(|builder| builder.instrument <= id);
        Instrument {
            prices: Prices::new(id),
            since: None,
            feed: None,
            seen: Ts(i64::MIN),
            quoted: None,
            builder: u32::try_from(first).expect(LIMITED),
            builder_count: u16::try_from(end - first).expect(LIMITED),
            next_close: Ts(i64::MAX),
            bar_moment: 0,
            last_bars: 0,
            newest: 0,
            tick_moment: 0,
            ticks: NO_TICKS,
            held: 0,
            held_moment: 0,
            newest_bar: None,
            other_bars: Vec::new(),
        }
    }

    /// Takes note of an input bar; if it is newer than those of its size before it, the close of the newest of these, which of the
    /// first one is before all times.
    pub(super) fn advance_bars(&mut self, spec: BarSpec, ts: Ts) -> Option<Ts> {
        let (of, _) = self.newest_bar.get_or_insert((spec, Ts(i64::MIN)));
        let newest = if *of == spec {
            self.newest_bar.as_mut()
        } else {
            self.other_bars.iter_mut().find(|(of, _)| *of == spec)
        };
        match newest {
            Some((_, newest)) => {
                let before = *newest;
                *newest = ts.max(before);
                (ts > before).then_some(before)
            }
            None => {
                self.other_bars.push((spec, ts));
                Some(Ts(i64::MIN))
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
