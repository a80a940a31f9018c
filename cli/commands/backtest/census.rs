//! What data a backtest has of each instrument, as far as that is known before it runs.

use tickloom_core::{Census, Given};
use tickloom_data::{Range, ScanQuery, Table};
use tickloom_types::{BarSpec, Instruments};

/// What there is among the tables that a query reads, and the bars that are made on the way.
pub(super) fn of_tables(
    ranges: &[Range],
    query: &ScanQuery,
    instruments: &Instruments,
    made: Option<BarSpec>,
) -> Census {
    let mut census = Census::new();
    for range in ranges {
        let name = range.instrument.as_deref().unwrap_or_default();
        let Some((id, _)) = instruments.find(name) else {
            continue;
        };
        let is_out = query.from.is_some_and(|from| range.to < from)
            || query.to.is_some_and(|to| range.from > to);
        let given = match (range.table, range.bar) {
            (Table::Trades, _) => Given::Trades,
            (Table::Quotes, _) => Given::Quotes,
            (Table::BookUpdates | Table::BookSnapshots, _) => Given::Levels,
            (Table::OrderUpdates, _) => Given::Orders,
            (Table::Bars, Some(spec)) if query.wants_bar(range.instrument.as_ref(), range.bar) => {
                Given::Bars(spec)
            }
            _ => continue,
        };
        if is_out {
            continue;
        }
        census.add(id, given);
        let can_make = matches!(given, Given::Trades | Given::Quotes | Given::Bars(_));
        if let Some(made) = made.filter(|_| can_make) {
            census.add(id, Given::Bars(made));
        }
    }
    census
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickloom_types::{InstrumentDef, Ts};

    const DAY: i64 = 86_400_000_000_000;

    /// Of X on the days from one to the other.
    fn range(table: Table, bar: Option<&str>, days: [i64; 2]) -> Range {
        Range {
            table,
            instrument: Some("X".to_owned()),
            bar: bar.map(|bar| bar.parse().unwrap()),
            from: Ts(days[0] * DAY),
            to: Ts(days[1] * DAY),
            rows: 1,
        }
    }

    #[test]
    fn only_what_is_read_counts() {
        let mut instruments = Instruments::new();
        let id = instruments
            .add(InstrumentDef::new("X", 2, 0, "USD"))
            .unwrap();
        let ranges = [
            range(Table::Bars, Some("1d"), [1, 9]),
            range(Table::Bars, Some("1m"), [1, 9]),
            range(Table::Quotes, None, [1, 2]),
            range(Table::Trades, None, [5, 9]),
            range(Table::Signals, None, [1, 9]),
        ];
        let query = ScanQuery {
            bars: vec!["1d".parse().unwrap()],
            from: Some(Ts(3 * DAY)),
            to: Some(Ts(8 * DAY)),
            ..ScanQuery::default()
        };
        let expect = |given: &[Given]| {
            let mut census = Census::new();
            given.iter().for_each(|given| census.add(id, *given));
            census
        };
        let daily = Given::Bars("1d".parse().unwrap());
        let found = of_tables(&ranges, &query, &instruments, None);
        assert_eq!(found, expect(&[daily, Given::Trades]));
        let hourly = "1h".parse().unwrap();
        let found = of_tables(&ranges, &query, &instruments, Some(hourly));
        assert_eq!(found, expect(&[daily, Given::Trades, Given::Bars(hourly)]));
        // Nothing is known of who is not among the instruments.
        let none = of_tables(&ranges, &query, &Instruments::new(), None);
        assert_eq!(none, Census::new());
    }
}
