//! Lists, a page at a time: by the number of the last item, so that rows that come in between move nothing.

use crate::problem::{Problem, ProblemCode};
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Items of a page if nothing is asked for.
pub const PAGE_DEFAULT: u32 = 100;
/// Most items of a page.
pub const PAGE_MAX: u32 = 1000;

/// Which page is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Items with numbers above this one; all if it is left out. It is the `next` of the page before.
    #[param(minimum = -1)]
    pub after: Option<i64>,
    /// At most so many.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<u32>,
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Page<T> {
    /// The items, by number.
    pub items: Vec<T>,
    /// What to give as `after` for what follows, now or later.
    pub next: i64,
    /// Whether more is there now.
    pub more: bool,
}

impl PageQuery {
    /// The same, if it asks for what there can be.
    ///
    /// # Errors
    /// A problem that says which number is out of range.
    pub fn checked(self) -> Result<PageQuery, Problem> {
        let limit = self.limit.unwrap_or(PAGE_DEFAULT);
        if !(1..=PAGE_MAX).contains(&limit) {
            let detail = format!("limit is {limit}, expected 1 to {PAGE_MAX}");
            return Err(Problem::new(ProblemCode::BadRequest, detail));
        }
        if self.after.is_some_and(|after| after < -1) {
            let detail = "after is negative, expected the `next` of the page before".to_owned();
            return Err(Problem::new(ProblemCode::BadRequest, detail));
        }
        Ok(self)
    }

    /// The number after which items are asked for.
    #[must_use]
    pub fn after(&self) -> i64 {
        self.after.unwrap_or(-1)
    }

    /// How many rows to ask the database for: one more than the page has, which tells whether there are more.
    #[must_use]
    pub fn rows(&self) -> i64 {
        i64::from(self.limit.unwrap_or(PAGE_DEFAULT)) + 1
    }

    /// The page, from the rows that were asked for.
    #[must_use]
    pub fn page<T>(&self, mut items: Vec<T>, number: impl Fn(&T) -> i64) -> Page<T> {
        let most = usize::try_from(self.rows() - 1).unwrap_or(usize::MAX);
        let more = items.len() > most;
        items.truncate(most);
        Page {
            next: items.last().map_or_else(|| self.after(), number),
            items,
            more,
        }
    }
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

    #[test]
    fn a_page_says_where_the_next_begins_and_whether_there_is_one_now() {
        let query = PageQuery {
            after: Some(7),
            limit: Some(2),
        };
        assert_eq!((query.after(), query.rows()), (7, 3));
        let page = query.page(vec![8, 9, 11], |number| *number);
        assert_eq!((page.items, page.next, page.more), (vec![8, 9], 9, true));
        let page = query.page(vec![8, 9], |number| *number);
        assert_eq!((page.next, page.more), (9, false));
        // Nothing new: one goes on from where one was.
        let page = query.page(Vec::<i64>::new(), |number| *number);
        assert_eq!((page.next, page.more), (7, false));
    }
}
