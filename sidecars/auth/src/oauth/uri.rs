//! Where applications may be answered. A redirect URI is compared letter by letter (RFC 9700, section 2.1); the one exception is the
//! port of a native application on the person's own machine (RFC 8252, section 7.3).

/// Longest URI, in bytes.
pub const URI_BYTES_MAX: usize = 512;

/// What stands in a URI beside letters and digits (RFC 3986, section 2), but for `#`.
const URI_MARKS: &[u8] = b"-._~:/?[]@!$&'()*+,;=%";
/// Addresses of the person's own machine whose port may be another each time.
const LOOPBACK: [&str; 2] = ["127.0.0.1", "[::1]"];

/// Why a text is no redirect URI that may be registered; `None` if it is one.
///
/// It is absolute, without fragment and without a user; it is `https`, or `http` on the person's own machine, or of a private scheme with a
/// dot in it (RFC 8252, section 7.1).
#[must_use]
pub fn redirect_fault(uri: &str) -> Option<&'static str> {
    let Some((scheme, rest)) = split(uri) else {
        return Some("it is no absolute URI without fragment, of at most 512 characters of ASCII");
    };
    let Some(after) = rest.strip_prefix("//") else {
        let is_private = scheme.contains('.') && !rest.is_empty();
        return (!is_private)
            .then_some("a private scheme has a dot in it, such as com.example.app:/callback");
    };
    let authority = authority(after);
    if authority.contains('@') || authority.is_empty() {
        return Some("it has a user, or no host");
    }
    let host = host(authority);
    match scheme {
        "https" => None,
        "http" if host == "localhost" || LOOPBACK.contains(&host) => None,
        "http" => Some("http is for 127.0.0.1, [::1] and localhost alone; elsewhere it is https"),
        scheme if scheme.contains('.') => None,
        _ => Some("its scheme is neither https nor a private one with a dot in it"),
    }
}

/// Whether a text can be a resource: an absolute URI without fragment (RFC 8707, section 2).
#[must_use]
pub fn is_resource(uri: &str) -> bool {
    split(uri).is_some_and(|(_, rest)| !rest.is_empty())
}

/// Whether a URI that was sent is the registered one. For a native application the port of a loopback address does not count.
#[must_use]
pub fn is_same(registered: &str, sent: &str, is_native: bool) -> bool {
    if registered == sent {
        return true;
    }
    match (without_port(registered), without_port(sent)) {
        (Some(registered), Some(sent)) => is_native && registered == sent,
        _ => false,
    }
}

/// Host and what follows the port of a `http` URI of a loopback address.
fn without_port(uri: &str) -> Option<(&str, &str)> {
    let after = uri.strip_prefix("http://")?;
    let authority = authority(after);
    let host = host(authority);
    let port = authority.strip_prefix(host)?;
    let is_port = match port.strip_prefix(':') {
        Some(digits) => {
            digits.bytes().all(|byte| byte.is_ascii_digit())
                && digits.parse::<u16>().is_ok_and(|port| port > 0)
        }
        None => port.is_empty(),
    };
    let rest = after.strip_prefix(authority)?;
    (is_port && LOOPBACK.contains(&host)).then_some((host, rest))
}

fn split(uri: &str) -> Option<(&str, &str)> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || URI_MARKS.contains(&byte);
    if uri.len() > URI_BYTES_MAX || !uri.bytes().all(is_plain) {
        return None;
    }
    let (scheme, rest) = uri.split_once(':')?;
    let is_word =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+.-".contains(&byte);
    let is_scheme = scheme.starts_with(|letter: char| letter.is_ascii_lowercase())
        && scheme.bytes().all(is_word);
    is_scheme.then_some((scheme, rest))
}

fn authority(after: &str) -> &str {
    let end = after.find(['/', '?']).unwrap_or(after.len());
    after.get(..end).unwrap_or(after)
}

/// The host of an authority; that of an IPv6 address has its brackets.
fn host(authority: &str) -> &str {
    if authority.starts_with('[') {
        let end = authority.find(']').map_or(authority.len(), |end| end + 1);
        return authority.get(..end).unwrap_or(authority);
    }
    authority.split(':').next().unwrap_or(authority)
}

/// A URI with more in its query.
#[must_use]
pub fn with_query(uri: &str, query: &str) -> String {
    let mark = if uri.contains('?') { '&' } else { '?' };
    format!("{uri}{mark}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_registered() {
        for uri in [
            "https://app.example/callback",
            "https://app.example:8443/callback?tenant=1",
            "https://app.example",
            "http://127.0.0.1/callback",
            "http://127.0.0.1:8000/callback",
            "http://[::1]:8000/callback",
            "http://localhost:3000/callback",
            "com.example.app:/callback",
            "com.example.app://callback",
        ] {
            assert_eq!(redirect_fault(uri), None, "{uri}");
        }
        let long = format!("https://app.example/{}", "a".repeat(500));
        for uri in [
            "",
            "/callback",
            "https://app.example/callback#x",
            "https://user@app.example/",
            "https:///callback",
            "http://app.example/callback",
            "http://127.0.0.1.evil.example/callback",
            "http://localhost.evil.example/callback",
            "http://127.0.0.1@evil.example/",
            "javascript:alert(1)",
            "data:text/html,x",
            "HTTPS://app.example/",
            "https://app.example/a b",
            "https://app.example\\@evil.example/",
            "https://app.example/\r\nSet-Cookie:x",
            "myapp://callback",
            "myapp:/callback",
            "https://\u{e4}.example/",
            long.as_str(),
        ] {
            assert!(redirect_fault(uri).is_some(), "{uri}");
        }
    }

    #[test]
    fn only_the_port_of_a_native_application_may_differ() {
        let native = |registered: &str, sent: &str| is_same(registered, sent, true);
        assert!(native("http://127.0.0.1/cb", "http://127.0.0.1:54321/cb"));
        assert!(native(
            "http://127.0.0.1:1/cb?a=b",
            "http://127.0.0.1:2/cb?a=b"
        ));
        assert!(native("http://[::1]/cb", "http://[::1]:54321/cb"));
        assert!(!is_same(
            "http://127.0.0.1/cb",
            "http://127.0.0.1:54321/cb",
            false
        ));
        for (registered, sent) in [
            ("http://127.0.0.1/cb", "http://127.0.0.1:54321/cb/x"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:54321/cb?x"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:0/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:99999/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:+80/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:80@evil.example/cb"),
            ("http://127.0.0.1/cb", "http://[::1]:80/cb"),
            ("http://127.0.0.1/cb", "http://localhost:80/cb"),
            ("http://localhost/cb", "http://localhost:80/cb"),
            ("https://app.example/cb", "https://app.example:443/cb"),
            ("https://app.example/cb", "https://app.example/cb/"),
            ("https://app.example/cb", "https://app.example/cb?x=y"),
            ("https://app.example/cb", "https://app.example/CB"),
            ("https://app.example/cb", "https://app.example/%63b"),
            ("https://app.example/cb", "https://app.example/x/../cb"),
            (
                "https://app.example/cb",
                "https://app.example.evil.example/cb",
            ),
        ] {
            assert!(!native(registered, sent), "{registered} {sent}");
        }
    }

    #[test]
    fn a_query_is_added_to_what_is_there() {
        assert_eq!(with_query("https://a.b/c", "d=e"), "https://a.b/c?d=e");
        assert_eq!(
            with_query("https://a.b/c?x=y", "d=e"),
            "https://a.b/c?x=y&d=e"
        );
    }
}
