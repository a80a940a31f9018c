//! Asking an audit log: which entries there are of somebody, on something, of a time.

use super::{AuditEntry, AuditOutcome, stored};
use crate::Result;
use crate::database::Database;
use tickloom_types::Ts;

/// What all of them have to match, but for their order: a text that is empty matches everything.
macro_rules! matching {
    ($order:literal) => {
        concat!(
            "SELECT position, at, actor, request, action, resource, outcome, detail, previous, hash FROM audit \
            WHERE position > $1 AND position < $10 AND at >= $2 AND at < $3 \
            AND ($4 = '' OR actor = $4 OR resource = $4 OR substr(resource, 1, length($4) + 1) = $4 || '/') \
            AND ($5 = '' OR action = $5) \
            AND ($6 = '' OR resource = $6 OR substr(resource, 1, length($6) + 1) = $6 || '/') \
            AND ($7 = '' OR resource LIKE $7 ESCAPE '!' OR detail LIKE $7 ESCAPE '!') \
            AND ($8 = '' OR outcome = $8) ORDER BY position ",
            $order,
            " LIMIT $9"
        )
    };
}

const MATCHING: &str = matching!("ASC");
const MATCHING_NEWEST_FIRST: &str = matching!("DESC");

/// Every statement of this file.
pub(crate) const STATEMENTS: &[&str] = &[MATCHING, MATCHING_NEWEST_FIRST];

/// Which entries are asked for. What is left out matches all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Who did it, or to whom it was done: a kind and an id, `account/usr_…`.
    pub party: Option<String>,
    /// What was done.
    pub action: Option<String>,
    /// On what: a kind and an id, with all that is below; or a kind.
    pub resource: Option<String>,
    /// An id that the entry has somewhere in what it was on or in what else there is to know: of a key, a session, a grant.
    pub id: Option<String>,
    /// How it came out.
    pub outcome: Option<AuditOutcome>,
    /// From when on.
    pub from: Option<Ts>,
    /// Until before when.
    pub to: Option<Ts>,
}

/// Which part of a log is asked for, and from which end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditPart {
    /// Entries with positions above this one.
    pub after: i64,
    /// Entries with positions below this one, the newest first; without it all there are, in order.
    pub before: Option<i64>,
}

/// At most `limit` entries of a part that match. It reads as far as it has to: all of the part, if few match.
///
/// # Errors
/// [`crate::ChassisError::Database`].
pub async fn matching_audit(
    database: &Database,
    filter: &AuditFilter,
    part: AuditPart,
    limit: i64,
) -> Result<Vec<AuditEntry>> {
    let statement = match part.before {
        None => MATCHING,
        Some(_) => MATCHING_NEWEST_FIRST,
    };
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let rows = sqlx::query(statement)
        .bind(part.after)
        .bind(filter.from.map_or(i64::MIN, |at| at.0))
        .bind(filter.to.map_or(i64::MAX, |at| at.0))
        .bind(text(&filter.party))
        .bind(text(&filter.action))
        .bind(text(&filter.resource))
        .bind(filter.id.as_deref().map(containing).unwrap_or_default())
        .bind(filter.outcome.map_or("", AuditOutcome::name))
        .bind(limit)
        .bind(part.before.unwrap_or(i64::MAX));
    let rows = rows.fetch_all(database.reader()).await?;
    rows.iter().map(stored).collect()
}

/// The pattern of texts that have this one in them.
fn containing(text: &str) -> String {
    let plain = text
        .replace('!', "!!")
        .replace('%', "!%")
        .replace('_', "!_");
    format!("%{plain}%")
}
