//! A state as records: of the kinds that outputs have, so that whoever reads outputs reads a state.

use super::{AccountState, BarState, InstrumentState, PositionState, State};
use crate::order::Order;
use tickloom_types::{
    AccountBody, Flags, Header, InstrumentId, Kind, OrderStatus, QuoteBody, Record, Seq,
    SignalBody, SourceId, StatusBody, StatusCode, Ts,
};

impl State {
    /// Records of signals, positions, open orders, account, books and open bars, in this order, all with the flag
    /// [`Flags::SNAPSHOT`]. `last_seq` is the sequence of the last record before the state, and the cause of all that have one.
    ///
    /// Times are 0, but of bars: there `ts_event` is where the bar will end and `ts_recv` where it began. What a signal was
    /// before is NaN. A book is a status of its state, a quote of what it has on both sides.
    #[must_use]
    pub fn records(&self, last_seq: Seq) -> Vec<Record> {
        let signals = (0..).zip(&self.signals);
        let orders = self.orders.iter();
        let mut all: Vec<Record> = signals
            .map(|(signal, value)| of_signal(last_seq, signal, *value))
            .collect();
        all.extend(self.positions.iter().map(|known| known.record(last_seq)));
        all.extend(orders.map(|order| of_order(last_seq, order)));
        all.push(self.account.record(last_seq));
        for known in &self.instruments {
            all.extend(known.status(last_seq));
            all.extend(known.quote());
        }
        all.extend(self.bars.iter().map(BarState::record));
        all
    }
}

fn header(kind: Kind, instrument: InstrumentId) -> Header {
    Header::new(kind, instrument, SourceId(0), Ts(0), Ts(0)).with_flags(Flags::SNAPSHOT)
}

fn of_signal(cause: Seq, signal: u32, value: Option<f64>) -> Record {
    let mut header = header(Kind::Signal, InstrumentId::NONE);
    if value.is_none() {
        header.flags |= Flags::NOT_READY;
    }
    SignalBody {
        cause,
        signal,
        value: value.unwrap_or(f64::NAN),
        previous: f64::NAN,
        ..SignalBody::default()
    }
    .record(header)
}

fn of_order(cause: Seq, order: &Order) -> Record {
    let status = match order.filled {
        0 => OrderStatus::Open,
        _ => OrderStatus::PartlyFilled,
    };
    let header = header(Kind::Order, order.new.instrument);
    let mut record = order.record(cause, header, status);
    record.header.flags |= Flags::SNAPSHOT;
    record
}

impl PositionState {
    fn record(&self, cause: Seq) -> Record {
        let body = self.position.body(cause, self.strategy);
        body.record(header(Kind::Position, self.instrument))
    }
}

impl AccountState {
    /// An equity that does not fit is flagged.
    fn record(&self, cause: Seq) -> Record {
        let mut header = header(Kind::Account, InstrumentId::NONE);
        if self.equity.is_none() {
            header.flags |= Flags::NOT_READY;
        }
        let equity = self.equity.map_or(0, |equity| equity.0);
        AccountBody::new(cause, self.cash.0, equity).record(header)
    }
}

impl InstrumentState {
    fn status(&self, cause: Seq) -> Option<Record> {
        let body = StatusBody {
            code: StatusCode::Book as u16,
            state: self.book? as u8,
            detail: cause,
            ..StatusBody::default()
        };
        Some(body.record(header(Kind::BookStatus, self.instrument)))
    }

    fn quote(&self) -> Option<Record> {
        let top = self.top?;
        let body = QuoteBody {
            bid: top.bid,
            bid_qty: top.bid_qty,
            ask: top.ask,
            ask_qty: top.ask_qty,
            update_id: 0,
        };
        Some(body.record(header(Kind::Quote, self.instrument)))
    }
}

impl BarState {
    fn record(&self) -> Record {
        let flags = match self.is_incomplete {
            true => Flags::SNAPSHOT | Flags::INCOMPLETE,
            false => Flags::SNAPSHOT,
        };
        let header = Header::new(
            Kind::BarClosed,
            self.instrument,
            self.source,
            self.close,
            self.start,
        );
        self.body.record(header.with_flags(flags))
    }
}
