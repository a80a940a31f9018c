//! Where in a line the fields of a row are, and what small fields say.

use crate::import::layout::Layout;
use crate::import::role::{Role, SIDES};
use crate::import::row::{NUMBERS_MAX, Shape};
use tickloom_types::Side;

/// Where in a line the fields of a row are.
pub(super) struct Columns {
    pub(super) time: usize,
    pub(super) time_of_day: Option<usize>,
    /// Those of what is beyond the times, with the nanoseconds of their units, the coarsest first.
    pub(super) fractions: Vec<(usize, i64)>,
    pub(super) close_time: Option<usize>,
    pub(super) arrival: Option<usize>,
    pub(super) venue: Option<usize>,
    /// Those in which all rows of an instrument have the same.
    pub(super) apart: Vec<usize>,
    /// Databento's number of the instrument, beside its symbol.
    pub(super) number: Option<usize>,
    pub(super) ticker: Option<usize>,
    pub(super) numbers: [Option<usize>; NUMBERS_MAX],
    /// The side, and in which of the ways of [`SIDES`] it is said, or by the sign of a size.
    pub(super) side: Option<(usize, Role)>,
    /// The number of a trade or an order.
    pub(super) id: Option<usize>,
    pub(super) snapshot: Option<usize>,
    pub(super) sequence: Option<usize>,
    pub(super) action: Option<usize>,
    pub(super) flags: Option<usize>,
}

impl Columns {
    pub(super) fn of(layout: &Layout) -> Columns {
        let used = |role: Role| layout.column(role).filter(|_| layout.uses(role));
        let id = match layout.shape {
            Shape::Orders => Role::OrderId,
            _ => Role::TradeId,
        };
        Columns {
            time: layout.time_columns().0,
            time_of_day: layout.time_columns().1,
            fractions: [Role::Millis, Role::Micros, Role::Nanos]
                .into_iter()
                .filter_map(|role| used(role).zip(role.fraction()))
                .collect(),
            close_time: used(Role::CloseTime),
            arrival: used(Role::Arrival),
            venue: used(Role::Venue),
            apart: layout.apart.clone(),
            number: layout.instrument_number(),
            ticker: used(Role::Ticker),
            numbers: layout.numbers(),
            side: match layout.is_signed {
                true => used(Role::Qty).map(|at| (at, Role::Qty)),
                false => SIDES.into_iter().find_map(|by| used(by).map(|at| (at, by))),
            },
            id: used(id),
            snapshot: used(Role::Snapshot),
            sequence: used(Role::Sequence),
            action: used(Role::Action),
            flags: used(Role::Flags),
        }
    }
}

/// The side that a field says in a way of [`SIDES`], or a size by its sign: of the aggressor, or of a book; 0 if it is not known.
pub(super) fn side_of(text: &[u8], by: Role) -> Option<u8> {
    let is_one_of = |known: &[&[u8]]| known.iter().any(|known| text.eq_ignore_ascii_case(known));
    let is_true = is_one_of(&[b"true", b"1"]);
    let is_flag = is_true || is_one_of(&[b"false", b"0"]);
    let when = |is_buy: bool| Some(if is_buy { Side::Buy } else { Side::Sell } as u8);
    match by {
        Role::Qty => when(!text.starts_with(b"-")),
        Role::BuyerMaker => is_flag.then(|| when(!is_true))?,
        Role::IsBuy | Role::IsSell if is_flag => when(is_true == (by == Role::IsBuy)),
        Role::IsBuy | Role::IsSell => text.is_empty().then_some(0),
        Role::MakerSide => word_side(text).map(|side| match side {
            side if side == Side::Buy as u8 => Side::Sell as u8,
            side if side == Side::Sell as u8 => Side::Buy as u8,
            none => none,
        }),
        _ => word_side(text),
    }
}

fn word_side(text: &[u8]) -> Option<u8> {
    let is_one_of = |known: &[&[u8]]| known.iter().any(|known| text.eq_ignore_ascii_case(known));
    match text {
        _ if is_one_of(&[b"buy", b"b", b"bid", b"bids", b"1"]) => Some(Side::Buy as u8),
        _ if is_one_of(&[b"sell", b"s", b"ask", b"asks", b"a", b"-1"]) => Some(Side::Sell as u8),
        // Of 0 nobody knows whether it is one of two sides or none.
        _ if is_one_of(&[b"", b"unknown", b"none", b"n", b"nan", b"null"]) => Some(0),
        _ => None,
    }
}

/// One of these letters.
pub(super) fn letter(text: &[u8], letters: &[u8]) -> Option<u8> {
    match text {
        [letter] if letters.contains(letter) => Some(*letter),
        _ => None,
    }
}

/// The 64-bit FNV-1a hash of an identifier that is no number, as captures have it.
pub(super) fn hash_of_text(text: &[u8]) -> u64 {
    text.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_and_names() {
        let (buy, sell) = (Some(Side::Buy as u8), Some(Side::Sell as u8));
        for (text, by, side) in [
            ("BID", Role::Side, buy),
            ("up", Role::Side, None),
            ("0", Role::Side, None),
            ("", Role::Side, Some(0)),
            ("True", Role::BuyerMaker, sell),
            ("0", Role::BuyerMaker, buy),
            ("", Role::BuyerMaker, None),
            ("buy", Role::MakerSide, sell),
            ("S", Role::MakerSide, buy),
            ("none", Role::MakerSide, Some(0)),
            ("true", Role::IsBuy, buy),
            ("0", Role::IsBuy, sell),
            ("", Role::IsBuy, Some(0)),
            ("2", Role::IsBuy, None),
            ("1", Role::IsSell, sell),
            ("0.5", Role::Qty, buy),
            ("-0.5", Role::Qty, sell),
            ("False", Role::IsSell, buy),
        ] {
            assert_eq!(side_of(text.as_bytes(), by), side, "{text:?} by {by}");
        }
        // The hash of "a" in the paper of FNV.
        assert_eq!(hash_of_text(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(letter(b"T", b"AT"), Some(b'T'));
        assert_eq!(letter(b"TT", b"AT"), None);
    }
}
