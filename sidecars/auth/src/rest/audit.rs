//! Who did what, over HTTP: the audit log, asked.

use super::{Problems, ReadAudit, VerifyAudit};
use crate::Auth;
use crate::origin::Opener;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tickloom_chassis::{
    Allowed, Answer, Answered, AuditEntry, AuditFilter, AuditOutcome, AuditPart, ChassisError,
    Idempotent, Job, Page, PageQuery, Problem, ProblemCode, RequestOrigin, matching_audit,
};
use tickloom_types::Ts;
use utoipa::{IntoParams, ToSchema};

/// Which entries are asked for.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditQuery {
    /// The `next` of the page before, of a list in the same order: what follows it. From the beginning if it is left out or empty.
    #[param(pattern = r"^[^\x00]*$", max_length = 1024)]
    after: Option<String>,
    /// At most so many; 100 if it is left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `oldest` first, which is so if it is left out, or `newest` first.
    #[param(pattern = r"^(oldest|newest)$")]
    order: Option<String>,
    /// What an account did and what was done to it: its id.
    #[param(pattern = r"^[^\x00]*$")]
    account: Option<String>,
    /// What was done: `sign_in`, `key_created`, as entries have it.
    #[param(pattern = r"^[^\x00]*$")]
    action: Option<String>,
    /// On what, with all that is below it: `organisation/org_…`, or a kind, `client`.
    #[param(pattern = r"^[^\x00]*$")]
    resource: Option<String>,
    /// An id of something else that the entry names: of a key, a session, a grant, an application.
    #[param(pattern = r"^[^\x00]*$")]
    id: Option<String>,
    /// `done` or `refused`.
    #[param(pattern = r"^(done|refused)$")]
    outcome: Option<String>,
    /// From when on, in nanoseconds since the epoch.
    from: Option<i64>,
    /// Until before when, in nanoseconds since the epoch.
    to: Option<i64>,
}

/// An entry, and what of it can be read beside it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReadEntry {
    /// Number in the log of the service, from one, without gaps.
    position: i64,
    /// When, in nanoseconds since the epoch.
    at: i64,
    /// Who, as a kind and an id.
    actor: String,
    /// The request that it was part of.
    request: String,
    /// What was tried.
    action: String,
    /// On what.
    resource: String,
    /// How it came out: `done` or `refused`.
    outcome: String,
    /// What else there is to know.
    detail: String,
    /// Hash of the entry before, 64 lower-case hexadecimal digits; zeros before the first.
    previous: String,
    /// Hash of this entry, which has the one before in it.
    hash: String,
    /// From where it was done; null for programs on the machine of the service, and once the person of it is deleted.
    address: Option<String>,
}

impl ReadEntry {
    fn new(entry: AuditEntry, address: Option<String>) -> ReadEntry {
        ReadEntry {
            position: entry.position,
            at: entry.at,
            actor: entry.actor,
            request: entry.request,
            action: entry.action,
            resource: entry.resource,
            outcome: entry.outcome,
            detail: entry.detail,
            previous: entry.previous,
            hash: entry.hash,
            address,
        }
    }
}

impl AuditQuery {
    fn filter(&self) -> Result<AuditFilter, Problem> {
        let wrong = |detail: &str| Problem::new(ProblemCode::BadRequest, detail);
        let texts = [&self.account, &self.action, &self.resource, &self.id];
        if texts.into_iter().flatten().any(|text| text.contains('\0')) {
            return Err(wrong("a filter has a NUL"));
        }
        let outcome = match self.outcome.as_deref() {
            None => None,
            Some("done") => Some(AuditOutcome::Done),
            Some("refused") => Some(AuditOutcome::Refused),
            Some(_) => return Err(wrong("`outcome` is neither `done` nor `refused`")),
        };
        Ok(AuditFilter {
            party: self.account.as_ref().map(|id| format!("account/{id}")),
            action: self.action.clone(),
            resource: self.resource.clone(),
            id: self.id.clone(),
            outcome,
            from: self.from.map(Ts),
            to: self.to.map(Ts),
        })
    }

    /// The page as it would be asked for without filters.
    fn page(&self) -> Result<PageQuery, Problem> {
        let page = PageQuery {
            after: self.after.clone(),
            limit: self.limit,
        };
        page.checked()
    }

    /// What of the log is before or after the page, in its order.
    fn part(&self, page: &PageQuery) -> Result<AuditPart, Problem> {
        let place = page.after_number()?;
        match self.order.as_deref() {
            None | Some("oldest") => Ok(AuditPart {
                after: place,
                before: None,
            }),
            Some("newest") => Ok(AuditPart {
                after: -1,
                before: Some(if place < 0 { i64::MAX } else { place }),
            }),
            Some(_) => {
                let detail = "`order` is neither `oldest` nor `newest`";
                Err(Problem::new(ProblemCode::BadRequest, detail))
            }
        }
    }
}

/// Who did what: entries in order, or the newest first. What matches a filter is no chain by itself: an export is what
/// can be verified.
#[utoipa::path(get, path = "/v1/audit", tag = "auth", params(AuditQuery),
    responses((status = 200, body = Page<ReadEntry>), Problems))]
pub(super) async fn list_audit(
    State(auth): State<Arc<Auth>>,
    _: Allowed<ReadAudit>,
    query: Result<Query<AuditQuery>, QueryRejection>,
) -> Result<Json<Page<ReadEntry>>, Problem> {
    let wrong = |error: QueryRejection| Problem::new(ProblemCode::BadRequest, error.body_text());
    let Query(query) = query.map_err(wrong)?;
    let (filter, page) = (query.filter()?, query.page()?);
    let part = query.part(&page)?;
    let found = matching_audit(&auth.database, &filter, part, page.rows()).await?;
    let page = page.page(found, |entry| entry.position.to_string());
    let mut items = Vec::new();
    let at = auth.database.reader().acquire().await;
    let mut at = at.map_err(ChassisError::from)?;
    let mut opener = Opener::default();
    for entry in page.items {
        let address = opener.open(&mut at, &entry).await?;
        items.push(ReadEntry::new(entry, address));
    }
    let (next, more) = (page.next, page.more);
    Ok(Json(Page { items, next, more }))
}

/// Begins to verify the audit log as it is now. The job's `result` says whether it is `whole`, and up to which entry (`position`, `hash`);
/// of one that is not what is wrong with the next (`fault`).
#[utoipa::path(post, path = "/v1/audit/verifications", tag = "auth", params(Idempotent),
    responses((status = 202, body = Job, description = "`Location` says where the job is"), Problems))]
pub(super) async fn verify_audit_log(
    State(auth): State<Arc<Auth>>,
    allowed: Allowed<VerifyAudit>,
    request: RequestOrigin,
    sent: Idempotent,
) -> Result<Answered, Problem> {
    let by = auth.by(&allowed.subject, &request);
    let done = auth.run(&allowed, &sent, async |write| {
        let job = auth.verify_audit_log(write, &by).await?;
        let place = format!("/auth/v1/jobs/{}", job.id);
        Answer::json(StatusCode::ACCEPTED, &job)?.with_location(&place)
    });
    done.await
}
