//! What a list of finished trades says: how many won, and how much for each unit lost.

use serde::Serialize;

/// Figures on finished trades; a trade's result is its profit after fees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct TradeSummary {
    /// Finished trades.
    pub trades: usize,
    /// Trades that made money; a result of exactly zero is no win.
    pub wins: usize,
    /// `wins / trades`; `None` without a trade.
    pub win_rate: Option<f64>,
    /// Sum of profits over sum of losses; `None` without a loss.
    pub profit_factor: Option<f64>,
    /// Mean result of the winning trades.
    pub mean_win: Option<f64>,
    /// Mean result of the losing trades, negative.
    pub mean_loss: Option<f64>,
    /// Best result.
    pub best: Option<f64>,
    /// Worst result.
    pub worst: Option<f64>,
}

/// Figures on the results of finished trades.
#[must_use]
pub fn trade_summary(results: &[f64]) -> TradeSummary {
    let wins: Vec<f64> = results.iter().copied().filter(|r| *r > 0.0).collect();
    let losses: Vec<f64> = results.iter().copied().filter(|r| *r < 0.0).collect();
    let won = wins.iter().fold(0.0, |sum, result| sum + result);
    let lost = losses.iter().fold(0.0, |sum, result| sum - result);
    TradeSummary {
        trades: results.len(),
        wins: wins.len(),
        win_rate: (!results.is_empty()).then(|| wins.len() as f64 / results.len() as f64),
        profit_factor: (lost > 0.0).then(|| won / lost),
        mean_win: mean(&wins),
        mean_loss: mean(&losses),
        best: results.iter().copied().reduce(f64::max),
        worst: results.iter().copied().reduce(f64::min),
    }
}

/// The share of points of a curve at which a position was held; `None` without points.
#[must_use]
pub fn exposure(held: usize, points: usize) -> Option<f64> {
    (points > 0).then(|| held as f64 / points as f64)
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wins_and_losses() {
        // By hand: wins 30 + 10 = 40, losses 20, one of nothing.
        let summary = trade_summary(&[30.0, -5.0, 0.0, 10.0, -15.0]);
        assert_eq!((summary.trades, summary.wins), (5, 2));
        assert_eq!(summary.win_rate, Some(0.4));
        assert_eq!(summary.profit_factor, Some(2.0));
        assert_eq!(summary.mean_win, Some(20.0));
        assert_eq!(summary.mean_loss, Some(-10.0));
        assert_eq!((summary.best, summary.worst), (Some(30.0), Some(-15.0)));
    }

    #[test]
    fn without_trades_or_losses_ratios_are_undefined() {
        assert_eq!(trade_summary(&[]), TradeSummary::default());
        assert_eq!(trade_summary(&[1.0]).profit_factor, None);
        let factor = trade_summary(&[-1.0]).profit_factor.unwrap();
        assert!(
            factor.is_sign_positive(),
            "nothing won is not minus nothing"
        );
    }

    #[test]
    fn exposure_is_a_share_of_points() {
        assert_eq!(exposure(3, 4), Some(0.75));
        assert_eq!(exposure(0, 0), None);
    }
}
