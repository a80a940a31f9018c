//! Numbers that are in the journal and not in the file: how many messages, and in which ranges.

use std::ops::Range;

/// Ranges that are kept; of more only the messages are counted.
const RANGES_MAX: usize = 100;

/// Messages that did not come.
#[derive(Debug, Default)]
pub(crate) struct Missed {
    pub(crate) messages: u64,
    /// Their numbers, the first ranges of them.
    pub(crate) ranges: Vec<Range<u64>>,
}

impl Missed {
    /// Adds a number, which is not below those that are there.
    pub(crate) fn add(&mut self, number: u64) {
        self.messages += 1;
        self.add_range(number..number.saturating_add(1));
    }

    /// Moves all of `other`, which follow, here.
    pub(crate) fn take(&mut self, other: &mut Missed) {
        self.messages += std::mem::take(&mut other.messages);
        for range in other.ranges.drain(..) {
            self.add_range(range);
        }
    }

    fn add_range(&mut self, range: Range<u64>) {
        let is_full = self.ranges.len() >= RANGES_MAX;
        match self.ranges.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ if is_full => {}
            _ => self.ranges.push(range),
        }
    }

    /// The ranges as first and last number.
    pub(crate) fn text(&self) -> String {
        let range = |range: &Range<u64>| match range.end - range.start {
            1 => range.start.to_string(),
            _ => format!("{} to {}", range.start, range.end - 1),
        };
        let mut text = self.ranges.iter().map(range).collect::<Vec<_>>().join(", ");
        if self.ranges.len() == RANGES_MAX {
            text.push_str(", …");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_one_range() {
        let mut missed = Missed::default();
        for number in [3, 4, 4, 7] {
            missed.add(number);
        }
        let mut more = Missed::default();
        more.add(8);
        missed.take(&mut more);
        assert_eq!(
            (missed.messages, missed.text().as_str()),
            (5, "3 to 4, 7 to 8")
        );
        assert_eq!((more.messages, more.text().as_str()), (0, ""));
    }

    #[test]
    fn ranges_are_bounded() {
        let mut missed = Missed::default();
        (0..1_000).for_each(|number| missed.add(2 * number));
        assert_eq!((missed.messages, missed.ranges.len()), (1_000, RANGES_MAX));
        assert!(missed.text().ends_with("196, 198, …"), "{}", missed.text());
    }
}
