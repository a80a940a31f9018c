//! The report: one HTML file that needs nothing else, with figures, pictures, tables and what it takes to repeat the run.
//!
//! It measures nothing; everything in it comes from an [`Outcome`] and a [`Manifest`]. Its size depends on the number of
//! pixels, not of bars: long curves are reduced, long tables are cut and say so.

mod axis;
mod chart;
mod monthly;
mod page;
mod reduce;
mod tables;

use crate::manifest::Manifest;
use crate::outcome::Outcome;
use thiserror::Error;

/// Why there is no report.
#[derive(Debug, Error)]
pub enum ReportError {
    /// A picture could not be drawn.
    #[error("the report's chart cannot be drawn: {0}")]
    Chart(Box<dyn std::error::Error + Send + Sync>),
    /// The manifest or the points under the pictures are not JSON.
    #[error("the report's data cannot be written: {0}")]
    Json(#[from] serde_json::Error),
}

/// The whole page as text.
///
/// # Errors
/// [`ReportError`] if a picture cannot be drawn.
pub fn report(outcome: &Outcome, manifest: &Manifest) -> Result<String, ReportError> {
    page::page(outcome, manifest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curve::{CurveBuilder, Measured, PRICES_MAX, Point};
    use crate::outcome::Statistics;
    use crate::trades::{Fill, trades};
    use std::collections::BTreeMap;
    use tickloom_core::{CoreConfig, NeverClosed, Size, StrategyDef};
    use tickloom_data::Refusals;
    use tickloom_types::{InstrumentDef, InstrumentId, Instruments, Money, Side, Ts, parse_money};

    /// A curve through these values of equity and price.
    fn measured(cash: Money, id: InstrumentId, values: [&[f64]; 2], ts: &[i64]) -> Measured {
        let [equity, prices] = values;
        let mut curve = CurveBuilder::new(cash, &[id]);
        for ((ts, equity), price) in ts.iter().zip(equity).zip(prices) {
            curve.push(&Point {
                ts: *ts,
                equity: *equity,
                exact: Money::ZERO,
                is_held: true,
                prices: [*price; PRICES_MAX],
            });
        }
        curve.finish()
    }

    /// A curve of so many daily points that climbs in waves, and a fill at every wave's turn.
    fn outcome(points: i64) -> (Outcome, CoreConfig) {
        let mut instruments = Instruments::new();
        for name in ["<X>", "Y"] {
            let def = InstrumentDef::new(name, 2, 0, "USD");
            instruments.add(def).unwrap();
        }
        let id = InstrumentId(0);
        let start = Ts::parse("2004-08-19").unwrap().0;
        let ts: Vec<i64> = (0..points).map(|n| start + n * 4_320_000_000_000).collect();
        let wave =
            |n: &i64| (*n as f64 / 40.0).sin() * 20.0 + 100.0 + *n as f64 * 100.0 / points as f64;
        let prices: Vec<f64> = (0..points).collect::<Vec<_>>().iter().map(wave).collect();
        let equity: Vec<f64> = prices
            .iter()
            .map(|p| 1_000_000.0 + 9_000.0 * (p - 100.0))
            .collect();
        let fills: Vec<Fill> = (0..points / 126)
            .map(|n| Fill {
                ts: Ts(ts[usize::try_from(n * 126).unwrap()]),
                instrument: id,
                strategy: 0,
                side: if n % 2 == 0 { Side::Buy } else { Side::Sell },
                price: 10_000 + n,
                qty: 10,
                fee: parse_money("1.5").unwrap(),
            })
            .collect();
        let cash = parse_money("1000000").unwrap();
        let measured = measured(cash, id, [&equity, &prices], &ts);
        let trades = trades(&fills, &instruments, &BTreeMap::from([(id, 12_000)])).unwrap();
        let outcome = Outcome {
            instruments: instruments.clone(),
            events: points.unsigned_abs(),
            bars: points.unsigned_abs(),
            refused: BTreeMap::new(),
            statistics: Statistics::of(&measured.sums, &trades),
            fills,
            trades,
            cash,
            final_equity: parse_money("1743008.4149").unwrap(),
            fees_paid: Money::ZERO,
            curve: measured.curve,
            equity: Vec::new(),
            months: measured.months,
            never_ready: Vec::new(),
            never_closed: Vec::new(),
            waiting: Vec::new(),
            expired: Vec::new(),
            data_hash: "0123".to_owned(),
            output_hash: "4567".to_owned(),
        };
        let strategy = StrategyDef::Rules {
            name: "s".to_owned(),
            instrument: None,
            enter: Some("close < open </script>".to_owned()),
            exit: None,
            short_enter: None,
            short_exit: None,
            size: Size::All,
        };
        let config = CoreConfig {
            instruments,
            default_instrument: Some(id),
            strategies: vec![strategy],
            ..CoreConfig::default()
        };
        (outcome, config)
    }

    fn page(points: i64) -> String {
        let (outcome, config) = outcome(points);
        let manifest = Manifest::new(&config, "x.csv", &outcome);
        report(&outcome, &manifest).unwrap()
    }

    #[test]
    fn the_page_asks_nobody_for_anything() {
        let html = page(3_000);
        for word in ["src=", "href=", "@import", "url(", "fetch("] {
            assert!(!html.contains(word), "{word}");
        }
        let links = html.matches("http").count();
        let namespaces = html.matches("http://www.w3.org/2000/svg").count();
        assert_eq!(links, namespaces, "only the name of SVG looks like a link");
    }

    #[test]
    fn text_of_the_user_stays_text() {
        let html = page(100);
        assert!(html.contains("close &lt; open &lt;/script&gt;"));
        assert!(!html.contains("open </script>"));
        assert!(html.contains("&lt;X&gt;") && !html.contains("<X>"));
    }

    #[test]
    fn the_page_says_the_figures() {
        let html = page(3_000);
        for text in [
            "1,743,008.41",
            "Monthly returns",
            "2004-08-18",
            "4567",
            "0123",
        ] {
            assert!(html.contains(text), "{text}");
        }
    }

    /// What is assumed, what was left out of the input, what never came, and why figures are undefined.
    #[test]
    fn the_page_says_what_is_to_be_known() {
        let (mut outcome, config) = outcome(20);
        outcome.refused.insert("cash", 3);
        outcome.never_closed.push(NeverClosed {
            instrument: "X".to_owned(),
            bar: "1w".parse().unwrap(),
        });
        let mut manifest = Manifest::new(&config, "x.csv", &outcome);
        let mut left_out = Refusals::new(22);
        left_out.add("close: expected a number", 1);
        left_out.at("x.csv, line 7: close is \"<b>\"");
        manifest.data.left_out = Some(left_out);
        let html = report(&outcome, &manifest).unwrap();
        for text in [
            "s on &lt;X&gt;",
            "free of costs",
            "no bar of 1w of X closed",
            "1 of 22 lines",
            "close is &quot;&lt;b&gt;&quot;",
            "a year is not told from less than 30 days",
            "3 orders refused: 3 cash",
        ] {
            assert!(html.contains(text), "{text}");
        }
    }

    /// Rules of several strategies stand apart, and what does not fit beside a figure wraps.
    #[test]
    fn strategies_stand_apart() {
        let next = "<dt class=\"next\">";
        let (outcome, mut config) = outcome(20);
        let page = |config: &CoreConfig| {
            report(&outcome, &Manifest::new(config, "x.csv", &outcome)).unwrap()
        };
        assert!(!page(&config).contains(next), "there is one");
        let mut second = config.strategies[0].clone();
        if let StrategyDef::Rules { name, .. } = &mut second {
            *name = "second".to_owned();
        }
        config.strategies.push(second);
        let html = page(&config);
        for row in ["Strategy</dt><dd><code>second<", "Fills</dt>"] {
            assert!(html.contains(&format!("{next}{row}")), "{row}");
        }
        assert_eq!(html.matches(next).count(), 2);
        assert!(html.contains("letter-spacing:0;white-space:normal"));
    }

    #[test]
    fn a_long_run_has_a_small_page() {
        let html = page(300_000);
        assert!(html.len() < 1_500_000, "{} bytes", html.len());
        assert!(html.contains("The last 1,000 of"));
    }

    #[test]
    fn a_run_without_data_has_a_page() {
        assert!(page(0).contains("no order was filled"));
    }
}
