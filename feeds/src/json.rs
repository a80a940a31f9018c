//! Parses JSON of strangers. The parser leaves two things to its caller: it skips unknown values by recursion, so how deep
//! they nest is checked first; and it hands out strings before it has looked whether the bytes are UTF-8, so that is too.

use serde::Deserialize;

/// The deepest nesting that is parsed; no message of a venue is deeper than 6.
const DEPTH_MAX: usize = 64;

/// Why something was not parsed.
#[derive(Debug)]
pub(crate) enum JsonError {
    /// Not UTF-8, from this byte on.
    NotUtf8(usize),
    /// Nested too deep.
    TooDeep,
    /// What the parser says.
    Parser(sonic_rs::Error),
}

/// Parses a whole text.
pub(crate) fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, JsonError> {
    let text =
        std::str::from_utf8(bytes).map_err(|error| JsonError::NotUtf8(error.valid_up_to()))?;
    if !is_shallow(bytes) {
        return Err(JsonError::TooDeep);
    }
    sonic_rs::from_str(text).map_err(JsonError::Parser)
}

/// Whether no value can nest deeper than the limit. Few messages have so many brackets that they must be looked at one by one.
fn is_shallow(bytes: &[u8]) -> bool {
    let opening = bytes.iter().filter(|&&b| b == b'[' || b == b'{').count();
    opening <= DEPTH_MAX || depth(bytes) <= DEPTH_MAX
}

/// The deepest nesting, leaving out brackets within strings.
fn depth(bytes: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut deepest = 0;
    let mut is_string = false;
    let mut is_escaped = false;
    for &byte in bytes {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_string => is_escaped = true,
            b'"' => is_string = !is_string,
            _ if is_string => {}
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_counts_brackets_outside_of_strings() {
        assert_eq!(depth(b"{\"a\":[[1],[2]]}"), 3);
        assert_eq!(depth(b"[\"[[[\\\"[[\",[]]"), 2);
        assert_eq!(depth(b"]]]["), 1);
    }

    #[test]
    fn closing_brackets_in_strings_do_not_hide_depth() {
        let hidden = "[\"]\",".repeat(1_000);
        assert!(!is_shallow(hidden.as_bytes()));
        let flat = format!("[{}]", "[],".repeat(1_000));
        assert!(is_shallow(flat.as_bytes()));
    }

    #[test]
    fn what_is_not_utf8_is_refused_before_anybody_sees_it_as_text() {
        let parsed = parse::<&str>(b"\"ab\x80c\"");
        assert!(matches!(parsed, Err(JsonError::NotUtf8(3))));
    }

    #[test]
    fn deep_nesting_is_refused_and_not_recursed_into() {
        let deep = "[".repeat(1_000_000);
        let parsed = parse::<sonic_rs::LazyValue<'_>>(deep.as_bytes());
        assert!(matches!(parsed, Err(JsonError::TooDeep)));
    }
}
