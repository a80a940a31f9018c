//! Rows of which each is right, and which cannot be together what they were taken for.

use super::early::in_early_1970;
use super::keeps_order;
use super::survey::Survey;
use crate::import::layout::{Dialect, Layout};
use crate::import::options::ImportOptions;
use crate::import::reader::{FileOrder, Reader};

/// What is wrong with rows that are read, all of them together, and what was expected.
pub(super) fn wrong_rows(
    layout: &Layout,
    options: &ImportOptions,
    survey: &Survey,
    reader: &Reader<'_>,
) -> Option<(String, String)> {
    let others = survey.others();
    let with = |expected: &'static str| move |found| (found, expected.to_owned());
    others
        .map(|(found, expected)| (found.to_owned(), expected.to_owned()))
        .or_else(|| in_early_1970(layout, options, survey, reader.times.all_dates))
        .or_else(|| {
            wrong_order(layout, reader.times.order())
                .map(with("rows in the order in which they arrived"))
        })
        .or_else(|| {
            let found = reader.changes_alone(survey.rows);
            found.map(with("quotes with both sides as they are"))
        })
}

/// What is wrong with the order of rows that go on from those above them.
fn wrong_order(layout: &Layout, order: FileOrder) -> Option<String> {
    let goes_on = layout.dialect == Dialect::Metatrader;
    let is_newest_first = order.is_newest_first();
    match order {
        _ if is_newest_first && keeps_order(layout) => Some("a book, newest first".to_owned()),
        _ if is_newest_first && goes_on => Some("ticks of MetaTrader 5, newest first".to_owned()),
        FileOrder::Other(back) if goes_on => Some(format!(
            "ticks of MetaTrader 5, of which {back} are earlier than the one above them"
        )),
        _ => None,
    }
}
