//! Bars of one moment that differ, in a file that names no instruments: a column of words may tell which instruments they are of.

use super::doubt::each_until;
use crate::Result;
use crate::import::cells::Cells;
use crate::import::input::Input;
use crate::import::layout::Layout;
use std::borrow::Cow;
use std::collections::HashMap;
use xxhash_rust::xxh3::xxh3_64;

/// Rows that are looked at.
const ROWS_MAX: u64 = 100_000;
/// Columns of words that are looked at, and different words of one.
const COLUMNS_MAX: usize = 4;
const WORDS_MAX: usize = 1_000;

/// A column of words: whether rows with the same word are bars of one instrument.
struct Words {
    at: usize,
    /// How often each is there.
    counts: HashMap<Vec<u8>, u64>,
    /// The numbers of the bars, by their word and time.
    bars: HashMap<u64, u64>,
    is_apart: bool,
}

impl Words {
    fn note(&mut self, time: u64, numbers: u64, cells: &dyn Cells) {
        if !self.is_apart {
            return;
        }
        let word = cells.text(self.at).into_owned();
        let key = xxh3_64(&word) ^ time.rotate_left(1);
        *self.counts.entry(word).or_default() += 1;
        let known = *self.bars.entry(key).or_insert(numbers);
        self.is_apart = known == numbers && self.counts.len() <= WORDS_MAX;
    }
}

/// Refuses a file in which bars of one time differ, and those of each word of a column do not.
pub(super) fn no_instruments_by_words(input: &Input, layout: &Layout) -> Result<()> {
    let columns = layout.words.iter().take(COLUMNS_MAX);
    let mut words: Vec<Words> = columns
        .map(|at| Words {
            at: *at,
            counts: HashMap::new(),
            bars: HashMap::new(),
            is_apart: true,
        })
        .collect();
    let numbers = layout.number_columns();
    let mut all: HashMap<u64, u64> = HashMap::new();
    let (mut rows, mut meeting) = (0, None);
    let mut read = layout.clone();
    read.apart.extend(&layout.words);
    each_until(input, &read, |line, cells| {
        if cells.len() != layout.names.len() {
            return true;
        }
        rows += 1;
        let time = xxh3_64(&layout.time_text(cells));
        let texts = numbers.iter().map(|at| xxh3_64(&cells.text(*at)));
        let bar = texts.fold(0_u64, |all, one| all.rotate_left(7) ^ one);
        if *all.entry(time).or_insert(bar) != bar {
            meeting.get_or_insert(line);
        }
        words
            .iter_mut()
            .for_each(|words| words.note(time, bar, cells));
        rows < ROWS_MAX && words.iter().any(|words| words.is_apart)
    })?;
    let few = |words: &&Words| {
        let count = words.counts.len() as u64;
        words.is_apart && count > 1 && count * 2 <= rows
    };
    let (Some(line), Some(found)) = (meeting, words.iter().find(few)) else {
        return Ok(());
    };
    let name = &layout.names[found.at];
    let found = format!(
        "several bars of one time, which column {name:?} tells apart ({})",
        some_of(found.counts.keys())
    );
    Err(layout.fault(&input.shown(), line, found, &settled_by(name)))
}

/// Some words of a column, for people.
pub(super) fn some_of<'a>(words: impl Iterator<Item = &'a Vec<u8>>) -> String {
    let mut some: Vec<Cow<'_, str>> = words.map(|word| String::from_utf8_lossy(word)).collect();
    some.sort();
    let some: Vec<&str> = some.iter().map(AsRef::as_ref).collect();
    tickloom_types::some_of(&some)
}

/// What says whether the words of a column are instruments.
pub(super) fn settled_by(name: &str) -> String {
    format!("--columns symbol={name} if it names instruments, or symbol=- if all rows are of one")
}
