//! Numbers that came, kept as ranges until they are known to be on disk: what a crash can still take back.

use crate::limits::RECEIVED_RANGES_MAX;
use std::collections::VecDeque;
use std::ops::Range;

/// Ascending numbers, as ranges without overlap.
#[derive(Debug, Default)]
pub(crate) struct Numbers(VecDeque<Range<u64>>);

impl Numbers {
    /// Adds a number above all that are there; another one is there already or came twice, and changes nothing.
    pub(crate) fn add(&mut self, number: u64) {
        let end = number.saturating_add(1);
        match self.0.back_mut() {
            Some(last) if number < last.end => {}
            Some(last) if number == last.end => last.end = end,
            _ => self.0.push_back(number..end),
        }
        if self.0.len() > RECEIVED_RANGES_MAX
            && let Some(oldest) = self.0.pop_front()
            && let Some(next) = self.0.front_mut()
        {
            next.start = oldest.start;
        }
    }

    /// Forgets what is below `watermark`.
    pub(crate) fn drop_below(&mut self, watermark: u64) {
        while self.0.front().is_some_and(|range| range.end <= watermark) {
            self.0.pop_front();
        }
        if let Some(first) = self.0.front_mut() {
            first.start = first.start.max(watermark);
        }
    }

    /// Those that are in one of `ranges`.
    pub(crate) fn within(&self, ranges: &[Range<u64>]) -> Vec<Range<u64>> {
        let mut found = Vec::new();
        for own in &self.0 {
            for range in ranges {
                let common = own.start.max(range.start)..own.end.min(range.end);
                if !common.is_empty() {
                    found.push(common);
                }
            }
        }
        found
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

/// What of `range` is in none of `others`, which ascend.
pub(crate) fn without(range: Range<u64>, others: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut left = Vec::new();
    let mut from = range.start;
    for other in others.iter().filter(|other| !other.is_empty()) {
        if from < other.start.min(range.end) {
            left.push(from..other.start.min(range.end));
        }
        from = from.max(other.end);
    }
    if from < range.end {
        left.push(from..range.end);
    }
    left
}

#[cfg(test)]
mod tests {
    #![expect(
        clippy::single_range_in_vec_init,
        reason = "lists of one range are meant"
    )]

    use super::*;

    fn numbers(all: impl IntoIterator<Item = u64>) -> Numbers {
        let mut numbers = Numbers::default();
        all.into_iter().for_each(|number| numbers.add(number));
        numbers
    }

    #[test]
    fn neighbours_are_one_range_and_what_comes_again_is_nothing() {
        assert_eq!(numbers([3, 4, 4, 9, 5, 10, 12]).0, [3..5, 9..11, 12..13]);
        assert_eq!(numbers([u64::MAX, u64::MAX]).0, [u64::MAX..u64::MAX]);
    }

    #[test]
    fn what_is_on_disk_is_forgotten() {
        let mut kept = numbers([1, 2, 5, 6, 7]);
        kept.drop_below(6);
        assert_eq!(kept.0, [6..8]);
        kept.drop_below(100);
        assert!(kept.0.is_empty());
    }

    #[test]
    fn what_was_taken_back_is_found() {
        let kept = numbers([1, 2, 5, 6, 7, 20]);
        let ranges = [2..6, 7..9, 10..10];
        assert_eq!(kept.within(&ranges), [2..3, 5..6, 7..8]);
    }

    #[test]
    fn too_many_ranges_are_joined_at_the_old_end() {
        let most = u64::try_from(RECEIVED_RANGES_MAX).unwrap();
        let kept = numbers((0..most + 2).map(|n| 2 * n));
        assert_eq!(kept.0.len(), RECEIVED_RANGES_MAX);
        assert_eq!((kept.0[0].clone(), kept.0[1].clone()), (0..5, 6..7));
    }

    #[test]
    fn what_is_left_of_a_range() {
        assert_eq!(without(3..10, &[]), [3..10]);
        assert_eq!(without(3..10, &[0..4, 6..8, 8..8]), [4..6, 8..10]);
        assert_eq!(without(3..10, &[5..20]), [3..5]);
        assert_eq!(without(3..10, &[20..30, 40..50]), [3..10]);
        assert_eq!(without(3..3, &[5..20]), []);
    }
}
