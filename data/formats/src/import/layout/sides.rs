//! The column of the sides of trades by what it holds, where none is called so.

use super::rules::{is_event, is_of_trades};
use super::{Layout, Puzzle, Role, Shape, plain};
use crate::import::mapping::Mapping;
use crate::import::number::is_missing;
use crate::import::options::ImportOptions;
use crate::import::role::SIDES;
use crate::import::text::Fields;

/// Words of no side.
const NONE: [&[u8]; 4] = [b"n", b"none", b"unknown", b"neutral"];
const BOOK: [&[u8]; 4] = [b"bid", b"ask", b"bids", b"asks"];
/// The same as letters, of which `b` alone is a side of trades too, beside `s`.
const BOOK_LETTERS: [&[u8]; 2] = [b"b", b"a"];
/// Columns of letters that are of markets.
const TAPES: [&str; 3] = ["tape", "market", "exchangecode"];
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
    let are_letters = |at: usize| {
        let is_tape = TAPES.contains(&plain(&names[at]).as_str());
        let has_both = BOOK_LETTERS.iter().all(|letter| says(at, letter));
        !is_tape && !has(Role::TradeId) && has_both && are(at, &BOOK_LETTERS)
    };
    match columns.find(|at| are(*at, &BOOK) || are_letters(*at)) {
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

/// The same of a column of flags that say whether a row is of the bid, or of the ask.
pub(super) fn of_flags(name: &str, is_bid: bool) -> Puzzle {
    let (found, _) = of_book(name);
    let (bought, sold) = match is_bid {
        true => ("is_buy", "is_sell"),
        false => ("is_sell", "is_buy"),
    };
    let expected = format!(
        "--columns {bought}={name} if the bid bought, {sold}={name} if the bid was sold to, or side with a word for each and --format book-levels"
    );
    (found, expected)
}

fn is_one_of(text: &[u8], words: &[&[u8]]) -> bool {
    words.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// Whether all first rows have sides as a book has them.
pub(super) fn are_of_book(roles: &[Option<Role>], data: &[Fields]) -> bool {
    let Some(side) = roles.iter().position(|role| *role == Some(Role::Side)) else {
        return false;
    };
    let all = |words: &[&[u8]]| data.iter().all(|row| is_one_of(row.get(side), words));
    let mut rows = data.iter();
    let has_ask = rows.any(|row| row.get(side).eq_ignore_ascii_case(b"a"));
    all(&BOOK) || has_ask && all(&BOOK_LETTERS)
}

/// Whether a column of what happened says of all first rows that they are trades.
pub(super) fn say_trades(names: &[String], data: &[Fields]) -> bool {
    let says = |at: usize| {
        let is_event = is_event(&plain(&names[at]));
        is_event
            && data
                .iter()
                .all(|row| !is_missing(row.get(at)) && is_of_trades(row.get(at)))
    };
    (0..names.len()).any(says)
}

/// Names of the trades of Coinbase's Exchange: as it sends them, and as it lists them.
const COINBASE_MATCH: [&str; 3] = ["makerorderid", "takerorderid", "side"];
const COINBASE_TRADE: [&str; 5] = ["price", "side", "size", "time", "tradeid"];

impl Layout {
    /// Takes the sides of Coinbase's trades for those of who rested, as which it tells them, and sizes below zero of Bitfinex's for sales.
    ///
    /// # Errors
    /// The columns are called as Coinbase calls them, and may be of another.
    pub(super) fn set_sides_of_venues(
        &mut self,
        data: &[&Fields],
        options: &ImportOptions,
    ) -> Result<(), Puzzle> {
        if SIDES.iter().any(|side| options.mapping.has(*side)) {
            return Ok(());
        }
        self.set_signed(data);
        let Some(at) = self.column(Role::Side) else {
            return Ok(());
        };
        let mut names: Vec<String> = self.names.iter().map(|name| plain(name)).collect();
        names.sort_unstable();
        let is_named = |name: &str| names.iter().any(|known| known == name);
        let name = self.names[at].clone();
        let is_match = COINBASE_MATCH.iter().all(|name| is_named(name));
        let is_listed = COINBASE_TRADE.iter().all(|name| is_named(name));
        if is_match || is_listed && is_named("productid") {
            self.roles[at] = Some(Role::MakerSide);
            self.notes.push(format!(
                "columns of Coinbase, whose {name:?} is that of who rested: the other one traded (--columns side={name} if it is of who traded)"
            ));
            return Ok(());
        }
        if names == COINBASE_TRADE {
            let found = format!(
                "columns {}, as Coinbase lists trades with the side of who rested, and others with that of who traded",
                self.names.join(", ")
            );
            let expected = format!(
                "--columns maker_side={name} if they are Coinbase's, or side={name} if it is of who traded"
            );
            return Err((found, expected));
        }
        Ok(())
    }

    /// Bitfinex tells the side of a trade by the sign of its amount alone.
    fn set_signed(&mut self, data: &[&Fields]) {
        let Some(at) = self.column(Role::Qty) else {
            return;
        };
        let is_named = |at: usize, name: &str| plain(&self.names[at]) == name;
        let is_bitfinex =
            is_named(at, "amount") && (0..self.names.len()).any(|at| is_named(at, "mts"));
        let has_side = SIDES.iter().any(|side| self.column(*side).is_some());
        let mut rows = data.iter();
        if is_bitfinex && !has_side && rows.any(|row| row.get(at).starts_with(b"-")) {
            self.is_signed = true;
            self.notes.push(format!(
                "columns of Bitfinex: of who sold {:?} is below zero",
                self.names[at]
            ));
        }
    }

    /// The column of sides of which the first rows say `b` alone: the others may go on with `s` as those of trades, or with `a` as those of
    /// a book.
    pub(super) fn sides_in_doubt(&self, data: &[Fields], mapping: &Mapping) -> Option<usize> {
        let is_told = SIDES.iter().any(|side| mapping.has(*side));
        let is_plain = self.shape == Shape::Trades && !self.is_databento();
        let are_trades = self.column(Role::TradeId).is_some() || say_trades(&self.names, data);
        let at = self.column(Role::Side).filter(|_| is_plain && !is_told)?;
        let says = |letter: &[u8]| data.iter().any(|row| is_one_of(row.get(at), &[letter]));
        (!are_trades && says(b"b") && !says(b"s")).then_some(at)
    }

    /// What the first of these letters says of sides that are in doubt: that rows are of trades, or of a book. Nothing of others.
    pub(crate) fn side_of_doubt(&self, text: &[u8]) -> Option<Result<(), Puzzle>> {
        let at = self.side_in_doubt?;
        match text {
            b"s" | b"S" => Some(Ok(())),
            b"a" | b"A" => Some(Err(of_book(&self.names[at]))),
            _ => None,
        }
    }

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
