//! Closed klines in captures of ours, to which live feeds do not subscribe: bars beside what the decoder of live feeds makes.

use super::sniff::SNIFF_LINES;
use super::streams::{Other, Stream, of_frame};
use super::{CaptureError, CaptureSource};
use crate::binance::Symbol;
use crate::decode_error::DecodeError;
use crate::latest::LatestBars;
use crate::venues::binance::closed_kline;
use crate::venues::desk::at_scale;
use std::collections::{BTreeMap, BTreeSet};
use tickloom_types::{
    BarBody, BarSpec, Flags, Header, InstrumentId, Instruments, Kind, Record, SourceId, Ts,
};

/// Makes bars of the klines of a recording.
#[derive(Debug, Default)]
pub(super) struct Klines {
    sources: Vec<(BarSpec, SourceId)>,
    /// What came lately, by instrument.
    latest: BTreeMap<InstrumentId, LatestBars>,
}

/// What came of a kline.
pub(super) enum Kline {
    Bar(Record),
    /// It came before.
    Repeated,
    /// Nothing is kept of it.
    Other(Other),
}

impl Klines {
    /// Looks at the first 10,000 lines of each file for klines, and defines a source for each size of theirs.
    pub(super) fn find(
        sources: &[CaptureSource],
        instruments: &mut Instruments,
    ) -> Result<Klines, CaptureError> {
        let mut specs = BTreeSet::new();
        for source in sources {
            let mut reader = source.open()?;
            for _ in 0..SNIFF_LINES {
                let Some(line) = reader.next_line()? else {
                    break;
                };
                let Ok(line) = line else { continue };
                if let Stream::Kline { interval, .. } = of_frame(line.frame) {
                    let is_of_months = interval.ends_with('M');
                    specs.extend(interval.parse::<BarSpec>().ok().filter(|_| !is_of_months));
                }
            }
        }
        let of = |spec: BarSpec| Ok((spec, instruments.bar_source(spec)?));
        let sources: Result<_, CaptureError> = specs.into_iter().map(of).collect();
        Ok(Klines {
            sources: sources?,
            latest: BTreeMap::new(),
        })
    }

    /// Takes the message of a kline that arrived at this time.
    ///
    /// # Errors
    /// [`DecodeError`] if it is none, is of a symbol that is not known, or contradicts one before it.
    pub(super) fn take(
        &mut self,
        ts_recv: Ts,
        body: &[u8],
        symbols: &[Symbol],
    ) -> Result<Kline, DecodeError> {
        let kline = match closed_kline(body)? {
            Ok(kline) => kline,
            Err(name) => return Ok(Kline::Other(Other::Stream(name))),
        };
        let source = self.sources.iter().find(|(spec, _)| *spec == kline.spec);
        let Some((_, source)) = source else {
            let name = "kline, of a size that is not among the first 10,000 lines";
            return Ok(Kline::Other(Other::Stream(name)));
        };
        let symbol = symbols.iter().find(|symbol| symbol.name == kline.symbol);
        let Some(symbol) = symbol else {
            return Err(DecodeError::UnknownSymbol {
                symbol: kline.symbol.to_owned(),
            });
        };
        let price = |number| at_scale("price", number, symbol.price_decimals);
        let [open, high, low, close] = kline.prices;
        let body = BarBody {
            open: price(open)?,
            high: price(high)?,
            low: price(low)?,
            close: price(close)?,
            volume: at_scale("size", kline.volume, symbol.qty_decimals)?,
        };
        let instrument = symbol.instrument;
        let header = Header::new(Kind::Bar, instrument, *source, kline.close, ts_recv);
        let bar = body.record(header.with_flags(Flags::LAST));
        let latest = self.latest.entry(instrument).or_default();
        Ok(match latest.is_new(&bar)? {
            true => Kline::Bar(bar),
            false => Kline::Repeated,
        })
    }
}
