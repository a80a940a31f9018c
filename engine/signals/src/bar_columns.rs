//! Bars in memory as a graph reads them in blocks: columns, of which each is one field.

use crate::field::Field;

/// Bars as columns of mantissas of equal lengths.
#[derive(Clone, Copy, Debug)]
pub struct BarColumns<'a> {
    /// First prices.
    pub open: &'a [i64],
    /// Highest prices.
    pub high: &'a [i64],
    /// Lowest prices.
    pub low: &'a [i64],
    /// Last prices.
    pub close: &'a [i64],
    /// Units traded.
    pub volume: &'a [i64],
}

impl BarColumns<'_> {
    /// Number of bars.
    ///
    /// # Panics
    /// If the columns differ in length.
    #[must_use]
    pub fn len(&self) -> usize {
        let count = self.close.len();
        let same = [self.open, self.high, self.low, self.volume]
            .iter()
            .all(|column| column.len() == count);
        assert!(same, "all columns of bars have one length");
        count
    }

    /// Whether there are no bars.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<'a> BarColumns<'a> {
    pub(crate) fn column(&self, field: Field) -> &'a [i64] {
        match field {
            Field::Open => self.open,
            Field::High => self.high,
            Field::Low => self.low,
            Field::Close => self.close,
            Field::Volume => self.volume,
            _ => &[],
        }
    }
}
