//! Lists, a page at a time: each says where the next begins, as a text that means something to its list alone, so that rows that come in
//! between move nothing, and all lists are walked the same way.

use crate::problem::{Problem, ProblemCode};
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Items of a page if nothing is asked for.
pub const PAGE_DEFAULT: u32 = 100;
/// Most items of a page.
pub const PAGE_MAX: u32 = 1000;
/// Longest `after`, in bytes: names of runs are the longest that there are.
const AFTER_BYTES_MAX: usize = 1024;

/// Which page is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// The `next` of the page before: what follows it. From the beginning if it is left out or empty.
    #[param(pattern = r"^[^\x00]*$", max_length = 1024)]
    pub after: Option<String>,
    /// At most so many; 100 if it is left out.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<u32>,
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Page<T> {
    /// The items, in the order of the list.
    pub items: Vec<T>,
    /// What to give as `after` for what follows, now or later.
    pub next: String,
    /// Whether more is there now.
    pub more: bool,
}

impl PageQuery {
    /// The same, if it asks for what there can be.
    ///
    /// # Errors
    /// A problem that says what is out of range.
    pub fn checked(self) -> Result<PageQuery, Problem> {
        let limit = self.limit.unwrap_or(PAGE_DEFAULT);
        if !(1..=PAGE_MAX).contains(&limit) {
            let detail = format!("limit is {limit}, expected 1 to {PAGE_MAX}");
            return Err(Problem::new(ProblemCode::BadRequest, detail));
        }
        // No text of PostgreSQL has a NUL.
        if self.after().contains('\0') || self.after().len() > AFTER_BYTES_MAX {
            return Err(no_next());
        }
        Ok(self)
    }

    /// After which item a list by texts goes on; the empty text is before all.
    #[must_use]
    pub fn after(&self) -> &str {
        self.after.as_deref().unwrap_or_default()
    }

    /// After which number a list by numbers goes on; -1 is before all.
    ///
    /// # Errors
    /// A problem if it is no number of such a list.
    pub fn after_number(&self) -> Result<i64, Problem> {
        let after = self.after();
        if after.is_empty() {
            return Ok(-1);
        }
        let is_plain = after.bytes().all(|byte| byte.is_ascii_digit());
        let number = after.parse().ok().filter(|_| is_plain);
        number.ok_or_else(no_next)
    }

    /// How many rows to ask the database for: one more than the page has, which tells whether there are more.
    #[must_use]
    pub fn rows(&self) -> i64 {
        i64::from(self.limit.unwrap_or(PAGE_DEFAULT)) + 1
    }

    /// The page, from the rows that were asked for; `place` says of an item what the list goes on after.
    #[must_use]
    pub fn page<T>(&self, mut items: Vec<T>, place: impl Fn(&T) -> String) -> Page<T> {
        let most = usize::try_from(self.rows() - 1).unwrap_or(usize::MAX);
        let more = items.len() > most;
        items.truncate(most);
        Page {
            next: items.last().map_or_else(|| self.after().to_owned(), place),
            items,
            more,
        }
    }
}

fn no_next() -> Problem {
    let detail = "after is not the `next` of a page of this list";
    Problem::new(ProblemCode::BadRequest, detail)
}

impl<S: Send + Sync> FromRequestParts<S> for PageQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<PageQuery, Problem> {
        let query = Query::<PageQuery>::from_request_parts(parts, state).await;
        let Query(query) =
            query.map_err(|error| Problem::new(ProblemCode::BadRequest, error.body_text()))?;
        query.checked()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(after: &str, limit: u32) -> PageQuery {
        PageQuery {
            after: Some(after.to_owned()),
            limit: Some(limit),
        }
    }

    #[test]
    fn a_page_says_where_the_next_begins_and_whether_there_is_one_now() {
        let query = query("7", 2);
        assert_eq!((query.after_number(), query.rows()), (Ok(7), 3));
        let page = query.page(vec![8, 9, 11], ToString::to_string);
        assert_eq!(
            (page.items, page.next.as_str(), page.more),
            (vec![8, 9], "9", true)
        );
        let page = query.page(vec![8, 9], ToString::to_string);
        assert_eq!((page.next.as_str(), page.more), ("9", false));
        // Nothing new: one goes on from where one was.
        let page = query.page(Vec::<i64>::new(), ToString::to_string);
        assert_eq!((page.next.as_str(), page.more), ("7", false));
        let page = PageQuery::default().page(Vec::<i64>::new(), ToString::to_string);
        assert_eq!((page.next.as_str(), page.more), ("", false));
    }

    #[test]
    fn the_beginning_is_before_all_and_what_is_no_place_is_refused() {
        for beginning in [PageQuery::default(), query("", 1)] {
            assert_eq!((beginning.after(), beginning.after_number()), ("", Ok(-1)));
            assert!(beginning.checked().is_ok());
        }
        assert_eq!(query("9223372036854775807", 1).after_number(), Ok(i64::MAX));
        for wrong in ["-1", "+1", "9223372036854775808", "x", " 1", "1.0", "١"] {
            assert_eq!(query(wrong, 1).after_number(), Err(no_next()), "{wrong}");
        }
        for (after, limit) in [("\0", 1), ("a\0", 1), (&*"x".repeat(1025), 1)] {
            assert_eq!(query(after, limit).checked(), Err(no_next()));
        }
        assert!(query(&"x".repeat(1024), 1000).checked().is_ok());
        for limit in [0, 1001, u32::MAX] {
            assert!(query("", limit).checked().is_err(), "{limit}");
        }
    }
}
