//! What is known of a file by its columns and first rows beside what they hold: what a file without a column of symbols is called by a
//! column of names, of which all its rows have the same.

use super::rules::has_letter;
use super::{Layout, Role, plain};
use crate::import::options::ImportOptions;
use crate::import::role::NAMES_OF_ONE;
use crate::import::text::Fields;
use crate::import::time::TimeFormat;

/// Digits of the number of a share, at least.
const DIGITS_MIN: usize = 4;

impl Layout {
    /// Takes what else is to be known of a file by its columns and first rows.
    pub(super) fn set_known(
        &mut self,
        data: &[Fields],
        options: &ImportOptions,
        is_readable: impl Fn(usize) -> bool,
    ) {
        self.set_called(data, options, &is_readable);
        self.set_unknown(data, &options.mapping, is_readable);
        self.set_own();
        self.set_beside(options);
        self.has_apostrophes = self.apostrophes(data);
    }

    /// Takes the instrument's name from a line below the header, if one says it.
    pub(super) fn set_called_below(&mut self, name: Option<String>) {
        if let Some(name) = &name {
            self.notes.push(format!(
                "instrument {name}, as a line below the header says"
            ));
        }
        self.known.called = name;
    }

    /// Takes the instrument's name from a column that holds it, unless it is said that none does, or another names it.
    fn set_called(
        &mut self,
        data: &[Fields],
        options: &ImportOptions,
        is_readable: impl Fn(usize) -> bool,
    ) {
        let mapping = &options.mapping;
        let is_told = mapping.has(Role::Ticker) || mapping.is_none(Role::Venue);
        if is_told || self.is_databento() || self.column(Role::Ticker).is_some() {
            return;
        }
        let rows = || data.iter().filter(|row| row.len() == self.names.len());
        let is_name = |at: &usize| rows().all(|row| is_symbol(row.get(*at)));
        let column = NAMES_OF_ONE.iter().find_map(|name| {
            let mut columns = 0..self.names.len();
            let at = columns.find(|at| plain(&self.names[*at]) == *name)?;
            let is_free = self.roles[at].is_none() && is_readable(at);
            Some(at).filter(|at| is_free && is_name(at))
        });
        let first = column.zip(rows().next());
        if let Some((at, row)) = first {
            let name = &self.names[at];
            let called = String::from_utf8_lossy(row.get(at)).into_owned();
            let note = format!("instrument {called}, as column {name:?} says");
            self.notes.push(note);
            self.known.called = Some(called);
        }
    }
}

/// Whether a field holds what instruments are called by: a word, or the number of a share.
fn is_symbol(text: &[u8]) -> bool {
    let is_number = text.len() >= DIGITS_MIN && text.iter().all(u8::is_ascii_digit);
    let is_word = has_letter(text) && TimeFormat::of(text).is_none();
    (2..=64).contains(&text.len())
        && std::str::from_utf8(text).is_ok()
        && !text.iter().any(u8::is_ascii_whitespace)
        && (is_word || is_number)
}
