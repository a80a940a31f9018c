//! What the market half has to say of a record, as `BookStatus` output records.

use tickloom_types::{
    BookState, Flags, Header, InstrumentId, Kind, Record, Seq, StatusBody, StatusCode,
};

/// The status records that the current record caused, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes {
    cause: Seq,
    header: Header,
    records: Vec<Record>,
}

impl Notes {
    /// Starts anew for this record.
    pub(crate) fn begin(&mut self, cause: Seq, record: &Record) {
        self.cause = cause;
        self.header = record.header.as_kind(Kind::BookStatus);
        self.records.clear();
    }

    /// A change of a book, or a crossing with its bid and ask.
    pub(crate) fn say(
        &mut self,
        instrument: InstrumentId,
        code: StatusCode,
        state: Option<BookState>,
        range: Option<(i64, i64)>,
    ) {
        let (from, to) = range.unwrap_or_default();
        self.push(
            Header {
                instrument: instrument.0,
                ..self.header
            },
            StatusBody {
                code: code as u16,
                state: state.map_or(0, |state| state as u8),
                count: 1,
                from: from.cast_unsigned(),
                to: to.cast_unsigned(),
                ..StatusBody::default()
            },
        );
    }

    /// The record is none that a market can have.
    pub(crate) fn say_bad(&mut self) {
        self.push(
            self.header,
            StatusBody {
                code: StatusCode::BadFrame as u16,
                count: 1,
                ..StatusBody::default()
            },
        );
    }

    /// The record came after the bars that it belongs to, so many.
    pub(crate) fn say_late(&mut self, bars: u64) {
        self.push(
            self.header.with_flags(Flags::LATE),
            StatusBody {
                code: StatusCode::OutOfOrder as u16,
                count: bars,
                ..StatusBody::default()
            },
        );
    }

    pub(crate) fn records(&self) -> &[Record] {
        &self.records
    }

    fn push(&mut self, header: Header, body: StatusBody) {
        self.records.push(
            StatusBody {
                detail: self.cause,
                ..body
            }
            .record(header),
        );
    }
}
