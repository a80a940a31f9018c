//! The column of the sides of trades by what it holds, where none is called so.

use super::{Role, plain};
use crate::import::mapping::Mapping;
use crate::import::number::is_missing;
use crate::import::text::Fields;

/// Takes the one column of which all first rows say `buy` or `sell`, or `b` and `s`, for the sides of trades; and `m`, as the stream of
/// Binance calls it, if it is true or false, for whether the buyer rested.
pub(super) fn sides_by_content(
    names: &[String],
    roles: &mut [Option<Role>],
    data: &[Fields],
    mapping: &Mapping,
) {
    let has = |role: Role| roles.contains(&Some(role));
    let is_told = mapping.has(Role::Side) || mapping.has(Role::BuyerMaker);
    let are_trades = has(Role::Price) && has(Role::Qty);
    if is_told || !are_trades || has(Role::Side) || has(Role::BuyerMaker) {
        return;
    }
    let rows: Vec<&Fields> = data.iter().filter(|row| row.len() == names.len()).collect();
    let is_one = |at: usize, words: &[&[u8]]| {
        let is_word = |text: &[u8]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
        rows.iter()
            .all(|row| is_missing(row.get(at)) || is_word(row.get(at)))
    };
    let says = |at: usize, word: &[u8]| {
        let mut rows = rows.iter();
        rows.any(|row| row.get(at).eq_ignore_ascii_case(word))
    };
    let are_sides = |at: &usize| {
        let are_words =
            is_one(*at, &[b"buy", b"sell"]) && (says(*at, b"buy") || says(*at, b"sell"));
        // A letter alone may be a code of something else.
        let are_letters = is_one(*at, &[b"b", b"s"]) && says(*at, b"b") && says(*at, b"s");
        roles[*at].is_none() && (are_words || are_letters)
    };
    let sides: Vec<usize> = (0..names.len()).filter(are_sides).collect();
    if let [only] = sides.as_slice() {
        roles[*only] = Some(Role::Side);
        return;
    }
    let is_maker = |at: &usize| {
        let is_flag =
            is_one(*at, &[b"true", b"false"]) && (says(*at, b"true") || says(*at, b"false"));
        roles[*at].is_none() && plain(&names[*at]) == "m" && is_flag
    };
    let maker = (0..names.len()).find(is_maker);
    if let Some(at) = maker.filter(|_| sides.is_empty()) {
        roles[at] = Some(Role::BuyerMaker);
    }
}
