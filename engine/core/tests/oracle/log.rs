//! What ticked, step by step, for ever: the only thing that expressions are worked out from.

use crate::expression::{Field, What};
use tickloom_types::{BarBody, BarSpec, InstrumentDef};

/// Best bid and ask with their sizes, as mantissas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Top {
    pub(crate) bid: i64,
    pub(crate) bid_qty: i64,
    pub(crate) ask: i64,
    pub(crate) ask_qty: i64,
}

/// Price and size of bid and ask, each as far as it is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sides {
    pub(crate) bid: Option<(i64, i64)>,
    pub(crate) ask: Option<(i64, i64)>,
}

impl Sides {
    /// Both.
    pub(crate) fn top(&self) -> Option<Top> {
        let ((bid, bid_qty), (ask, ask_qty)) = self.bid.zip(self.ask)?;
        Some(Top {
            bid,
            bid_qty,
            ask,
            ask_qty,
        })
    }
}

/// Something of an instrument that was stated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Tick {
    /// Bid and ask, or that they cannot be trusted any more.
    Top(usize, Option<Top>),
    /// The last price.
    Last(usize, i64),
    /// A bar closed, at this time.
    Bar(usize, BarSpec, BarBody, i64),
}

impl Tick {
    /// Index of the instrument that ticked.
    pub(crate) fn instrument(&self) -> usize {
        match self {
            Tick::Top(at, _) | Tick::Last(at, _) | Tick::Bar(at, ..) => *at,
        }
    }
}

/// A number of a field: an exact decimal, but for mid and spread, which are quotients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Number {
    pub(crate) mantissa: i64,
    pub(crate) decimals: u32,
    /// What the mantissa is divided by besides.
    pub(crate) by: i64,
}

impl Number {
    pub(crate) fn value(&self) -> f64 {
        self.mantissa as f64 / (self.by * 10_i64.pow(self.decimals)) as f64
    }
}

/// All steps so far.
pub(crate) struct Log {
    defs: Vec<InstrumentDef>,
    steps: Vec<Vec<Tick>>,
    /// The first step of the newest round.
    round: usize,
}

impl Log {
    pub(crate) fn new(defs: &[InstrumentDef]) -> Log {
        Log {
            defs: defs.to_vec(),
            steps: vec![],
            round: 0,
        }
    }

    /// A new round begins.
    pub(crate) fn begin_round(&mut self) {
        self.round = self.steps.len();
    }

    /// What ticked at one step of the round, mostly its only one.
    pub(crate) fn push(&mut self, ticks: &[Tick]) {
        self.steps.push(ticks.to_vec());
    }

    /// Whether a step is of the newest round.
    pub(crate) fn is_now(&self, step: usize) -> bool {
        step >= self.round
    }

    /// The steps at which a field ticked, with its number; at each the newest statement counts.
    pub(crate) fn ticks(&self, field: &Field) -> Vec<(usize, Option<Number>)> {
        let mut all = vec![];
        for (at, step) in self.steps.iter().enumerate() {
            let mut stated = step.iter().filter_map(|tick| self.stated(field, tick));
            if let Some(number) = stated.next_back() {
                all.push((at, number));
            }
        }
        all
    }

    /// The steps at which the newest bars of all these fields have the same close, and one of them has just closed.
    pub(crate) fn common_closes(&self, fields: &[Field]) -> Vec<usize> {
        let mut newest: Vec<Option<i64>> = vec![None; fields.len()];
        let mut common = vec![];
        for (at, step) in self.steps.iter().enumerate() {
            let mut has_closed = false;
            for (field, newest) in fields.iter().zip(&mut newest) {
                for tick in step {
                    if let (Tick::Bar(.., close), Some(_)) = (tick, self.stated(field, tick)) {
                        *newest = Some(*close);
                        has_closed = true;
                    }
                }
            }
            let are_equal = newest.windows(2).all(|pair| pair[0] == pair[1]);
            if has_closed && are_equal {
                common.push(at);
            }
        }
        common
    }

    /// What a tick says of a field, if it says anything of it.
    pub(crate) fn stated(&self, field: &Field, tick: &Tick) -> Option<Option<Number>> {
        let def = &self.defs[field.instrument];
        let price = |mantissa: i64| number(mantissa, def.price_decimals);
        let size = |mantissa: i64| number(mantissa, def.qty_decimals);
        let of = |instrument: usize| instrument == field.instrument;
        match (*tick, field.what) {
            (Tick::Last(id, last), What::Last) if of(id) => Some(Some(price(last))),
            (Tick::Top(id, top), What::Bid) if of(id) => Some(top.map(|top| price(top.bid))),
            (Tick::Top(id, top), What::Ask) if of(id) => Some(top.map(|top| price(top.ask))),
            (Tick::Top(id, top), What::BidQty) if of(id) => Some(top.map(|top| size(top.bid_qty))),
            (Tick::Top(id, top), What::Spread) if of(id) => {
                Some(top.map(|top| price(top.ask - top.bid)))
            }
            (Tick::Top(id, top), What::Mid) if of(id) => Some(top.map(|top| Number {
                by: 2,
                ..price(top.bid + top.ask)
            })),
            (Tick::Bar(id, spec, bar, _), What::Close(of_spec)) if of(id) && spec == of_spec => {
                Some(Some(price(bar.close)))
            }
            (Tick::Bar(id, spec, bar, _), What::High(of_spec)) if of(id) && spec == of_spec => {
                Some(Some(price(bar.high)))
            }
            (Tick::Bar(id, spec, bar, _), What::Volume(of_spec)) if of(id) && spec == of_spec => {
                Some(Some(size(bar.volume)))
            }
            _ => None,
        }
    }
}

fn number(mantissa: i64, decimals: u8) -> Number {
    Number {
        mantissa,
        decimals: decimals.into(),
        by: 1,
    }
}
