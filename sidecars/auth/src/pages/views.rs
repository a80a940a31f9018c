//! Parts that several pages are made of.

use maud::{Markup, html};
use serde::Deserialize;
use tickloom_chassis::console::LocalPath;
use tickloom_types::Ts;

/// Rows of a page of a list.
pub(super) const ROWS: usize = 50;
/// Rows that are asked for: one more, which tells whether there are more.
pub(super) const ROWS_ASKED: i64 = 51;

/// Which part of a list is asked for.
#[derive(Debug, Default, Deserialize)]
pub(super) struct After {
    after: Option<String>,
    search: Option<String>,
}

impl After {
    /// The id of the last row of the page before; empty for the first page.
    pub(super) fn after(&self) -> &str {
        self.after.as_deref().unwrap_or("")
    }

    /// What is searched for, if something is.
    pub(super) fn search(&self) -> Option<&str> {
        let text = self.search.as_deref()?.trim();
        (!text.is_empty()).then_some(text)
    }
}

/// The title of a page of an account: it names the account if it is not one's own.
pub(super) fn title(what: &str, account: &str) -> String {
    if account == "me" {
        return what.to_owned();
    }
    format!("{what} of {account}")
}

/// A time, to the minute.
pub(super) fn time(nanos: i64) -> Markup {
    let minute = Ts(nanos - nanos.rem_euclid(60_000_000_000)).to_string();
    let shown = minute.trim_end_matches(":00Z").replace('T', " ");
    html! { time datetime=(minute) { (shown) " UTC" } }
}

/// A time, to the second.
pub(super) fn exact_time(nanos: i64) -> Markup {
    let second = Ts(nanos - nanos.rem_euclid(1_000_000_000)).to_string();
    let shown = second.trim_end_matches('Z').replace('T', " ");
    html! { time datetime=(second) { (shown) " UTC" } }
}

/// A time that may not be there.
pub(super) fn time_or(nanos: Option<i64>, otherwise: &str) -> Markup {
    html! { @match nanos { Some(nanos) => (time(nanos)), None => (otherwise) } }
}

/// The beginning of a day, `2026-11-29`, in UTC.
pub(super) fn day(text: &str) -> Option<i64> {
    let at = Ts::parse(&format!("{text}T00:00:00Z")).ok()?;
    (text.len() == 10).then_some(at.0)
}

/// A cell of a table, with the words of its column for where there is no room for columns.
pub(super) fn cell(label: &str, content: &Markup) -> Markup {
    html! { td data-label=(label) { (content) } }
}

/// The items of a page of a list, and where the next page begins, if there is one.
pub(super) fn part<T>(mut rows: Vec<T>, id: impl Fn(&T) -> &str) -> (Vec<T>, Option<String>) {
    let more = rows.len() > ROWS;
    rows.truncate(ROWS);
    let last = rows.last().filter(|_| more);
    let next = last.map(|row| id(row).to_owned());
    (rows, next)
}

/// The way to the next page of a list.
pub(super) fn next_page(path: &str, query: &[(&str, &str)], after: Option<&str>) -> Markup {
    let with = after.map(|after| {
        let mut pairs: Vec<_> = query.to_vec();
        pairs.push(("after", after));
        LocalPath::with_query(path, &pairs)
    });
    html! {
        @if let Some(path) = with {
            nav.pages aria-label="Pages of the list" { a.button.quiet href=(path) { "Next page" } }
        }
    }
}

/// A program's or browser's words of itself, in short: `Firefox on Linux`.
pub(super) fn device(agent: &str) -> String {
    let first = |names: &[(&str, &'static str)]| {
        let found = names.iter().find(|(mark, _)| agent.contains(mark));
        found.map(|(_, name)| *name)
    };
    // Each names those before it too.
    let browser = first(&[
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ]);
    let system = first(&[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        (None, _) if agent.is_empty() => "Unknown device".to_owned(),
        (None, _) => agent.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_to_the_minute_and_read_as_a_day() {
        let shown = time(1_700_000_000_000_000_000).into_string();
        assert_eq!(
            shown,
            r#"<time datetime="2023-11-14T22:13:00Z">2023-11-14 22:13 UTC</time>"#
        );
        assert_eq!(day("2023-11-14"), Some(1_699_920_000_000_000_000));
        let shown = exact_time(1_700_000_000_987_654_321).into_string();
        assert_eq!(
            shown,
            r#"<time datetime="2023-11-14T22:13:20Z">2023-11-14 22:13:20 UTC</time>"#
        );
        for text in ["", "14.11.2023", "2023-02-30", "2023-11-14T01:00:00Z"] {
            assert_eq!(day(text), None, "{text}");
        }
    }

    #[test]
    fn a_browser_is_told_in_a_few_words() {
        let edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0";
        assert_eq!(device(edge), "Edge on Windows");
        let phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1";
        assert_eq!(device(phone), "Safari on iPhone");
        assert_eq!(device("curl/8.5.0"), "curl/8.5.0");
        assert_eq!(device(""), "Unknown device");
    }
}
