//! The column of the sides of trades by what it holds, where none is called so.

use super::{Layout, Puzzle, Role, Shape, plain};
use crate::import::mapping::Mapping;
use crate::import::number::is_missing;
use crate::import::role::SIDES;
use crate::import::text::Fields;

/// Words of no side.
const NONE: [&[u8]; 4] = [b"n", b"none", b"unknown", b"neutral"];
const BOOK: [&[u8]; 4] = [b"bid", b"ask", b"bids", b"asks"];
/// What stands in the names of columns of those who rested.
const OF_MAKERS: [&str; 3] = ["maker", "passive", "resting"];

/// Takes the one column of which all first rows say `buy` or `sell`, or `b` and `s`, for the sides of trades, or of who rested if it is
/// called so; and of true and false `m`, as the stream of Binance calls whether the buyer rested, and `sell`, as Kaiko calls whether the
/// aggressor sold.
pub(super) fn sides_by_content(
    names: &[String],
    roles: &mut [Option<Role>],
    data: &[Fields],
    mapping: &Mapping,
) -> Result<(), Puzzle> {
    let has = |role: Role| roles.contains(&Some(role));
    let is_told = SIDES.iter().any(|side| mapping.has(*side));
    let are_trades = has(Role::Price) && has(Role::Qty);
    if is_told || !are_trades || SIDES.iter().any(|side| has(*side)) {
        return Ok(());
    }
    let rows: Vec<&Fields> = data.iter().filter(|row| row.len() == names.len()).collect();
    let says = |at: usize, word: &[u8]| {
        let mut rows = rows.iter();
        rows.any(|row| row.get(at).eq_ignore_ascii_case(word))
    };
    let are = |at: usize, words: &[&[u8]]| {
        let is_one = |text: &[u8]| {
            let mut words = words.iter().chain(&NONE);
            is_missing(text) || words.any(|word| text.eq_ignore_ascii_case(word))
        };
        let is_one = rows.iter().all(|row| is_one(row.get(at)));
        roles[at].is_none() && is_one && words.iter().any(|word| says(at, word))
    };
    let are_sides = |at: &usize| {
        // A letter alone may be a code of something else.
        let are_letters = are(*at, &[b"b", b"s"]) && says(*at, b"b") && says(*at, b"s");
        are(*at, &[b"buy", b"sell"]) || are_letters
    };
    let mut columns = 0..names.len();
    let sides: Vec<usize> = columns.clone().filter(are_sides).collect();
    if let [only] = sides.as_slice() {
        let name = plain(&names[*only]);
        let rested = OF_MAKERS.iter().any(|word| name.contains(word));
        roles[*only] = Some(if rested { Role::MakerSide } else { Role::Side });
        return Ok(());
    }
    if !sides.is_empty() {
        return Ok(());
    }
    let flag = columns.clone().find_map(|at| {
        let by = match plain(&names[at]).as_str() {
            "m" => Role::BuyerMaker,
            "sell" => Role::IsSell,
            "buy" => Role::IsBuy,
            _ => return None,
        };
        are(at, &[b"true", b"false"]).then_some((at, by))
    });
    if let Some((at, by)) = flag {
        roles[at] = Some(by);
        return Ok(());
    }
    match columns.find(|at| are(*at, &BOOK)) {
        Some(at) => Err(of_book(&names[at])),
        None => Ok(()),
    }
}

/// Why words of a book are no sides of trades: `bid` may be who bought, or where the bid was hit.
pub(super) fn of_book(name: &str) -> Puzzle {
    let found = format!(
        "a column {name:?} of bid and ask: levels of a book, or trades, with the side of who traded or of who rested"
    );
    let expected = format!(
        "--columns side={name} if the bid bought, maker_side={name} if the bid was sold to, or --format book-levels"
    );
    (found, expected)
}

/// Whether all first rows have sides as a book has them.
pub(super) fn are_of_book(roles: &[Option<Role>], data: &[Fields]) -> bool {
    let Some(side) = roles.iter().position(|role| *role == Some(Role::Side)) else {
        return false;
    };
    let is_one = |text: &[u8]| BOOK.iter().any(|word| text.eq_ignore_ascii_case(word));
    data.iter().all(|row| is_one(row.get(side)))
}

impl Layout {
    /// Says what bid and ask are taken for as sides of trades.
    pub(super) fn note_sides_of_book(&mut self, data: &[Fields], mapping: &Mapping) {
        let is_told = SIDES.iter().any(|side| mapping.has(*side));
        let is_taken = self.shape == Shape::Trades && !self.is_databento() && !is_told;
        if is_taken && are_of_book(&self.roles, data) {
            let at = self.column(Role::Side).unwrap_or_default();
            let name = &self.names[at];
            self.notes.push(format!(
                "bid and ask in {name:?} are taken as the sides of who traded: the bid bought (--columns maker_side={name} if it was sold to)"
            ));
        }
    }
}
