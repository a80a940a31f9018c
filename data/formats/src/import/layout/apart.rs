//! What tells instruments apart beside their symbol: the publisher of a row of Databento, and columns in which all rows of one
//! instrument have the same.

use super::{Layout, Role, Shape, plain};
use crate::import::mapping::Mapping;
use crate::import::role::{SIDES, tells_apart};
use crate::import::text::Fields;
use crate::import::time::TimeFormat;

impl Layout {
    /// Finds out which of the columns that can be read tell instruments apart, or say the side of a trade once more.
    pub(super) fn set_apart(
        &mut self,
        data: &[Fields],
        mapping: &Mapping,
        is_readable: impl Fn(usize) -> bool,
    ) {
        self.apart = self.columns_apart(data, mapping);
        self.apart.retain(|at| is_readable(*at));
        self.sides = self.sides_beside(mapping);
        self.sides.retain(|(at, _)| is_readable(*at));
        self.note_sides_of_book(data, mapping);
        self.side_in_doubt = self.sides_in_doubt(data, mapping);
        self.words = self.columns_of_words(data, mapping);
        self.words.retain(|at| is_readable(*at));
    }

    /// Columns that no row of an instrument may have otherwise than the rows before it. Who says that no column is the exchange says
    /// that none tells.
    fn columns_apart(&self, data: &[Fields], mapping: &Mapping) -> Vec<usize> {
        let is_by_symbol = self.column(Role::Ticker).is_some();
        if self.is_databento() && is_by_symbol {
            return Vec::new();
        }
        let is_named = is_by_symbol || mapping.is_none(Role::Ticker);
        // Rows of the consolidated tape are of many exchanges.
        let is_tape = self.names.iter().any(|name| plain(name) == "siptimestamp");
        let is_one = mapping.is_none(Role::Venue) || mapping.is_none(Role::Ticker) || is_tape;
        let is_apart = |(name, role): (&String, &Option<Role>)| match role {
            Some(Role::Venue) => !(is_one || self.is_by_venue && is_by_symbol),
            Some(_) => false,
            None => {
                let name = plain(name);
                // Where all columns are called by one letter, this one is of symbols.
                let is_letter = name == "s" && self.names.iter().any(|name| name == "t");
                // What is called a name is often a remark; bars of one time that differ are refused in any case.
                let is_remark = name == "name" && self.shape.is_bars();
                match tells_apart(&name, true) {
                    _ if is_remark => false,
                    _ if is_letter => !is_one && !is_named,
                    // A second column of symbols.
                    _ if Role::of(&name) == Some(Role::Ticker) => !is_one,
                    true => !is_one,
                    false => tells_apart(&name, is_named),
                }
            }
        };
        let columns = self.names.iter().zip(&self.roles).map(is_apart);
        let columns = (0..).zip(columns).filter(|(_, is_apart)| *is_apart);
        let mut all: Vec<usize> = columns.map(|(at, _)| at).collect();
        all.extend(self.labels(data, mapping));
        all
    }

    /// Columns of labels of rows, as programs write them without a name or under one of their own: words that are no times. Two of them are
    /// two instruments.
    fn labels(&self, data: &[Fields], mapping: &Mapping) -> Vec<usize> {
        const NAMES: [&str; 7] = [
            "",
            "index",
            "indexname",
            "level0",
            "level1",
            "indexlevel0",
            "unnamed0",
        ];
        if mapping.is_none(Role::Ticker) || mapping.is_none(Role::Venue) {
            return Vec::new();
        }
        let is_label = |at: &usize| {
            let is_named = NAMES.contains(&plain(&self.names[*at]).as_str());
            let is_label = |row: &Fields| is_word(row.get(*at));
            is_named && self.roles[*at].is_none() && data.iter().all(is_label)
        };
        (0..self.names.len()).filter(is_label).collect()
    }

    /// Columns that say the side of a trade in another way than the one that is read.
    fn sides_beside(&self, mapping: &Mapping) -> Vec<(usize, Role)> {
        let is_told = SIDES.iter().any(|side| mapping.has(*side));
        if self.shape != Shape::Trades || self.is_databento() || is_told {
            return Vec::new();
        }
        let read = SIDES.iter().find_map(|side| self.column(*side));
        let way = |at: usize| match plain(&self.names[at]).as_str() {
            // That of the price, often.
            "direction" => None,
            name => Role::of(name).filter(|role| SIDES.contains(role)),
        };
        (0..self.names.len())
            .filter(|at| Some(*at) != read)
            .filter_map(|at| way(at).map(|by| (at, by)))
            .collect()
    }

    /// Columns of bars without a symbol that hold words and are not read: two of them in one moment may be two instruments.
    fn columns_of_words(&self, data: &[Fields], mapping: &Mapping) -> Vec<usize> {
        let is_named = self.column(Role::Ticker).is_some();
        let is_one = mapping.is_none(Role::Ticker) || mapping.is_none(Role::Venue);
        if !self.shape.is_bars() || is_named || is_one {
            return Vec::new();
        }
        let is_word = |at: &usize| {
            !self.is_read(*at)
                && !self.apart.contains(at)
                && data.iter().all(|row| is_word(row.get(*at)))
        };
        (0..self.names.len()).filter(is_word).collect()
    }

    /// The column with Databento's numbers of instruments, beside that of symbols.
    pub(crate) fn instrument_number(&self) -> Option<usize> {
        let at = self
            .names
            .iter()
            .position(|name| plain(name) == "instrumentid");
        at.filter(|_| self.is_databento())
    }

    /// How `--columns` calls a column: by its name, or by its number from one if it has none of its own.
    pub(crate) fn told_as(&self, at: usize) -> String {
        let name = self.names.get(at).map_or("", String::as_str);
        let is_one = |other: &&String| other.as_str() == name;
        match name.is_empty() || self.names.iter().filter(is_one).count() > 1 {
            true => (at + 1).to_string(),
            false => name.to_owned(),
        }
    }

    /// Which role a column would have to have so that instruments are named by it.
    pub(crate) fn role_apart(&self, at: usize) -> Role {
        match self.column(Role::Ticker) {
            Some(ticker) if ticker != at => Role::Venue,
            _ => Role::Ticker,
        }
    }
}

/// Whether a field holds a word, and no number or time.
fn is_word(value: &[u8]) -> bool {
    let is_letter = |b: &u8| b.is_ascii_alphabetic() || !b.is_ascii();
    value.first().is_some_and(is_letter) && TimeFormat::of(value).is_none()
}
