//! Records in which nothing is wrong, many at once: what most records of most data are.
//!
//! Groups of records are held to all that could be found in them, with nothing but comparisons that a processor does side by side.
//! Where any of these says that there may be something, the group goes the way of single records, which alone finds things. What is
//! remembered is the same either way.

use super::Thresholds;
use super::instrument::{Bars, Watched};
use super::split::is_no_split;
use super::stream::Numbers;
use crate::Calendar;
use tickloom_types::{BarBody, BarSpec, Flags, Header, QuoteBody, Record};

/// Records that are looked at together.
pub(super) const GROUP: usize = 16;

/// Prices below this, times a part in a million, fit in 64 bits.
const PRICE_MAX: i64 = 1 << 41;

/// What a price may be away from the one before to be believed whatever is usual.
#[derive(Clone, Copy, Debug)]
struct Near {
    ppm: i64,
}

impl Near {
    /// `None` if the numbers do not fit.
    fn new(thresholds: &Thresholds) -> Option<Near> {
        let ppm = thresholds.outlier_ppm;
        (0..1 << 20).contains(&ppm).then_some(Near { ppm })
    }

    #[inline(always)]
    fn is_near(self, before: i64, price: i64) -> bool {
        let fits = (before > -PRICE_MAX) & (before < PRICE_MAX);
        let fits = fits & (price > -PRICE_MAX) & (price < PRICE_MAX);
        let distance = price.wrapping_sub(before).wrapping_abs();
        fits & (distance.wrapping_mul(1_000_000) <= before.wrapping_abs().wrapping_mul(self.ppm))
    }
}

/// How many records from the first on are of the kind, instrument and source of the first.
pub(super) fn alike(records: &[Record]) -> usize {
    let Some(first) = records.first().map(|record| &record.header) else {
        return 0;
    };
    let mut of_kind = records.iter().map(|record| &record.header);
    let other = of_kind.position(|own| {
        (own.kind != first.kind)
            | (own.instrument != first.instrument)
            | (own.source != first.source)
    });
    other.unwrap_or(records.len())
}

/// How many records from the first on are in groups of which each passes; `passes` gets the record before and the record.
#[inline(always)]
fn passing(
    before: &Record,
    records: &[Record],
    passes: impl Fn(&Record, &Record) -> bool,
) -> usize {
    let mut before = before;
    let mut count = 0;
    for group in records.chunks_exact(GROUP) {
        let mut all = true;
        for record in group {
            all &= passes(before, record);
            before = record;
        }
        if !all {
            break;
        }
        count += GROUP;
    }
    count
}

impl Watched {
    /// Takes quotes of one source in which nothing is wrong: how many from the first on. The first that it leaves has to come alone.
    pub(super) fn calm_quotes(
        &mut self,
        quotes: &[Record],
        numbers: Numbers,
        thresholds: &Thresholds,
    ) -> usize {
        let watch = &self.quote;
        let (Some(near), Some(stream), Some(last)) =
            (Near::new(thresholds), &self.quotes, watch.last)
        else {
            return 0;
        };
        let has_ids = last.update_id > 0;
        let are_ids_known = match numbers {
            Numbers::OfRecords => stream.ids.newest() == Some(last.update_id),
            Numbers::OfMessages => false,
        };
        let is_calm = !self.has_restarted()
            && thresholds.stale_trades > 0
            && watch.still.is_without_trades()
            && watch.cross.is_over()
            && (watch.bid.calm(), watch.ask.calm()) == (Some(last.bid), Some(last.ask))
            && (!has_ids || are_ids_known);
        let (Some(at), true) = (watch.at.filter(|at| stream.order.is_newest(*at)), is_calm) else {
            return 0;
        };
        let mut before = last.record(quotes.first().map_or_else(Default::default, |q| q.header));
        before.header.ts_event = at.0;
        let count = passing(&before, quotes, |before, record| {
            let (last, quote) = (QuoteBody::of(before), QuoteBody::of(record));
            let (since, ts) = (before.header.ts_event, record.header.ts_event);
            let is_numbered = if has_ids {
                quote.update_id > last.update_id
            } else {
                quote.update_id == 0
            };
            (record.header.flags & (Flags::BAD_TIME | Flags::SNAPSHOT) == 0)
                & ((ts > since) | ((ts == since) & is_change(&last, &quote)))
                & (quote.bid_qty > 0)
                & (quote.ask_qty > 0)
                & (quote.bid < quote.ask)
                & near.is_near(last.bid, quote.bid)
                & near.is_near(last.ask, quote.ask)
                & is_numbered
        });
        self.take_quotes(&quotes[..count], thresholds);
        count
    }

    fn take_quotes(&mut self, quotes: &[Record], thresholds: &Thresholds) {
        let Some(newest) = quotes.last() else { return };
        for record in quotes {
            self.arrive(record, thresholds);
        }
        let (watch, Some(stream)) = (&mut self.quote, &mut self.quotes) else {
            return;
        };
        let mut changed = None;
        for record in quotes {
            let (ts, quote) = (record.ts_event(), QuoteBody::of(record));
            if watch.last.is_none_or(|last| is_change(&last, &quote)) {
                changed = Some(ts);
            }
            watch.last = Some(quote);
            stream.ids.push(ts, quote.update_id, quote.update_id);
            stream.spacing.push(ts);
        }
        stream.order.push(newest.ts_event());
        watch.at = Some(newest.ts_event());
        if let Some(changed) = changed {
            watch.still.change(changed, thresholds);
        }
        watch
            .bid
            .take_calm(quotes, |quote| QuoteBody::of(quote).bid);
        watch
            .ask
            .take_calm(quotes, |quote| QuoteBody::of(quote).ask);
    }

    /// Takes bars of one source and size in which nothing is wrong: how many from the first on. The first that it leaves has to come
    /// alone.
    pub(super) fn calm_bars(
        &mut self,
        spec: BarSpec,
        records: &[Record],
        thresholds: &Thresholds,
    ) -> usize {
        let known = self.bars.iter_mut().find(|(known, _)| *known == spec);
        let (Some((_, bars)), Some(near)) = (known, Near::new(thresholds)) else {
            return 0;
        };
        let (Some(newest), Some(close)) = (bars.newest, bars.close.calm()) else {
            return 0;
        };
        let is_timed = matches!(spec, BarSpec::Time(_));
        let are_splits_calm = !is_timed || bars.splits.is_calm(newest, close, thresholds);
        if !bars.stream.order.is_newest(newest) || !are_splits_calm {
            return 0;
        }
        let body = BarBody {
            close,
            ..BarBody::default()
        };
        let mut before = body.record(Header::default());
        before.header.ts_event = newest.0;
        let count = passing(&before, records, |before, record| {
            let (last, bar) = (BarBody::of(before), BarBody::of(record));
            (record.header.ts_event > before.header.ts_event)
                & near.is_near(last.close, bar.close)
                & (!is_timed | is_no_split(last.close, bar.open))
        });
        bars.take(spec, &records[..count], self.calendar.as_deref());
        count
    }
}

impl Bars {
    fn take(&mut self, spec: BarSpec, bars: &[Record], calendar: Option<&Calendar>) {
        let Some(newest) = bars.last() else { return };
        let closes = bars.iter().map(Record::ts_event);
        match (spec, calendar) {
            (BarSpec::Time(_), None) => self.stream.spacing.push_bars(closes),
            _ => closes
                .filter_map(|close| Bars::place(spec, close, calendar))
                .for_each(|at| self.stream.spacing.push(at)),
        }
        self.newest = Some(newest.ts_event());
        self.stream.order.push(newest.ts_event());
        if matches!(spec, BarSpec::Time(_)) {
            self.splits.take_calm(bars);
        }
        self.close.take_calm(bars, |bar| BarBody::of(bar).close);
    }
}

#[inline(always)]
fn is_change(before: &QuoteBody, quote: &QuoteBody) -> bool {
    (before.bid != quote.bid)
        | (before.bid_qty != quote.bid_qty)
        | (before.ask != quote.ask)
        | (before.ask_qty != quote.ask_qty)
}

#[cfg(test)]
mod tests;
