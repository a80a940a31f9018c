//! What is remembered of bars: the open one, and which have been released.

use super::{BarBuilder, OpenBar, Origin, fits};
use crate::state::BarState;
use tickloom_types::{BarBody, StateError, StateReader, StateWriter, Ts};

impl BarBuilder {
    pub(crate) fn save(&self, to: &mut StateWriter) {
        match self.origin {
            Origin::Trades => to.u8(0),
            Origin::Bars(spec) => {
                to.u8(1);
                to.bar_spec(spec);
            }
            Origin::Exact => to.u8(2),
        }
        to.option(self.open.as_ref(), |to, open| open.save(to));
        to.i64(self.released.0);
        to.option(self.first, |to, first| to.i64(first.0));
    }

    /// Onto a builder of the same bars that has seen nothing.
    pub(crate) fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        let origin = match from.u8()? {
            0 => Some(Origin::Trades),
            1 => {
                let spec = from.bar_spec()?;
                fits(spec, self.spec).then_some(Origin::Bars(spec))
            }
            2 => Some(Origin::Exact),
            _ => None,
        };
        // Where bars of this size are to come as input, none are ever made.
        let is_given = self.origin == Origin::Exact;
        let origin = origin.filter(|origin| !is_given || *origin == Origin::Exact);
        self.origin = origin.ok_or_else(|| from.wrong("what these bars are made of"))?;
        self.open = from.option(OpenBar::load)?;
        let is_closed = self.origin == Origin::Exact;
        from.check(self.open.is_none() || !is_closed, "a bar that is made")?;
        self.released = Ts(from.i64()?);
        self.first = from.option(|from| from.i64().map(Ts))?;
        Ok(())
    }

    /// The open bar.
    pub(crate) fn state(&self) -> Option<BarState> {
        let open = self.open.as_ref()?;
        Some(BarState {
            instrument: self.instrument,
            spec: self.spec,
            source: self.source,
            body: open.body,
            start: open.start,
            close: open.close,
            is_incomplete: open.incomplete,
        })
    }
}

impl OpenBar {
    fn save(&self, to: &mut StateWriter) {
        for number in [
            self.body.open,
            self.body.high,
            self.body.low,
            self.body.close,
            self.body.volume,
            self.start.0,
            self.close.0,
        ] {
            to.i64(number);
        }
        to.u64(self.ticks);
        to.bool(self.incomplete);
    }

    fn load(from: &mut StateReader<'_>) -> Result<OpenBar, StateError> {
        Ok(OpenBar {
            body: BarBody {
                open: from.i64()?,
                high: from.i64()?,
                low: from.i64()?,
                close: from.i64()?,
                volume: from.i64()?,
            },
            start: Ts(from.i64()?),
            close: Ts(from.i64()?),
            ticks: from.tally()?,
            incomplete: from.bool()?,
        })
    }
}
