//! Returns by calendar month, UTC: of each month's last equity over the last of the month before.

use super::axis::zoned;
use std::collections::BTreeMap;

/// A year's returns: one for each month with points, and of the year.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Year {
    pub(super) year: i16,
    pub(super) months: [Option<f64>; 12],
    pub(super) total: f64,
}

/// The years of a curve that began with `cash`.
pub(super) fn monthly(cash: f64, ts: &[i64], equity: &[f64]) -> Vec<Year> {
    let mut last_of: BTreeMap<(i16, usize), f64> = BTreeMap::new();
    for (ts, equity) in ts.iter().zip(equity) {
        // What closes at midnight belongs to the day, and so the month, that it ends.
        let day = zoned(ts.saturating_sub(1));
        let month = usize::from(day.month().unsigned_abs()) - 1;
        last_of.insert((day.year(), month), *equity);
    }
    let mut years: Vec<Year> = Vec::new();
    let (mut before, mut year_before) = (cash, cash);
    for ((year, month), equity) in last_of {
        if years.last().is_none_or(|last| last.year != year) {
            year_before = before;
            years.push(Year {
                year,
                months: [None; 12],
                total: 0.0,
            });
        }
        let at = years.len() - 1;
        years[at].months[month] = Some(equity / before - 1.0);
        years[at].total = equity / year_before - 1.0;
        before = equity;
    }
    years
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickloom_types::Ts;

    #[test]
    fn months_chain_into_years() {
        // Closes of the sessions of 30 November, 1 and 31 December, 31 January.
        let days = ["2023-12-01", "2023-12-02", "2024-01-01", "2024-02-01"];
        let ts: Vec<i64> = days.iter().map(|d| Ts::parse(d).unwrap().0).collect();
        let years = monthly(100.0, &ts, &[110.0, 50.0, 55.0, 110.0]);
        assert_eq!(years.len(), 2);
        let month = |year: usize, month: usize| years[year].months[month - 1];
        assert!((month(0, 11).unwrap() - 0.1).abs() < 1e-12);
        assert!((month(0, 12).unwrap() + 0.5).abs() < 1e-12);
        assert!((month(1, 1).unwrap() - 1.0).abs() < 1e-12);
        assert_eq!(month(1, 2), None);
        assert!((years[0].total + 0.45).abs() < 1e-12);
        assert!((years[1].total - 1.0).abs() < 1e-12);
    }
}
