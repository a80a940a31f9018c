//! What an input has that is not among its records: how many lines were left out, and why.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Places of lines that are kept.
const PLACES_MAX: usize = 20;
/// Reasons that are told apart.
const REASONS_MAX: usize = 100;
/// The reason of all beyond.
const OTHER: &str = "other reasons";

/// Lines of an input that were left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusals {
    /// Lines of the input in all.
    pub lines: u64,
    /// Those that were left out.
    pub refused: u64,
    /// The same by reason.
    pub reasons: BTreeMap<String, u64>,
    /// The first of them, each with its place, field and value.
    pub places: Vec<String>,
}

impl Refusals {
    /// Nothing of so many lines.
    #[must_use]
    pub fn new(lines: u64) -> Refusals {
        Refusals {
            lines,
            ..Refusals::default()
        }
    }

    /// So many more lines for this reason.
    pub fn add(&mut self, reason: &str, lines: u64) {
        if lines == 0 {
            return;
        }
        self.refused += lines;
        let is_told = self.reasons.len() < REASONS_MAX || self.reasons.contains_key(reason);
        let reason = if is_told { reason } else { OTHER };
        *self.reasons.entry(reason.to_owned()).or_default() += lines;
    }

    /// Keeps the place of a line that was left out, if it is one of the first.
    pub fn at(&mut self, place: &str) {
        if self.places.len() < PLACES_MAX {
            self.places.push(place.to_owned());
        }
    }

    /// What was left out of another input too.
    pub fn join(&mut self, other: &Refusals) {
        self.lines += other.lines;
        for (reason, lines) in &other.reasons {
            self.add(reason, *lines);
        }
        other.places.iter().for_each(|place| self.at(place));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_by_reason_and_the_first_places_kept() {
        let mut refusals = Refusals::new(1_234);
        for line in 0..30 {
            refusals.add("close: expected a number", 1);
            refusals.at(&format!("line {line}"));
        }
        refusals.add("nothing", 0);
        let mut other = Refusals::new(1);
        other.add("time: expected a time", 1);
        other.at("line 1");
        refusals.join(&other);
        assert_eq!((refusals.lines, refusals.refused), (1_235, 31));
        assert_eq!(refusals.places.len(), PLACES_MAX);
        let reasons: Vec<u64> = refusals.reasons.values().copied().collect();
        assert_eq!(reasons, [30, 1]);
    }

    #[test]
    fn reasons_without_end_are_counted_together() {
        let mut refusals = Refusals::default();
        for reason in 0..3 * REASONS_MAX as u64 {
            refusals.add(&reason.to_string(), 1);
        }
        assert_eq!(refusals.reasons.len(), REASONS_MAX + 1);
        assert_eq!(refusals.reasons[OTHER], 2 * REASONS_MAX as u64);
    }
}
