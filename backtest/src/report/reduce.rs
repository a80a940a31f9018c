//! Fewer points for a picture: of each stretch of time the first, lowest, highest and last value, so that no spike is lost.

/// At most about four points for each of `buckets` stretches of equal time; a short curve stays as it is. Values that are NaN are left out.
pub(super) fn reduce(ts: &[i64], values: &[f64], buckets: usize) -> Vec<(i64, f64)> {
    let points = ts.iter().copied().zip(values.iter().copied());
    let mut points = points.filter(|(_, value)| !value.is_nan()).peekable();
    if ts.len() <= buckets * 4 {
        return points.collect();
    }
    let mut kept = Vec::with_capacity(buckets * 4);
    while let Some(first) = points.next() {
        let bucket = bucket_of(ts, first.0, buckets);
        let (mut lowest, mut highest, mut last) = (first, first, first);
        while let Some(point) = points.next_if(|point| bucket_of(ts, point.0, buckets) == bucket) {
            if point.1 < lowest.1 {
                lowest = point;
            }
            if point.1 > highest.1 {
                highest = point;
            }
            last = point;
        }
        let mut four = [first, lowest, highest, last];
        four.sort_by_key(|point| point.0);
        kept.extend(four);
        kept.dedup();
    }
    kept
}

/// Index of the last point of each stretch of equal time: where a pointer over the picture reads its values.
pub(super) fn sample(ts: &[i64], buckets: usize) -> Vec<usize> {
    if ts.len() <= buckets {
        return (0..ts.len()).collect();
    }
    let is_last = |at: &usize| {
        ts.get(at + 1)
            .is_none_or(|next| bucket_of(ts, *next, buckets) != bucket_of(ts, ts[*at], buckets))
    };
    (0..ts.len()).filter(is_last).collect()
}

fn bucket_of(ts: &[i64], at: i64, buckets: usize) -> i128 {
    let (first, last) = (ts[0], ts[ts.len() - 1]);
    let span = i128::from(last) - i128::from(first) + 1;
    (i128::from(at) - i128::from(first)) * buckets as i128 / span
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spike_survives() {
        let ts: Vec<i64> = (0..100_000).collect();
        let mut values = vec![1.0; ts.len()];
        values[54_321] = 9.0;
        values[54_322] = -9.0;
        let kept = reduce(&ts, &values, 100);
        assert!(kept.len() <= 400);
        assert!(kept.contains(&(54_321, 9.0)));
        assert!(kept.contains(&(54_322, -9.0)));
        assert_eq!((kept[0].0, kept[kept.len() - 1].0), (0, 99_999));
        assert!(kept.is_sorted_by_key(|point| point.0));
    }

    #[test]
    fn a_short_curve_stays() {
        assert_eq!(
            reduce(&[5, 6, 7], &[1.0, f64::NAN, 2.0], 100),
            [(5, 1.0), (7, 2.0)]
        );
        assert_eq!(sample(&[5, 6, 7], 100), [0, 1, 2]);
        assert!(reduce(&[], &[], 100).is_empty());
        assert!(sample(&[], 100).is_empty());
    }

    #[test]
    fn samples_end_with_the_last_point() {
        let ts: Vec<i64> = (0..1_000).collect();
        let kept = sample(&ts, 10);
        assert_eq!(kept, [99, 199, 299, 399, 499, 599, 699, 799, 899, 999]);
    }
}
