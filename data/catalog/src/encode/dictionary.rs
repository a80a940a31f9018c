//! Different values of a column in the order in which they come, each with its place.

/// A place that is taken by none.
const FREE: u32 = u32::MAX;

/// Numbers and their places.
pub(super) struct Places {
    numbers: Vec<i128>,
    /// Places by what their numbers hash to, or to what follows where that is taken. More are free than not.
    table: Vec<u32>,
    last: (i128, u32),
}

impl Places {
    pub(super) fn new() -> Places {
        Places {
            numbers: Vec::new(),
            table: vec![FREE; 64],
            last: (0, FREE),
        }
    }

    /// The numbers by their places.
    pub(super) fn numbers(&self) -> &[i128] {
        &self.numbers
    }

    pub(super) fn memory(&self) -> usize {
        self.numbers.capacity() * size_of::<i128>() + self.table.len() * size_of::<u32>()
    }

    /// The place of a number, which gets one if it is new.
    #[inline]
    pub(super) fn of(&mut self, number: i128) -> u32 {
        if self.last.1 != FREE && self.last.0 == number {
            return self.last.1;
        }
        let mask = self.table.len() - 1;
        let mut at = hash(number) & mask;
        let place = loop {
            let place = self.table[at];
            if place == FREE {
                break self.add(number, at);
            }
            if self.numbers[place as usize] == number {
                break place;
            }
            at = (at + 1) & mask;
        };
        self.last = (number, place);
        place
    }

    fn add(&mut self, number: i128, at: usize) -> u32 {
        let place = u32::try_from(self.numbers.len()).expect("pages and dictionaries are small");
        self.numbers.push(number);
        self.table[at] = place;
        if self.numbers.len() * 2 > self.table.len() {
            self.grow();
        }
        place
    }

    fn grow(&mut self) {
        let mask = self.table.len() * 2 - 1;
        let mut table = vec![FREE; mask + 1];
        for (place, number) in (0..).zip(&self.numbers) {
            let mut at = hash(*number) & mask;
            while table[at] != FREE {
                at = (at + 1) & mask;
            }
            table[at] = place;
        }
        self.table = table;
    }
}

/// Low bits that depend on all of a number.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "what is cut off is mixed in"
)]
fn hash(number: i128) -> usize {
    let number = number.cast_unsigned();
    let folded = number as u64 ^ ((number >> 64) as u64).rotate_left(32);
    (folded.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_has_a_place() {
        let mut places = Places::new();
        let number = |at: i128| (at % 3_000 - 1_500) * 10_i128.pow(u32::try_from(at % 30).unwrap());
        let mut expected: Vec<i128> = Vec::new();
        for at in 0..5_000 {
            let number = number(at * 7);
            let place = expected.iter().position(|known| *known == number);
            let place = place.unwrap_or_else(|| {
                expected.push(number);
                expected.len() - 1
            });
            assert_eq!(places.of(number) as usize, place);
            assert_eq!(places.of(number) as usize, place);
        }
        assert_eq!(places.numbers(), expected);
        assert!(expected.len() > 1_000);
        for number in [i128::MIN, i128::MAX, 0] {
            let place = places.of(number);
            assert_eq!(places.numbers()[place as usize], number);
        }
    }
}
