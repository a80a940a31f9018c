//! How long a caller waits: the header `grpc-timeout`, in the form of the gRPC protocol over HTTP/2 ("Requests", `Timeout`), over HTTP
//! too; and how much of that is left for what is done on the way.

use crate::problem::{Problem, ProblemCode};
use axum::http::HeaderMap;
use std::time::Duration;
use tokio::time::Instant;

/// Longest time for a call, whatever the caller asks for.
pub(crate) const CALL_TIME_MAX: Duration = Duration::from_secs(30);
/// Most digits of a time.
const DIGITS_MAX: usize = 8;
const HEADER: &str = "grpc-timeout";

tokio::task_local! {
    /// Until when whoever asked waits for what this task does.
    static UNTIL: Instant;
}

/// Does something for which somebody waits until then.
pub(crate) async fn until<F: Future>(until: Instant, work: F) -> F::Output {
    UNTIL.scope(until, work).await
}

/// How long whoever asked still waits; `None` where nobody does.
pub(crate) fn time_left() -> Option<Duration> {
    let until = UNTIL.try_with(|until| *until).ok()?;
    Some(until.saturating_duration_since(Instant::now()))
}

/// How long the caller waits; `None` if it does not say.
pub(crate) fn asked(headers: &HeaderMap) -> Result<Option<Duration>, Problem> {
    let Some(value) = headers.get(HEADER) else {
        return Ok(None);
    };
    let time = value.to_str().ok().and_then(parse);
    time.map(Some).ok_or_else(|| {
        let detail = format!(
            "grpc-timeout is `{}`, expected 1 to {DIGITS_MAX} digits and one of H, M, S, m, u, n",
            String::from_utf8_lossy(value.as_bytes())
        );
        Problem::new(ProblemCode::BadRequest, detail)
    })
}

/// How long a call may take.
pub(crate) fn granted(asked: Option<Duration>) -> Duration {
    asked.map_or(CALL_TIME_MAX, |asked| asked.min(CALL_TIME_MAX))
}

fn parse(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let digits = text.strip_suffix(unit)?;
    if !(1..=DIGITS_MAX).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    Some(match unit {
        'H' => Duration::from_secs(number * 3600),
        'M' => Duration::from_secs(number * 60),
        'S' => Duration::from_secs(number),
        'm' => Duration::from_millis(number),
        'u' => Duration::from_micros(number),
        'n' => Duration::from_nanos(number),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_digits_and_a_unit() {
        for (text, nanos) in [
            ("1H", 3_600_000_000_000),
            ("2M", 120_000_000_000),
            ("3S", 3_000_000_000),
            ("99999999m", 99_999_999_000_000),
            ("5u", 5_000),
            ("0n", 0),
            ("99999999H", 359_999_996_400_000_000_000),
        ] {
            assert_eq!(parse(text).unwrap().as_nanos(), nanos, "{text}");
        }
        for text in [
            "",
            "S",
            "1",
            "1s",
            "-1S",
            "+1S",
            "100000000S",
            "1 S",
            "1ü",
            "1.5S",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn nobody_waits_longer_than_calls_may_take() {
        assert_eq!(granted(None), Duration::from_secs(30));
        assert_eq!(granted(parse("1H")), Duration::from_secs(30));
        assert_eq!(granted(parse("29999m")), Duration::from_millis(29_999));
        let mut headers = HeaderMap::new();
        assert_eq!(asked(&headers), Ok(None));
        headers.insert(HEADER, "soon".parse().unwrap());
        assert_eq!(
            asked(&headers).unwrap_err().detail,
            "grpc-timeout is `soon`, expected 1 to 8 digits and one of H, M, S, m, u, n"
        );
    }
}
