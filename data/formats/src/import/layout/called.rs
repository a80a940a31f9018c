//! What is known of a file by its columns and first rows beside what they hold: what a file without a column of symbols is called by a
//! column of names, of which all its rows have the same.

use super::rules::has_letter;
use super::volume::words;
use super::{Layout, Role, Shape, plain};
use crate::import::cells::DAY_NS;
use crate::import::options::ImportOptions;
use crate::import::role::NAMES_OF_ONE;
use crate::import::text::Fields;
use crate::import::time::{Stamped, TimeFormat};
use jiff::tz::TimeZone;
use tickloom_types::NANOS_PER_SECOND;

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
        self.set_ends(data);
        let is_named = |wanted: &str| self.names.iter().any(|name| plain(name) == wanted);
        let is_tape = is_named("siptimestamp") || is_named("tape") && is_named("askexchange");
        if is_tape && self.shape == Shape::Quotes {
            let note = "sizes of quotes of the consolidated tape may be in round lots, of 100 shares before November 2025: they are taken as they are";
            self.notes.push(note.to_owned());
        }
        self.set_currency(data, options);
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

impl Layout {
    /// Takes the times of bars for their closes where their column is called an end, unless they are dates, midnights, which may be dates
    /// that a program wrote out, or the last instants of minutes, which say it themselves.
    fn set_ends(&mut self, data: &[Fields]) {
        const ENDS: [&str; 5] = ["end", "ending", "ends", "close", "closing"];
        let (time, _) = self.time_columns();
        let words = words(&self.names[time]);
        if !self.shape.is_bars() || !words.iter().any(|word| ENDS.contains(&word.as_str())) {
            return;
        }
        let whole = data.iter().filter(|row| row.len() == self.names.len());
        let times: Vec<Stamped> = whole
            .map_while(|row| {
                let text = self.time_text(row);
                TimeFormat::of(&text)?.parse(&text, &TimeZone::UTC)
            })
            .collect();
        let is_even = |ts: i64| (ts % (60 * NANOS_PER_SECOND)) < 59 * NANOS_PER_SECOND;
        let is_close = |time: &Stamped| !time.is_date && is_even(time.ts.0);
        if !times.first().is_some_and(is_close) {
            return;
        }
        let name = &self.names[time];
        if times.iter().all(|time| time.ts.0 % DAY_NS == 0) {
            self.notes.push(format!(
                "midnights in {name:?} are taken as days (--stamp close if bars close then)"
            ));
            return;
        }
        self.notes.push(format!(
            "times in {name:?} are taken as the closes of bars (--stamp open if they are not)"
        ));
        self.known.are_closes = true;
    }

    /// Takes the currency of prices from a column that says it, of each instrument in its first row.
    fn set_currency(&mut self, data: &[Fields], options: &ImportOptions) {
        const NAMES: [&str; 4] = ["currency", "ccy", "quotecurrency", "pricecurrency"];
        if options.currency.is_some() {
            return;
        }
        let place = self.apart.iter().position(|at| {
            let is_named = NAMES.contains(&plain(&self.names[*at]).as_str());
            let mut rows = data.iter().filter(|row| row.len() == self.names.len());
            is_named && rows.all(|row| currency_of(row.get(*at)).is_some())
        });
        let Some((place, at)) = place.and_then(|place| Some((place, *self.apart.get(place)?)))
        else {
            return;
        };
        let name = &self.names[at];
        let first = data.first().and_then(|row| currency_of(row.get(at)));
        let note = match (self.column(Role::Ticker), first) {
            (None, Some(code)) => format!("prices in {code}, as column {name:?} says"),
            _ => format!("prices in what column {name:?} says of each instrument"),
        };
        self.notes.push(note);
        self.known.currency_place = Some(place);
    }
}

/// The currency that a field says: a code of three capitals, or the name of a hundredth of one by which shares are quoted.
pub(in crate::import) fn currency_of(text: &[u8]) -> Option<&str> {
    match text {
        b"GBp" | b"GBx" => Some("GBX"),
        b"ZAc" => Some("ZAC"),
        b"ILa" | b"ILs" => Some("ILA"),
        _ if text.len() == 3 && text.iter().all(u8::is_ascii_uppercase) => {
            std::str::from_utf8(text).ok()
        }
        _ => None,
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
