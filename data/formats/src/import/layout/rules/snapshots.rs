//! Rows of a few levels of a book at each time: as many rows at all times, in the order of their prices, as no trades are.

use crate::import::layout::{Layout, Puzzle, Role};
use crate::import::mapping::Mapping;
use crate::import::number::parse_as;
use crate::import::text::Fields;
use tickloom_types::format_decimal;

/// Rows at each time, and how many times there have to be of so many.
const SNAPSHOTS: [(usize, usize); 2] = [(10, 2), (5, 3)];

impl Layout {
    /// Refuses trades without numbers of which the first rows are as many at each time, and go down and up once in price.
    pub(super) fn no_snapshots(&self, data: &[&Fields], mapping: &Mapping) -> Result<(), Puzzle> {
        if self.column(Role::TradeId).is_some() || mapping.is_none(Role::Level) {
            return Ok(());
        }
        let Some(price) = self.column(Role::Price) else {
            return Ok(());
        };
        let mut times: Vec<Vec<&Fields>> = Vec::new();
        let mut before = Vec::new();
        for row in data {
            let time = self.time_text(*row).into_owned();
            match times.last_mut().filter(|_| time == before) {
                Some(rows) => rows.push(*row),
                None => times.push(vec![*row]),
            }
            before = time;
        }
        // The last ones may go on.
        times.pop();
        let Some(count) = times.first().map(Vec::len) else {
            return Ok(());
        };
        let is_many = |(rows, of): &(usize, usize)| count >= *rows && times.len() >= *of;
        let are = SNAPSHOTS.iter().any(is_many)
            && times
                .iter()
                .all(|rows| rows.len() == count && self.are_levels(rows, price));
        if !are {
            return Ok(());
        }
        let found = format!(
            "{count} rows at each time, in the order of their prices: levels of a book, or trades"
        );
        let expected =
            "--format book-levels if its rows are levels, --columns level=- if they are trades";
        Err((found, expected.to_owned()))
    }

    /// Whether rows of one time have prices of their own that turn once at most, as those of bids and asks below each other do.
    fn are_levels(&self, rows: &[&Fields], price: usize) -> bool {
        let number = |row: &&Fields| {
            let number = parse_as(row.get(price), self.decimal).ok()?;
            let text = format_decimal(i128::from(number.mantissa), number.decimals);
            text.parse::<f64>().ok()
        };
        let Some(prices) = rows.iter().map(number).collect::<Option<Vec<f64>>>() else {
            return false;
        };
        let is_level = |two: &[f64]| two[0].total_cmp(&two[1]).is_ne();
        let ways: Vec<bool> = prices.windows(2).map(|two| two[0] < two[1]).collect();
        let turns = ways.windows(2).filter(|two| two[0] != two[1]).count();
        prices.windows(2).all(is_level) && turns <= 2
    }
}
