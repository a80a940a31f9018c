//! Fields of rows that several kinds have.

use dbn::UNDEF_ORDER_SIZE;
use tickloom_types::{Header, Kind};

/// A wrong field: its name, its value and what was expected.
pub(super) type Wrong = (&'static str, String, &'static str);

/// A row's header as that of a record of this kind, with the row's flags.
#[inline]
pub(super) fn of_kind(header: Header, kind: Kind) -> Header {
    Header {
        kind: kind as u8,
        ..header
    }
}

/// A size that is known.
pub(super) fn size(size: u32) -> Result<i64, Wrong> {
    if size == UNDEF_ORDER_SIZE {
        return Err(("size", "undefined".to_owned(), "a size"));
    }
    Ok(i64::from(size))
}
