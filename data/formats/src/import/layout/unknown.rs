//! Columns of words, or of numbers such as those of shares, of which nothing says what they are, in a file without a column of symbols:
//! they may be remarks, or what instruments are called. Where they differ all rows are asked (`table/names.rs`).

use super::other::is_zone_name;
use super::rules::{has_letter, is_event};
use super::volume::words;
use super::{Layout, Role, Rule, plain};
use crate::import::mapping::Mapping;
use crate::import::number::{self, Decimal, is_missing};
use crate::import::text::Fields;
use crate::import::time::TimeFormat;

/// Parts of the names of columns whose words are remarks on a row.
const REMARKS: [&str; 41] = [
    "cond",
    "side",
    "direction",
    "flag",
    "status",
    "state",
    "hash",
    "uuid",
    "guid",
    "tape",
    "signal",
    "comment",
    "note",
    "remark",
    "description",
    "session",
    "weekday",
    "dayofweek",
    "dayname",
    "month",
    "qualifier",
    "indicator",
    "reason",
    "liquidity",
    "execid",
    "matchid",
    "transaction",
    "txid",
    "reference",
    "trend",
    "regime",
    "phase",
    "pattern",
    "candle",
    "news",
    "broker",
    "buyer",
    "seller",
    "marketmaker",
    "participant",
    "counterparty",
];

/// Parts of the names of columns whose numbers count or measure something, and words of them.
const MEASURES: [&str; 23] = [
    "count", "trades", "vol", "size", "qty", "quantity", "amount", "interest", "openint", "rank",
    "level", "spread", "latency", "seq", "year", "week", "day", "minute", "second", "time", "date",
    "price", "score",
];
const MEASURE_WORDS: [&str; 2] = ["num", "oi"];
/// Digits of a number of a share: of the longest one at least, and of each at most, as numbers in columns with types lose zeros.
const CODE_MIN: usize = 4;
const CODE_MAX: usize = 8;
/// Rows that show whether numbers come again.
const ROWS_MIN: usize = 4;

/// Columns that may tell instruments apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unknown {
    pub(crate) columns: Vec<usize>,
    /// Those of them that have numbers, and not words.
    pub(crate) codes: Vec<usize>,
    /// Whether the first rows have several words in one of them.
    pub(crate) differ: bool,
}

impl Layout {
    /// Finds the columns that can be read, have words or nothing in the first rows, and are of no known meaning; and has it noted when
    /// a row has another word in one of them.
    pub(super) fn set_unknown(
        &mut self,
        data: &[Fields],
        mapping: &Mapping,
        is_readable: impl Fn(usize) -> bool,
    ) {
        let is_named = self.column(Role::Ticker).is_some() || self.is_databento();
        if is_named || mapping.is_none(Role::Ticker) || mapping.is_none(Role::Venue) {
            return;
        }
        let whole: Vec<&Fields> = data
            .iter()
            .filter(|row| row.len() == self.names.len())
            .collect();
        let is_free = |at: usize| {
            let is_beside = self.sides.iter().any(|(side, _)| *side == at);
            let is_told = self
                .rules
                .iter()
                .any(|rule| rule.at == at && rule.is_told());
            let is_level = self.depth.iter().any(|level| level.has(at));
            self.roles[at].is_none()
                && !self.apart.contains(&at)
                && !is_beside
                && !is_told
                && !is_level
        };
        let has_words = |at: usize| {
            let mut words = whole.iter().map(|row| row.get(at));
            words.all(|word| is_missing(word) || is_word(word))
        };
        let may_name =
            |at: &usize| is_free(*at) && is_readable(*at) && !is_remark(&plain(&self.names[*at]));
        let all = || (0..self.names.len()).filter(may_name);
        let mut columns: Vec<usize> = all().filter(|at| has_words(*at)).collect();
        let codes: Vec<usize> = all()
            .filter(|at| !columns.contains(at) && has_codes(&self.names[*at], &whole, *at))
            .collect();
        columns.extend(&codes);
        let differs = |at: &usize| {
            let mut two = whole.windows(2);
            two.any(|two| two[0].get(*at) != two[1].get(*at))
        };
        let differ = columns.iter().any(differs);
        if let (false, Some(first)) = (differ, whole.first()) {
            for at in &columns {
                let rest = self.rules.iter().position(|rule| rule.at == *at);
                let rest = rest.map(|place| self.rules.remove(place));
                let rule = match codes.contains(at) {
                    true => Rule::of_code(*at, first.get(*at)),
                    false => Rule::of_word(*at, first.get(*at), rest),
                };
                self.rules.push(rule);
            }
        }
        self.unknown = Unknown {
            columns,
            codes,
            differ,
        };
    }
}

/// Whether a column of this name holds remarks.
fn is_remark(plain: &str) -> bool {
    let is_part = REMARKS.iter().any(|part| plain.contains(part));
    is_part || plain.ends_with("type") || is_event(plain) || is_zone_name(plain)
}

/// Whether the numbers of a column may be those of shares or the like: of a few digits, each in several rows, and no dates.
fn has_codes(name: &str, rows: &[&Fields], at: usize) -> bool {
    let (whole, words) = (plain(name), words(name));
    let is_measure = |word: &String| MEASURE_WORDS.contains(&word.as_str());
    if MEASURES.iter().any(|part| whole.contains(part)) || words.iter().any(is_measure) {
        return false;
    }
    let fields = || rows.iter().map(|row| row.get(at));
    let is_one = |text: &[u8]| is_missing(text) || is_code(text);
    let longest = fields().map(<[u8]>::len).max().unwrap_or_default();
    let mut different: Vec<&[u8]> = fields().collect();
    different.sort_unstable();
    different.dedup();
    rows.len() >= ROWS_MIN
        && longest >= CODE_MIN
        && different.len() * 2 <= rows.len()
        && fields().all(is_one)
        && !fields().any(|text| TimeFormat::of(text).is_some())
}

/// Whether a field is a number as those of shares are.
pub(crate) fn is_code(text: &[u8]) -> bool {
    (1..=CODE_MAX).contains(&text.len()) && text.iter().all(u8::is_ascii_digit)
}

/// Whether a field is a word, and no number or time.
pub(crate) fn is_word(text: &[u8]) -> bool {
    has_letter(text)
        && TimeFormat::of(text).is_none()
        && number::parse_as(text, Decimal::Point).is_err()
}
