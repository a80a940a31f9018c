//! A path of this address, to which somebody is sent back: never anywhere else.

use axum::http::Uri;
use std::fmt;
use url::form_urlencoded;

/// Longest path, in bytes: a request of OAuth fits in.
const BYTES_MAX: usize = 8 << 10;

/// A path of this address, with its query: `/console/auth/keys?after=x`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalPath(String);

impl LocalPath {
    /// The path, if it is one. What a browser could take for another address is none: `//host`, `/\host`, and whatever has characters
    /// that it leaves out (WHATWG URL, section 4.4).
    #[must_use]
    pub fn new(text: &str) -> Option<LocalPath> {
        let is_plain = text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        let is_one = text.len() <= BYTES_MAX
            && is_plain
            && text.starts_with('/')
            && !text.starts_with("//")
            && !text.contains('#')
            && text.parse::<Uri>().is_ok_and(|uri| uri.host().is_none());
        is_one.then(|| LocalPath(text.to_owned()))
    }

    /// The path of the overview.
    #[must_use]
    pub fn overview() -> LocalPath {
        LocalPath(super::CONSOLE.to_owned())
    }

    /// A path with a query, as a text.
    #[must_use]
    pub fn with_query(path: &str, pairs: &[(&str, &str)]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(pairs);
        format!("{path}?{}", query.finish())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A path that has this one in its query, as `next`.
    #[must_use]
    pub fn after(&self, path: &str) -> String {
        LocalPath::with_query(path, &[("next", &self.0)])
    }
}

impl fmt::Display for LocalPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_paths_of_this_address_are_taken() {
        for path in [
            "/",
            "/console",
            "/auth/authorize?client_id=a&redirect_uri=https%3A%2F%2Fx.y%2F",
        ] {
            assert_eq!(LocalPath::new(path).unwrap().as_str(), path);
        }
        for path in [
            "",
            "console",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "/\t/evil.example",
            "/a\n",
            "/a b",
            "/ä",
            "/a#b",
            "/a\\b",
        ] {
            assert_eq!(LocalPath::new(path), None, "{path}");
        }
        assert_eq!(LocalPath::new(&format!("/{}", "a".repeat(BYTES_MAX))), None);
    }

    #[test]
    fn it_is_one_value_of_a_query() {
        let path = LocalPath::new("/a?b=c&d=e").unwrap();
        assert_eq!(path.after("/in"), "/in?next=%2Fa%3Fb%3Dc%26d%3De");
    }

    proptest! {
        #[test]
        fn what_is_taken_begins_with_one_slash_and_stays_in_the_head(text in "[/\\\\a-z:@?#\t\r\n .]{0,12}") {
            if let Some(path) = LocalPath::new(&text) {
                let text = path.as_str();
                prop_assert!(text.starts_with('/') && !text.starts_with("//"));
                prop_assert!(text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\'));
            }
        }
    }
}
