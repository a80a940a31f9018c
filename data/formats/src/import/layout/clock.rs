//! Times of day that were numbers, and have lost the zeros before them: `930` for `0930`, `93000` for `093000`.

use super::Layout;
use crate::import::cells::Cell;
use crate::import::text::Fields;

/// What the times of day of a file say of how many digits they have.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ClockDigits {
    most: usize,
    is_short: bool,
    are_whole: bool,
    /// Whether one is zero, another has minutes or seconds, and the largest of at most four digits.
    has_zero: bool,
    has_parts: bool,
    largest: u32,
}

impl ClockDigits {
    /// Takes in a time of day; false if it says that they have all their digits.
    pub(crate) fn note(&mut self, text: &[u8]) -> bool {
        let is_number = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
        self.are_whole |= !is_number || text.len() > 1 && text[0] == b'0';
        self.most = self.most.max(text.len());
        self.is_short |= !matches!(text.len(), 4 | 6 | 9);
        let value = std::str::from_utf8(text)
            .ok()
            .and_then(|text| text.parse().ok());
        let value: u32 = value.unwrap_or(u32::MAX);
        self.has_zero |= value == 0;
        self.has_parts |= !value.is_multiple_of(100);
        self.largest = self.largest.max(value);
        !self.are_whole
    }

    /// Whether those of one day may be hours from midnight on, or as many minutes without their seconds: `0`, `100`, `200`.
    pub(crate) fn may_be_minutes(self) -> bool {
        const LAST_HOUR: u32 = 2_300;
        self.digits() == Some(4) && self.has_zero && !self.has_parts && self.largest < LAST_HOUR
    }

    /// How many digits they have, if they have lost some.
    pub(crate) fn digits(self) -> Option<usize> {
        if self.are_whole || !self.is_short {
            return None;
        }
        [4, 6, 9].into_iter().find(|digits| self.most <= *digits)
    }
}

impl Layout {
    /// Digits of times of day, by the first rows.
    pub(super) fn clock_of(&self, data: &[Fields]) -> Option<usize> {
        let (_, time_of_day) = self.time_columns();
        let at = time_of_day?;
        let mut digits = ClockDigits::default();
        let _ = data.iter().all(|row| digits.note(row.get(at)));
        digits.digits()
    }

    /// A time of day with the zeros before it, where it lacks them.
    pub(crate) fn clock_text(&self, time_of_day: Cell<'_>) -> Option<Vec<u8>> {
        let digits = self.clock?;
        let text = time_of_day.text();
        let is_number = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
        let missing = digits.checked_sub(text.len())?;
        is_number.then(|| [&vec![b'0'; missing], text.as_ref()].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_all_times() {
        let digits = |texts: &[&str]| {
            let mut digits = ClockDigits::default();
            let _ = texts.iter().all(|text| digits.note(text.as_bytes()));
            digits.digits()
        };
        assert_eq!(digits(&["0", "930", "1000"]), Some(4));
        assert_eq!(digits(&["500", "93000", "100000"]), Some(6));
        assert_eq!(digits(&["930", "0931"]), None);
        assert_eq!(digits(&["1000", "1001"]), None);
        assert_eq!(digits(&["93000", "09:30"]), None);
        let may_be_minutes = |texts: &[&str]| {
            let mut digits = ClockDigits::default();
            let _ = texts.iter().all(|text| digits.note(text.as_bytes()));
            digits.may_be_minutes()
        };
        assert!(may_be_minutes(&["0", "100", "200"]));
        assert!(!may_be_minutes(&["0", "100", "2300"]));
        assert!(!may_be_minutes(&["0", "101", "200"]));
        assert!(!may_be_minutes(&["900", "1000"]));
    }
}
