//! Columns that say what a row is beside its numbers: which level of a book, what happened, whether it counts. A file whose first rows
//! say that they are something else is refused; a later row that says so is refused, or left out, by itself.

mod files;
mod snapshots;
mod words;

use super::other::{is_utc, is_zone_name};
use super::unknown::is_code as is_number_of_share;
use super::{Dialect, Layout, Puzzle, Role, Shape, plain};
use crate::import::mapping::Mapping;
use crate::import::number::is_missing;
use crate::import::options::ImportOptions;
use crate::import::text::Fields;
pub(crate) use words::is_of_others;
use words::{
    CHANNELS, CLOSED, CODED, CORRECTIONS, ENTRIES, EVENTS, LEVELS, OPEN, STATES, VALID, VOID,
    deletes, flag, has_trade_word, is_code, is_nothing, is_of_open_order, is_word, says_book,
    stands,
};
pub(super) use words::{has_letter, is_of_trades};

const TRADES_ALONE: &str = "rows of trades alone (--columns action=- takes all rows for trades)";

/// Whether a column of this name says what happened.
pub(super) fn is_event(plain: &str) -> bool {
    EVENTS.contains(&plain)
}

/// Roles of columns that say what a row is.
const OF_RULES: [Role; 4] = [Role::Level, Role::Void, Role::Closed, Role::Action];

/// What a column says of rows that count.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Says {
    /// That it is a trade, or nothing.
    Trade,
    /// The same by the number of an entry of FIX.
    Entry,
    /// None of the words of quotes, books and cancellations.
    NoOther,
    /// The name of a channel of messages that is none of books or quotes.
    Channel,
    /// The state of an order that is none of one that waits.
    State,
    /// The same in all rows: the level of a book that has the best prices.
    Level(Vec<u8>),
    /// Whether the row does not count, or counts.
    Void,
    Valid,
    /// A code of the consolidated tape.
    Correction,
    /// Whether a bar is over, or not yet.
    Closed,
    Open,
    /// No price of a trade beside a quote.
    NoPrice,
    /// What happened to a level.
    OfLevel,
    /// That its times are UTC.
    Utc,
    /// The type of the rows of a schema of Databento, as in the first row.
    RowType(Vec<u8>),
    /// That it is a trade of Databento.
    IsTrade,
    /// The word of the first row; of trades, none of the words of quotes, books and cancellations either.
    Word(Vec<u8>, bool),
    /// The number of the first row, of a share perhaps.
    Code(Vec<u8>),
}

/// What is to be done with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Counts,
    /// It is a bar that is not over yet.
    NotClosed,
    /// It counts, and has another word than the first row where nothing says what the words are.
    Differs,
    /// It deletes a level, so that its size is zero.
    Deletes,
    /// It is refused: what was expected.
    Wrong(&'static str),
}

/// What a row must say in a column so that it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) at: usize,
    says: Says,
}

impl Rule {
    /// That a column of words goes on as in the first row, and what it was asked before.
    pub(super) fn of_word(at: usize, first: &[u8], before: Option<Rule>) -> Rule {
        let is_of_trades = before.is_some_and(|rule| rule.says == Says::NoOther);
        let says = Says::Word(first.to_vec(), is_of_trades);
        Rule { at, says }
    }

    /// That a column of numbers which may be those of shares goes on as in the first row.
    pub(super) fn of_code(at: usize, first: &[u8]) -> Rule {
        let says = Says::Code(first.to_vec());
        Rule { at, says }
    }

    /// What a field says that a row is.
    pub(crate) fn of(&self, text: &[u8]) -> Verdict {
        let when = |is_right: bool, expected: &'static str| match is_right {
            true => Verdict::Counts,
            false => Verdict::Wrong(expected),
        };
        match &self.says {
            Says::Trade => when(
                is_of_trades(text),
                "a word of trades (--columns action=- takes all rows for trades)",
            ),
            Says::Entry => when(
                text == b"2" || is_of_trades(text),
                "2, of a trade (--columns action=- takes all rows for trades)",
            ),
            Says::NoOther => when(!is_of_others(text), TRADES_ALONE),
            Says::Channel => when(!says_book(text), TRADES_ALONE),
            Says::State => when(!is_of_open_order(text), TRADES_ALONE),
            Says::Word(first, _) if text == first => Verdict::Counts,
            Says::Word(_, true) if is_of_others(text) => Verdict::Wrong(TRADES_ALONE),
            // Numbers and flags are no words.
            Says::Word(..) if flag(text).is_some() || !has_letter(text) => Verdict::Counts,
            Says::Word(..) => Verdict::Differs,
            Says::Code(first) if text == first || !is_number_of_share(text) => Verdict::Counts,
            Says::Code(_) => Verdict::Differs,
            Says::Level(best) => when(
                text == best,
                "one level, as in the rows above (--columns level=- takes all rows for quotes)",
            ),
            Says::Void | Says::Valid => match flag(text) {
                Some(is_set) => when(
                    is_set == (self.says == Says::Valid),
                    "a row that counts: this one is void (--columns void=- takes all rows)",
                ),
                None => Verdict::Wrong("true or false (--columns void=- takes all rows)"),
            },
            Says::Correction => when(
                stands(text) == Some(true),
                "0, 1 or 2, of a trade that stands (--columns void=- takes all rows)",
            ),
            Says::Closed | Says::Open => match flag(text) {
                Some(is_set) if is_set == (self.says == Says::Closed) => Verdict::Counts,
                Some(_) => Verdict::NotClosed,
                None => Verdict::Wrong("true or false (--columns closed=- takes all rows)"),
            },
            Says::NoPrice => when(
                is_nothing(text),
                "nothing, as in the rows above (--columns price=-,size=- for quotes, bid=-,ask=- for trades)",
            ),
            Says::Utc => when(
                is_utc(text),
                "UTC, as in the rows above: times that say their zone themselves, or --zone if all are of one",
            ),
            Says::RowType(first) => when(text == first, "the type of the rows above"),
            Says::IsTrade => when(text == b"T", "T, of a trade"),
            Says::OfLevel if deletes(text) => Verdict::Deletes,
            Says::OfLevel => when(
                is_missing(text) || is_word(text) && !has_trade_word(text),
                "a word of what happened to a level (--columns action=- takes all rows for levels as they are)",
            ),
        }
    }

    /// Whether a row counts as far as this column says.
    #[inline]
    pub(crate) fn counts(&self, text: &[u8]) -> bool {
        self.of(text) == Verdict::Counts
    }

    /// Whether its column is known to be one of those that say what rows are.
    pub(super) fn is_told(&self) -> bool {
        !matches!(
            self.says,
            Says::NoOther | Says::State | Says::Word(..) | Says::Code(_)
        )
    }

    /// Whether one of the first rows that is something else says that the file is.
    fn is_of_file(&self) -> bool {
        matches!(
            self.says,
            Says::Trade
                | Says::Entry
                | Says::NoOther
                | Says::Channel
                | Says::State
                | Says::Level(_)
        )
    }
}

impl Layout {
    /// Finds out which columns say what a row is, of those that can be read.
    ///
    /// # Errors
    /// The first rows are something else than was taken from the other columns.
    pub(super) fn set_rules(
        &mut self,
        data: &[Fields],
        options: &ImportOptions,
        is_readable: impl Fn(usize) -> bool,
    ) -> Result<(), Puzzle> {
        if self.is_databento() {
            return self.set_rules_of_databento(data);
        }
        if !matches!(self.dialect, Dialect::Plain | Dialect::Tardis) {
            return Ok(());
        }
        self.set_turnover(data, &options.mapping)?;
        let whole = data.iter().filter(|row| row.len() == self.names.len());
        let data: Vec<&Fields> = whole.collect();
        let mapping = &options.mapping;
        if self.shape == Shape::Trades {
            self.no_columns_of_books(&data, mapping)?;
            self.no_snapshots(&data, mapping)?;
            self.no_totals(mapping)?;
            self.no_own_fills(&data, options)?;
            self.set_sides_of_venues(&data, options)?;
        }
        if self.shape == Shape::Quotes && options.format.is_none() {
            self.no_trades_beside(&data, mapping)?;
        }
        for at in (0..self.names.len()).filter(|at| is_readable(*at)) {
            let is_of_zones = self.roles[at].is_none() && is_zone_name(&plain(&self.names[at]));
            if is_of_zones && options.zone.is_none() {
                let says = Says::Utc;
                self.rules.push(Rule { at, says });
                continue;
            }
            let Some((says, role)) = self.rule_of(at, &data, mapping) else {
                continue;
            };
            let rule = Rule { at, says };
            let wrong = data.iter().find_map(|row| match rule.of(row.get(at)) {
                Verdict::Wrong(expected) => Some((row.get(at), expected)),
                _ => None,
            });
            if let Some((value, expected)) = wrong.filter(|_| rule.is_of_file()) {
                return Err(self.other_rows(at, value, expected));
            }
            if let (None, Some(role)) = (self.roles[at], role) {
                self.roles[at] = Some(role);
            }
            // Words that are none in the first rows are looked at in all; numbers are no words.
            let is_whole = rule.is_told() || data.iter().all(|row| is_word(row.get(at)));
            // What is the same in all rows is known by the first ones.
            let is_known = rule.says == Says::Channel && self.apart.contains(&at);
            if is_whole && !is_known {
                self.rules.push(rule);
            }
        }
        Ok(())
    }

    /// What a column says of rows, by its role, its name and its first rows, and the role that it has then.
    fn rule_of(
        &self,
        at: usize,
        data: &[&Fields],
        mapping: &Mapping,
    ) -> Option<(Says, Option<Role>)> {
        let role = self.roles[at];
        let name = plain(&self.names[at]);
        let named = |names: &[&str]| names.contains(&name.as_str());
        let are_trades = self.shape == Shape::Trades && !mapping.is_none(Role::Action);
        if role.is_none() && are_trades && named(CHANNELS) {
            return Some((Says::Channel, None));
        }
        if role.is_some_and(|role| !OF_RULES.contains(&role)) || self.apart.contains(&at) {
            return None;
        }
        if role.is_none() && are_trades && named(STATES) {
            return Some((Says::State, None));
        }
        // A column that is told goes before those that are called so.
        let is = |told: Role, names: &[&str]| {
            role == Some(told) || role.is_none() && !mapping.has(told) && named(names)
        };
        let all = |is_one: fn(&[u8]) -> bool| data.iter().all(|row| is_one(row.get(at)));
        let are_flags = all(|text| flag(text).is_some());
        let differ = || data.windows(2).any(|two| two[0].get(at) != two[1].get(at));
        let are_codes = named(CORRECTIONS) || !are_flags;
        if is(Role::Void, CORRECTIONS) && are_codes && all(|text| stands(text).is_some()) {
            return Some((Says::Correction, Some(Role::Void)));
        }
        if is(Role::Void, VALID) && named(VALID) && are_flags {
            return Some((Says::Valid, Some(Role::Void)));
        }
        if role == Some(Role::Void) || is(Role::Void, VOID) && are_flags {
            return Some((Says::Void, Some(Role::Void)));
        }
        match self.shape {
            Shape::Bars | Shape::BidAskBars => {
                // The stream of Binance calls all in one letter.
                let is_letter = name == "x" && !self.names.iter().any(|name| name == "o");
                if is(Role::Closed, OPEN) && named(OPEN) && are_flags {
                    return Some((Says::Open, Some(Role::Closed)));
                }
                let is_closed = is(Role::Closed, CLOSED) && are_flags && !is_letter;
                let is_one = role == Some(Role::Closed) || is_closed;
                is_one.then_some((Says::Closed, Some(Role::Closed)))
            }
            Shape::Quotes if is(Role::Level, LEVELS) => {
                let best = data.first()?.get(at).to_vec();
                // A depth in money is no place in a book.
                let is_place = !best.is_empty() && all(|text| text.len() <= 4);
                is_place.then_some((Says::Level(best), Some(Role::Level)))
            }
            Shape::Trades if role.is_none() && !mapping.has(Role::Action) && named(ENTRIES) => {
                Some((Says::Entry, None))
            }
            Shape::Trades if is(Role::Action, EVENTS) => Some((Says::Trade, None)),
            // Codes of what happened, of which nobody says which are trades.
            Shape::Trades if is(Role::Action, CODED) && all(is_code) && differ() => {
                Some((Says::Trade, None))
            }
            Shape::Trades if !mapping.is_none(Role::Action) => Some((Says::NoOther, None)),
            Shape::Levels if is(Role::Action, EVENTS) => Some((Says::OfLevel, None)),
            _ => None,
        }
    }

    /// The error for a file whose first rows say that they are something else.
    fn other_rows(&self, at: usize, value: &[u8], expected: &str) -> Puzzle {
        let value = String::from_utf8_lossy(value);
        let name = &self.names[at];
        let (what, more) = match self.shape {
            Shape::Quotes => (
                "quotes: levels of a book, one a row with both sides",
                "; a book has a row for each level and side, or all levels in a row",
            ),
            _ => (
                "trades",
                ", or --format book-levels if its rows are levels of a book",
            ),
        };
        let found = format!("{value:?} in column {name:?} of what would be {what}");
        (found, format!("{expected}{more}"))
    }
}
