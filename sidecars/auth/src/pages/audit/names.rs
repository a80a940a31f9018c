//! What those are called that entries of the audit log name by their ids.

use crate::pages::{ACCOUNTS, views};
use crate::store;
use maud::{Markup, html};
use serde_json::Value;
use sqlx::{Any, AnyConnection, Pool};
use std::collections::HashMap;
use tickloom_chassis::{AuditEntry, ChassisError};

/// Names by what entries call them: `account/usr_…`. What is deleted has none.
#[derive(Default)]
pub(super) struct Names {
    known: HashMap<String, Option<String>>,
}

/// The account that somebody means with an id, an e-mail address or a name. Of several with a name it is that which has exactly this one,
/// or else the first.
pub(super) async fn account(at: &Pool<Any>, text: &str) -> Result<Option<String>, ChassisError> {
    if let Some(account) = store::account::by_id(at, text).await? {
        return Ok(Some(account.id));
    }
    let found = store::account::search(at, text, "", views::ROWS_ASKED).await?;
    let is_exact = |of: &str| of.to_lowercase() == text.to_lowercase();
    let exact = found
        .iter()
        .find(|account| is_exact(&account.name) || account.email.as_deref().is_some_and(is_exact));
    Ok(exact.or(found.first()).map(|account| account.id.clone()))
}

/// An action or the name of a member, in words: `key_created` is `Key created`.
pub(super) fn words(name: &str) -> String {
    let mut text = name.replace('_', " ");
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}

/// The kind and the id of a text such as `account/usr_…/keys/tlk_…`, and what is below.
fn parts(text: &str) -> Option<(&str, &str, &str)> {
    let (kind, rest) = text.split_once('/')?;
    let (id, below) = rest.split_once('/').unwrap_or((rest, ""));
    Some((kind, id, below))
}

impl Names {
    /// Reads what those are called that an entry names.
    pub(super) async fn read(
        &mut self,
        at: &mut AnyConnection,
        entry: &AuditEntry,
    ) -> Result<(), ChassisError> {
        let detail: Value = serde_json::from_str(&entry.detail).unwrap_or_default();
        let named = ["account", "organisation", "client"].map(|kind| {
            let id = detail[kind].as_str()?;
            Some(format!("{kind}/{id}"))
        });
        let own = [Some(entry.actor.clone()), Some(entry.resource.clone())];
        for text in own.into_iter().chain(named).flatten() {
            let Some((kind, id, _)) = parts(&text) else {
                continue;
            };
            let whole = format!("{kind}/{id}");
            if self.known.contains_key(&whole) {
                continue;
            }
            let name = name_of(at, (kind, id)).await?;
            self.known
                .insert(whole, name.filter(|name| !name.is_empty()));
        }
        Ok(())
    }

    /// Something by its name, with the way to it where it has a page; by its id where it has no name.
    fn called(&self, kind: &str, id: &str) -> Markup {
        let whole = format!("{kind}/{id}");
        let name = self.known.get(&whole).and_then(Option::as_ref);
        let is_account = kind == "account" && (id.starts_with("usr_") || id.starts_with("mch_"));
        html! {
            @match (name, is_account) {
                (Some(name), true) => a href={ (ACCOUNTS) "/" (id) } { (name) },
                (None, true) => a href={ (ACCOUNTS) "/" (id) } { code { (id) } },
                (Some(name), false) => (name),
                (None, false) => code { (whole) },
            }
        }
    }

    /// Who did something.
    pub(super) fn actor(&self, actor: &str) -> Markup {
        match (actor, parts(actor)) {
            ("anonymous", _) => html! { "Somebody" },
            ("operator", _) => html! { "The operator" },
            ("service/auth", _) => html! { "The service" },
            (_, Some((kind, id, _))) => self.called(kind, id),
            (_, None) => html! { code { (actor) } },
        }
    }

    /// On what something was done.
    pub(super) fn resource(&self, resource: &str) -> Markup {
        let Some((kind, id, below)) = parts(resource) else {
            return html! { @if resource.is_empty() { "–" } @else { code { (resource) } } };
        };
        // What is below is of one of many: `sessions/ses_…`.
        let of = below.split('/').next().unwrap_or("");
        let is_own_word = kind != "account";
        html! {
            @if is_own_word { (words(kind)) " " }
            (self.called(kind, id))
            @if !of.is_empty() { br; span.quiet-text { (words(of)) } }
        }
    }

    /// What a member of an entry's detail says.
    pub(super) fn value(&self, name: &str, value: &Value) -> Markup {
        match (name, value) {
            ("account" | "organisation" | "client", Value::String(id)) => self.called(name, id),
            ("since" | "expires", Value::Number(at)) => {
                views::exact_time(at.as_i64().unwrap_or_default())
            }
            ("expires", Value::Null) => html! { "Never" },
            (_, Value::String(text)) => html! { code { (text) } },
            (_, other) => html! { code { (other.to_string()) } },
        }
    }
}

async fn name_of(
    at: &mut AnyConnection,
    (kind, id): (&str, &str),
) -> Result<Option<String>, ChassisError> {
    Ok(match kind {
        "account" => store::account::by_id(at, id).await?.map(|one| one.name),
        "organisation" => store::organisation::by_id(at, id)
            .await?
            .map(|one| one.name),
        "client" => store::client::one(at, id)
            .await?
            .map(|one| one.settings.name),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_entry_names_is_told_in_words() {
        assert_eq!(words("key_created"), "Key created");
        assert_eq!(words(""), "");
        let mut names = Names::default();
        let ada = ("account/usr_1".to_owned(), Some("Ada <3".to_owned()));
        names.known.extend([
            ada,
            ("organisation/org_1".to_owned(), Some("Quants".to_owned())),
        ]);
        let link = r#"<a href="/console/auth/accounts/usr_1">Ada &lt;3</a>"#;
        assert_eq!(names.actor("account/usr_1").into_string(), link);
        assert_eq!(names.actor("anonymous").into_string(), "Somebody");
        assert_eq!(
            names.actor("client/cli_1").into_string(),
            "<code>client/cli_1</code>"
        );
        let sessions = format!(r#"{link}<br><span class="quiet-text">Sessions</span>"#);
        assert_eq!(
            names.resource("account/usr_1/sessions/ses_1").into_string(),
            sessions
        );
        assert_eq!(
            names.resource("organisation/org_1").into_string(),
            "Organisation Quants"
        );
        assert_eq!(names.resource("").into_string(), "–");
        assert_eq!(
            names.value("account", &Value::from("usr_1")).into_string(),
            link
        );
        assert_eq!(names.value("expires", &Value::Null).into_string(), "Never");
    }
}
