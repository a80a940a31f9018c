//! Bars of one instrument at one size, from trades or from smaller bars.
//!
//! A bar is stamped and released at its close, never before, and none is made up for a period without trades.
//! What closes a bar is decided by the market (`market.rs`), which feeds this; here is only how one bar is built.

mod state;

use crate::market::Bad;
use tickloom_types::{
    BarBody, BarSpec, Flags, Header, InstrumentId, Kind, Record, SourceId, TradeBody, Ts,
};

/// Where the bars of a builder come from. The finest statement wins: its own size, then smaller bars, then trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Trades,
    /// Smaller bars of this size; the first size that fits stays.
    Bars(BarSpec),
    /// Bars of exactly this size come as input and are used as they are.
    Exact,
}

#[derive(Clone, Copy, Debug)]
struct OpenBar {
    body: BarBody,
    /// For time bars, where the period begins; trades before it are late.
    start: Ts,
    /// For time bars, where it ends; otherwise the newest time in it.
    close: Ts,
    /// Trades (or smaller bars' trades) in it, for bars by ticks.
    ticks: u64,
    incomplete: bool,
}

/// A trade or a smaller bar on its way into a bar.
#[derive(Clone, Copy, Debug)]
struct Piece {
    ts: Ts,
    /// Close of the time bar that it belongs to; for other bars, its own time.
    close: Ts,
    body: BarBody,
    ticks: u64,
}

/// What became of a trade or smaller bar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Added {
    /// It is in the open bar.
    Open,
    /// It is in the bar, which is closed by it.
    Closed(Closed),
    /// It is older than the open bar and in none.
    Late,
    /// The bars of this builder do not come from trades.
    Elsewhere,
}

/// A bar that is done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Closed {
    pub(crate) body: BarBody,
    pub(crate) ts: Ts,
    pub(crate) incomplete: bool,
}

/// Builds the bars of one instrument at one size. First is what a bar needs that comes as it is: then nothing else is touched.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(crate) struct BarBuilder {
    pub(crate) spec: BarSpec,
    /// Of `Exact` there is no open bar.
    origin: Origin,
    /// Close of the newest bar that was released; nothing before it is released again.
    released: Ts,
    pub(crate) instrument: InstrumentId,
    /// The source that bars of this size are said to come from.
    source: SourceId,
    open: Option<OpenBar>,
    /// For bars by volume, the size mantissa at which a bar closes.
    volume: i64,
    /// For bars from smaller bars, where the first of those began since something was missed; `None` until it comes.
    first: Option<Ts>,
}

impl BarBuilder {
    /// `qty_scale` is ten to the power of the instrument's size decimals. `None` if the size of a volume bar does not fit.
    pub(crate) fn new(
        instrument: InstrumentId,
        spec: BarSpec,
        source: SourceId,
        qty_scale: i64,
    ) -> Option<BarBuilder> {
        let volume = match spec {
            BarSpec::Volume(units) => i64::try_from(units).ok()?.checked_mul(qty_scale)?,
            BarSpec::Time(_) | BarSpec::Ticks(_) => 0,
        };
        Some(BarBuilder {
            instrument,
            spec,
            source,
            volume,
            origin: Origin::Trades,
            open: None,
            released: Ts(i64::MIN),
            first: None,
        })
    }

    /// Whether a bar of this size has come or was made.
    pub(crate) fn has_closed(&self) -> bool {
        self.released > Ts(i64::MIN)
    }

    /// Makes no bars: those of this size come as input.
    pub(crate) fn await_given(&mut self) {
        self.origin = Origin::Exact;
    }

    /// Something was missed: the open bar lacks it, and the next one too unless a smaller bar begins it.
    pub(crate) fn gap(&mut self) {
        self.first = None;
        if let Some(open) = &mut self.open {
            open.incomplete = true;
        }
    }

    /// The time at which the open bar closes by time alone.
    pub(crate) fn closes_at(&self) -> Option<Ts> {
        let by_time = self.origin == Origin::Trades && matches!(self.spec, BarSpec::Time(_));
        if !by_time {
            return None;
        }
        self.open.as_ref().map(|open| open.close)
    }

    /// Closes the open bar if its time is over.
    pub(crate) fn pass_time(&mut self, ts: Ts) -> Option<Closed> {
        if self.closes_at()? > ts {
            return None;
        }
        self.close()
    }

    /// Adds a trade; the caller has let its time pass before. `since` is the time since which no trade was missed, if so.
    ///
    /// # Errors
    /// [`Bad`] if its time has no bar or the volume does not fit: nothing is changed.
    pub(crate) fn add_trade(
        &mut self,
        ts: Ts,
        trade: &TradeBody,
        since: Option<Ts>,
    ) -> Result<Added, Bad> {
        if self.origin != Origin::Trades {
            return Ok(Added::Elsewhere);
        }
        if self.is_late(ts) {
            return Ok(Added::Late);
        }
        let body = BarBody {
            open: trade.price,
            high: trade.price,
            low: trade.price,
            close: trade.price,
            volume: trade.qty,
        };
        let close = self.close_of(ts).ok_or(Bad)?;
        let piece = Piece {
            ts,
            close,
            body,
            ticks: 1,
        };
        self.merge(piece, since)?;
        let full = match self.spec {
            BarSpec::Time(_) => false,
            BarSpec::Ticks(_) | BarSpec::Volume(_) => self.is_full(),
        };
        Ok(match full.then(|| self.close()).flatten() {
            Some(closed) => Added::Closed(closed),
            None => Added::Open,
        })
    }

    /// Whether an input bar of exactly this size may be passed on: from now on only those are. `false` if it is not newer than the last one.
    pub(crate) fn take_exact(&mut self, ts: Ts) -> bool {
        if self.origin != Origin::Exact {
            self.origin = Origin::Exact;
            self.open = None;
        }
        let newer = ts > self.released;
        self.released = self.released.max(ts);
        newer
    }

    /// Whether bars of this size come as input, and those of other sizes change nothing.
    #[inline]
    pub(crate) fn is_given(&self, spec: BarSpec) -> bool {
        self.origin == Origin::Exact && self.spec == spec
    }

    /// Before a smaller bar is added: closes the open bar if the smaller one belongs to a later one.
    pub(crate) fn pass_bar(&mut self, ts: Ts, spec: BarSpec) -> Option<Closed> {
        let is_later = self.origin == Origin::Bars(spec)
            && matches!(self.spec, BarSpec::Time(_))
            && self.open.is_some_and(|open| ts > open.close);
        if is_later { self.close() } else { None }
    }

    /// Adds a smaller bar if bars of this builder can be made from such.
    ///
    /// # Errors
    /// [`Bad`] if its time has no bar or the volume does not fit: nothing is changed.
    pub(crate) fn add_bar(&mut self, spec: BarSpec, record: &Record) -> Result<Added, Bad> {
        if !self.adopt(spec) {
            return Ok(Added::Elsewhere);
        }
        let ts = record.ts_event();
        let inside = Ts(ts.0.checked_sub(1).ok_or(Bad)?);
        if self.is_late(inside) {
            return Ok(Added::Late);
        }
        let ticks = match spec {
            BarSpec::Ticks(count) => u64::from(count),
            BarSpec::Time(_) | BarSpec::Volume(_) => 0,
        };
        let close = match self.spec {
            BarSpec::Time(_) => self.close_of(inside).ok_or(Bad)?,
            BarSpec::Ticks(_) | BarSpec::Volume(_) => ts,
        };
        let piece = Piece {
            ts: inside,
            close,
            body: BarBody::of(record),
            ticks,
        };
        let began = match spec {
            BarSpec::Time(length) => Ts(ts.0.saturating_sub(length)),
            BarSpec::Ticks(_) | BarSpec::Volume(_) => ts,
        };
        let first = self.first.unwrap_or(began);
        self.merge(piece, Some(first))?;
        self.first = Some(first);
        if let Some(open) = &mut self.open {
            open.incomplete |= record.has(Flags::INCOMPLETE);
        }
        let full = match self.spec {
            BarSpec::Time(_) => ts == close,
            BarSpec::Ticks(_) | BarSpec::Volume(_) => self.is_full(),
        };
        Ok(match full.then(|| self.close()).flatten() {
            Some(closed) => Added::Closed(closed),
            None => Added::Open,
        })
    }

    /// The output record of a bar that this builder closed, because of a record with this header.
    pub(crate) fn record(&self, closed: &Closed, cause: &Header) -> Record {
        let mut header = Header::new(
            Kind::BarClosed,
            self.instrument,
            self.source,
            closed.ts,
            Ts(cause.ts_recv),
        );
        if closed.incomplete {
            header = header.with_flags(Flags::INCOMPLETE);
        }
        closed.body.record(header)
    }

    /// Takes smaller bars as the origin if they fit and nothing finer is known.
    fn adopt(&mut self, spec: BarSpec) -> bool {
        match self.origin {
            Origin::Exact => false,
            Origin::Bars(known) => known == spec,
            Origin::Trades if fits(spec, self.spec) => {
                self.origin = Origin::Bars(spec);
                self.open = None;
                true
            }
            Origin::Trades => false,
        }
    }

    fn is_late(&self, ts: Ts) -> bool {
        let floor = self.open.map_or(self.released, |open| open.start);
        matches!(self.spec, BarSpec::Time(_)) && ts < floor
    }

    fn close_of(&self, ts: Ts) -> Option<Ts> {
        match self.spec {
            BarSpec::Time(_) => self.spec.close_after(ts),
            BarSpec::Ticks(_) | BarSpec::Volume(_) => Some(ts),
        }
    }

    fn is_full(&self) -> bool {
        self.open.is_some_and(|open| match self.spec {
            BarSpec::Time(_) => false,
            BarSpec::Ticks(count) => open.ticks >= u64::from(count),
            BarSpec::Volume(_) => open.body.volume >= self.volume,
        })
    }

    /// Puts a piece into the open bar, or opens one with it.
    fn merge(&mut self, piece: Piece, since: Option<Ts>) -> Result<(), Bad> {
        let Some(open) = &mut self.open else {
            self.open = Some(self.opened(piece, since)?);
            return Ok(());
        };
        let body = piece.body;
        open.body.volume = open.body.volume.checked_add(body.volume).ok_or(Bad)?;
        open.body.high = open.body.high.max(body.high);
        open.body.low = open.body.low.min(body.low);
        open.body.close = body.close;
        open.close = open.close.max(piece.close);
        open.ticks += piece.ticks;
        Ok(())
    }

    fn opened(&self, piece: Piece, since: Option<Ts>) -> Result<OpenBar, Bad> {
        let (start, incomplete) = match self.spec {
            BarSpec::Time(length) => {
                let start = Ts(piece.close.0.checked_sub(length).ok_or(Bad)?);
                (start, since.is_none_or(|since| since > start))
            }
            BarSpec::Ticks(_) | BarSpec::Volume(_) => (piece.ts, since.is_none()),
        };
        Ok(OpenBar {
            body: piece.body,
            start,
            close: piece.close,
            ticks: piece.ticks,
            incomplete,
        })
    }

    fn close(&mut self) -> Option<Closed> {
        let open = self.open.take()?;
        self.released = self.released.max(open.close);
        Some(Closed {
            body: open.body,
            ts: self.released,
            incomplete: open.incomplete,
        })
    }
}

/// Whether bars of size `large` can be made from whole bars of size `small`.
pub(crate) fn fits(small: BarSpec, large: BarSpec) -> bool {
    match (small, large) {
        (BarSpec::Time(s), BarSpec::Time(l)) => {
            let edge = large.close_after(Ts(0));
            s < l && l % s == 0 && edge.is_some_and(|e| small.close_after(Ts(e.0 - 1)) == edge)
        }
        (BarSpec::Ticks(s), BarSpec::Ticks(l)) => s < l && l % s == 0,
        (BarSpec::Volume(s), BarSpec::Volume(l)) => s < l,
        (BarSpec::Time(_), BarSpec::Volume(_)) => true,
        _ => false,
    }
}
