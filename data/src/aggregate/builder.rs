//! How one bar of one instrument is built. It follows the core's own builder step by step, so that both make the same bars; what
//! the core does not have is the calendar.

use super::edges::{Edges, Period};
use tickloom_types::{BarBody, BarSpec, Flags, Record, Ts};

/// What bars are made from. The finest statement wins: bars of their own size, then smaller bars, then trades or quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Ticks,
    /// Smaller bars of this size; the first size that fits stays.
    Bars(BarSpec),
    /// Bars of exactly this size come as input and are used as they are.
    Exact,
}

#[derive(Clone, Copy, Debug)]
struct OpenBar {
    body: BarBody,
    period: Period,
    /// Newest time in it.
    newest: Ts,
    ticks: u64,
    incomplete: bool,
}

/// A price or a smaller bar on its way into a bar.
#[derive(Clone, Copy, Debug)]
struct Piece {
    ts: Ts,
    period: Period,
    body: BarBody,
    ticks: u64,
}

/// What became of a price or a smaller bar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Added {
    /// It is in the open bar.
    Open,
    /// It is in the bar, which is closed by it.
    Closed(Closed),
    /// It is older than the open bar and in none.
    Late,
    /// No session holds it, or only a part of it.
    Outside,
    /// The bars are made of something else.
    Elsewhere,
    /// Its size does not fit into the bar.
    Bad,
}

/// A bar that is done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Closed {
    pub(super) body: BarBody,
    pub(super) ts: Ts,
    pub(super) incomplete: bool,
}

/// Builds the bars of one instrument.
#[derive(Clone, Debug)]
pub(super) struct Builder {
    spec: BarSpec,
    edges: Edges,
    /// For bars by volume, the size mantissa at which a bar closes.
    volume: i64,
    origin: Origin,
    open: Option<OpenBar>,
    /// Close of the newest bar that was released; nothing before it is released again.
    released: Ts,
    /// For bars from smaller bars, where the first of those began since something was missed; `None` until it comes.
    first: Option<Ts>,
}

impl Builder {
    /// `qty_scale` is ten to the power of the instrument's size decimals. `None` if the size of a volume bar does not fit.
    pub(super) fn new(spec: BarSpec, edges: Edges, qty_scale: i64) -> Option<Builder> {
        let volume = match spec {
            BarSpec::Volume(units) => i64::try_from(units).ok()?.checked_mul(qty_scale)?,
            BarSpec::Time(_) | BarSpec::Ticks(_) => 0,
        };
        Some(Builder {
            spec,
            edges,
            volume,
            origin: Origin::Ticks,
            open: None,
            released: Ts(i64::MIN),
            first: None,
        })
    }

    /// Something was missed: the open bar lacks it, and the next one too unless a smaller bar begins it.
    pub(super) fn gap(&mut self) {
        self.first = None;
        if let Some(open) = &mut self.open {
            open.incomplete = true;
        }
    }

    /// Closes the open bar if its time is over.
    pub(super) fn pass_time(&mut self, ts: Ts) -> Option<Closed> {
        let is_over = self.origin == Origin::Ticks && self.open?.period.close <= ts;
        if is_over { self.close() } else { None }
    }

    /// Adds a price of this size; the caller has let its time pass before. `since` is the time since which nothing was missed, if so.
    pub(super) fn add_price(&mut self, ts: Ts, price: i64, qty: i64, since: Option<Ts>) -> Added {
        if self.origin != Origin::Ticks {
            return Added::Elsewhere;
        }
        if self.is_late(ts) {
            return Added::Late;
        }
        let Some(period) = self.edges.period(ts) else {
            return if self.edges.has_calendar() {
                Added::Outside
            } else {
                Added::Bad
            };
        };
        let body = BarBody {
            open: price,
            high: price,
            low: price,
            close: price,
            volume: qty,
        };
        let piece = Piece {
            ts,
            period,
            body,
            ticks: 1,
        };
        if self.merge(piece, since).is_none() {
            return Added::Bad;
        }
        let full = match self.spec {
            BarSpec::Time(_) => false,
            BarSpec::Ticks(_) | BarSpec::Volume(_) => self.is_full(),
        };
        self.added(full)
    }

    /// Whether a bar of exactly this size may be passed on: from now on only those are. `false` if it is not newer than the last one.
    pub(super) fn take_exact(&mut self, ts: Ts) -> bool {
        self.origin = Origin::Exact;
        self.open = None;
        let newer = ts > self.released;
        self.released = self.released.max(ts);
        newer
    }

    /// Before a smaller bar is added: closes the open bar if the smaller one belongs to a later one.
    pub(super) fn pass_bar(&mut self, ts: Ts, spec: BarSpec) -> Option<Closed> {
        let open = self.open.filter(|_| self.origin == Origin::Bars(spec))?;
        let is_later = match self.edges.period_of_bar(spec, ts) {
            Some(period) => period.start >= open.period.close,
            None => ts > open.period.close,
        };
        if is_later { self.close() } else { None }
    }

    /// Adds a smaller bar if bars of this builder can be made from such.
    pub(super) fn add_bar(&mut self, spec: BarSpec, record: &Record) -> Added {
        if !self.adopt(spec) {
            return Added::Elsewhere;
        }
        let ts = record.ts_event();
        let Some(inside) = ts.0.checked_sub(1).map(Ts) else {
            return Added::Bad;
        };
        if self.is_late(inside) {
            return Added::Late;
        }
        let Some(period) = self.edges.period_of_bar(spec, ts) else {
            return if self.edges.has_calendar() {
                Added::Outside
            } else {
                Added::Bad
            };
        };
        let began = match spec {
            BarSpec::Time(length) => Ts(ts.0.saturating_sub(length)),
            BarSpec::Ticks(_) | BarSpec::Volume(_) => ts,
        };
        if self.straddles(began, ts, period) {
            self.gap();
            return Added::Outside;
        }
        let ticks = match spec {
            BarSpec::Ticks(count) => u64::from(count),
            BarSpec::Time(_) | BarSpec::Volume(_) => 0,
        };
        let body = BarBody::of(record);
        let newest = if matches!(self.spec, BarSpec::Time(_)) {
            inside
        } else {
            ts
        };
        let first = self.first.unwrap_or(began);
        if self
            .merge(
                Piece {
                    ts: newest,
                    period,
                    body,
                    ticks,
                },
                Some(first),
            )
            .is_none()
        {
            return Added::Bad;
        }
        self.first = Some(first);
        if let Some(open) = &mut self.open {
            open.incomplete |= record.has(Flags::INCOMPLETE);
        }
        let full = match self.spec {
            BarSpec::Time(_) => ts >= period.close,
            BarSpec::Ticks(_) | BarSpec::Volume(_) => self.is_full(),
        };
        self.added(full)
    }

    /// The bar that is still open when there is nothing more: it lacks the rest of its time.
    pub(super) fn rest(&mut self) -> Option<Closed> {
        let closed = self.close()?;
        Some(Closed {
            incomplete: true,
            ..closed
        })
    }

    fn added(&mut self, full: bool) -> Added {
        match full.then(|| self.close()).flatten() {
            Some(closed) => Added::Closed(closed),
            None => Added::Open,
        }
    }

    /// Whether a smaller bar began before the period that it ends in, so that it tells of another one too. One that ends with the
    /// session was cut there and may have begun later than its size says; nor do trading days begin at their bars' midnight.
    fn straddles(&self, began: Ts, ts: Ts, period: Period) -> bool {
        let is_cut = ts >= period.close;
        self.edges.has_calendar()
            && !is_cut
            && began < period.start
            && ts.0 - began.0 < super::edges::DAY
    }

    /// Takes smaller bars as the origin if they fit and nothing finer is known.
    fn adopt(&mut self, spec: BarSpec) -> bool {
        match self.origin {
            Origin::Exact => false,
            Origin::Bars(known) => known == spec,
            Origin::Ticks if self.edges.fits(spec) => {
                self.origin = Origin::Bars(spec);
                self.open = None;
                true
            }
            Origin::Ticks => false,
        }
    }

    fn is_late(&self, ts: Ts) -> bool {
        let floor = self.open.map_or(self.released, |open| open.period.start);
        matches!(self.spec, BarSpec::Time(_)) && ts < floor
    }

    fn is_full(&self) -> bool {
        self.open.is_some_and(|open| match self.spec {
            BarSpec::Time(_) => false,
            BarSpec::Ticks(count) => open.ticks >= u64::from(count),
            BarSpec::Volume(_) => open.body.volume >= self.volume,
        })
    }

    /// Puts a piece into the open bar, or opens one with it. `None` if the volume does not fit: nothing is changed.
    fn merge(&mut self, piece: Piece, since: Option<Ts>) -> Option<()> {
        let Some(open) = &mut self.open else {
            let incomplete = match self.spec {
                BarSpec::Time(_) => since.is_none_or(|since| since > piece.period.start),
                BarSpec::Ticks(_) | BarSpec::Volume(_) => since.is_none(),
            };
            self.open = Some(OpenBar {
                body: piece.body,
                period: piece.period,
                newest: piece.ts,
                ticks: piece.ticks,
                incomplete,
            });
            return Some(());
        };
        let body = piece.body;
        open.body.volume = open.body.volume.checked_add(body.volume)?;
        open.body.high = open.body.high.max(body.high);
        open.body.low = open.body.low.min(body.low);
        open.body.close = body.close;
        open.newest = open.newest.max(piece.ts);
        open.ticks += piece.ticks;
        Some(())
    }

    fn close(&mut self) -> Option<Closed> {
        let open = self.open.take()?;
        let close = match self.spec {
            // A bar of a trading day may bear a time after its close: nothing is told before it was known.
            BarSpec::Time(_) => open.period.close.max(Ts(open.newest.0.saturating_add(1))),
            BarSpec::Ticks(_) | BarSpec::Volume(_) => open.newest,
        };
        self.released = self.released.max(close);
        Some(Closed {
            body: open.body,
            ts: self.released,
            incomplete: open.incomplete,
        })
    }
}
