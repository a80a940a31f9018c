//! Bars of one instrument and one size in memory, as columns.

use crate::error::CoreError;
use std::ops::Range;
use tickloom_signals::BarColumns;
use tickloom_types::{BarBody, Header, InstrumentId, Kind, Record, Seq, SourceId, Ts};

/// Bars that have been checked: columns of one length, times that ascend, volumes not below zero.
#[derive(Clone, Copy, Debug)]
pub struct BarSeries<'a> {
    instrument: InstrumentId,
    source: SourceId,
    ts: &'a [i64],
    columns: BarColumns<'a>,
    /// Sequence of the first bar.
    first: Seq,
}

impl<'a> BarSeries<'a> {
    /// Bars of an instrument from a source, which says their size; `ts` are their closes in nanoseconds since the epoch.
    ///
    /// # Errors
    /// [`CoreError::Setting`] naming the first bar that is wrong. A record as wrong as that would be a bad or late one.
    pub fn new(
        instrument: InstrumentId,
        source: SourceId,
        ts: &'a [i64],
        columns: BarColumns<'a>,
    ) -> Result<BarSeries<'a>, CoreError> {
        let BarColumns {
            open,
            high,
            low,
            close,
            volume,
        } = columns;
        for (field, column) in [
            ("open", open),
            ("high", high),
            ("low", low),
            ("close", close),
            ("volume", volume),
        ] {
            if column.len() != ts.len() {
                let expected = "as many values as there are times";
                return Err(wrong(0, field, &column.len().to_string(), expected));
            }
        }
        if let Some(row) = ts.windows(2).position(|pair| pair[1] <= pair[0]) {
            let expected = "a time after that of the bar before";
            return Err(wrong(row + 1, "ts", &Ts(ts[row + 1]).to_string(), expected));
        }
        if let Some(row) = volume.iter().position(|volume| *volume < 0) {
            let expected = "a size not below zero";
            return Err(wrong(row, "volume", &volume[row].to_string(), expected));
        }
        Ok(BarSeries {
            instrument,
            source,
            ts,
            columns,
            first: 0,
        })
    }

    /// The same bars, of which the first has this sequence and each next one the next.
    #[must_use]
    pub fn from_seq(self, first: Seq) -> BarSeries<'a> {
        BarSeries { first, ..self }
    }

    /// Some of these bars.
    #[must_use]
    pub fn rows(&self, rows: Range<usize>) -> BarSeries<'a> {
        let BarColumns {
            open,
            high,
            low,
            close,
            volume,
        } = self.columns;
        BarSeries {
            ts: &self.ts[rows.clone()],
            first: self.seq(rows.start),
            columns: BarColumns {
                open: &open[rows.clone()],
                high: &high[rows.clone()],
                low: &low[rows.clone()],
                close: &close[rows.clone()],
                volume: &volume[rows],
            },
            ..*self
        }
    }

    /// The sequence of a bar.
    pub(super) fn seq(&self, row: usize) -> Seq {
        let row = Seq::try_from(row).unwrap_or(Seq::MAX);
        self.first.saturating_add(row)
    }

    /// Number of bars.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ts.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ts.is_empty()
    }

    /// What the bars are of.
    #[must_use]
    pub fn instrument(&self) -> InstrumentId {
        self.instrument
    }

    /// Where they come from.
    #[must_use]
    pub fn source(&self) -> SourceId {
        self.source
    }

    /// Times of the closes.
    #[must_use]
    pub fn ts(&self) -> &'a [i64] {
        self.ts
    }

    /// Prices and volumes.
    #[must_use]
    pub fn columns(&self) -> &BarColumns<'a> {
        &self.columns
    }

    /// A bar as the record that a step takes. It arrived when it closed.
    #[must_use]
    pub fn record(&self, row: usize) -> Record {
        let body = BarBody {
            open: self.columns.open[row],
            high: self.columns.high[row],
            low: self.columns.low[row],
            close: self.columns.close[row],
            volume: self.columns.volume[row],
        };
        body.record(self.header(Ts(self.ts[row])))
    }

    /// The header of a bar with this time.
    pub(super) fn header(&self, ts: Ts) -> Header {
        Header::new(Kind::Bar, self.instrument, self.source, ts, ts)
    }
}

fn wrong(row: usize, field: &'static str, value: &str, expected: &'static str) -> CoreError {
    CoreError::Setting {
        owner: format!("bar {row}"),
        field,
        value: value.to_owned(),
        expected,
    }
}
