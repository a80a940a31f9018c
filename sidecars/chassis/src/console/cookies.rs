//! Cookies of the console (RFC 6265bis): opaque texts under a few names.

use axum::http::{HeaderMap, HeaderValue, header};
use cookie::time::Duration;
use cookie::{Cookie, SameSite};

/// A cookie that is set, or taken away.
#[derive(Clone, Debug)]
pub struct SetCookie {
    name: &'static str,
    value: String,
    max_age_s: Option<i64>,
}

impl SetCookie {
    /// A cookie that the browser keeps until it is closed.
    #[must_use]
    pub fn of_browser(name: &'static str, value: impl Into<String>) -> SetCookie {
        SetCookie {
            name,
            value: value.into(),
            max_age_s: None,
        }
    }

    /// A cookie that the browser keeps for so many seconds.
    #[must_use]
    pub fn lasting(name: &'static str, value: impl Into<String>, seconds: i64) -> SetCookie {
        SetCookie {
            name,
            value: value.into(),
            max_age_s: Some(seconds),
        }
    }

    /// A cookie that is not there any more.
    #[must_use]
    pub fn removed(name: &'static str) -> SetCookie {
        SetCookie::lasting(name, "", 0)
    }

    /// As the header says it. Behind TLS the browser takes it from this host alone, for every path of it, and sends it over TLS alone
    /// (RFC 6265bis, section 4.1.3.2); `None` if its value is none of a header. `Lax`, and not `Strict`: who comes from another site by a link or a redirect is signed in.
    #[must_use]
    pub fn header(&self, is_secure: bool) -> Option<HeaderValue> {
        let mut cookie = Cookie::build((full_name(self.name, is_secure), self.value.as_str()))
            .path("/")
            .http_only(true)
            .same_site(SameSite::Lax)
            .secure(is_secure);
        if let Some(seconds) = self.max_age_s {
            cookie = cookie.max_age(Duration::seconds(seconds));
        }
        HeaderValue::from_str(&cookie.build().to_string()).ok()
    }
}

/// The value of a cookie that a browser sent. One that is there twice is as none: somebody else may have set one of them.
#[must_use]
pub fn cookie_value(headers: &HeaderMap, name: &str, is_secure: bool) -> Option<String> {
    let name = full_name(name, is_secure);
    let mut found = None;
    for line in headers.get_all(header::COOKIE) {
        let Ok(line) = line.to_str() else { continue };
        for cookie in Cookie::split_parse(line).flatten() {
            if cookie.name() != name {
                continue;
            }
            if found.is_some() {
                return None;
            }
            found = Some(cookie.value().to_owned());
        }
    }
    found
}

/// Not every browser takes `Secure` over plain HTTP from an address of loopback, and none without it takes the prefix.
fn full_name(name: &str, is_secure: bool) -> String {
    if is_secure {
        format!("__Host-{name}")
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sent(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::COOKIE, HeaderValue::from_str(line).unwrap());
        }
        headers
    }

    #[test]
    fn behind_tls_a_cookie_is_of_this_host_alone() {
        let set = SetCookie::of_browser("a", "x1");
        assert_eq!(
            set.header(true).unwrap(),
            "__Host-a=x1; HttpOnly; SameSite=Lax; Secure; Path=/"
        );
        assert_eq!(
            set.header(false).unwrap(),
            "a=x1; HttpOnly; SameSite=Lax; Path=/"
        );
        assert_eq!(
            SetCookie::lasting("a", "x1", 60).header(false).unwrap(),
            "a=x1; HttpOnly; SameSite=Lax; Path=/; Max-Age=60"
        );
        assert_eq!(
            SetCookie::removed("a").header(false).unwrap(),
            "a=; HttpOnly; SameSite=Lax; Path=/; Max-Age=0"
        );
        // Nothing gets into the head that is more than a value.
        let split = SetCookie::of_browser("a", "x\r\nSet-Cookie: b=1");
        assert_eq!(split.header(false), None);
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name_and_once() {
        let headers = sent(&["b=2; a=1;c=3", "d=4"]);
        assert_eq!(cookie_value(&headers, "a", false).as_deref(), Some("1"));
        assert_eq!(cookie_value(&headers, "d", false).as_deref(), Some("4"));
        assert_eq!(cookie_value(&headers, "a", true), None);
        let headers = sent(&["__Host-a=1; a=2"]);
        assert_eq!(cookie_value(&headers, "a", true).as_deref(), Some("1"));
        assert_eq!(cookie_value(&sent(&["a=1; a=2"]), "a", false), None);
        assert_eq!(cookie_value(&sent(&["a=1", "a=1"]), "a", false), None);
    }

    /// Whether the value is the one between `=` and `;`, without space around it (RFC 6265, section 4.2.1), and none if there are two.
    fn is_by_the_plain_rule(bytes: &[u8]) -> bool {
        let mut headers = HeaderMap::new();
        let Ok(value) = HeaderValue::from_bytes(bytes) else {
            return true;
        };
        let line = value.to_str().unwrap_or_default().to_owned();
        headers.append(header::COOKIE, value);
        let parts = line.split(';').filter_map(|part| part.split_once('='));
        let mut values = parts.filter(|(name, _)| name.trim() == "a");
        let only = values.next().filter(|_| values.next().is_none());
        let expected = only.map(|(_, value)| value.trim());
        cookie_value(&headers, "a", false).as_deref() == expected
    }

    proptest! {
        #[test]
        fn whatever_is_sent_is_read_as_the_plain_rule_has_it(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(is_by_the_plain_rule(&bytes));
        }

        #[test]
        fn what_is_nearly_a_cookie_is_read_as_the_plain_rule_has_it(text in "[a=; \"\tb]{0,40}") {
            prop_assert!(is_by_the_plain_rule(text.as_bytes()));
        }
    }
}
