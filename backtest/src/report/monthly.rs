//! Returns by calendar month, UTC: of each month's last equity over the last of the month before.

use crate::months::MonthEnd;

/// A year's returns: one for each month with points, and of the year.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Year {
    pub(super) year: i16,
    pub(super) months: [Option<f64>; 12],
    pub(super) total: f64,
}

/// The years of a curve that began with `cash`.
pub(super) fn monthly(cash: f64, ends: &[MonthEnd]) -> Vec<Year> {
    let mut years: Vec<Year> = Vec::new();
    let (mut before, mut year_before) = (cash, cash);
    for end in ends {
        let MonthEnd {
            year,
            month,
            equity,
        } = *end;
        if years.last().is_none_or(|last| last.year != year) {
            year_before = before;
            years.push(Year {
                year,
                months: [None; 12],
                total: 0.0,
            });
        }
        let at = years.len() - 1;
        let month = usize::from(month.unsigned_abs()) - 1;
        years[at].months[month] = Some(equity / before - 1.0);
        years[at].total = equity / year_before - 1.0;
        before = equity;
    }
    years
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_chain_into_years() {
        let end = |year, month, equity| MonthEnd {
            year,
            month,
            equity,
        };
        let ends = [
            end(2023, 11, 110.0),
            end(2023, 12, 55.0),
            end(2024, 1, 110.0),
        ];
        let years = monthly(100.0, &ends);
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
