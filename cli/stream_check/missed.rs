//! Numbers that are in the journal and not in the file: how many messages, and in which ranges.

use std::ops::Range;

/// Ranges that are kept; of more only the messages are counted.
const RANGES_MAX: usize = 100;
/// Ranges that are told in a line.
const RANGES_TOLD: usize = 10;

/// Messages that did not come.
#[derive(Debug, Default)]
pub(crate) struct Missed {
    pub(crate) messages: u64,
    /// From the first to the last of their numbers between which nothing came, the first ranges of them. Numbers that are of
    /// other topics may lie between.
    pub(crate) ranges: Vec<Range<u64>>,
}

impl Missed {
    /// Adds a number above those that are there, since which nothing came.
    pub(crate) fn add(&mut self, number: u64) {
        self.messages += 1;
        let end = number.saturating_add(1);
        match self.ranges.last_mut() {
            Some(range) => range.end = end,
            None => self.ranges.push(number..end),
        }
    }

    /// Moves all of `other`, which follow, here: something came.
    pub(crate) fn take(&mut self, other: &mut Missed) {
        self.messages += std::mem::take(&mut other.messages);
        let room = RANGES_MAX.saturating_sub(self.ranges.len());
        self.ranges.extend(other.ranges.drain(..).take(room));
    }

    /// The first ranges as first and last number.
    pub(crate) fn text(&self) -> String {
        let range = |range: &Range<u64>| match range.end - range.start {
            1 => range.start.to_string(),
            _ => format!("{} to {}", range.start, range.end - 1),
        };
        let told = self.ranges.iter().take(RANGES_TOLD).map(range);
        let mut text = told.collect::<Vec<_>>().join(", ");
        if self.ranges.len() > RANGES_TOLD {
            text.push_str(", …");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_goes_on_until_something_comes() {
        let (mut all, mut pending) = (Missed::default(), Missed::default());
        for number in [3, 4, 4, 7] {
            pending.add(number);
        }
        all.take(&mut pending);
        assert_eq!((pending.messages, pending.text().as_str()), (0, ""));
        pending.add(9);
        all.take(&mut pending);
        assert_eq!((all.messages, all.text().as_str()), (5, "3 to 7, 9"));
    }

    #[test]
    fn ranges_are_bounded() {
        let mut all = Missed::default();
        for number in 0..1_000 {
            let mut pending = Missed::default();
            pending.add(2 * number);
            all.take(&mut pending);
        }
        assert_eq!((all.messages, all.ranges.len()), (1_000, RANGES_MAX));
        assert_eq!(all.text(), "0, 2, 4, 6, 8, 10, 12, 14, 16, 18, …");
    }
}
