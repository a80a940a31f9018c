//! A moment: the records that belong to one instant, and the rounds in which expressions tick and strategies decide at
//! its end. Bars that time closed have a round for each close, as they were done before the records came; all that the
//! records said themselves is the last round.

use crate::log::{Log, Tick};
use crate::market::ClosedBar;
use crate::risk::View;
use tickloom_types::{Flags, Header, InstrumentId, Kind, Record, Ts};

use crate::world::bar_source;

/// What is seen of all instruments at one time.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) views: Vec<View>,
    pub(crate) marks: Vec<Option<i64>>,
}

/// Something that ticked, with what its outputs are stamped with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamped {
    pub(crate) tick: Tick,
    pub(crate) header: Header,
    /// Place of its record in the moment.
    pub(crate) place: usize,
}

/// The records of a moment so far.
#[derive(Debug, Default)]
pub(crate) struct Moment {
    pub(crate) is_open: bool,
    /// Headers of the records that count.
    pub(crate) taken: Vec<Header>,
    pub(crate) ticks: Vec<Stamped>,
    /// Bars that the records completed, or were, with their place.
    pub(crate) bars: Vec<(ClosedBar, usize)>,
    /// Bars that time closed, as they are told.
    pub(crate) passed: Vec<(ClosedBar, Record)>,
    /// What was seen before the first record that let time close bars.
    pub(crate) before: Option<Seen>,
}

/// One time at which expressions tick and strategies decide.
#[derive(Debug)]
pub(crate) struct Round {
    /// What ticks: once, unless bars of one size closed several times; then each of these counts.
    pub(crate) steps: Vec<Vec<Tick>>,
    pub(crate) stamps: Vec<Stamped>,
    /// What decisions are stamped with.
    pub(crate) cause: Header,
    pub(crate) is_of_records: bool,
    pub(crate) bars: Vec<ClosedBar>,
    pub(crate) seen: Seen,
}

impl Moment {
    /// The rounds at its end, if any record counts; `now` is what is seen after all of them.
    pub(crate) fn rounds(&self, now: &Seen) -> Vec<Round> {
        let Some(newest) = self.taken.last() else {
            return vec![];
        };
        let mut closes: Vec<i64> = self.passed.iter().map(|(bar, _)| bar.bar.ts).collect();
        closes.sort_unstable();
        closes.dedup();
        let mut rounds: Vec<Round> = closes
            .iter()
            .map(|close| self.passed_round(*close))
            .collect();
        rounds.push(self.last_round(*newest, now));
        rounds
    }

    fn passed_round(&self, close: i64) -> Round {
        let of_close = self.passed.iter().filter(|(bar, _)| bar.bar.ts == close);
        let stamps: Vec<Stamped> = of_close
            .clone()
            .map(|(bar, told)| Stamped {
                tick: bar.tick(),
                header: told.header,
                place: 0,
            })
            .collect();
        Round {
            steps: vec![stamps.iter().map(|stamped| stamped.tick).collect()],
            cause: stamps[0].header,
            stamps,
            is_of_records: false,
            bars: of_close.map(|(bar, _)| *bar).collect(),
            seen: self.before.clone().unwrap(),
        }
    }

    fn last_round(&self, newest: Header, now: &Seen) -> Round {
        let bars = self.bars.iter().map(|(bar, place)| Stamped {
            tick: bar.tick(),
            header: self.taken[*place],
            place: *place,
        });
        let mut steps = in_steps(self.bars.iter().map(|(bar, _)| *bar).collect());
        let prices = self.ticks.iter().map(|stamped| stamped.tick);
        steps.last_mut().unwrap().extend(prices);
        Round {
            steps,
            stamps: bars.chain(self.ticks.iter().copied()).collect(),
            cause: newest,
            is_of_records: true,
            bars: self.bars.iter().map(|(bar, _)| *bar).collect(),
            seen: now.clone(),
        }
    }
}

impl Round {
    /// What an output of an expression with these fields is stamped with: the newest record that ticked one of them.
    pub(crate) fn stamp(&self, log: &Log, fields: &[crate::expression::Field]) -> Header {
        let mut newest: Option<&Stamped> = None;
        for stamped in &self.stamps {
            let feeds = fields
                .iter()
                .any(|field| log.stated(field, &stamped.tick).is_some());
            if feeds && newest.is_none_or(|newest| stamped.place > newest.place) {
                newest = Some(stamped);
            }
        }
        newest.map_or(self.cause, |stamped| stamped.header)
    }
}

/// Bars in the order of their closes, in as few steps as there can be without two of one series in a step, where anybody
/// asks for them. Those of one close stay together.
fn in_steps(mut bars: Vec<ClosedBar>) -> Vec<Vec<Tick>> {
    bars.sort_by_key(|bar| bar.bar.ts);
    let is_same = |a: &ClosedBar, b: &ClosedBar| {
        a.is_asked_for && a.instrument == b.instrument && a.bar.spec == b.bar.spec
    };
    let mut steps: Vec<Vec<ClosedBar>> = vec![vec![]];
    let mut at = 0;
    while at < bars.len() {
        let close = bars[at].bar.ts;
        let together: Vec<ClosedBar> = bars[at..]
            .iter()
            .take_while(|bar| bar.bar.ts == close)
            .copied()
            .collect();
        at += together.len();
        let repeats = |bar: &ClosedBar, step: &[ClosedBar]| step.iter().any(|b| is_same(b, bar));
        let last = steps.last().unwrap();
        if together.iter().any(|bar| repeats(bar, last)) {
            steps.push(vec![]);
        }
        for bar in together {
            if repeats(&bar, steps.last().unwrap()) {
                steps.push(vec![]);
            }
            steps.last_mut().unwrap().push(bar);
        }
    }
    let ticks = |step: &Vec<ClosedBar>| step.iter().map(ClosedBar::tick).collect();
    steps.iter().map(ticks).collect()
}

/// The header that outputs of a record are stamped with.
pub(crate) fn stamp_of(record: &Record) -> Header {
    let mut header = record.header;
    header.flags &= !Flags::MORE;
    header
}

/// A bar as a record: stamped at its close, arrived with what closed it.
pub(crate) fn bar_record(bar: &ClosedBar, cause: &Record) -> Record {
    let mut header = Header::new(
        Kind::BarClosed,
        InstrumentId(u32::try_from(bar.instrument).unwrap()),
        bar_source(bar.bar.spec),
        Ts(bar.bar.ts),
        cause.ts_recv(),
    );
    if bar.bar.incomplete {
        header = header.with_flags(Flags::INCOMPLETE);
    }
    bar.bar.body.record(header)
}
