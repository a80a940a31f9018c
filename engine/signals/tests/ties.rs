//! Ties are ties: crosses of means are counted exactly as integer arithmetic counts them.

mod common;

use common::{graph, random_bars, step};

/// Sums of the last `n` up to and with each row, `None` before there are `n`.
fn sums(values: &[i64], n: usize) -> Vec<Option<i128>> {
    let sum_at = |end: usize| values[end - n..end].iter().map(|v| i128::from(*v)).sum();
    (1..=values.len())
        .map(|end| (end >= n).then(|| sum_at(end)))
        .collect()
}

#[derive(Debug, Default, PartialEq)]
struct Counts {
    over: Vec<usize>,
    under: Vec<usize>,
    ties: usize,
}

/// fast / F against slow / S is fast * S against slow * F.
fn reference(closes: &[i64], fast: usize, slow: usize) -> Counts {
    let mut counts = Counts::default();
    let mut before: Option<std::cmp::Ordering> = None;
    let rows = sums(closes, fast).into_iter().zip(sums(closes, slow));
    for (row, sums) in rows.enumerate() {
        let now = match sums {
            (Some(f), Some(s)) => Some((f * slow as i128).cmp(&(s * fast as i128))),
            _ => None,
        };
        if let (Some(before), Some(now)) = (before, now) {
            if before.is_le() && now.is_gt() {
                counts.over.push(row);
            }
            if before.is_ge() && now.is_lt() {
                counts.under.push(row);
            }
        }
        counts.ties += usize::from(now.is_some_and(|order| order.is_eq()));
        before = now;
    }
    counts
}

#[test]
fn crosses_of_means_are_counted_exactly() {
    const ROWS: usize = 500_000;
    for (fast, slow, seed) in [(10, 30, 1), (3, 7, 2), (5, 20, 3)] {
        // Prices in steps of ten cents, mostly unchanged from bar to bar: exact ties abound.
        let bars = random_bars(seed, ROWS, 12, 10);
        let expected = reference(&bars.close, fast, slow);
        assert!(expected.ties > ROWS / 100, "only {} ties", expected.ties);
        assert!(expected.over.len() > 1_000);

        let texts = ["over", "under"]
            .map(|way| format!("cross_{way}(sma(close, {fast}), sma(close, {slow}))"));
        let (mut in_blocks, outputs) = graph(&[&texts[0], &texts[1]]);
        let mut by_step = in_blocks.clone();
        let mut found = Counts::default();
        in_blocks.run_block(&bars.columns(0..ROWS), |graph, rows| {
            for (list, output) in [(&mut found.over, 0), (&mut found.under, 1)] {
                let column = graph.column(outputs[output]);
                list.extend(rows.clone().filter(|row| column[row - rows.start] > 0.0));
            }
        });
        assert_eq!(
            (&found.over, &found.under),
            (&expected.over, &expected.under)
        );

        let mut found = Counts::default();
        for row in 0..ROWS {
            step(&mut by_step, &bars, row);
            for (list, output) in [(&mut found.over, 0), (&mut found.under, 1)] {
                if by_step.value(outputs[output]) == Some(1.0) {
                    list.push(row);
                }
            }
        }
        assert_eq!(
            (&found.over, &found.under),
            (&expected.over, &expected.under)
        );
    }
}
