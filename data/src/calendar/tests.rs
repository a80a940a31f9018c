//! Calendars against what is known otherwise: days of the exchange, clocks that change, and what a wrong file is told.

use super::*;
use crate::{DataError, Result};
use proptest::prelude::*;
use std::path::Path;
use std::sync::Arc;

const HOUR: i64 = 3_600_000_000_000;

fn calendar(name: &str) -> Arc<Calendar> {
    Calendars::built_in().unwrap().get(name).unwrap()
}

fn ts(text: &str) -> Ts {
    Ts::parse(text).unwrap()
}

fn sessions(name: &str, from: &str, to: &str) -> Vec<String> {
    let calendar = calendar(name);
    let all = calendar.sessions(ts(from), ts(to));
    all.map(|s| format!("{} {} {}", s.date, s.open, s.close))
        .collect()
}

/// Every weekday of 29 years: open, half or closed, as an independent list has it.
#[test]
fn the_new_york_stock_exchange_of_29_years() {
    let listed: std::collections::BTreeMap<&str, &str> = include_str!("nyse.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(' '))
        .collect();
    let calendar = calendar("us-equity");
    let (mut open, mut date) = (0, Date::constant(1996, 1, 2));
    while date.year() < 2025 {
        let is_weekend = date.weekday().to_monday_zero_offset() >= 5;
        let local = |seconds: i32| calendar.instant(date, seconds).unwrap();
        match (calendar.day(date), listed.get(date.to_string().as_str())) {
            (None, Some(&"closed")) => assert!(!is_weekend, "{date}"),
            (None, None) => assert!(is_weekend, "{date} is closed"),
            (Some(day), Some(&"13:00")) => {
                assert!(day.is_half && day.close == local(13 * 3_600), "{date}");
                open += 1;
            }
            (Some(day), None) => {
                assert!(!day.is_half && !is_weekend, "{date}");
                assert_eq!(day.open, local(9 * 3_600 + 1_800), "{date}");
                assert_eq!(day.close, local(16 * 3_600), "{date}");
                open += 1;
            }
            other => panic!("{date}: {other:?}"),
        }
        date = date.tomorrow().unwrap();
    }
    assert_eq!(open, 7_300);
}

/// New York sets its clocks on 2024-03-10 and 2024-11-03: the open moves by an hour in UTC.
#[test]
fn sessions_follow_the_clocks_both_ways() {
    assert_eq!(
        sessions("us-equity", "2024-03-08", "2024-03-12"),
        [
            "2024-03-08 2024-03-08T14:30:00Z 2024-03-08T21:00:00Z",
            "2024-03-11 2024-03-11T13:30:00Z 2024-03-11T20:00:00Z",
        ]
    );
    assert_eq!(
        sessions("us-equity", "2024-11-01", "2024-11-05"),
        [
            "2024-11-01 2024-11-01T13:30:00Z 2024-11-01T20:00:00Z",
            "2024-11-04 2024-11-04T14:30:00Z 2024-11-04T21:00:00Z",
        ]
    );
}

#[test]
fn foreign_exchange_opens_on_sunday_and_knows_no_break() {
    assert_eq!(
        sessions("fx", "2024-03-08T12:00:00Z", "2024-03-12T12:00:00Z"),
        [
            "2024-03-08 2024-03-07T22:00:00Z 2024-03-08T22:00:00Z",
            "2024-03-11 2024-03-10T21:00:00Z 2024-03-11T21:00:00Z",
            "2024-03-12 2024-03-11T21:00:00Z 2024-03-12T21:00:00Z",
        ]
    );
    let fx = calendar("fx");
    assert!(!fx.is_open(ts("2024-03-10T20:59:59.999999999Z")));
    assert!(fx.is_open(ts("2024-03-10T21:00:00Z")));
    assert!(fx.is_open(ts("2024-03-11T21:00:00Z")));
    // The evening of the 24th of December is already the holiday of the 25th, which ends at 17:00.
    assert!(!fx.is_open(ts("2024-12-24T22:30:00Z")));
    assert!(fx.is_open(ts("2024-12-25T22:30:00Z")));
}

#[test]
fn futures_have_a_break_each_day_and_short_holidays() {
    assert_eq!(
        sessions("cme-equity", "2023-12-22T12:00:00Z", "2023-12-27T12:00:00Z"),
        [
            "2023-12-22 2023-12-21T23:00:00Z 2023-12-22T22:00:00Z",
            "2023-12-26 2023-12-25T23:00:00Z 2023-12-26T22:00:00Z",
            "2023-12-27 2023-12-26T23:00:00Z 2023-12-27T22:00:00Z",
        ]
    );
    assert_eq!(
        sessions("cme-equity", "2024-11-28", "2024-11-29T12:00:00Z"),
        [
            "2024-11-28 2024-11-27T23:00:00Z 2024-11-28T18:00:00Z",
            "2024-11-29 2024-11-28T23:00:00Z 2024-11-29T18:15:00Z",
        ]
    );
}

#[test]
fn what_never_closes_has_a_session_a_day() {
    assert_eq!(
        sessions("crypto", "2024-03-09T23:59:59Z", "2024-03-11"),
        [
            "2024-03-09 2024-03-09T00:00:00Z 2024-03-10T00:00:00Z",
            "2024-03-10 2024-03-10T00:00:00Z 2024-03-11T00:00:00Z",
        ]
    );
}

#[test]
fn the_session_of_a_time_and_the_next_one() {
    let us = calendar("us-equity");
    let open = ts("2012-10-31T13:30:00Z");
    assert_eq!(us.session_of(ts("2012-10-29T15:00:00Z")), None);
    assert_eq!(
        us.sessions(ts("2012-10-26T20:00:00Z"), Ts(i64::MAX))
            .next()
            .unwrap()
            .open,
        open
    );
    assert_eq!(us.session_of(open).unwrap().date.to_string(), "2012-10-31");
    assert_eq!(us.session_of(ts("2012-10-31T20:00:00Z")), None);
}

const LUNCH: &str = r#"
zone = "Asia/Tokyo"
[[session]]
days = ["mon", "tue"]
open = "09:00"
close = "11:30"
[[session]]
days = ["mon", "tue"]
open = "12:30"
close = "15:00"
"#;

fn parse(text: &str) -> Result<Calendar> {
    Calendar::parse("mine", text, Path::new("mine.toml"))
}

#[test]
fn a_day_with_a_break_at_noon() {
    let tokyo = parse(LUNCH).unwrap();
    let day = tokyo.day(Date::constant(2024, 3, 11)).unwrap();
    assert_eq!(
        (day.open, day.close),
        (ts("2024-03-11"), ts("2024-03-11T06:00:00Z"))
    );
    assert!(!tokyo.is_open(ts("2024-03-11T03:00:00Z")));
    assert_eq!(tokyo.sessions(day.open, day.close).count(), 2);
}

#[test]
fn what_is_wrong_in_a_file_is_named() {
    let check = |from: &str, to: &str, expected: &str| {
        let text = LUNCH.replacen(from, to, 1);
        assert_ne!(text, LUNCH);
        assert_eq!(parse(&text).unwrap_err().to_string(), expected);
    };
    check(
        "Asia/Tokyo",
        "Asia/Tokio",
        "mine.toml: zone is Asia/Tokio, expected an IANA zone that this machine knows, such as America/New_York",
    );
    check(
        "09:00",
        "9:00",
        "mine.toml: session 1: open is \"9:00\", expected a local time from 00:00 to 24:00",
    );
    check(
        "11:30",
        "08:30",
        "mine.toml: session 1: close is \"08:30\", expected a time above that of the open, or opens_day_before = true",
    );
    check(
        "11:30",
        "13:00",
        "mine.toml: session is open while another is, expected sessions that do not overlap",
    );
    check(
        "\"mon\"",
        "\"monday\"",
        "mine.toml: session 1: days is \"monday\", expected mon tue wed thu fri sat sun",
    );
    check(
        "[[session]]",
        "[[sesion]]",
        "mine.toml, line 3: unknown field `sesion`, expected one of `zone`, `session`, `holiday`, `half_day`, expected zone, [[session]], [[holiday]] and [[half_day]] as in docs/calendars.md",
    );
    let holiday = |rule: &str| {
        let error = parse(&format!("{LUNCH}[[holiday]]\nname = \"x\"\n{rule}")).unwrap_err();
        error.to_string()
    };
    assert_eq!(
        holiday("on = \"02-30\""),
        "mine.toml: holiday 1 (x): on is \"02-30\", expected month and day such as 12-25"
    );
    assert_eq!(
        holiday("on = \"12-25\"\neaster = 1"),
        "mine.toml: holiday 1 (x): rule is none or more than one, expected exactly one of on, easter, dates, or weekday with nth and month"
    );
}

#[test]
fn calendars_of_ones_own_are_found_by_name() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("tokyo.toml"), LUNCH).unwrap();
    let all = Calendars::with_own(dir.path()).unwrap();
    assert_eq!(all.get("tokyo").unwrap().name(), "tokyo");
    let error = all.get("osaka").unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no calendar \"osaka\", expected one of cme-equity, crypto, fx, tokyo, us-equity"
    );
    std::fs::write(dir.path().join("bad.toml"), "zone = 1").unwrap();
    assert!(matches!(
        Calendars::with_own(dir.path()),
        Err(DataError::Line { line: 1, .. })
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn sessions_are_in_order_and_disjoint(name in 0..4_usize, from in 0..2_000_000_i64, hours in 1..3_000_i64) {
        let all = Calendars::built_in().unwrap();
        let calendar = all.get(all.names().nth(name).unwrap()).unwrap();
        let (from, to) = (Ts(from / 4 * HOUR), Ts((from / 4 + hours) * HOUR));
        let found: Vec<Session> = calendar.sessions(from, to).collect();
        for pair in found.windows(2) {
            prop_assert!(pair[0].close <= pair[1].open && pair[0].date < pair[1].date);
        }
        for session in &found {
            prop_assert!(session.open < session.close);
            prop_assert!(session.open < to && session.close > from);
            prop_assert_eq!(calendar.session_of(session.open), Some(*session));
            prop_assert_eq!(calendar.session_of(Ts(session.close.0 - 1)), Some(*session));
        }
        // Nothing is left out: a time of the range is in a session of the list, or in none at all.
        for step in 0..50 {
            let ts = Ts(from.0 + (to.0 - from.0) / 50 * step);
            let listed = found.iter().find(|session| session.contains(ts)).copied();
            prop_assert_eq!(calendar.session_of(ts), listed);
        }
    }
}

/// The example in the documentation is a calendar.
#[test]
fn the_example_of_the_documentation_can_be_read() {
    let page = include_str!("../../../docs/calendars.md");
    let example = page
        .split("```toml\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    let tokyo = parse(example.unwrap()).unwrap();
    assert_eq!(tokyo.day(Date::constant(2024, 1, 8)), None);
    assert!(tokyo.day(Date::constant(2024, 12, 30)).unwrap().is_half);
}
