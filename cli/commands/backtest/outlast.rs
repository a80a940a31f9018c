//! Bars that count for nothing, as an instrument has ticks too, which are of another time.

use std::collections::BTreeMap;
use tickloom_data::{Range, ScanQuery, Table};
use tickloom_types::{Ts, some_of};

/// From when to when there is something.
type Span = (Ts, Ts);

/// What to say of instruments whose bars go on long after all their trades and quotes: once an instrument has one of these, its
/// bars fill no order and are no price.
pub(super) fn outlast(ranges: &[Range], query: &ScanQuery) -> Option<String> {
    let mut spans: BTreeMap<&str, [Option<Span>; 2]> = BTreeMap::new();
    for range in ranges {
        let (name, is_bars) = match (&range.instrument, range.table) {
            (Some(name), Table::Bars) if query.wants_bar(Some(name), range.bar) => (name, true),
            (Some(name), Table::Trades | Table::Quotes) => (name, false),
            _ => continue,
        };
        let from = query.from.map_or(range.from, |from| from.max(range.from));
        let to = query.to.map_or(range.to, |to| to.min(range.to));
        if from > to || !query.wants_instrument(Some(name)) {
            continue;
        }
        let span = &mut spans.entry(name).or_default()[usize::from(is_bars)];
        *span = Some(span.map_or((from, to), |(first, last)| (first.min(from), last.max(to))));
    }
    let late: Vec<&str> = spans
        .into_iter()
        .filter_map(|(name, spans)| match spans {
            // The last bar closes after its last trade.
            [Some((first, last)), Some((_, end))] => {
                let length = last.0.saturating_sub(first.0);
                let after = end.0.saturating_sub(last.0);
                (after > length.max(DAY_NS)).then_some(name)
            }
            _ => None,
        })
        .collect();
    (!late.is_empty()).then(|| {
        format!(
            "bars of {} go on long after their last trade or quote, and count for nothing there: what has trades or quotes is filled and \
             valued by them alone (--to ends the run before, and a catalog of their own has bars count)",
            some_of(&late)
        )
    })
}

const DAY_NS: i64 = 86_400_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn range(table: Table, days: [i64; 2]) -> Range {
        Range {
            table,
            instrument: Some("X".to_owned()),
            bar: (table == Table::Bars).then(|| "1d".parse().unwrap()),
            from: Ts(days[0] * DAY_NS),
            to: Ts(days[1] * DAY_NS),
            rows: 1,
        }
    }

    #[test]
    fn bars_that_go_on_after_ticks_are_told() {
        let told = |trades: [i64; 2], bars: [i64; 2], query: &ScanQuery| {
            let ranges = [range(Table::Trades, trades), range(Table::Bars, bars)];
            outlast(&ranges, query).is_some()
        };
        let all = ScanQuery::default();
        assert!(told([5, 6], [1, 40], &all));
        // The bar of the last day of trades closes after them.
        assert!(!told([1, 40], [1, 41], &all));
        assert!(!told([30, 40], [1, 41], &all));
        let until = ScanQuery {
            to: Some(Ts(7 * DAY_NS)),
            ..ScanQuery::default()
        };
        assert!(!told([5, 6], [1, 40], &until));
        let others = ScanQuery {
            bars: vec!["1h".parse().unwrap()],
            ..ScanQuery::default()
        };
        assert!(!told([5, 6], [1, 40], &others));
        assert_eq!(outlast(&[range(Table::Bars, [1, 40])], &all), None);
    }
}
