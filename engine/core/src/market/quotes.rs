//! Quotes of which nothing comes but another bid and ask: what stretches are made of.

use super::Market;
use super::records::is_far_ahead;
use crate::book::Top;
use tickloom_types::{Flags, InstrumentId, Kind, QuoteBody, Record, Ts};

impl Market {
    /// How many records from the first on are quotes of one instrument and one source, of which each can be trusted and changes
    /// nothing but bid and ask: no bar closes, nothing is told, no silence ends. All of them are whole moments.
    pub(crate) fn plain_quotes(&self, records: &[Record]) -> usize {
        let Some(first) = records.first() else {
            return 0;
        };
        let header = &first.header;
        let state = self.states.get(header.instrument as usize);
        let Some(state) = state.filter(|_| header.kind == Kind::Quote as u8) else {
            return 0;
        };
        let is_heard = self.stale_after.is_none()
            || (state.quoted.is_some() && self.silences.has(header.instrument as usize));
        let is_plain = !self.moment.is_open
            && state.feed == Some(first.source())
            && (state.since.is_some() || !state.prices.is_trusted())
            && state.prices.is_plainly_quoted()
            && is_heard;
        if !is_plain {
            return 0;
        }
        let next_close = state.next_close;
        let mut whole = 0;
        for (record, count) in records.iter().zip(1..) {
            let own = &record.header;
            let top = Top::of(&QuoteBody::of(record));
            let is_plain = (own.kind == header.kind)
                & (own.instrument == header.instrument)
                & (own.source == header.source)
                & (own.flags & Flags::BAD_TIME == 0)
                & (own.ts_event < next_close.0)
                & (top.bid_qty >= 0)
                & (top.ask_qty >= 0)
                & top.is_two_sided()
                & !top.is_crossed();
            if !is_plain || is_far_ahead(record, &self.instruments) {
                break;
            }
            if own.flags & Flags::MORE == 0 {
                whole = count;
            }
        }
        whole
    }

    /// Takes notice of plain quotes, of which the first begins a moment, before the next one is taken in. How many moments they end.
    pub(crate) fn pass_quotes(&mut self, instrument: InstrumentId, quotes: &[Record]) -> usize {
        let Some(state) = self.states.get_mut(instrument.0 as usize) else {
            return 0;
        };
        let times = quotes.iter().map(|record| record.header.ts_event);
        if let Some(newest) = times.max().map(Ts) {
            state.seen = state.seen.max(newest);
            state.quoted = state.quoted.max(Some(newest));
        }
        let is_end = |record: &&Record| !record.has(Flags::MORE);
        let moments = quotes.iter().filter(is_end).count();
        self.moment.number += moments as u64;
        moments
    }
}
