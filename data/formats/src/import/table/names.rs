//! Whether the words of a column are what instruments are called, in a file that names none: asked of the words themselves, and of how the
//! prices of rows with the same word and with another go on from each other.

use super::apart::{settled_by, some_of};
use super::doubt::each_until;
use crate::Result;
use crate::import::cells::Cells;
use crate::import::input::Input;
use crate::import::layout::{Layout, is_code, is_of_others, is_word};
use crate::import::number;
use crate::import::period::is_future;
use jiff::tz::TimeZone;
use std::collections::{BTreeSet, HashSet};
use std::sync::LazyLock;
use tickloom_types::Ts;

/// Columns of words that are looked at, and different words of one that are kept.
const COLUMNS_MAX: usize = 16;
const WORDS_MAX: usize = 1_000;
/// Steps from a price to the next that are kept, of each kind.
const STEPS_MAX: usize = 10_000;
/// Steps of each kind that tell.
const STEPS_MIN: usize = 3;
/// How much larger steps between instruments are than those of one, at least.
const APART: f64 = 3.0;
/// How large they are at least.
const STEP_LEAST: f64 = 2e-4;
/// How much larger they are where words are letters, as codes are.
const APART_OF_LETTERS: f64 = 10.0;
/// How large those between numbers are at least, of which there are few rows, or which hardly come again.
const STEP_OF_CODES: f64 = 0.05;
/// Of so many changes of numbers that name something one at least is to a number that was there before.
const RETURNS_LEAST: u64 = 4;
/// Steps within a word that tell how far a price goes.
const WITHIN_MIN: usize = 10;
/// Letters of a number of a transaction or the like, at least.
const HASH_MIN: usize = 16;
/// Words of a sentence, at least.
const SENTENCE_MIN: usize = 4;

/// Words that are remarks on a row, and name no instrument.
static REMARKS: LazyLock<HashSet<&[u8]>> =
    LazyLock::new(|| WORDS.split('|').map(str::as_bytes).collect());
const WORDS: &str = "\
    a|b|s|n|y|t|f|buy|sell|bid|ask|long|short|hold|flat|none|null|nan|na|n/a|unknown|true|false|\
    yes|no|up|down|plustick|minustick|zeroplustick|zerominustick|limit|market|stop|maker|taker|\
    open|close|closed|opening|closing|regular|pre|post|premarket|pre-market|postmarket|\
    post-market|aftermarket|after-hours|afterhours|extended|intraday|continuous|auction|normal|\
    trade|fill|match|odd|oddlot|odd lot|block|cross|sweep|dividend|split|earnings|holiday|bull|\
    bear|bullish|bearish|neutral|sideways|range|trend|high|low|medium|am|pm|morning|afternoon|\
    evening|night|overnight|day|asia|europe|london|tokyo|new york|win|loss|entry|exit|ok|good|\
    bad|valid|final|mon|tue|wed|thu|fri|sat|sun|monday|tuesday|wednesday|thursday|friday|\
    saturday|sunday|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|january|february|march|\
    april|june|july|august|september|october|november|december|q1|q2|q3|q4|green|red|black|\
    white|execution|exec|deal|print|last|tick|e|p";

/// What a column's words and the prices beside them say.
#[derive(Default)]
struct Names {
    at: usize,
    /// Whether its words are numbers, as those of shares are.
    is_of_codes: bool,
    /// Words that are no remarks.
    words: BTreeSet<Vec<u8>>,
    /// How many of them are written as symbols are.
    symbols: usize,
    /// Rows without a word.
    empty: u64,
    last: Option<(Vec<u8>, f64, Option<Ts>)>,
    /// How often one word follows another.
    changes: u64,
    /// How often it is one that was there before.
    returns: u64,
    /// How far prices of neighbours are apart, as a part of them: with one word, and with two.
    within: Vec<f64>,
    across: Vec<f64>,
    /// How often times go back, and on: with one word, and with two.
    times: [[u64; 2]; 2],
}

/// Refuses a file whose columns of unknown words may be the names of instruments.
pub(super) fn no_instruments_by_names(input: &Input, layout: &Layout) -> Result<()> {
    let columns = layout.unknown.columns.iter().take(COLUMNS_MAX);
    let mut all: Vec<Names> = columns
        .map(|at| Names {
            at: *at,
            is_of_codes: layout.unknown.codes.contains(at),
            ..Names::default()
        })
        .collect();
    let price = layout.number_columns().first().copied().unwrap_or_default();
    let mut read = layout.clone();
    read.apart.extend(&layout.unknown.columns);
    let (mut rows, mut first) = (0, None);
    each_until(input, &read, |line, cells| {
        // The header may come again, as in files that were put together.
        let is_header =
            || (0..layout.names.len()).all(|at| *cells.text(at) == *layout.names[at].as_bytes());
        if cells.len() == layout.names.len() && !is_header() {
            rows += 1;
            first.get_or_insert(line);
            let number = number::about(&cells.text(price), layout.decimal);
            let ts = layout.time.parse(&layout.time_text(cells), &TimeZone::UTC);
            let ts = ts.map(|stamped| stamped.ts);
            all.iter_mut()
                .for_each(|names| names.note(cells, number, ts));
        }
        !all.iter().any(Names::are_symbols)
    })?;
    let Some(found) = all.iter().find(|names| names.may_be_instruments(rows)) else {
        return Ok(());
    };
    let name = &layout.names[found.at];
    let found = format!(
        "a column {name:?} of words that may be instruments ({}), or remarks on rows",
        some_of(found.words.iter())
    );
    Err(layout.fault(&input.shown(), first.unwrap_or(1), found, &settled_by(name)))
}

impl Names {
    fn note(&mut self, cells: &dyn Cells, price: Option<f64>, ts: Option<Ts>) {
        let word = cells.text(self.at);
        if word.is_empty() {
            self.empty += 1;
            return;
        }
        let is_again = (self.last.as_ref()).is_some_and(|(last, ..)| *last == *word);
        let is_back = !is_again && self.words.contains(word.as_ref());
        let is_new = !is_again && !is_back;
        self.returns += u64::from(is_back);
        let is_name = match self.is_of_codes {
            true => is_code(&word),
            false => !is_remark(&word),
        };
        if is_new && self.words.len() < WORDS_MAX && is_name {
            self.symbols += usize::from(is_symbol(&word) || is_small_symbol(&word));
            self.words.insert(word.to_vec());
        }
        let Some(price) = price else {
            return;
        };
        let (last_price, last_ts, is_same) = match &mut self.last {
            Some((last, last_price, last_ts)) => {
                let is_same = last.as_slice() == word.as_ref();
                let before = (*last_price, *last_ts, is_same);
                if !is_same {
                    *last = word.into_owned();
                }
                (*last_price, *last_ts) = (price, ts);
                before
            }
            None => {
                self.last = Some((word.into_owned(), price, ts));
                return;
            }
        };
        self.changes += u64::from(!is_same);
        let steps = if is_same {
            &mut self.within
        } else {
            &mut self.across
        };
        let most = price.abs().max(last_price.abs());
        if steps.len() < STEPS_MAX && most > 0.0 {
            steps.push((price - last_price).abs() / most);
        }
        if let Some(goes_on) = last_ts.zip(ts).filter(|(last, ts)| last != ts) {
            self.times[usize::from(!is_same)][usize::from(goes_on.0 < goes_on.1)] += 1;
        }
    }

    /// Whether two of its words, and most of them, are written as symbols are.
    fn are_symbols(&self) -> bool {
        self.symbols > 1 && self.symbols * 2 > self.words.len()
    }

    /// Whether its words may be instruments, of so many rows.
    fn may_be_instruments(&self, rows: u64) -> bool {
        if self.words.len() < 2 {
            return false;
        }
        if self.is_of_codes {
            return self.may_be_codes(rows);
        }
        if self.are_symbols() || self.are_one_after_another() {
            return true;
        }
        if self.empty * 2 > rows {
            return false;
        }
        let [within, across] = [&self.within, &self.across].map(|steps| middle(steps));
        let both = self.within.len() >= STEPS_MIN && self.across.len() >= STEPS_MIN;
        if self.words.iter().all(|word| word.len() == 1) {
            return both && across > APART_OF_LETTERS * within;
        }
        if both {
            return across > (APART * within).max(STEP_LEAST);
        }
        // One that goes over into another seldom, as what a market is like does.
        let most = |steps: &[f64]| steps.iter().copied().fold(0.0, f64::max);
        self.within.len() < WITHIN_MIN || most(&self.across) > most(&self.within)
    }

    /// The same of numbers, which count or measure something more often than they name it: each is in several rows, and prices go much
    /// further from one to another. Those that hardly come again may be of days, which begin where the price is by then.
    fn may_be_codes(&self, rows: u64) -> bool {
        if self.words.len() as u64 * 2 > rows || self.empty * 2 > rows {
            return false;
        }
        if self.are_one_after_another() {
            return true;
        }
        let [within, across] = [&self.within, &self.across].map(|steps| middle(steps));
        let are_together = self.returns * RETURNS_LEAST <= self.changes;
        let least = match are_together {
            true => STEP_OF_CODES,
            false => STEP_LEAST,
        };
        if self.within.len() >= STEPS_MIN && self.across.len() >= STEPS_MIN {
            return across > (APART * within).max(least);
        }
        let most = |steps: &[f64]| steps.iter().copied().fold(0.0, f64::max);
        let is_far = most(&self.across) > APART * most(&self.within);
        self.within.len() < WITHIN_MIN && is_far && across > STEP_OF_CODES
    }

    /// Whether each word has its rows together, and times begin again with the next, as instruments do one after another.
    fn are_one_after_another(&self) -> bool {
        let [[back, on], [back_across, on_across]] = self.times;
        let turned = match back < on {
            true => back_across,
            false => on_across,
        };
        let are_whole = self.changes + 1 == self.words.len() as u64;
        are_whole && back.min(on) == 0 && back + on > 0 && turned * 2 > self.changes
    }
}

/// The middle one of some steps; 0 of none.
fn middle(steps: &[f64]) -> f64 {
    let mut steps = steps.to_vec();
    steps.sort_by(f64::total_cmp);
    steps.get(steps.len() / 2).copied().unwrap_or_default()
}

/// Whether a field is a remark on a row: a word of those, a sentence, a link, the number of something, or no word.
fn is_remark(text: &[u8]) -> bool {
    let lower = text.to_ascii_lowercase();
    let is_letter = |b: &u8| b.is_ascii_hexdigit() || matches!(b, b'-' | b'x' | b'X');
    let is_hash =
        text.len() >= HASH_MIN && text.iter().all(is_letter) && text.iter().any(u8::is_ascii_digit);
    let words = text.split(|b| *b == b' ').filter(|word| !word.is_empty());
    let is_sentence = words.count() >= SENTENCE_MIN;
    REMARKS.contains(lower.as_slice())
        || is_hash
        || is_of_others(text)
        || is_sentence
        || lower.starts_with(b"http")
        || !is_word(text)
}

/// Whether a word is written as symbols are: in capitals, with digits and signs, two letters or more.
fn is_symbol(text: &[u8]) -> bool {
    let is_sign =
        |b: &u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b"._-/:=^$#@&+* ".contains(b);
    text.len() >= 2 && text.iter().all(is_sign) && text.iter().any(u8::is_ascii_uppercase)
}

/// Whether a word in small letters is a symbol in any case: a pair of currencies, a future or a share with its exchange (`btcusdt`,
/// `esh4`, `7203.t`).
fn is_small_symbol(text: &[u8]) -> bool {
    const QUOTES: [&str; 9] = [
        "usdt", "usdc", "busd", "fdusd", "usd", "btc", "eth", "jpy", "gbp",
    ];
    const EXCHANGES: [&str; 20] = [
        "us", "uk", "l", "t", "hk", "ss", "sh", "sz", "bj", "to", "pa", "as", "de", "f", "ax",
        "ns", "bo", "sa", "mi", "sw",
    ];
    let is_small = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_/.".contains(b);
    let Some(text) = std::str::from_utf8(text)
        .ok()
        .filter(|text| text.bytes().all(|b| is_small(&b)))
    else {
        return false;
    };
    let is_pair = QUOTES.iter().any(|quote| {
        let base = text.strip_suffix(quote);
        let base = base.map(|base| base.trim_end_matches(['-', '_', '/', '.']));
        base.is_some_and(|base| (2..=8).contains(&base.len()))
    });
    let is_share = text.split_once('.').is_some_and(|(name, exchange)| {
        (1..=6).contains(&name.len()) && EXCHANGES.contains(&exchange)
    });
    is_pair || is_share || is_future(&text.to_ascii_uppercase())
}
