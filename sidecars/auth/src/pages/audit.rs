//! Who did what, the newest first: asked by who, what, on what and when; with names in the place of ids.

mod names;

use super::{Answer, views};
use crate::Auth;
use crate::origin::{FROM, Opener};
use crate::rest::ReadAudit;
use axum::extract::{Query, State};
use maud::{Markup, html};
use names::{Names, words};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use tickloom_chassis::console::{Field, LocalPath, Page, PageAllowed};
use tickloom_chassis::{
    AuditEntry, AuditFilter, AuditOutcome, AuditPart, ChassisError, Problem, matching_audit,
};
use tickloom_types::Ts;

pub(super) const PATH: &str = "/console/auth/audit";
/// Entries of a page.
const ENTRIES: usize = 50;
const DAY_NS: i64 = 86_400_000_000_000;

/// Which entries are asked for, in the words of whoever asks.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    /// A name, an e-mail address or an id.
    account: Option<String>,
    action: Option<String>,
    resource: Option<String>,
    id: Option<String>,
    outcome: Option<String>,
    /// The first day.
    from: Option<String>,
    /// The last day.
    to: Option<String>,
    /// Entries before this position.
    before: Option<i64>,
    /// Entries after this position.
    after: Option<i64>,
}

/// What a page shows.
struct Shown {
    entries: Vec<AuditEntry>,
    addresses: BTreeMap<i64, String>,
    has_newer: bool,
    has_older: bool,
}

fn filled(text: Option<&String>) -> Option<&str> {
    let text = text?.trim();
    (!text.is_empty()).then_some(text)
}

impl Asked {
    /// The fields that were filled in, by name.
    fn fields(&self) -> Vec<(&'static str, &str)> {
        let all = [
            ("account", &self.account),
            ("action", &self.action),
            ("resource", &self.resource),
            ("id", &self.id),
            ("outcome", &self.outcome),
            ("from", &self.from),
            ("to", &self.to),
        ];
        let filled = all
            .into_iter()
            .map(|(name, text)| (name, filled(text.as_ref())));
        filled
            .filter_map(|(name, text)| Some((name, text?)))
            .collect()
    }

    /// What is to be matched, or what of it means nothing.
    async fn filter(&self, auth: &Auth) -> Result<Result<AuditFilter, &'static str>, Problem> {
        let day = |text: Option<&String>| filled(text).map(views::day);
        let (from, to) = (day(self.from.as_ref()), day(self.to.as_ref()));
        if from == Some(None) || to == Some(None) {
            return Ok(Err("A day is written as 2027-01-31."));
        }
        let account = match filled(self.account.as_ref()) {
            None => None,
            Some(text) => match names::account(auth.database.reader(), text).await? {
                Some(id) => Some(id),
                None => return Ok(Err("No account has this name, e-mail address or id.")),
            },
        };
        let text = |text: &Option<String>| filled(text.as_ref()).map(str::to_owned);
        let is_refused = self.outcome.as_deref() == Some(AuditOutcome::Refused.name());
        Ok(Ok(AuditFilter {
            party: account.map(|id| format!("account/{id}")),
            action: text(&self.action).map(|text| text.to_lowercase().replace(' ', "_")),
            resource: text(&self.resource),
            id: text(&self.id),
            outcome: is_refused.then_some(AuditOutcome::Refused),
            from: from.flatten().map(Ts),
            to: to.flatten().map(|at| Ts(at.saturating_add(DAY_NS))),
        }))
    }
}

pub(super) async fn list(
    State(auth): State<Arc<Auth>>,
    page: PageAllowed<ReadAudit>,
    Query(asked): Query<Asked>,
) -> Answer {
    let (shown, wrong) = match asked.filter(&auth).await? {
        Ok(filter) => (Some(look(&auth, &asked, &filter).await?), None),
        Err(words) => (None, Some(words)),
    };
    let at = auth.database.reader().acquire().await;
    let mut at = at.map_err(ChassisError::from)?;
    let mut names = Names::default();
    for entry in shown.iter().flat_map(|shown| &shown.entries) {
        names.read(&mut at, entry).await?;
    }
    let body = html! {
        p.quiet-text { "Each entry has the hash of the one before in its own: " code { "tickloom admin audit export" } " and "
            code { "tickloom admin audit verify" } " say whether any is missing or was changed." }
        (filters(&asked))
        @if let Some(words) = wrong { p.notice role="status" { (words) } }
        @if let Some(shown) = &shown {
            @if shown.entries.is_empty() { p role="status" { "There is none." } }
            @else { (table(shown, &names)) }
            (ways(&asked, shown))
        }
    };
    Ok(Page::new("Audit log", body).respond(&page.visitor))
}

/// The entries of a page.
async fn look(auth: &Auth, asked: &Asked, filter: &AuditFilter) -> Result<Shown, Problem> {
    let is_after = asked.before.is_none() && asked.after.is_some();
    let part = AuditPart {
        after: asked.after.filter(|_| is_after).unwrap_or(-1),
        before: (!is_after).then(|| asked.before.unwrap_or(i64::MAX)),
    };
    let rows = i64::try_from(ENTRIES).unwrap_or(i64::MAX) + 1;
    let mut entries = matching_audit(&auth.database, filter, part, rows).await?;
    let more = entries.len() > ENTRIES;
    entries.truncate(ENTRIES);
    if is_after {
        entries.reverse();
    }
    let at = auth.database.reader().acquire().await;
    let mut at = at.map_err(ChassisError::from)?;
    let (mut opener, mut addresses) = (Opener::default(), BTreeMap::new());
    for entry in &entries {
        if let Some(address) = opener.open(&mut at, entry).await? {
            addresses.insert(entry.position, address);
        }
    }
    Ok(Shown {
        entries,
        addresses,
        has_newer: if is_after {
            more
        } else {
            asked.before.is_some()
        },
        has_older: is_after || more,
    })
}

/// What may be asked: it changes nothing, so that it is a form of GET.
fn filters(asked: &Asked) -> Markup {
    let value = |text: &Option<String>| text.clone().unwrap_or_default();
    let field = |name, label, value: String, hint| {
        html! { (Field { name, label, value: &value, hint, autocomplete: "off", is_optional: true, ..Field::default() }) }
    };
    let date = |name, label, value: String| {
        html! { (Field { name, label, kind: "date", value: &value, autocomplete: "off", is_optional: true, ..Field::default() }) }
    };
    let is_refused = asked.outcome.as_deref() == Some(AuditOutcome::Refused.name());
    html! {
        details.filters open[!asked.fields().is_empty()] {
            summary { "Find entries" }
            form method="get" action=(PATH) role="search" {
                (field("account", "Account", value(&asked.account), "Who did it, or to whom it was done: a name, an e-mail address or an id."))
                (field("action", "What was done", value(&asked.action), "As entries say it: sign in, key created."))
                (field("resource", "On what", value(&asked.resource), "A kind such as organisation, or one thing with all below it: organisation/org_…"))
                (field("id", "Id of something in it", value(&asked.id), "Of a key, a session, a grant or an application."))
                (date("from", "From the day", value(&asked.from)))
                (date("to", "To the day", value(&asked.to)))
                div.choice {
                    input #outcome type="checkbox" name="outcome" value="refused" checked[is_refused];
                    label for="outcome" { "Only what was refused" }
                }
                div.actions {
                    button.button.quiet type="submit" { "Find" }
                    @if !asked.fields().is_empty() { a href=(PATH) { "All entries" } }
                }
            }
        }
    }
}

fn table(shown: &Shown, names: &Names) -> Markup {
    html! {
        table {
            thead { tr { th scope="col" { "When" } th scope="col" { "Who" } th scope="col" { "Did what" } th scope="col" { "On what" } th scope="col" { "More" } } }
            tbody {
                @for entry in &shown.entries {
                    tr {
                        (views::cell("When", &views::exact_time(entry.at)))
                        (views::cell("Who", &names.actor(&entry.actor)))
                        (views::cell("Did what", &html! {
                            (words(&entry.action))
                            @if entry.outcome != AuditOutcome::Done.name() { " " strong.tag { "refused" } }
                        }))
                        (views::cell("On what", &names.resource(&entry.resource)))
                        (views::cell("More", &more(entry, shown.addresses.get(&entry.position), names)))
                    }
                }
            }
        }
    }
}

/// What else there is to know of an entry.
fn more(entry: &AuditEntry, address: Option<&String>, names: &Names) -> Markup {
    let detail = match serde_json::from_str(&entry.detail) {
        Ok(Value::Object(detail)) => detail,
        _ => serde_json::Map::new(),
    };
    let same_action = LocalPath::with_query(PATH, &[("action", &entry.action)]);
    let about = entry
        .resource
        .splitn(3, '/')
        .take(2)
        .collect::<Vec<_>>()
        .join("/");
    let same_thing = LocalPath::with_query(PATH, &[("resource", &about)]);
    html! {
        details {
            summary { "No. " (entry.position) }
            dl.facts {
                @if let Some(address) = address { dt { "From" } dd { code { (address) } } }
                @for (name, value) in detail.iter().filter(|(name, _)| name.as_str() != FROM) {
                    dt { (words(name)) } dd { (names.value(name, value)) }
                }
                @if !entry.request.is_empty() { dt { "Request" } dd { code { (entry.request) } } }
                dt { "Resource" } dd { code { (entry.resource) } }
            }
            p { a href=(same_action) { "All of this kind" } @if !about.is_empty() { br; a href=(same_thing) { "All on this" } } }
        }
    }
}

/// The ways to newer and older entries.
fn ways(asked: &Asked, shown: &Shown) -> Markup {
    let to = |name: &'static str, position: i64| {
        let position = position.to_string();
        let mut pairs = asked.fields();
        pairs.push((name, &position));
        LocalPath::with_query(PATH, &pairs)
    };
    let first = shown.entries.first().map(|entry| entry.position);
    let last = shown.entries.last().map(|entry| entry.position);
    html! {
        nav.pages aria-label="Pages of the log" {
            @if let Some(first) = first.filter(|_| shown.has_newer) { a.button.quiet href=(to("after", first)) { "Newer" } }
            @if let Some(last) = last.filter(|_| shown.has_older) { a.button.quiet href=(to("before", last)) { "Older" } }
        }
    }
}
