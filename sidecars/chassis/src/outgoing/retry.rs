//! When a request is made again, and after how long.

use axum::http::{HeaderMap, StatusCode, header};
use httpdate::parse_http_date;
use ring::rand::{SecureRandom, SystemRandom};
use std::time::{Duration, UNIX_EPOCH};
use tickloom_types::Ts;

/// Attempts in all.
pub(super) const ATTEMPTS_MAX: u32 = 3;
/// The pause after the first attempt, at most; each further one may be twice as long.
const PAUSE: Duration = Duration::from_millis(200);

/// Whether a status says that another attempt may come out otherwise.
pub(super) fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 500 | 502 | 503 | 504)
}

/// The pause after an attempt, counted from 1: at random between half of the longest and that, so that many do not come back together.
pub(super) fn pause(attempt: u32) -> Duration {
    let mut bytes = [0; 2];
    // Without randomness it is the shortest.
    let filled = SystemRandom::new().fill(&mut bytes);
    if filled.is_err() {
        bytes = [0; 2];
    }
    let half = PAUSE * 2_u32.saturating_pow(attempt.saturating_sub(1)) / 2;
    half + half * u32::from(u16::from_be_bytes(bytes)) / u32::from(u16::MAX)
}

/// After how long the host wants to be asked again (RFC 9110, section 10.2.3): seconds, or a date.
pub(super) fn retry_after(headers: &HeaderMap, now: Ts) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(text.parse().map_or(Duration::MAX, Duration::from_secs));
    }
    let at = parse_http_date(text)
        .ok()?
        .duration_since(UNIX_EPOCH)
        .ok()?;
    let now = Duration::from_nanos(u64::try_from(now.0).unwrap_or(0));
    Some(at.saturating_sub(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_are_within_their_half() {
        for (attempt, millis) in [(1, 200), (2, 400), (3, 800)] {
            for _ in 0..100 {
                let pause = pause(attempt).as_micros();
                assert!((millis * 500..=millis * 1000).contains(&pause), "{pause}");
            }
        }
    }

    #[test]
    fn a_host_says_when_in_seconds_or_as_a_date() {
        // 14 November 2023, 22:13:20 UTC, a Tuesday.
        let now = Ts(1_700_000_000_000_000_000);
        for (text, expected) in [
            ("0", Some(0)),
            ("120", Some(120)),
            ("Tue, 14 Nov 2023 22:13:50 GMT", Some(30)),
            ("Tue, 14 Nov 2023 22:13:00 GMT", Some(0)),
            ("soon", None),
            ("", None),
            ("-1", None),
            ("1.5", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, text.parse().unwrap());
            let expected = expected.map(Duration::from_secs);
            assert_eq!(retry_after(&headers, now), expected, "{text}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::RETRY_AFTER, "9".repeat(40).parse().unwrap());
        assert_eq!(retry_after(&headers, now), Some(Duration::MAX));
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
