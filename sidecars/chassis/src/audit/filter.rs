//! Asking an audit log: which entries there are of somebody, on something, of a time.

use super::{AuditEntry, AuditOutcome, stored};
use crate::Result;
use crate::database::Database;
use tickloom_types::Ts;

/// What all of them have to match, but for action, outcome and order: a text that is empty matches everything. Texts are compared as they
/// are written, on both engines: `LIKE` is not.
macro_rules! matching {
    ($action:literal, $outcome:literal, $order:literal) => {
        concat!(
            "SELECT position, at, actor, request, action, resource, outcome, detail, previous, hash FROM audit \
            WHERE position > $1 AND position < $10 AND at >= $2 AND at < $3 \
            AND ($4 = '' OR actor = $4 OR resource = $4 OR substr(resource, 1, length($4) + 1) = $4 || '/') \
            AND ",
            $action,
            " AND ($6 = '' OR resource = $6 OR substr(resource, 1, length($6) + 1) = $6 || '/') \
            AND ($7 = '' OR replace(resource, $7, '') <> resource OR replace(detail, $7, '') <> detail) \
            AND ",
            $outcome,
            " ORDER BY position ",
            $order,
            " LIMIT $9"
        )
    };
}

/// Those in order, and the newest first.
type BothWays = [&'static str; 2];

/// Of any action and outcome.
const MATCHING: BothWays = [
    matching!("$5 = ''", "$8 = ''", "ASC"),
    matching!("$5 = ''", "$8 = ''", "DESC"),
];
/// Of one action, which an index finds: an engine does not see through `$5 = '' OR action = $5`.
const OF_ACTION: BothWays = [
    matching!("action = $5", "($8 = '' OR outcome = $8)", "ASC"),
    matching!("action = $5", "($8 = '' OR outcome = $8)", "DESC"),
];
/// Of one outcome and any action, which an index finds.
const OF_OUTCOME: BothWays = [
    matching!("$5 = ''", "outcome = $8", "ASC"),
    matching!("$5 = ''", "outcome = $8", "DESC"),
];

/// Every statement of this file.
pub(crate) const STATEMENTS: &[&str] = &[
    MATCHING[0],
    MATCHING[1],
    OF_ACTION[0],
    OF_ACTION[1],
    OF_OUTCOME[0],
    OF_OUTCOME[1],
];

/// Which entries are asked for. What is left out matches all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Who did it, or to whom it was done: a kind and an id, `account/usr_…`.
    pub party: Option<String>,
    /// What was done.
    pub action: Option<String>,
    /// On what: a kind and an id, with all that is below; or a kind.
    pub resource: Option<String>,
    /// An id that the entry has somewhere in what it was on or in what else there is to know, written exactly so: of a key, a session, a
    /// grant.
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

/// At most `limit` entries of a part that match. Those of one action or one outcome are found by an index; of these, or of all, it reads as
/// far as it has to: all of the part, if few match.
///
/// # Errors
/// [`crate::ChassisError::Database`].
pub async fn matching_audit(
    database: &Database,
    filter: &AuditFilter,
    part: AuditPart,
    limit: i64,
) -> Result<Vec<AuditEntry>> {
    let statement = statement(filter, part);
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let rows = sqlx::query(statement)
        .bind(part.after)
        .bind(filter.from.map_or(i64::MIN, |at| at.0))
        .bind(filter.to.map_or(i64::MAX, |at| at.0))
        .bind(text(&filter.party))
        .bind(text(&filter.action))
        .bind(text(&filter.resource))
        .bind(text(&filter.id))
        .bind(filter.outcome.map_or("", AuditOutcome::name))
        .bind(limit)
        .bind(part.before.unwrap_or(i64::MAX));
    let rows = rows.fetch_all(database.reader()).await?;
    rows.iter().map(stored).collect()
}

fn statement(filter: &AuditFilter, part: AuditPart) -> &'static str {
    let [in_order, newest_first] = match (&filter.action, filter.outcome) {
        (Some(action), _) if !action.is_empty() => OF_ACTION,
        (_, Some(_)) => OF_OUTCOME,
        _ => MATCHING,
    };
    match part.before {
        None => in_order,
        Some(_) => newest_first,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Place;
    use sqlx::Row;

    /// A log of 20,000 entries of 50 kinds, each hundredth of which is of something refused.
    async fn filled() -> (tempfile::TempDir, Database) {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::Folder(folder.path().to_owned());
        let database = Database::open(&place, "test", &[]).await.unwrap();
        let filled = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) \
            INSERT INTO audit SELECT i, i, 'account/usr_' || (i % 100), '', 'did_' || (i % 50), 'run/' || i, \
            CASE WHEN i % 100 = 0 THEN 'refused' ELSE 'done' END, '', '', '' FROM n";
        let mut write = database.write().await.unwrap();
        sqlx::query(filled)
            .execute(write.connection())
            .await
            .unwrap();
        write.commit().await.unwrap();
        (folder, database)
    }

    #[tokio::test]
    async fn one_kind_and_one_outcome_are_found_without_reading_others() {
        let (_folder, database) = filled().await;
        for (statements, index) in [
            (
                OF_ACTION,
                "audit_action (action=? AND position>? AND position<?)",
            ),
            (
                OF_OUTCOME,
                "audit_outcome (outcome=? AND position>? AND position<?)",
            ),
        ] {
            for statement in statements {
                let asked = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
                let asked = sqlx::query(asked)
                    .bind(0_i64)
                    .bind(i64::MIN)
                    .bind(i64::MAX)
                    .bind("")
                    .bind("did_7")
                    .bind("")
                    .bind("")
                    .bind("refused")
                    .bind(100_i64)
                    .bind(i64::MAX);
                let plan = asked.fetch_all(database.reader()).await.unwrap();
                let steps: Vec<String> = plan.iter().map(|row| row.get(3)).collect();
                // No step sorts: the index has them in order.
                assert_eq!(steps, [format!("SEARCH audit USING INDEX {index}")]);
            }
        }
        let newest = AuditPart {
            after: 0,
            before: Some(i64::MAX),
        };
        let of = |action: Option<&str>, outcome| AuditFilter {
            action: action.map(str::to_owned),
            outcome,
            ..AuditFilter::default()
        };
        for (filter, expected) in [
            (of(Some("did_7"), None), [19957, 19907]),
            (of(None, Some(AuditOutcome::Refused)), [20000, 19900]),
            (
                of(Some("did_0"), Some(AuditOutcome::Refused)),
                [20000, 19900],
            ),
            (of(None, None), [20000, 19999]),
        ] {
            let found = matching_audit(&database, &filter, newest, 2).await.unwrap();
            let positions: Vec<i64> = found.iter().map(|entry| entry.position).collect();
            assert_eq!(positions, expected, "{filter:?}");
        }
        // What is written otherwise is another id, on both engines.
        let id = |id: &str| AuditFilter {
            id: Some(id.to_owned()),
            ..AuditFilter::default()
        };
        for (filter, expected) in [
            (id("run/19999"), 1),
            (id("RUN/19999"), 0),
            (id("run_19999"), 0),
        ] {
            let found = matching_audit(&database, &filter, newest, 5).await.unwrap();
            assert_eq!(found.len(), expected, "{filter:?}");
        }
        database.close().await;
    }
}
