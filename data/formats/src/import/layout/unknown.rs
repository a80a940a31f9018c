//! Columns of words of which nothing says what they are, in a file without a column of symbols: they may be remarks, or what instruments
//! are called. Where their words differ all rows are asked (`table/names.rs`).

use super::other::is_zone_name;
use super::rules::{has_letter, is_event};
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

/// Columns that may tell instruments apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unknown {
    pub(crate) columns: Vec<usize>,
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
        let columns: Vec<usize> = (0..self.names.len())
            .filter(|at| is_free(*at) && is_readable(*at) && has_words(*at))
            .filter(|at| !is_remark(&plain(&self.names[*at])))
            .collect();
        let differs = |at: &usize| {
            let mut two = whole.windows(2);
            two.any(|two| two[0].get(*at) != two[1].get(*at))
        };
        let differ = columns.iter().any(differs);
        if let (false, Some(first)) = (differ, whole.first()) {
            for at in &columns {
                let rest = self.rules.iter().position(|rule| rule.at == *at);
                let rest = rest.map(|place| self.rules.remove(place));
                self.rules.push(Rule::of_word(*at, first.get(*at), rest));
            }
        }
        self.unknown = Unknown { columns, differ };
    }
}

/// Whether a column of this name holds remarks.
fn is_remark(plain: &str) -> bool {
    let is_part = REMARKS.iter().any(|part| plain.contains(part));
    is_part || plain.ends_with("type") || is_event(plain) || is_zone_name(plain)
}

/// Whether a field is a word, and no number or time.
pub(crate) fn is_word(text: &[u8]) -> bool {
    has_letter(text)
        && TimeFormat::of(text).is_none()
        && number::parse_as(text, Decimal::Point).is_err()
}
