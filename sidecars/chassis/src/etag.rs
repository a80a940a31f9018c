//! Conditional requests (RFC 9110, section 13): a thing is changed only as the caller knows it, and not sent to who has it.
//!
//! The entity tag of a thing is its id and its version: `"note_7.v12"`. It is strong: the same version is the same in every byte, and what
//! one path is for two who ask (`/me`) are two things with two tags (RFC 9110, section 8.8.1).

use crate::problem::{Problem, ProblemCode};
use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::fmt::Write as _;

/// The entity tag of a thing, by its id, of a version, for the header `ETag`. Bytes of the id other than letters and digits of ASCII, `-` and
/// `_` are there as a dot and two hexadecimal digits.
#[must_use]
pub fn etag(id: &str, version: i64) -> HeaderValue {
    let mut text = String::from("\"");
    for byte in id.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => text.push(char::from(byte)),
            byte => write!(text, ".{byte:02x}").expect("a text takes all"),
        }
    }
    write!(text, ".v{version}\"").expect("a text takes all");
    HeaderValue::try_from(text).expect("visible characters of ASCII")
}

/// That an operation looks at `If-Match`.
#[derive(Clone, Copy)]
struct IsLookedAt;

/// Refuses what is to be done only as it was read to a command that does not look at that: it would be done anyway (RFC 9110, section
/// 13.1.1).
///
/// # Errors
/// [`ProblemCode::BadRequest`].
pub(crate) fn refuse_unseen(request: &Request) -> Result<(), Problem> {
    let is_seen = request.extensions().get::<IsLookedAt>().is_some();
    if is_seen || !request.headers().contains_key(header::IF_MATCH) {
        return Ok(());
    }
    let detail = "this operation does not look at If-Match: send it without";
    Err(Problem::new(ProblemCode::BadRequest, detail))
}

/// The header `If-Match` (RFC 9110, section 13.1.1), if it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IfMatch(Option<Tags>);

/// The header `If-None-Match` (RFC 9110, section 13.1.2), if it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IfNoneMatch(Option<Tags>);

/// What stands in such a header.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Tags {
    /// `*`: whatever there is.
    Any,
    List(Vec<Tag>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Tag {
    is_weak: bool,
    /// With its quotes.
    opaque: Vec<u8>,
}

impl IfMatch {
    /// Whether the thing may be changed: it is of a version that the caller names, or no version is named. `None` if there is no thing.
    ///
    /// # Errors
    /// [`ProblemCode::PreconditionFailed`].
    pub fn check(&self, current: Option<(&str, i64)>) -> Result<(), Problem> {
        let Some(tags) = &self.0 else {
            return Ok(());
        };
        if tags.has(current, |tag, current| {
            !tag.is_weak && tag.opaque == current
        }) {
            return Ok(());
        }
        let detail = match current {
            Some((id, version)) => {
                let tag = etag(id, version);
                format!("it is {} now", tag.to_str().unwrap_or_default())
            }
            None => "it is not there".to_owned(),
        };
        Err(Problem::new(ProblemCode::PreconditionFailed, detail))
    }
}

impl IfNoneMatch {
    /// The answer 304, if the caller who reads has this version.
    #[must_use]
    pub fn not_modified(&self, id: &str, version: i64) -> Option<Response> {
        self.names(Some((id, version))).then(|| {
            let tag = [(header::ETAG, etag(id, version))];
            (StatusCode::NOT_MODIFIED, tag).into_response()
        })
    }

    fn names(&self, current: Option<(&str, i64)>) -> bool {
        let tags = self.0.as_ref();
        tags.is_some_and(|tags| tags.has(current, |tag, current| tag.opaque == current))
    }
}

impl Tags {
    /// Whether one of them is the current tag, by this comparison.
    fn has(&self, current: Option<(&str, i64)>, is_same: impl Fn(&Tag, &[u8]) -> bool) -> bool {
        let Some((id, version)) = current else {
            return false;
        };
        match self {
            Tags::Any => true,
            Tags::List(tags) => {
                let current = etag(id, version);
                tags.iter().any(|tag| is_same(tag, current.as_bytes()))
            }
        }
    }

    /// What all headers of a name say; several are one list (RFC 9110, section 5.3).
    fn read(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Tags>, Problem> {
        let all: Vec<&[u8]> = headers
            .get_all(name)
            .iter()
            .map(HeaderValue::as_bytes)
            .collect();
        if all.is_empty() {
            return Ok(None);
        }
        let text = all.join(&b","[..]);
        if trimmed(&text) == b"*" {
            return Ok(Some(Tags::Any));
        }
        let tags = list(&text).filter(|tags| !tags.is_empty());
        let tags = tags.ok_or_else(|| {
            let detail = format!("{name} is no list of entity tags such as \"ID.v1\", and not *");
            Problem::new(ProblemCode::BadRequest, detail)
        })?;
        Ok(Some(Tags::List(tags)))
    }
}

/// `#entity-tag`: tags with commas between, of which some may be empty (RFC 9110, sections 5.6.1 and 8.8.3).
fn list(mut rest: &[u8]) -> Option<Vec<Tag>> {
    let mut tags = Vec::new();
    loop {
        rest = trimmed(rest);
        if let Some(after) = rest.strip_prefix(b",") {
            rest = after;
            continue;
        }
        if rest.is_empty() {
            return Some(tags);
        }
        let (tag, after) = tag(rest)?;
        tags.push(tag);
        rest = trimmed(after);
        if !rest.is_empty() {
            rest = rest.strip_prefix(b",")?;
        }
    }
}

/// `entity-tag`: quotes around what has no quotes, controls or spaces in it, and perhaps `W/` before them.
fn tag(text: &[u8]) -> Option<(Tag, &[u8])> {
    let (is_weak, text) = match text.strip_prefix(b"W/") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let inner = text.strip_prefix(b"\"")?;
    let end = inner.iter().position(|byte| *byte == b'"')?;
    let (inner, _) = inner.split_at_checked(end)?;
    if inner.iter().any(|byte| matches!(byte, 0..=0x20 | 0x7f)) {
        return None;
    }
    let (opaque, rest) = text.split_at_checked(end + 2)?;
    let opaque = opaque.to_vec();
    Some((Tag { is_weak, opaque }, rest))
}

/// Without spaces and tabs around it.
fn trimmed(text: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let from = text.iter().position(|byte| !is_space(byte));
    let to = text.iter().rposition(|byte| !is_space(byte));
    match (from, to) {
        (Some(from), Some(to)) => text.get(from..=to).unwrap_or_default(),
        _ => &[],
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<IfMatch, Problem> {
        parts.extensions.insert(IsLookedAt);
        Tags::read(&parts.headers, &header::IF_MATCH).map(IfMatch)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<IfNoneMatch, Problem> {
        Tags::read(&parts.headers, &header::IF_NONE_MATCH).map(IfNoneMatch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&[u8]]) -> Result<Option<Tags>, Problem> {
        let mut headers = HeaderMap::new();
        for value in values {
            let value = HeaderValue::from_bytes(value).unwrap();
            headers.append(header::IF_MATCH, value);
        }
        Tags::read(&headers, &header::IF_MATCH)
    }

    fn if_match(value: &str) -> IfMatch {
        IfMatch(read(&[value.as_bytes()]).unwrap())
    }

    fn if_none_match(value: &str) -> IfNoneMatch {
        IfNoneMatch(read(&[value.as_bytes()]).unwrap())
    }

    /// RFC 9110, section 8.8.3.2: two tags, whether they are the same by strong and by weak comparison.
    #[test]
    fn tags_are_compared_as_the_table_of_the_rfc_says() {
        let table = [
            ("W/\"1\"", "W/\"1\"", false, true),
            ("W/\"1\"", "W/\"2\"", false, false),
            ("W/\"1\"", "\"1\"", false, true),
            ("\"1\"", "\"1\"", true, true),
        ];
        for (one, other, is_strong, is_weak) in table {
            // Ours are strong and begin with an id, so a weak one stands on the caller's side.
            let (given, current) = if other.starts_with("W/") && !one.starts_with("W/") {
                (other, one)
            } else {
                (one, other)
            };
            let given = given.replace("\"1", "\"a.v1").replace("\"2", "\"a.v2");
            let version = if current.contains('2') { 2 } else { 1 };
            let strongly = if_match(&given).check(Some(("a", version))).is_ok();
            let weakly = if_none_match(&given).not_modified("a", version).is_some();
            assert_eq!((strongly, weakly), (is_strong, is_weak), "{one} {other}");
        }
    }

    #[test]
    fn a_list_is_what_the_rfc_allows() {
        for list in [
            &[&b"\"a.v7\""[..]][..],
            &[b"\"x\", \"a.v7\""],
            &[b"\"x\",\"a.v7\",W/\"y\""],
            &[b" ,, \"a,b\" ,\t\"a.v7\" , "],
            &[b"\"x\"", b"\"a.v7\""],
            &[b"\"\", \"\xff\", \"a.v7\""],
        ] {
            let tags = IfMatch(read(list).unwrap());
            assert_eq!(tags.check(Some(("a", 7))), Ok(()), "{list:?}");
            let refused = tags.check(Some(("a", 70))).unwrap_err();
            assert_eq!(refused.code, ProblemCode::PreconditionFailed);
        }
        for list in [
            &b"v7"[..],
            b"",
            b" ",
            b",",
            b"\"v7",
            b"\"a.v7\" \"a.v8\"",
            b"\"v 7\"",
            b"w/\"a.v7\"",
            b"W/ \"a.v7\"",
            b"*, \"a.v7\"",
            b"\"a.v7\", *",
            b"\"a.v7\"x",
        ] {
            let refused = read(&[list]).unwrap_err();
            assert_eq!(refused.code, ProblemCode::BadRequest, "{list:?}");
        }
    }

    #[test]
    fn a_tag_is_of_one_thing() {
        assert_eq!(etag("usr_1-b", 12), "\"usr_1-b.v12\"");
        assert_eq!(etag("a.v1\"\u{e4}", 2), "\"a.2ev1.22.c3.a4.v2\"");
        assert!(if_match("\"a.v7\"").check(Some(("b", 7))).is_err());
        assert!(if_none_match("\"a.v7\"").not_modified("b", 7).is_none());
    }

    #[test]
    fn a_star_is_whatever_there_is() {
        assert_eq!(if_match("*").check(Some(("a", 1))), Ok(()));
        assert_eq!(if_match(" * ").check(Some(("a", 1))), Ok(()));
        let refused = if_match("*").check(None).unwrap_err();
        assert_eq!(
            (refused.status, refused.code),
            (412, ProblemCode::PreconditionFailed)
        );
        assert!(if_none_match("*").not_modified("a", 9).is_some());
    }

    #[test]
    fn without_the_header_anything_goes() {
        let none = IfMatch(read(&[]).unwrap());
        assert_eq!(none.check(Some(("a", 1))), Ok(()));
        assert_eq!(none.check(None), Ok(()));
        let none = IfNoneMatch(read(&[]).unwrap());
        assert!(none.not_modified("a", 1).is_none());
    }

    #[test]
    fn what_was_not_modified_is_told_with_its_tag() {
        let answer = if_none_match("W/\"a.v12\"").not_modified("a", 12).unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(answer.headers()[header::ETAG], "\"a.v12\"");
        assert!(if_none_match("\"a.v1\"").not_modified("a", 12).is_none());
    }
}
