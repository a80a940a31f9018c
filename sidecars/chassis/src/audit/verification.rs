//! Whether the audit log that is there is whole, as a job: of a long log that takes a while.

use super::{AUDIT, AuditFault, AuditHead, audit_after, follow};
use crate::event::counted;
use crate::job::{Job, JobFuture, JobHandler, JobStep, JobWork};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The kind of the job that verifies an audit log.
pub const AUDIT_VERIFICATION: &str = "audit_verification";

/// Does jobs of the kind [`AUDIT_VERIFICATION`], without a payload: every entry that was written when it began is as it was written, and
/// follows the one before. Its result says whether the log is `whole`, and up to where it is (`position`, `hash`); of one that is not what
/// is wrong with the next entry (`fault`).
#[derive(Clone, Copy, Debug, Default)]
pub struct AuditVerification;

/// Up to where it is whole, and how many entries were written when it began.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Verified {
    position: i64,
    hash: String,
    noted: i64,
}

impl JobHandler for AuditVerification {
    fn kind(&self) -> &'static str {
        AUDIT_VERIFICATION
    }

    fn step<'a>(&'a self, work: &'a mut JobWork, job: &'a Job) -> JobFuture<'a> {
        Box::pin(async move {
            if !job.payload.is_empty() {
                let why = "it has a payload, and takes none";
                return Ok(JobStep::Failed(why.to_owned()));
            }
            let database = work.database();
            let (head, noted) = if job.place.is_empty() {
                (AuditHead::start(), counted(database, AUDIT).await?)
            } else {
                let place: Verified = serde_json::from_str(&job.place)?;
                let Verified {
                    position,
                    hash,
                    noted,
                } = place;
                (AuditHead { position, hash }, noted)
            };
            let rows = work.portion().min(noted - head.position);
            let entries = audit_after(database, head.position, rows).await?;
            let found = entries.len();
            let (AuditHead { position, hash }, fault) = follow(head, &entries);
            let is_cut_off = found == 0 && position < noted;
            let fault = fault.or_else(|| {
                is_cut_off.then_some(AuditFault::Truncated {
                    found: position,
                    noted,
                })
            });
            let done = position;
            if let Some(fault) = fault {
                let fault = fault.to_string();
                tracing::warn!(position, fault, "the audit log is not whole");
                let result =
                    json!({"whole": false, "position": position, "hash": hash, "fault": fault});
                return Ok(JobStep::Done { done, result });
            }
            if position >= noted {
                let result = json!({"whole": true, "position": position, "hash": hash});
                return Ok(JobStep::Done { done, result });
            }
            let place = serde_json::to_string(&Verified {
                position,
                hash,
                noted,
            })?;
            let total = Some(noted);
            Ok(JobStep::More { place, done, total })
        })
    }
}
