//! Bars of months, quarters and years, and of days of a zone whose clocks change: they close when their period is over.

use super::*;

/// The size of the bars of a day each at these times, and the times at which they close.
fn closes(times: &[&str], zone: Option<&str>) -> (String, Vec<String>) {
    let rows: Vec<String> = times
        .iter()
        .map(|time| format!("{time},10,11,9,10,1\n"))
        .collect();
    let text = format!("Date,Open,High,Low,Close,Volume\n{}", rows.concat());
    let options = ImportOptions {
        zone: zone.map(str::to_owned),
        ..ImportOptions::default()
    };
    let file = read_text(&text, &options).unwrap();
    let closes = file.records.iter().map(|bar| bar.ts_event().to_string());
    (file.report.bar.unwrap().to_string(), closes.collect())
}

fn check(times: &[&str], zone: Option<&str>, size: &str, expected: &[&str]) {
    let (found, closes) = closes(times, zone);
    let days = expected.iter().map(|close| match close.len() {
        10 => format!("{close}T00:00:00Z"),
        _ => format!("{close}:00Z"),
    });
    let days: Vec<String> = days.collect();
    assert_eq!((found.as_str(), closes), (size, days), "{times:?}");
}

#[test]
fn months_close_when_the_next_begins() {
    let months = ["2024-04-01", "2024-05-01", "2024-06-01", "2024-07-01"];
    check(
        &months,
        None,
        "31d",
        &["2024-05-01", "2024-06-01", "2024-07-01", "2024-08-01"],
    );
    let two = ["2023-02-01", "2023-03-01"];
    check(&two, None, "31d", &["2023-03-01", "2023-04-01"]);
    // In seconds: the same months.
    let seconds = ["1711929600", "1714521600", "1717200000", "1719792000"];
    check(
        &seconds,
        None,
        "31d",
        &["2024-05-01", "2024-06-01", "2024-07-01", "2024-08-01"],
    );
    let quarters = ["2023-01-01", "2023-04-01", "2023-07-01", "2023-10-01"];
    check(
        &quarters,
        None,
        "92d",
        &["2023-04-01", "2023-07-01", "2023-10-01", "2024-01-01"],
    );
    let years = ["2020-01-01", "2021-01-01", "2022-01-01"];
    check(
        &years,
        None,
        "366d",
        &["2021-01-01", "2022-01-01", "2023-01-01"],
    );
    // The first day of trade: the 1st of June 2024 was a Saturday.
    let first = ["2024-05-01", "2024-06-03", "2024-07-01"];
    check(
        &first,
        None,
        "31d",
        &["2024-06-01", "2024-07-01", "2024-08-01"],
    );
}

#[test]
fn months_that_are_called_by_their_last_day_close_with_it() {
    let last = ["2024-01-31", "2024-02-29", "2024-03-31"];
    check(
        &last,
        None,
        "31d",
        &["2024-02-01", "2024-03-01", "2024-04-01"],
    );
    // The last day of trade: Fridays before a weekend that ends the month.
    let last = ["2024-02-29", "2024-03-29", "2024-04-30", "2024-06-28"];
    check(
        &last,
        None,
        "31d",
        &["2024-03-01", "2024-03-30", "2024-05-01", "2024-06-29"],
    );
}

/// Summer time of New York is from 10 March to 3 November 2024.
#[test]
fn days_and_months_of_a_zone_close_at_midnight_there() {
    let zone = Some("America/New_York");
    let check_zone = |days: &[&str], size: &str, ends: &[&str]| {
        let times: Vec<String> = days.iter().map(|day| format!("{day} 00:00:00")).collect();
        let times: Vec<&str> = times.iter().map(String::as_str).collect();
        check(&times, zone, size, ends);
    };
    let days = ["2024-03-09", "2024-03-10", "2024-03-11"];
    let ends = ["2024-03-10T05:00", "2024-03-11T04:00", "2024-03-12T04:00"];
    check_zone(&days, "1d", &ends);
    check_zone(&days[1..], "1d", &ends[1..]);
    // A date alone is a day of UTC.
    let dates = ["2024-03-10", "2024-03-11", "2024-03-12"];
    check(&days, zone, "1d", &dates);
    let days = ["2024-11-02", "2024-11-03", "2024-11-04"];
    let ends = ["2024-11-03T04:00", "2024-11-04T05:00", "2024-11-05T05:00"];
    check_zone(&days, "1d", &ends);
    let months = ["2024-02-01", "2024-03-01", "2024-04-01"];
    let ends = ["2024-03-01T05:00", "2024-04-01T04:00", "2024-05-01T04:00"];
    check_zone(&months, "31d", &ends);
    // Sessions that open in the evening close as the next ones open.
    let evening = |days: &[&str], size: &str, ends: &[&str]| {
        let times: Vec<String> = days.iter().map(|day| format!("{day} 17:00:00")).collect();
        let times: Vec<&str> = times.iter().map(String::as_str).collect();
        check(&times, zone, size, ends);
    };
    let days = ["2024-01-08", "2024-01-09", "2024-01-10"];
    let ends = ["2024-01-09T22:00", "2024-01-10T22:00", "2024-01-11T22:00"];
    evening(&days, "1d", &ends);
    let months = ["2023-12-31", "2024-01-31", "2024-02-29"];
    let ends = ["2024-01-31T22:00", "2024-02-29T22:00", "2024-03-31T22:00"];
    evening(&months, "31d", &ends);
    // With offsets the later of both midnights is taken, so that nothing is known before it was.
    let offsets = [
        "2024-02-01 00:00:00-05:00",
        "2024-03-01 00:00:00-05:00",
        "2024-04-01 00:00:00-04:00",
    ];
    let ends = ["2024-03-01T05:00", "2024-04-01T05:00", "2024-05-01T05:00"];
    check(&offsets, None, "31d", &ends);
    let text = "Date,Open,High,Low,Close\n2024-03-10 00:00:00-05:00,1,1,1,1\n2024-03-11 00:00:00-04:00,1,1,1,1\n";
    let error = read_text(text, &ImportOptions::default())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("apart by 23h") && error.contains("--bar 1d"),
        "{error}"
    );
}
