//! Forms: `name=value` with `&` between them, in a body or in a query (WHATWG URL, application/x-www-form-urlencoded; RFC 6749,
//! appendix B). What can be read in two ways is refused.

use super::error::OAuthError;

/// Most pairs that a form may have.
pub const FORM_PAIRS_MAX: usize = 64;
/// The one parameter that may come more than once (RFC 8707, section 2).
const RESOURCE: &str = "resource";

/// What was sent, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    pairs: Vec<(String, String)>,
}

impl Form {
    /// Reads a form.
    ///
    /// # Errors
    /// [`OAuthCode::InvalidRequest`](super::error::OAuthCode::InvalidRequest) for what is not percent-encoded UTF-8, has a NUL, has more
    /// than [`FORM_PAIRS_MAX`] pairs, or has a name twice (RFC 6749, section 3.1), but for `resource`.
    pub fn parse(bytes: &[u8]) -> Result<Form, OAuthError> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for part in bytes.split(|byte| *byte == b'&') {
            if part.is_empty() {
                continue;
            }
            if pairs.len() == FORM_PAIRS_MAX {
                let words = format!("there are more than {FORM_PAIRS_MAX} parameters");
                return Err(OAuthError::request(words));
            }
            let mut halves = part.splitn(2, |byte| *byte == b'=');
            let name = decode(halves.next().unwrap_or_default())?;
            let value = decode(halves.next().unwrap_or_default())?;
            if name != RESOURCE && pairs.iter().any(|(other, _)| *other == name) {
                return Err(OAuthError::request(format!("`{name}` is there twice")));
            }
            pairs.push((name, value));
        }
        Ok(Form { pairs })
    }

    /// The value of this name; one that is empty counts as left out (RFC 6749, section 3.1).
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut found = self
            .pairs()
            .filter(|(key, value)| *key == name && !value.is_empty());
        found.next().map(|(_, value)| value)
    }

    /// The value of this name, which has to be there.
    ///
    /// # Errors
    /// [`OAuthCode::InvalidRequest`](super::error::OAuthCode::InvalidRequest).
    pub fn need(&self, name: &str) -> Result<&str, OAuthError> {
        let found = self.get(name);
        found.ok_or_else(|| OAuthError::request(format!("`{name}` is missing")))
    }

    /// All values of this name that are not empty.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let found = move |(key, value): &'a (String, String)| {
            (key == name && !value.is_empty()).then_some(value.as_str())
        };
        self.pairs.iter().filter_map(found)
    }

    /// The same without the parameters of these names.
    #[must_use]
    pub fn without(&self, names: &[&str]) -> Form {
        let kept = |(name, _): &&(String, String)| !names.contains(&name.as_str());
        Form {
            pairs: self.pairs.iter().filter(kept).cloned().collect(),
        }
    }

    /// The same with one more.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Form {
        self.pairs.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Its pairs, in order.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let both = self.pairs.iter();
        both.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The text of it.
    #[must_use]
    pub fn encoded(&self) -> String {
        encode(self.pairs())
    }
}

/// A form of these pairs.
#[must_use]
pub fn encode<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        if !text.is_empty() {
            text.push('&');
        }
        push_encoded(&mut text, name);
        text.push('=');
        push_encoded(&mut text, value);
    }
    text
}

fn push_encoded(text: &mut String, value: &str) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push('%');
            for digit in [byte >> 4, byte & 15] {
                let digit = char::from_digit(u32::from(digit), 16).unwrap_or('0');
                text.push(digit.to_ascii_uppercase());
            }
        }
    }
}

/// A name or value: plus is a space, and `%41` a byte.
///
/// # Errors
/// [`OAuthCode::InvalidRequest`](super::error::OAuthCode::InvalidRequest).
pub fn decode(part: &[u8]) -> Result<String, OAuthError> {
    let wrong = || OAuthError::request("a parameter is not percent-encoded UTF-8 without NUL");
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.iter();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let mut digit = || {
                    let digit = rest.next().copied().map(char::from);
                    digit.and_then(|digit| digit.to_digit(16)).ok_or_else(wrong)
                };
                let value = digit()? * 16 + digit()?;
                bytes.push(u8::try_from(value).map_err(|_| wrong())?);
            }
            byte => bytes.push(*byte),
        }
    }
    if bytes.contains(&0) {
        return Err(wrong());
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<Form, OAuthError> {
        Form::parse(text.as_bytes())
    }

    #[test]
    fn a_form_is_read_in_one_way() {
        let form = parse("a=1&b=x+y%2Bz&&c&d=&%C3%BC=%26").unwrap();
        let expected = [("a", "1"), ("b", "x y+z"), ("c", ""), ("d", ""), ("ü", "&")];
        assert!(form.pairs().eq(expected));
        assert_eq!(
            (form.get("c"), form.get("d"), form.get("e")),
            (None, None, None)
        );
        assert_eq!(form.need("b").unwrap(), "x y+z");
        assert_eq!(form.need("d").unwrap_err().description, "`d` is missing");
        for wrong in [
            "a=1&a=1", "a=&a=1", "a=%", "a=%4", "a=%zz", "a=%00", "a=%ff", "a&%61",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        let many = vec!["resource=x"; FORM_PAIRS_MAX].join("&");
        assert_eq!(
            parse(&many).unwrap().all("resource").count(),
            FORM_PAIRS_MAX
        );
        assert!(parse(&format!("{many}&resource=x")).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_form_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(form) = Form::parse(&bytes) {
                prop_assert_eq!(Form::parse(form.encoded().as_bytes()).unwrap(), form);
            }
        }

        #[test]
        fn what_is_written_is_read(pairs in prop::collection::btree_map("[^\0]{1,8}", "[^\0]{0,20}", 0..10)) {
            let text = encode(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())));
            let form = parse(&text).unwrap();
            let read: Vec<(&str, &str)> = form.pairs().collect();
            let expected: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            prop_assert_eq!(read, expected);
        }
    }
}
