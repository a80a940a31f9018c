//! Whatever a browser sends as cookies is read as RFC 6265 splits it, or not at all, never a crash; one that is there twice is as none;
//! and what is read is set again as the same, with nothing more in the head.

#![no_main]

use http::{HeaderMap, HeaderValue, header};
use libfuzzer_sys::fuzz_target;
use tickloom_chassis::console::{SetCookie, cookie_value};

const NAME: &str = "a";

/// The values under a name, by the plain rule: parts between semicolons, a name before the first `=`, without space around either.
fn values<'a>(lines: &[&'a str], name: &str) -> Vec<&'a str> {
    let parts = lines.iter().flat_map(|line| line.split(';'));
    let pairs = parts.filter_map(|part| part.split_once('='));
    pairs
        .filter(|(found, _)| found.trim() == name)
        .map(|(_, value)| value.trim())
        .collect()
}

fuzz_target!(|bytes: &[u8]| {
    let mut headers = HeaderMap::new();
    let mut lines = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        let Ok(value) = HeaderValue::from_bytes(line) else {
            continue;
        };
        // A line with a letter beyond ASCII is none.
        if value.to_str().is_ok() {
            lines.extend(std::str::from_utf8(line));
        }
        headers.append(header::COOKIE, value);
    }
    for (is_secure, name) in [(false, "a"), (true, "__Host-a")] {
        let read = cookie_value(&headers, NAME, is_secure);
        match values(&lines, name)[..] {
            [value] => assert_eq!(read.as_deref(), Some(value)),
            _ => assert_eq!(read, None),
        }
        let Some(read) = read else { continue };
        let set = SetCookie::of_browser(NAME, read.as_str()).header(is_secure);
        let set = set.expect("what came in a head goes into one");
        let set = set.to_str().expect("it is ASCII");
        let (pair, rest) = set.split_once(';').expect("it has attributes");
        assert_eq!(pair, format!("{name}={read}"));
        let secure = if is_secure { " Secure;" } else { "" };
        assert_eq!(rest, format!(" HttpOnly; SameSite=Lax;{secure} Path=/"));
    }
});
