//! Records as they lie in a file, and the fields of those that are events of a market. They are read where they lie: the library's own
//! types, whose fields these are, need records to be copied to where they are aligned.

use super::fields::Wrong;
use std::mem::offset_of;
use zerocopy::{FromBytes, Immutable, KnownLayout};

/// Bytes of which the length of a record is a multiple.
pub(super) const WORD_BYTES: usize = 4;
/// Bytes of a record's header.
pub(super) const HEADER_BYTES: usize = size_of::<Head>();

/// A record's bytes, as many as it says.
#[derive(Clone, Copy)]
pub(super) struct Raw<'a> {
    bytes: &'a [u8],
    pub(super) head: Head,
}

/// What bytes begin with.
pub(super) enum Begins<'a> {
    Record(Raw<'a>),
    /// A record whose end is not there, or nothing.
    Part,
    /// A length that is none of a record, in words of four bytes.
    Wrong(u8),
}

impl<'a> Raw<'a> {
    /// The first record of some bytes.
    #[inline]
    pub(super) fn first(bytes: &'a [u8]) -> Begins<'a> {
        let Some(words) = bytes.first().copied() else {
            return Begins::Part;
        };
        // All types have lengths that are multiples of eight bytes.
        let length = usize::from(words) * WORD_BYTES;
        if words % 2 != 0 || length < HEADER_BYTES {
            return Begins::Wrong(words);
        }
        let Some(bytes) = bytes.get(..length) else {
            return Begins::Part;
        };
        match Head::read_from_prefix(bytes) {
            Ok((head, _)) => Begins::Record(Raw { bytes, head }),
            Err(_) => Begins::Part,
        }
    }

    pub(super) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The record as one of its kind, unless it is too short for that.
    #[inline]
    pub(super) fn get<T: FromBytes>(&self) -> Result<T, Wrong> {
        let row = T::read_from_prefix(self.bytes);
        row.map(|(row, _)| row).map_err(|_| {
            let value = self.bytes.len().to_string();
            ("length", value, "that of a record of its type")
        })
    }
}

macro_rules! row {
    ($(#[$doc:meta])* $name:ident as $theirs:path { $($field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout)]
        #[repr(C)]
        pub(super) struct $name { $(pub(super) $field: $type,)* }
        const _: () = {
            assert!(size_of::<$name>() == size_of::<$theirs>());
            $(assert!(offset_of!($name, $field) == offset_of!($theirs, $field));)*
        };
    };
}

/// What every record begins with.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct Head {
    /// Words of the record.
    pub(super) length: u8,
    pub(super) rtype: u8,
    pub(super) publisher_id: u16,
    pub(super) instrument_id: u32,
    pub(super) ts_event: u64,
}
const _: () = {
    assert!(size_of::<Head>() == size_of::<dbn::RecordHeader>());
    assert!(offset_of!(Head, rtype) == offset_of!(dbn::RecordHeader, rtype));
    assert!(offset_of!(Head, publisher_id) == offset_of!(dbn::RecordHeader, publisher_id));
    assert!(offset_of!(Head, instrument_id) == offset_of!(dbn::RecordHeader, instrument_id));
    assert!(offset_of!(Head, ts_event) == offset_of!(dbn::RecordHeader, ts_event));
};

row! {
    /// A change of an L3 book.
    MboRow as dbn::MboMsg {
        hd: Head,
        order_id: u64,
        price: i64,
        size: u32,
        flags: u8,
        channel_id: u8,
        action: u8,
        side: u8,
        ts_recv: u64,
        ts_in_delta: i32,
        sequence: u32,
    }
}

row! {
    /// A trade.
    TradeRow as dbn::TradeMsg {
        hd: Head,
        price: i64,
        size: u32,
        action: u8,
        side: u8,
        flags: u8,
        depth: u8,
        ts_recv: u64,
        ts_in_delta: i32,
        sequence: u32,
    }
}

row! {
    /// A level of both sides.
    Level as dbn::BidAskPair {
        bid_px: i64,
        ask_px: i64,
        bid_sz: u32,
        ask_sz: u32,
        bid_ct: u32,
        ask_ct: u32,
    }
}

row! {
    /// A level of both sides with the venues of each in place of the counts of orders.
    VenuesLevel as dbn::ConsolidatedBidAskPair {
        bid_px: i64,
        ask_px: i64,
        bid_sz: u32,
        ask_sz: u32,
        bid_pb: u16,
        _reserved1: [u8; 2],
        ask_pb: u16,
        _reserved2: [u8; 2],
    }
}

row! {
    /// Best bid and ask after a change.
    Mbp1Row as dbn::Mbp1Msg {
        hd: Head,
        price: i64,
        size: u32,
        action: u8,
        side: u8,
        flags: u8,
        depth: u8,
        ts_recv: u64,
        ts_in_delta: i32,
        sequence: u32,
        levels: [Level; 1],
    }
}

row! {
    /// Ten levels after a change.
    Mbp10Row as dbn::Mbp10Msg {
        hd: Head,
        price: i64,
        size: u32,
        action: u8,
        side: u8,
        flags: u8,
        depth: u8,
        ts_recv: u64,
        ts_in_delta: i32,
        sequence: u32,
        levels: [Level; 10],
    }
}

row! {
    /// Best bid and ask of several venues after a change.
    Cmbp1Row as dbn::Cmbp1Msg {
        hd: Head,
        price: i64,
        size: u32,
        action: u8,
        side: u8,
        flags: u8,
        _reserved1: [u8; 1],
        ts_recv: u64,
        ts_in_delta: i32,
        _reserved2: [u8; 4],
        levels: [VenuesLevel; 1],
    }
}

row! {
    /// Best bid and ask at the end of an interval.
    BboRow as dbn::BboMsg {
        hd: Head,
        price: i64,
        size: u32,
        _reserved1: u8,
        side: u8,
        flags: u8,
        _reserved2: u8,
        ts_recv: u64,
        _reserved3: [u8; 4],
        sequence: u32,
        levels: [Level; 1],
    }
}

row! {
    /// Best bid and ask of several venues at the end of an interval.
    CbboRow as dbn::CbboMsg {
        hd: Head,
        price: i64,
        size: u32,
        _reserved1: u8,
        side: u8,
        flags: u8,
        _reserved2: u8,
        ts_recv: u64,
        _reserved3: [u8; 8],
        levels: [VenuesLevel; 1],
    }
}

row! {
    /// A bar.
    OhlcvRow as dbn::OhlcvMsg {
        hd: Head,
        open: i64,
        high: i64,
        low: i64,
        close: i64,
        volume: u64,
    }
}

// The library reads the same bytes as the numbers of this machine.
const _: () = assert!(cfg!(target_endian = "little"), "DBN is little-endian");
