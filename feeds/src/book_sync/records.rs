//! The records that book sync makes: levels, and what is said of a book.

use super::rule::Ids;
use crate::binance::{Depth, Level};
use tickloom_types::{Flags, Header, Kind, LevelBody, Side, Sink, StatusBody, StatusCode};

/// Of a message's flags, a status keeps the one about its time.
pub(super) fn status_header(header: Header) -> Header {
    header
        .as_kind(Kind::Status)
        .with_flags(header.flags & Flags::BAD_TIME)
}

pub(super) fn push_status(
    header: Header,
    code: StatusCode,
    from: u64,
    to: u64,
    sink: &mut impl Sink,
) {
    let body = StatusBody {
        code: code as u16,
        count: 1,
        from,
        to,
        ..StatusBody::default()
    };
    sink.push(body.record(status_header(header)));
}

pub(super) fn push_snapshot(snapshot: &Depth<'_>, sink: &mut impl Sink) {
    let header = snapshot.header.with_flags(Flags::SNAPSHOT);
    let last = snapshot.levels.len().saturating_sub(1);
    let mut body = LevelBody {
        first_id: snapshot.first_id,
        last_id: snapshot.last_id,
        side: Side::Buy as u8,
        clear: 1,
        ..LevelBody::default()
    };
    if snapshot.levels.is_empty() {
        // An empty book still has to empty the old one: a deletion at price zero, where no level can be.
        sink.push(body.record(header.with_flags(Flags::LAST)));
    }
    for (index, level) in snapshot.levels.iter().enumerate() {
        body.price = level.price;
        body.qty = level.qty;
        body.side = level.side as u8;
        let flags = if index == last { Flags::LAST } else { 0 };
        sink.push(body.record(header.with_flags(flags)));
        body.clear = 0;
    }
}

pub(super) fn push_levels(
    header: Header,
    ids: Ids,
    levels: impl ExactSizeIterator<Item = Level>,
    sink: &mut impl Sink,
) {
    let last = levels.len().saturating_sub(1);
    for (index, level) in levels.enumerate() {
        let body = LevelBody {
            price: level.price,
            qty: level.qty,
            first_id: ids.first,
            last_id: ids.last,
            side: level.side as u8,
            ..LevelBody::default()
        };
        let flags = if index == last { Flags::LAST } else { 0 };
        sink.push(body.record(header.with_flags(flags)));
    }
}
