//! Work that takes long: started, and cancelled.

use crate::change::By;
use crate::{Auth, AuthError};
use tickloom_chassis::{
    AUDIT_VERIFICATION, AuditOutcome, Job, NewJob, Problem, ProblemCode, Write, cancel_job, job,
    start_job,
};

impl Auth {
    /// Begins to verify the audit log.
    ///
    /// # Errors
    /// [`ProblemCode::Refused`] if too many verifications wait.
    pub(crate) async fn verify_audit_log(
        &self,
        write: &mut Write,
        by: &By,
    ) -> Result<Job, AuthError> {
        let new = NewJob {
            kind: AUDIT_VERIFICATION,
            actor: by.actor.clone(),
            payload: String::new(),
            at: by.now,
        };
        let Some(job) = start_job(write, &new).await? else {
            let detail = "as many verifications wait as there may be";
            return Err(Problem::new(ProblemCode::Refused, detail).into());
        };
        let action = "audit_verification_started";
        by.audit(write, action, &resource(&job.id), AuditOutcome::Done)
            .await?;
        Ok(job)
    }

    /// Cancels a job.
    ///
    /// # Errors
    /// [`ProblemCode::NotFound`]; [`ProblemCode::Refused`] if it has ended.
    pub(crate) async fn cancel_job(
        &self,
        write: &mut Write,
        by: &By,
        id: &str,
    ) -> Result<Job, AuthError> {
        let is_cancelled = cancel_job(write, id, by.now).await?;
        let found = job(write.connection(), id).await?;
        let job = found.ok_or_else(|| unknown_job(id))?;
        if !is_cancelled {
            let detail = "the job has ended";
            return Err(Problem::new(ProblemCode::Refused, detail).into());
        }
        by.audit(write, "job_cancelled", &resource(id), AuditOutcome::Done)
            .await?;
        Ok(job)
    }
}

pub(crate) fn unknown_job(id: &str) -> Problem {
    Problem::new(ProblemCode::NotFound, format!("there is no job `{id}`"))
}

/// As what permissions and the audit log know it.
fn resource(id: &str) -> String {
    format!("job/{id}")
}
