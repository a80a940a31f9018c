//! Bars of one instrument at one size: which trades, or smaller bars, are in each, and when it closes.

use tickloom_types::{BarBody, BarSpec};

/// A trade, or a smaller bar, that is in a bar.
#[derive(Clone, Copy, Debug)]
struct Piece {
    body: BarBody,
    trades: u64,
}

/// The bar that is being made.
#[derive(Clone, Debug)]
struct Open {
    /// For time bars, the period; for others only `start` counts.
    start: i64,
    close: i64,
    pieces: Vec<Piece>,
    lacks: bool,
}

/// A bar that has closed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Closed {
    pub(crate) spec: BarSpec,
    pub(crate) body: BarBody,
    /// Its close, by which it is stamped.
    pub(crate) ts: i64,
    pub(crate) incomplete: bool,
}

/// What the bars of a size are made of. The finest statement wins: their own size, then smaller bars, then trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Trades,
    Bars(BarSpec),
    Input,
}

/// What became of a trade or a smaller bar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Added {
    /// It is in the open bar, or these bars are not made of such.
    Fine,
    /// It belongs to a bar that has closed.
    Late,
    Closed(Closed),
}

/// The bars of an instrument at one size.
#[derive(Clone, Debug)]
pub(crate) struct Bars {
    pub(crate) spec: BarSpec,
    /// Size mantissas in a unit.
    unit: i64,
    origin: Origin,
    open: Option<Open>,
    /// Close of the newest bar that closed.
    closed: Option<i64>,
    /// Where the first smaller bar began since something was missed.
    whole_since: Option<i64>,
}

impl Bars {
    pub(crate) fn new(spec: BarSpec, unit: i64) -> Bars {
        Bars {
            spec,
            unit,
            origin: Origin::Trades,
            open: None,
            closed: None,
            whole_since: None,
        }
    }

    /// Something was missed: the open bar lacks it.
    pub(crate) fn miss(&mut self) {
        self.whole_since = None;
        if let Some(open) = &mut self.open {
            open.lacks = true;
        }
    }

    /// Closes a time bar of trades whose period is over at this time.
    pub(crate) fn pass_time(&mut self, now: i64) -> Option<Closed> {
        let is_over = matches!(self.spec, BarSpec::Time(_))
            && self.origin == Origin::Trades
            && self.open.as_ref().is_some_and(|open| open.close <= now);
        if is_over { self.close() } else { None }
    }

    /// Closes a time bar of smaller bars where one has come that closes after its period.
    pub(crate) fn pass_bar(&mut self, small: BarSpec, ts: i64) -> Option<Closed> {
        let is_over = matches!(self.spec, BarSpec::Time(_))
            && self.origin == Origin::Bars(small)
            && self.open.as_ref().is_some_and(|open| open.close < ts);
        if is_over { self.close() } else { None }
    }

    /// A trade. `since` is the time since which nothing was missed.
    pub(crate) fn trade(&mut self, ts: i64, price: i64, qty: i64, since: Option<i64>) -> Added {
        if self.origin != Origin::Trades {
            return Added::Fine;
        }
        let body = BarBody {
            open: price,
            high: price,
            low: price,
            close: price,
            volume: qty,
        };
        self.add(ts, Piece { body, trades: 1 }, since)
    }

    /// A bar of another size that closed at `ts`.
    pub(crate) fn smaller(&mut self, small: BarSpec, ts: i64, body: BarBody, lacks: bool) -> Added {
        if self.origin == Origin::Trades && is_made_of(self.spec, small) {
            self.origin = Origin::Bars(small);
            self.open = None;
        }
        if self.origin != Origin::Bars(small) {
            return Added::Fine;
        }
        let trades = match small {
            BarSpec::Ticks(count) => count.into(),
            BarSpec::Time(_) | BarSpec::Volume(_) => 0,
        };
        let began = match small {
            BarSpec::Time(length) => ts - length,
            BarSpec::Ticks(_) | BarSpec::Volume(_) => ts,
        };
        let since = self.whole_since.unwrap_or(began);
        // What closes at a boundary belongs to the period that ends there.
        let inside = match self.spec {
            BarSpec::Time(_) => ts - 1,
            BarSpec::Ticks(_) | BarSpec::Volume(_) => ts,
        };
        let added = self.add(inside, Piece { body, trades }, Some(since));
        if added == Added::Late {
            return added;
        }
        self.whole_since = Some(since);
        match added {
            Added::Closed(closed) => Added::Closed(Closed {
                incomplete: closed.incomplete || lacks,
                ..closed
            }),
            _ => {
                let open = self.open.as_mut().unwrap();
                open.lacks |= lacks;
                if open.close == ts && matches!(self.spec, BarSpec::Time(_)) {
                    return Added::Closed(self.close().unwrap());
                }
                Added::Fine
            }
        }
    }

    /// A bar of exactly this size came as input. Whether it is newer than all before.
    pub(crate) fn input(&mut self, ts: i64) -> bool {
        self.origin = Origin::Input;
        self.open = None;
        let is_newer = self.closed.is_none_or(|closed| ts > closed);
        self.closed = self.closed.max(Some(ts));
        is_newer
    }

    fn add(&mut self, ts: i64, piece: Piece, since: Option<i64>) -> Added {
        if let BarSpec::Time(length) = self.spec {
            let floor = match &self.open {
                Some(open) => Some(open.start),
                None => self.closed,
            };
            if floor.is_some_and(|floor| ts < floor) {
                return Added::Late;
            }
            if self.open.is_none() {
                let start = ts.div_euclid(length) * length;
                self.open = Some(Open {
                    start,
                    close: start + length,
                    pieces: vec![],
                    lacks: since.is_none_or(|since| since > start),
                });
            }
        }
        let open = self.open.get_or_insert(Open {
            start: ts,
            close: ts,
            pieces: vec![],
            lacks: since.is_none(),
        });
        if !matches!(self.spec, BarSpec::Time(_)) {
            open.close = open.close.max(ts);
        }
        open.pieces.push(piece);
        let trades: u64 = open.pieces.iter().map(|piece| piece.trades).sum();
        let volume: i64 = open.pieces.iter().map(|piece| piece.body.volume).sum();
        let is_full = match self.spec {
            BarSpec::Time(_) => false,
            BarSpec::Ticks(count) => trades >= u64::from(count),
            BarSpec::Volume(units) => volume >= i64::try_from(units).unwrap() * self.unit,
        };
        if is_full {
            Added::Closed(self.close().unwrap())
        } else {
            Added::Fine
        }
    }

    fn close(&mut self) -> Option<Closed> {
        let open = self.open.take()?;
        let bodies = || open.pieces.iter().map(|piece| piece.body);
        self.closed = self.closed.max(Some(open.close));
        Some(Closed {
            spec: self.spec,
            body: BarBody {
                open: bodies().next()?.open,
                high: bodies().map(|body| body.high).max()?,
                low: bodies().map(|body| body.low).min()?,
                close: bodies().next_back()?.close,
                volume: bodies().map(|body| body.volume).sum(),
            },
            ts: self.closed?,
            incomplete: open.lacks,
        })
    }
}

/// Whether bars of size `large` can be made of whole bars of size `small`.
fn is_made_of(large: BarSpec, small: BarSpec) -> bool {
    match (large, small) {
        (BarSpec::Time(large), BarSpec::Time(small)) => small < large && large % small == 0,
        (BarSpec::Ticks(large), BarSpec::Ticks(small)) => small < large && large % small == 0,
        (BarSpec::Volume(large), BarSpec::Volume(small)) => small < large,
        (BarSpec::Volume(_), BarSpec::Time(_)) => true,
        _ => false,
    }
}
