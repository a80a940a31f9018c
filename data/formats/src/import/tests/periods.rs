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

#[test]
fn weeks_that_are_called_by_their_last_day_of_trade_close_with_it() {
    // Good Friday was the 29th of March 2024.
    let weeks = ["2024-03-15", "2024-03-22", "2024-03-28", "2024-04-05"];
    let ends = ["2024-03-16", "2024-03-23", "2024-03-29", "2024-04-06"];
    check(&weeks, None, "1w", &ends);
    let weeks = [
        "2023-12-22",
        "2023-12-29",
        "2024-01-05",
        "2024-01-12",
        "2024-01-18",
    ];
    let ends = [
        "2023-12-23",
        "2023-12-30",
        "2024-01-06",
        "2024-01-13",
        "2024-01-19",
    ];
    check(&weeks, None, "1w", &ends);
    // Mondays, and a Tuesday behind a holiday, begin a week.
    let weeks = ["2024-01-01", "2024-01-08", "2024-01-16", "2024-01-22"];
    let ends = ["2024-01-08", "2024-01-15", "2024-01-23", "2024-01-29"];
    check(&weeks, None, "1w", &ends);
}

#[test]
fn times_that_are_the_last_second_of_a_bar_are_its_close() {
    let minutes = [
        "2024-01-02 09:30:59",
        "2024-01-02 09:31:59",
        "2024-01-02 09:32:59",
    ];
    let ends = ["2024-01-02T09:31", "2024-01-02T09:32", "2024-01-02T09:33"];
    check(&minutes, None, "1m", &ends);
    let days = [
        "2024-01-02 23:59:59",
        "2024-01-03 23:59:59",
        "2024-01-04 23:59:59",
    ];
    let ends = ["2024-01-03", "2024-01-04", "2024-01-05"];
    check(&days, None, "1d", &ends);
    let zone = Some("America/New_York");
    let ends = ["2024-01-03T05:00", "2024-01-04T05:00", "2024-01-05T05:00"];
    check(&days, zone, "1d", &ends);
}

#[test]
fn days_with_offsets_close_no_earlier_than_they_end() {
    // The 3rd of November 2024 has 25 hours in New York.
    let days = [
        "2024-11-01 00:00:00-04:00",
        "2024-11-02 00:00:00-04:00",
        "2024-11-03 00:00:00-04:00",
        "2024-11-04 00:00:00-05:00",
    ];
    let ends = [
        "2024-11-02T05:00",
        "2024-11-03T05:00",
        "2024-11-04T05:00",
        "2024-11-05T05:00",
    ];
    check(&days, None, "1d", &ends);
}

#[test]
fn hours_from_midnight_on_may_be_minutes() {
    let text = "date,time,open,high,low,close\n20240102,0,1,1,1,1\n20240102,100,1,1,1,1\n20240102,200,1,1,1,1\n";
    let error = read_text(text, &ImportOptions::default())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("hours from midnight on, or minutes"),
        "{error}"
    );
    let closes = |bar: &str| {
        let options = ImportOptions {
            bar: Some(bar.parse().unwrap()),
            ..ImportOptions::default()
        };
        let file = read_text(text, &options).unwrap();
        let closes = file.records.iter().map(|bar| bar.ts_event().to_string());
        closes.collect::<Vec<String>>()
    };
    let hours = [
        "2024-01-02T01:00:00Z",
        "2024-01-02T02:00:00Z",
        "2024-01-02T03:00:00Z",
    ];
    assert_eq!(closes("1h"), hours);
    let minutes = [
        "2024-01-02T00:01:00Z",
        "2024-01-02T00:02:00Z",
        "2024-01-02T00:03:00Z",
    ];
    assert_eq!(closes("1m"), minutes);
    // Of two days they are hours.
    let days = text.replace("20240102,200", "20240103,0");
    let file = read_text(&days, &ImportOptions::default()).unwrap();
    assert_eq!(
        file.records[1].ts_event().to_string(),
        "2024-01-02T02:00:00Z"
    );
}

#[test]
fn rows_of_one_time_are_turned_where_most_rows_are_newest_first() {
    // One row is not in its place.
    let text = "time,price,size\n2024-01-02 00:00:05,15,1\n2024-01-02 00:00:04,14,1\n2024-01-02 00:00:04,13,1\n2024-01-02 00:00:03,12,1\n2024-01-02 00:00:03.5,12.5,1\n2024-01-02 00:00:02,11,1\n2024-01-02 00:00:02,10,1\n2024-01-02 00:00:01,9,1\n";
    let found = super::texts::rows(&read_text(text, &ImportOptions::default()).unwrap());
    let prices: Vec<&str> = (found.iter())
        .filter_map(|row| row.split(' ').nth(2))
        .collect();
    assert_eq!(prices, ["9", "10", "11", "12", "12.5", "13", "14", "15"]);
}
