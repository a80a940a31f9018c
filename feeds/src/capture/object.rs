//! A message that its recorder put into an object, beside the time of its arrival: `{"ts": 1618677786.48, "msg": [..]}`; and one that it
//! wrote as a string, there or alone or behind a time: `{"ts": 1618677786.48, "msg": "[..]"}`.

use super::reader::stamp;
use serde::Deserialize;
use sonic_rs::LazyValue;
use tickloom_types::{Ts, parse_decimal};

/// Such an object, which has nothing else.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Object<'a> {
    #[serde(
        borrow,
        alias = "time",
        alias = "timestamp",
        alias = "recv_ts",
        alias = "ts_recv",
        alias = "received",
        alias = "received_at",
        alias = "receipt_timestamp",
        alias = "local_ts",
        alias = "local_timestamp"
    )]
    ts: LazyValue<'a>,
    #[serde(
        borrow,
        alias = "message",
        alias = "raw",
        alias = "payload",
        alias = "data"
    )]
    msg: LazyValue<'a>,
}

/// The time and the message of a line that is such an object; the message is an object or an array itself.
pub(super) fn of_object(line: &[u8]) -> Option<(Ts, &[u8])> {
    let object = time_and_message(line)?;
    let (time, message) = (slice(line, &object.ts)?, slice(line, &object.msg)?);
    if !matches!(message.first(), Some(b'{' | b'[')) {
        return None;
    }
    let time = match time {
        [b'"', inner @ .., b'"'] => inner,
        plain => plain,
    };
    Some((time_of(time)?, message))
}

/// The same as they are written.
fn time_and_message(line: &[u8]) -> Option<Object<'_>> {
    // Messages of venues are not parsed for it.
    let has = |name: &[u8]| line.windows(name.len()).any(|part| part == name);
    let names: [&[u8]; 5] = [
        b"\"msg\"",
        b"\"message\"",
        b"\"raw\"",
        b"\"payload\"",
        b"\"data\"",
    ];
    if !names.into_iter().any(has) {
        return None;
    }
    crate::json::parse(line).ok()
}

/// The line with its message in it, of one that has it as a string; `None` for any other.
pub(super) fn unquoted(line: &[u8]) -> Option<Vec<u8>> {
    let line = line.trim_ascii();
    match line.first()? {
        b'"' => message_of(line),
        b'{' => {
            // No message of a venue has a string that begins so.
            let begins_json = |two: &[u8]| matches!(two, b"\"{" | b"\"[");
            if !line.windows(2).any(begins_json) {
                return None;
            }
            // A string with escapes is not borrowed from the line.
            let object = time_and_message(line)?;
            let message = message_of(object.msg.as_raw_str().as_bytes())?;
            let time = object.ts.as_raw_str().as_bytes();
            Some([b"{\"ts\":", time, b",\"msg\":", &message, b"}"].concat())
        }
        byte if byte.is_ascii_digit() => {
            let at = line.iter().position(|byte| matches!(byte, b' ' | b'\t'))?;
            let (time, message) = line.split_at(at + 1);
            Some([time, &message_of(message.trim_ascii())?].concat())
        }
        _ => None,
    }
}

/// The object or array that a string has in it.
fn message_of(text: &[u8]) -> Option<Vec<u8>> {
    if !matches!(text, [b'"', b'{' | b'[', ..]) {
        return None;
    }
    let message: String = crate::json::parse(text).ok()?;
    Some(message.into_bytes())
}

/// The bytes of a value where they lie in the line.
fn slice<'a>(line: &'a [u8], value: &LazyValue<'_>) -> Option<&'a [u8]> {
    let raw = value.as_raw_str();
    let from = raw.as_ptr().addr().checked_sub(line.as_ptr().addr())?;
    line.get(from..from.checked_add(raw.len())?)
}

/// A time by its digits, in seconds with a fraction, or as a text in UTC.
fn time_of(text: &[u8]) -> Option<Ts> {
    let point = text.iter().position(|&byte| byte == b'.');
    match point {
        _ if text.contains(&b'-') => Ts::parse(std::str::from_utf8(text).ok()?).ok(),
        None => stamp(text),
        // The whole of it is of a unit that its digits tell.
        Some(at) => {
            let whole = text.get(..at)?;
            let unit = stamp(whole)?.0.checked_div(whole_number(whole)?)?;
            let decimals = unit.checked_ilog10()?;
            parse_decimal(text, u8::try_from(decimals).ok()?)
                .ok()
                .map(Ts)
        }
    }
}

fn whole_number(digits: &[u8]) -> Option<i64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_in_an_object_is_read_with_its_time() {
        let of = |line: &'static str| of_object(line.as_bytes());
        let expected = Some((Ts(1_618_677_786_480_000_000), &b"[1, 2]"[..]));
        assert_eq!(of(r#"{"ts": 1618677786.48, "msg": [1, 2]}"#), expected);
        assert_eq!(
            of(r#"{"msg":[1, 2],"received_at":1618677786480}"#),
            expected
        );
        assert_eq!(
            of(r#"{"message":[1, 2],"time":"2021-04-17T16:43:06.48Z"}"#),
            expected
        );
        assert_eq!(of(r#"{"raw":[1, 2],"ts":1618677786480.0}"#), expected);
        assert_eq!(of(r#"{"data":[1, 2],"ts":1618677786480}"#), expected);
        assert_eq!(of(r#"{"ts":1618677786480,"msg":"[1, 2]"}"#), None);
        for other in [
            r#"{"ts":1618677786480,"msg":"ok"}"#,
            r#"{"ts":1618677786480,"msg":{},"code":0}"#,
            r#"{"ts":12,"msg":[]}"#,
            r#"{"ts":1618677786480,"rows":[]}"#,
            r#"{"stream":"a@trade","data":{}}"#,
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn a_message_that_is_a_string_is_taken_out_of_it() {
        let of =
            |line: &str| unquoted(line.as_bytes()).map(|line| String::from_utf8(line).unwrap());
        for (line, expected) in [
            (r#""{\"e\":\"trade\"}""#, r#"{"e":"trade"}"#),
            (r#" "[1,[\"a\\u00e9\"]]" "#, r#"[1,["a\u00e9"]]"#),
            (
                r#"1618677786480 "{\"e\":\"x\"}""#,
                r#"1618677786480 {"e":"x"}"#,
            ),
            (
                r#"{"recv_ts": 1618677786.48, "raw": "[0, {\"a\": []}]"}"#,
                r#"{"ts":1618677786.48,"msg":[0, {"a": []}]}"#,
            ),
            (
                r#"{"msg":"{}","ts":"2021-04-17T16:43:06.48Z"}"#,
                r#"{"ts":"2021-04-17T16:43:06.48Z","msg":{}}"#,
            ),
        ] {
            assert_eq!(of(line).as_deref(), Some(expected), "{line}");
        }
        for other in [
            r#"{"e":"trade","s":"[A"}"#,
            r#"{"ts":1618677786480,"msg":"ok"}"#,
            r#"{"ts":1618677786480,"msg":{"text":"{}"}}"#,
            r#"{"ts":1618677786480,"msg":"{}","code":0}"#,
            r#""{\"e\":"#,
            r#"1618677786480 {"e":"x"}"#,
            r#""ok""#,
            "",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
